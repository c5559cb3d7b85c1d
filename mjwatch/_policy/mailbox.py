"""The undelivered events of one reader: bounded, and the newest progress, the buttons and every end are among them.

Only stores and hands out. Who wakes the reader is the runtime's business: nothing waits, `now` is an argument.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from itertools import count

from attrs import define, evolve, field

from mjwatch.events import (
    ButtonsAvailable,
    Event,
    Progress,
    Recovered,
    TaskEvent,
    Unreachable,
    with_skipped,
)

# Fewer are never conflated: a reader that keeps up gets each event, and looking for what to drop costs more than
# keeping it.
_FEW = 256
# How many ended ids are remembered. A replay of one of them is dropped; an id forgotten here would be told again.
_ENDED = 10_000
_GATEWAY_EVENTS = (Unreachable, Recovered)


@define(eq=False)
class _Track:
    """
    What the mailbox knows of one task.

    Attributes:
        put: The highest seq that came in.
        taken: The seq of the last event handed out.
        unread: How many of its events wait, a deferred one included.
        deferred: A Progress that waits for its time. It is then the only event of the task that waits: whatever
            comes after it replaces it, so seq rises for the reader whenever it is handed out.
        rests_until: No Progress is handed out before.
        is_over: Its end came, also if the reader does not want ends: nothing follows.
        owes_restart: A Progress that told a restart was dropped; the next one that is handed out has to tell it.
    """

    put: int = 0
    taken: int = 0
    unread: int = 0
    deferred: Progress | None = None
    rests_until: float = -math.inf
    owes_restart: bool = False
    is_over: bool = False


@define(eq=False)
class Mailbox:
    """
    The undelivered events of one reader, in the order in which they came.

    Conflation is lazy: events are appended, and only when there are many are those dropped that a newer one
    replaces. What survives of a task is the newest of Progress and InputRequired, the newest ButtonsAvailable and
    the newest final; of the gateway the newest Unreachable or Recovered.

    Attributes:
        throttle: The least distance of two Progress of one task, in seconds; None for no such wish.
        unread_finals: How many final events wait.
    """

    throttle: float | None = field(default=None, kw_only=True)
    unread_finals: int = field(default=0, init=False)
    _queue: deque[Event] = field(factory=deque, init=False)
    _tracks: dict[str, _Track] = field(factory=dict, init=False)
    _ended: OrderedDict[str, None] = field(factory=OrderedDict, init=False)
    _tasks_unread: int = field(default=0, init=False)
    _mark: int = field(default=_FEW, init=False)
    _deferred: dict[str, _Track] = field(factory=dict, init=False)
    _resting: list[tuple[float, int, _Track]] = field(factory=list, init=False)
    _turns: count[int] = field(factory=count, init=False)

    def __len__(self) -> int:
        return len(self._queue) + len(self._deferred)

    @property
    def bound(self) -> int:
        """How many events there may be at most: twice the slots of the tasks that have one, or a few."""
        return max(_FEW, 2 * (3 * self._tasks_unread + 1))

    def put(self, event: Event) -> None:
        """
        Store *event*, unless it came before.

        The events of a task come in rising `seq`; one that does not rise is a replay that overlaps the log, and
        is dropped.
        """
        if isinstance(event, _GATEWAY_EVENTS):
            self._queue.append(event)
        else:
            task_id = event.task.id
            track = self._tracks.get(task_id)
            if track is None:
                track = self._tracks[task_id] = _Track()
            elif event.seq <= track.put:
                if task_id in self._ended:
                    self._ended.move_to_end(task_id)
                return
            track.put = event.seq
            if track.deferred is None or not self._replaces_deferred(event, track):
                self._append(event, track)
        if len(self._queue) + len(self._deferred) > _FEW:
            self._trim()
            assert len(self) <= self.bound  # noqa: S101 - a reader that never reads must not fill the memory

    def take(self, now: float) -> Event | None:
        """Hand out the oldest event that may be delivered at *now*, with `skipped` filled in; None without one."""
        event = self._next(now)
        if event is None or isinstance(event, _GATEWAY_EVENTS):
            return event
        track = self._tracks[event.task.id]
        skipped = event.seq - track.taken - 1
        track.taken = event.seq
        self._left(event, track)
        if (event.final or track.is_over) and not track.unread:
            self._retire(event.task.id)
        elif isinstance(event, Progress):
            if self.throttle is not None:
                track.rests_until = now + self.throttle
            if track.owes_restart:
                track.owes_restart = False
                event = evolve(event, restarted=True)
        if len(self._queue) + len(self._deferred) > _FEW:
            self._trim()
        return event if event.skipped == skipped else with_skipped(event, skipped)

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds `take` hands something out, 0.0 for at once, None where nothing is left."""
        self._defer_early(now)
        if self._queue:
            return 0.0
        track = self._first_resting()
        return None if track is None else max(0.0, track.rests_until - now)

    def forget(self, *task_ids: str) -> None:
        """
        Drop what is undelivered of *task_ids*, which the reader left.

        Their last seqs stay known for a while: should the reader come back, the replay of what it did not get is
        let in, and seq goes on rising.
        """
        gone = {task_id: self._tracks[task_id] for task_id in task_ids if task_id in self._tracks}
        if not gone:
            return
        kept: deque[Event] = deque()
        for event in self._queue:
            if isinstance(event, _GATEWAY_EVENTS) or event.task.id not in gone:
                kept.append(event)
            else:
                self._drop(event, gone[event.task.id])
        self._queue = kept
        for task_id, track in gone.items():
            self._drop_deferred(task_id, track)
            track.put = track.taken
            self._retire(task_id)
        self._trim()

    def end(self, task_id: str) -> None:
        """Note that a task's end came, for a reader that does not want ends: it need not be remembered."""
        if task_id in self._tracks:
            self._tracks[task_id].is_over = True
            if not self._tracks[task_id].unread:
                self._retire(task_id)

    def renew(self, *task_ids: str) -> None:
        """Let the seqs of *task_ids* count from 1 again: whoever keeps them has forgotten them."""
        self.forget(*task_ids)
        for task_id in task_ids:
            self._ended.pop(task_id, None)
            self._tracks.pop(task_id, None)

    def _append(self, event: TaskEvent, track: _Track) -> None:
        if not track.unread:
            self._tasks_unread += 1
            self._ended.pop(event.task.id, None)
        track.unread += 1
        if event.final:
            self.unread_finals += 1
        self._queue.append(event)

    def _next(self, now: float) -> Event | None:
        if self.throttle is not None:
            self._defer_early(now)
            track = self._first_resting()
            # What rested long enough goes before the queue: it is older than most of it, and a queue that never
            # runs empty must not hold it for ever.
            if track is not None and track.deferred is not None and track.rests_until <= now:
                event, track.deferred = track.deferred, None
                del self._deferred[event.task.id]
                return event
        return self._queue.popleft() if self._queue else None

    def _left(self, event: TaskEvent, track: _Track) -> None:
        track.unread -= 1
        if not track.unread:
            self._tasks_unread -= 1
        if event.final:
            self.unread_finals -= 1

    def _drop(self, event: TaskEvent, track: _Track) -> None:
        self._left(event, track)
        if isinstance(event, Progress):
            track.owes_restart |= event.restarted

    def _retire(self, task_id: str) -> None:
        self._ended[task_id] = None
        self._ended.move_to_end(task_id)
        if len(self._ended) > _ENDED:
            oldest, _ = self._ended.popitem(last=False)
            del self._tracks[oldest]

    def _defer_early(self, now: float) -> None:
        """Clear the head of the queue of Progress whose time has not come."""
        while self._queue and isinstance(event := self._queue[0], Progress):
            track = self._tracks[event.task.id]
            if track.rests_until <= now:
                return
            self._queue.popleft()
            if track.unread > 1:  # a newer event of the task is in the queue and takes its place
                self._drop(event, track)
            else:
                self._defer(event, track)

    def _defer(self, event: Progress, track: _Track) -> None:
        track.deferred = event
        self._deferred[event.task.id] = track
        heapq.heappush(self._resting, (track.rests_until, next(self._turns), track))
        # Entries of what was replaced meanwhile stay until their time, so alternating kinds could pile them up.
        if len(self._resting) > _FEW + 2 * len(self._deferred):
            self._resting = [
                (rests.rests_until, next(self._turns), rests) for rests in self._deferred.values()
            ]
            heapq.heapify(self._resting)

    def _replaces_deferred(self, event: TaskEvent, track: _Track) -> bool:
        """Let the deferred Progress of *track* give way to *event*; True where that one now waits in its place."""
        if track.deferred is not None and isinstance(event, Progress):
            track.owes_restart |= track.deferred.restarted
            track.deferred = event
            return True
        self._drop_deferred(event.task.id, track)
        return False

    def _first_resting(self) -> _Track | None:
        while self._resting:
            until, _, track = self._resting[0]
            if track.deferred is not None and track.rests_until == until:
                return track
            heapq.heappop(self._resting)
        return None

    def _drop_deferred(self, task_id: str, track: _Track) -> None:
        if track.deferred is not None:
            self._drop(track.deferred, track)
            track.deferred = None
            del self._deferred[task_id]

    def _trim(self) -> None:
        """
        Conflate once there are twice as many events as the last time left, or more than the bound.

        Either way a conflation that walks over n events is paid by n/2 puts: those since the last one, or those
        of the n/2 events and more that it drops. The second case is for a reader that emptied most of a large
        mailbox, whose mark is then too high.
        """
        size = len(self)
        if size > self._mark or size > self.bound:
            self._conflate()
            self._mark = max(_FEW, 2 * len(self))

    def _conflate(self) -> None:
        kept: deque[Event] = deque()
        newest: set[tuple[str, str]] = set()
        for event in reversed(self._queue):
            slot = _slot(event)
            if slot not in newest:
                newest.add(slot)
                kept.appendleft(event)
            elif not isinstance(event, _GATEWAY_EVENTS):
                self._drop(event, self._tracks[event.task.id])
        self._queue = kept


def _slot(event: Event) -> tuple[str, str]:
    """Name what *event* is the news of: a newer event of the same slot makes it superfluous."""
    if isinstance(event, _GATEWAY_EVENTS):
        return "", "gateway"
    if event.final:
        return event.task.id, "final"
    return event.task.id, "buttons" if isinstance(event, ButtonsAvailable) else "progress"
