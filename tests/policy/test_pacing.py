"""When to look: the law of the price, its limits, the tick, and how tasks share requests."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from copy import deepcopy
from functools import cache

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mjwatch._policy.clock import Clock
from mjwatch._policy.fold import SETTLE_AFTER
from mjwatch._policy.forecast import Forecast
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.missing import Misses
from mjwatch._policy.moments import Learned
from mjwatch._policy.pacing import (
    SAMPLE,
    SAMPLE_SHARED,
    STEP_WEIGHT,
    Wait,
    ahead,
    next_look,
    next_request,
    price,
    sampled,
)
from mjwatch._policy.plane import Plane, Seen
from mjwatch._policy.state import Settling, State
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status, Task
from tests.support.builders import WATCH, state_with

NOW = 1_000_000.0
ALONE = Plane(watched=1, room=1)
SHARED = Plane(watched=10, room=500)
CROWD = Plane(watched=2_000, room=500)
QUIET = replace(WATCH, wants_progress=False, watched_at=NOW - 30)
CURIOUS = replace(QUIET, wants_progress=True)
STATE = state_with(status=Status.IN_PROGRESS, action=Action.IMAGINE, mode=Mode.FAST, percent=31, seen_at=NOW)
RUNNING = Seen("1", QUIET, STATE)
OPEN = Seen("1", QUIET, state_with(status=Status.MODAL, seen_at=NOW))
"""A window is open: news come at a constant rate."""
UNSEEN = Seen("1", QUIET, None)
"""So they do for an id that was never seen."""
PATIENT = Pacing(max_interval=300, max_interval_queued=300)


class Fair(random.Random):
    """Dice that always show the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2


def plain() -> Lessons:
    """Return what is known before any look of a gateway that has no clock."""
    return Lessons(clock=Clock(odds=-5.0))


@cache
def _ticked(last: float) -> Clock:
    clock = Clock.hinted(15.0)
    for number in range(40, 0, -1):
        tick = NOW - last - (number - 1) * 15.0
        clock.saw(tick - 10, tick - 0.5, lambda _: 0.9, changed=False)
        clock.saw(tick - 0.5, min(NOW, tick + 0.5), lambda _: 0.9, changed=True)
    return clock


def ticking(*, last: float = 3.0, odds: float = 4.0) -> Lessons:
    """Return what is known of a gateway that ticked every 15 s, *last* so many seconds ago."""
    clock = deepcopy(_ticked(last))
    clock.odds = odds
    return Lessons(clock=clock)


def look(
    subject: Seen,
    plane: Plane = ALONE,
    *,
    pacing: Pacing | None = None,
    now: float = NOW,
    lessons: Lessons | None = None,
) -> Wait:
    """Return the next look without jitter."""
    return next_look(subject, plane, now, pacing or Pacing(), lessons or plain(), Fair())


def request(
    carried: Sequence[Seen],
    plane: Plane = SHARED,
    *,
    pacing: Pacing | None = None,
    lessons: Lessons | None = None,
) -> Wait:
    """Return the next request without jitter."""
    return next_request(carried, plane, NOW, pacing or Pacing(), lessons or plain(), Fair())


def given_up_at(
    cost: float, subject: Seen, lessons: Lessons, *, now: float = NOW, heads: float = 1.0
) -> float:
    """Return when the integral of the chance of news reaches *cost*: twenty steps a second, summed."""
    outlook = lessons.forecast.outlook(subject.id, subject.terms, subject.state, now)
    step, spent, wait = 0.05, 0.0, 0.0
    while spent < cost:
        at = wait + step / 2
        value = 1 - outlook.end.survive(at)
        if outlook.step is not None and subject.terms.wants_progress:
            value += STEP_WEIGHT * (1 - outlook.step.survive(at))
        spent += step * heads * value
        wait += step
    return wait


def of(state: State) -> Seen:
    """Return a picture in another *state*."""
    return Seen("1", QUIET, state)


def believing(mean: float, variance: float) -> Lessons:
    """Return lessons after which a picture takes so long."""
    learned = Learned(20.0, mean, variance)
    table = {f"{kind}/FAST/left/2": learned for kind in ("picture", "IMAGINE")}
    return Lessons(forecast=Forecast(table), clock=Clock(odds=-5.0))


def test_the_price_of_a_look_is_a_sixth_of_the_lag_squared() -> None:
    """In seconds of news unseen."""
    assert price(Pacing(lag=2)) == pytest.approx(4 / 6)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_with_a_constant_rate_the_interval_is_the_square_root_law(lag: float) -> None:
    """Nearly sqrt(2 c / h), where news are rare: the law of optimal inspection."""
    pacing = evolve(PATIENT, lag=lag)

    assert look(OPEN, pacing=pacing).seconds == pytest.approx(math.sqrt(2 * price(pacing) * 450), rel=0.03)


@pytest.mark.parametrize("lag", [1, 2, 4, 9])
@pytest.mark.parametrize("subject", [UNSEEN, OPEN, RUNNING, RUNNING._replace(terms=CURIOUS)])
def test_a_look_comes_when_the_unseen_news_reach_the_price(subject: Seen, lag: float) -> None:
    """The integral of V since the last look, summed by brute force."""
    pacing = evolve(PATIENT, lag=lag)
    expected = given_up_at(price(pacing), subject, plain())

    wait = look(subject, pacing=pacing)
    assert wait.seconds == pytest.approx(max(1.0, expected), rel=0.03)
    assert wait.reason == "price"


@settings(max_examples=25)
@given(st.floats(2, 6), st.floats(0.05, 1), st.floats(0, 200), st.floats(0.7, 4), st.booleans())
def test_the_law_holds_for_any_belief(
    mean: float, variance: float, after: float, lag: float, listens: bool
) -> None:
    """Sharp or broad, young or late, with progress or without."""
    lessons, pacing = believing(mean, variance), evolve(PATIENT, lag=lag)
    subject = RUNNING._replace(terms=CURIOUS if listens else QUIET)
    expected = given_up_at(price(pacing), subject, lessons, now=NOW + after)
    wait = look(subject, pacing=pacing, now=NOW + after, lessons=lessons)

    assert wait.seconds == pytest.approx(min(300, max(1.0, expected)), rel=0.05, abs=0.1)


@settings(max_examples=25)
@given(st.floats(2, 6), st.floats(0.05, 1), st.floats(0, 200))
def test_a_smaller_lag_means_more_looks(mean: float, variance: float, after: float) -> None:
    """One number steers everything."""
    lessons = believing(mean, variance)
    waits = [
        look(RUNNING, pacing=evolve(PATIENT, lag=lag), now=NOW + after, lessons=lessons).seconds
        for lag in (1.5, 2, 4, 8)
    ]

    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


@settings(max_examples=25)
@given(st.floats(2, 6), st.floats(0.05, 1), st.floats(0, 200), st.booleans())
def test_a_reader_without_interest_in_progress_costs_fewer_looks(
    mean: float, variance: float, after: float, ticks: bool
) -> None:
    """Only the end is worth knowing then: nobody who wants less is looked at more often."""
    lessons = believing(mean, variance)
    if ticks:
        lessons.clock = ticking().clock
    curious, quiet = (
        look(RUNNING._replace(terms=terms), now=NOW + after, lessons=lessons) for terms in (CURIOUS, QUIET)
    )

    # On a tick both may end in the same window, and each where it pleases.
    assert curious.seconds <= quiet.seconds + (1.5 if ticks else 1e-9)


def test_what_was_learned_decides() -> None:
    """A task that takes long is left alone for longer."""
    waits = [look(RUNNING, lessons=believing(mean, 0.1)).seconds for mean in (2, 3, 4)]

    assert waits == sorted(set(waits))


def test_a_fixed_pace_looks_every_so_many_seconds() -> None:
    """Whatever is known; where all share a request it is the request's, else the task's own."""
    every = Pacing.every(7)

    assert look(RUNNING, pacing=every) == look(UNSEEN, CROWD, pacing=every) == Wait(7, "fixed")
    assert request([], pacing=every) == request([RUNNING], pacing=every) == Wait(7, "fixed")
    assert request([RUNNING], CROWD, pacing=every) == request([RUNNING], ALONE, pacing=every)
    assert request([RUNNING], CROWD, pacing=every).seconds == 0


def test_where_one_request_carries_everybody_the_gate_says_when() -> None:
    """A task may ride along on any request; nobody waits longer for being watched by a list."""
    assert look(OPEN, SHARED) == Wait(1, "min_interval")
    assert look(OPEN, CROWD).seconds == pytest.approx(look(OPEN, ALONE).seconds / 2)
    assert look(RUNNING, CROWD, pacing=Pacing(lag=0.01)).seconds == 1


def test_without_a_list_route_each_task_has_its_own_time() -> None:
    """The sum law is off."""
    assert request([RUNNING], Plane(100, 1)).seconds == 0


def test_nothing_carried_means_a_look_soon() -> None:
    """All that were carried ended: others may be due."""
    assert request([]) == Wait(1, "min_interval")


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize(("watched", "carried"), [(3, 3), (2_000, 500), (1_000, 7)])
def test_a_request_comes_when_the_news_of_all_reach_the_price(watched: int, carried: int, lag: float) -> None:
    """V of each is summed and scaled to all that are watched."""
    pacing = Pacing(lag=lag)
    expected = given_up_at(price(pacing), RUNNING, plain(), heads=watched)
    least = min(1.0, 500 / watched)

    wait = request([RUNNING] * carried, Plane(watched, 500), pacing=pacing)
    assert wait.seconds == pytest.approx(max(least, min(expected, 30 * min(1.0, 500 / watched))), rel=0.05)


def test_more_tasks_mean_an_earlier_request() -> None:
    """By the square root of their number, where news come at a constant rate; down to the least distance."""
    waits = [request([OPEN] * number, Plane(number, 500)).seconds for number in (1, 4, 16, 64, 499)]

    assert waits[:4] == pytest.approx([waits[0] / root for root in (1, 2, 4, 8)], rel=0.06)
    assert waits[-1] == 1


def test_a_full_batch_is_judged_by_a_sample() -> None:
    """Nearly as by all: half of them windows, half of them never seen."""
    carried = [OPEN, UNSEEN] * 8
    wait = request(carried, Plane(16, 500), pacing=PATIENT)
    many = next_request(carried * 4, Plane(64, 500), NOW, PATIENT, plain(), random.Random(0))

    assert many.seconds == pytest.approx(max(1.0, wait.seconds / 2), rel=0.25)


@pytest.mark.parametrize(("plane", "most"), [(SHARED, SAMPLE_SHARED), (CROWD, SAMPLE)])
def test_a_sample_is_larger_where_one_request_carries_everybody(plane: Plane, most: int) -> None:
    """There is time for it between two."""
    assert len(sampled([RUNNING] * 500, plane, random.Random(0))) == most
    assert sampled([RUNNING] * most, plane, random.Random(0)) == [RUNNING] * most


def test_on_a_trusted_tick_a_crowd_waits_for_the_window() -> None:
    """However many share the doubt: nothing can show before."""
    lessons = ticking(odds=4.0)
    ticks = lessons.clock.ticks(NOW)
    waits = [request([RUNNING] * number, Plane(number, 500), lessons=lessons) for number in (20, 60, 300)]

    assert {wait.reason for wait in waits} == {"tick"}
    assert all(
        (wait.seconds - ticks.opens) % ticks.period <= ticks.closes - ticks.opens + 0.1 for wait in waits
    )


def test_above_one_batch_the_least_distance_is_per_task() -> None:
    """Four batches in turn may leave four times as often; nobody is looked at more than once a second."""
    quick = Pacing(lag=0.01)

    assert request([RUNNING] * 500, Plane(10_000, 500), pacing=evolve(quick, min_interval=2)).seconds == 0.1
    assert request([OPEN], Plane(10_000, 500), pacing=quick) == Wait(0.05, "min_interval")


@pytest.mark.parametrize(
    ("mode", "status", "expected"),
    [
        pytest.param(Mode.RELAX, Status.NOT_START, 60, id="not started"),
        pytest.param(Mode.RELAX, Status.SUBMITTED, 60, id="submitted"),
        pytest.param(Mode.RELAX, Status.IN_PROGRESS, 30, id="running"),
        pytest.param(Mode.FAST, Status.SUBMITTED, 30, id="fast"),
    ],
)
def test_the_longest_wait_is_longer_in_the_relax_queue(mode: Mode, status: Status, expected: float) -> None:
    """However high the price is."""
    subject = of(state_with(STATE, mode=mode, status=status, percent=None))
    lazy = Pacing(lag=1_000)

    assert look(subject, pacing=lazy) == Wait(expected, "max_interval")
    assert request([subject], Plane(1, 500), pacing=lazy) == Wait(expected, "max_interval")
    assert request([subject, RUNNING], Plane(2, 500), pacing=lazy).seconds == 30


def test_what_waits_to_be_confirmed_is_urgent() -> None:
    """A success that owes something is seen again within its time, a missing id as its misses ask for."""
    owing = of(state_with(STATE, settling=Settling(Task("1"), NOW, 0)))
    missing = of(state_with(STATE, misses=Misses(1, NOW)))
    long_gone = of(state_with(STATE, misses=Misses(9, NOW - 400)))
    lazy = Pacing(lag=1_000)

    assert look(owing, pacing=lazy) == Wait(SETTLE_AFTER / 2, "confirming")
    assert request([OPEN, owing], pacing=lazy) == Wait(SETTLE_AFTER / 2, "confirming")
    assert look(missing, pacing=lazy) == look(missing, CROWD, pacing=lazy) == Wait(3, "confirming")
    assert look(long_gone, pacing=lazy).seconds == 30


def test_what_else_stands_aside_is_not_urgent() -> None:
    """A restarted task is watched as any other."""
    restarted = of(state_with(STATE, restarts=1))

    assert look(restarted) == look(RUNNING)
    assert request([restarted]) == request([RUNNING])


def test_who_is_looked_at_sooner_anyhow_needs_no_urgency() -> None:
    """The law may be quicker than what waits to be confirmed."""
    long_gone = of(state_with(STATE, misses=Misses(9, NOW - 400)))

    assert request([UNSEEN, long_gone], Plane(2, 500)).reason == "price"


def test_urgency_respects_the_limits() -> None:
    """Also where they are narrower than what would be confirmed."""
    owing = of(state_with(STATE, settling=Settling(Task("1"), NOW, 0)))
    long_gone = of(state_with(STATE, misses=Misses(9, NOW - 400)))

    assert look(owing, pacing=Pacing(min_interval=9)).seconds == 9
    assert request([owing], pacing=Pacing(min_interval=9)).seconds == 9
    assert look(long_gone, pacing=Pacing(max_interval=10)).seconds == 10


def test_a_task_may_ride_along_half_an_interval_early() -> None:
    """On a request that leaves anyhow."""
    assert ahead(Pacing(min_interval=2)) == 1
    assert ahead(Pacing.every(10)) == 5


def ends_in_a_window(wait: Wait, lessons: Lessons, now: float, pacing: Pacing) -> bool:
    """Return True where *wait* ends where a tick may just have come, or at a limit that lies beside a window."""
    ticks = lessons.clock.ticks(now)
    assert ticks.is_locked
    if wait.reason == "max_interval" or wait.seconds == pacing.max_interval:
        return True
    width = ticks.closes - ticks.opens + 0.08
    into = (wait.seconds - ticks.opens) % ticks.period
    return into <= width + (pacing.min_interval if wait.reason == "min_interval" else 1e-6)


@pytest.mark.parametrize("lag", [0.25, 0.5, 1, 2, 4])
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(STATE, id="picture"),
        pytest.param(state_with(STATE, action=Action.UPSCALE, percent=None), id="pick"),
        pytest.param(state_with(STATE, action=Action.VIDEO, mode=Mode.RELAX), id="film"),
        pytest.param(None, id="never seen"),
    ],
)
def test_on_a_tick_no_wait_ends_between_two_windows(state: State | None, lag: float) -> None:
    """Nothing can change there: it ends within a window, or right after it."""
    pacing = Pacing(lag=lag)
    lessons = ticking(odds=6.0)
    for quarter in range(1, 60, 2):
        now = NOW + quarter / 4
        wait = look(Seen("1", QUIET, state), now=now, pacing=pacing, lessons=lessons)

        assert ends_in_a_window(wait, lessons, now, pacing), (now - NOW, wait)


@pytest.mark.parametrize("watched", [10, 100, 2_000])
def test_nor_does_a_request(watched: int) -> None:
    """However many tasks would like to be looked at: none of them can have changed."""
    lessons, pacing = ticking(odds=6.0), Pacing()
    carried = [RUNNING] * min(watched, 500)
    wait = request(carried, Plane(watched, 500), lessons=lessons)

    assert ends_in_a_window(wait, lessons, NOW, pacing) or wait.seconds == 30 * len(carried) / watched


def test_a_clock_in_doubt_keeps_nobody_from_looking() -> None:
    """A wait that would end before the first window is moved only where the clock is known well."""
    quick = Pacing(lag=0.5)

    assert look(UNSEEN, lessons=ticking(odds=0.5), pacing=quick).reason == "price"
    assert look(UNSEEN, lessons=ticking(odds=6.0), pacing=quick).reason == "tick"


def test_a_clock_without_a_phase_leaves_the_law_alone() -> None:
    """A hint alone moves no look."""
    lessons = Lessons(clock=Clock.hinted(15.0))

    assert look(RUNNING, lessons=lessons).reason == "price"


states = st.builds(
    state_with,
    status=st.sampled_from(Status),
    action=st.sampled_from(Action),
    mode=st.sampled_from(Mode),
    percent=st.none() | st.integers(0, 100),
    seen_at=st.none() | st.just(NOW),
    changed_at=st.floats(0, NOW),
    submitted_at=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    started_at=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    settling=st.sampled_from((None, None, Settling(Task("1"), NOW, 0))),
    misses=st.none() | st.builds(Misses, st.integers(1, 20), st.floats(0, NOW)),
)
subjects = st.builds(
    Seen,
    st.just("1"),
    st.builds(Watch, st.just("1"), st.none(), st.floats(0, NOW), st.none(), st.booleans()),
    st.none() | states,
)
planes = st.builds(Plane, st.integers(1, 5_000), st.sampled_from((1, 50, 500)))
paces = st.builds(
    lambda lag, least, more, queued: Pacing(
        lag=lag, min_interval=least, max_interval=least + more, max_interval_queued=least + more + queued
    ),
    lag=st.sampled_from((0.01, 0.5, 1.0, 10.0)),
    least=st.sampled_from((0.5, 1.0, 5.0)),
    more=st.integers(0, 60),
    queued=st.integers(0, 60),
)
LESSONS = (plain(), Lessons(), Lessons(clock=Clock.hinted(15.0)), ticking(), believing(3, 0.01))


@settings(max_examples=60)
@given(subjects, planes, paces, st.sampled_from(LESSONS), st.integers())
def test_a_look_is_never_too_close_and_never_too_rare(
    subject: Seen, plane: Plane, pacing: Pacing, lessons: Lessons, seed: int
) -> None:
    """Between min_interval and max_interval, whatever is known, whatever the gateway's clock and the dice say."""
    state = subject.state
    is_queued = (
        state is not None
        and state.mode is Mode.RELAX
        and state.status in {Status.NOT_START, Status.SUBMITTED}
    )
    longest = pacing.max_interval_queued if is_queued else pacing.max_interval
    wait = next_look(subject, plane, NOW, pacing, lessons, random.Random(seed))

    assert pacing.min_interval <= wait.seconds <= longest
    assert wait == next_look(subject, plane, NOW, pacing, lessons, random.Random(seed))


@settings(max_examples=40)
@given(
    st.lists(subjects, min_size=1, max_size=4),
    st.integers(0, 5_000),
    paces,
    st.sampled_from(LESSONS),
    st.integers(),
)
def test_a_request_is_never_too_close_and_never_too_rare(
    carried: list[Seen], others: int, pacing: Pacing, lessons: Lessons, seed: int
) -> None:
    """As for one task, where several batches take turns scaled by their number."""
    plane = Plane(len(carried) + others, 500)
    wait = next_request(carried, plane, NOW, pacing, lessons, random.Random(seed))
    least = pacing.min_interval * (1.0 if plane.is_shared else 500 / plane.watched)

    assert least <= wait.seconds <= max(least, pacing.max_interval_queued)
    assert wait == next_request(carried, plane, NOW, pacing, lessons, random.Random(seed))


@settings(max_examples=50)
@given(st.integers())
def test_looks_are_spread_by_a_twentieth(seed: int) -> None:
    """So that many watchers of one gateway do not step in time, and no look strays far from the law."""
    subject = next_look(RUNNING, ALONE, NOW, Pacing(lag=2), plain(), random.Random(seed))
    batch = next_request([OPEN], SHARED, NOW, Pacing(), plain(), random.Random(seed))

    assert subject.seconds == pytest.approx(look(RUNNING, pacing=Pacing(lag=2)).seconds, rel=0.05 + 1e-9)
    assert batch.seconds == pytest.approx(request([OPEN]).seconds, rel=0.05 + 1e-9)


@settings(max_examples=20)
@given(st.integers())
def test_a_look_on_a_tick_is_not_spread(seed: int) -> None:
    """The dice would throw it out of its window."""
    lessons = ticking()
    wait = next_look(RUNNING, ALONE, NOW, Pacing(), lessons, random.Random(seed))

    assert wait == look(RUNNING, lessons=lessons)
    assert wait.reason == "tick"


def test_news_that_are_believed_never_to_come_are_looked_for_all_the_same() -> None:
    """A belief that rounds to nothing waits as long as may be."""
    assert look(RUNNING, lessons=believing(15, 0.01)) == Wait(30, "max_interval")
