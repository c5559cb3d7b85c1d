"""Crews: who looks at a fleet. The library, loops that only know how to sleep, and loops that ask for lists.

Rule: each keeps what it knows of its tasks by the number of their slots; time and budget are the fleet's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, isfinite
from random import Random
from typing import Final

from attrs import define, field

from mjwatch._policy.pacing import ahead
from mjwatch._policy.plane import Plane, company_in, wanted_in

from .fleet import Plan
from .gateways import Sight
from .ours import Reader, Watching
from .peers import Schedule

_HAIR: Final = 1e-3
"""What sums of floats may differ by, seconds, with a wide margin."""


def _at_once(before: float) -> float:  # noqa: ARG001 - whoever keeps his own time has no pace
    return 0.0


@define(eq=False)
class Library:
    """The library: its pacing, its lessons, and its rules of who rides along."""

    reader: Reader
    room: int
    is_prompt: bool = True
    ahead: float = field(init=False)
    _tasks: dict[int, Watching] = field(init=False, factory=dict)
    _count: int = field(init=False, default=0)

    @ahead.default
    def _early(self) -> float:
        return ahead(self.reader.pacing)

    def begin(self, number: int, sight: Sight, now: float) -> float:
        """Look at once."""
        self._count += 1
        self._tasks[number] = self.reader.watch(sight, str(self._count), now)
        return 0.0

    def look(self, numbers: Sequence[int], watched: int, now: float) -> Plan:
        """Look, learn, and ask pacing."""
        tasks = [self._tasks[number] for number in numbers]
        going = self.reader.look(tasks, now)
        plane = Plane(watched, self.room)
        if plane.is_shared:
            next_in = [self.reader.next_look(going[0], plane, now) if going else 0.0] * len(tasks)
        else:
            next_in = [
                0.0 if task.sight.is_over else self.reader.next_look(task, plane, now) for task in tasks
            ]
        wait = self.reader.next_request(going, plane, now)
        wishes = self.reader.pacing

        def wanted(before: float) -> float:
            return wanted_in(wait, plane, len(numbers), before, wishes)

        return Plan(next_in, wanted, company_in(plane, wishes))


@define(eq=False)
class Sleepers:
    """A loop for each task, which only knows how to sleep."""

    schedule: Schedule
    rng: Random
    room: int = field(init=False, default=1)
    ahead: float = field(init=False, default=0.0)
    is_prompt: bool = field(init=False, default=False)
    _loops: dict[int, tuple[Sight, Iterator[float]]] = field(init=False, factory=dict)

    def begin(self, number: int, sight: Sight, now: float) -> float:  # noqa: ARG002 - knows no time
        """Sleep for the first time."""
        sleeps = self.schedule.sleeps(self.rng)
        self._loops[number] = (sight, sleeps)
        return next(sleeps)

    def look(self, numbers: Sequence[int], watched: int, now: float) -> Plan:  # noqa: ARG002 - alone
        """Look, and sleep."""
        next_in = []
        for number in numbers:
            sight, sleeps = self._loops[number]
            sight.look(now)
            next_in.append(next(sleeps))
        return Plan(next_in, _at_once)


@define(eq=False)
class Rounds:
    """One loop that asks for all tasks each so many seconds, by as many requests as it takes."""

    seconds: float
    room: int
    is_prompt: bool = False
    ahead: float = field(init=False, default=_HAIR)
    _sights: dict[int, Sight] = field(init=False, factory=dict)
    _round_at: float = field(init=False, default=-inf)

    def begin(self, number: int, sight: Sight, now: float) -> float:
        """Wait for the next round, or ask for this one at once."""
        self._sights[number] = sight
        if self.is_prompt:
            return 0.0
        return -(now - self._round_at) % self.seconds if isfinite(self._round_at) else 0.0

    def look(self, numbers: Sequence[int], watched: int, now: float) -> Plan:  # noqa: ARG002 - a fixed round
        """Look; all meet again in the next round."""
        if now >= self._round_at + self.seconds - _HAIR:
            self._round_at = now
        for number in numbers:
            self._sights[number].look(now)
        return Plan([self._round_at + self.seconds - now] * len(numbers), _at_once)
