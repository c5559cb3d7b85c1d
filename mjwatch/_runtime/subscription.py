"""What readers hold: an open stream of some tasks' events, and the stream of everything.

Streams are classes, never async generators: leaving a bare `async for` by break, exception or cancellation drops the
object, and dropping it is enough.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from mjwatch._runtime.gate import again
from mjwatch._runtime.inbox import Inbox
from mjwatch._runtime.router import Router
from mjwatch._store.contract import EventLog, Wish
from mjwatch.errors import WatcherClosed
from mjwatch.events import Event, Final, FinalEvent, GatewayEvent, Progress, Unreachable
from mjwatch.tasks import check_task_id


def checked(task_ids: Iterable[str]) -> list[str]:
    """
    Return *task_ids*, each once, in order.

    Raises:
        TypeError: one is no str.
        ValueError: one breaks the rule for ids, or there is none.
    """
    if isinstance(task_ids, str):
        raise TypeError("give several ids in a list: a str is many letters")
    ids = list(dict.fromkeys(check_task_id(task_id) for task_id in task_ids))
    if not ids:
        raise ValueError("watch at least one task id")
    return ids


def checked_offset(after: int | None) -> int | None:
    """
    Return *after* if it is None or an offset.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative.
    """
    if after is not None and (isinstance(after, bool) or not isinstance(after, int)):
        raise TypeError(f"after= takes the offset of a stream, not {type(after).__name__}")
    if after is not None and after < 0:
        raise ValueError(f"after={after}: offsets begin at 0")
    return after


class _Stream(ABC):
    """An iterator that is left by `aclose`, which is the end of its `async with`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Leave."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self


class Subscription(_Stream):
    """
    The events of some tasks, as an async iterator and a context manager. It ends by itself.

    The contract:

    * Exactly one final event per watched task (`Success`, `Failure`, `Lost`, `Expired`), and it comes last.
    * `seq` rises, and is that of the last event this reader got plus one plus `skipped`.
    * The percent never falls; a real restart is told as a `Progress` with `restarted=True`.
    * One cause makes one event.
    * A late reader first gets the present state with its original `seq`s, also of a task that has ended.
    * A slow reader gets the newest progress (with `throttle` each time, else from 256 unread events on), and never
      loses `ButtonsAvailable` or a final event.
    * The gateway's silence is never the task's failure. Outcomes are events; exceptions are for broken promises.

    Raises (when iterated):
        GatewayError: a fault that somebody must mend, before the first useful answer: a wrong token must not look
            like patience. After it, the same fault is an `Unreachable` event.
        TooManyWatches: a bound of `Limits` was reached.
        WatcherClosed: the watcher is not open, was closed, or broke.
    """

    def __init__(
        self,
        router: Router,
        wishes: Sequence[Wish],
        *,
        clock: Callable[[], float],
        throttle: float | None = None,
        after: int | None = None,
        is_final_only: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._router = router
        self._clock = clock
        self._after = checked_offset(after)
        self._wishes = {wish.id: wish for wish in wishes}
        self._wish = wishes[0]
        self._going: set[str] = set(self._wishes)
        self._inbox = Inbox(_is_end if is_final_only else None, throttle=throttle)
        self._ready = self._inbox.mailbox.ready
        self._is_open = False
        self._is_reading = False
        self._is_closed = False

    @property
    def offset(self) -> int:
        """The offset in the event log up to which everything was delivered: `watch(..., after=offset)` goes on."""
        return self._inbox.offset

    async def add(self, *task_ids: str) -> None:
        """
        Watch more tasks in this stream, on the same terms; what it has not told the end of goes on as it is.

        Raises:
            TooManyWatches: a bound was reached; none of them is watched.
            WatcherClosed: the stream has ended.
        """
        if self._is_closed:
            raise WatcherClosed("this stream has ended: watch the tasks again")
        wishes = [
            Wish(task_id, self._wish.tag, self._wish.deadline_in, wants_progress=self._wish.wants_progress)
            for task_id in checked(task_ids)
            if task_id not in self._going
        ]
        added = {wish.id: wish for wish in wishes}
        self._going |= added.keys()
        if not self._is_open:
            self._wishes |= added
            return
        try:
            self._going.difference_update(await self._router.admit(self._inbox, wishes))
        except BaseException:
            self._going -= added.keys()
            raise

    async def discard(self, *task_ids: str) -> None:
        """Leave tasks out of this stream from now on; others who watch them notice nothing."""
        ids = checked(task_ids)
        self._going.difference_update(ids)
        for task_id in ids:
            self._wishes.pop(task_id, None)
        if self._is_open:
            await self._router.leave(self._inbox, ids)
            self._inbox.wake()

    async def aclose(self) -> None:
        """Leave. What nobody else reads is no longer polled."""
        self._is_closed = True
        self._going.clear()
        if self._is_open:
            self._is_open = False
            self._finalizer.detach()
            await self._router.leave(self._inbox)
        self._ready.clear()
        self._inbox.close(WatcherClosed("this stream was closed"))

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __anext__(self) -> Event:
        if self._ready and not self._is_reading:
            event = self._ready.popleft()
        else:
            event = await self._next()
        if event.__class__ is not Progress:
            if isinstance(event, Final):
                self._going.discard(event.task.id)
            elif isinstance(event, Unreachable) and self._is_standing(event):
                await self.aclose()
                raise again(event.error)
        return event

    async def _next(self) -> Event:
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("this stream belongs to another event loop")
        if self._is_reading:
            raise RuntimeError("this stream is being read already: give each reader a watch() of its own")
        self._is_reading = True
        try:
            if not self._is_open and not self._is_closed:
                await self._open()
            while not self._is_closed:  # then whatever the mailbox holds was left
                now = self._clock()
                event = self._inbox.take(now)
                if event is not None:
                    return event
                if self._going:
                    await self._inbox.wait(now)
                else:
                    await self.aclose()
            raise StopAsyncIteration
        finally:
            self._is_reading = False

    def _is_standing(self, event: Unreachable) -> bool:
        """Return True for a fault that is raised: before the first useful answer, and not mended meanwhile."""
        return not event.proven and not event.error.transient and not self._router.is_proven

    async def _open(self) -> None:
        """Store the wishes, once; a cancelled first await leaves nothing behind."""
        if self._is_open:
            return
        if self._is_closed:
            raise WatcherClosed("this stream was closed: watch the tasks again")
        finalizer = self._router.on_abandoned(self, self._inbox)
        self._is_open = True
        try:
            await self._router.admit(self._inbox, list(self._wishes.values()), after=self._after)
        except BaseException:
            self._is_open = False
            finalizer.detach()
            raise
        self._finalizer = finalizer


class Completed(_Stream):
    """
    The final events of some tasks, as they come, as an async iterator and a context manager.

    Never raises for an outcome; see `Subscription` for what it raises.
    """

    def __init__(self, events: Subscription) -> None:
        self._events = events

    async def add(self, *task_ids: str) -> None:
        """Wait for more tasks, also while running."""
        await self._events.add(*task_ids)

    async def aclose(self) -> None:
        """Leave; the tasks run on."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        await self._events.__aenter__()
        return self

    async def __anext__(self) -> FinalEvent:
        while True:
            event = await self._events.__anext__()
            if isinstance(event, Final):
                return event


class EventStream(_Stream):
    """
    Every event of every watched task and of the gateway, as an async iterator: from now on, or from an offset.

    Nothing is conflated: whoever reads too slowly gets `OffsetExpired`, never a silent gap.

    Attributes:
        offset: Of the last event it gave, None before the first; `events(after=offset)` goes on there.
    """

    def __init__(self, log: EventLog, after: int | None, check: Callable[[], None]) -> None:
        self.offset = after
        self._log = log
        self._check = check
        self._batch: list[tuple[int, Event]] = []

    async def __anext__(self) -> Event:
        if not self._batch:
            try:
                self._batch = list(reversed(await self._log.__anext__()))
            except StopAsyncIteration:
                self._check()
                raise
        self.offset, event = self._batch.pop()
        return event

    async def aclose(self) -> None:
        """Stop reading."""
        self._batch.clear()
        await self._log.aclose()


def _is_end(event: Event) -> bool:
    """Choose ends; and what the gateway says, for a standing fault is raised."""
    return event.final or isinstance(event, GatewayEvent)
