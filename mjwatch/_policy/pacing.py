"""When to look: the next look of a task, the next request of a gateway.

Rule: decisions only; what is believed of a task stands in `forecast.py`, who enforces it is the store's gate.

Each second that passes with news unseen costs the chance V that there is some. Look when the integral of V since the
last look reaches the price of a look, c. With news coming at rate h that is every sqrt(2 c / h) seconds, the
square-root law of optimal inspection (Barlow, Hunter and Proschan 1963; Keller 1974). Where one request carries many
tasks, the request is what costs, so their V are summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from attrs import frozen

from mjwatch._policy import forecast, missing
from mjwatch._policy.fold import SETTLE_AFTER
from mjwatch._policy.state import State
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Mode, Status

STEP_WEIGHT: Final = 0.1
"""What a progress step is worth to somebody who listens to progress, in ends: most steps seen for a dozen looks."""

_JITTER: Final = 0.1

_LEAST_RATE: Final = 1e-9
"""Of news, per second: a belief may round to none at all."""


@frozen
class Subject:
    """One task as pacing sees it."""

    watch: Watch
    state: State | None


@frozen
class Plane:
    """
    How a gateway's tasks share requests.

    Attributes:
        watched: How many tasks are watched in all.
        room: How many ids fit into one request.
    """

    watched: int
    room: int

    @property
    def is_single(self) -> bool:
        """True where each task needs a request of its own."""
        return self.room == 1

    @property
    def is_shared(self) -> bool:
        """True where one request carries everybody."""
        return self.watched <= self.room and not self.is_single


def next_look(subject: Subject, plane: Plane, now: float, pacing: Pacing, rng: Random) -> float:
    """
    Return from when on a task may be looked at again, in seconds from *now*.

    Args:
        subject: The task.
        plane: How tasks share requests. Where a list route carries them, the gate says when a request goes, and
            this says from when on the task may ride along.
        now: Epoch seconds.
        pacing: The user's wishes.
        rng: The dice, for jitter.
    """
    if pacing.fixed is not None:
        return pacing.fixed
    if plane.is_shared:
        return pacing.min_interval
    longest = _longest(subject, pacing)
    urgent = _urgent_in(subject, now)
    if urgent is not None:
        return max(pacing.min_interval, min(urgent, longest))
    wait = _interval(lambda at: _rate(subject, at), now, pacing, longest)
    if not plane.is_single:
        return max(pacing.min_interval, wait / 2)
    return max(pacing.min_interval, min(wait * _jitter(rng), longest))


def next_request(carried: Sequence[Subject], plane: Plane, now: float, pacing: Pacing, rng: Random) -> float:
    """
    Return how long the gateway's next list request may wait after the last, in seconds; 0.0 where each task's own
    due time decides.

    Args:
        carried: The tasks that the last request carried and that go on; they stand for those it did not carry.
        plane: How tasks share requests.
        now: Epoch seconds.
        pacing: The user's wishes.
        rng: The dice, for jitter.
    """
    if plane.is_single or (pacing.fixed is not None and not plane.is_shared):
        return 0.0
    if pacing.fixed is not None:
        return pacing.fixed
    if not carried:
        return pacing.min_interval
    scale = max(1.0, plane.watched / len(carried))
    longest = min(_longest(subject, pacing) for subject in carried) / scale
    wait = _interval(
        lambda at: sum(_rate(subject, at) for subject in carried) / len(carried),
        now,
        pacing,
        longest,
        heads=scale * len(carried),
    )
    urgent = [wish for subject in carried if (wish := _urgent_in(subject, now)) is not None]
    least = pacing.min_interval if plane.is_shared else pacing.min_interval * plane.room / plane.watched
    return max(least, min(wait * _jitter(rng), longest, *urgent))


def ahead(pacing: Pacing) -> float:
    """Return how early, in seconds, a task may ride along on a request that leaves anyhow."""
    return (pacing.min_interval if pacing.fixed is None else pacing.fixed) / 2


def price(pacing: Pacing) -> float:
    """Return what one look costs, in seconds of news unseen."""
    return pacing.lag**2 / 4


def _rate(subject: Subject, at: float) -> float:
    return forecast.news_rate(subject.state, subject.watch, at, step_weight=STEP_WEIGHT)


def _interval(
    rate_at: Callable[[float], float], now: float, pacing: Pacing, longest: float, heads: float = 1.0
) -> float:
    """
    Return the wait in which the cost of unseen news of so many *heads* reaches the price of one look.

    Walks ahead in steps: the busier the gateway, the sooner the price is reached, so that a look at five hundred
    tasks takes one or two steps and a look at one task some thirty.
    """
    share = price(pacing) / heads
    news = cost = wait = 0.0
    while wait < longest:
        step = min(pacing.min_interval, longest - wait)
        rate = max(_LEAST_RATE, rate_at(now + wait + step / 2))
        spent = _cost(step, news, rate)
        if cost + spent >= share:
            return wait + _time_for(share - cost, news, rate, step)
        news += step * rate
        cost += spent
        wait += step
    return longest


def _cost(time: float, news: float, rate: float) -> float:
    """Return the integral of V over *time*: *news* were to be expected before it, now they come at *rate*."""
    return time + math.exp(-news) * math.expm1(-rate * time) / rate


def _time_for(cost: float, news: float, rate: float, time: float) -> float:
    """Return when `_cost` reaches *cost*, at most *time*: Newton's steps from above, for it is convex."""
    for _ in range(10):
        time -= (_cost(time, news, rate) - cost) / -math.expm1(-news - rate * time)
    return time


def _longest(subject: Subject, pacing: Pacing) -> float:
    state = subject.state
    is_queued = state is not None and state.status in {Status.NOT_START, Status.SUBMITTED}
    if is_queued and state is not None and state.mode is Mode.RELAX:
        return pacing.max_interval_queued
    return pacing.max_interval


def _urgent_in(subject: Subject, now: float) -> float | None:
    """Return how soon something waits to be confirmed, None where nothing does."""
    state = subject.state
    if state is None:
        return None
    if state.settling is not None:
        return SETTLE_AFTER / 2
    return None if state.misses is None else missing.next_look(state.misses, now)


def _jitter(rng: Random) -> float:
    """Spread looks, so that many watchers of one gateway do not step in time."""
    return rng.uniform(1 - _JITTER, 1 + _JITTER)
