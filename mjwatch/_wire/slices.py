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
_WHOLE_MOST: Final = 4 << 20
"""The cap of a single look. A list may be twice as long, but no list comes here, and to check text makes it four times larger."""
_Value = TypeVar("_Value")


def trim(body: bytes) -> bytes:
    """Return *body* without byte order mark and white space; empty, also where it says `null`."""
    bare = body.removeprefix(b"\xef\xbb\xbf").strip()
    return b"" if bare == b"null" else bare


def whole(body: bytes, decoder: msgspec.json.Decoder[_Value]) -> tuple[_Value, msgspec.Raw]:
    """
    Return the one JSON value in *body*, as *decoder* reads it and raw.

    Raises:
        Malformed: it is no JSON, no UTF-8, or longer than a single reply may be.
    """
    if len(body) > _WHOLE_MOST:
        raise Malformed("too long for one task")
    try:
        body.decode()  # strict: msgspec does not look into what it skips
    except UnicodeDecodeError as error:
        raise Malformed(str(error)) from None
    value, mended = _read(decoder, body)
    return value, msgspec.Raw(mended)


def many(body: bytes) -> tuple[msgspec.Raw, ...]:
    """
    Return the elements of the JSON array in *body*, at most `MOST`.

    Bad UTF-8 is left to the decoding of each element: one bad task must not spoil its batch.

    Raises:
        Malformed: it is no JSON array.
    """
    if len(body) <= _LISTED:
        return tuple(_read(_LIST, body)[0][:MOST])
    pieces: tuple[msgspec.Raw, ...] = msgspec.structs.astuple(_read(_ARRAY, body)[0])
    return pieces[: bisect_left(pieces, True, key=lambda piece: piece is _NONE)]


def digests(pieces: Sequence[msgspec.Raw]) -> list[int]:
    """Return a hash of each raw value; in one sweep, for one by one costs half as much again."""
    return list(map(_short, map(hash, map(bytes, pieces))))


def still_digests(pieces: Sequence[msgspec.Raw]) -> list[int]:
    """Return a hash of each raw value, which `?rand=<digits>` in it does not change."""
    return [_short(_still_digest(body)) for body in map(bytes, pieces)]


def _still_digest(body: bytes) -> int:
    first, *rest = body.split(_RAND, _RANDS)
    # Hashing the parts costs less than putting them together first.
    return hash((first, *[part.lstrip(_DIGITS) for part in rest])) if rest else hash(body)


_short: Final = ((1 << 60) - 1).__and__
"""Of a hash keep 60 bits: an int of more takes 48 bytes of each task, not 32."""
_RAND: Final = b"?rand="
_DIGITS: Final = b"0123456789"
_RANDS: Final = 64
"""So many addresses of a task are made still: a million of them would come to 40 MB."""


def _read(decoder: msgspec.json.Decoder[_Value], body: bytes) -> tuple[_Value, bytes]:
    """Return what *decoder* reads, and of what: *body*, mended if need be."""
    try:
        return decoder.decode(body), body
    except (msgspec.DecodeError, RecursionError) as error:
        why = str(error)
    mended = _mend(body) if len(body) <= _MENDABLE else body
    if mended == body:
        raise Malformed(why)
    try:
        return decoder.decode(mended), mended
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None


_MENDABLE: Final = 1 << 20
"""Mending costs up to 10 ms per MiB, and 500 tasks are one."""
_HALVES: Final = 10_000
"""So many are replaced in one go, for a gateway that sends more is not cutting prompts."""
_HALF: Final = re.compile(
    # A first half without its second, or a second without its first; both begin alike, which makes the search fast.
    rb"\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)
_BACKSLASH, _MARK = rb"\\", b"\0\0"


def _mend(body: bytes) -> bytes:
    r"""
    Replace each half of a surrogate pair (`\ud83d`) by U+FFFD.

    A gateway that cuts a prompt inside an emoji and writes its JSON with JavaScript sends them, and one would spoil
    the whole batch: msgspec stops there, also where it only skips.
    """
    if b"\0" in body:
        return body  # no JSON anyway, and its place is taken below
    # Of two backslashes the second begins no escape: they step aside meanwhile.
    aside = body.replace(_BACKSLASH, _MARK)
    return _HALF.sub(rb"\\ufffd", aside, count=_HALVES).replace(_MARK, _BACKSLASH)
