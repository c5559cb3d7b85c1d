"""
What the memory store keeps of ids that are no longer watched: their last state, for whoever watches them again.

Bounded by number and by age, the one that was left first goes first. Why an id was left is not its business.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

import msgspec
from attrs import Factory, define

from .contract import Known, Watch

S = TypeVar("S")


class Left(msgspec.Struct, Generic[S], eq=False):
    """What is kept of an id that is no longer watched. `is_over` is `Row.is_over`; it was left at *left_at*."""

    id: str
    terms: Watch
    state: S | None
    left_at: float
    is_over: bool

    def known(self, _now: float) -> Known[S]:
        """Return what others may see of it."""
        return Known(self.terms.named(self.id), self.state, is_watched=False, due_in=None)


@define(eq=False)
class Finished(Generic[S]):
    """By id; at most *size*, none longer than *retention* seconds."""

    size: int
    retention: float
    _left: OrderedDict[str, Left[S]] = Factory(OrderedDict)

    def __len__(self) -> int:
        return len(self._left)

    def get(self, id_: str) -> Left[S] | None:
        """Return what is kept of an id."""
        return self._left.get(id_)

    def pop(self, id_: str) -> Left[S] | None:
        """Return what is kept of an id, and keep it no longer."""
        return self._left.pop(id_, None)

    def keep(self, left: Left[S]) -> None:
        """Keep what was left just now."""
        self._left[left.id] = left
        if len(self._left) > self.size:
            self._left.popitem(last=False)

    def forget(self, now: float) -> None:
        """Let go of what is too old."""
        while self._left:
            id_, left = next(iter(self._left.items()))
            if now - left.left_at < self.retention:
                return
            del self._left[id_]
