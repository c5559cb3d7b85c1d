"""When to look: the law of the price, its limits, and how tasks share requests."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy import forecast
from mjwatch._policy.fold import SETTLE_AFTER, SETTLE_LOOKS
from mjwatch._policy.missing import Misses
from mjwatch._policy.pacing import Plane, Subject, ahead, next_look, next_request, price
from mjwatch._policy.state import Settling, State
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status, Task
from tests.support.builders import WATCH

NOW = 1_000.0
ALONE = Plane(watched=1, room=1)
SHARED = Plane(watched=10, room=500)
CROWD = Plane(watched=2_000, room=500)
QUIET = evolve(WATCH, wants_progress=False, watched_at=NOW - 30)
STATE = State(status=Status.IN_PROGRESS, action=Action.IMAGINE, mode=Mode.FAST, seen_at=NOW, changed_at=NOW)
RUNNING = Subject(QUIET, STATE)
OPEN = Subject(QUIET, State(status=Status.MODAL, seen_at=NOW))
"""A window is open: news come at a constant rate."""
UNSEEN = Subject(QUIET, None)
"""So they do for an id that was never seen."""


class Fair(random.Random):
    """Dice that always show the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2


def look_in(
    subject: Subject, plane: Plane = ALONE, *, pacing: Pacing | None = None, now: float = NOW
) -> float:
    """Return the next look without jitter."""
    return next_look(subject, plane, now, pacing or Pacing(), Fair())


def request_in(
    carried: Sequence[Subject], plane: Plane = SHARED, *, pacing: Pacing | None = None, now: float = NOW
) -> float:
    """Return the next request without jitter."""
    return next_request(carried, plane, now, pacing or Pacing(), Fair())


def given_up_at(cost: float, rate_at: Callable[[float], float]) -> float:
    """Return when the integral of the chance of news reaches *cost*: a thousand steps a second, summed."""
    step = 0.001
    news = spent = wait = 0.0
    while spent < cost:
        news += step * rate_at(wait + step / 2)
        spent += step * -math.expm1(-news)
        wait += step
    return wait


def hazard(subject: Subject) -> Callable[[float], float]:
    """Return the rate of news of *subject* by seconds from now."""
    return lambda wait: forecast.news_rate(subject.state, subject.watch, NOW + wait, step_weight=0.1)


def of(state: State) -> Subject:
    """Return a picture in another *state*."""
    return Subject(QUIET, state)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_with_a_constant_rate_the_interval_is_the_square_root_law(lag: float) -> None:
    """Nearly sqrt(2 c / h), where news are rare: the law of optimal inspection."""
    pacing = Pacing(lag=lag, max_interval=100, max_interval_queued=100)

    assert look_in(OPEN, pacing=pacing) == pytest.approx(math.sqrt(2 * price(pacing) * 450), rel=0.03)


@pytest.mark.parametrize("lag", [1, 2, 4, 9])
@pytest.mark.parametrize("subject", [UNSEEN, OPEN, RUNNING])
def test_a_look_comes_when_the_unseen_news_reach_the_price(subject: Subject, lag: float) -> None:
    """The integral of the chance of news since the last look, summed by brute force."""
    pacing = Pacing(lag=lag, max_interval=1_000, max_interval_queued=1_000)
    expected = given_up_at(price(pacing), hazard(subject))

    assert look_in(subject, pacing=pacing) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize(("watched", "carried"), [(2_000, 500), (1_000, 500), (1_000, 7)])
def test_a_request_comes_when_the_news_of_all_reach_the_price(watched: int, carried: int, lag: float) -> None:
    """The chances of each are summed and scaled to all that are watched, also where news of some are nearly certain."""
    pacing = Pacing(lag=lag)
    expected = given_up_at(price(pacing) / watched, hazard(RUNNING))
    least = 500 / watched

    wait = request_in([RUNNING] * carried, Plane(watched, 500), pacing=pacing)
    assert wait == pytest.approx(max(least, min(expected, 30 * carried / watched)), rel=0.02)


def test_the_price_of_a_look_is_a_quarter_of_the_lag_squared() -> None:
    """In seconds of news unseen."""
    assert price(Pacing(lag=2)) == 1


def test_a_smaller_lag_means_more_looks() -> None:
    """One number steers everything."""
    waits = [look_in(RUNNING, pacing=Pacing(lag=lag)) for lag in (1, 2, 4, 8)]

    assert waits == sorted(set(waits))


def test_a_reader_without_interest_in_progress_costs_fewer_looks() -> None:
    """Only the end is worth knowing then."""
    listened = evolve(RUNNING, watch=evolve(QUIET, wants_progress=True))

    assert look_in(listened) < look_in(RUNNING)


def test_a_fixed_pace_looks_every_so_many_seconds() -> None:
    """Whatever is known; where all share a request it is the request's, else the task's own."""
    every = Pacing.every(7)

    assert look_in(RUNNING, pacing=every) == look_in(UNSEEN, CROWD, pacing=every) == 7
    assert request_in([], pacing=every) == request_in([RUNNING], pacing=every) == 7
    assert request_in([RUNNING], CROWD, pacing=every) == request_in([RUNNING], ALONE, pacing=every) == 0


def test_where_one_request_carries_everybody_the_gate_says_when() -> None:
    """A task may ride along on any request; nobody waits longer for being watched by a list."""
    assert look_in(OPEN, SHARED) == 1
    assert look_in(OPEN, CROWD) == pytest.approx(look_in(OPEN, ALONE) / 2)


def test_a_plane_is_single_or_shared_or_neither() -> None:
    """One id a request; all ids in one request; more ids than a request takes."""
    assert (ALONE.is_single, ALONE.is_shared) == (True, False)
    assert (SHARED.is_single, SHARED.is_shared) == (False, True)
    assert (Plane(500, 500).is_shared, CROWD.is_single, CROWD.is_shared) == (True, False, False)


def test_without_a_list_route_each_task_has_its_own_time() -> None:
    """The sum law is off."""
    assert request_in([RUNNING], Plane(100, 1)) == 0


def test_nothing_carried_means_a_look_soon() -> None:
    """All that were carried ended: others may be due."""
    assert request_in([]) == 1


def test_more_tasks_mean_an_earlier_request() -> None:
    """The same price is reached sooner by the sum of more rates, down to the least distance."""
    waits = [request_in([OPEN] * number, Plane(number, 500)) for number in (1, 2, 4, 8, 499)]

    assert waits == sorted(set(waits), reverse=True)
    assert waits[-1] == 1


def test_above_one_batch_the_least_distance_is_per_task() -> None:
    """Four batches in turn may leave four times as often; nobody is looked at more than once a second."""
    assert request_in([RUNNING] * 500, Plane(10_000, 500), pacing=Pacing(min_interval=2)) == 0.1
    assert request_in([OPEN], Plane(10_000, 500), pacing=Pacing(lag=0.1)) == 0.05


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
    subject = of(evolve(STATE, mode=mode, status=status))

    assert look_in(subject, pacing=Pacing(lag=1_000)) == expected
    assert request_in([subject], Plane(1, 500), pacing=Pacing(lag=1_000)) == expected


def test_what_waits_to_be_confirmed_is_urgent() -> None:
    """A success that owes something is seen again within its time, a missing id as its misses ask for."""
    owing = of(evolve(STATE, settling=Settling(Task("1"), NOW, 0)))
    missing = of(evolve(STATE, misses=Misses(1, NOW)))
    long_gone = of(evolve(STATE, misses=Misses(9, NOW - 400)))
    lazy = Pacing(lag=1_000)

    assert (
        look_in(owing, pacing=lazy) == request_in([OPEN, owing], pacing=lazy) == SETTLE_AFTER / SETTLE_LOOKS
    )
    assert look_in(missing, pacing=lazy) == 3
    assert look_in(missing, CROWD, pacing=lazy) == 3
    assert look_in(long_gone, pacing=lazy) == 30


def test_urgency_respects_the_limits() -> None:
    """Also where they are narrower than what would be confirmed."""
    owing = of(evolve(STATE, settling=Settling(Task("1"), NOW, 0)))
    long_gone = of(evolve(STATE, misses=Misses(9, NOW - 400)))

    assert look_in(owing, pacing=Pacing(min_interval=9)) == 9
    assert request_in([owing], pacing=Pacing(min_interval=9)) == 9
    assert look_in(long_gone, pacing=Pacing(max_interval=10)) == 10


def test_a_task_may_ride_along_half_an_interval_early() -> None:
    """On a request that leaves anyhow."""
    assert ahead(Pacing(min_interval=2)) == 1
    assert ahead(Pacing.every(10)) == 5


states = st.builds(
    State,
    status=st.sampled_from(Status),
    action=st.sampled_from(Action),
    mode=st.sampled_from(Mode),
    percent=st.none() | st.integers(0, 100),
    seen_at=st.none() | st.just(NOW),
    changed_at=st.floats(0, NOW),
    settling=st.sampled_from((None, None, Settling(Task("1"), NOW, 0))),
    misses=st.none() | st.builds(Misses, st.integers(1, 20), st.floats(0, NOW)),
)
subjects = st.builds(
    Subject,
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


@settings(deadline=None, max_examples=60)
@given(subjects, planes, paces, st.integers())
def test_a_look_is_never_too_close_and_never_too_rare(
    subject: Subject, plane: Plane, pacing: Pacing, seed: int
) -> None:
    """Between min_interval and max_interval, whatever is known and whatever the dice say."""
    state = subject.state
    is_queued = (
        state is not None
        and state.mode is Mode.RELAX
        and state.status in {Status.NOT_START, Status.SUBMITTED}
    )
    longest = pacing.max_interval_queued if is_queued else pacing.max_interval
    wait = next_look(subject, plane, NOW, pacing, random.Random(seed))

    assert pacing.min_interval <= wait <= longest
    assert wait == next_look(subject, plane, NOW, pacing, random.Random(seed))


@settings(deadline=None, max_examples=40)
@given(st.lists(subjects, min_size=1, max_size=4), st.integers(0, 5_000), paces, st.integers())
def test_a_request_is_never_too_close_and_never_too_rare(
    carried: list[Subject], others: int, pacing: Pacing, seed: int
) -> None:
    """As for one task, where several batches take turns scaled by their number."""
    plane = Plane(len(carried) + others, 500)
    wait = next_request(carried, plane, NOW, pacing, random.Random(seed))
    least = pacing.min_interval if plane.is_shared else pacing.min_interval * 500 / plane.watched

    assert least <= wait <= max(least, pacing.max_interval_queued)
    assert wait == next_request(carried, plane, NOW, pacing, random.Random(seed))


@settings(deadline=None)
@given(st.integers())
def test_looks_are_spread_by_a_tenth(seed: int) -> None:
    """So that many watchers of one gateway do not step in time, and no look strays far from the law."""
    look = next_look(RUNNING, ALONE, NOW, Pacing(lag=2), random.Random(seed))
    request = next_request([OPEN], SHARED, NOW, Pacing(), random.Random(seed))

    assert look == pytest.approx(look_in(RUNNING, pacing=Pacing(lag=2)), rel=0.1 + 1e-9)
    assert request == pytest.approx(request_in([OPEN]), rel=0.1 + 1e-9)


def test_news_that_are_believed_never_to_come_are_looked_for_all_the_same() -> None:
    """A belief that rounds to nothing waits as long as may be."""
    asleep = of(evolve(STATE, mode=Mode.RELAX, action=Action.VIDEO))

    assert look_in(asleep, now=NOW - 60) <= 30
