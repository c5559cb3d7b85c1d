"""Why a task is looked at when it is: every reason has its case, and says so in words."""

from __future__ import annotations

import random

import pytest

from mjwatch._policy.clock import Clock
from mjwatch._policy.explanation import Explanation, Standing, explain
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.missing import Misses
from mjwatch._policy.plane import Plane, Seen
from mjwatch._policy.state import Settling, State
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status, Task
from tests.support.builders import expired, state_with

NOW = 1_000_000.0
ALONE = Plane(watched=1, room=1)
SHARED = Plane(watched=3, room=500)
TERMS = Watch("1", None, NOW - 20, None, wants_progress=True)
RUNNING = state_with(
    status=Status.IN_PROGRESS, action=Action.IMAGINE, mode=Mode.FAST, percent=46, seen_at=NOW - 2
)


def told(
    state: State | None = RUNNING,
    *,
    plane: Plane = ALONE,
    pacing: Pacing | None = None,
    lessons: Lessons | None = None,
    terms: Watch = TERMS,
    looked_at: float | None = NOW,
    due_in: float | None = 1.5,
    held: float = 0.0,
    budget: float = 0.0,
    is_apart: bool = False,
    is_leased: bool = False,
    fault: str | None = None,
) -> Explanation:
    """Explain one task."""
    subject = Seen("1", terms, state)
    standing = Standing(
        plane, looked_at, due_in, held, budget, random.Random(0), is_apart, is_leased=is_leased, fault=fault
    )
    return explain(subject, [subject], NOW, pacing or Pacing(), lessons or Lessons(), standing)


def ticking() -> Lessons:
    """Return the lessons of a gateway that was seen to tick every 15.2 s, last at NOW."""
    lessons = Lessons(clock=Clock.hinted(15.0))
    for number in range(-40, 0):
        tick = NOW + number * 15.2
        lessons.clock.saw(tick - 0.3, tick + 0.3, lambda _: 0.5, changed=True)
    lessons.clock.saw(NOW - 0.3, NOW, lambda _: 0.5, changed=True)
    return lessons


def test_who_spoils_requests_is_looked_at_alone() -> None:
    """Unless the gateway is left alone altogether."""
    assert told(is_apart=True).reason == "apart"
    assert "it spoiled the requests it rode in" in str(told(is_apart=True))
    assert told(is_apart=True, held=5).reason == "hold"


def test_a_task_alone_is_looked_at_by_the_price() -> None:
    """The law decides, and the numbers are its own."""
    why = told()
    assert (why.task_id, why.reason, why.due_in, why.price) == ("1", "price", 1.5, 1 / 6)
    assert 0 < why.news < 1
    assert why.eta is not None
    assert 0 < why.eta.p50 < why.eta.p90
    assert (why.learned_from, why.is_late, why.tick) == (0, False, None)
    assert str(why).startswith("1: next look in about 1.5 s, 1.5 s after the last, because ")
    assert "priors only" in str(why)
    assert "half of such tasks end within" in str(why)


def test_a_shared_request_waits_for_its_price() -> None:
    """What is asked together is explained by the request."""
    assert told(plane=SHARED).reason == "price"
    assert told(plane=SHARED, looked_at=None).wait > 1.0


@pytest.mark.parametrize("plane", [ALONE, SHARED])
def test_a_fixed_schedule_says_so(plane: Plane) -> None:
    """Pacing.every is no law."""
    why = told(plane=plane, pacing=Pacing.every(7), due_in=7.0)
    assert (why.reason, why.wait) == ("fixed", 7.0)


def test_a_budget_that_is_too_small_decides() -> None:
    """1,000 single lookups at 300 a minute are one look in 200 s."""
    why = told(budget=200.0, due_in=200.0)
    assert (why.reason, why.wait) == ("budget", 200.0)
    assert "limits allow no more" in str(why)


def test_a_hold_decides_before_all() -> None:
    """While the gateway is left alone, nothing is asked."""
    why = told(due_in=12.0, held=12.0, budget=200.0)
    assert (why.reason, why.due_in) == ("hold", 12.0)


def test_a_missed_id_is_made_sure_of() -> None:
    """A doubt decides."""
    assert told(state_with(RUNNING, misses=Misses(1, NOW - 1))).reason == "confirming"


def test_what_is_not_watched_is_not_due() -> None:
    """It may be asked for any id."""
    why = told(None, due_in=None)
    assert (why.due_in, why.eta, why.is_late) == (None, None, False)
    assert str(why).startswith("1: not watched: ")


def test_a_late_task_is_told() -> None:
    """A fast picture is late after three minutes."""
    old = Watch("1", None, NOW - 200, None, wants_progress=True)
    assert told(terms=old).is_late
    assert str(told(terms=old)).endswith("it is late")


def test_what_was_learned_is_counted() -> None:
    """Ended tasks of its kind."""
    lessons = Lessons()
    for number in range(3):
        end = state_with(RUNNING, percent=100)
        lessons.forecast.saw(str(number), TERMS, RUNNING, NOW - 10)
        trail = lessons.forecast.trails.pop(str(number))
        lessons.forecast.learn(end, trail, NOW)
    why = told(lessons=lessons)
    assert why.learned_from == 3
    assert "3 such tasks" in str(why)


def test_a_tick_is_shown_where_there_is_one() -> None:
    """Its period, and when the next one is due."""
    tick = told(lessons=ticking()).tick
    assert tick is not None
    assert tick.trust > 0.5
    assert tick.period == pytest.approx(15.2, abs=0.4)
    assert tick.next_in == pytest.approx(15.2, abs=1.5)
    assert tick.width < 5
    assert "refresh every 15" in str(told(lessons=ticking()))


def test_a_tick_that_is_near_is_the_next() -> None:
    """The window may lie ahead."""
    lessons = ticking()
    subject = Seen("1", TERMS, RUNNING)
    standing = Standing(ALONE, NOW, 1.0, 0.0, 0.0, random.Random(0))
    why = explain(subject, [subject], NOW + 12.0, Pacing(), lessons, standing)
    assert why.tick is not None
    assert why.tick.next_in == pytest.approx(3.2, abs=1.5)


def test_a_look_that_is_under_way_is_the_next() -> None:
    """Whatever else may be said."""
    why = told(is_leased=True, due_in=0.0, held=3.0, fault="no answer in time")
    assert (why.reason, why.due_in) == ("looking", 0.0)
    assert str(why).startswith("1: a look is under way; ")


def test_a_fault_is_told_with_what_it_is() -> None:
    """While requests fail, and while the gateway is left alone for it."""
    failing = told(fault="no answer in time", due_in=4.0)
    left_alone = told(fault="the credential is not accepted", held=60.0, due_in=60.0)
    assert (failing.reason, left_alone.reason) == ("fault", "hold")
    assert "because requests fail (no answer in time)" in str(failing)
    assert "because the gateway is left alone for now (the credential is not accepted)" in str(left_alone)


@pytest.mark.parametrize(
    ("state", "oddity", "words"),
    [
        (None, "unseen", "has not shown it so far"),
        (state_with(misses=Misses(3, NOW - 9)), "unseen", "has not shown it so far"),
        (state_with(RUNNING, misses=Misses(3, NOW - 9)), "missing", "no longer shows it"),
        (state_with(RUNNING, status=Status.MODAL), "input", "a window waits for a person"),
        (state_with(RUNNING, settling=Settling(Task("1"), NOW - 2, 1)), "ended", "it has succeeded, and"),
    ],
)
def test_a_task_of_which_no_forecast_is_worth_telling(state: State | None, oddity: str, words: str) -> None:
    """What is special about it is told in its place."""
    why = told(state)
    assert why.oddity == oddity
    assert words in str(why)
    assert "chance" not in str(why)
    assert "half of such" not in str(why)


def test_a_window_is_never_late() -> None:
    """A person may take as long as they like."""
    old = Watch("1", None, NOW - 2_000, None, wants_progress=True)
    assert not told(state_with(RUNNING, status=Status.MODAL), terms=old).is_late


@pytest.mark.parametrize(
    ("held", "budget", "words"),
    [
        (0.0, 0.0, "1: first look at once; "),
        (0.0, 80.0, "first look in 0.0 s at the earliest, when its turn has come: "),
        (
            25.0,
            0.0,
            "first look in 25 s at the earliest, for the gateway is left alone until then (no host); ",
        ),
    ],
)
def test_before_the_first_look_there_is_no_last_one(held: float, budget: float, words: str) -> None:
    """And no forecast."""
    why = told(None, looked_at=None, due_in=held, held=held, budget=budget, fault="no host" if held else None)
    assert (why.looked_at, why.eta) == (None, None)
    assert words in str(why)
    assert "after the last" not in str(why)


def test_a_task_that_is_watched_anew_has_no_forecast_to_tell() -> None:
    """It expired before, and was not looked at since."""
    why = told(state_with(RUNNING, final=expired(3)), looked_at=None, due_in=0.0)
    assert (why.oddity, why.eta) == (None, None)
    assert "half of such" not in str(why)
