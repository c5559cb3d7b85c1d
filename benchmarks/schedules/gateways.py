"""Gateways: when what is true of a task becomes visible.

Rule: turns a `Life` into what looks can see of it, and when. At once; at saves of its own every 3 s; or at ticks that
all tasks share, 15 s and what the gateway's own loop takes (`protocol.md` 1.5, 3.5, 4.5).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import ceil, floor
from random import Random
from typing import Final

from attrs import define, field, frozen

from mjwatch.tasks import Status

from .worlds import Life, Step

PERIOD: Final = 15.0
SAVES: Final = 3.0
_HAIR: Final = 1e-6


@frozen(eq=False)
class View:
    """
    A task as a gateway shows it, from *begun_at* on.

    Attributes:
        life: What is true of it.
        begun_at: When it was submitted.
        phase: Of its own saves, where the gateway has such.
        shown_at: When each of `steps` becomes visible; rises strictly.
        steps: What is visible from then on.
    """

    life: Life
    begun_at: float
    phase: float
    shown_at: tuple[float, ...]
    steps: tuple[Step, ...]

    @property
    def ends_at(self) -> float:
        """When its end becomes visible."""
        return self.shown_at[-1]

    @property
    def progress_shown(self) -> int:
        """How many steps of progress become visible at all."""
        return sum(step.status is Status.IN_PROGRESS for step in self.steps)

    def index_at(self, now: float) -> int:
        """Return which of `steps` a look at *now* sees."""
        return max(0, bisect_right(self.shown_at, now) - 1)


@define(eq=False)
class Sight:
    """What looks have seen of one task."""

    view: View
    index: int | None = None
    looks: int = 0
    progress_seen: int = 0

    @property
    def is_over(self) -> bool:
        """True when its end was seen."""
        return self.index == len(self.view.steps) - 1

    def look(self, now: float) -> bool:
        """Look at it; return True for a change."""
        self.looks += 1
        index = self.view.index_at(now)
        if index == self.index:
            return False
        self.index = index
        self.progress_seen += self.view.steps[index].status is Status.IN_PROGRESS
        return True


@define(eq=False)
class Ticks:
    """The instants at which a gateway copies its upstream: 15 s apart, and up to *spread* more each time."""

    spread: float
    rng: Random
    _at: list[float] = field(init=False)

    @_at.default
    def _first(self) -> list[float]:
        return [-self.rng.uniform(0.0, PERIOD)]

    def first_from(self, at: float) -> float:
        """Return the first tick at or after *at*."""
        self._extend(at)
        return self._at[bisect_left(self._at, at)]

    def last_until(self, now: float) -> float:
        """Return the last tick until *now*."""
        self._extend(now)
        return self._at[max(0, bisect_right(self._at, now) - 1)]

    def _extend(self, until: float) -> None:
        while self._at[-1] <= until:
            self._at.append(self._at[-1] + PERIOD + self.rng.uniform(0.0, self.spread))


@define(eq=False)
class Gateway:
    """
    One gateway.

    Attributes:
        name: Of its kind.
        rng: The dice for the phases of saves.
        ticks: That all tasks share, None where there are none.
        has_saves: Each task is saved every 3 s, in a phase of its own.
    """

    name: str
    rng: Random
    ticks: Ticks | None = None
    has_saves: bool = False

    @property
    def refresh(self) -> float | None:
        """What the dialect of this family says about its period, seconds."""
        return None if self.ticks is None else PERIOD

    def show(self, life: Life, begun_at: float) -> View:
        """Return what looks can see of *life*."""
        phase = self.rng.uniform(0.0, SAVES)
        shown: list[tuple[float, Step]] = [(begun_at, life.steps[0])]
        for step in life.steps[1:]:
            at = self.shown_at(begun_at + step.at, phase)
            if shown[-1][0] >= at:
                shown.pop()  # passed over: nobody can have seen it
            shown.append((at, step))
        return View(life, begun_at, phase, tuple(at for at, _ in shown), tuple(step for _, step in shown))

    def shown_at(self, at: float, phase: float) -> float:
        """Return when what becomes true *at* some time becomes visible."""
        if self.has_saves:
            return phase + ceil((at - phase) / SAVES) * SAVES
        return at if self.ticks is None else self.ticks.first_from(at)

    def true_at(self, now: float, phase: float) -> float:
        """Return the instant whose truth a look at *now* sees."""
        if self.has_saves:
            return phase + floor((now - phase) / SAVES + _HAIR) * SAVES
        return now if self.ticks is None else self.ticks.last_until(now)


_SPREADS: Final = {"15 s + U(0, 0.5)": 0.5, "15 s + U(0, 2)": 2.0}
GATEWAYS: Final = ("event-driven", "3 s, own phase", *_SPREADS)
"""The kinds of gateways."""


def gateway(name: str, dice: str) -> Gateway:
    """Return a gateway of the kind *name*, with dice that are named *dice*."""
    spread = _SPREADS.get(name)
    ticks = None if spread is None else Ticks(spread, Random(f"{dice}/ticks"))
    return Gateway(name, Random(f"{dice}/phases"), ticks, has_saves=name == GATEWAYS[1])
