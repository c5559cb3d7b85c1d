"""When a gateway notices what has become true: at once, at its own saves, or at the ticks of its copies.

Decides which step of a `Timeline` each row of a gateway shows at an instant. No JSON, no clock of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import floor, inf
from random import Random
from typing import Final, Protocol

from attrs import define, field, frozen

from .timeline import Timeline

FRESH: Final = -1
"""The row as family C wrote it at submit, before its first copy: status "" and progress "0%" (protocol.md 4.4)."""


class Refresh(Protocol):
    """What a gateway shows of a timeline."""

    def rows(self, timeline: Timeline, phase: float, now: float) -> tuple[int, ...]:
        """Return the step each row shows at *now*, oldest row first: fetch shows that one, a list shows all."""
        ...

    def noticed_at(self, timeline: Timeline, phase: float, index: int) -> float | None:
        """Return when the newest row first showed step *index*, or None if it never does."""
        ...


@frozen
class AtOnce:
    """Families A and E: every read sees the truth (protocol.md 1.5)."""

    def rows(self, timeline: Timeline, phase: float, now: float) -> tuple[int, ...]:  # noqa: ARG002
        """Return the step in force."""
        return (timeline.index_at(now),)

    def noticed_at(self, timeline: Timeline, phase: float, index: int) -> float | None:  # noqa: ARG002
        """Return when the step became true, if it was not passed over in the same instant."""
        at = timeline.instants[index]
        return at if at < inf and timeline.index_at(at) == index else None


@frozen
class Saved:
    """Family B: each task is saved every *period* seconds, with a phase of its own (protocol.md 3.5)."""

    period: float = 3.0

    def rows(self, timeline: Timeline, phase: float, now: float) -> tuple[int, ...]:
        """Return the step in force at the last save; submit and submit/modal save at once."""
        saved = phase + floor((now - phase) / self.period) * self.period
        return (timeline.index_at(max(saved, timeline.began()[-1])),)

    def noticed_at(self, timeline: Timeline, phase: float, index: int) -> float | None:
        """Return the first save that finds the step in force."""
        at = timeline.instants[index]
        if at == inf:
            return None
        saved = phase - floor((phase - at) / self.period) * self.period
        seen = at if at in timeline.began() else saved
        return seen if timeline.index_at(seen) == index else None


@define(eq=False)
class Copied:
    """
    Family C: one loop copies all unfinished rows of its upstream every *period* seconds and a little (protocol.md 4.5).

    A row is left alone once it shows 100 %, so what the upstream says later is lost. An answered MODAL is a second
    row with the same id; the older one stands still until the tick after the newer one has ended.
    """

    rng: Random
    begun_at: float
    period: float = 15.0
    spread: float = 0.5
    """Each round takes period + U(0, spread) seconds."""
    ticks: list[float] = field(init=False)
    _asked: float = field(init=False, default=-inf)
    _found: float = field(init=False, default=-inf)

    def __attrs_post_init__(self) -> None:
        # one tick in the past: the phase of the loop has nothing to do with our beginning
        self.ticks = [self.begun_at - self.rng.uniform(0.0, self.period)]

    def rows(self, timeline: Timeline, phase: float, now: float) -> tuple[int, ...]:  # noqa: ARG002
        """Return the step of each row, oldest row first."""
        began = timeline.began()
        last = len(began) - 1
        tick = self._last(now)
        done = self._done(timeline, tick)
        newest = self._copied(timeline, began[last], tick if done is None else self.ticks[done])
        if last == 0:
            return (newest,)
        older = tuple(self._older(timeline, began, row, done, tick) for row in range(last))
        return (*older, newest)

    def noticed_at(self, timeline: Timeline, phase: float, index: int) -> float | None:
        """Return the first tick whose copy has the newest row show the step."""
        at = timeline.instants[index]
        if at == inf:
            return None
        began, part = timeline.began(), timeline.steps[index].part
        tick = self._first(at)
        if part < len(began) - 1:  # that row was the newest until its MODAL was answered
            return tick if tick < began[part + 1] and timeline.index_at(tick) == index else None
        # compare with what `rows` shows then: the step may be passed over, or come after the copying has stopped
        return tick if self.rows(timeline, phase, tick)[-1] == index else None

    def _done(self, timeline: Timeline, tick: float) -> int | None:
        """Return the number of the tick that copied the end, if that was not after *tick*."""
        if timeline.settled is None or timeline.instants[timeline.settled] > tick:
            return None
        at = max(timeline.instants[timeline.settled], timeline.began()[-1])
        number = bisect_left(self.ticks, at)
        return number if number < len(self.ticks) and self.ticks[number] <= tick else None

    def _older(
        self, timeline: Timeline, began: tuple[float, ...], row: int, done: int | None, tick: float
    ) -> int:
        """Return the step of a row that a newer one stands before: the copy finds rows by id and takes the last."""
        if done is not None:
            freed = done + (len(began) - 1 - row)
            if freed < len(self.ticks) and self.ticks[freed] <= tick:
                return timeline.index_at(self.ticks[freed])
        before = bisect_left(self.ticks, began[row + 1]) - 1
        return self._copied(timeline, began[row], self.ticks[max(before, 0)])

    @staticmethod
    def _copied(timeline: Timeline, row_began: float, tick: float) -> int:
        return FRESH if tick < row_began else timeline.index_at(tick)

    def _last(self, now: float) -> float:
        if now != self._asked:  # a list asks 500 times for one instant
            self._extend(now)
            self._asked, self._found = now, self.ticks[max(bisect_right(self.ticks, now) - 1, 0)]
        return self._found

    def _first(self, at: float) -> float:
        self._extend(at)
        return self.ticks[bisect_left(self.ticks, at)]

    def _extend(self, until: float) -> None:
        while self.ticks[-1] <= until:
            self.ticks.append(self.ticks[-1] + self.period + self.rng.uniform(0.0, self.spread))
