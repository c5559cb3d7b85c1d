"""A crowd: the interval is found once for all that are as far, and found anew as the gateway teaches."""

from __future__ import annotations

import random

import pytest

from mjwatch._policy import pacing
from mjwatch._policy.crowd import Crowd
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.missing import Misses
from mjwatch._policy.pacing import Plane, Seen
from mjwatch._policy.state import Aside, State, phase
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status

NOW = 1_000_000.0
PLANE = Plane(watched=5_000, room=500)


def running(percent: int, changed_at: float | None = NOW) -> State:
    """Return a task as far as *percent*."""
    shared = phase(Status.IN_PROGRESS, "IN_PROGRESS", 3, percent, None, Action.IMAGINE, Mode.FAST)
    return State(seq=1, told_seq=1, phase=shared, changed_at=changed_at)


def one(state: State | None, number: int = 1, *, progress: bool = True) -> Seen:
    """Return a task of the crowd."""
    return Seen(str(number), Watch("", None, NOW - 30, None, wants_progress=progress), state)


def fresh() -> Crowd:
    """Return a crowd that knows nothing yet."""
    return Crowd(Pacing(), Lessons(), random.Random(0))


def test_the_interval_is_what_pacing_says() -> None:
    """No rule of its own."""
    subject = one(running(46))
    asked = pacing.next_look(subject, PLANE, NOW, Pacing(), Lessons(), random.Random(0)).seconds
    assert fresh().next_look(subject, PLANE, NOW) == asked


def test_tasks_that_are_as_far_share_it() -> None:
    """A thousand tasks at three percentages ask three times."""
    many = fresh()
    for number in range(1_000):
        many.next_look(one(running((15, 46, 93)[number % 3]), number), PLANE, NOW + number / 100_000)
    assert len(many._waits) == 3


@pytest.mark.parametrize(
    "other",
    [one(running(78)), one(running(46, NOW - 20)), one(running(46), progress=False)],
    ids=["percent", "age", "reader"],
)
def test_what_differs_is_asked_apart(other: Seen) -> None:
    """How far, for how long, and for whom."""
    many = fresh()
    assert many.next_look(one(running(46)), PLANE, NOW) != many.next_look(other, PLANE, NOW)


def test_it_is_found_anew_after_a_while() -> None:
    """What the gateway has taught meanwhile counts."""
    many = fresh()
    subject = one(running(93, NOW - 1))
    before = many.next_look(subject, PLANE, NOW)
    for number in range(20):
        terms = Watch(str(number), None, NOW - 400, None, wants_progress=True)
        many.lessons.forecast.saw(str(number), terms, running(93), NOW - 300)
        trail = many.lessons.forecast.trails.pop(str(number))
        many.lessons.forecast.learn(running(93), trail, NOW)
    assert many.next_look(subject, PLANE, NOW) == before
    assert many.next_look(one(running(93, NOW + 39)), PLANE, NOW + 40) > before


def test_a_doubted_or_unseen_one_is_asked_for_itself() -> None:
    """They are few, and in a hurry."""
    many = fresh()
    doubted = State(seq=1, phase=running(46).phase, changed_at=NOW, aside=Aside(misses=Misses(1, NOW)))
    assert many.next_look(one(None), PLANE, NOW) > 0
    assert many.next_look(one(doubted), PLANE, NOW) > 0
    assert not many._waits


def test_it_is_bounded() -> None:
    """Ages and percentages are the outside's."""
    many = fresh()
    for number in range(1_300):
        many.next_look(one(running(number % 100, NOW - 2.0 ** (number // 100))), PLANE, NOW)
        assert len(many._waits) <= 1024


def test_a_clock_that_runs_behind_is_no_trouble() -> None:
    """An age below nothing is none."""
    assert fresh().next_look(one(running(46, NOW + 5)), PLANE, NOW) > 0
