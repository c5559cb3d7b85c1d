"""The cross-check: the whole library beside its own decisions driven directly, on the same lives.

Rule: says which cells and prints them. The simulated gateway sends submitTime and startTime, as the real ones do; the other
tables do without, and the second row shows what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from .cells import OURS, WHOLE, Cell
from .tables import HEAD, Rows, line

_PLACES: Final = ("event-driven", "15 s + U(0, 0.5)")


def _cells(gateway: str, seed: int) -> list[Cell]:
    direct = Cell(world="base", gateway=gateway, policy=OURS, seed=seed, room=500, warm_up=150, measured=150)
    return [direct, evolve(direct, has_instants=True), evolve(direct, policy=WHOLE)]


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the table needs: the first seed."""
    return [cell for gateway in _PLACES for cell in _cells(gateway, seeds[0])]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the table as text."""
    lines = [f"The whole library beside the direct play, one task at a time by lists; seed {seeds[0]}."]
    for gateway in _PLACES:
        lines += ["", f"base, {gateway}", HEAD]
        lines += [line(rows[cell]) for cell in _cells(gateway, seeds[0])]
    return "\n".join(lines)
