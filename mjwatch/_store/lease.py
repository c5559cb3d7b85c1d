"""
The leases of the memory store: which ids each claim still has, and until when nobody else may have them.

What is under lease stands in no due queue. A lease that ran out is still good for a commit, until another claim takes
its ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from attrs import Factory, define

from .record import Record

S = TypeVar("S")

_MIN_CLOSED = 64  # below this, dropping closed leases from the heap costs more than they do


@define(eq=False)
class _Lease(Generic[S]):
    """What one claim was given; it still has the records that bear its stamp, *left* of them."""

    records: Sequence[Record[S]]
    left: int
    is_over: bool = False


@define(eq=False)
class Leases(Generic[S]):
    """By the claim's stamp. Granting and giving back are O(1) per id."""

    _open: dict[int, _Lease[S]] = Factory(dict)
    _ends: list[tuple[int, int]] = Factory(list)  # a heap of (millisecond, stamp); closed ones leave it late

    def __len__(self) -> int:
        return sum(lease.left for lease in self._open.values())

    def grant(self, stamp: int, until: int, records: Sequence[Record[S]]) -> None:
        """Give *records* to the claim with this stamp; from whoever had them before, they are taken."""
        for record in records:
            if record.stamp:
                self.drop(record)
            record.stamp = stamp
        self._open[stamp] = _Lease(records, len(records))
        heappush(self._ends, (until, stamp))
        if len(self._ends) > 2 * len(self._open) + _MIN_CLOSED:
            self._ends = [end for end in self._ends if end[1] in self._open]
            heapify(self._ends)

    def is_over(self, stamp: int) -> bool:
        """Return True where this lease ran out, so that what is left of it became due."""
        return stamp in self._open and self._open[stamp].is_over

    def rest(self, stamp: int) -> list[Record[S]]:
        """Return what this claim still has."""
        lease = self._open.get(stamp)
        return [] if lease is None else [record for record in lease.records if record.stamp == stamp]

    def end(self, stamp: int) -> list[Record[S]]:
        """Take from this claim what it still has, and return it."""
        records = self.rest(stamp)
        for record in records:
            record.stamp = 0
        self._open.pop(stamp, None)
        return records

    def drop(self, record: Record[S]) -> None:
        """Take one record from the claim that has it."""
        self.shrink(record.stamp, 1)
        record.stamp = 0

    def shrink(self, stamp: int, count: int) -> None:
        """Note that so many records no longer bear this *stamp*."""
        lease = self._open.get(stamp)
        if lease is not None:
            lease.left -= count
            if not lease.left:
                del self._open[stamp]

    def next_end(self) -> int | None:
        """Return when the next lease runs out, None without one."""
        while self._ends and self._ends[0][1] not in self._open:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def ended(self, now: int) -> list[Record[S]]:
        """Return what is free again at *now*, each due since its lease ran out."""
        records: list[Record[S]] = []
        while (end := self.next_end()) is not None and end <= now:
            _, stamp = heappop(self._ends)
            for record in self.rest(stamp):
                record.due = end
                records.append(record)
            self._open[stamp].is_over = True
        return records
