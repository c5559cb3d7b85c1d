"""An inbox: the mailbox of one reader, and the one waiter in front of it.

The router fills it, the reader empties it. It knows no store and no other reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import anyio

from mjwatch._policy.mailbox import Mailbox
from mjwatch.errors import MjwatchError, WatcherClosed
from mjwatch.events import Event, Recovered, TaskEvent, Unreachable


class Inbox:
    """
    Undelivered events of one reader.

    Args:
        wants: Which task events it takes; gateway events and the ends of what it watches always get in.
        throttle: See `Mailbox`.
    """

    def __init__(self, wants: Callable[[Event], bool], *, throttle: float | None = None) -> None:
        self.mailbox = Mailbox(throttle=throttle)
        self.reading: dict[str, int] = {}
        """What it is registered for, each with the last `seq` before it came; the router keeps it."""
        self.offset = 0
        """Everything up to here was delivered."""
        self._wants = wants
        self._newest = 0
        self._outage = ""
        self._is_down = False
        self._opening: dict[str, list[TaskEvent]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed: MjwatchError | None = None

    def begin(self, offset: int, after: int | None) -> None:
        """Count from here: the present state, told next, holds all up to *offset*; *after* was delivered before."""
        self._newest = max(self._newest, offset)
        self.offset = max(self.offset, after or 0)

    def put(self, event: Event, offset: int = 0) -> None:
        """Take an event in; `wake` tells the reader, once per batch."""
        self._newest = max(self._newest, offset)
        task = getattr(event, "task", None)
        if isinstance(event, Unreachable):
            self._is_down = True
        elif isinstance(event, Recovered):
            if not self._is_down:
                return  # it came after that outage
            self._is_down = False
        if not self._wants(event):
            if event.final and task is not None:
                self.mailbox.end(task.id)
            return
        if task is not None and task.id in self._opening:
            self._opening[task.id].append(event)  # type: ignore[arg-type]  # it has a task
        elif task is not None:
            self.mailbox.put(event)
        elif event.id != self._outage:  # a standing outage may come from the log as well
            self._outage = event.id
            self.mailbox.put(event)

    def hold(self, task_ids: Iterable[str]) -> None:
        """Keep what the log brings for *task_ids* until `catch_up` has put the present state before it."""
        self._opening |= {task_id: [] for task_id in task_ids}

    def catch_up(self, task_id: str, present: Iterable[TaskEvent]) -> None:
        """Put the present state of a task, then what came meanwhile; the mailbox drops what is in both."""
        for event in (*present, *self._opening.pop(task_id, ())):
            if self._wants(event):
                self.mailbox.put(event)

    def take(self, now: float) -> Event | None:
        """
        Return the oldest event that may be delivered, None without one.

        Raises:
            WatcherClosed: the watcher broke.
        """
        if self._closed is not None and self._closed.__cause__ is not None:
            raise self._anew(self._closed)
        event = self.mailbox.take(now)
        if not len(self.mailbox):
            self.offset = max(self.offset, self._newest)
        return event

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
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            with anyio.move_on_after(ready_in):
                await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Let the reader look."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self, why: MjwatchError) -> None:
        """Nothing more will come; what is here may still be read, unless the watcher broke."""
        self._closed = self._closed or why
        self.wake()

    def _anew(self, why: MjwatchError) -> MjwatchError:
        """Return *why* anew: one that many readers raise would carry all their tracebacks."""
        fresh = WatcherClosed(*why.args)
        fresh.__cause__ = why.__cause__
        return fresh
