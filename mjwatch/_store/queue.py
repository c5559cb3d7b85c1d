"""
The watched ids of the memory store, by when they are due and by who has them.

An id stands in the wheel or under a lease; one whose lease ran out in both, until it is claimed or given back. What was
wished for, and what became of it, is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Generic, TypeVar

from attrs import Factory, define

from .lease import Leases
from .record import Record, millisecond
from .wheel import NOWHERE, Wheel

S = TypeVar("S")


@define(eq=False)
class Queue(Generic[S]):
    """
    All is O(1) per id that is named, taken or given back (see `Wheel` for the small print).

    Attributes:
        records: What is watched, by id.
    """

    records: dict[str, Record[S]] = Factory(dict)
    _wheel: Wheel[Record[S]] = Factory(Wheel)
    _leases: Leases[S] = Factory(Leases)
    _nudged: set[str] = Factory(set)  # of those under lease
    _is_hurried: bool = False

    @property
    def leased(self) -> int:
        """How many are under way."""
        return len(self._leases)

    @property
    def due(self) -> int:
        """How many are due, as of the last `roll`."""
        return self._wheel.due

    def hastened(self, pace: float, company: float, limit: int) -> float:
        """Return *pace*, or less for one of the due that was nudged or never looked at; that one waits for *company*."""
        if self._is_hurried or self._wheel.unseen >= limit:
            return 0.0
        return min(pace, company) if self._wheel.unseen else pace

    def admit(self, records: Sequence[Record[S]], now: float) -> None:
        """Watch what was not watched; it is due at once."""
        self.records.update((record.id, record) for record in records)
        self._wheel.place(records, millisecond(now))

    def remove(self, record: Record[S]) -> None:
        """Watch *record* no longer, wherever it stands."""
        if record.due != NOWHERE:
            self._wheel.remove(record)
        if record.stamp:
            self._leases.drop(record)
        self._nudged.discard(record.id)
        del self.records[record.id]

    def hasten(self, record: Record[S], now: float) -> None:
        """Make *record* due now, or right after the flight that holds it."""
        if record.stamp:
            self._nudged.add(record.id)
            return
        self._is_hurried = True
        if record.due > millisecond(now):
            self._wheel.place([self._anew(record)], millisecond(now))

    def roll(self, now: float) -> None:
        """Let what is due at *now* become so; also what a lease held that ran out."""
        instant = millisecond(now)
        self._wheel.roll(instant, self._leases.ended(instant))

    def until_due(self, now: float) -> float:
        """Return how long until something becomes due; inf where nothing will."""
        instants = [at for at in (self._wheel.next_due(), self._leases.next_end()) if at is not None]
        return min(instants) / 1000 - now if instants else inf

    def rest(self, now: float, limit: int, linger: float) -> float:
        """Return how long to wait for a fuller batch."""
        oldest = self._wheel.oldest()
        if oldest is None or self._wheel.due >= limit:
            return 0.0
        until = oldest + millisecond(0.0, linger)
        return until / 1000 - now if until > millisecond(now) else 0.0

    def take(self, limit: int, ahead: float, *, stamp: int, until: float) -> list[Record[S]]:
        """Lease up to *limit* due ones to the claim with this stamp."""
        records = self._wheel.take(limit, ahead=millisecond(0.0, ahead))
        if records:
            self._is_hurried = False
            self._leases.grant(stamp, millisecond(until), records)
        if self._nudged:  # this look is the one that was asked for
            self._nudged.difference_update([record.id for record in records])
        return records

    def reclaim(self, stamp: int, ids: Sequence[str] | None) -> tuple[list[Record[S]], list[str]]:
        """
        Take *ids*, or all that it still has, from the claim with this stamp.

        Return their records, and which of *ids* it does not have.
        """
        is_over = self._leases.is_over(stamp)
        records: list[Record[S]] = []
        refused: list[str] = []
        if ids is None:
            records = self._leases.end(stamp)
        else:
            for id_ in ids:
                record = self.records.get(id_)
                if record is not None and record.stamp == stamp:
                    record.stamp = 0
                    records.append(record)
                else:
                    refused.append(id_)
            self._leases.shrink(stamp, len(records))
        if is_over:  # all that was left of it became due
            records = [self._anew(record) for record in records]
        return records, refused

    def place(self, records: Iterable[Record[S]], now: float, next_in: float) -> None:
        """Let what was reclaimed be due in *next_in* seconds; now, what was nudged meanwhile."""
        some = list(records)
        if self._nudged:
            nudged = [record for record in some if record.id in self._nudged]
            some = [record for record in some if record.id not in self._nudged]
            self._nudged.difference_update([record.id for record in nudged])
            self._is_hurried |= bool(nudged)
            self._wheel.place(nudged, millisecond(now))
        self._wheel.place(some, millisecond(now, next_in))

    def _anew(self, record: Record[S]) -> Record[S]:
        """Take *record* out of the wheel and return what stands for it from now on."""
        self._wheel.remove(record)
        anew = Record(record.id, record.terms, record.state, record.looked_at)
        self.records[record.id] = anew
        return anew
