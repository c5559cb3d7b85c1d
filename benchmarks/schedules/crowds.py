"""Crowds: many tasks under way at once, by single lookups and by lists, within one budget.

Rule: says which cells and prints them. Each end that is seen lets a new task begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from .cells import OURS, ROUNDS, Cell
from .tables import FLEET_HEAD, Rows, fleet_line

_BATCH: Final = 500
_SINGLES: Final = ("every 1 s", "every 5 s", "fal", "legnext", "runway", "comfy", "google sync", "new-api")
_ROUNDS: Final = (1.0, 2.0, 5.0, 15.0)
_AT: Final = ("event-driven", "15 s + U(0, 0.5)")
_COLD_FOR: Final = 300


@frozen
class Crowd:
    """So many tasks; how long they settle and are counted, by single lookups and by lists, in seconds."""

    tasks: int
    single: tuple[float, int] | None
    batch: tuple[float, int]

    def cells(self, gateway: str, seed: int) -> list[Cell]:
        """Return its rows, in order."""
        ours = Cell(world="base", gateway=gateway, policy=OURS, seed=seed, tasks=self.tasks)
        rows: list[Cell] = []
        if self.single is not None:
            single = evolve(ours, settle=self.single[0], measured=self.single[1])
            rows += [evolve(single, policy=policy) for policy in _SINGLES]
            rows += [_cold(single), single]
        settle, measured = self.batch
        batch = evolve(ours, settle=settle, measured=measured, room=_BATCH)
        rows += [evolve(batch, policy=ROUNDS, lag=seconds, is_prompt=False) for seconds in _ROUNDS]
        for is_prompt in (False, True) if 1 < self.tasks <= _BATCH else (False,):
            rows += [evolve(cell, is_prompt=is_prompt) for cell in (_cold(batch), batch)]
        return rows


def _cold(cell: Cell) -> Cell:
    measured = cell.measured if cell.tasks > _COLD_FOR else min(cell.measured, _COLD_FOR)
    return evolve(cell, is_warm=False, settle=0.0, measured=measured)


CROWDS: Final = (
    Crowd(1, None, (0.0, 300)),
    Crowd(10, (100.0, 1_500), (60.0, 3_000)),
    Crowd(100, (200.0, 600), (60.0, 400)),
    Crowd(1_000, (400.0, 800), (60.0, 90)),
    Crowd(10_000, (2_000.0, 1_500), (10.0, 20)),
)


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the tables need: the first seed."""
    return [cell for gateway in _AT for crowd in CROWDS for cell in crowd.cells(gateway, seeds[0])]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the tables as text."""
    lines = [f"Crowds: base world, 10 requests/s and 300/min for everybody; seed {seeds[0]}."]
    for gateway in _AT:
        for crowd in CROWDS:
            lines += ["", f"{crowd.tasks:,} tasks, {gateway}", FLEET_HEAD]
            lines += [fleet_line(rows[cell]) for cell in crowd.cells(gateway, seeds[0])]
    return "\n".join(lines)
