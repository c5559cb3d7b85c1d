"""A crowd: more tasks are watched than fit into one request, so the most due go first.

Rule: says what `pacing` says, found once for all that are as far and for all that comes close together. The law costs
a fraction of a millisecond, and a crowd is asked about hundreds at a time; this costs half a microsecond for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log2
from random import Random
from typing import Final

from attrs import Factory, define

from mjwatch._policy import pacing
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.pacing import Wait
from mjwatch._policy.plane import Plane, Subject
from mjwatch._policy.state import State
from mjwatch.settings import Pacing

_FRESH_FOR: Final = 30.0
"""Seconds after which intervals are found anew: the gateway teaches."""
_CLOSE_FOR: Final = 1.0
"""Seconds for which requests that follow each other as closely as they may are left to do so."""
_MOST: Final = 1024
_STEPS: Final = 4
"""Of an age, for each doubling: an interval is then off by a tenth at most."""

_Key = tuple[int, int, bool]


@define
class Crowd:
    """
    The intervals of one gateway's tasks.

    Attributes:
        pacing: The user's wishes.
        lessons: What the gateway has taught.
        rng: The dice.
    """

    pacing: Pacing
    lessons: Lessons
    rng: Random
    _until: float = 0.0
    _close: tuple[Plane, float, Wait] | None = None
    # A phase is known by its address; the state that is kept beside keeps it alive, so that no other one gets it.
    _waits: dict[_Key, tuple[float, State]] = Factory(dict)

    def next_request(self, carried: Callable[[], Sequence[Subject]], plane: Plane, now: float) -> Wait:
        """
        Return how long the next list request may wait, as `pacing.next_request` does.

        Where requests follow each other as closely as they may, nothing could bring them closer: then it is asked
        again a second later.
        """
        if self._close is not None and self._close[0] == plane and now < self._close[1]:
            return self._close[2]
        wait = pacing.next_request(carried(), plane, now, self.pacing, self.lessons, self.rng)
        is_close = wait.reason == "min_interval" and not plane.is_shared
        self._close = (plane, now + _CLOSE_FOR, wait) if is_close else None
        return wait

    def next_looks(self, subjects: Iterable[Subject], plane: Plane, now: float) -> list[float]:
        """Return from when on each of *subjects* may ride again, in seconds."""
        if now >= self._until or len(self._waits) >= _MOST:
            self._waits.clear()
            self._until = now + _FRESH_FOR
        waits = self._waits
        looks: list[float] = []
        for subject in subjects:
            state, terms = subject.state, subject.terms
            if state is None or state.aside is not None:
                looks.append(self._found(subject, plane, now))
                continue
            since = state.changed_at or terms.watched_at
            age = int(_STEPS * log2(1.0 + now - since)) if now > since else 0
            key = (id(state.phase), age, terms.wants_progress)
            known = waits.get(key)
            if known is None:
                known = waits[key] = (self._found(subject, plane, now), state)
            looks.append(known[0])
        return looks

    def _found(self, subject: Subject, plane: Plane, now: float) -> float:
        return pacing.next_look(subject, plane, now, self.pacing, self.lessons, self.rng).seconds
