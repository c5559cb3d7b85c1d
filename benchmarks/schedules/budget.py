"""The budget: what the library allows itself by default, for everybody alike, and a count that nobody passed it.

Rule: one gate for all policies; the count afterwards knows nothing of the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from mjwatch._policy.governor import Governor, windows
from mjwatch._store.contract import Gap
from mjwatch._store.gate import Gate
from mjwatch.settings import Limits

_GAPS: Final = tuple(Gap(interval, burst) for interval, burst in windows(Limits(), Governor(), 0.0))
_MOST: Final = ((1.0, 10), (60.0, 304))
"""Requests within so many seconds: 10, and what 300 a minute and a burst of 5 come to."""
_HAIR: Final = 1e-4


class OverBudgetError(AssertionError):
    """A policy was let through too often: the play is wrong."""


@define(eq=False)
class Budget:
    """10 requests a second and 300 a minute with a burst of 5; and when each request went."""

    _gate: Gate = field(factory=Gate)
    spent_at: list[float] = field(factory=list)

    def opens_at(self, at: float, pace: float) -> float:
        """Return when the next request may go that wants to go *at*, *pace* seconds after the last."""
        return at + self._gate.wait(at, _GAPS, pace)

    def spend(self, now: float) -> None:
        """Make a request."""
        self._gate.spend(now, _GAPS)
        self.spent_at.append(now)


def check(instants: Sequence[float]) -> None:
    """
    Count requests, made at these rising *instants*, in every window of a second and of a minute.

    Raises:
        OverBudgetError: there were more than the budget allows.
    """
    for window, most in _MOST:
        for first, last in zip(instants, instants[most:], strict=False):
            if last - first < window - _HAIR:
                raise OverBudgetError(f"more than {most} requests within {window:g} s of {first:.1f}")
