"""When the tasks of a crowd may ride again: more are watched than fit into one request, so the most due go first.

Rule: half of a task's own interval, found once for all that are as far. The law costs half a millisecond, and a crowd
is asked about hundreds at a time; this costs half a microsecond for each.
"""

from __future__ import annotations

from math import log2
from random import Random
from typing import Final

from attrs import Factory, define

from mjwatch._policy import pacing
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.pacing import Plane, Subject
from mjwatch._policy.state import State
from mjwatch.settings import Pacing

_FRESH_FOR: Final = 30.0
"""Seconds after which intervals are found anew: the gateway teaches."""
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
    # A phase is known by its address; the state that is kept beside keeps it alive, so that no other one gets it.
    _waits: dict[_Key, tuple[float, State]] = Factory(dict)

    def next_look(self, subject: Subject, plane: Plane, now: float) -> float:
        """Return from when on a task may ride again, in seconds."""
        state = subject.state
        if state is None or state.aside is not None:
            return pacing.next_look(subject, plane, now, self.pacing, self.lessons, self.rng).seconds
        if now >= self._until or len(self._waits) >= _MOST:
            self._waits.clear()
            self._until = now + _FRESH_FOR
        since = state.changed_at or subject.terms.watched_at
        age = int(_STEPS * log2(1.0 + now - since)) if now > since else 0
        key = (id(state.phase), age, subject.terms.wants_progress)
        known = self._waits.get(key)
        if known is None:
            wait = pacing.next_look(subject, plane, now, self.pacing, self.lessons, self.rng)
            known = self._waits[key] = (wait.seconds, state)
        return known[0]
