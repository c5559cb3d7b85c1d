"""Hooks: callbacks as readers. Each has mailboxes of its own, so a slow or raising one delays nothing else.

The call of a user's callback is one of the two places where any Exception is caught: it is a stranger's bug.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import UnionType
from typing import Final, Never, cast, get_args
from zlib import crc32

import anyio
from attrs import define, field, frozen

from mjwatch._runtime.context import Context
from mjwatch._runtime.inbox import Inbox
from mjwatch._runtime.router import Router
from mjwatch._runtime.runner import Start, inside_hook
from mjwatch.errors import TooManyWatches, WatcherClosed
from mjwatch.events import Event, GatewayEvent
from mjwatch.tasks import check_tag

Callback = Callable[[Never], object]
"""A function or coroutine function that takes one event, of whatever kinds it asked for."""

Kinds = type | UnionType

SLOW_AFTER: Final = 30.0
"""A callback that takes longer is warned about, seconds. It is not stopped: a chat's flood-wait can last hours."""

QUIET_FOR: Final = 60.0
"""The same line about one hook is logged once in so many seconds; the next one says how many there were."""

MOST_HOOKS: Final = 1_000
"""A program has a handful. One that registers a hook for each chat or task would hand each event to all of them."""

MOST_LANES: Final = 1_000
"""Each lane is an asyncio task, an inbox and, for a sync callback, a thread."""

_MOST_LINES: Final = 64
"""Kinds of lines that are remembered of one hook: a stranger may make classes of errors as it goes."""


@frozen
class Host:
    """What hooks run in and on."""

    context: Context
    router: Router
    start: Start


@define(eq=False)
class Hook:
    """
    A registered callback: its handle.

    Attributes:
        name: Stands in log lines.
        errors: How often it raised.
    """

    name: str
    errors: int = field(default=0, init=False)
    _callback: Callback
    _kinds: Kinds
    _tag: str | None
    _concurrency: int
    is_cancelled: bool = field(default=False, init=False)
    # Made in the loop; a hook may be older.
    _scope: anyio.CancelScope | None = field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _logged: dict[str, tuple[float, int]] = field(factory=dict, init=False)

    def cancel(self) -> None:
        """Call it no more, from any thread; a call under way is cancelled, if it is async."""
        self.is_cancelled = True
        if self._loop is None or self._scope is None or self._loop.is_closed():
            return
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - its public sibling raises in a thread
            self._scope.cancel()
        else:
            self._loop.call_soon_threadsafe(self._scope.cancel)

    def subscribe(self, router: Router) -> list[Inbox]:
        """Return its inboxes, open: one per lane. A task stays in its lane, so its events stay in order."""
        inboxes = [Inbox(partial(self._wants, lane)) for lane in range(self._concurrency)]
        for inbox in inboxes:
            router.subscribe(inbox)
        return inboxes

    async def serve(self, inboxes: list[Inbox], host: Host) -> None:
        """Call it for all that comes, until it is cancelled or nothing more will come."""
        self._loop = asyncio.get_running_loop()
        self._scope = anyio.CancelScope()
        if self.is_cancelled:
            self._scope.cancel()
        # Threads of its own: a callback that blocks must not keep others from being called.
        threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="mjwatch-hook")
        try:
            with self._scope:
                async with anyio.create_task_group() as lanes:
                    for inbox in inboxes:
                        lanes.start_soon(self._serve_lane, inbox, host.context, threads)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for inbox in inboxes:
                await host.router.leave(inbox)

    def _wants(self, lane: int, event: Event) -> bool:
        if not isinstance(event, self._kinds):
            return False
        if isinstance(event, GatewayEvent):
            return lane == 0
        if self._tag is not None and event.tag != self._tag:
            return False
        return self._concurrency == 1 or crc32(event.task.id.encode()) % self._concurrency == lane

    async def _serve_lane(self, inbox: Inbox, context: Context, threads: ThreadPoolExecutor) -> None:
        inside_hook.set(asyncio.current_task())
        try:
            while not self.is_cancelled:
                event = inbox.take(context.clock())
                if event is None:
                    await inbox.wait(context.clock())
                else:
                    await self._call(event, context, threads)
        except WatcherClosed:
            return

    async def _call(self, event: Event, context: Context, threads: ThreadPoolExecutor) -> None:
        """Call a user's callback, once; whatever it raises is told in the log, and nowhere else."""
        loop = asyncio.get_running_loop()
        callback = cast("Callable[[Event], object]", self._callback)
        slow = loop.call_later(SLOW_AFTER, self._tell_slow, event, context)
        try:
            if inspect.iscoroutinefunction(callback):
                result: object = callback(event)
            else:
                result = await loop.run_in_executor(threads, _called, callback, event)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._tell(error, context)  # not ours: something that it waited for was cancelled
        except (Exception, GeneratorExit) as error:  # noqa: BLE001 - the named edge: a stranger's bug must not end the watch
            self._tell(error, context)
        finally:
            slow.cancel()

    def _tell(self, error: BaseException, context: Context) -> None:
        self.errors += 1
        kind = type(error).__name__
        suppressed = self._kept_quiet(f"failed {kind}", context.clock())
        if suppressed is not None:
            context.log.error(
                "hook.failed", hook=self.name, error=kind, suppressed=suppressed, exc_info=error
            )

    def _tell_slow(self, event: Event, context: Context) -> None:
        suppressed = self._kept_quiet(f"slow {event.kind}", context.clock())
        if suppressed is not None:
            context.log.warning(
                "hook.slow", hook=self.name, kind=event.kind, after=SLOW_AFTER, suppressed=suppressed
            )

    def _kept_quiet(self, line: str, now: float) -> int | None:
        """Return how many lines like this were kept quiet since the last one; None where this one is, too."""
        logged_at, suppressed = self._logged.pop(line, (float("-inf"), 0))
        if now < logged_at + QUIET_FOR:
            self._logged[line] = (logged_at, suppressed + 1)
            return None
        while len(self._logged) >= _MOST_LINES:
            del self._logged[next(iter(self._logged))]
        self._logged[line] = (now, 0)
        return suppressed


class Hooks:
    """The callbacks of one watcher; those registered before it starts wait for it."""

    def __init__(self) -> None:
        self._hooks: list[Hook] = []
        self._host: Host | None = None
        self._busy = 0
        self._idle = anyio.Event()

    def add(
        self, callback: Callback, kinds: Kinds, *, tag: str | None, name: str | None, concurrency: int
    ) -> Hook:
        """
        Register *callback* for events of *kinds* (a class or a union of classes).

        Raises:
            TypeError: *callback* cannot be called, *kinds* has what is no class of events, or *tag* is no str.
            ValueError: *concurrency* is less than 1, or more than a thousand.
            TooManyWatches: there are a thousand hooks.
        """
        if not callable(callback):
            raise TypeError("a hook is a function or coroutine function that takes one event")
        check_tag(tag)
        if not isinstance(kinds, type | UnionType):
            raise TypeError("on() takes an event class, or classes joined by |, first")
        for kind in get_args(kinds) or (kinds,):
            if not any(issubclass(event, kind) for event in get_args(Event)):
                raise TypeError(f"on(): no event is ever a {kind!r}")
        if not 1 <= concurrency <= MOST_LANES:
            raise ValueError(f"concurrency={concurrency!r}: 1 to {MOST_LANES} tasks at once")
        if sum(not hook.is_cancelled for hook in self._hooks) >= MOST_HOOKS:
            raise TooManyWatches(
                f"there are {MOST_HOOKS} hooks: register one that tells its events apart, or cancel() some"
            )
        named = name or str(getattr(callback, "__qualname__", type(callback).__name__))
        hook = Hook(named, callback, kinds, tag, concurrency)
        self._hooks.append(hook)
        if self._host is not None:
            self._start(hook, self._host)
        return hook

    def open(self, host: Host) -> None:
        """Start all hooks, in *host*."""
        self._host = host
        for hook in self._hooks:
            self._start(hook, host)

    async def drained(self) -> None:
        """Wait until every hook has been called for all that its mailboxes held when the router closed."""
        while self._busy:
            self._idle = anyio.Event()
            await self._idle.wait()

    def close(self) -> None:
        """The watcher is gone."""
        self._host = None

    def _start(self, hook: Hook, host: Host) -> None:
        self._busy += 1
        host.start(partial(self._serve, hook, hook.subscribe(host.router), host))

    async def _serve(self, hook: Hook, inboxes: list[Inbox], host: Host) -> None:
        try:
            await hook.serve(inboxes, host)
        finally:
            self._hooks.remove(hook)
            self._busy -= 1
            self._idle.set()


def _called(callback: Callable[[Event], object], event: Event) -> object:
    """Call a sync callback, in a thread. No future carries these two: its waiter would wait for ever, or be closed."""
    try:
        return callback(event)
    except (StopIteration, GeneratorExit) as error:
        raise RuntimeError(f"the callback raised {type(error).__name__}") from error
