"""What was seen of one kind of time: the mean and the spread of its logarithm, old tasks forgotten exponentially.

Rule: how a number is learned and believed; what it is a number of stands in `forecast.py`.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Final

from msgspec import Struct

MEMORY: Final = 20.0
"""Tasks after which an old one counts a third."""

_LEAN: Final = 2.0
"""How many tasks the wider belief counts for beside what was seen."""

_MOST_LOG: Final = 14.0
"""No time is learned that is further from a second: 14 is a fortnight."""

_SHARPEST: Final = 0.08

_ROBUST: Final = 2.5
"""A task further off than so many spreads counts as if it were there."""

Moments = tuple[float, float]
"""A mean and a variance, of the logarithm of seconds."""


class Learned(Struct):
    """What was seen of one thing: how many tasks (up to `MEMORY`), and their moments."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, value: float) -> None:
        """Take in one more."""
        off = value - self.mean
        if self.count > 4:
            most = _ROBUST * sqrt(max(self.variance, _SHARPEST**2))
            off = min(max(off, -most), most)
        share = 1.0 / min(self.count + 1.0, MEMORY)
        self.mean += share * off
        self.variance = (1.0 - share) * (self.variance + share * off * off)
        self.count = min(self.count + 1.0, MEMORY)

    @property
    def is_sane(self) -> bool:
        """True for what tasks can have taught: a second to a fortnight, and a spread to match."""
        return (
            1.0 <= self.count <= MEMORY and abs(self.mean) <= _MOST_LOG and 0.0 <= self.variance <= _MOST_LOG
        )

    def over(self, wider: Moments) -> Moments:
        """Return the moments to believe, given those of a *wider* belief."""
        weight = self.count / (self.count + _LEAN)
        mean, variance = wider
        return mean + weight * (self.mean - mean), variance + weight * (self.variance - variance)


def shape(moments: Moments) -> tuple[float, float]:
    """Return mean and spread, no sharper than looks can tell."""
    mean, variance = moments
    return mean, max(_SHARPEST, sqrt(variance))


def log_of(seconds: float) -> float:
    """Return the logarithm of a time, kept within reason."""
    return log(min(max(seconds, 0.2), 1e6))
