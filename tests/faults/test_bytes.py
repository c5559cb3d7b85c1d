"""Rows 8 and 9, byte by byte: no part of a reply and no flipped bit makes an event that is not there."""

from __future__ import annotations

import pytest

from mjwatch._runtime.reading import Asked, read
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Reply
from mjwatch.gateways import DialectName
from mjwatch.observations import Finding, Garbled, Missing, Observation, Verdict
from tests.watcher.stage import REPLIES

SINGLES: list[tuple[str, DialectName]] = [
    ("newapi-task-imagine-success-quickrouter.json", "new-api"),
    ("newapi-task-in-progress-geeknow.json", "new-api"),
    ("plus-task-describe-success-partial.json", "midjourney-proxy"),
    ("mjdjourney-video-task-completed.json", "enveloped"),
    ("novicezk-task-failure-timeout.json", "midjourney-proxy"),
]
LISTS: list[tuple[str, DialectName]] = [("trueai-list-by-ids-schema-huanwangai.json", "trueai")]
SEEDS = ("plus-image-seed-1.json", "newapi-image-seed-geeknow.json")


def body_of(name: str) -> bytes:
    """Return a recorded reply without the space around it."""
    return (REPLIES / name).read_bytes().strip()


def look(dialect: Dialect, body: bytes, ids: list[str], *, is_single: bool) -> dict[str, Finding] | Verdict:
    """Return what a reply of these bytes says about *ids*, or the verdict on it."""
    reply = Reply(200, body)
    opened = dialect.open_fetch(reply) if is_single else dialect.open_list(reply, len(ids))
    if opened.verdict is not Verdict.OK:
        return opened.verdict

    async def found() -> dict[str, Finding]:
        return await read(dialect, opened.slices, Asked.anew(ids), is_single=is_single)

    coroutine = found()
    try:
        coroutine.send(None)
    except StopIteration as done:
        findings: dict[str, Finding] = done.value
        return findings
    raise AssertionError("a short reply is read without waiting")


def ids_in(dialect: Dialect, body: bytes, *, is_single: bool) -> list[str]:
    """Return the ids of the tasks in a whole reply."""
    reply = Reply(200, body)
    opened = dialect.open_fetch(reply) if is_single else dialect.open_list(reply, 1)
    assert opened.verdict is Verdict.OK
    return [dialect.decode(piece).task.id for piece in opened.slices]


CASES = [(*one, True) for one in SINGLES] + [(*one, False) for one in LISTS]


@pytest.mark.parametrize(("name", "spoken", "is_single"), CASES)
def test_no_part_of_a_reply_says_anything(name: str, spoken: DialectName, *, is_single: bool) -> None:
    """Cut at every byte: corrupt, never a task and never a missing one. Only nothing at all is a miss."""
    dialect, body = make_dialect(spoken, {}), body_of(name)
    ids = ids_in(dialect, body, is_single=is_single)

    told = {look(dialect, body[:size], ids, is_single=is_single) for size in range(1, len(body))}

    assert told == {Verdict.CORRUPT}
    assert look(dialect, b"", ids, is_single=is_single) is Verdict.MISSING


@pytest.mark.parametrize("name", SEEDS)
def test_no_part_of_a_seed_is_a_seed(name: str) -> None:
    """Cut at every byte: a seed is whole or none."""
    dialect, body = make_dialect("midjourney-proxy", {}), body_of(name)

    told = {dialect.read_seed(Reply(200, body[:size]))[1] for size in range(len(body))}

    assert told == {None}
    assert dialect.read_seed(Reply(200, body))[1] is not None


@pytest.mark.parametrize(("name", "spoken", "is_single"), CASES)
@pytest.mark.parametrize("bit", [0, 3, 6])
def test_a_flipped_bit_touches_its_own_task_at_most(
    name: str, spoken: DialectName, bit: int, *, is_single: bool
) -> None:
    """One bit of each byte: a verdict or a finding about the ids that were asked for, never an exception."""
    dialect, body = make_dialect(spoken, {}), body_of(name)
    ids = ids_in(dialect, body, is_single=is_single)

    for place in range(len(body)):
        flipped = bytearray(body)
        flipped[place] ^= 1 << bit
        told = look(dialect, bytes(flipped), ids, is_single=is_single)

        if isinstance(told, Verdict):
            continue
        assert told.keys() <= set(ids)
        for task_id, finding in told.items():
            assert isinstance(finding, Observation | Missing | Garbled)
            assert not isinstance(finding, Observation) or finding.task.id == task_id
            # Where a name was hit, absence proves nothing: the task may be the one that cannot be named.
            assert not is_single or not isinstance(finding, Missing)
