"""Every hostile reply, through the whole library: a verdict, never a broken watch. See `oracle.check`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from mjwatch.gateways import DialectName
from mjwatch.tasks import check_task_id
from tests.hostile.bodies import BODIES
from tests.hostile.case import Case, by
from tests.hostile.fields import ENDS, GROUPS
from tests.hostile.frames import FRAMES
from tests.hostile.oracle import LARGE, MEMORY, STEP, check, memory_of, run

CASES: dict[str, Case] = BODIES | FRAMES
HEAVY = {name: case for name, case in CASES.items() if len(case.wire) > LARGE or "bomb" in name}
HEAVY |= GROUPS["buttons"] | GROUPS["addresses"]


def batched(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """Return *names* in parts: a watch for each of them would take a minute."""
    return [names[begin : begin + size] for begin in range(0, len(names), size)]


def live_through(cases: dict[str, Case], caplog: pytest.LogCaptureFixture, *, is_proven: bool) -> None:
    """Run *cases* in one watch, and check all that is promised but memory."""
    with caplog.at_level(logging.DEBUG):
        history, longest = run(cases, is_proven=is_proven)
        for _ in range(2):  # best of three: a machine has slow moments
            if longest > STEP:
                longest = min(longest, run(cases, is_proven=is_proven)[1])
    assert history.first == {name: case.amounts_to for name, case in cases.items()}
    check(history, caplog.records)
    assert longest <= STEP


LIGHT = batched([name for name in CASES if name not in HEAVY], 8)
ALONE = [[name] for name in CASES if name in HEAVY]


@pytest.mark.parametrize("names", [*ALONE, *LIGHT], ids=" ".join)
def test_a_hostile_reply_never_breaks_a_watch(names: Sequence[str], caplog: pytest.LogCaptureFixture) -> None:
    """Its verdict is the expected one; both watches end with one final event each, and nothing hostile is shown."""
    live_through({name: CASES[name] for name in names}, caplog, is_proven=True)


@pytest.mark.parametrize("names", LIGHT, ids=" ".join)
def test_a_hostile_beginning_is_raised_or_waited_for(
    names: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first useful answer: what stands is raised as its GatewayError, all else is an outage."""
    live_through({name: CASES[name] for name in names}, caplog, is_proven=False)


@pytest.mark.parametrize("is_proven", [False, True], ids=["from the start", "in the middle"])
@pytest.mark.parametrize("group", GROUPS)
def test_odd_fields_never_break_a_watch(
    group: str, caplog: pytest.LogCaptureFixture, *, is_proven: bool
) -> None:
    """Dozens of them, one look after the other: what is odd is left out, and the rest of the task is told."""
    live_through(GROUPS[group], caplog, is_proven=is_proven)


@pytest.mark.parametrize("name", ENDS)
def test_an_odd_end_is_an_end(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A task that ended is told once, whatever else its reply holds."""
    live_through({name: ENDS[name]}, caplog, is_proven=True)


@pytest.mark.parametrize("dialect", ["midjourney-proxy", "trueai"])
def test_other_families_are_no_weaker(dialect: DialectName, caplog: pytest.LogCaptureFixture) -> None:
    """The same replies, one after the other, as those of another family: the same verdicts."""
    live_through(by(dialect, CASES | GROUPS["all keys"] | GROUPS["ids"]), caplog, is_proven=True)


@pytest.mark.parametrize("name", HEAVY)
def test_a_hostile_reply_never_fills_the_memory(name: str) -> None:
    """Whatever it holds or becomes when it is unpacked: 32 MiB are enough for it."""
    assert memory_of(HEAVY[name]) <= MEMORY


HOSTILE_IDS = {
    "path": "../../v1/keys", "submit": "1/../../submit/imagine", "query": "1?ids=2", "fragment": "1#x", "encoded": "1%2f..",
    "double encoded": "%252e%252e", "crlf": "1\r\nmj-api-secret: x", "nul": "1\0", "escape": "\x1b]0;x\x07", "bidi": "\u202e1",
    "look-alike": "\u0430\u0441", "fullwidth": "\uff0e\uff0e", "digits": "\u0661\u0662", "10 kB": "1" * 10_000, "dots": "1..2",
    "dash first": "-1", "tilde first": "~root", "sql": "1' or '1'='1", "shell": "$(id)", "format": "{0}%n", "half a pair": "\ud800",
}  # fmt: skip


@pytest.mark.parametrize("bad", HOSTILE_IDS.values(), ids=HOSTILE_IDS)
def test_a_hostile_id_is_refused_in_printable_words(bad: str) -> None:
    """It stands in the message only so far as a terminal can bear it."""
    with pytest.raises(ValueError) as caught:
        check_task_id(bad)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_500
