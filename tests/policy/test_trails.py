"""A trail remembers when a task reached its milestones, and nothing that a gateway's clock makes up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mjwatch._policy.state import State
from mjwatch._policy.trails import QUEUE, Mark, Trail, begun_at, first_mark, is_queued, octave, trusted
from mjwatch.tasks import Status
from tests.support.builders import WATCH, state_with

DAY = 86_400.0


def running(percent: int | None = None, *, started_at: float | None = None) -> State:
    """Return a task that runs."""
    return state_with(status=Status.IN_PROGRESS, percent=percent, seen_at=0.0, started_at=started_at)


def trail_of(*seen: tuple[float, int], started_at: float | None = None, begun: float = 0.0) -> Trail:
    """Return the trail of a task that showed each (instant, percent)."""
    trail = Trail(begun)
    for at, percent in seen:
        trail.reach(running(percent, started_at=started_at), at)
    return trail


@pytest.mark.parametrize(
    ("status", "percent", "expected"),
    [
        pytest.param(Status.NOT_START, None, True, id="not started"),
        pytest.param(Status.SUBMITTED, 0, True, id="submitted"),
        pytest.param(Status.UNKNOWN, None, True, id="an unknown word"),
        pytest.param(Status.SUBMITTED, 15, False, id="submitted with a number"),
        pytest.param(Status.IN_PROGRESS, None, False, id="running"),
        pytest.param(Status.MODAL, None, False, id="a window"),
    ],
)
def test_a_task_is_queued_until_it_runs(status: Status, percent: int | None, expected: bool) -> None:
    """A number above 0 is running, whatever the word."""
    assert is_queued(state_with(status=status, percent=percent)) is expected


@pytest.mark.parametrize(
    ("age", "doublings"), [(0, 0), (0.5, 0), (1, 0), (1.9, 0), (2, 1), (3.9, 1), (64, 6), (1e12, 16)]
)
def test_each_doubling_of_its_age_is_a_milestone_of_the_queue(age: float, doublings: int) -> None:
    """Behind those of a run, and bounded."""
    assert octave(age) == QUEUE + doublings


def test_an_eighth_of_the_percentage_is_a_milestone_of_a_run() -> None:
    """Two numbers in the same eighth are one milestone, reached when the first was seen."""
    trail = trail_of((1, 0), (2, 12), (3, 13), (4, 62), (5, 100))

    assert [(mark.milestone, mark.at) for mark in trail.marks] == [(0, 1), (1, 3), (4, 4), (7, 5)]


def test_the_queue_leaves_no_mark() -> None:
    """Nothing is reached there."""
    trail = Trail(0.0)
    trail.reach(state_with(status=Status.SUBMITTED), 5.0)

    assert trail == Trail(0.0)


def test_a_task_that_falls_back_begins_its_run_anew() -> None:
    """What came before was another run, and its pace is forgotten with it."""
    trail = trail_of((1, 0), (2, 50), (9, 0), (11, 20))

    assert trail.runs_from == (0, 9)
    assert [(mark.milestone, mark.at) for mark in trail.marks] == [(0, 9), (1, 11)]


def test_a_milestone_is_reached_when_it_was_first_seen() -> None:
    """One that stands in the trail keeps its instant, one that does not is reached now."""
    trail = trail_of((1, 0), (7, 52))

    assert trail.mark(55, 30) == trail.marks[-1]
    assert trail.mark(80, 30).at == 30
    assert trail.marks[-1].at == 7


@pytest.mark.parametrize(
    ("trail", "percent", "left"),
    [
        pytest.param(trail_of((10, 0)), 40, 30, id="from the first look"),
        pytest.param(trail_of((10, 20)), 40, 60, id="from the first number"),
        pytest.param(trail_of((10, 20), started_at=5), 50, 25, id="from its start, as the gateway has it"),
        pytest.param(trail_of((10, 20), started_at=11), 40, 60, id="not from a start in the future"),
        pytest.param(trail_of((10, 20), started_at=-1), 40, 60, id="nor from one before it was submitted"),
        pytest.param(trail_of((10, 20)), 20, None, id="none without a step"),
        pytest.param(trail_of((30, 20)), 40, None, id="none without time"),
        pytest.param(Trail(0.0), 40, None, id="none without a look"),
    ],
)
def test_the_pace_so_far_says_what_is_left(trail: Trail, percent: int, left: float | None) -> None:
    """Seconds per percent of this very task, times the percents to go; at second 30."""
    pace_left = trail.mark(percent, 30).pace_left

    assert pace_left == (left if left is None else pytest.approx(left))


@given(st.lists(st.integers(0, 100)))
def test_a_trail_is_short_and_rises(percents: list[int]) -> None:
    """However often a gateway changes its mind."""
    trail = trail_of(*enumerate(percents))
    milestones = [mark.milestone for mark in trail.marks]

    assert milestones == sorted(set(milestones))
    assert set(milestones) <= set(range(8))
    assert [mark.at for mark in trail.marks] == sorted(mark.at for mark in trail.marks)


@pytest.mark.parametrize(
    ("submitted_in", "age"),
    [
        pytest.param(-25, 25, id="submitted"),
        pytest.param(None, 30, id="not known"),
        pytest.param(25, 30, id="in the future"),
        pytest.param(-DAY - 31, 30, id="more than a day before the watch"),
        pytest.param(-DAY + 1, DAY - 1, id="nearly a day before"),
        pytest.param(math.nan, 30, id="no number"),
        pytest.param(math.inf, 30, id="never"),
        pytest.param(-1e300, 30, id="before the beginning of time"),
    ],
)
def test_the_gateways_clock_is_believed_where_it_is_plausible(submitted_in: float | None, age: float) -> None:
    """Else a task is as old as its watch."""
    now = 1e6
    submitted_at = None if submitted_in is None else now + submitted_in
    state = state_with(status=Status.SUBMITTED, submitted_at=submitted_at)

    assert now - begun_at(state, replace(WATCH, watched_at=now - 30), now) == pytest.approx(age)


def test_an_instant_is_trusted_within_its_bounds() -> None:
    """After the earliest, up to the latest."""
    assert [trusted(at, 1, 3) for at in (None, 1, 2, 3, 4)] == [None, None, 2, 3, None]


def test_a_mark_of_a_late_look_keeps_its_pace() -> None:
    """It is measured once, where the milestone was reached."""
    trail = trail_of((10, 0), (20, 52))

    assert trail.mark(55, 500) == Mark(4, 20, 10 * 48 / 52)


@given(st.integers(0, 100), st.floats(-50, 50), st.one_of(st.none(), st.floats(-100, 100)))
def test_the_first_mark_is_that_of_a_trail_that_begins_there(
    percent: int, at: float, started_at: float | None
) -> None:
    """Two ways to the same."""
    state = state_with(status=Status.IN_PROGRESS, percent=percent, started_at=started_at)
    terms = replace(WATCH, watched_at=at - 30)

    assert first_mark(state, terms, at) == Trail.of(state, terms, at).marks[0]
