"""How the tasks of a world live, and what was true of them when all is over."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random
from typing import Final

from attrs import evolve

from mjwatch.testing import Family, SimulatedGateway
from mjwatch.testing.durations import run
from mjwatch.testing.timeline import Script, Step, Timeline
from tests.simulation.history import Fact, Truth
from tests.simulation.plan import Tale

_NUMBERS = (15, 31, 46, 62, 78, 93)


def tell(tale: Tale, sim: SimulatedGateway) -> None:
    """Let a task be born."""
    script = sim.task(tale.id, action=tale.action, mode=tale.mode)
    if tale.kind == "random":
        run(script, Random(tale.id), tale.action, tale.mode)
    else:
        _LIVES.get(tale.kind, _usual)(script, tale.pace)


def truth_of(
    tale: Tale, gateway: str, sim: SimulatedGateway, absences: list[tuple[float, float]], born_at: float
) -> Truth:
    """Return what was true of a task."""
    task = sim._book.tasks.get(tale.id)
    if task is None:
        return Truth(gateway, tale.id, tale.kind, (), None, ((-inf, inf),), 0, (), born_at)
    timeline = task.timeline
    family = sim.family
    facts = [
        Fact(at, _word(step, family), _number(step), step.image, step.has_buttons)
        for step, at in zip(timeline.steps, timeline.instants, strict=True)
        if at < inf
    ]
    away = [*absences, (-inf, timeline.begun_at)]
    if timeline.gone is not None:
        away.append((timeline.instants[timeline.gone], inf))
    shown_at = sim.shown_at(tale.id)
    return Truth(
        gateway,
        tale.id,
        tale.kind,
        tuple(facts),
        shown_at,
        tuple(away),
        _restarts(timeline),
        tuple(timeline.answers),
        timeline.begun_at,
    )


def _climb(script: Script, pace: float, steps: int) -> Script:
    script.after(pace).submitted()
    for percent in _NUMBERS[:steps]:
        script.after(pace).progress(percent)
    return script


def _word(step: Step, family: Family) -> str | None:
    """Return how *family* calls the status (protocol.md 3.7, 6)."""
    if family is Family.TRUEAI and step.status == "CANCEL":
        return "FAILURE"
    if family is Family.ENVELOPED and step.status in {"SUBMITTED", "MODAL"}:
        return "IN_PROGRESS"
    return step.status


def _number(step: Step) -> int | None:
    text = (step.progress or "").removesuffix("%")
    return int(text) if text.isdigit() else None


def _restarts(timeline: Timeline) -> int:
    """Count how often a task fell back within its run."""
    best, falls = -1, 0
    for step in timeline.steps:
        number = _number(step)
        if number is not None and number < best:
            falls += 1
            best = -1
        best = max(best, -1 if number is None else number)
    return falls


def _usual(script: Script, pace: float) -> None:
    _climb(script, pace, 6).after(pace / 2).finishing().after(pace / 2).success()


def _restart(script: Script, pace: float) -> None:
    _climb(script, pace, 4)
    _climb(script.after(pace).submitted().after(45), pace, 6).after(pace).success()


def _two_windows(script: Script, pace: float) -> None:
    window = _climb(script.after(pace).modal(), pace, 2).after(pace).modal()
    _climb(window, pace, 3).after(pace).success()


def _late_picture(script: Script, pace: float) -> None:
    """The end is shown before its picture, as relays do."""
    ending = _climb(script, pace, 6).after(pace).success()
    whole = script.timeline.steps[-1]
    ending.without_url()
    script.timeline.append(evolve(whole, at=whole.at + 2.5))


_LIVES: Final[dict[str, Callable[[Script, float], object]]] = {
    "restart": _restart,
    "forgotten": lambda script, pace: _climb(script, pace, 3).after(pace).forgotten(),
    "modal": lambda script, pace: _climb(script.after(pace).modal(), pace, 4).after(pace).success(),
    "modal_ignored": lambda script, pace: _climb(script.after(pace).modal(), pace, 4).after(pace).success(),
    "modal_twice": _two_windows,
    "endless": lambda script, pace: _climb(script, pace, 5).forever(),
    "stuck": lambda script, pace: _climb(script, pace, 3).after(240).progress(78).after(pace).success(),
    "failure": lambda script, pace: _climb(script, pace, 3).after(pace).failure(),
    "cancelled": lambda script, pace: _climb(script, pace, 2).after(pace).cancelled(),
    "settling": lambda script, pace: _climb(script, pace, 6).after(pace).success().buttons_after(2.5),
    "late_picture": _late_picture,
    "conflicting": lambda script, pace: _climb(script, pace, 6).after(pace).success().after(9).failure(),
}
