"""The composition root, and the face that programs talk to: opens, wires and closes. Holds no rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from functools import partial
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self, TypeVar, overload

import anyio

from mjwatch._runtime.context import Logger
from mjwatch._runtime.hooks import Hook, Hooks, Kinds
from mjwatch._runtime.reports import Health, Stats, Watched, found, succeeded
from mjwatch._runtime.runner import Runner
from mjwatch._runtime.subscription import Completed, EventStream, Subscription, checked, checked_offset
from mjwatch._store.contract import Wish
from mjwatch.errors import WatcherClosed, WatchTimeout
from mjwatch.events import Failure, Success
from mjwatch.gateways import Gateway
from mjwatch.settings import Deadlines, Pacing, check_positive, given
from mjwatch.tasks import Task, check_tag, check_task_id

if TYPE_CHECKING:
    from mjwatch._policy.explanation import Explanation
    from mjwatch._runtime.client import GatewayClient
    from mjwatch._runtime.engine import Engine

F = TypeVar("F", bound=Callable[[Never], object])


class Watcher:
    """
    Watches the tasks of one gateway: one poll plane for all of them, typed events for whoever cares.

    `async with Watcher(...)`, or `start` and `aclose` from wherever the host starts and stops things. It belongs to
    the event loop it was started in, and starts once.

    Args:
        gateway: Whom to ask: a preset of `mjwatch.gateways`, or a `Gateway`.
        store: Where watches live: "memory:".
        pacing: When to look.
        deadlines: When to stop watching a task that does not end.
        logger: Any structlog bound logger; by default the stdlib logger `mjwatch`.
        rng: The dice for jitter; give a seeded one for a run that repeats.
        wall: The wall clock, read once; see *rng*.

    Raises:
        TypeError: *gateway* is no Gateway, *pacing* no Pacing, *deadlines* no Deadlines.
        ValueError: an unknown store.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        store: str = "memory:",
        pacing: Pacing | None = None,
        deadlines: Deadlines | None = None,
        logger: Logger | None = None,
        rng: Random | None = None,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - the one place; never called later
    ) -> None:
        if not isinstance(gateway, Gateway):
            raise TypeError("Watcher takes a Gateway: mjwatch.gateways has presets, such as geeknow(token)")
        if store != "memory:":
            raise ValueError(f"unknown store {store!r}: this release knows 'memory:'")
        self._gateway = gateway
        self._settings = (given(pacing, Pacing), given(deadlines, Deadlines), rng or Random())
        self._logger = logger
        self._wall = wall
        self._hooks = Hooks()
        self._runner = Runner(self._serve, self._on_end)
        self._engine: Engine | None = None

    async def start(self) -> Self:
        """
        Start watching. Cancelled or failing, it leaves nothing behind.

        Raises:
            WatcherClosed: it was started or closed before; build another one.
        """
        await self._runner.start()
        return self

    async def aclose(self) -> None:
        """
        Stop, in at most 5 s, and leave nothing behind. Every open stream ends with `WatcherClosed`.

        Called from inside a hook it only asks for the stop, and returns.

        Raises:
            Exception: the bug that broke it, if one did.
        """
        await self._runner.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def watch(
        self,
        *task_ids: str,
        throttle: float | None = None,
        deadline: float | None = None,
        after: int | None = None,
    ) -> Subscription:
        """
        Return the events of some tasks; see `Subscription` for the contract. The wish is stored at the first await.

        Args:
            task_ids: At least one.
            throttle: One `Progress` of a task in so many seconds at most, the newest when read; all else at once.
            deadline: Watch at least so many seconds; by default as `Deadlines` says.
            after: The `offset` of an earlier stream: what it had got is not told again.

        Raises:
            TypeError, ValueError: a bad argument; nothing was sent.
            WatcherClosed: the watcher is not open.
        """
        ids = checked(task_ids)
        check_positive("throttle", throttle)
        wishes = [Wish(task_id, deadline_in=check_positive("deadline", deadline)) for task_id in ids]
        engine = self._opened()
        return Subscription(engine.router, wishes, clock=engine.context.clock, throttle=throttle, after=after)

    def as_completed(self, task_ids: Iterable[str], *, deadline: float | None = None) -> Completed:
        """Return the final events of some tasks as they come; arguments and errors as in `watch`."""
        ids = checked(task_ids)
        check_positive("deadline", deadline)
        engine = self._opened()
        wishes = [Wish(task_id, deadline_in=deadline, wants_progress=False) for task_id in ids]
        return Completed(Subscription(engine.router, wishes, clock=engine.context.clock, is_final_only=True))

    async def wait(self, task_id: str, timeout: float | None = None) -> Task:  # noqa: ASYNC109 - it carries the task
        """
        Return the task when it has succeeded.

        Args:
            task_id: Which.
            timeout: Seconds to wait here; None waits as long as `Deadlines` says. The task can be waited for again.

        Raises:
            TaskFailed: the gateway says that it failed or was cancelled.
            TaskLost: the gateway does not know it.
            WatchTimeout: it had not ended by then, and may still. From the gateway's last error, if it is down.
            GatewayError, TooManyWatches, WatcherClosed: see `Subscription`.
        """
        check_positive("timeout", timeout)
        async with aclosing(self.as_completed([task_id])) as ends:
            with anyio.move_on_after(timeout):
                return succeeded(await anext(ends), self.health().error)
        last = await self._opened().last_known(task_id)
        message = f"not done after {timeout:g} s; it may still run, watch it again"
        raise WatchTimeout(message, task_id=task_id, task=last) from self.health().error

    async def latest(self, task_id: str, within: float = 45.0) -> Task:
        """
        Return the task as it ends, or as far as it got *within* so many seconds; its status says which.

        For hosts that must answer soon (passive replies, tool calls). Never raises for an outcome; the status is
        UNKNOWN where nothing is known.

        Raises:
            GatewayError, TooManyWatches, WatcherClosed: see `Subscription`.
        """
        check_positive("within", within)
        async with aclosing(self.watch(task_id)) as events:
            with anyio.move_on_after(within):
                async for event in events:
                    if isinstance(event, Success | Failure):
                        return event.task
        return await self._opened().last_known(task_id)

    async def lookup(self, task_id: str) -> Task:
        """
        Return the task as one look shows it, now, sharing the request with whoever else asks.

        Raises:
            TaskLost: the gateway has no such id.
            GatewayError: there was no useful answer; at once while the gateway is left alone after a fault.
            ValueError: *task_id* breaks the rule; nothing was sent.
        """
        return found(await self._opened().lookup(check_task_id(task_id)), task_id, self._gateway.name)

    async def add(self, *task_ids: str, tag: str | None = None, deadline: float | None = None) -> None:
        """
        Watch tasks for the hooks, until they end; returns once stored. An ended task calls them once with its end.

        Args:
            task_ids: At least one.
            tag: Comes back in every event; one per id, the last wins.
            deadline: As in `watch`.

        Raises:
            TooManyWatches: a bound was reached; none of them is watched.
        """
        ids = checked(task_ids)
        check_positive("deadline", deadline)
        await self._opened().router.keep(ids, tag=check_tag(tag), deadline_in=deadline)

    async def discard(self, *task_ids: str) -> None:
        """Stop watching tasks, whoever does: each ends in `Expired`. They go on at the gateway."""
        await self._opened().router.discard(checked(task_ids))

    @overload
    def on(
        self,
        kinds: Kinds,
        callback: F,
        *,
        tag: str | None = ...,
        name: str | None = ...,
        concurrency: int = ...,
    ) -> Hook: ...
    @overload
    def on(
        self, kinds: Kinds, *, tag: str | None = ..., name: str | None = ..., concurrency: int = ...
    ) -> Callable[[F], F]: ...
    def on(
        self,
        kinds: Kinds,
        callback: F | None = None,
        *,
        tag: str | None = None,
        name: str | None = None,
        concurrency: int = 1,
    ) -> Hook | Callable[[F], F]:
        """
        Call *callback* with every event of *kinds* (`on(Success | Failure, tell)`), or decorate it (`@on(Progress)`).

        Each hook reads for itself: in order per task, never twice at once unless *concurrency* says so, and neither
        its errors nor its slowness touch anybody else. Sync callbacks run in a thread. May be called before `start`.

        Args:
            kinds: An event class, or some joined by `|`; `mjwatch.Final` is the base of all ends.
            callback: Takes the event.
            tag: Only events of tasks added with this tag.
            name: For log lines.
            concurrency: Calls at once, at most. Tasks are spread over so many lanes; a task keeps its lane.
        """
        add = partial(self._hooks.add, kinds=kinds, tag=tag, name=name, concurrency=concurrency)
        if callback is not None:
            return add(callback)

        def decorate(decorated: F) -> F:
            add(decorated)
            return decorated

        return decorate

    def events(self, after: int | None = None) -> EventStream:
        """Return everything from now on, or from an offset: each event of each watched task and of the gateway."""
        return EventStream(self._opened().store.events(checked_offset(after)), after, self._runner.check_open)

    async def watched(self, tag: str | None = None) -> list[Watched]:
        """Return the tasks under watch, of one *tag* or all; at most 100,000 of them."""
        return await self._opened().watched(check_tag(tag))

    async def explain(self, task_id: str) -> Explanation:
        """Return why a task is looked at when it is, in numbers and, by `str()`, in words; no request is made."""
        return await self._opened().explain(check_task_id(task_id))

    def stats(self) -> Stats:
        """Return what was done since the start."""
        return self._opened().stats()

    def health(self) -> Health:
        """Return how the gateway is."""
        return self._opened().health()

    @property
    def client(self) -> GatewayClient:
        """The gateway's verbs: fetch, list, image_seed, cancel, image."""
        return self._opened().client

    async def _serve(self, runner: Runner) -> None:
        from mjwatch._runtime.engine import build  # noqa: PLC0415 - brings aiohttp and structlog: 150 ms

        self._engine = build(
            self._gateway, *self._settings, self._hooks, logger=self._logger, wall=self._wall
        )
        await self._engine.serve(runner)

    def _on_end(self, why: WatcherClosed) -> None:
        if self._engine is not None:
            self._engine.end(why)

    def _opened(self) -> Engine:
        self._runner.check_open()
        if self._engine is None:
            raise AssertionError("a runner that is ready has an engine")
        return self._engine
