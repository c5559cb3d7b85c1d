"""When the next Progress of a task may be told: at most one in so many seconds, the newest.

What rests here is out of its reader's queue, and the only event of its task that waits: whatever comes after it takes
its place, so seqs rise whenever it is told.
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
    The resting Progress of one reader.

    Attributes:
        least: Seconds between two Progress of one task.
    """

    least: float
    _newest: dict[str, int] = field(factory=dict, init=False)
    _free_at: dict[str, float] = field(factory=dict, init=False)
    _resting: dict[str, Progress] = field(factory=dict, init=False)
    _turns: list[tuple[float, int, str]] = field(factory=list, init=False)
    _ties: count[int] = field(factory=count, init=False)
    _crowd: int = field(default=_FEW, init=False)

    def __len__(self) -> int:
        return len(self._resting)

    @property
    def tasks(self) -> Iterable[str]:
        """The tasks that have a Progress here."""
        return self._resting.keys()

    def is_replay(self, event: TaskEvent) -> bool:
        """Return True if *event*, or a later one of its task, waits already."""
        return event.seq <= self._newest.get(event.task.id, 0)

    def came(self, event: TaskEvent) -> Progress | None:
        """Note that *event* waits now; return the Progress that gives way to it, if one rests."""
        self._newest[event.task.id] = event.seq
        return self._resting.pop(event.task.id, None)

    def is_early(self, event: Progress, now: float) -> bool:
        """Return True if *event* must not be told yet."""
        return self._free_at.get(event.task.id, -math.inf) > now

    def rest(self, event: Progress) -> bool:
        """Let *event* wait for its time; False if a newer one of its task waits, which takes its place."""
        task_id = event.task.id
        if self._newest[task_id] != event.seq:
            return False
        self._resting[task_id] = event
        heapq.heappush(self._turns, (self._free_at[task_id], next(self._ties), task_id))
        # Entries of what gave way stay until their time, so alternating kinds could pile them up.
        if len(self._turns) > _FEW + 2 * len(self._resting):
            self._turns = [(self._free_at[one], next(self._ties), one) for one in self._resting]
            heapq.heapify(self._turns)
        return True

    def pop(self, now: float) -> Progress | None:
        """Take out the Progress whose time came first, if any came."""
        wait = self.ready_in(now)
        return self._resting.pop(self._turns[0][2]) if wait == 0 else None

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds `pop` finds something, None where nothing rests."""
        while self._turns:
            free_at, _, task_id = self._turns[0]
            if task_id in self._resting and self._free_at[task_id] == free_at:
                return max(0.0, free_at - now)
            heapq.heappop(self._turns)
        return None

    def told(self, event: TaskEvent, now: float) -> None:
        """Note that *event* is handed out."""
        task_id = event.task.id
        if self._newest[task_id] == event.seq:
            del self._newest[task_id]
        if isinstance(event, Progress):
            self._free_at[task_id] = now + self.least
            if len(self._free_at) > self._crowd:
                self._free_at = {one: at for one, at in self._free_at.items() if at > now}
                self._crowd = max(_FEW, 2 * len(self._free_at))

    def forget(self, task_id: str) -> Progress | None:
        """Let go of a task that the reader left; return its Progress, if one rests."""
        self._newest.pop(task_id, None)
        return self._resting.pop(task_id, None)
