"""
The store of one process: states are live objects, nothing is serialised.

Joins the due queue, the gate, the log and the notes into one contract. No method but `EventLog.__anext__` yields to the
loop, so each call is one atomic step and there are no locks. What a state means, and when to look, is decided elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import inf
from typing import Generic, TypeVar

from attrs import define, evolve, field, setters
from attrs.validators import gt

from mjwatch.errors import StoreError, TooManyWatches
from mjwatch.events import Event, GatewayEvent

from .contract import Claim, ClaimedRow, Committed, Counts, EventLog, Gap, Idle, Known, Row, Watch, Wish
from .gate import Gate
from .log import Log, LogReader
from .record import Record, due_score, merged, millisecond
from .wheel import Wheel, leased

S = TypeVar("S")

_MAX_NOTES = 1_000
_MAX_NOTE = 64 * 1024


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

    _watched: dict[str, Record[S]] = field(init=False, factory=dict)
    _finished: OrderedDict[str, Record[S]] = field(init=False, factory=OrderedDict)
    _wheel: Wheel[Record[S]] = field(init=False, factory=Wheel)
    _gate: Gate = field(init=False, factory=Gate)
    _log: Log = field(init=False)
    _notes: dict[str, bytes] = field(init=False, factory=dict)
    _stamp: int = field(init=False, default=0)
    _leased: int = field(init=False, default=0)
    _is_hurried: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._log = Log(self.log_size)

    async def watch(self, wishes: Sequence[Wish]) -> list[Known[S]]:
        """Watch ids, or add a wish to watches; return what is known of each, in order."""
        now = self._now()
        self._refuse_too_many(wishes)
        for wish in wishes:
            record = self._watched.get(wish.id)
            if record is not None:
                record.watch = merged(record.watch, wish, now)
            else:
                self._admit(wish, now)
        return [record.known(now) for wish in wishes if (record := self._find(wish.id))]

    async def unwatch(self, ids: Iterable[str]) -> int:
        """Stop watching ids silently; return how many were watched."""
        now = self._now()
        records = [record for id_ in ids if (record := self._watched.pop(id_, None))]
        for record in records:
            self._wheel.remove(record)
            if record.stamp:
                record.stamp = 0
                self._leased -= 1
            self._retire(record, now, is_over=False)
        return len(records)

    async def discard(self, ids: Iterable[str]) -> int:
        """Mark ids as discarded and due now; return how many were watched."""
        now = self._now()
        records = [record for id_ in dict.fromkeys(ids) if (record := self._watched.get(id_))]
        for record in records:
            record.watch = evolve(record.watch, is_discarded=True)
            self._hasten(record, now)
        return len(records)

    async def nudge(self, ids: Iterable[str]) -> None:
        """Make ids due now, or right after the flight that holds them."""
        now = self._now()
        for id_ in ids:
            record = self._watched.get(id_)
            if record is not None:
                self._hasten(record, now)

    async def claim(
        self, limit: int, lease: float, *, ahead: float, linger: float, gaps: Sequence[Gap], pace: float
    ) -> Claim[S] | Idle:
        """Pass the gate with up to *limit* due ids, earliest due first."""
        now = self._now()
        held = self._gate.held(now)
        # 1. A request that is no poll.
        if limit == 0:
            wait = 0.0 if held else self._gate.wait(now, gaps, pace)
        else:
            # 2. Nothing is due.
            self._wheel.roll(millisecond(now))
            if not self._wheel.due:
                return Idle(self._until_due(now))
            # 3. A hold, which is no reason to keep due ids from their deadlines. 4. The gaps. 5. The batch.
            pace = 0.0 if self._wheel.unseen or self._is_hurried else pace
            wait = 0.0 if held else self._gate.wait(now, gaps, pace) or self._rest(now, limit, linger)
        if wait:
            return Idle(wait)
        # 6. From here on it cannot fail: the gate is spent only for rows that are handed out.
        if not held:
            self._gate.spend(now, gaps, is_poll=limit > 0)
        return self._take(limit, now, lease, ahead, held)

    async def commit(
        self, claim: Claim[S], rows: Sequence[Row[S]], *, hold: float = 0.0, told: Sequence[GatewayEvent] = ()
    ) -> Committed:
        """Give claimed ids back: states, due times and events in one step, fenced by the claim's stamp."""
        now = self._now()
        if hold > 0.0:
            self._gate.hold(now + hold)
        events: list[Event] = list(told)
        refused: list[str] = []
        remove, place, stamp = self._wheel.remove, self._wheel.place, claim.stamp
        for row in rows:
            record = self._watched.get(row.id)
            if record is None or record.stamp != stamp:
                refused.append(row.id)
                continue
            remove(record)
            record.stamp = 0
            if row.was_looked_at:
                record.looked_at = now
            if row.state is not None:
                record.state = row.state
            if row.next_in is None:
                del self._watched[row.id]
                self._retire(record, now, is_over=row.is_over)
            else:
                place(record, due_score(now, 0.0 if record.is_nudged else row.next_in))
                self._is_hurried |= record.is_nudged
            events += row.events
        self._leased -= len(rows) - len(refused)
        self._log.append(events)
        return Committed(len(rows) - len(refused), tuple(refused))

    def events(self, after: int | None = None) -> EventLog:
        """Read the log from after an offset, or from now on."""
        self._now()
        return LogReader(self._log, after)

    async def recall(self, key: str) -> bytes | None:
        """Return a note, or None."""
        self._now()
        return self._notes.get(key)

    async def note(self, key: str, value: bytes) -> None:
        """Keep a note."""
        self._now()
        if len(value) > _MAX_NOTE:
            raise StoreError(f"note {key!r} has {len(value)} bytes, at most {_MAX_NOTE} are kept")
        if key not in self._notes and len(self._notes) >= _MAX_NOTES:
            raise StoreError(f"no room for note {key!r}: at most {_MAX_NOTES} are kept")
        self._notes[key] = value

    async def known(
        self, ids: Sequence[str] | None = None, *, tag: str | None = None, limit: int = 1000
    ) -> list[Known[S]]:
        """Return what is known, of *ids* or of the watched ones, of one *tag* or all."""
        now = self._now()
        records = self._watched.values() if ids is None else filter(None, map(self._find, ids))
        found = (record for record in records if tag is None or record.watch.tag == tag)
        return [record.known(now) for record in islice(found, limit)]

    async def counts(self) -> Counts:
        """Return how much the store holds."""
        self._now()
        return Counts(
            watched=len(self._watched),
            leased=self._leased,
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
        while self._finished:
            id_, record = next(iter(self._finished.items()))
            if record.left_at is None or now - record.left_at < self.retention:
                break
            del self._finished[id_]
        return now

    def _find(self, id_: str) -> Record[S] | None:
        return self._watched.get(id_) or self._finished.get(id_)

    def _refuse_too_many(self, wishes: Sequence[Wish]) -> None:
        new = {wish.id for wish in wishes if wish.id not in self._watched}
        over = {id_ for id_ in new if (record := self._finished.get(id_)) and record.is_over}
        if len(self._watched) + len(new) - len(over) > self.max_watches:
            raise TooManyWatches(
                f"{len(self._watched)} tasks are watched, {len(new) - len(over)} more would pass the bound of "
                f"{self.max_watches}: wait until some end, or raise Limits(max_watches=...)"
            )

    def _admit(self, wish: Wish, now: float) -> None:
        """Watch what is not watched, unless its end is known."""
        left = self._finished.get(wish.id)
        if left is not None and left.is_over:
            left.watch = left.watch if wish.tag is None else evolve(left.watch, tag=wish.tag)
            return
        tag = wish.tag
        if left is not None:
            del self._finished[wish.id]
            tag = left.watch.tag if tag is None else tag
        deadline_at = None if wish.deadline_in is None else now + wish.deadline_in
        watch = Watch(wish.id, tag, now, deadline_at, wish.wants_progress, is_by_kind=deadline_at is None)
        # A record of its own, so that nothing of the former watch lingers; a late commit finds another stamp.
        record = Record(watch, None if left is None else left.state)
        self._watched[wish.id] = record
        self._wheel.place(record, due_score(now))

    def _hasten(self, record: Record[S], now: float) -> None:
        if record.stamp:
            record.is_nudged = True
            return
        self._is_hurried = True
        if record.score > due_score(now):
            self._wheel.remove(record)
            self._wheel.place(record, due_score(now))

    def _until_due(self, now: float) -> float:
        instant = self._wheel.next_due()
        return inf if instant is None else instant / 1000 - now

    def _rest(self, now: float, limit: int, linger: float) -> float:
        """Return how long to wait for a fuller batch."""
        oldest = self._wheel.oldest()
        if oldest is None or self._wheel.due >= limit:
            return 0.0
        until = oldest + millisecond(0.0, linger)
        return until / 1000 - now if until > millisecond(now) else 0.0

    def _take(self, limit: int, now: float, lease: float, ahead: float, held: float) -> Claim[S]:
        self._stamp += 1
        records = self._wheel.take(limit, ahead=millisecond(0.0, ahead)) if limit else []
        stamp = self._stamp
        for record in records:
            if not record.stamp:  # a lease that ran out is counted already
                self._leased += 1
            record.stamp = stamp
            record.is_nudged = False  # this look is the one that was asked for
        if records:
            self._is_hurried = False
            self._wheel.lease(records, leased(millisecond(now, lease)))
        rows = tuple([ClaimedRow(record.watch, record.state, record.looked_at) for record in records])
        return Claim(self._stamp, now, held, rows)

    def _retire(self, record: Record[S], now: float, *, is_over: bool) -> None:
        record.is_over = is_over
        record.left_at = now
        self._finished[record.watch.id] = record
        if len(self._finished) > self.finished_size:
            self._finished.popitem(last=False)
