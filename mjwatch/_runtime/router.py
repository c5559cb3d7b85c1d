"""The router: the only reader of the store's log. Hands batches of events to inboxes, and knows who reads what.

So a process that polls and one that only listens see the same order, and nothing is delivered that is not kept.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from attrs import evolve

from mjwatch._policy.state import State, replay
from mjwatch._runtime.audiences import Audiences
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.inbox import Inbox
from mjwatch._store.contract import EventLog, Known, Store, Wish
from mjwatch.errors import MjwatchError, TooManyWatches, WatcherClosed
from mjwatch.events import Event, TaskEvent


class Router:
    """Who reads what. *wake* tells the pump that something was watched."""

    def __init__(self, context: Context, store: Store[State], gate: Gate, wake: Callable[[], None]) -> None:
        self._name = context.name
        self._max_unread = context.gateway.limits.max_unread
        self._store = store
        self._gate = gate
        self._wake = wake
        self._audiences = Audiences(self._max_unread)
        # Collection may happen in any thread and in the middle of anything: the finalizer only appends.
        self._abandoned: deque[Inbox] = deque()
        self._closed: MjwatchError | None = None
        self.tasks = 0
        """How many tasks are watched."""

    @property
    def is_proven(self) -> bool:
        """True if the gateway gave a useful answer."""
        return self._gate.health.is_proven

    async def run(self, log: EventLog) -> None:
        """Hand out what the log brings, for ever."""
        await self._count()
        async for batch in log:
            self.hand_out(batch)
            if self._closed is None:
                await self._count()

    def hand_out(self, batch: Sequence[tuple[int, Event]]) -> None:
        """Put the events of *batch*, under their offsets, into the inboxes."""
        self._audiences.hand_out(batch)

    async def admit(self, inbox: Inbox, wishes: Sequence[Wish], *, after: int | None = None) -> list[str]:
        """
        Watch for *inbox*: it is opened first, gets a standing outage, then the present state, then what follows.

        Return the ids of which nothing will come, because the reader has had their end.

        Args:
            inbox: The reader's.
            wishes: What it wants.
            after: The offset that the reader has seen: of the present state it gets what is newer, and the ends.

        Raises:
            TooManyWatches: a bound was reached; nothing was watched.
            OffsetExpired: the log no longer reaches back to *after*.
        """
        await self._check_room()
        newer = None if after is None else await self._newer(after)
        is_new = not self._audiences.reads(inbox)
        if is_new:
            inbox.begin((await self._store.counts()).offset, after)
        ids = [wish.id for wish in wishes]
        inbox.hold(ids)
        self._audiences.join(inbox, ids)
        try:
            known = await self._store.watch(wishes)
            if is_new:
                self._audiences.settle(inbox, (await self._store.counts()).offset)
            await self._count()
        except BaseException:
            self._part(inbox, ids)
            raise
        self._renew(known, (inbox, *self._audiences.hooks))
        standing = self._gate.standing()
        if standing is not None:
            inbox.put_outage(standing)
        told = [one.watch.id for one in known if not self._catch_up(inbox, one, newer)]
        inbox.wake()
        self._wake()
        return told

    async def keep(
        self, task_ids: Iterable[str], *, tag: str | None = None, deadline_in: float | None = None
    ) -> None:
        """
        Watch without a stream, until the end; the hooks of an ended task are told its end, once.

        Args:
            task_ids: The tasks.
            tag: Comes back in every event.
            deadline_in: See `Wish`.

        Raises:
            TooManyWatches: a bound was reached; nothing was watched.
        """
        await self._check_room()
        known = await self._store.watch([
            Wish(task_id, tag, deadline_in, is_kept=True) for task_id in task_ids
        ])
        self._renew(known, self._audiences.hooks)
        for one in known:
            if one.is_watched:
                continue
            told = replay(one.state, one.watch, gateway=self._name)
            ends = [evolve(event, tag=one.watch.tag) for event in told]
            for inbox in self._audiences.hooks:
                inbox.catch_up(one.watch.id, ends)
                inbox.wake()
        self._wake()
        await self._count()

    async def discard(self, task_ids: Iterable[str]) -> None:
        """Let watches end, whoever has them, at the next claim, which is now."""
        await self._store.discard(task_ids)
        self._wake()

    def subscribe(self, inbox: Inbox) -> None:
        """Let *inbox* have everything from now on: the hooks' way."""
        self._audiences.subscribe(inbox)
        standing = self._gate.standing()
        if standing is not None:
            inbox.put_outage(standing)
        if self._closed is not None:
            inbox.close(self._closed)

    def on_abandoned(self, owner: object, inbox: Inbox) -> weakref.finalize[[Inbox], object]:
        """Release *inbox* when its *owner* is collected."""
        finalizer = weakref.finalize(owner, self._abandoned.append, inbox)
        finalizer.atexit = False
        return finalizer

    async def leave(self, inbox: Inbox, task_ids: Iterable[str] | None = None) -> None:
        """Stop reading *task_ids*, or everything; what nobody else reads or keeps is no longer polled."""
        unread = self._part(inbox, task_ids)
        if not unread or self._closed is not None:
            return
        left = await self._store.unwatch(unread)
        for hook, task_id in product(self._audiences.hooks, left):
            # No end will come that would let the hook forget it; what it was not called with yet, it still is.
            hook.mailbox.end(task_id)
        await self._count()

    async def sweep(self) -> None:
        """Let go of what collected streams were watching."""
        while self._abandoned:
            await self.leave(self._abandoned.popleft())

    def close(self, why: MjwatchError) -> None:
        """Wake every reader with *why*."""
        self._closed = why
        for inbox in self._audiences:
            inbox.close(why)

    def _catch_up(self, inbox: Inbox, one: Known[State], newer: set[tuple[str, int]] | None) -> bool:
        """Put the present state; return False where it is the end, and the reader has had it."""
        present: tuple[TaskEvent, ...] = replay(one.state, one.watch, gateway=self._name)
        if newer is not None:
            present = tuple(e for e in present if e.final or (e.task_id, e.seq) in newer)
        has_news = any(event.final and not inbox.mailbox.knows(event) for event in present)
        inbox.catch_up(one.watch.id, present)
        if one.is_watched:
            inbox.mailbox.expect(one.watch.id)
            self._audiences.told(inbox, one.watch.id, _seq(one))
        else:
            self._audiences.part(inbox, [one.watch.id])
        return one.is_watched or has_news

    @staticmethod
    def _renew(known: Sequence[Known[State]], inboxes: Iterable[Inbox]) -> None:
        """What the store forgot counts from 1 again: readers that remember more must not take it for a replay."""
        unknown = [one.watch.id for one in known if one.state is None]
        for inbox in inboxes:
            inbox.mailbox.renew(*unknown)

    async def _newer(self, after: int) -> set[tuple[str, int]]:
        """Return which events of which tasks came after an offset."""
        log = self._store.events(after)
        if (await self._store.counts()).offset == after:
            return set()
        batch = await log.__anext__()
        await log.aclose()
        return {(event.task.id, event.seq) for _, event in batch if isinstance(event, TaskEvent)}

    def _part(self, inbox: Inbox, task_ids: Iterable[str] | None) -> list[str]:
        """Forget who read what; return what nobody reads any more."""
        if task_ids is None:
            left = parted = self._audiences.remove(inbox)
        else:
            left = list(task_ids)
            parted = self._audiences.part(inbox, left)
        inbox.forget(*left)
        return [task_id for task_id in parted if task_id not in self._audiences.tasks]

    async def _count(self) -> None:
        self.tasks = (await self._store.counts()).watched

    async def _check_room(self) -> None:
        if self._closed is not None:
            raise WatcherClosed(*self._closed.args) from self._closed.__cause__
        await self.sweep()  # a stream that was dropped holds nothing
        crowded = self._audiences.crowded
        crowded -= {inbox for inbox in crowded if inbox.mailbox.unread_finals < self._max_unread}
        if crowded:
            raise TooManyWatches(
                f"a reader holds {self._max_unread} unread final events (Limits(max_unread=...)): "
                "let it read before more is watched"
            )


def _seq(one: Known[State]) -> int:
    """Return the last `seq` that was told when a reader came."""
    return 0 if one.state is None else one.state.seq
