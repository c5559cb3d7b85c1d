"""V: what the news that may have come is worth, second by second.

Rule: sums beliefs of any number of tasks; plain ones rise all the time, on a tick they rise with the tick. Always mixed, so
that a clock that is not there is found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from mjwatch._policy.left import Belief
from mjwatch._policy.ticks import Ticks

_AHEAD: Final = 40
"""Ticks that are looked ahead at most: ten minutes."""


@frozen
class News:
    """
    The news that may come.

    Attributes:
        beliefs: What may happen, each with its worth in ends.
    """

    beliefs: Sequence[tuple[Belief, float]]

    def by(self, after: float, ticks: Ticks | None, shown: Sequence[float]) -> float:
        """Return the worth of what has become visible *after* seconds from now; *shown* is what the ticks bring."""
        ticked = 0.0
        if ticks is not None:
            for number, worth in enumerate(shown):
                ticked += worth * ticks.come(number, after)
            if ticks.trust >= 1.0:
                return ticked
        plain = 0.0
        for belief, worth in self.beliefs:
            plain += worth * (1.0 - belief.survive(after))
        return plain if ticks is None else ticks.trust * ticked + (1.0 - ticks.trust) * plain

    def shown(self, ticks: Ticks, longest: float) -> list[float]:
        """Return the worth of what each tick to come shows: what happened since the tick before."""
        shown: list[float] = []
        before = [1.0] * len(self.beliefs)
        # The first tick to come: the window at hand may be past.
        middle = ticks.middle if ticks.middle > 0.0 else ticks.middle + ticks.period
        for number in range(min(_AHEAD, int(longest / ticks.period) + 2)):
            until = middle + (number + 0.5) * ticks.period
            after = [belief.survive(until) for belief, _ in self.beliefs]
            worths = (w * (a - b) for a, b, (_, w) in zip(before, after, self.beliefs, strict=True))
            shown.append(sum(worths))
            before = after
        return shown
