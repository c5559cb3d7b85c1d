"""The plot of one task: its progress, and who looked when.

Rule: plays a single task for a few policies and draws the instants. The library has seen 200 tasks before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Final

from attrs import frozen

from mjwatch.settings import Pacing
from mjwatch.tasks import Status

from . import alone
from .gateways import Sight, View, gateway
from .ours import Reader
from .peers import SCHEDULES, Schedule
from .svg import Canvas
from .worlds import WORLDS

_LEARNED: Final = 200
_LASTS: Final = (70.0, 110.0)
"""Seconds that the task drawn takes, so that it fills the page and no more."""
_PEERS: Final = ("openai", "legnext", "comfy", "google sync", "azure")
_NAMES: Final = {"openai": "every 1 s (openai)", "legnext": "every 3 s (legnext)"}
_WIDTH, _LEFT, _TOP, _DEEP, _LANE, _RIGHT = 980, 170, 60, 170, 46, 110


@frozen
class Lane:
    """Who looked, and when, in seconds after the submit."""

    name: str
    kind: str
    looked_at: Sequence[float]


def drawn(seed: int) -> Canvas:
    """Return the drawing."""
    view, lanes = _played(seed)
    height = _TOP + _DEEP + 66 + _LANE * len(lanes) + 26
    canvas = Canvas(_WIDTH, height, "One task, and who looked when")
    until = max(lane.looked_at[-1] for lane in lanes if lane.name != "azure")
    across = _Across((_WIDTH - _LEFT - _RIGHT) / until)
    _progress(canvas, view, across, height)
    for number, lane in enumerate(lanes):
        _lane(canvas, lane, view, across, _TOP + _DEEP + 66 + _LANE * number)
    words = "Each stroke is a look, a dot one that brought news; on the right the looks it took, and the lag of the end."
    canvas.text((20, height - 10), f"{words} Seed {seed}.", "small dim")
    return canvas


@frozen
class _Across:
    """Seconds after the submit to pixels."""

    scale: float

    def __call__(self, seconds: float) -> float:
        return min(_LEFT + seconds * self.scale, _WIDTH - _RIGHT + 8.0)


def _played(seed: int) -> tuple[View, list[Lane]]:
    shown_by = gateway("event-driven", f"{seed}/timeline")
    views = alone.one_by_one(WORLDS["base"], shown_by, _LEARNED + 100, Random(f"{seed}/timeline/world"))
    reader = Reader(Pacing(), shown_by.refresh, Random(seed))
    alone.by_reader(views[:_LEARNED], lambda: reader)
    low, high = _LASTS
    view = next(view for view in views[_LEARNED:] if low < view.life.lasts < high and view.life.queued > 5.0)
    ours = [at - view.begun_at for at in alone.read(Sight(view), reader, "drawn")]
    lanes = [Lane("mjwatch, warm", "a", ours)]
    lanes += [
        Lane(_NAMES.get(name, name), "d", list(_instants(SCHEDULES[name], view, Random(seed))))
        for name in _PEERS
    ]
    return view, lanes


def _instants(schedule: Schedule, view: View, rng: Random) -> Iterator[float]:
    for at in accumulate(schedule.sleeps(rng)):
        yield at
        if view.begun_at + at >= view.ends_at:
            return


def _progress(canvas: Canvas, view: View, across: _Across, height: int) -> None:
    def up(percent: float) -> float:
        return _TOP + _DEEP - percent / 100 * _DEEP

    for percent in (0, 25, 50, 75, 100):
        canvas.line([(_LEFT, up(percent)), (_WIDTH - _RIGHT, up(percent))], "grid")
        canvas.text((_LEFT - 6, up(percent) + 4), f"{percent}", "small dim", anchor="end")
    seconds = 0
    while across(seconds) < _WIDTH - _RIGHT:
        canvas.text((across(seconds), _TOP + _DEEP + 18), f"{seconds}", "small dim", anchor="middle")
        seconds += 10
    canvas.text((_LEFT + 200, _TOP + _DEEP + 36), "seconds after the submit", "dim")
    canvas.text((_LEFT - 44, _TOP + _DEEP / 2), "progress shown, %", "dim", anchor="middle", turn=-90)
    canvas.line([(across(view.life.lasts), _TOP), (across(view.life.lasts), height - 30)], "c open")
    points = [(_LEFT + 0.0, up(0))]
    for step in view.steps:
        points += [(across(step.at), points[-1][1]), (across(step.at), up(step.percent or 0))]
    canvas.line(points, "b open")
    end = "SUCCESS" if view.steps[-1].status is Status.SUCCESS else "FAILURE"
    canvas.text((across(view.life.lasts) + 6, _TOP + 12), end, "small tc")


def _lane(canvas: Canvas, lane: Lane, view: View, across: _Across, low: float) -> None:
    canvas.text((_LEFT - 12, low + 4), lane.name, f"t{lane.kind}", anchor="end")
    canvas.line([(_LEFT, low), (_WIDTH - _RIGHT, low)], "grid")
    sight = Sight(view)
    for at in lane.looked_at:
        canvas.line([(across(at), low - 10), (across(at), low + 10)], f"{lane.kind} open")
        if sight.look(view.begun_at + at):
            canvas.dot((across(at), low), lane.kind, 4)
    lag = view.begun_at + lane.looked_at[-1] - view.ends_at
    canvas.text(
        (_WIDTH - _RIGHT + 16, low + 4), f"{len(lane.looked_at)} looks, {lag:.1f} s", f"small t{lane.kind}"
    )
