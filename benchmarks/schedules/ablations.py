"""Ablations: one refinement of the library switched off, for as long as a measurement takes.

Rule: reaches into the library's rooms, for it has no such options and shall have none; a name that is gone there is an error
here. Each worker process measures one cell at a time, so nobody else notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import getattr_static
from typing import Final

from mjwatch._policy import forecast, left, pacing, trails
from mjwatch._policy.clock import Clock
from mjwatch._policy.forecast import Forecast
from mjwatch._policy.left import Left
from mjwatch._policy.priors import prior
from mjwatch._policy.state import State
from mjwatch._policy.trails import QUEUE

Patch = tuple[object, str, object]


def _one_queue(self: Forecast, state: State, age: float) -> Left:
    """Return what a queued task has left by its age alone."""
    known = prior(state.action, state.mode)
    mean, variance = self._believed(state.action, state.mode, "left", QUEUE, (known.centre, known.spread**2))
    return Left(mean, variance**0.5, age)


def _certain(self: Clock) -> float:
    return 0.999 if self.odds > 0 else 0.0


_PATCHES: Final[dict[str, Sequence[Patch]]] = {
    "queue octaves": [(Forecast, "_queued", _one_queue)],
    "pace": [(trails, "pace_left", lambda *_: None)],
    "broad tail": [(left, "_BROAD", 0.0)],
    "steady tail": [(left, "_FLAT", 1e6), (left, "_FLAT_TAIL", 0.0)],
    "stalls": [(forecast, "_STALLED", 50.0)],
    "learning": [(Forecast, "_add", lambda *_: None)],
    "mixture": [(Clock, "trust", property(_certain))],
    "clock": [(Clock, "trust", property(lambda _: 0.0)), (pacing, "_NEGLIGIBLE", 2.0)],
    "jitter": [(pacing, "_JITTER", 0.0)],
}
REFINEMENTS: Final = tuple(_PATCHES)


@contextmanager
def without(refinement: str | None) -> Iterator[None]:
    """Switch off one of `REFINEMENTS`, or none."""
    patches = [] if refinement is None else _PATCHES[refinement]
    before: list[Patch] = [(owner, name, getattr_static(owner, name)) for owner, name, _ in patches]
    try:
        for owner, name, value in patches:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
