"""What is around a task: a reply to its verdict and its raw slices, for each kind of request.

Errors are `verdicts`' business and come first; the slices stay raw.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mjwatch._wire import slices, verdicts
from mjwatch._wire.messages import Malformed, Opened, Reply, Verb
from mjwatch.errors import EXCERPT, excerpt
from mjwatch.observations import Verdict

_ABSENT: Final = msgspec.Raw(b"")


class _Peek(msgspec.Struct):
    """The keys that tell a task from other objects, and an envelope's. Raw, for anything may stand there."""

    id: msgspec.Raw = _ABSENT
    status: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


class _Seed(msgspec.Struct):
    result: str | int


_SEED: Final = msgspec.json.Decoder(_Seed)
_PEEK: Final = msgspec.json.Decoder(_Peek)


def open_task(reply: Reply) -> Opened:
    """Read a fetch reply: one slice, MISSING, or an error."""
    return _read(reply, Verb.LOOK) or _one(reply)


def open_tasks(reply: Reply, asked: int) -> Opened:
    """Read a list reply to a request with *asked* ids: its slices, MISSING where it knows none, or an error."""
    wrong = _read(reply, Verb.LOOK_MANY, asked)
    if wrong is not None:
        return wrong
    body = slices.trim(reply.body)
    # QuickRouter's documentation shows one object in the list's place (seed 003).
    if body.startswith(b"{"):
        return _one(reply)
    try:
        return Opened(Verdict.OK, slices.many(body), status=reply.status)
    except Malformed as error:
        return _corrupt(reply, str(error))


def open_wrapped(reply: Reply) -> Opened:
    """Read an enveloped fetch reply: the slice in `data`, MISSING where that is null, or an error."""
    wrong = _read(reply, Verb.LOOK)
    if wrong is not None:
        return wrong
    peeked = _peek(reply)
    if isinstance(peeked, Opened):
        return peeked
    data = peeked[0].data
    if data is _ABSENT:
        # A task without its envelope: resellers mix families (protocol.md, "Who is who").
        return _one(reply)
    if _is_nothing(data):
        return Opened(Verdict.MISSING, status=reply.status)
    return Opened(Verdict.OK, (data,), status=reply.status)


def open_seed(reply: Reply) -> tuple[Opened, str | None]:
    """Read an image-seed reply: `result` is the seed, as text or number."""
    wrong = _read(reply, Verb.SEED)
    if wrong is not None:
        return wrong, None
    try:
        seed = str(slices.whole(slices.trim(reply.body), _SEED)[0].result)
    except Malformed:
        return _corrupt(reply, "no seed in it"), None
    if not seed or not seed.isprintable() or len(seed) > 128:
        return _corrupt(reply, "no seed in it"), None
    return Opened(Verdict.OK, status=reply.status), seed


def open_done(reply: Reply) -> Opened:
    """Read a reply that carries no task: what is no error is done (cancel answers 200 and nothing)."""
    return verdicts.judge(reply, Verb.IMAGE) or Opened(Verdict.OK, status=reply.status)


def _read(reply: Reply, verb: Verb, asked: int = 1) -> Opened | None:
    wrong = verdicts.judge(reply, verb, asked)
    if wrong is not None:
        return wrong
    # A says 200 and nothing, B says 204, others `null` (protocol.md 0.3, 6).
    if reply.status == 204 or slices.trim(reply.body) == b"":
        return Opened(Verdict.MISSING, status=reply.status)
    return None


def _one(reply: Reply) -> Opened:
    peeked = _peek(reply)
    if isinstance(peeked, Opened):
        return peeked
    keys, whole = peeked
    if _is_nothing(keys.id) and _is_nothing(keys.status):
        return _corrupt(reply, "neither id nor status, so no task")
    return Opened(Verdict.OK, (whole,), status=reply.status)


def _peek(reply: Reply) -> tuple[_Peek, msgspec.Raw] | Opened:
    try:
        return slices.whole(slices.trim(reply.body), _PEEK)
    except Malformed as error:
        return _corrupt(reply, str(error))


def _is_nothing(value: msgspec.Raw) -> bool:
    return bytes(value) in {b"", b"null"}


def _corrupt(reply: Reply, why: str) -> Opened:
    words = reply.body[: 4 * EXCERPT].decode("utf-8", "replace")
    return Opened(Verdict.CORRUPT, detail=excerpt(f"{why}: {words}"), status=reply.status)
