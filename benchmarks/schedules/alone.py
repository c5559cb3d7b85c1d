"""Alone: one task after the other, each looked at by a request of its own.

Rule: moves time and counts; who looks when is a policy's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final, Protocol

from mjwatch._policy.plane import Plane

from .gateways import Gateway, Sight, View
from .ours import ALONE, Reader
from .peers import Schedule
from .scores import Score
from .worlds import World, draw

_HOPELESS: Final = 3600.0
"""Whoever has not seen an end so many seconds after it never will: the play is wrong."""


class Looker(Protocol):
    """Decides when to look at one task, knowing what its looks saw."""

    def next_in(self, sight: Sight, now: float) -> float:
        """Return in how many seconds to look again, after a look at *now*."""
        ...


def one_by_one(world: World, gateway: Gateway, count: int, rng: Random) -> list[View]:
    """Return *count* tasks, each submitted some time after the one before was over."""
    views: list[View] = []
    at = 0.0
    for _ in range(count):
        views.append(gateway.show(draw(world, rng), at))
        at = views[-1].ends_at + rng.uniform(*world.idle)
    return views


def by_schedule(views: Sequence[View], schedule: Schedule, rng: Random) -> Score:
    """Look at each task by a schedule that only knows how to sleep: first sleep, then look, and so on."""
    score = Score()
    for view in views:
        sight, now = Sight(view), view.begun_at
        sleeps = schedule.sleeps(rng)
        while not sight.is_over:
            now += next(sleeps)
            sight.look(now)
        score.looks += sight.looks
        score.requests += sight.looks + schedule.extra
        score.end(sight, now)
    return score


def by_reader(views: Sequence[View], reader: Callable[[], Reader], plane: Plane = ALONE) -> Score:
    """Look at each task as the library does; who reads it is asked for before each."""
    score = Score()
    for number, view in enumerate(views):
        sight = Sight(view)
        *_, now = read(sight, reader(), str(number), plane)
        score.looks += sight.looks
        score.end(sight, now)
    score.requests = score.looks
    return score


def read(sight: Sight, reader: Reader, name: str, plane: Plane = ALONE) -> Iterator[float]:
    """Look at one task as the library does until its end was seen; go through the instants of the looks."""
    now = sight.view.begun_at
    task = reader.watch(sight, name, now)
    yield now
    while going := reader.look([task], now):
        wait = reader.next_look(task, plane, now)
        now += wait if plane.is_single else max(wait, reader.next_request(going, plane, now))
        assert now < sight.view.ends_at + _HOPELESS, "the end was shown and never taken in"
        yield now


def by_looker(views: Sequence[View], looker: Callable[[View], Looker]) -> Score:
    """Look at each task as a looker made for it says."""
    score = Score()
    for view in views:
        sight, now, mind = Sight(view), view.begun_at, looker(view)
        sight.look(now)
        while not sight.is_over:
            now += mind.next_in(sight, now)
            sight.look(now)
        score.looks += sight.looks
        score.end(sight, now)
    score.requests = score.looks
    return score
