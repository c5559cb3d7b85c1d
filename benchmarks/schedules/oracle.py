"""The oracle: the library's rule, fed with the true posterior instead of what can be learned.

Rule: knows the world's distributions and the gateway's phases, never a task's own future. It keeps a bank of lives drawn
from the true world, and of these the ones that would have shown what its looks saw. Where few are left it makes more: a
survivor, stretched a little and with fresh dice, stays with the chance that Metropolis and Hastings give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import exp, log
from random import Random
from typing import Final

from attrs import define, field

from mjwatch.settings import Pacing
from mjwatch.tasks import Mode, Status

from .gateways import Gateway, Sight, View
from .worlds import KINDS, Kind, Life, Step, World, live

_ASKED: Final = 800
"""So many of those that survive are asked for their ends."""
_FEW: Final = 60
_ENOUGH: Final = 150
_TRIES: Final = 800
_HAIR: Final = 1e-6
_STRETCH: Final = 0.12
_STEP_WEIGHT: Final = 0.1
"""What a step of progress is worth beside the end, to somebody who listens to it."""

Seen = tuple[float, Step]
"""An age, and what was true then."""


@define(eq=False)
class Oracle:
    """
    All that is known of a world and a gateway before a task begins.

    Attributes:
        size: Of the bank: lives of each kind.
    """

    world: World
    gateway: Gateway
    pacing: Pacing
    rng: Random
    wants_progress: bool = False
    size: int = 6000
    _banks: dict[str, list[Life]] = field(init=False, factory=dict)

    def meet(self, view: View) -> Mind:
        """Return what is known of a task that begins."""
        return Mind(self, view, self._bank(view.life.kind))

    def more(self, alive: Sequence[Life], seen: Sequence[Seen]) -> list[Life]:
        """Return lives like those *alive*, which are few, that would have shown what was *seen*."""
        kind = alive[0].kind
        found = list(alive)
        for _ in range(_TRIES):
            if len(found) >= _ENOUGH:
                break
            like = self.rng.choice(alive)
            takes = like.takes * exp(self.rng.gauss(0.0, _STRETCH))
            queued = max(0.5, like.queued + self.rng.gauss(0.0, 0.3))
            odds = _density(kind, takes) - _density(kind, like.takes)
            if log(max(self.rng.random(), 1e-12)) < odds:
                life = live(kind, queued, takes, self.rng, is_irregular=self.world.is_irregular)
                if all(_is_like(life, age, step) for age, step in seen):
                    found.append(life)
        return found

    def _bank(self, kind: Kind) -> list[Life]:
        name = next(name for name, one in KINDS.items() if one is kind)
        if name not in self._banks:
            rng, is_irregular = self.rng, self.world.is_irregular
            self._banks[name] = [
                live(kind, kind.queue(rng), kind.takes.draw(rng), rng, is_irregular=is_irregular)
                for _ in range(self.size)
            ]
        return self._banks[name]


@define(eq=False)
class Mind:
    """What the oracle knows of one task."""

    oracle: Oracle
    view: View
    alive: list[Life]
    seen: list[Seen] = field(factory=list)

    def next_in(self, sight: Sight, now: float) -> float:
        """Return in how many seconds to look again, after a look at *now*."""
        assert sight.index is not None
        step = self.view.steps[sight.index]
        self._learn(self.oracle.gateway.true_at(now, self.view.phase) - self.view.begun_at, step)
        pacing = self.oracle.pacing
        is_patient = (
            step.status in {Status.NOT_START, Status.SUBMITTED} and self.view.life.kind.mode is Mode.RELAX
        )
        longest = pacing.max_interval_queued if is_patient else pacing.max_interval
        wait = min(self._by_price(now, pacing.lag**2 / 4), longest)
        # Between two instants at which something can show, the first moment is as good as any later one.
        shown_at = self.oracle.gateway.true_at(now + wait, self.view.phase)
        return max(pacing.min_interval, (shown_at - now + _HAIR) if shown_at > now else wait)

    def _learn(self, age: float, step: Step) -> None:
        self.seen.append((age, step))
        alive = [life for life in self.alive if _is_like(life, age, step)]
        if len(alive) < _FEW:
            alive = self.oracle.more(alive or self.alive, self.seen)
        self.alive = alive

    def _by_price(self, now: float, price: float) -> float:
        """Return when the integral of V reaches the price: the sum of (x - e) over all news that comes before x."""
        news = sorted(news for life in islice(self.alive, _ASKED) for news in self._news(life, now))
        left = price * min(len(self.alive), _ASKED)
        weight = spent = before = 0.0
        for after, worth in news:
            cost = weight * (after - before)
            if spent + cost >= left:
                break
            spent += cost
            weight += worth
            before = after
        return before + (left - spent) / weight if weight else float("inf")

    def _news(self, life: Life, now: float) -> list[tuple[float, float]]:
        begun_at, phase, gateway = self.view.begun_at, self.view.phase, self.oracle.gateway
        end = max(0.0, gateway.shown_at(begun_at + life.lasts, phase) - now)
        if not self.oracle.wants_progress:
            return [(end, 1.0)]
        shown_at = {gateway.shown_at(begun_at + at, phase) - now for at in life.instants[2:-1]}
        following = min((at for at in shown_at if 0.0 < at < end), default=end)
        return [(end, 1.0), (following, _STEP_WEIGHT)]


def _is_like(life: Life, age: float, step: Step) -> bool:
    true = life.at(age)
    return true.percent == step.percent and true.status is step.status


def _density(kind: Kind, takes: float) -> float:
    """Return the logarithm of the density of the logarithm of a duration, but for a constant."""
    off = (log(takes) - log(kind.takes.median)) / kind.takes.spread
    return -off * off / 2
