"""JSON fields to values: one small total function for each kind of field, whatever the gateway put there.

What comes in may be anything, so it is `object` until it was looked at. What words mean is `words`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from mjwatch._wire import words
from mjwatch._wire.messages import Malformed
from mjwatch.tasks import Action, Button, FailureKind, Media, Mode, Status, check_task_id

PROSE: Final = 8192
"""How much of a prompt or a reason is kept, in characters (family B's reasons have up to 4000)."""
LINK: Final = 2048
"""How long an address may be: half an address is none, so longer ones are dropped."""
WORD: Final = 128
"""How much of a word is kept: a status, a seed, the note in place of a percentage."""
MOST: Final = 64
"""Buttons of a task, and pictures: no known one has more than 25."""


def task_id(value: object, asked: str | None) -> str:
    """
    Return an id as text; *asked* where the reply has none.

    Raises:
        Malformed: there is none, or one that no URL may carry.
    """
    # Numbers are ids too: the docs of new-api and ohmygpt show them (protocol.md 0.11).
    found = asked if value is None else loose_id(value)
    if found is None:
        raise Malformed("no id" if value is None else "an id that is none")
    return found


def loose_id(value: object) -> str | None:
    """Return an id as text, or None where it is none: a parent is only told, never asked for unchecked."""
    word = None if value is None else text(value, WORD + 1)
    if word is None:
        return None
    try:
        return check_task_id(word)
    except ValueError:
        return None


def text(value: object, most: int = PROSE) -> str | None:
    """Return *value* as text of at most *most* characters; absent is None, also where the gateway says ""."""
    if value is None:
        return None
    if isinstance(value, str):
        if len(value) > most:
            value = value[:most]
        # Half a surrogate pair would break every later encode.
        if not value.isascii():
            value = value.encode("utf-8", "replace").decode()
        return value if value and not value.isspace() else None
    # `state` and `seed` are numbers on some gateways; longer ones than 20 digits are nobody's.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    return None


PERCENTS: Final[dict[object, int]] = {f"{n}%": n for n in range(101)}
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.[0-9]{1,9})? ?%?", re.ASCII)


def progress(value: object) -> tuple[int | None, str | None]:
    """
    Return percent and note: "65%" is the rule; "", null, numbers and free text are on record.

    Family A puts "Waiting to start", "fast" or "paused" there (protocol.md 1.5), A and B "" on a failure (0.8),
    the gateways of protocol.md 6 numbers. What is out of range is no percentage, and as text it is a note.
    """
    if isinstance(value, str):
        known = PERCENTS.get(value)
        return (known, None) if known is not None else _odd_progress(value)
    # `0 <= nan` is False, so NaN ends here too.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return int(value), None
    return None, None


def _odd_progress(value: str) -> tuple[int | None, str | None]:
    note = (text(value, WORD) or "").strip()
    match = _PERCENT.fullmatch(note)
    if match and int(match[1]) <= 100:
        return int(match[1]), None
    return None, note or None


_DAWN: Final = 1e9
"""September 2001 in seconds: what is earlier is no instant of a task (0 is new-api's unknown, protocol.md 0.10)."""
_SECONDS_END: Final = 1e11
"""Below it a number is seconds (the year 5138), above milliseconds (1973): some forks leave out the 000."""
_END: Final = 253402300800.0
"""The year 10000: nothing can print what is later."""
_LAST: Final = _END * 1000
_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?", re.ASCII)


def instant(value: object) -> float | None:
    """Return an instant in epoch seconds; None for 0, null and whatever is no instant."""
    if isinstance(value, int) and _SECONDS_END <= value < _LAST:
        return value / 1000  # the rule, and no bool is that large
    if isinstance(value, str):
        return _instant_of_text(value.strip()[:WORD])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Comparing an int with a float never overflows, dividing would: so the bounds stand first.
    if _DAWN <= value < _SECONDS_END:
        return float(value)
    return value / 1000 if _SECONDS_END <= value < _LAST else None


def _instant_of_text(value: str) -> float | None:
    if _NUMBER.fullmatch(value):
        return instant(float(value))
    try:
        # "2025-06-20 06:54:32.303527+00:00": enqueue_time of mjdjourney's reply.
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Without a zone it is the server's wall clock (`displays` of family B): hours off, so it is nothing.
    if found.tzinfo is None:
        return None
    seconds = found.timestamp()
    return seconds if _DAWN <= seconds < _END else None


# The words as they are mostly spelled: a lookup, where `of` costs ten.
_STATUSES: Final[dict[str, tuple[Status, str]]] = {one.value: (one, one.value) for one in Status}
ACTIONS: Final[dict[str | None, Action]] = {
    **dict.fromkeys((None, ""), Action.UNKNOWN),
    **{one.value: one for one in Action},
}
_MODES: Final[dict[str | None, Mode]] = {one.value: one for one in Mode}


def status(value: object) -> tuple[Status, str]:
    """Return the status and the gateway's own word. Null is UNKNOWN, only "" is new-api's "not started"."""
    if isinstance(value, str):
        known = _STATUSES.get(value)
        if known is not None:
            return known
        word = text(value, WORD) or ""
        return words.status(word), word
    return Status.UNKNOWN, text(value, WORD) or ""


def action(value: object) -> Action:
    """Return the action; a docs placeholder such as "/** IMAGINE */..." (seed 000) is UNKNOWN."""
    word = text(value, WORD)
    return ACTIONS.get(word) or Action.of(word)


def mode(value: object, prompt: str | None) -> Mode:
    """Return the field `mode` (family B), else what the flags in *prompt* ask for."""
    found = Mode.UNKNOWN
    if value:
        word = text(value, WORD)
        found = _MODES.get(word) or Mode.of(word)
    return words.mode_of_prompt(prompt) if found is Mode.UNKNOWN and prompt else found


def failure_kind(state: Status, reason: str | None) -> FailureKind | None:
    """Return why it failed, None while it has not (new-api shows reasons of running tasks, protocol.md 4.5)."""
    if state is Status.CANCEL:
        return FailureKind.CANCELLED
    return words.failure(reason or "") if state is Status.FAILURE else None


def result_text(state: Status, kind: Action, final: str | None, prompt: str | None) -> str | None:
    """
    Return the text that a describe or shorten came to.

    Describe writes it over the prompt as well (protocol.md 2), shorten keeps its prompt there.
    """
    if state is not Status.SUCCESS or not kind.is_text:
        return None
    return final or (prompt if kind is Action.DESCRIBE else None)


_PLAIN: Final = re.compile(r"https?://[A-Za-z0-9][!-Z\\^-~]*", re.ASCII)  # brackets are looked at closely
_NO_HOST: Final = frozenset({"", "/", "?", "#", ":", "@"})


def url(value: object, hosts: Mapping[str, str]) -> str | None:
    """
    Return an absolute http(s) address, its host replaced by *hosts*, or None.

    A relative one is dropped: nothing here knows the gateway, and half an address is no result. So are "string"
    (schema docs), and addresses with spaces, control characters or no host.
    """
    if value is None:
        return None
    if not hosts and isinstance(value, str) and len(value) <= LINK and _PLAIN.fullmatch(value):
        return value
    found = (text(value.strip(), LINK + 1) or "") if isinstance(value, str) else ""
    if not found[:8].lower().startswith(("http://", "https://")):
        return None
    if (
        len(found) > LINK
        or not found.isprintable()
        or " " in found
        or found[found.index("//") + 2 :][:1] in _NO_HOST
    ):
        return None
    return _rehosted(found, hosts)


def _rehosted(found: str, hosts: Mapping[str, str]) -> str | None:
    try:
        parts = urlsplit(found)
    except ValueError:  # "http://[": a bracket that opens no IPv6 address
        return None
    host = hosts.get(parts.hostname or "")
    return found if host is None else parts._replace(netloc=host).geturl()


def pixels(value: object) -> int | None:
    """Return a width or height; 0 is unknown."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < 100_000 else None


def media(value: object, hosts: Mapping[str, str]) -> tuple[Media, ...]:
    """Return results: objects with `url` and perhaps `thumbnail`, or bare addresses (geeknow allows both)."""
    return tuple(_media(value, hosts)) if isinstance(value, list) else ()


def videos(listed: object, single: object, hosts: Mapping[str, str]) -> tuple[Media, ...]:
    """Return the films: the listed ones, else the *single* one."""
    found = media(listed, hosts)
    return found if found or not single else media([single], hosts)


def _media(value: list[object], hosts: Mapping[str, str]) -> Iterator[Media]:
    for item in value[:MOST]:
        entry = item if isinstance(item, dict) else {"url": item}
        address = url(entry.get("url"), hosts)
        if address is not None:
            yield Media(address, url(entry.get("thumbnail"), hosts))


def images(
    value: object, main: str | None, state: Status, kind: Action, hosts: Mapping[str, str]
) -> tuple[Media, ...]:
    """
    Return the pictures: the listed ones, else the *main* one where it is a result.

    It is a preview until SUCCESS, the uploaded picture of a describe, and the first frame of a video.
    """
    listed = media(value, hosts)
    if listed or main is None or state is not Status.SUCCESS or kind.is_text or kind.is_video:
        return listed
    return (Media(main),)


def buttons(value: object) -> tuple[Button, ...]:
    """Return the buttons; null, [] and a missing key are all "none", malformed ones are left out."""
    return tuple(_buttons(value)) if value and isinstance(value, list) else ()


def _buttons(value: list[object]) -> Iterator[Button]:
    for item in value[:MOST]:
        entry = item if isinstance(item, dict) else {}
        custom_id = text(entry.get("customId"))
        # It goes back untouched when it is pressed, so a cut one would be a wrong one (Discord allows 100).
        if custom_id is not None and len(custom_id) <= 2 * WORD:
            kind, index = words.button(custom_id)
            yield Button(
                custom_id, text(entry.get("label"), WORD), text(entry.get("emoji"), WORD), kind, index
            )
