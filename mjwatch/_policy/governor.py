"""What an exchange means for its gateway: for its rate, for its breaker, for whoever reads.

Rule: decides on exchanges, never on tasks; the store's gate enforces it. A fault is never a task's failure, and the
next regular look is the only retry. The numbers stand in `rate.py` and `breaker.py`.
"""

from __future__ import annotations

from random import Random
from typing import Final

from attrs import evolve, field, frozen

from mjwatch._policy import breaker, rate
from mjwatch._policy.breaker import Breaker
from mjwatch._policy.rate import Rate
from mjwatch.errors import GatewayBusy, GatewayError
from mjwatch.events import GatewayEvent, Recovered, Unreachable
from mjwatch.observations import Verdict
from mjwatch.settings import Limits

HOLD_CAP: Final = 300.0
"""Longest hold a gateway's own Retry-After can ask for, seconds."""

_PATIENCE: Final = (2.0, 60.0)
"""(first, longest) hold where it asks for patience and does not say how long, seconds: doubling, full jitter."""
_BACKOFF: Final = (5.0, 30.0)
"""The same for the rows of a request that failed, and for no others: the gateway may be well, and one of them poison."""
_STANDING: Final = (60.0, 600.0)
"""A fault that somebody must mend: one probe a minute at first, one in ten minutes at last."""

_LEAST: Final = 1.0


@frozen
class Governor:
    """
    What is known of a gateway's health.

    Attributes:
        failures: Failed requests in a row, those of one round counted once.
        failing_since: When the first of them came back, None while all is well.
        failed_at: When the last counted one came back: replies to requests that left earlier do not count again.
        error: What the last one ran into.
        is_told: Unreachable was told.
        is_proven: A useful answer came before.
        patience: Wishes for patience in a row.
        standing: Faults in a row that somebody must mend; those that pass by themselves left out.
        rate: How often it may be asked.
        breaker: Whether it may be asked.
    """

    failures: int = 0
    failing_since: float | None = None
    failed_at: float = float("-inf")
    error: GatewayError | None = None
    is_told: bool = False
    is_proven: bool = False
    patience: int = 0
    standing: int = 0
    rate: Rate = field(factory=Rate)
    breaker: Breaker = field(factory=Breaker)


@frozen
class Ruling:
    """
    What an exchange means.

    Attributes:
        governor: The new state.
        hold: How long the gate is shut for all, seconds; 0.0 not at all.
        retry_in: How long the ids that were asked for are left alone, seconds.
        told: What the readers are told.
        is_new: It was not told before, so that the log tells it, too.
    """

    governor: Governor
    hold: float = 0.0
    retry_in: float = 0.0
    told: GatewayEvent | None = None
    is_new: bool = False


@frozen
class Exchange:
    """
    One exchange as the governor sees it.

    Attributes:
        verdict: What it amounted to.
        error: What to tell the reader, None where the gateway answered.
        departed_at, at: When the request left and the reply came, epoch seconds.
    """

    verdict: Verdict
    error: GatewayError | None
    departed_at: float
    at: float


def windows(limits: Limits, governor: Governor, now: float) -> tuple[tuple[float, int], ...]:
    """Return the budget at *now* as (seconds between requests, burst) for each window; empty where it is switched off."""
    return rate.windows(limits, governor.rate, now)


def judge(governor: Governor, exchange: Exchange, rng: Random) -> Ruling:
    """
    Return what one exchange means for the gateway's budget.

    Faults are told from the second in a row on, a standing one at once; recovery is told once.
    """
    governor = evolve(governor, rate=rate.counted(governor.rate, exchange.departed_at, exchange.at))
    if exchange.error is None:
        # Another route or a smaller batch is left to try: neither a fault nor a useful answer.
        return _well(governor, exchange.at) if exchange.verdict.is_answer else Ruling(governor)
    governor, hold = _held(governor, exchange, exchange.error, rng)
    if exchange.departed_at < governor.failed_at:
        # Of the same round: counted already.
        return Ruling(governor, hold, _retry_in(governor, hold, rng))
    failing = evolve(
        governor,
        failures=governor.failures + 1,
        failing_since=exchange.at if governor.failing_since is None else governor.failing_since,
        failed_at=exchange.at,
        error=exchange.error,
    )
    told = _told(failing, exchange.error)
    is_new = told is not None and not failing.is_told
    failing = evolve(failing, is_told=failing.is_told or is_new)
    return Ruling(failing, hold, _retry_in(failing, hold, rng), told, is_new)


def lost(governor: Governor, now: float, rng: Random) -> Governor:
    """Return *governor* after a probe that was called off."""
    return evolve(governor, breaker=breaker.lost(governor.breaker, now, rng))


def renewed(governor: Governor) -> Governor:
    """Return *governor* where there is another credential than the one that was denied: it may be tried at once."""
    return evolve(governor, breaker=evolve(governor.breaker, closed_for=0.0))


def _well(governor: Governor, now: float) -> Ruling:
    before = governor.breaker
    after = breaker.went_well(before, now)
    more = rate.raised(governor.rate)
    if before.is_open and not after.is_open:
        more = rate.recovered(more, now)
    healthy = Governor(is_proven=True, rate=more, breaker=after)
    if not governor.is_told or governor.failing_since is None or governor.error is None:
        return Ruling(healthy)
    outage = now - governor.failing_since
    told = Recovered(governor.error.gateway, now, outage, governor.failing_since)
    return Ruling(healthy, told=told, is_new=True)


def _held(governor: Governor, exchange: Exchange, error: GatewayError, rng: Random) -> tuple[Governor, float]:
    """Return how a fault moves rate and breaker, and how long the gate is shut for it, seconds."""
    now, departed_at, before = exchange.at, exchange.departed_at, governor.breaker
    if exchange.verdict is Verdict.THROTTLED:
        slower = rate.cut(governor.rate, departed_at, now)
        patience = governor.patience + (slower is not governor.rate)
        alive = breaker.went_well(before, now) if before.is_open else before
        return evolve(governor, rate=slower, patience=patience, breaker=alive), _asked(error, patience, rng)
    if not error.transient:
        # Once for each round: what left before the breaker opened ran into the same.
        if departed_at < before.opened_at:
            return governor, 0.0
        first, longest = _STANDING
        wait = min(longest, first * 2.0 ** min(governor.standing, 10))
        governor = evolve(governor, standing=governor.standing + 1)
        return _opened(governor, breaker.tripped(before, now, wait), now), wait
    after = breaker.failed(before, departed_at, now, rng)
    hold = after.closed_for if after.opened_at != before.opened_at else 0.0
    return _opened(governor, after, now), hold


def _opened(governor: Governor, after: Breaker, now: float) -> Governor:
    is_new = after.is_open and not governor.breaker.is_open
    slower = rate.interrupted(governor.rate, now) if is_new else governor.rate
    return evolve(governor, rate=slower, breaker=after)


def _asked(error: GatewayError, patience: int, rng: Random) -> float:
    """Return how long a gateway that asks for patience is left alone."""
    asked = error.retry_after if isinstance(error, GatewayBusy) else None
    if asked is not None:
        # Never earlier than asked for, never longer than the cap and a little: the wish is a stranger's.
        wait = min(max(_LEAST, asked), HOLD_CAP)
        return wait + rng.uniform(0, min(5.0, wait / 10))
    first, longest = _PATIENCE
    return max(_LEAST, rng.uniform(0, min(longest, first * 2.0 ** min(patience - 1, 10))))


def _retry_in(governor: Governor, hold: float, rng: Random) -> float:
    """Return how long the ids of a request that failed are left alone: no longer than a hold that ends early."""
    first, longest = _BACKOFF
    backoff = rng.uniform(0, min(longest, first * 2.0 ** min(governor.failures - 1, 10)))
    return max(_LEAST, min(hold, longest), backoff)


def _told(failing: Governor, error: GatewayError) -> Unreachable | None:
    """Return what the readers are told of a fault that is counted already."""
    is_standing = not error.transient
    is_news = not failing.is_told and (failing.failures >= 2 or is_standing)
    # Before the first useful answer each reader is told by its own look, for a standing fault is raised to it.
    is_news = is_news or (is_standing and not failing.is_proven)
    if not is_news or failing.failing_since is None:
        return None
    return Unreachable(error.gateway, failing.failed_at, error, failing.failing_since, failing.is_proven)
