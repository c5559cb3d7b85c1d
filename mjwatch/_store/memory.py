"""
The store of one process: states are live objects, nothing is serialised.

Joins the due queue, the gate, the log and the notes into one contract. No method but `EventLog.__anext__` yields to the
loop, so each call is one atomic step and there are no locks. What a state means, and when to look, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from attrs import define, field, setters
from attrs.validators import gt
from msgspec.structs import replace

from mjwatch.errors import StoreError, TooManyWatches
from mjwatch.events import Event, GatewayEvent

from .contract import (
    Alike,
    Claim,
    Committed,
    Counts,
    EventLog,
    Gap,
    Idle,
    Known,
    Row,
    Watch,
    Wish,
)
from .finished import Finished, Left
from .gate import Gate
from .log import Log, LogReader
from .notes import Notes
from .queue import Queue
from .record import Record, agreed, merged, tagged

S = TypeVar("S")


@define(eq=False, repr=False, kw_only=True, on_setattr=setters.NO_OP)  # validated once; counters change often
class MemoryStore(Generic[S]):
    """
    A `Store` in memory.

    `watch`, `unwatch`, `nudge`, `discard`, `claim` and `commit` cost O(1) per id (see `Wheel` for the small print),
    `known` by tag is O(watched).

    Attributes:
        clock: Its instants, in seconds. Never goes back.
        max_watches: Ids watched at once; one more is refused.
        log_size: Events kept.
        finished_size: Ids kept that are no longer watched; the one that was left first goes first.
        retention: How long those are kept, seconds.
    """

    clock: Callable[[], float]
    max_watches: int = field(default=100_000, validator=gt(0))
    log_size: int = field(default=10_000, validator=gt(0))
    finished_size: int = field(default=10_000, validator=gt(0))
    retention: float = field(default=7 * 86_400.0, validator=gt(0))

    _queue: Queue[S] = field(init=False, factory=Queue)
    _finished: Finished[S] = field(init=False)
    _gate: Gate = field(init=False, factory=Gate)
    _log: Log = field(init=False)
    _notes: Notes = field(init=False, factory=Notes)
    _stamp: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._log = Log(self.log_size)
        self._finished = Finished(self.finished_size, self.retention)

    async def watch(self, wishes: Sequence[Wish]) -> list[Known[S]]:
        """Watch ids, or add a wish to watches; return what is known of each, in order."""
        now = self._now()
        self._refuse_too_many(wishes)
        # Who wishes for the same at the same time shares the terms.
        shared: dict[tuple[Watch | None, str | None, float | None, bool, bool], Watch] = {}
        fresh: dict[str, Record[S]] = {}
        for wish in wishes:
            record = self._queue.records.get(wish.id) or fresh.get(wish.id)
            before = None if record is None else record.terms
            kind = (before, wish.tag, wish.deadline_in, wish.wants_progress, wish.is_kept)
            terms = shared.get(kind)
            if terms is None:
                terms = agreed(wish, now) if before is None else merged(before, wish, now)
                shared[kind] = terms
            if record is not None:
                record.terms = terms
                continue
            admitted = self._admitted(wish, terms)
            if admitted is not None:
                fresh[wish.id] = admitted
        self._queue.admit(list(fresh.values()), now)
        return [found.known(now) for wish in wishes if (found := self._find(wish.id))]

    async def unwatch(self, ids: Iterable[str]) -> list[str]:
        """Stop watching ids silently, but not those that are kept; return which."""
        now = self._now()
        watched = self._queue.records
        records = [record for id_ in dict.fromkeys(ids) if (record := watched.get(id_))]
        left = [record for record in records if not record.terms.is_kept]
        for record in left:
            self._retire(record, now, is_over=False)
        return [record.id for record in left]

    async def discard(self, ids: Iterable[str]) -> list[str]:
        """Mark ids as discarded and due now; return which were watched."""
        now = self._now()
        watched = self._queue.records
        records = [record for id_ in dict.fromkeys(ids) if (record := watched.get(id_))]
        for record in records:
            record.terms = replace(record.terms, is_discarded=True)
            self._queue.hasten(record, now)
        return [record.id for record in records]

    async def nudge(self, ids: Iterable[str]) -> None:
        """Make ids due now, or right after the flight that holds them."""
        now = self._now()
        for id_ in ids:
            record = self._queue.records.get(id_)
            if record is not None:
                self._queue.hasten(record, now)

    async def claim(
        self,
        limit: int,
        lease: float,
        *,
        ahead: float,
        linger: float,
        gaps: Sequence[Gap],
        pace: float,
        company: float = 0.0,
    ) -> Claim[S] | Idle:
        """Pass the gate with up to *limit* due ids, earliest due first."""
        now = self._now()
        held = self._gate.held(now)
        # 1. A request that is no poll.
        if limit == 0:
            wait = 0.0 if held else self._gate.wait(now, gaps, pace)
        else:
            # 2. Nothing is due.
            self._queue.roll(now)
            if not self._queue.due:
                return Idle(self._queue.until_due(now))
            # 3. A hold, which is no reason to keep due ids from their deadlines. 4. The gaps. 5. The batch.
            pace = self._queue.hastened(pace, company, limit)
            wait = 0.0 if held else self._gate.wait(now, gaps, pace) or self._queue.rest(now, limit, linger)
        if wait:
            return Idle(wait)
        # 6. From here on it cannot fail: the gate is spent only for rows that are handed out.
        if not held:
            self._gate.spend(now, gaps, is_poll=limit > 0)
        self._stamp += 1
        taken = self._queue.take(limit, ahead, stamp=self._stamp, until=now + lease) if limit else []
        return Claim(self._stamp, now, held, taken, len(self._queue.records))

    async def commit(
        self,
        claim: Claim[S],
        rows: Sequence[Row[S] | Alike],
        *,
        hold: float = 0.0,
        told: Sequence[GatewayEvent] = (),
    ) -> Committed:
        """Give claimed ids back: states, due times and events in one step, fenced by the claim's stamp."""
        now = self._now()
        if hold > 0.0:
            self._gate.hold(now + hold)
        events: list[Event] = list(told)
        refused: list[str] = []
        back: dict[float, list[Record[S]]] = {}
        singles = [row for row in rows if isinstance(row, Row)]
        records, others = self._queue.reclaim(claim.stamp, [row.id for row in singles])
        refused += others
        by_id = {record.id: record for record in records}
        kept = len(by_id)
        for row in singles:
            found = by_id.pop(row.id, None)
            if found is not None:
                events += tagged(row.events, found.terms.tag)
                self._take_in(found, row, now, back)
        together = [row for row in rows if isinstance(row, Alike)]
        for alike in sorted(together, key=lambda one: one.ids is None):  # the rest comes last
            records, others = self._queue.reclaim(claim.stamp, alike.ids)
            refused += others
            kept += len(records)
            if alike.was_looked_at:
                for record in records:
                    record.looked_at = now
            back.setdefault(alike.next_in, []).extend(records)
        for next_in, records in back.items():
            self._queue.place(records, now, next_in)
        self._log.append(events)
        return Committed(kept, tuple(refused))

    def events(self, after: int | None = None) -> EventLog:
        """Read the log from after an offset, or from now on."""
        self._now()
        return LogReader(self._log, after)

    async def recall(self, key: str) -> bytes | None:
        """Return a note, or None."""
        self._now()
        return self._notes.recall(key)

    async def note(self, key: str, value: bytes) -> None:
        """Keep a note."""
        self._now()
        self._notes.note(key, value)

    async def known(
        self, ids: Sequence[str] | None = None, *, tag: str | None = None, limit: int = 1000
    ) -> list[Known[S]]:
        """Return what is known, of *ids* or of the watched ones, of one *tag* or all."""
        now = self._now()
        records = map(self._find, self._queue.records if ids is None else ids)
        found = (one for one in records if one is not None and tag in {None, one.terms.tag})
        return [one.known(now) for one in islice(found, limit)]

    async def counts(self) -> Counts:
        """Return how much the store holds."""
        self._now()
        return Counts(
            watched=len(self._queue.records),
            leased=self._queue.leased,
            finished=len(self._finished),
            logged=len(self._log),
            offset=self._log.newest,
        )

    async def aclose(self) -> None:
        """Close the store; its event logs end once they are read to the end."""
        self._log.close()

    def _now(self) -> float:
        """Return the instant of this step, in which nothing is closed and nothing too old."""
        if self._log.is_closed:
            raise StoreError("this memory store was closed: build another one")
        now = self.clock()
        self._finished.forget(now)
        return now

    def _find(self, id_: str) -> Record[S] | Left[S] | None:
        return self._queue.records.get(id_) or self._finished.get(id_)

    def _refuse_too_many(self, wishes: Sequence[Wish]) -> None:
        watched = self._queue.records
        new = {wish.id for wish in wishes if wish.id not in watched}
        over = {id_ for id_ in new if (left := self._finished.get(id_)) and left.is_over}
        if len(watched) + len(new) - len(over) > self.max_watches:
            raise TooManyWatches(
                f"{len(watched)} tasks are watched, {len(new) - len(over)} more would pass the bound of "
                f"{self.max_watches}: wait until some end, or raise Limits(max_watches=...)"
            )

    def _admitted(self, wish: Wish, terms: Watch) -> Record[S] | None:
        """Return a record of what is not watched, on these *terms*; None where its end is known."""
        left = self._finished.get(wish.id)
        if left is not None and left.is_over:
            left.terms = left.terms if wish.tag is None else replace(left.terms, tag=wish.tag)
            return None
        if left is not None:
            self._finished.pop(wish.id)
            if wish.tag is None and left.terms.tag is not None:
                terms = replace(terms, tag=left.terms.tag)
        # A record of its own, so that nothing of the former watch lingers; a late commit finds another stamp.
        return Record(wish.id, terms, None if left is None else left.state)

    def _take_in(
        self, record: Record[S], row: Row[S], now: float, back: dict[float, list[Record[S]]]
    ) -> None:
        if row.state is not None:
            record.state = row.state
        if row.was_looked_at:
            record.looked_at = now
        if row.next_in is None:
            self._retire(record, now, is_over=row.is_over)
        else:
            back.setdefault(row.next_in, []).append(record)

    def _retire(self, record: Record[S], now: float, *, is_over: bool) -> None:
        self._queue.remove(record)
        self._finished.keep(Left(record.id, record.terms, record.state, now, is_over))
