"""When to look: the next look of a task, the next request of a gateway.

Rule: decisions only; what is believed stands in `forecast.py` and `clock.py`, who enforces it is the store's gate.

Each second that passes with news unseen costs the chance V that there is some. Look when the integral of V since the
last look reaches the price of a look, c. With news coming at rate h that is every sqrt(2 c / h) seconds, the
square-root law of optimal inspection (Barlow, Hunter and Proschan 1963; Keller 1974). Where one request carries many
tasks, the request is what costs, so their V are summed. Where a gateway shows changes on a tick, V rises on ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from attrs import evolve, frozen

from mjwatch._policy import missing
from mjwatch._policy.fold import SETTLE_AFTER
from mjwatch._policy.left import Belief
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.news import News
from mjwatch._policy.plane import One, Plane, Subject, closest
from mjwatch._policy.ticks import Ticks
from mjwatch.settings import Pacing
from mjwatch.tasks import Mode, Status

STEP_WEIGHT: Final = 0.1
"""What a progress step is worth to somebody who listens to progress, in ends: most steps seen for a dozen looks."""

SAMPLE: Final = 24
"""Of a full batch so many tasks are asked for their beliefs: the request costs half a ms."""
SAMPLE_SHARED: Final = 64
"""So many where one request carries everybody, and a second passes between two: of 24 it is the few near their ends that
decide how many near their ends there seem to be, and uneven waits cost requests."""

_JITTER: Final = 0.05

_AFTER_TICK: Final = 0.08
"""Seconds that a look comes after the end of a tick's window."""

_TRUSTED: Final = 0.9
"""Trust in a clock above which nothing is looked at between two windows."""

_GRID: Final = 0.125
"""The finest step of the integral, seconds; it grows with the wait."""

_NEGLIGIBLE: Final = 0.02
"""Trust in a clock below which it is not asked."""

Reason = Literal["price", "tick", "min_interval", "max_interval", "fixed", "confirming"]


@frozen
class Wait:
    """How long to wait, in seconds, and what decided it."""

    seconds: float
    reason: Reason


def next_look(
    subject: Subject, plane: Plane, now: float, pacing: Pacing, lessons: Lessons, rng: Random
) -> Wait:
    """
    Return from when on a task may be looked at again.

    Args:
        subject: The task.
        plane: How tasks share requests. Where a list route carries them, the gate says when a request goes, and
            this says from when on the task may ride along.
        now: Epoch seconds.
        pacing: The user's wishes.
        lessons: What the gateway has taught.
        rng: The dice, for jitter.
    """
    if pacing.fixed is not None:
        return Wait(pacing.fixed, "fixed")
    if plane.is_shared:
        return Wait(pacing.min_interval, "min_interval")
    longest = _longest(subject, pacing)
    urgent = _urgent_in(subject, now)
    if urgent is not None:
        return Wait(max(pacing.min_interval, min(urgent, longest)), "confirming")
    wait = _law([subject], 1.0, now, longest, pacing, lessons)
    if not plane.is_single:
        return Wait(max(pacing.min_interval, wait.seconds / 2), wait.reason)
    return _within(wait, pacing.min_interval, longest, rng)


def next_request(
    carried: Sequence[Subject], plane: Plane, now: float, pacing: Pacing, lessons: Lessons, rng: Random
) -> Wait:
    """
    Return how long the gateway's next list request may wait after the last; 0.0 where each task's own due time decides.

    Args:
        carried: The tasks that the last request carried and that go on; unless they are few, they stand for all.
        plane: How tasks share requests.
        now: Epoch seconds.
        pacing: The user's wishes.
        lessons: What the gateway has taught.
        rng: The dice, for jitter and for the sample of a full batch.
    """
    if plane.is_single or (pacing.fixed is not None and not plane.is_shared):
        return Wait(0.0, "fixed")
    if pacing.fixed is not None:
        return Wait(pacing.fixed, "fixed")
    if not carried:
        return Wait(pacing.min_interval, "min_interval")
    sample = sampled(carried, plane, rng)
    stood_for = len(carried) if plane.is_partial(len(carried)) else max(len(carried), plane.watched)
    in_turn = max(1.0, plane.watched / plane.room)
    least = closest(plane, pacing)
    longest = max(least, min(_longest(subject, pacing) for subject in sample) / in_turn)
    wait = _law(sample, stood_for / len(sample), now, longest, pacing, lessons)
    rare = (subject for subject in carried if subject.state is not None and subject.state.aside is not None)
    urgent = [wish for subject in rare if (wish := _urgent_in(subject, now)) is not None]
    if urgent and min(urgent) < wait.seconds:
        wait = Wait(min(urgent), "confirming")
    return _within(wait, least, longest, rng)


def sampled(carried: Sequence[One], plane: Plane, rng: Random) -> Sequence[One]:
    """Return as many of *carried* as are asked for their beliefs."""
    most = SAMPLE_SHARED if plane.is_shared else SAMPLE
    return carried if len(carried) <= most else rng.sample(carried, most)


def ahead(pacing: Pacing) -> float:
    """Return how early, in seconds, a task may ride along on a request that leaves anyhow."""
    return (pacing.min_interval if pacing.fixed is None else pacing.fixed) / 2


def price(pacing: Pacing) -> float:
    """Return what one look costs, in seconds of news unseen."""
    return pacing.lag**2 / 6


def _law(
    subjects: Sequence[Subject], heads: float, now: float, longest: float, pacing: Pacing, lessons: Lessons
) -> Wait:
    """Return when the cost of news unseen reaches the price; each subject stands for so many *heads*."""
    news = News([belief for subject in subjects for belief in _beliefs(subject, now, lessons, heads)])
    ticks = lessons.clock.ticks(now) if lessons.clock.trust > _NEGLIGIBLE else None
    if ticks is not None and ticks.is_locked and ticks.trust > _TRUSTED:
        # Nothing is looked at between two windows; a doubt summed over many tasks would bring all looks forward.
        ticks = evolve(ticks, trust=1.0)
    shown = [] if ticks is None else news.shown(ticks, longest)
    spent = before = after = 0.0
    while after < longest:
        step = max(_GRID, after / 12)
        if ticks is not None:
            step = min(step, ticks.smooth_for(after, _GRID))
        value = news.by(after + step, ticks, shown)
        cost = (before + value) / 2 * step
        if spent + cost >= price(pacing):
            after += step * (price(pacing) - spent) / cost
            break
        spent += cost
        after += step
        before = value
    return _on_tick(Wait(after, "price" if after < longest else "max_interval"), ticks)


def _on_tick(wait: Wait, ticks: Ticks | None) -> Wait:
    """
    Move a wait that ends between two windows: nothing can change there.

    Back to the end of the window before, for whoever waits longer learns nothing more; or on to the end of the first,
    if it is known well.
    """
    if ticks is None or not ticks.is_locked:
        return wait
    number = int(max(0.0, wait.seconds - ticks.opens) / ticks.period)
    opens, closes = (edge + number * ticks.period for edge in (ticks.opens, ticks.closes + _AFTER_TICK))
    if opens <= wait.seconds <= closes:
        return Wait(wait.seconds, "tick")
    if wait.seconds > closes > 0.0:
        return Wait(closes, "tick")
    if ticks.trust > _TRUSTED:
        return Wait(closes if wait.seconds < opens else closes + ticks.period, "tick")
    return wait


def _beliefs(subject: Subject, now: float, lessons: Lessons, heads: float) -> list[tuple[Belief, float]]:
    outlook = lessons.forecast.outlook(subject.id, subject.terms, subject.state, now)
    beliefs: list[tuple[Belief, float]] = [(outlook.end, heads)]
    if outlook.step is not None and subject.terms.wants_progress:
        beliefs.append((outlook.step, heads * STEP_WEIGHT))
    return beliefs


def _within(wait: Wait, least: float, longest: float, rng: Random) -> Wait:
    """Keep the limits, and spread looks a little, so that many watchers of one gateway do not step in time."""
    seconds = wait.seconds if wait.reason == "tick" else wait.seconds * rng.uniform(1 - _JITTER, 1 + _JITTER)
    if seconds < least:
        return Wait(least, "min_interval")
    return Wait(min(seconds, longest), wait.reason)


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
