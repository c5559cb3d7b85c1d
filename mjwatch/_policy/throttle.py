"""What a throttled reader is told of progress, and when: the newest of a task, and one in so many seconds.

A newer Progress takes the place of the one that waits, in the queue or here, where it rests until its time. So each
take gets the newest there is, and a task that changes often loses no turn to its neighbours.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from itertools import count

from attrs import define, field

from mjwatch.events import Progress, TaskEvent

# So many entries are carried along before anything is tidied up.
_FEW = 256


@define(eq=False)
class Throttle:
    """
    The undelivered Progress of one reader: at most one of a task, and never one that a newer event has overtaken.

    Its place is in the reader's queue, held there by the first Progress of those that it stands for. Where its turn
    comes too early it leaves the queue and rests.

    Attributes:
        least: Seconds between two Progress of one task.
    """

    least: float
    _newest: dict[str, int] = field(factory=dict, init=False)
    _waiting: dict[str, Progress] = field(factory=dict, init=False)
    # Those of the waiting that have a place in the queue: the seq of what holds it. The others rest.
    _places: dict[str, int] = field(factory=dict, init=False)
    _free_at: dict[str, float] = field(factory=dict, init=False)
    _turns: list[tuple[float, int, str]] = field(factory=list, init=False)
    _ties: count[int] = field(factory=count, init=False)
    _crowd: int = field(default=_FEW, init=False)

    def __len__(self) -> int:
        """How many rest."""
        return len(self._waiting) - len(self._places)

    @property
    def tasks(self) -> Iterable[str]:
        """The tasks that have an undelivered Progress."""
        return self._waiting.keys()

    def is_replay(self, event: TaskEvent) -> bool:
        """Return True if *event*, or a later one of its task, waits already."""
        return event.seq <= self._newest.get(event.task.id, 0)

    def came(self, event: TaskEvent) -> Progress | None:
        """
        Note that *event* waits now; return the Progress that it overtakes, if one waits.

        A Progress goes where that one was. All else has to be put at the end of the queue, and so has a Progress that
        overtakes none.
        """
        task_id = event.task.id
        self._newest[task_id] = event.seq
        overtaken = self._waiting.pop(task_id, None)
        if isinstance(event, Progress):
            self._waiting[task_id] = event
            if overtaken is None:
                self._places[task_id] = event.seq
        else:
            self._places.pop(task_id, None)
        return overtaken

    def is_void(self, place: Progress) -> bool:
        """Return True if nothing is to be told where *place* stands in the queue: a newer event stands behind it."""
        return self._places.get(place.task.id) != place.seq

    def rest(self, place: Progress, now: float) -> bool:
        """Let what is to be told at *place* rest, if it is too early for it."""
        task_id = place.task.id
        free_at = self._free_at.get(task_id, -math.inf)
        if free_at <= now:
            return False
        del self._places[task_id]
        heapq.heappush(self._turns, (free_at, next(self._ties), task_id))
        # Entries of what gave way stay until their time, so alternating kinds could pile them up.
        if len(self._turns) > _FEW + 2 * len(self):
            self._turns = [
                (self._free_at[one], next(self._ties), one) for one in self.tasks if self._rests(one)
            ]
            heapq.heapify(self._turns)
        return True

    def rested(self, now: float) -> Progress | None:
        """Return the Progress whose time came first, if any came."""
        return self._waiting[self._turns[0][2]] if self.ready_in(now) == 0 else None

    def at(self, place: Progress) -> Progress:
        """Return what is to be told at *place*."""
        return self._waiting[place.task.id]

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds `rested` finds something, None where nothing rests."""
        while self._turns:
            free_at, _, task_id = self._turns[0]
            if self._rests(task_id) and self._free_at[task_id] == free_at:
                return max(0.0, free_at - now)
            heapq.heappop(self._turns)
        return None

    def told(self, event: TaskEvent, now: float) -> None:
        """Note that *event* is handed out."""
        task_id = event.task.id
        if self._newest[task_id] == event.seq:
            del self._newest[task_id]
        if isinstance(event, Progress):
            del self._waiting[task_id]
            self._places.pop(task_id, None)
            self._free_at[task_id] = now + self.least
            if len(self._free_at) > self._crowd:
                self._free_at = {one: at for one, at in self._free_at.items() if at > now}
                self._crowd = max(_FEW, 2 * len(self._free_at))

    def forget(self, task_id: str) -> Progress | None:
        """Let go of a task that the reader left; return its Progress, if one waits."""
        self._newest.pop(task_id, None)
        self._places.pop(task_id, None)
        return self._waiting.pop(task_id, None)

    def _rests(self, task_id: str) -> bool:
        return task_id in self._waiting and task_id not in self._places
