"""An inbox: the mailbox of one reader, and the one waiter in front of it.

The router fills it, the reader empties it. It knows no store and no other reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from mjwatch._policy.ledger import Parcel
from mjwatch._policy.mailbox import Mailbox
from mjwatch.errors import MjwatchError, WatcherClosed
from mjwatch.events import Event, GatewayEvent, Recovered, TaskEvent, Unreachable


class Inbox:
    """
    Undelivered events of one reader.

    Args:
        wants: Which events it takes; None for all.
        throttle: See `Mailbox`.
    """

    def __init__(
        self, wants: Callable[[Event], bool] | None = None, *, throttle: float | None = None
    ) -> None:
        self.mailbox = Mailbox(throttle=throttle)
        self.wants = wants
        self._offset = 0
        self._newest = 0
        self._outage = ""
        self._is_down = False
        self._opening: dict[str, list[TaskEvent]] = {}
        self._loop = asyncio.get_running_loop()  # asking for it at each wait costs a system call
        self._waiter: asyncio.Future[None] | None = None
        self._closed: MjwatchError | None = None
        self._is_read = False

    @property
    def offset(self) -> int:
        """Everything up to here was delivered."""
        if self._is_read and not self._opening and not self.mailbox:
            self._offset = self._newest
        return self._offset

    @property
    def is_opening(self) -> bool:
        """True while the present state of a task is still to be put."""
        return bool(self._opening)

    def begin(self, offset: int, after: int | None) -> None:
        """Count from here: the present state, told next, holds all up to *offset*; *after* was delivered before."""
        self._newest = max(self._newest, offset)
        self._offset = max(self._offset, after or 0)

    def put_outage(self, event: GatewayEvent, offset: int = 0) -> None:
        """Take in what the gateway says, once: a standing outage may come from the log as well. Wakes nobody."""
        self._reach(offset)
        if isinstance(event, Recovered) and not self._is_down:
            return  # it came after that outage
        self._is_down = isinstance(event, Unreachable)
        if event.id != self._outage and (self.wants is None or self.wants(event)):
            self._outage = event.id
            self.mailbox.put(event)

    def put_all(self, parcel: Parcel, offset: int) -> None:
        """Take in what was chosen for this reader and others out of the log up to *offset*, and wake this one."""
        self._reach(offset)
        if self._opening:
            for event in parcel.events:
                if event.task.id in self._opening:
                    self._opening[event.task.id].append(event)
                else:
                    self.mailbox.put(event)
        elif parcel.events:
            self.mailbox.put_all(parcel)
        self.wake()

    def hold(self, task_ids: Iterable[str]) -> None:
        """Keep what the log brings for *task_ids* until `catch_up` has put the present state before it."""
        self._opening |= {task_id: [] for task_id in task_ids}

    def catch_up(self, task_id: str, present: Iterable[TaskEvent]) -> None:
        """Put the present state of a task, then what came meanwhile; the mailbox drops what is in both."""
        for event in (*present, *self._opening.pop(task_id, ())):
            if self.wants is None or self.wants(event):
                self.mailbox.put(event)

    def forget(self, *task_ids: str) -> None:
        """Drop what is undelivered of tasks that the reader left, also an end that nobody will read."""
        for task_id in task_ids:
            self._opening.pop(task_id, None)
        self.mailbox.forget(*task_ids)

    def take(self, now: float) -> Event | None:
        """
        Return the oldest event that may be delivered, None without one.

        Raises:
            WatcherClosed: the watcher broke.
        """
        if self._closed is not None and self._closed.__cause__ is not None:
            raise self._anew(self._closed)
        self._is_read = True
        return self.mailbox.take(now)

    async def wait(self, now: float) -> None:
        """
        Wait until something can be taken.

        Raises:
            WatcherClosed: nothing more will come.
        """
        ready_in = self.mailbox.ready_in(now)
        if ready_in == 0.0:
            return
        if self._closed is not None:
            raise self._anew(self._closed)
        self._waiter = self._loop.create_future()
        timer = None if ready_in is None else self._loop.call_later(ready_in, self.wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """Let the reader look."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self, why: MjwatchError) -> None:
        """Nothing more will come; what is here may still be read, unless the watcher broke."""
        self._closed = self._closed or why
        if self._closed.__cause__ is not None:
            self.mailbox.ready.clear()
        self.wake()

    def _reach(self, offset: int) -> None:
        self._offset = self.offset  # it moves on while nothing waits
        self._newest = max(self._newest, offset)

    def _anew(self, why: MjwatchError) -> MjwatchError:
        """Return *why* anew: one that many readers raise would carry all their tracebacks."""
        fresh = WatcherClosed(*why.args)
        fresh.__cause__ = why.__cause__
        return fresh
