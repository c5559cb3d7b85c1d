"""Beliefs about the time left until something happens.

Rule: the mathematics of two distributions; what they are beliefs about stands in `forecast.py`.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, expm1, log, log1p, pi, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

_ROOT2: Final = sqrt(2.0)
_normal = lru_cache(maxsize=64)(NormalDist().inv_cdf)
"""The quantile of the standard normal distribution; mostly of the same two parts."""

_BROAD: Final = 0.04
"""The share of a second, broad lognormal with the same centre: what was never seen before happens, too."""
_BROADER: Final = 3.0
_LEAST_BROAD: Final = 1.0

_FLAT: Final = 2.17
"""In spreads above the centre: the 98.5 % point, beyond which the chance per second falls only as one over the time."""
_FLAT_TAIL: Final = 0.5 * erfc(_FLAT / _ROOT2)
_FLAT_HAZARD: Final = exp(-_FLAT * _FLAT / 2) / (sqrt(2 * pi) * _FLAT_TAIL)


class Left(NamedTuple):
    """
    The time from an instant to an event: a lognormal that stays honest in its tail.

    Attributes:
        centre: The mean of the logarithm of seconds.
        spread: The standard deviation of that logarithm.
        age: Seconds since that instant, in which nothing happened.
    """

    centre: float
    spread: float
    age: float = 0.0

    def survive(self, after: float) -> float:
        """Return the chance that nothing has happened *after* seconds from now."""
        if after <= 0.0:
            return 1.0
        if self.age <= 0.0:
            return self._beyond(after)
        return self._beyond(self.age + after) / self._beyond(self.age)

    def quantile(self, part: float) -> float:
        """Return in how many seconds from now it has happened with the chance *part*; the broad tail left out."""
        if self.age <= 0.0:
            return exp(self.centre + self.spread * _normal(part))
        rest = _tail(log(self.age) - self.centre, self.spread)
        if rest < _FLAT_TAIL:
            # Who is that late ends within the next tenth of its age as likely now as at ten times the age.
            return self.age * expm1(-log1p(-part) * self.spread / _FLAT_HAZARD)
        z = _normal(1.0 - (1.0 - part) * rest)
        return max(0.0, exp(self.centre + self.spread * z) - self.age)

    def _beyond(self, time: float) -> float:
        off = log(time) - self.centre
        broad = max(_LEAST_BROAD, _BROADER * self.spread)
        return (1.0 - _BROAD) * _tail(off, self.spread) + _BROAD * _tail(off, broad)


class Steady(NamedTuple):
    """Something that may happen at any time, with the same chance *rate* each second."""

    rate: float

    def survive(self, after: float) -> float:
        """Return the chance that nothing has happened *after* seconds from now."""
        return exp(-self.rate * max(after, 0.0))

    def quantile(self, part: float) -> float:
        """Return in how many seconds from now it has happened with the chance *part*."""
        return -log1p(-part) / self.rate


Belief = Left | Steady


def _tail(off: float, spread: float) -> float:
    """Return the chance to lie *off* above the centre, in logarithms."""
    z = off / spread
    if z <= _FLAT:
        return 0.5 * erfc(z / _ROOT2)
    return max(_FLAT_TAIL * exp(-_FLAT_HAZARD / spread * (off - _FLAT * spread)), 1e-300)
