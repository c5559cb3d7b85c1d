"""
The event log of the memory store: a bounded deque, and readers that wait for it to grow.

Keeps events in order and hands them out. What an event says, and when it is told, is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

from attrs import define, field

from mjwatch.errors import OffsetExpired
from mjwatch.events import Event

Entries = Sequence[tuple[int, Event]]


@define(eq=False, repr=False)
class Log:
    """The last *size* events under offsets that begin at 1 and rise by one."""

    size: int
    newest: int = field(init=False, default=0)
    is_closed: bool = field(init=False, default=False)
    _entries: deque[Event] = field(init=False)
    # Only those who wait just now: a reader that was dropped leaves nothing here.
    _waiting: dict[asyncio.Future[None], None] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._entries = deque(maxlen=self.size)

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, events: Sequence[Event]) -> None:
        """Append *events* and wake the readers once."""
        if events:
            self._entries.extend(events)
            self.newest += len(events)
            self.wake()

    def close(self) -> None:
        """End the readers as soon as they have read what is there."""
        self.is_closed = True
        self.wake()

    def since(self, offset: int) -> list[tuple[int, Event]]:
        """
        Return everything after *offset*, in time proportional to that.

        Raises:
            OffsetExpired: some of it was trimmed.
        """
        unread = self.newest - offset
        if unread > len(self._entries):
            oldest = self.newest - len(self._entries) + 1
            raise OffsetExpired(
                f"the log begins at offset {oldest}, events after {offset} were asked for: "
                "take the present state, then read on from now"
            )
        events = list(islice(reversed(self._entries), unread))
        events.reverse()
        return list(enumerate(events, offset + 1))

    async def growth(self) -> None:
        """Wait until something was appended, or the log was closed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            await future
        finally:
            self._waiting.pop(future, None)

    def wake(self) -> None:
        """Let all who wait look again."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():  # a cancelled one stays here until its owner runs
                future.set_result(None)


class LogReader:
    """One place in a `Log`. An async iterator over batches: each is everything not yet read."""

    def __init__(self, log: Log, after: int | None) -> None:
        self._log = log
        self._offset = log.newest if after is None else after
        # Compared now: by the first read this life's offsets may have caught up.
        self._is_foreign = self._offset > log.newest
        self._is_waiting = False
        self._is_closed = False

    def __aiter__(self) -> LogReader:
        return self

    async def __anext__(self) -> Entries:
        """
        Wait for the next batch. The place moves only when a batch is returned, so a cancelled wait loses nothing.

        Raises:
            OffsetExpired: the log does not reach back to this place, or never came so far.
            RuntimeError: somebody waits on this reader already.
            StopAsyncIteration: the store was closed and all is read, or this reader was closed.
        """
        if self._is_waiting:
            raise RuntimeError("somebody waits on this event log already: open one log for each reader")
        if self._is_foreign:
            raise OffsetExpired(
                f"offset {self._offset} is newer than the log, which a restart has begun anew: "
                "take the present state, then read on from now"
            )
        self._is_waiting = True
        try:
            return await self._read()
        finally:
            self._is_waiting = False

    async def aclose(self) -> None:
        """Stop reading; who waits just now gets the end."""
        self._is_closed = True
        self._log.wake()

    async def _read(self) -> Entries:
        while not self._is_closed:
            batch = self._log.since(self._offset)
            if batch:
                self._offset = batch[-1][0]
                return batch
            if self._log.is_closed:
                break
            await self._log.growth()
        raise StopAsyncIteration
