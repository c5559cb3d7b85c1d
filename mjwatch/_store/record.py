"""
What the memory store keeps of one id, and how instants become the milliseconds of its due queue.

Values and plain functions. No queue, no log, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Generic, TypeVar

import msgspec
from attrs import evolve

from mjwatch.events import TaskEvent

from .contract import Known, Watch, Wish
from .gate import HAIR
from .wheel import NOWHERE

S = TypeVar("S")

_FAR = 10 * 365 * 86_400.0  # "never" as a number of seconds: infinity has no millisecond


class Record(msgspec.Struct, Generic[S], eq=False, gc=False):
    """
    What is kept of a watched id; an `Entry` of the wheel, and the `ClaimedRow` of a claim.

    64 bytes, and nothing in it that the collector must follow.

    Attributes:
        id: The task.
        terms: What it is watched for, shared with others: a `Watch` without an id.
        state, looked_at: See `ClaimedRow`.
        due: The millisecond it becomes due; only the wheel sets it.
        stamp: Of the claim that has it, also after the lease ran out; 0 while nobody does.
    """

    id: str
    terms: Watch
    state: S | None
    looked_at: float | None = None
    due: int = NOWHERE
    stamp: int = 0

    @property
    def watch(self) -> Watch:
        """What it is watched for."""
        return self.terms.named(self.id)

    def known(self, now: float) -> Known[S]:
        """Return what others may see of it."""
        due_in = 0.0 if self.stamp else max(0.0, self.due / 1000 - now)
        return Known(
            self.watch,
            self.state,
            is_watched=True,
            due_in=due_in,
            looked_at=self.looked_at,
            is_leased=self.stamp > 0,
        )


def millisecond(now: float, after: float = 0.0) -> int:
    """
    Return the first whole millisecond that is not before *after* seconds from *now*.

    Rounded up on both sides of each comparison: who sleeps until an instant finds it due, even if it wakes a hair early.
    """
    if after > 0.0:  # never NaN: an id must not get stuck
        now += after if after < _FAR else _FAR  # noqa: FURB136 - min() costs more than all the rest
    return ceil((now - HAIR) * 1000)


def agreed(wish: Wish, now: float) -> Watch:
    """Return the terms of a watch that begins with *wish*."""
    deadline_at = None if wish.deadline_in is None else now + wish.deadline_in
    return Watch(
        "",
        wish.tag,
        now,
        deadline_at,
        wish.wants_progress,
        is_by_kind=deadline_at is None,
        is_kept=wish.is_kept,
    )


def merged(terms: Watch, wish: Wish, now: float) -> Watch:
    """Merge upwards: the later deadline, and no earlier than the task's kind asks for if anybody left it to that."""
    wished = None if wish.deadline_in is None else now + wish.deadline_in
    both = Watch(
        id="",
        tag=terms.tag if wish.tag is None else wish.tag,
        watched_at=terms.watched_at,
        deadline_at=max((at for at in (terms.deadline_at, wished) if at is not None), default=None),
        wants_progress=terms.wants_progress or wish.wants_progress,
        is_discarded=terms.is_discarded,
        is_by_kind=terms.is_by_kind or wished is None,
        is_kept=terms.is_kept or wish.is_kept,
    )
    return terms if both == terms else both


def tagged(events: Sequence[TaskEvent], tag: str | None) -> Sequence[TaskEvent]:
    """Return *events* under the last *tag* that was given: it may have come after they were made."""
    for event in events:
        if event.tag != tag:
            return [evolve(event, tag=tag) for event in events]
    return events
