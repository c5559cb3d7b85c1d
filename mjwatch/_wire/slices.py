"""Bodies to raw slices: JSON is checked and cut here, but no task is decoded.

Content types are never trusted: new-api sends JSON as text/plain (protocol.md 0.15).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from mjwatch._wire.messages import Malformed

MOST: Final = 1000
"""Elements that are read of a list: 500 ids, each twice (new-api after a modal, protocol.md 0.5)."""
_NONE: Final = msgspec.Raw(b"")
# An array read as 1000 optional fields: what comes after them is skipped without an object for each, so that an
# 8 MiB reply of zeros costs no 300 MB.
_Array: Final = msgspec.defstruct(
    "_Array", [(f"item_{n}", msgspec.Raw, msgspec.field(default=_NONE)) for n in range(MOST)], array_like=True
)
_ARRAY: Final = msgspec.json.Decoder(_Array)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_LISTED: Final = 1 << 20
"""Up to this length a list is read as one, which costs a sixth less: half a million zeros then come to 30 MB."""
_WHOLE: Final = msgspec.json.Decoder(msgspec.Raw)
_Value = TypeVar("_Value")


def trim(body: bytes) -> bytes:
    """Return *body* without byte order mark and white space; empty, also where it says `null`."""
    bare = body.removeprefix(b"\xef\xbb\xbf").strip()
    return b"" if bare == b"null" else bare


def whole(body: bytes) -> msgspec.Raw:
    """
    Return the one JSON value in *body*.

    Raises:
        Malformed: it is no JSON, or no UTF-8.
    """
    try:
        body.decode()  # strict: msgspec does not look into what it skips
    except UnicodeDecodeError as error:
        raise Malformed(str(error)) from None
    return _decode(_WHOLE, body)


def many(body: bytes) -> tuple[msgspec.Raw, ...]:
    """
    Return the elements of the JSON array in *body*, at most `MOST`.

    Bad UTF-8 is left to the decoding of each element: one bad task must not spoil its batch.

    Raises:
        Malformed: it is no JSON array.
    """
    if len(body) <= _LISTED:
        return tuple(_decode(_LIST, body)[:MOST])
    pieces: tuple[msgspec.Raw, ...] = msgspec.structs.astuple(_decode(_ARRAY, body))
    return pieces[: bisect_left(pieces, True, key=lambda piece: piece is _NONE)]


def digests(pieces: Sequence[msgspec.Raw]) -> list[int]:
    """Return a hash of each raw value; in one sweep, for one by one costs half as much again."""
    return list(map(hash, map(bytes, pieces)))


def still_digests(pieces: Sequence[msgspec.Raw]) -> list[int]:
    """Return a hash of each raw value, which `?rand=<digits>` in it does not change."""
    return [_still_digest(body) for body in map(bytes, pieces)]


def _still_digest(body: bytes) -> int:
    first, *rest = body.split(_RAND)
    # Hashing the parts costs less than putting them together first.
    return hash((first, *[part.lstrip(_DIGITS) for part in rest])) if rest else hash(body)


_RAND: Final = b"?rand="
_DIGITS: Final = b"0123456789"


def _decode(decoder: msgspec.json.Decoder[_Value], body: bytes) -> _Value:
    try:
        return decoder.decode(body)
    except RecursionError as error:
        raise Malformed(str(error)) from None
    except msgspec.DecodeError as error:
        mended = _ESCAPE.sub(_mend, body) if len(body) <= _MENDABLE else body
        if mended == body:
            raise Malformed(str(error)) from None
    return _decode(decoder, mended)


_MENDABLE: Final = 1 << 20
"""Mending costs up to 50 ms per MiB, and 500 tasks are one."""
_ESCAPE: Final = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",  # any other escape, so that the second backslash of two begins none
    re.DOTALL,
)


def _mend(escape: re.Match[bytes]) -> bytes:
    r"""
    Replace half of a surrogate pair (`\ud83d`) by U+FFFD.

    A gateway that cuts a prompt inside an emoji and writes its JSON with JavaScript sends them, and one would spoil
    the whole batch: msgspec stops there, also where it only skips.
    """
    return rb"\ufffd" if escape["half"] else escape[0]
