"""The parts of one running watcher, and the order in which they start and stop. Wires, and decides nothing."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Callable
from functools import partial
from random import Random

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from mjwatch._policy import governor
from mjwatch._policy.clock import Clock
from mjwatch._policy.explanation import Explanation, Standing, explain
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.plane import Plane, Seen
from mjwatch._policy.state import State, partial_task
from mjwatch._runtime.aiohttp_transport import AiohttpTransport
from mjwatch._runtime.budget import Budget
from mjwatch._runtime.client import GatewayClient
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.context import Context, Logger, steady
from mjwatch._runtime.credential import is_in_the_clear
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.hooks import Hooks, Host
from mjwatch._runtime.keeper import Keeper
from mjwatch._runtime.logs import CleanLogger, default_logger
from mjwatch._runtime.pump import Pump
from mjwatch._runtime.reports import Health, Stats, Watched
from mjwatch._runtime.router import Router
from mjwatch._runtime.runner import Guard, Runner, Start
from mjwatch._runtime.ward import Ward
from mjwatch._store.contract import Known, Store
from mjwatch._store.memory import MemoryStore
from mjwatch._wire.dialects import make_dialect
from mjwatch.errors import WatcherClosed
from mjwatch.gateways import Gateway
from mjwatch.observations import Finding, Watch
from mjwatch.settings import Deadlines, Pacing
from mjwatch.tasks import Task

_OTHERS = 500
"""So many tasks are asked why a request goes when it does."""

HOOK_GRACE = 3.0
"""How long hooks may still work on what they hold when the watcher closes, seconds."""


def build(
    gateway: Gateway,
    pacing: Pacing,
    deadlines: Deadlines,
    rng: Random,
    hooks: Hooks,
    *,
    logger: Logger | None,
    wall: Callable[[], float],
) -> Engine:
    """Return the engine of one watcher, in the running loop; the wall clock is read here, once."""
    clock = steady(wall(), asyncio.get_running_loop())
    log = CleanLogger(clock, logger or default_logger()).bind(gateway=gateway.name)
    if is_in_the_clear(gateway):
        log.warning(
            "gateway.unencrypted", advice="base_url is http://: anybody on the way reads the credential"
        )
    return Engine(Context(gateway, pacing, deadlines, clock, rng, log), hooks)


class Engine:
    """Store, gate, transport, client, coalescer, pump, router and hooks of one gateway. Built in a running loop."""

    def __init__(self, context: Context, hooks: Hooks) -> None:
        limits = context.gateway.limits
        dialect = make_dialect(context.gateway.dialect, context.gateway.rewrite_host)
        self.store: Store[State] = MemoryStore(clock=context.clock, max_watches=limits.max_watches)
        self.gate = Gate(context, self.store, self._wake)
        self.router = Router(context, self.store, self.gate, self._wake)
        self._transport = AiohttpTransport(context.gateway, context.clock)
        self.client = GatewayClient(context, dialect, self._transport, self.gate)
        ceiling = min(limits.batch, dialect.max_batch)
        routes = dialect.routes
        self.coalescer = Coalescer(context, self.client, self.gate, routes=routes, ceiling=ceiling)
        self.lessons = Lessons(clock=Clock.hinted(dialect.refresh))
        self.ward = Ward(context, self.store, self.coalescer, self._wake)
        sweep = self.router.sweep
        self.pump = Pump(context, self.coalescer, self.gate, self.lessons, self.ward, before_claim=sweep)
        budget = Budget(self.gate, self.coalescer, context.clock)
        self._keeper = Keeper(context, self.store, {"lessons": self.lessons, "budget": budget})
        self.context = context
        self._hooks = hooks

    async def serve(self, runner: Runner) -> None:
        """Run until *runner* says stop; then stop claiming, land, tell, and close."""
        log = self.store.events()
        try:
            await self._keeper.recall()
            async with anyio.create_task_group() as parts:
                parts.start_soon(runner.guard, partial(self.router.run, log))
                parts.start_soon(runner.guard, self._keeper.run)
                start = _starter(parts, runner.guard)
                self.coalescer.open(start)
                self._hooks.open(Host(self.context, self.router, start))
                async with anyio.create_task_group() as pumping:
                    pumping.start_soon(runner.guard, partial(self.pump.run, runner.guard))
                    await anyio.lowlevel.checkpoint()
                    runner.ready()
                    await runner.stopping.wait()
                    self.pump.stop()
                await self._keeper.keep()
                await anyio.lowlevel.checkpoint()  # the router reads what was committed last
                await anyio.lowlevel.checkpoint()
                self.router.close(WatcherClosed("the watcher was closed"))
                with anyio.move_on_after(HOOK_GRACE):
                    await self._hooks.drained()
                parts.cancel_scope.cancel()
        finally:
            self._hooks.close()
            self.gate.close()
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()
                await self.store.aclose()

    def end(self, why: WatcherClosed) -> None:
        """Tell every reader that nothing more comes; a program that only has hooks learns of a bug by the log."""
        if why.__cause__ is not None:
            self.context.log.error("watcher.broke", error=type(why.__cause__).__name__)
        self.router.close(why)

    async def lookup(self, task_id: str) -> Finding:
        """Look once; a watched task learns of it by a look of its own, for only the pump commits."""
        finding = await self.coalescer.lookup(task_id)
        await self.store.nudge([task_id])
        self.pump.wake()
        return finding

    async def watched(self, tag: str | None) -> list[Watched]:
        """Return the tasks under watch, of one *tag* or all."""
        await self.router.sweep()
        known = await self.store.known(tag=tag, limit=100_000)
        return [
            Watched(partial_task(one.state, one.watch.id), one.watch.tag, self._due_in(one)) for one in known
        ]

    async def last_known(self, task_id: str) -> Task:
        """Return a task as far as it is known; its status is UNKNOWN where nothing is."""
        known = await self.store.known([task_id])
        return partial_task(known[0].state if known else None, task_id)

    async def explain(self, task_id: str) -> Explanation:
        """Return why a task is looked at when it is."""
        await self.router.sweep()
        known = {one.watch.id: one for one in await self.store.known([task_id])}
        others = [Seen(one.watch.id, one.watch, one.state) for one in await self.store.known(limit=_OTHERS)]
        here = known.get(task_id)
        subject = _unknown(task_id) if here is None else Seen(task_id, here.watch, here.state)
        standing = Standing(
            plane=Plane(max(1, self.router.tasks), self.coalescer.room),
            looked_at=None if here is None else here.looked_at,
            due_in=None if here is None else self._due_in(here),
            held=self.gate.opens_in,
            budget=self._look_every(),
            rng=Random(0),  # of its own: to ask must not change what comes
            is_apart=task_id in self.ward,
            is_leased=here is not None and here.is_leased,
            fault=None if self.gate.health.error is None else self.gate.health.error.message,
        )
        now, wishes = self.context.clock(), self.context.pacing
        return explain(subject, others or [subject], now, wishes, self.lessons, standing)

    def _due_in(self, known: Known[State]) -> float | None:
        """Return in how many seconds a task is looked at, as things stand; None if it is not watched."""
        if known.due_in is None or known.is_leased:
            return known.due_in
        if known.looked_at is None:
            return max(known.due_in, self.gate.opens_in)
        # It may ride once it is due: with the next request, when its turn has come within the budget.
        turn_in = known.looked_at + self._look_every() - self.context.clock()
        return max(known.due_in, self.gate.next_poll_in, turn_in, self.gate.opens_in)

    def stats(self) -> Stats:
        """Return what was done so far."""
        tally, pacing = self.pump.tally, self.context.pacing
        return Stats(
            requests=self.client.requests,
            looks=tally.looks,
            events=tally.events,
            faults=tally.faults,
            tasks=self.router.tasks,
            late=self.pump.latecomers.count,
            apart=len(self.ward),
            look_every=round(max(pacing.fixed or pacing.min_interval, self._look_every()), 3),
        )

    def _look_every(self) -> float:
        """Return how often the limits let each task be looked at, in seconds."""
        windows = governor.windows(self.context.gateway.limits, self.gate.health, self.context.clock())
        slowest = max((interval for interval, _ in windows), default=0.0)
        return slowest * math.ceil(self.router.tasks / self.coalescer.room)

    def health(self) -> Health:
        """Return how the gateway is."""
        health = self.gate.health
        return Health(
            gateway=self.context.name,
            is_reachable=not health.is_told,
            is_proven=health.is_proven,
            failures=health.failures,
            failing_since=health.failing_since,
            error=health.error,
        )

    def _wake(self) -> None:
        self.pump.wake()


def _unknown(task_id: str) -> Seen:
    return Seen(task_id, Watch(task_id, None, 0.0, None, wants_progress=True), None)


def _starter(parts: TaskGroup, guard: Guard) -> Start:
    """Return what starts parts in our own context: a hook or a lookup comes from the host's asyncio tasks."""
    ours = contextvars.copy_context()
    return lambda part: ours.run(parts.start_soon, guard, part)
