"""One gateway's budget: how often it may be asked, and how long it is left alone after a fault.

Rule: decides on exchanges, never on tasks; the store's gate enforces it. A fault is never a task's failure, and the
next regular look is the only retry.
"""

from __future__ import annotations

from random import Random
from typing import Final

from attrs import evolve, frozen

from mjwatch.errors import GatewayBusy, GatewayError
from mjwatch.events import GatewayEvent, Recovered, Unreachable
from mjwatch.observations import Verdict
from mjwatch.settings import Limits

HOLD_CAP: Final = 300.0
"""Longest hold a gateway's own Retry-After can ask for, seconds."""

_BACKOFF: Final = {  # (first, longest) hold in seconds; doubling, full jitter above the least
    Verdict.UNREACHABLE: (5.0, 30.0),
    Verdict.BROKEN: (5.0, 30.0),
    Verdict.CORRUPT: (5.0, 30.0),
    Verdict.THROTTLED: (2.0, 60.0),
}
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
    """

    failures: int = 0
    failing_since: float | None = None
    failed_at: float = float("-inf")
    error: GatewayError | None = None
    is_told: bool = False
    is_proven: bool = False


@frozen
class Ruling:
    """The new state, how long the gate is shut (seconds, 0.0 not at all), and what the readers are told."""

    governor: Governor
    hold: float = 0.0
    told: GatewayEvent | None = None


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


def windows(limits: Limits) -> tuple[tuple[float, int], ...]:
    """Return the budget as (seconds between requests, burst) for each window; empty where it is switched off."""
    if limits.rate is None:
        return ()
    return ((1 / limits.rate, 1), (60 / limits.per_minute, limits.burst))


def judge(governor: Governor, exchange: Exchange, rng: Random) -> Ruling:
    """
    Return what one exchange means for the gateway's budget.

    Faults are told from the second in a row on, a standing one at once; recovery is told once.
    """
    if exchange.error is None:
        # Another route or a smaller batch is left to try: neither a fault nor a useful answer.
        return _well(governor, exchange.at) if exchange.verdict.is_answer else Ruling(governor)
    if exchange.departed_at < governor.failed_at:
        # Of the same round: counted, and the gate is shut already; but a wish for patience is always honoured.
        is_throttled = exchange.verdict is Verdict.THROTTLED
        return Ruling(governor, _hold(exchange, governor.failures, rng) if is_throttled else 0.0)
    failures = governor.failures + 1
    since = exchange.at if governor.failing_since is None else governor.failing_since
    is_standing = not exchange.error.transient
    is_news = not governor.is_told and (failures >= 2 or is_standing)
    # Before the first useful answer each reader is told by its own look, for a standing fault is raised to it.
    is_news = is_news or (is_standing and not governor.is_proven)
    failing = evolve(
        governor,
        failures=failures,
        failing_since=since,
        failed_at=exchange.at,
        error=exchange.error,
        is_told=governor.is_told or is_news,
    )
    name = exchange.error.gateway
    told = Unreachable(name, exchange.at, exchange.error, since, governor.is_proven) if is_news else None
    return Ruling(failing, _hold(exchange, failures, rng), told)


def _well(governor: Governor, now: float) -> Ruling:
    healthy = Governor(is_proven=True)
    if not governor.is_told or governor.failing_since is None or governor.error is None:
        return Ruling(healthy)
    outage = now - governor.failing_since
    return Ruling(healthy, 0.0, Recovered(governor.error.gateway, now, outage, governor.failing_since))


def _hold(exchange: Exchange, failures: int, rng: Random) -> float:
    """Return how long the gate stays shut after a fault, in seconds."""
    asked = exchange.error.retry_after if isinstance(exchange.error, GatewayBusy) else None
    if asked is not None:
        # Never earlier than asked for, never longer than the cap and a little: the wish is a stranger's.
        wait = min(max(_LEAST, asked), HOLD_CAP)
        return wait + rng.uniform(0, min(5.0, wait / 10))
    if exchange.verdict in _BACKOFF:
        first, longest = _BACKOFF[exchange.verdict]
        return max(_LEAST, rng.uniform(0, min(longest, first * 2 ** min(failures - 1, 10))))
    first, longest = _STANDING
    return float(min(longest, first * 2 ** min(failures - 1, 10)))
