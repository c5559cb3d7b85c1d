"""The waiting floor without a network: a transport that plays a gateway, and all the parts wired around it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Self

import anyio
from attrs import Factory, define, evolve, field

from mjwatch._policy.lessons import Lessons
from mjwatch._policy.state import State
from mjwatch._runtime.client import GatewayClient
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.pump import Pump
from mjwatch._runtime.router import Router
from mjwatch._runtime.runner import Part
from mjwatch._runtime.subscription import Subscription
from mjwatch._runtime.transport import OverCap
from mjwatch._runtime.ward import Ward
from mjwatch._store.contract import Wish
from mjwatch._store.memory import MemoryStore
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Reply, Request, Verb
from mjwatch.errors import GatewayError
from mjwatch.events import Event
from mjwatch.gateways import Auth, DialectName, Gateway
from mjwatch.settings import Deadlines, Limits, Pacing
from mjwatch.testing.families import Family

FREE = Limits(rate=None)
PAGE = Reply(200, b"<!DOCTYPE html><html></html>")

MANNERS: dict[Family, tuple[DialectName, Auth]] = {
    Family.NOVICEZK: ("midjourney-proxy", "mj-api-secret"),
    Family.PLUS: ("midjourney-proxy", "mj-api-secret"),
    Family.TRUEAI: ("trueai", "raw"),
    Family.NEW_API: ("new-api", "bearer"),
    Family.ENVELOPED: ("enveloped", "mj-api-secret"),
}

Answer = Reply | GatewayError | OverCap
Line = tuple[str, str, dict[str, object]]


@define
class LogBook:
    """A logger that keeps (level, event, keys)."""

    lines: list[Line] = Factory(list)

    def bind(self, **_keys: object) -> Self:
        """Return itself."""
        return self

    def info(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self.lines.append(("info", event, keys))

    def warning(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self.lines.append(("warning", event, keys))

    def error(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self.lines.append(("error", event, keys))


@define(eq=False)
class PlayedGateway:
    """
    A `Transport` with a gateway of family B behind it: lists, single lookups, nothing else.

    Attributes:
        takes: How long each exchange takes, seconds.
        tasks: What the gateway knows, by id.
        script: What comes instead, request by request; then the tasks again.
        always: What comes instead, for ever, by the last word of the path ("list-by-ids", "fetch").
        sent: When each request left, and its ids.
        most: Requests under way at once, at most.
    """

    takes: float = 0.1
    tasks: dict[str, dict[str, object]] = Factory(dict)
    script: deque[Answer] = Factory(deque)
    always: dict[str, Answer] = Factory(dict)
    sent: list[tuple[float, str, tuple[str, ...]]] = field(init=False, factory=list)
    called_off: int = field(init=False, default=0)
    under_way: dict[str, int] = field(init=False, factory=dict)
    most: int = field(init=False, default=0)
    most_of_one: int = field(init=False, default=0)
    _now: int = field(init=False, default=0)

    def show(self, task_id: str, status: str = "IN_PROGRESS", progress: str = "10%", **more: object) -> None:
        """Let the gateway show a task."""
        self.tasks[task_id] = {
            "id": task_id,
            "action": "IMAGINE",
            "status": status,
            "progress": progress,
            **more,
        }

    def succeed(self, task_id: str) -> None:
        """Let a task be whole."""
        buttons = [{"customId": "MJ::JOB::upsample::1", "label": "U1"}]
        self.show(task_id, "SUCCESS", "100%", imageUrl="https://cdn.test/1.png", buttons=buttons)

    @property
    def routes(self) -> list[str]:
        """By which routes was asked."""
        return [route for _, route, _ in self.sent]

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """For which ids was asked."""
        return [ids for _, _, ids in self.sent]

    async def send(self, request: Request) -> Reply:
        """Answer, after a while."""
        route, ids = self._read(request)
        self.sent.append((asyncio.get_running_loop().time(), route, ids))
        self._now += 1
        self.most = max(self.most, self._now)
        for task_id in ids:
            self.under_way[task_id] = self.under_way.get(task_id, 0) + 1
            self.most_of_one = max(self.most_of_one, self.under_way[task_id])
        answer = self.script.popleft() if self.script else self.always.get(route)
        try:
            await anyio.sleep(self.takes)
        except anyio.get_cancelled_exc_class():
            self.called_off += 1
            raise
        finally:
            self._now -= 1
            for task_id in ids:
                self.under_way[task_id] -= 1
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return evolve(answer, at=asyncio.get_running_loop().time())
        return self._answer(request, ids)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    def _read(self, request: Request) -> tuple[str, tuple[str, ...]]:
        if request.verb is Verb.LOOK_MANY:
            return request.path.rsplit("/", 1)[1], tuple(json.loads(request.body or b"")["ids"])
        *_, task_id, verb = request.path.split("/")
        return verb, (task_id,)

    def _answer(self, request: Request, ids: tuple[str, ...]) -> Reply:
        at = asyncio.get_running_loop().time()
        known = [self.tasks[task_id] for task_id in ids if task_id in self.tasks]
        if request.verb is Verb.LOOK_MANY:
            return Reply(200, json.dumps(known).encode(), at=at)
        return Reply(200, json.dumps(known[0]).encode(), at=at) if known else Reply(204, b"", at=at)


@define(eq=False)
class Rig:
    """All parts of a running watcher but the hooks and the network."""

    context: Context
    played: PlayedGateway
    log: LogBook
    store: MemoryStore[State]
    gate: Gate
    dialect: Dialect
    client: GatewayClient
    coalescer: Coalescer
    router: Router
    pump: Pump

    def watch(self, *task_ids: str, deadline: float | None = None, **more: object) -> Subscription:
        """Return a subscription, as `Watcher.watch` does."""
        wishes = [Wish(task_id, deadline_in=deadline) for task_id in task_ids]
        return Subscription(self.router, wishes, clock=self.context.clock, **more)  # type: ignore[arg-type]  # tests

    def now(self) -> float:
        """Say what time it is."""
        return self.context.clock()


def make_context(
    *,
    dialect: DialectName = "trueai",
    limits: Limits | None = None,
    pacing: Pacing | None = None,
    deadlines: Deadlines | None = None,
    log: LogBook | None = None,
) -> Context:
    """Return the surroundings of a watcher of a gateway named "sim"."""
    gateway = Gateway(
        name="sim",
        base_url="http://127.0.0.1",
        credential="sk-1",
        dialect=dialect,
        limits=limits or Limits(),
    )
    return Context(
        gateway=gateway,
        pacing=pacing or Pacing(),
        deadlines=deadlines or Deadlines(),
        clock=asyncio.get_running_loop().time,
        rng=Random(1),
        log=log or LogBook(),
    )


def make_rig(
    played: PlayedGateway,
    *,
    dialect: DialectName = "trueai",
    limits: Limits | None = None,
    pacing: Pacing | None = None,
    deadlines: Deadlines | None = None,
    spoken: Callable[[Dialect], Dialect] = lambda dialect: dialect,
    log_size: int = 10_000,
) -> Rig:
    """Wire the parts around *played*; nothing runs yet. *spoken* may wrap the dialect."""
    log = LogBook()
    context = make_context(dialect=dialect, limits=limits, pacing=pacing, deadlines=deadlines, log=log)
    spoken_dialect = spoken(make_dialect(dialect))
    max_watches = context.gateway.limits.max_watches
    store: MemoryStore[State] = MemoryStore(clock=context.clock, max_watches=max_watches, log_size=log_size)
    pumps: list[Pump] = []

    def wake() -> None:
        pumps[0].wake()

    gate = Gate(context, store, wake)
    client = GatewayClient(context, spoken_dialect, played, gate)
    ceiling = min(context.gateway.limits.batch, spoken_dialect.max_batch)
    coalescer = Coalescer(context, client, gate, routes=spoken_dialect.routes, ceiling=ceiling)
    router = Router(context, store, gate, wake)
    ward = Ward(context, store, coalescer, wake)
    pump = Pump(context, coalescer, gate, Lessons(), ward, before_claim=router.sweep)
    pumps.append(pump)
    return Rig(context, played, log, store, gate, spoken_dialect, client, coalescer, router, pump)


async def unguarded(part: Part) -> None:
    """Run a part as it is: a bug is told when its task group ends."""
    await part()


@asynccontextmanager
async def running(rig: Rig, *, pump: bool = True) -> AsyncIterator[Rig]:
    """Run the router, flights, and the pump unless it is left out; stop it all at the end."""
    async with anyio.create_task_group() as parts:
        parts.start_soon(rig.router.run, rig.store.events())
        rig.coalescer.open(parts.start_soon)
        if pump:
            parts.start_soon(rig.pump.run, unguarded)
        await anyio.lowlevel.checkpoint()
        yield rig
        parts.cancel_scope.cancel()


async def turns(count: int = 3) -> None:
    """Let the loop turn, without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)


async def read(events: Subscription, count: int | None = None) -> list[Event]:
    """Read *count* events, or all to the end."""
    got: list[Event] = []
    async for event in events:
        got.append(event)
        if len(got) == count:
            break
    return got


def kinds(events: list[Event]) -> list[str]:
    """Name the kinds of *events*."""
    return [event.kind for event in events]


def rows(*tasks: object) -> Reply:
    """Return a list reply."""
    return Reply(200, json.dumps(tasks).encode())


def row(task_id: str, percent: int = 10) -> dict[str, object]:
    """Return a task as family B spells it."""
    return {"id": task_id, "status": "IN_PROGRESS", "progress": f"{percent}%", "action": "IMAGINE"}
