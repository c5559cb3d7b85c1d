"""Refinements: what each of them is worth, by leaving it out.

Rule: says which cells and prints the median x over the seeds. A figure below the first row's is what the refinement gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from .ablations import REFINEMENTS
from .cells import OURS, Cell
from .tables import Rows, middle_x

_EVENTS: Final = ("base", "event-driven")
_TICKS: Final = ("base", "15 s + U(0, 0.5)")
_COLUMNS: Final = (
    (*_EVENTS, False),
    (*_EVENTS, True),
    (*_TICKS, False),
    (*_TICKS, True),
    ("irregular", "event-driven", True),
)
_ROWS: Final = (None, *REFINEMENTS)


def _cells(without: str | None, column: tuple[str, str, bool], seeds: Sequence[int]) -> list[Cell]:
    world, gateway, is_warm = column
    ours = Cell(world=world, gateway=gateway, policy=OURS, seed=0, is_warm=is_warm, without=without)
    measured = 150 if is_warm else 100
    return [evolve(ours, seed=seed, warm_up=200, measured=measured) for seed in seeds[:2]]


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the table needs: two seeds."""
    return [cell for without in _ROWS for column in _COLUMNS for cell in _cells(without, column, seeds)]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the table as text."""
    lines = [
        f"x at l = 1, each refinement switched off in turn; mean of seeds {', '.join(map(str, seeds[:2]))}.",
        f"{'':<24}" + "".join(f"{world + ', ' + gateway:>26}" for world, gateway, _ in _COLUMNS),
        f"{'':<24}" + "".join(f"{'warm' if is_warm else 'cold':>26}" for _, _, is_warm in _COLUMNS),
    ]
    for without in _ROWS:
        figures = [middle_x(rows, _cells(without, column, seeds)) for column in _COLUMNS]
        title = "all" if without is None else f"without {without}"
        lines.append(f"{title:<24}" + "".join(f"{figure:>26.2f}" for figure in figures))
    return "\n".join(lines)
