"""What decides about all rows of a gateway, gathered once. Holds no rule of its own."""

from __future__ import annotations

from random import Random

from attrs import frozen

from mjwatch._policy import fold
from mjwatch._policy.crowd import Crowd
from mjwatch._policy.fold import Folded
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.state import State
from mjwatch._runtime.context import Context
from mjwatch._store.contract import ClaimedRow
from mjwatch.settings import Deadlines, Pacing


@frozen
class Rules:
    """What decides about all rows of a gateway."""

    gateway: str
    pacing: Pacing
    deadlines: Deadlines
    rng: Random
    lessons: Lessons
    crowd: Crowd

    @classmethod
    def of(cls, context: Context, lessons: Lessons) -> Rules:
        """Return the rules of a watcher, and what its gateway has taught."""
        crowd = Crowd(context.pacing, lessons, context.rng)
        return cls(context.name, context.pacing, context.deadlines, context.rng, lessons, crowd)

    def elapsed(
        self, row: ClaimedRow[State], state: State | None, now: float, *, is_looked_at: bool = False
    ) -> Folded | None:
        """Return what time alone makes of a row, as `fold.elapse` does."""
        return fold.elapse(
            state,
            row.watch,
            now,
            gateway=self.gateway,
            deadlines=self.deadlines,
            is_looked_at=is_looked_at,
        )
