"""How often a gateway is asked at most: less after it asked for patience, more again while that goes well.

Rule: one number a second, moved by replies and by time; whether the gateway may be asked at all stands in `breaker.py`.
Additive increase, multiplicative decrease, as TCP does. The cut is from the rate that was really used, as in the AWS
SDKs' adaptive mode: half of a limit that nobody came near would cut nothing.
"""

from __future__ import annotations

from math import exp, inf
from typing import Final

from attrs import evolve, frozen

from mjwatch.settings import Limits

SPAN: Final = 30.0
"""Seconds over which the rate is measured: an exchange of so long ago counts a third."""
LEAST: Final = 0.2
"""Requests a second that no throttling goes below: one in five seconds finds out that it is over."""
_CUT: Final = 0.5
_STEP: Final = 0.05
_USED: Final = 0.8
"""
The share of the rate at which a request must have followed the last one for its success to raise it: whoever is not held
back proves nothing. One gap tells that; a mean over `SPAN` would let a gateway that was left alone be asked once in five
seconds for a minute more.
"""
_FREE: Final = 100.0
"""Requests a second above which there is no limit of ours any more."""

_RAMP_FROM: Final = 0.25
_RAMP_EVERY: Final = 5.0
"""After an outage: a quarter of the rate, doubled every so many seconds."""
_GENTLE_FOR: Final = 60.0
_GENTLE: Final = 1.25
_GENTLE_LEAST: Final = 0.5
"""And for so many seconds so many times the rate of before the outage, or this many requests a second, whichever is more:
all that fell due meanwhile is asked for within one round, and the gateway sees hardly more than it did before."""


@frozen
class Rate:
    """
    The rate of one gateway.

    Attributes:
        allowed: Requests a second that throttling has left; inf where there was none.
        cut_at: When it was last cut: replies to requests that left earlier do not cut again.
        usual: Requests a second before the last outage; inf where there was none.
        recovered_at: When that ended.
        recent: The exchanges of late, the older the less.
        since, counted_at: The first and the last exchange; None before.
        left_at: When the last request left, and
        gap: how long after the one before it.
    """

    allowed: float = inf
    cut_at: float = -inf
    usual: float = inf
    recovered_at: float = -inf
    recent: float = 0.0
    since: float | None = None
    counted_at: float = -inf
    left_at: float = -inf
    gap: float = inf

    def measured(self, now: float) -> float:
        """Return how many exchanges a second there were of late."""
        if self.since is None:
            return 0.0
        span = SPAN * (1.0 - exp(-max(1.0, now - self.since) / SPAN))
        return self._left(now) / span

    def ramp(self, now: float) -> float:
        """Return the share of the rate that may be used so soon after an outage."""
        doublings = int(min(8.0, max(0.0, now - self.recovered_at) / _RAMP_EVERY))
        return min(1.0, _RAMP_FROM * (1 << doublings))

    def _left(self, now: float) -> float:
        return self.recent * exp(-max(0.0, now - self.counted_at) / SPAN)


def counted(rate: Rate, departed_at: float, now: float) -> Rate:
    """Return *rate* after one more exchange."""
    # Of a reply that was overtaken nothing new is learned: it left before the last one.
    gap = rate.gap if departed_at < rate.left_at else departed_at - rate.left_at
    return evolve(
        rate,
        recent=rate._left(now) + 1.0,  # noqa: SLF001 - its own module
        since=now if rate.since is None else rate.since,
        counted_at=now,
        left_at=max(rate.left_at, departed_at),
        gap=gap,
    )


def cut(rate: Rate, departed_at: float, now: float) -> Rate:
    """Return *rate* after a wish for patience: half of what was used, once for each round trip."""
    if departed_at < rate.cut_at:
        return rate
    return evolve(rate, allowed=max(LEAST, _CUT * min(rate.allowed, rate.measured(now))), cut_at=now)


def raised(rate: Rate) -> Rate:
    """Return *rate* after a useful answer: a little more, if it was the rate that held the request back."""
    if rate.allowed == inf or rate.gap * _USED * rate.allowed > 1.0:
        return rate
    more = rate.allowed + _STEP
    return evolve(rate, allowed=more if more < _FREE else inf)


def interrupted(rate: Rate, now: float) -> Rate:
    """Return *rate* at the beginning of an outage."""
    return evolve(rate, usual=max(_GENTLE_LEAST, rate.measured(now)))


def recovered(rate: Rate, now: float) -> Rate:
    """Return *rate* at the end of an outage: all that fell due meanwhile must not come at once."""
    return evolve(rate, recovered_at=now)


def windows(limits: Limits, rate: Rate, now: float) -> tuple[tuple[float, int], ...]:
    """
    Return the budget as (seconds between requests, burst) for each window.

    Args:
        limits: The user's bounds; without a rate of theirs only a gateway that asked for patience has a window.
        rate: What the gateway has taught.
        now: Epoch seconds.
    """
    slowest = 1.0 / rate.allowed
    if limits.rate is None:
        return ((slowest, 1),) if slowest else ()
    ramp = rate.ramp(now)
    gentle = 1 / (_GENTLE * rate.usual) if now - rate.recovered_at < _GENTLE_FOR else 0.0
    own = ((1 / limits.rate, 1), (60 / limits.per_minute, limits.burst))
    return tuple((max(max(interval, slowest) / ramp, gentle), burst) for interval, burst in own)
