"""Single tasks: everybody beside everybody, for each world and gateway.

Rule: says which cells and prints them. x: looks times lag of the best fixed interval (1, 2, 3 or 5 s), divided by this row's,
on the same tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from .cells import ORACLE, OURS, Cell
from .gateways import GATEWAYS
from .peers import FIXED, PEERS
from .tables import HEAD, Rows, line
from .worlds import KINDS

_Ours = tuple[bool, float, bool]
"""Warm, the lag asked for, a reader of progress too."""

_LONG: Final[Sequence[_Ours]] = (
    (False, 1.0, False),
    (True, 0.5, False),
    (True, 1.0, False),
    (True, 2.0, False),
    (True, 5.0, False),
    (False, 1.0, True),
    (True, 1.0, True),
)
_SHORT: Final = _LONG[:3]
_SHORTEST: Final = (_LONG[0], _LONG[2])
_ALL: Final = tuple(schedule.name for schedule in (*FIXED, *PEERS))
_FEW: Final = tuple(schedule.name for schedule in FIXED)
_ORACLE_AT: Final = GATEWAYS[:3]
# Irregular lives are too many-sided for a bank: few would survive three looks.
_ORACLE_IN: Final = ("base", "pick", "describe")


@frozen
class Block:
    """One world at one gateway: who looks beside ours, and which of ours."""

    world: str
    gateway: str
    others: Sequence[str]
    ours: Sequence[_Ours]

    def cells(self, seed: int) -> list[Cell]:
        """Return its rows, in order."""
        any_cell = Cell(world=self.world, gateway=self.gateway, policy=OURS, seed=seed)
        rows = [evolve(any_cell, policy=name) for name in self.others]
        rows += [
            evolve(any_cell, is_warm=is_warm, lag=lag, wants_progress=wants_progress)
            for is_warm, lag, wants_progress in self.ours
        ]
        if self.gateway in _ORACLE_AT and self.world in _ORACLE_IN:
            rows.append(evolve(any_cell, policy=ORACLE))
        return rows


BLOCKS: Final = (
    *(Block("base", gateway, _ALL, _LONG) for gateway in GATEWAYS),
    *(Block("day", gateway, _ALL, _SHORT) for gateway in GATEWAYS),
    *(Block("irregular", gateway, _FEW, _SHORT) for gateway in (GATEWAYS[0], GATEWAYS[2])),
    *(Block("idle", gateway, _FEW, _SHORT) for gateway in GATEWAYS[2:]),
    *(Block(kind, GATEWAYS[0], _FEW, _SHORTEST) for kind in KINDS),
)


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the tables need: the first seed."""
    return [cell for block in BLOCKS for cell in block.cells(seeds[0])]


def table(rows: Rows, seeds: Sequence[int]) -> str:
    """Return the tables as text."""
    lines = [f"Single tasks, one after the other, each look a request; seed {seeds[0]}."]
    for block in BLOCKS:
        lines += ["", f"{block.world}, {block.gateway}", HEAD]
        lines += [line(rows[cell]) for cell in block.cells(seeds[0])]
    return "\n".join(lines)
