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

_PLACES: Final = (
    ("base", "event-driven"),
    ("base", "15 s + U(0, 0.5)"),
    ("irregular", "event-driven"),
)
_ROWS: Final = (None, *REFINEMENTS)


def _cells(without: str | None, place: tuple[str, str], seeds: Sequence[int], *, is_warm: bool) -> list[Cell]:
    ours = Cell(world=place[0], gateway=place[1], policy=OURS, seed=0, warm_up=200)
    return [
        evolve(ours, seed=seed, is_warm=is_warm, without=without, measured=200 if is_warm else 150)
        for seed in seeds[:2]
    ]


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the table needs: two seeds."""
    return [
        cell
        for without in _ROWS
        for place in _PLACES
        for is_warm in (False, True)
        for cell in _cells(without, place, seeds, is_warm=is_warm)
    ]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the table as text."""
    lines = [
        f"x at l = 1, each refinement switched off in turn; mean of seeds {', '.join(map(str, seeds[:2]))}.",
        f"{'':<24}" + "".join(f"{world + ', ' + gateway:>30}" for world, gateway in _PLACES),
        f"{'':<24}" + f"{'cold':>20}{'warm':>10}" * len(_PLACES),
    ]
    for without in _ROWS:
        figures = [
            (
                middle_x(rows, _cells(without, place, seeds, is_warm=False)),
                middle_x(rows, _cells(without, place, seeds, is_warm=True)),
            )
            for place in _PLACES
        ]
        title = "all" if without is None else f"without {without}"
        lines.append(f"{title:<24}" + "".join(f"{cold:>20.2f}{warm:>10.2f}" for cold, warm in figures))
    return "\n".join(lines)
