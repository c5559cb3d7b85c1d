"""The undelivered events of one reader: bounded, and the newest progress, the buttons and every end are among them.

Only stores and hands out. Who wakes the reader is the runtime's business: nothing waits, `now` is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

from attrs import Factory, define, field, setters
from attrs.converters import optional

from mjwatch._policy.ledger import Course, Ledger, Parcel
from mjwatch._policy.throttle import Throttle
from mjwatch.events import ButtonsAvailable, Event, Progress, Recovered, TaskEvent, Unreachable

# Fewer are never conflated: a reader that keeps up gets each event, and looking for what to drop costs more than
# keeping it.
_FEW = 256
_GATEWAY_EVENTS = (Unreachable, Recovered)


@define(eq=False, on_setattr=setters.NO_OP)  # the mark changes often
class Mailbox:
    """
    The undelivered events of one reader, in the order in which they came.

    Conflation is lazy: events are appended, and only when there are many are those dropped that a newer one
    replaces. What survives of a task is the newest of Progress and InputRequired, the newest ButtonsAvailable and
    the newest final; of the gateway the newest Unreachable or Recovered.

    Under a throttle Progress is conflated at once: of those of a task that wait only the newest is told, in the turn
    of the first, and none of which any newer event of its task waits. A reader that was busy is not behind.

    What came is first as the log has it, `_later`, and then `ready`: numbered, and free to be taken from the left
    without any further question. A reader that keeps up has nothing but the latter.

    Args:
        throttle: The least distance of two Progress of one task, in seconds; None for no such wish, where Progress
            is conflated like all else.

    Attributes:
        ready: What may be taken at once. Always the same deque; empty where there is a throttle.
    """

    _throttle: Throttle | None = field(default=None, kw_only=True, converter=optional(Throttle))
    ready: deque[Event] = field(factory=deque, init=False)
    _later: deque[Event] = field(factory=deque, init=False)
    _ledger: Ledger = field(default=Factory(lambda self: Ledger(self.ready), takes_self=True), init=False)
    # Twice the slots there will be when all that is ready has been taken, as far as they were counted.
    _mark: int = field(default=0, init=False)
    _over: set[str] = field(factory=set, init=False)

    def __len__(self) -> int:
        resting = 0 if self._throttle is None else len(self._throttle)
        return len(self.ready) + len(self._later) + resting

    @property
    def bound(self) -> int:
        """How many events there may be at most: twice the slots of the tasks that have one, or a few. Walks over all."""
        tasks = set(() if self._throttle is None else self._throttle.tasks)
        for event in chain(self.ready, self._later):
            if not isinstance(event, _GATEWAY_EVENTS):
                tasks.add(event.task.id)
        return max(_FEW, 2 * (3 * len(tasks) + 1))

    @property
    def unread_finals(self) -> int:
        """How many final events wait. Walks over all."""
        return sum(event.final for event in chain(self.ready, self._later))

    def put(self, event: Event) -> None:
        """
        Store *event*, unless it came before.

        The events of a task come in rising `seq`; one that does not rise is a replay that overlaps the log, and
        is dropped.
        """
        throttle = self._throttle
        if throttle is not None and not isinstance(event, _GATEWAY_EVENTS):
            if self._ledger.knows(event) or throttle.is_replay(event):
                return
            overtaken = throttle.came(event)
            if overtaken is not None:
                self._ledger.owe(overtaken)
                if isinstance(event, Progress):
                    return
        self._later.append(event)
        self._came()

    def put_all(self, parcel: Parcel) -> None:
        """Store what several readers get, as `put` does."""
        events, ready = parcel.events, self.ready
        if self._throttle is not None:
            for event in events:
                self.put(event)
        elif not self._later and (len(ready) + len(events) <= _FEW or (not ready and parcel.is_flat)):
            numbered = self._ledger.number_all(parcel)
            self._mark = self._mark - 2 * len(events) if len(events) <= _FEW else 0
            ready.extend(numbered)
        else:
            self.part()
            self._later.extend(events)
            self._came()

    def take(self, now: float) -> Event | None:
        """Hand out the oldest event that may be delivered at *now*, with `skipped` filled in; None without one."""
        if self._throttle is not None:
            return self._take_in_time(now, self._throttle)
        self._make_ready()
        return self.ready.popleft() if self.ready else None

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds `take` hands something out, 0.0 for at once, None where nothing is left."""
        if self._throttle is None:
            self._make_ready()
            return 0.0 if self.ready else None
        self._let_rest(now, self._throttle)
        return 0.0 if self._later else self._throttle.ready_in(now)

    def knows(self, event: TaskEvent) -> bool:
        """Return True if *event* was handed out, or is ready."""
        return self._ledger.knows(event)

    def expect(self, task_id: str) -> None:
        """Begin with a task of which nothing came yet: readers that begin alike can share their work."""
        self._ledger.expect(task_id)

    def follow(self, course: Course) -> None:
        """Let parcels that *course* numbered be taken over as they are, if the reader keeps up and stands there."""
        if not self._later and self._throttle is None:
            self._ledger.follow(course)

    def part(self) -> None:
        """Follow no course any more: its next parcel will not come here."""
        self._ledger.part()

    def forget(self, *task_ids: str) -> None:
        """
        Drop what is undelivered of *task_ids*, which the reader left.

        Their last seqs stay known for a while: should the reader come back, the replay of what it did not get is
        let in, and seq goes on rising.
        """
        may_be_new = self._later or self._throttle is not None  # else all that waits was numbered
        left = {task_id for task_id in task_ids if may_be_new or task_id in self._ledger}
        if not left:
            return
        self._take_back([event for event in self.ready if _task_id(event) in left])
        for queue in (self.ready, self._later):
            kept = [event for event in queue if _task_id(event) not in left]
            if len(kept) < len(queue):
                for event in queue:
                    if not isinstance(event, _GATEWAY_EVENTS) and event.task.id in left:
                        self._ledger.owe(event)
                if queue is self._later:
                    self._mark -= 2 * (len(queue) - len(kept))
                queue.clear()
                queue.extend(kept)
        for task_id in left:
            waiting = None if self._throttle is None else self._throttle.forget(task_id)
            if waiting is not None:
                self._ledger.owe(waiting)
            self._over.discard(task_id)
            self._ledger.end(task_id)
        self._trim()

    def end(self, task_id: str) -> None:
        """Note that nothing more of a task is to come here, unless it begins anew: it need not be remembered."""
        if not self._later:
            self._ledger.end(task_id)
            return
        self._over.add(task_id)
        # Most have nothing here, where tasks come and go; paid by those that were added.
        if len(self._over) > max(_FEW, 2 * len(self)):
            self._end_all(self._over - {_task_id(event) for event in chain(self.ready, self._later)})

    def renew(self, *task_ids: str) -> None:
        """Let the seqs of *task_ids* count from 1 again: whoever keeps them has forgotten them."""
        self.forget(*task_ids)
        for task_id in task_ids:
            self._ledger.renew(task_id)

    @property
    def _limit(self) -> int:
        """
        How many there may be before they are conflated: twice the slots that were counted, less those emptied since.

        So a conflation that walks over n events is paid by n/2 that came or were taken since the last one.
        """
        return max(_FEW, self._mark + 2 * len(self.ready))

    def _came(self) -> None:
        if len(self) > _FEW:
            self._trim()
        elif self._throttle is None:
            self._number(len(self._later))

    def _make_ready(self) -> None:
        """Number what is next, if nothing is ready: as much as may be taken without a look at how much is left."""
        while self._later and not self.ready:  # replays are not told
            if len(self._later) > _FEW and len(self._later) == self._limit:
                self._conflate()
            size = len(self._later)
            self._number(size if size <= _FEW else min(size, self._limit - size))

    def _number(self, run: int) -> None:
        for _ in range(run):
            event = self._later.popleft()
            told = event if isinstance(event, _GATEWAY_EVENTS) else self._ledger.number(event)
            if told is not None:
                self.ready.append(told)
        self._mark -= 2 * run
        if self._over and not self._later:
            self._end_all(self._over)

    def _end_all(self, task_ids: Iterable[str]) -> None:
        """Let the ledger forget tasks that are over: nothing of theirs is still to be numbered."""
        for task_id in list(task_ids):
            self._over.discard(task_id)
            self._ledger.end(task_id)

    def _take_in_time(self, now: float, throttle: Throttle) -> Event | None:
        # What rested long enough goes before the queue: it is older than most of it, and a queue that never runs
        # empty must not hold it for ever.
        self._let_rest(now, throttle)
        event: Event | None = throttle.rested(now)
        if event is None:
            if not self._later:
                return None
            event = self._later.popleft()
            if isinstance(event, Progress):
                event = throttle.at(event)
        self._mark -= 2
        if not isinstance(event, _GATEWAY_EVENTS):
            throttle.told(event, now)
            event = self._ledger.tell(event)
        self._trim()
        return event

    def _let_rest(self, now: float, throttle: Throttle) -> None:
        """Clear the head of the queue of Progress that is told at another place, or later."""
        while self._later and isinstance(place := self._later[0], Progress):
            if throttle.is_void(place):
                self._mark -= 2
            elif not throttle.rest(place, now):
                return
            self._later.popleft()

    def _trim(self) -> None:
        if len(self) > self._limit:
            self._conflate()

    def _conflate(self) -> None:
        """Keep the newest event of each slot, where it stands."""
        self._take_back(self.ready)
        newest: dict[tuple[str, str], Event] = {}
        for event in chain(self.ready, self._later):
            slot = _slot(event)
            older = newest.get(slot)
            if older is not None:
                if not isinstance(event, _GATEWAY_EVENTS) and not isinstance(older, _GATEWAY_EVENTS):
                    if event.seq <= older.seq:
                        continue  # a replay
                    self._ledger.owe(older)
                del newest[slot]
            newest[slot] = event
        self.ready.clear()
        self._later = deque(newest.values())
        self._mark = 2 * len(self)
        self._end_all(self._over - {task_id for task_id, _ in newest})

    def _take_back(self, events: Sequence[Event]) -> None:
        """Let the ledger know that *events*, all that was ready of their tasks, are not told after all."""
        for event in reversed(events):
            if not isinstance(event, _GATEWAY_EVENTS) and self._ledger.rewind(event):
                self._over.add(event.task.id)


def _task_id(event: Event) -> str:
    return "" if isinstance(event, _GATEWAY_EVENTS) else event.task.id


def _slot(event: Event) -> tuple[str, str]:
    """Name what *event* is the news of: a newer event of the same slot makes it superfluous."""
    if isinstance(event, _GATEWAY_EVENTS):
        return "", "gateway"
    if event.final:
        return event.task.id, "final"
    return event.task.id, "buttons" if isinstance(event, ButtonsAvailable) else "progress"
