"""The one asyncio task a watcher owns, and its life: start, stop, crash.

Hosts start and stop things from different asyncio tasks, and a task group must be left by the one that entered it:
so one task owns the group, and `start` and `aclose` only signal it. Its edge is one of the two places where any
Exception is caught: a bug in the core must surface in every reader, not as silence.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine

import anyio

from mjwatch.errors import WatcherClosed

Part = Callable[[], Coroutine[object, object, None]]
"""A part of a watcher that runs beside the others."""

Guard = Callable[[Part], Coroutine[object, object, None]]
"""Runs a part so that its bug is told at once: `Runner.guard`."""

Start = Callable[[Part], object]
"""Starts a part, whoever asks for it: in the watcher's own task group, guard and context."""

inside_hook: contextvars.ContextVar[asyncio.Task[object] | None] = contextvars.ContextVar(
    "mjwatch_inside_hook", default=None
)
"""The asyncio task that calls a hook: it cannot wait for the end of what it is part of."""


class Runner:
    """
    Runs *main*, once, until `aclose`.

    Args:
        main: Calls `ready` when it serves, and returns soon after `stopping` is set.
        on_end: Called once, in the loop turn in which it ends, with what whoever still reads is to be told; a bug
            is its cause.
    """

    def __init__(
        self,
        main: Callable[[Runner], Coroutine[object, object, None]],
        on_end: Callable[[WatcherClosed], None],
    ) -> None:
        self.stopping = anyio.Event()
        self._main = main
        self._on_end = on_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_ready = anyio.Event()
        self._has_ended = anyio.Event()
        self._is_told = False
        self._bug: Exception | None = None
        self._closed: WatcherClosed | None = None

    def check_unbroken(self) -> None:
        """
        Do nothing, unless it broke.

        Raises:
            WatcherClosed: from the bug.
        """
        if self._bug is not None and self._closed is not None:
            raise WatcherClosed(*self._closed.args) from self._bug

    def check_open(self) -> None:
        """
        Do nothing, if it serves this event loop.

        Raises:
            WatcherClosed: not started, closed, or broken (then from the bug).
            RuntimeError: it serves another event loop.
        """
        self.check_unbroken()
        if self._closed is not None:
            raise WatcherClosed(*self._closed.args)
        if not self._is_ready.is_set():
            raise WatcherClosed("the watcher is not open: use `async with Watcher(...)`, or await start()")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("this watcher belongs to another event loop")

    async def start(self) -> None:
        """
        Start, and wait until it serves.

        Cancelled or failing, it leaves nothing behind.

        Raises:
            WatcherClosed: it was started or closed before.
            Exception: what *main* raised before it served.
        """
        if self._loop is not None or self._closed is not None:
            raise WatcherClosed("a watcher starts once: build another one")
        self._loop = asyncio.get_running_loop()
        # A context of its own: what the host set in its variables is none of ours.
        self._task = self._loop.create_task(self._run(), name="mjwatch", context=contextvars.Context())
        # Cancelled before its first step, as `asyncio.run` does to all at its end, it never comes to its `finally`.
        self._task.add_done_callback(lambda _: self._has_ended.set())
        try:
            await self._is_ready.wait()
        except BaseException:
            self._task.cancel()
            with anyio.CancelScope(shield=True):
                await self._has_ended.wait()
            raise
        if self._bug is not None:
            raise self._bug

    def ready(self) -> None:
        """Serving has begun: `start` returns."""
        self._is_ready.set()

    async def guard(self, part: Part) -> None:
        """Run a part of *main*; if it breaks, tell the readers at once, before all else is taken down."""
        try:
            await part()
        except Exception as error:
            self._end(_innermost(error))
            raise

    async def aclose(self) -> None:
        """
        Stop, and wait until nothing is left. Twice is once. From inside a hook it only signals: the hook ends first.

        Raises:
            Exception: the bug that broke it, unwrapped.
        """
        self._closed = self._closed or _closed()
        self.stopping.set()
        if self._task is None or inside_hook.get() is asyncio.current_task():
            return
        # Also from inside a scope that was cancelled: leaving `async with` must leave nothing behind.
        with anyio.CancelScope(shield=True):
            await self._has_ended.wait()
        if self._bug is not None:
            raise self._bug

    async def _run(self) -> None:
        try:
            await self.guard(lambda: self._main(self))
        except Exception as error:  # noqa: BLE001 - the named edge: it is raised from every reader and from aclose
            self._end(_innermost(error))
        finally:
            self._end(None)
            self._has_ended.set()
            self._is_ready.set()

    def _end(self, bug: Exception | None) -> None:
        if self._is_told:
            return
        self._is_told = True
        self._bug = bug
        if bug is not None:
            self._closed = WatcherClosed(f"the watcher broke: {type(bug).__name__}; aclose() raises the bug")
            self._closed.__cause__ = bug
        self._closed = self._closed or _closed()
        self._on_end(self._closed)


def _closed() -> WatcherClosed:
    return WatcherClosed("the watcher was closed")


def _innermost(error: Exception) -> Exception:
    """Return the one bug inside task groups' wrappings."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
