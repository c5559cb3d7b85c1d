"""The ticks to come, as seen from one instant.

Rule: a value and what can be read from it; what is believed of a gateway's tick, and why, stands in `clock.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import atan2, cos, pi, sin
from typing import Final

from attrs import frozen

_OPENS: Final = 0.02
_CLOSES: Final = 0.99
"""A window's edges: who looks too early waits a whole period more, which is why it closes late."""


@frozen
class Ticks:
    """
    The ticks to come, as seen from one instant.

    Attributes:
        trust: The chance that there is a clock.
        period: Of the ticks, seconds.
        width: Of a bin of `first`, seconds.
        first: The chance that the next tick has come, bin by bin.
        opens, closes: The window of a tick near, seconds from now: it may be open, and is repeated each `period`.
    """

    trust: float
    period: float
    width: float
    first: tuple[float, ...]
    opens: float
    closes: float

    @classmethod
    def of(cls, first: Sequence[float], width: float, *, trust: float, period: float) -> Ticks:
        """Return the ticks to come, from the chances of the next one, bin by bin."""
        come = list(accumulate(first))
        lap = round(period / width)
        circle = list(first[:lap])
        for bin_, chance in enumerate(first[lap:]):  # later than a mean period from now: a little behind now
            circle[bin_] += chance
        opens, closes = _window(circle)
        risen = tuple([chance / come[-1] for chance in come])
        return cls(trust, period, width, risen, opens * width, closes * width)

    @property
    def middle(self) -> float:
        """The middle of the window, seconds from now."""
        return (self.opens + self.closes) / 2

    @property
    def last(self) -> float:
        """The last tick: the middle of its window, seconds from now; not above zero."""
        return self.middle if self.middle <= 0.0 else self.middle - self.period

    @property
    def is_locked(self) -> bool:
        """True where it is known when the next tick comes."""
        return self.trust > 0.5 and self.closes - self.opens < self.period / 3

    def smooth_for(self, after: float, grid: float) -> float:
        """Return for how long from *after* on V is smooth: until the next window, or a part of this one."""
        width = self.closes - self.opens
        if width > self.period / 3:
            return self.period
        into = (after - self.opens) % self.period
        return max(grid, width / 8) if after >= self.opens and into < width else max(grid, self.period - into)

    def between(self, since: float) -> float:
        """Return the mean of the ticks between *since* and now, both in seconds from now: *since* is negative."""
        return max(since, self.last - max(0.0, (self.last - since) // self.period) * self.period / 2)

    def nearest(self, after: float, last: float) -> float:
        """Return the tick nearest to *after*, of those that follow the *last* one; all in seconds from now."""
        return last + max(1, round((after - last) / self.period)) * self.period

    def come(self, number: int, after: float) -> float:
        """Return the chance that so many ticks more than the next have come *after* seconds from now."""
        into = after - number * self.period
        if into < 0.0:
            return 0.0
        index = int(into / self.width)
        return self.first[index] if index < len(self.first) else 1.0


def _window(first: Sequence[float]) -> tuple[float, float]:
    """Return the edges of the window that holds nearly all of a circle of chances, in bins; may begin before 0."""
    size = len(first)
    turn = 2 * pi / size
    east = sum(chance * cos(i * turn) for i, chance in enumerate(first))
    north = sum(chance * sin(i * turn) for i, chance in enumerate(first))
    begin = round(atan2(north, east) / turn) - size // 2  # opposite of the mean: where least lies
    come = list(accumulate(first[i % size] for i in range(begin, begin + size)))
    opens = begin + bisect_left(come, _OPENS * come[-1])
    closes = begin + bisect_left(come, _CLOSES * come[-1]) + 1
    laps = closes // size * size if closes > size else 0
    return opens - laps, closes - laps
