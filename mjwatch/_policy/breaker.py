"""Whether a gateway is asked at all: after enough failures only by one probe at a time, until it is well again.

Rule: counts exchanges and decides about the gate; what a failure is, and what readers are told of it, stands in
`governor.py`. Closed, open, half open (Nygard); five failures in a row as Envoy has it, half of twenty as Hystrix has it.
"""

from __future__ import annotations

from math import exp
from random import Random
from typing import Final

from attrs import evolve, frozen

IN_A_ROW: Final = 5
_MANY: Final = 20.0
_SHARE: Final = 0.5
_SPAN: Final = 30.0
"""Or that share of so many exchanges within about so many seconds."""

_FIRST: Final = 5.0
_MOST: Final = 30.0
"""Seconds between two probes, at first and at most. In a model of fifty clients and an outage of ten minutes, 15 s cost
4.5 % of the usual requests, 30 s 2.3 % and 60 s 1.2 %; all was well again 33, 47 and 73 s after its end."""
_GOOD: Final = 2
"""Probes in a row that must go well."""


@frozen
class Breaker:
    """
    What is known of a gateway's failures.

    Attributes:
        is_open: Only probes may go.
        opened_at: When it opened or a probe failed last: replies to requests that left earlier say nothing new. Long
            ago where it is closed.
        closed_for: Seconds from then in which not even a probe may go.
        reopened: Probes that failed since it opened.
        good: Probes in a row that went well.
        in_a_row: Failures in a row.
        well, failed: The exchanges of late, the older the less.
        counted_at: The last of them.
    """

    is_open: bool = False
    opened_at: float = float("-inf")
    closed_for: float = 0.0
    reopened: int = 0
    good: int = 0
    in_a_row: int = 0
    well: float = 0.0
    failed: float = 0.0
    counted_at: float = float("-inf")

    def probe_in(self, now: float) -> float:
        """Return in how many seconds a probe may go, 0.0 for now."""
        return max(0.0, self.opened_at + self.closed_for - now)


def failed(breaker: Breaker, departed_at: float, now: float, rng: Random) -> Breaker:
    """Return *breaker* after a failure."""
    if breaker.is_open:
        return breaker if departed_at < breaker.opened_at else _reopened(breaker, now, rng)
    after = _counted(breaker, now, is_well=False)
    total = after.well + after.failed
    is_enough = after.in_a_row >= IN_A_ROW or (total >= _MANY and after.failed >= _SHARE * total)
    return _opened(after, now, rng.uniform(0.5, 1.0) * _FIRST) if is_enough else after


def tripped(breaker: Breaker, now: float, wait: float) -> Breaker:
    """Return *breaker* opened at once, by a fault that somebody must mend: no probe for *wait* seconds."""
    return _opened(breaker, now, wait)


def went_well(breaker: Breaker, now: float) -> Breaker:
    """Return *breaker* after a useful answer."""
    if not breaker.is_open:
        return _counted(breaker, now, is_well=True)
    if breaker.good + 1 >= _GOOD:
        return Breaker(counted_at=now)
    return evolve(breaker, good=breaker.good + 1, closed_for=0.0)


def lost(breaker: Breaker, now: float, rng: Random) -> Breaker:
    """Return *breaker* after a probe that nobody waits for any more: it proved nothing, so another one must go."""
    if not breaker.is_open:
        return breaker
    return evolve(breaker, opened_at=now, closed_for=rng.uniform(0.5, 1.0) * _FIRST, good=0)


def _opened(breaker: Breaker, now: float, wait: float) -> Breaker:
    return evolve(breaker, is_open=True, opened_at=now, closed_for=wait, reopened=0, good=0)


def _reopened(breaker: Breaker, now: float, rng: Random) -> Breaker:
    wait = rng.uniform(0.5, 1.0) * min(_MOST, _FIRST * 2.0 ** min(breaker.reopened + 1, 10))
    return evolve(breaker, opened_at=now, closed_for=wait, reopened=breaker.reopened + 1, good=0)


def _counted(breaker: Breaker, now: float, *, is_well: bool) -> Breaker:
    left = exp(-max(0.0, now - breaker.counted_at) / _SPAN)
    return evolve(
        breaker,
        in_a_row=0 if is_well else breaker.in_a_row + 1,
        well=breaker.well * left + is_well,
        failed=breaker.failed * left + (not is_well),
        counted_at=now,
    )
