"""Scores: what some tasks cost, and how late their ends were known.

Rule: counts and divides; who looked when is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, nan
from statistics import fmean
from typing import Final

from attrs import define, field

from .gateways import Sight, View

_INTERVALS: Final = (1.0, 2.0, 3.0, 5.0)


@define
class Score:
    """
    What some tasks cost, all in all.

    Attributes:
        requests: Made, whatever they carried.
        looks: At one id each.
        progress_seen, progress_shown: Steps of progress of the tasks that ended.
        lags: How late each end was known, seconds.
        seconds: How long somebody waited, in all.
    """

    requests: int = 0
    looks: int = 0
    progress_seen: int = 0
    progress_shown: int = 0
    lags: list[float] = field(factory=list)
    seconds: float = 0.0

    @property
    def lag(self) -> float:
        """The mean lag of ends, seconds."""
        return fmean(self.lags) if self.lags else nan

    @property
    def late(self) -> float:
        """The lag that one end in twenty exceeds, seconds."""
        return sorted(self.lags)[int(0.95 * len(self.lags))] if self.lags else nan

    @property
    def steps_seen(self) -> float:
        """The share of the progress shown that was seen; not a number where none was counted."""
        return self.progress_seen / self.progress_shown if self.progress_shown else nan

    @property
    def product(self) -> float:
        """Looks per task times mean lag: the lower, the better."""
        return self.looks / len(self.lags) * self.lag

    def end(self, sight: Sight, now: float) -> None:
        """Count a task whose end was seen *now*."""
        self.progress_seen += sight.progress_seen
        self.progress_shown += sight.view.progress_shown
        self.lags.append(now - sight.view.ends_at)
        self.seconds += now - sight.view.begun_at


def best_fixed(views: Sequence[View]) -> float:
    """Return looks per task times mean lag of the best fixed interval, by arithmetic."""
    return min(_fixed(views, seconds) for seconds in _INTERVALS)


def _fixed(views: Iterable[View], seconds: float) -> float:
    spans = [view.ends_at - view.begun_at for view in views]
    waits = [ceil(span / seconds) for span in spans]
    return fmean(wait + 1 for wait in waits) * fmean(
        wait * seconds - span for wait, span in zip(waits, spans, strict=True)
    )
