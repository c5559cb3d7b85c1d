"""The bars: what pacing has to reach, which cells show it, and what came out.

Rule: a bar is judged by the worst of its seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Final

from attrs import evolve, frozen

from .cells import ORACLE, OURS, ROUNDS, Cell, Row
from .tables import Rows

_TICK: Final = "15 s + U(0, 0.5)"
_BUSY: Final = "15 s + U(0, 2)"
_ORACLE_LAGS: Final = (0.6, 0.85, 1.2)
_ROUNDS: Final = (0.5, 0.8, 1.2, 1.8, 2.7, 4.0, 6.0, 9.0)


@frozen
class Bar:
    """
    One bar.

    Attributes:
        name: For the table.
        ours: The cell that has to pass it, of any seed.
        beside: The cells that it is measured against, none where its x is what counts.
        bound: What x must reach, or what the ratio must not pass.
    """

    name: str
    ours: Cell
    bound: float
    beside: tuple[Cell, ...] = ()

    def cells(self, seed: int) -> list[Cell]:
        """Return all cells that it needs."""
        return [evolve(cell, seed=seed) for cell in (self.ours, *self.beside)]

    def measured(self, rows: Rows, seed: int) -> float:
        """Return x, or the ratio to what is beside it at equal lag."""
        ours, *beside = (rows[cell] for cell in self.cells(seed))
        if not beside:
            return ours.x
        return ours.requests / at_lag(beside, ours.lag)

    def verdict(self, rows: Rows, seeds: Sequence[int]) -> Verdict:
        """Return what came out."""
        measured = [self.measured(rows, seed) for seed in seeds]
        worst = max(measured) if self.beside else min(measured)
        is_met = worst <= self.bound if self.beside else worst >= self.bound
        return Verdict(self.name, self.bound, worst, median(measured), is_met, is_most=bool(self.beside))


@frozen
class Verdict:
    """What came out of a bar: the worst and the middle of its seeds."""

    name: str
    bound: float
    worst: float
    median: float
    is_met: bool
    is_most: bool


def at_lag(rows: Sequence[Row], lag: float) -> float:
    """Return how many requests a policy needs for this mean *lag*, between those it was measured at."""
    points = sorted((_log(row.lag), _log(row.requests)) for row in rows)
    x = _log(lag)
    pairs = list(pairwise(points))
    (x1, y1), (x2, y2) = next((pair for pair in pairs if x <= pair[1][0]), pairs[-1])
    return exp(y1 + (y2 - y1) * (x - x1) / max(x2 - x1, 1e-6))


def _log(value: float) -> float:
    return log(max(value, 1e-3))


def _ours(world: str, gateway: str) -> Cell:
    return Cell(world=world, gateway=gateway, policy=OURS, seed=0)


def _alone(name: str, world: str, gateway: str, *bounds: tuple[str, float, float]) -> list[Bar]:
    ours = _ours(world, gateway)
    return [
        Bar(f"{name}, {warmth}, l = {lag:g}", evolve(ours, lag=lag, is_warm=warmth == "warm"), bound)
        for warmth, lag, bound in bounds
    ]


def _oracle(name: str, world: str, gateway: str, bound: float) -> Bar:
    ours = _ours(world, gateway)
    return Bar(name, ours, bound, tuple(evolve(ours, policy=ORACLE, lag=lag) for lag in _ORACLE_LAGS))


def _fleet(gateway: str, tasks: int, measured: int, bound: float, *, is_prompt: bool) -> Bar:
    how = "new ones at once" if is_prompt else "new ones wait"  # on both sides
    ours = evolve(
        _ours("base", gateway), tasks=tasks, room=500, settle=60.0, measured=measured, is_prompt=is_prompt
    )
    rounds = tuple(evolve(ours, policy=ROUNDS, lag=lag) for lag in _ROUNDS)
    return Bar(f"{tasks} tasks, {gateway}: requests, {how}", ours, bound, rounds)


_FLEETS: Final = (
    ("event-driven", 10, 3000, 0.8),
    ("event-driven", 100, 400, 1.05),
    ("event-driven", 1000, 90, 1.05),
    (_TICK, 100, 400, 0.25),
)

BARS: Final = (
    *_alone("event-driven", "base", "event-driven", ("cold", 1.0, 3.0), ("warm", 1.0, 4.0)),
    _oracle("event-driven: looks beside the oracle's", "base", "event-driven", 1.25),
    *_alone("3 s, own phase", "base", "3 s, own phase", ("cold", 1.0, 2.5), ("warm", 1.0, 3.5)),
    *_alone(_TICK, "base", _TICK, ("cold", 1.0, 2.0), ("warm", 0.5, 7.5), ("warm", 1.0, 6.0)),
    *_alone(_BUSY, "base", _BUSY, ("cold", 1.0, 1.8), ("warm", 0.5, 4.5), ("warm", 1.0, 4.5)),
    *_alone("irregular, event-driven", "irregular", "event-driven", ("cold", 1.0, 2.5), ("warm", 1.0, 2.8)),
    *_alone("U pick, event-driven", "pick", "event-driven", ("warm", 1.0, 1.3)),
    *_alone("describe, event-driven", "describe", "event-driven", ("warm", 1.0, 1.3)),
    *_alone(f"idle, {_TICK}", "idle", _TICK, ("warm", 0.5, 5.0), ("warm", 1.0, 5.0)),
    *(_fleet(*fleet, is_prompt=is_prompt) for fleet in _FLEETS for is_prompt in (False, True)),
)


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the table needs: all seeds."""
    return [cell for bar in BARS for seed in seeds for cell in bar.cells(seed)]


def verdicts(rows: Rows, seeds: Sequence[int]) -> list[Verdict]:
    """Return what came out, bar by bar."""
    return [bar.verdict(rows, seeds) for bar in BARS]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the bars as text."""
    lines = [
        f"The bars, w = 0; the worst and the middle of seeds {', '.join(map(str, seeds))}.",
        f"{'':<62}{'bar':>9}{'worst':>8}{'median':>8}",
    ]
    for said in verdicts(rows, seeds):
        sign = "<=" if said.is_most else ">="
        lines.append(
            f"{said.name:<62}{sign:>3}{said.bound:>6g}{said.worst:>8.2f}{said.median:>8.2f}"
            f"  {'met' if said.is_met else 'MISSED'}"
        )
    return "\n".join(lines)
