"""Worlds: how long tasks take and how their progress moves, drawn with the dice they are given.

Rule: what is true of a task, whoever looks. The durations are those of public samples times 0.65 or 1.5, so they differ on
purpose from what the library believes before it has learned anything; `tests/test_pacing_benchmark.py` holds them apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import log
from random import Random
from typing import Final

from attrs import field, frozen

from mjwatch.tasks import Action, Mode, Status

STEPS: Final = (0, 15, 31, 46, 62, 78, 93)
"""The percentages Discord shows (`protocol.md` 1.5)."""
_QUEUE: Final = (0.9, 2.9)
"""Seconds until a task runs that was paid to be fast."""
_RELAX_QUEUE: Final = 20.0
"""Mean seconds until one runs that was not."""


@frozen
class Duration:
    """A lognormal: its median in seconds and the spread of its logarithm."""

    median: float
    spread: float

    @classmethod
    def off(cls, factor: float, p10: float, p50: float, p90: float) -> Duration:
        """Return the duration with these quantiles, all of them off by *factor*."""
        return cls(p50 * factor, log(p90 / p10) / 2.563)

    def draw(self, rng: Random) -> float:
        """Return one duration in seconds."""
        return rng.lognormvariate(log(self.median), self.spread)


@frozen
class Kind:
    """A kind of task: what it does, how fast it was paid for, and how long it runs."""

    action: Action
    mode: Mode
    takes: Duration
    has_steps: bool = True

    def queue(self, rng: Random) -> float:
        """Return for how long one waits before it runs, in seconds."""
        if self.mode is Mode.RELAX:
            return min(600.0, rng.expovariate(1 / _RELAX_QUEUE))
        return rng.uniform(*_QUEUE)


KINDS: Final = {
    "fast": Kind(Action.IMAGINE, Mode.FAST, Duration.off(0.65, 27, 45, 85)),
    "relax": Kind(Action.IMAGINE, Mode.RELAX, Duration.off(1.5, 35, 85, 260)),
    "turbo": Kind(Action.IMAGINE, Mode.TURBO, Duration.off(1.5, 12, 20, 35)),
    "pick": Kind(Action.UPSCALE, Mode.FAST, Duration.off(1.5, 2, 9, 14), has_steps=False),
    "upscale": Kind(Action.UPSCALE_HD, Mode.FAST, Duration.off(0.65, 25, 60, 130)),
    "describe": Kind(Action.DESCRIBE, Mode.FAST, Duration.off(1.5, 5, 9.5, 15), has_steps=False),
    "video": Kind(Action.VIDEO, Mode.FAST, Duration.off(1.5, 48, 75, 120)),
    "video relax": Kind(Action.VIDEO, Mode.RELAX, Duration.off(0.65, 125, 210, 350)),
}


@frozen
class World:
    """
    A mixture of kinds.

    Attributes:
        name: For the tables.
        kinds: Each with its share.
        is_irregular: Uneven steps, 6 % stalls of one to three minutes, 3 % failures.
        idle: Seconds between two tasks of one watcher, at least and at most.
    """

    name: str
    kinds: Sequence[tuple[str, float]]
    is_irregular: bool = False
    idle: tuple[float, float] = (1.0, 25.0)


_DAY: Final = (
    *(("fast", 0.35), ("relax", 0.2), ("turbo", 0.1), ("pick", 0.15), ("upscale", 0.05)),
    *(("describe", 0.05), ("video", 0.05), ("video relax", 0.05)),
)
_BASE: Final = (("fast", 0.6), ("relax", 0.4))
WORLDS: Final = {
    world.name: world
    for world in (
        World("base", _BASE),
        World("day", _DAY),
        *(World(kind, ((kind, 1.0),)) for kind in KINDS),
        World("without steps", (("pick", 0.7), ("describe", 0.3))),
        World("irregular", _BASE, is_irregular=True),
        World("idle", _BASE, idle=(600.0, 615.0)),
    )
}


@frozen
class Step:
    """One thing that becomes true, *at* seconds after the submit."""

    at: float
    status: Status
    percent: int | None


@frozen(eq=False)
class Life:
    """What is true of a task: its kind and its steps, the last one being its end."""

    kind: Kind
    queued: float
    takes: float
    steps: tuple[Step, ...]
    instants: tuple[float, ...] = field(init=False)

    @instants.default
    def _when(self) -> tuple[float, ...]:
        return tuple(step.at for step in self.steps)

    @property
    def lasts(self) -> float:
        """Seconds from the submit to the end."""
        return self.instants[-1]

    def at(self, age: float) -> Step:
        """Return what is true *age* seconds after the submit."""
        return self.steps[max(0, bisect_right(self.instants, age) - 1)]


def draw(world: World, rng: Random) -> Life:
    """Return one task of *world*."""
    kind = KINDS[rng.choices([name for name, _ in world.kinds], [share for _, share in world.kinds])[0]]
    return live(kind, kind.queue(rng), kind.takes.draw(rng), rng, is_irregular=world.is_irregular)


def live(kind: Kind, queued: float, takes: float, rng: Random, *, is_irregular: bool) -> Life:
    """Return a task that is *queued* so long and *takes* so long, and throw the dice for the rest."""
    steps = [Step(0.0, Status.NOT_START, None), Step(min(1.0, queued / 3), Status.SUBMITTED, 0)]
    at = queued + takes
    if kind.has_steps:
        at = _run(steps, queued, takes, rng, is_irregular=is_irregular)
    else:
        steps.append(Step(queued, Status.IN_PROGRESS, 0))
    end = Status.SUCCESS
    if is_irregular and rng.random() < 0.03:
        end, at = Status.FAILURE, rng.uniform(queued, at)
        steps = [step for step in steps if step.at < at]
    steps.append(Step(at, end, 100))
    return Life(kind, queued, takes, tuple(steps))


def _run(steps: list[Step], queued: float, takes: float, rng: Random, *, is_irregular: bool) -> float:
    """Add the steps of a run; return when it ends. The last tenth is the upload of the final picture."""
    gap = takes * 0.9 / len(STEPS)
    stalls_at = rng.choice(STEPS) if is_irregular and rng.random() < 0.06 else None
    uneven = (0.4, 1.6) if is_irregular else (0.8, 1.2)
    passed = stalled = 0.0
    for percent in STEPS:
        passed += gap * rng.uniform(*uneven)
        if percent == stalls_at:
            stalled = rng.uniform(60.0, 200.0)
        steps.append(Step(queued + passed + stalled, Status.IN_PROGRESS, percent))
    return queued + stalled + max(takes, passed + gap / 2)
