"""
The leases of the memory store: which ids each claim still has, and until when nobody else may have them.

What is under lease stands in no due queue. A lease that ran out is still good for a commit, until another claim takes
its ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from attrs import Factory, define

from .record import Record

S = TypeVar("S")

_MIN_CLOSED = 64  # below this, dropping closed leases from the heap costs more than they do


@define(eq=False)
class Leases(Generic[S]):
    """By the claim's stamp. Granting and looking up are O(1) per id."""

    _open: dict[int, dict[str, Record[S]]] = Factory(dict)
    _ends: list[tuple[int, int]] = Factory(list)  # a heap of (millisecond, stamp); closed ones leave it late

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def grant(self, stamp: int, until: int, records: Iterable[Record[S]]) -> None:
        """Give *records* to the claim with this stamp; from whoever had them before, they are taken."""
        for record in records:
            if record.stamp:
                self.drop(record)
            record.stamp = stamp
        self._open[stamp] = {record.id: record for record in records}
        heappush(self._ends, (until, stamp))
        if len(self._ends) > 2 * len(self._open) + _MIN_CLOSED:
            self._ends = [end for end in self._ends if end[1] in self._open]
            heapify(self._ends)

    def held(self, stamp: int) -> dict[str, Record[S]]:
        """Return what this claim still has, by id; whoever takes something out must `close` it at last."""
        return self._open.get(stamp, {})

    def close(self, stamp: int) -> None:
        """Forget a lease if nothing is left of it."""
        if stamp in self._open and not self._open[stamp]:
            del self._open[stamp]

    def drop(self, record: Record[S]) -> None:
        """Take one record from the claim that has it."""
        del self._open[record.stamp][record.id]
        self.close(record.stamp)
        record.stamp = 0

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
            for record in self._open[stamp].values():
                record.due = end
                records.append(record)
        return records
