"""The plot of lag against looks: everybody, at two gateways, both axes logarithmic.

Rule: says which cells, and where their points go. Down and to the left is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from . import timeline
from .cells import ORACLE, OURS, ROUNDS, Cell, Row
from .peers import PEERS
from .svg import Canvas, Log
from .tables import Rows

_GATEWAYS: Final = ("event-driven", "15 s + U(0, 0.5)")
_LAGS: Final = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
_ORACLE_LAGS: Final = (0.6, 0.85, 1.2, 2.0)
_FIXED: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_WIDTH, _HEIGHT, _TOP, _LEFT, _PANEL, _DEEP = 1180, 640, 92, 70, 500, 470


def _curves(gateway: str, seed: int) -> dict[str, list[Cell]]:
    ours = Cell(world="base", gateway=gateway, policy=OURS, seed=seed)
    return {
        "d": [evolve(ours, policy=ROUNDS, lag=seconds) for seconds in _FIXED],
        "c": [evolve(ours, is_warm=False, lag=lag) for lag in _LAGS],
        "a": [evolve(ours, lag=lag) for lag in _LAGS],
        "b": [evolve(ours, policy=ORACLE, lag=lag) for lag in _ORACLE_LAGS]
        if gateway == _GATEWAYS[0]
        else [],
    }


_NAMES: Final = {"d": "fixed interval", "c": "mjwatch, cold", "a": "mjwatch, warm", "b": "oracle"}
_NAMED: Final = {"d": 2, "c": 0, "a": 1, "b": -1}
"""The point of each curve that bears its name."""


def _peers(gateway: str, seed: int) -> list[Cell]:
    return [Cell(world="base", gateway=gateway, policy=peer.name, seed=seed) for peer in PEERS]


def cells(seeds: Sequence[int]) -> list[Cell]:
    """Return what the plot needs: the first seed."""
    curves = [curve for gateway in _GATEWAYS for curve in _curves(gateway, seeds[0]).values()]
    peers = [cell for gateway in _GATEWAYS for cell in _peers(gateway, seeds[0])]
    return [cell for curve in curves for cell in curve] + peers


def draw(rows: Rows, seeds: Sequence[int], folder: Path) -> list[Path]:
    """Write both plots into *folder*; return where."""
    canvas = Canvas(_WIDTH, _HEIGHT, "How late the end of a task is known, and how many looks that took")
    for number, gateway in enumerate(_GATEWAYS):
        _panel(canvas, rows, gateway, seeds[0], _LEFT + number * (_PANEL + 80))
    canvas.text((20, _HEIGHT - 14), _caption(seeds[0]), "small dim")
    drawn = {"pacing-lag-against-looks.svg": canvas, "pacing-one-task.svg": timeline.drawn(seeds[0])}
    for name, drawing in drawn.items():
        (folder / name).write_text(drawing.svg(), encoding="utf-8")
    return [folder / name for name in drawn]


def _caption(seed: int) -> str:
    return (
        "One task after the other, 60 % fast and 40 % relax, durations other than the library's priors; down and left is "
        f"better. A request takes no time. benchmarks/pacing.py, seed {seed}."
    )


def _panel(canvas: Canvas, rows: Rows, gateway: str, seed: int, left: float) -> None:
    across = Log(3, 2000, left, left + _PANEL)
    up = Log(0.04, 50, _TOP + _DEEP, _TOP)

    def place(row: Row) -> tuple[float, float]:
        return across(row.looks), up(row.lag)

    _axes(canvas, across, up, gateway)
    for kind, curve in _curves(gateway, seed).items():
        points = sorted(place(rows[cell]) for cell in curve)
        if points:
            canvas.curve(points, f"{kind} open")
            for point in points if kind != "d" else ():
                canvas.dot(point, kind, 2.5)
    peers = [(cell.policy, place(rows[cell])) for cell in _peers(gateway, seed)]
    for _, point in peers:
        canvas.dot(point, "d")
    for kind, curve in _curves(gateway, seed).items():
        if curve:
            canvas.label(place(rows[curve[_NAMED[kind]]]), _NAMES[kind], f"t{kind}")
    for name, point in sorted(peers, key=lambda peer: peer[1]):
        canvas.label(point, name, "td")


def _axes(canvas: Canvas, across: Log, up: Log, gateway: str) -> None:
    for value in across.marks():
        canvas.line([(across(value), up.begin), (across(value), up.end)], "grid")
        canvas.text((across(value), up.begin + 16), f"{value:g}", "small dim", anchor="middle")
    for value in up.marks():
        canvas.line([(across.begin, up(value)), (across.end, up(value))], "grid")
        canvas.text((across.begin - 6, up(value) + 4), f"{value:g}", "small dim", anchor="end")
    canvas.line([(across.begin, up.end), (across.begin, up.begin), (across.end, up.begin)], "axis")
    canvas.text(((across.begin + across.end) / 2, up.end - 14), f"gateway: {gateway}", anchor="middle")
    canvas.text(((across.begin + across.end) / 2, up.begin + 36), "looks per task", "dim", anchor="middle")
    canvas.text(
        (across.begin - 44, (up.begin + up.end) / 2), "mean lag of ends, s", "dim", anchor="middle", turn=-90
    )
