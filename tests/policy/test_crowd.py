"""A crowd: the interval is found once for all that are as far, and found anew as the gateway teaches."""

from __future__ import annotations

import random

import pytest

from mjwatch._policy import pacing
from mjwatch._policy.crowd import Crowd
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.missing import Misses
from mjwatch._policy.plane import Plane, Seen
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


def look(many: Crowd, subject: Seen, now: float = NOW) -> float:
    """Return when to look at one task again."""
    (wait,) = many.next_looks([subject], PLANE, now)
    return wait


def test_the_interval_is_what_pacing_says() -> None:
    """No rule of its own."""
    subject = one(running(46))
    asked = pacing.next_look(subject, PLANE, NOW, Pacing(), Lessons(), random.Random(0)).seconds
    assert look(fresh(), subject) == asked


def test_tasks_that_are_as_far_share_it() -> None:
    """A thousand tasks at three percentages ask three times."""
    many = fresh()
    for number in range(1_000):
        look(many, one(running((15, 46, 93)[number % 3]), number), NOW + number / 100_000)
    assert len(many._waits) == 3


@pytest.mark.parametrize(
    "other",
    [one(running(78)), one(running(46, NOW - 20)), one(running(46), progress=False)],
    ids=["percent", "age", "reader"],
)
def test_what_differs_is_asked_apart(other: Seen) -> None:
    """How far, for how long, and for whom."""
    many = fresh()
    assert look(many, one(running(46))) != look(many, other)


def test_it_is_found_anew_after_a_while() -> None:
    """What the gateway has taught meanwhile counts."""
    many = fresh()
    subject = one(running(93, NOW - 1))
    before = look(many, subject)
    for number in range(20):
        terms = Watch(str(number), None, NOW - 400, None, wants_progress=True)
        many.lessons.forecast.saw(str(number), terms, running(93), NOW - 300)
        trail = many.lessons.forecast.trails.pop(str(number))
        many.lessons.forecast.learn(running(93), trail, NOW)
    assert look(many, subject) == before
    assert look(many, one(running(93, NOW + 39)), NOW + 40) > before


def test_a_doubted_or_unseen_one_is_asked_for_itself() -> None:
    """They are few, and in a hurry."""
    many = fresh()
    doubted = State(seq=1, phase=running(46).phase, changed_at=NOW, aside=Aside(misses=Misses(1, NOW)))
    assert look(many, one(None)) > 0
    assert look(many, one(doubted)) > 0
    assert not many._waits


def test_it_is_bounded() -> None:
    """Ages and percentages are the outside's."""
    many = fresh()
    for number in range(1_300):
        look(many, one(running(number % 100, NOW - 2.0 ** (number // 100))))
        assert len(many._waits) <= 1024


def test_a_clock_that_runs_behind_is_no_trouble() -> None:
    """An age below nothing is none."""
    assert look(fresh(), one(running(46, NOW + 5))) > 0


def test_each_of_many_gets_its_own() -> None:
    """In the order in which they were asked for."""
    some = [one(running(percent), number) for number, percent in enumerate((15, 93, 15, 46))] + [one(None)]
    assert fresh().next_looks(some, PLANE, NOW) == [look(fresh(), subject) for subject in some]


def test_requests_as_close_as_may_be_are_asked_for_once_a_second() -> None:
    """Nothing could bring them closer; who is carried need not even be collected."""
    many, asked = fresh(), []

    def carried() -> list[Seen]:
        asked.append(1)
        return [one(running(78, NOW - 6), number) for number in range(24)]

    waits = [many.next_request(carried, PLANE, NOW + number / 10) for number in range(21)]
    other = many.next_request(carried, Plane(6_000, 500), NOW + 2.05)

    assert {wait.reason for wait in waits} == {"min_interval"}
    assert waits == [waits[0]] * 21
    assert (len(asked), other.seconds < waits[0].seconds) == (4, True)


def test_requests_further_apart_are_asked_for_each_time() -> None:
    """The law decides, and what it says changes."""
    many, asked = Crowd(Pacing(lag=5), Lessons(), random.Random(0)), []

    def carried() -> list[Seen]:
        asked.append(1)
        return [one(running(0), progress=False)]

    for number in range(3):
        wait = many.next_request(carried, Plane(501, 500), NOW + number / 10)
        assert wait.reason != "min_interval"
    many.next_request(carried, Plane(2, 500), NOW)
    assert len(asked) == 4
