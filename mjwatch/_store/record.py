"""
What the memory store keeps of one id, and how instants become the milliseconds of its due queue.

Values and plain functions. No queue, no log, no clock.
"""

from __future__ import annotations

from math import ceil
from typing import Generic, TypeVar

from attrs import define

from .contract import Known, Watch, Wish
from .gate import HAIR
from .wheel import NOWHERE

S = TypeVar("S")

_FAR = 10 * 365 * 86_400.0  # "never" as a number of seconds: infinity has no millisecond


@define(eq=False, weakref_slot=False)
class Record(Generic[S]):
    """
    What is kept of an id; an `Entry` of the wheel while it is watched.

    Attributes:
        stamp: Of the claim that has it, also after the lease ran out; 0 while nobody does.
        is_nudged: Somebody wants it looked at right after the flight that has it.
        is_over: See `Row.is_over`.
        left_at: Since when it is not watched, None while it is.
    """

    watch: Watch
    state: S | None
    looked_at: float | None = None
    score: int = NOWHERE
    stamp: int = 0
    is_nudged: bool = False
    is_over: bool = False
    left_at: float | None = None

    def known(self, now: float) -> Known[S]:
        """Return what others may see of it."""
        if self.left_at is not None:
            return Known(self.watch, self.state, is_watched=False, due_in=None)
        due_in = 0.0 if self.stamp else max(0.0, (self.score >> 1) / 1000 - now)
        return Known(self.watch, self.state, is_watched=True, due_in=due_in)


def millisecond(now: float, after: float = 0.0) -> int:
    """
    Return the first whole millisecond that is not before *after* seconds from *now*.

    Rounded up on both sides of each comparison: who sleeps until an instant finds it due, even if it wakes a hair early.
    """
    return due_score(now, after) >> 1


def due_score(now: float, after: float = 0.0) -> int:
    """Return the score of what is due *after* seconds from *now*, at the `millisecond`."""
    if after > 0.0:  # never NaN: an id must not get stuck
        now += after if after < _FAR else _FAR  # noqa: FURB136 - min() costs more than all the rest
    return 2 * ceil((now - HAIR) * 1000)


def merged(watch: Watch, wish: Wish, now: float) -> Watch:
    """Merge upwards: the later deadline, and no earlier than the task's kind asks for if anybody left it to that."""
    wished = None if wish.deadline_in is None else now + wish.deadline_in
    return Watch(
        id=watch.id,
        tag=watch.tag if wish.tag is None else wish.tag,
        watched_at=watch.watched_at,
        deadline_at=max((at for at in (watch.deadline_at, wished) if at is not None), default=None),
        wants_progress=watch.wants_progress or wish.wants_progress,
        is_discarded=watch.is_discarded,
        is_by_kind=watch.is_by_kind or wished is None,
    )
