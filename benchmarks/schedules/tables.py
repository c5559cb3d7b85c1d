"""Tables: rows of figures as text.

Rule: spells; what is measured and compared is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from statistics import median
from typing import Final, Protocol

from .cells import ORACLE, OURS, ROUNDS, WHOLE, Cell, Row

Rows = Mapping[Cell, Row]

HEAD: Final = (
    f"{'':<34}{'requests':>10}{'looks':>9}{'lag':>9}{'p95':>9}{'steps':>7}{'looks x lag':>13}{'x':>7}"
)
FLEET_HEAD: Final = (
    f"{'':<34}{'requests/s':>11}{'/task':>8}{'looks':>9}{'lag':>10}{'p95':>10}{'steps':>7}{'rate x lag':>12}"
)


class Section(Protocol):
    """A part of the report."""

    def cells(self, seeds: Sequence[int]) -> list[Cell]:
        """Return what it needs."""
        ...

    def table(self, rows: Rows, seeds: Sequence[int]) -> str:
        """Return it as text."""
        ...


def name(cell: Cell) -> str:
    """Return who looks, for the first column."""
    if cell.policy == ROUNDS:
        return f"batch loop, every {cell.lag:g} s"
    if cell.policy == WHOLE:
        return f"the whole library, l = {cell.lag:g}"
    if cell.policy != OURS:
        return f"oracle, l = {cell.lag:g}" if cell.policy == ORACLE else cell.policy
    words = [f"mjwatch {'warm' if cell.is_warm else 'cold'}, l = {cell.lag:g}"]
    if cell.wants_progress:
        words.append("progress too")
    if cell.has_instants:
        words.append("instants")
    if cell.tasks > 1 and cell.room > 1:
        words.append("at once" if cell.is_prompt else "new ones wait")
    return ", ".join(words)


def line(row: Row) -> str:
    """Return one row of a table of single tasks."""
    return (
        f"{name(row.cell):<34}{row.requests:>10.2f}{row.looks:>9.2f}{row.lag:>8.2f}s{row.late:>8.2f}s"
        f"{_share(row.steps):>7}{row.product:>13.2f}{row.x:>7.2f}"
    )


def fleet_line(row: Row) -> str:
    """Return one row of a table of fleets."""
    return (
        f"{name(row.cell):<34}{row.rate:>11.2f}{row.requests:>8.2f}{row.looks:>9.2f}{row.lag:>9.2f}s{row.late:>9.2f}s"
        f"{_share(row.steps):>7}{row.rate * row.lag:>12.2f}"
    )


def _share(part: float) -> str:
    return f"{part:.0%}" if isfinite(part) else ""


def middle_x(rows: Rows, cells: Sequence[Cell]) -> float:
    """Return the median x of some rows."""
    return median(rows[cell].x for cell in cells)
