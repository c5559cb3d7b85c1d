"""Cells: one measurement each, from its name and its dice to a row of figures.

Rule: a cell says everything that its row depends on, so rows can be made anywhere, in any order, and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from random import Random
from typing import Final

from attrs import evolve, frozen

from mjwatch._policy.plane import Plane
from mjwatch.settings import Pacing

from . import ablations, alone, whole
from .crews import Library, Rounds, Sleepers
from .fleet import Crew, Fleet
from .gateways import Gateway, View, gateway
from .oracle import Oracle
from .ours import Reader
from .peers import SCHEDULES, Schedule, every
from .scores import Score, best_fixed
from .worlds import WORLDS

OURS: Final = "ours"
ORACLE: Final = "oracle"
ROUNDS: Final = "rounds"
WHOLE: Final = "whole"
_AFTER: Final = 20.0
"""Seconds from the last task that was learned from to a fleet."""


@frozen(kw_only=True)
class Cell:
    """
    One measurement.

    Attributes:
        world, gateway: Of `WORLDS` and `GATEWAYS`.
        policy: "ours", "oracle", "rounds" (one batch loop), "whole" (the library with all its floors) or the name of
            a schedule.
        seed: Of all dice.
        lag: What is asked of ours and of the oracle, seconds; the interval of rounds.
        is_warm: Ours has seen `warm_up` tasks; else it knows the priors alone.
        wants_progress: Somebody listens to progress.
        has_instants: The gateway sends submitTime and startTime.
        tasks: Under way at once.
        room: Ids in one request.
        is_prompt: A new task is looked at in the moment it is watched, as the library's store has it.
        without: What of ours is switched off, for the ablation.
        warm_up: Tasks.
        bank: Lives of each kind that the oracle compares with.
        settle: Seconds that a fleet goes on before it is counted.
        measured: Tasks; of a fleet, seconds.
    """

    world: str
    gateway: str
    policy: str
    seed: int
    lag: float = 1.0
    is_warm: bool = True
    wants_progress: bool = False
    has_instants: bool = False
    tasks: int = 1
    room: int = 1
    is_prompt: bool = True
    without: str | None = None
    warm_up: int = 500
    bank: int = 6000
    settle: float = 0.0
    measured: int = 300

    @property
    def dice(self) -> str:
        """The name of the dice that all policies share: they see the same tasks."""
        return f"{self.seed}/{self.world}/{self.gateway}"

    @property
    def is_alone(self) -> bool:
        """True where one task follows the other."""
        return self.tasks == 1


@frozen
class Row:
    """
    What a cell came to.

    Attributes:
        cell: Which.
        ends: Tasks whose end was seen.
        requests, looks: Per task that ended.
        rate: Requests a second; where one task follows the other, of the time somebody waited.
        lag, late: How late ends were known, the mean and the 95th percentile, seconds.
        steps: The share of the progress shown that was seen.
        x: How many times better than the best fixed interval; not a number in a fleet.
    """

    cell: Cell
    ends: int
    requests: float
    looks: float
    rate: float
    lag: float
    late: float
    steps: float
    x: float

    @property
    def product(self) -> float:
        """Looks times lag."""
        return self.looks * self.lag


def shrunk(cell: Cell) -> Cell:
    """Return a tiny version of a cell: only that it runs."""
    measured = 2 if cell.is_alone else 8
    warm_up = min(cell.warm_up, 1)
    return evolve(cell, tasks=min(cell.tasks, 20), warm_up=warm_up, bank=50, settle=0.0, measured=measured)


def measure(cell: Cell) -> Row:
    """Make the row of a cell."""
    with ablations.without(cell.without):
        return _alone(cell) if cell.is_alone else _fleet(cell)


def _alone(cell: Cell) -> Row:
    shown_by = gateway(cell.gateway, cell.dice)
    learned, measured = _tasks(cell, shown_by, cell.measured)
    score = _score(cell, shown_by, learned, measured)
    return _row(cell, score, score.requests / score.seconds, best_fixed(measured) / score.product)


def _score(cell: Cell, shown_by: Gateway, learned: list[View], measured: list[View]) -> Score:
    rng = Random(f"{cell.dice}/{cell.policy}")
    if cell.policy == OURS:
        return alone.by_reader(measured, _readers(cell, shown_by, learned), Plane(1, cell.room))
    if cell.policy == ORACLE:
        wishes = Pacing(lag=cell.lag)
        oracle = Oracle(WORLDS[cell.world], shown_by, wishes, rng, cell.wants_progress, cell.bank)
        return alone.by_looker(measured, oracle.meet)
    if cell.policy == WHOLE:
        return whole.play(learned, measured, shown_by, Pacing(lag=cell.lag), cell.seed)
    return alone.by_schedule(measured, _schedule(cell), rng)


def _schedule(cell: Cell) -> Schedule:
    return every(cell.lag) if cell.policy == ROUNDS else SCHEDULES[cell.policy]


def _tasks(cell: Cell, shown_by: Gateway, measured: int) -> tuple[list[View], list[View]]:
    """Return the tasks to learn from and those to measure, the same for all policies."""
    world, rng = WORLDS[cell.world], Random(f"{cell.dice}/world")
    views = alone.one_by_one(world, shown_by, cell.warm_up + measured, rng)
    return views[: cell.warm_up], views[cell.warm_up :]


def _readers(cell: Cell, shown_by: Gateway, learned: list[View]) -> Callable[[], Reader]:
    """Return who reads each task: a reader who has learned, or a fresh one each time."""
    rng = Random(f"{cell.dice}/ours")

    def fresh() -> Reader:
        return Reader(Pacing(lag=cell.lag), shown_by.refresh, rng, cell.wants_progress, cell.has_instants)

    if not cell.is_warm:
        return fresh
    warm = fresh()
    alone.by_reader(learned, lambda: warm)
    return lambda: warm


def _fleet(cell: Cell) -> Row:
    shown_by = gateway(cell.gateway, cell.dice)
    learned, _ = _tasks(cell, shown_by, 0)
    if cell.policy == OURS:
        crew: Crew = Library(_readers(cell, shown_by, learned)(), cell.room, cell.is_prompt)
    elif cell.policy == ROUNDS:
        crew = Rounds(cell.lag, cell.room, cell.is_prompt)
    else:
        crew = Sleepers(_schedule(cell), Random(f"{cell.dice}/{cell.policy}"))
    starts_at = (learned[-1].ends_at if learned else 0.0) + _AFTER
    fleet = Fleet(WORLDS[cell.world], shown_by, crew, f"{cell.dice}/{cell.tasks}", cell.tasks, starts_at)
    score = fleet.play(cell.settle, cell.measured)
    return _row(cell, score, score.requests / cell.measured, nan)


def _row(cell: Cell, score: Score, rate: float, x: float) -> Row:
    ends = max(1, len(score.lags))
    return Row(
        cell=cell,
        ends=len(score.lags),
        requests=score.requests / ends,
        looks=score.looks / ends,
        rate=rate,
        lag=score.lag,
        late=score.late,
        steps=score.steps_seen,
        x=x,
    )
