"""The gateway's verbs as methods: builds requests and reads replies through the dialect, sends by the transport.

What a finding means for a watch is the pump's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from attrs import define, evolve, field

from mjwatch._policy.governor import Exchange
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate, again
from mjwatch._runtime.pulse import Pulse
from mjwatch._runtime.reading import LARGE, Asked, breathe, read
from mjwatch._runtime.transport import OverCap, Transport
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.messages import Opened, Reply, Request, Route, Verb
from mjwatch.errors import (
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    TaskLost,
)
from mjwatch.observations import Finding, Garbled, Missing, Observation, Verdict
from mjwatch.tasks import Task, check_task_id

T = TypeVar("T")

_HELP = {
    Verdict.DENIED: (
        GatewayDenied,
        "the credential is not accepted: check the token, and which header it goes in",
    ),
    Verdict.REFUSED: (GatewayRefused, "this is no answer of a gateway: check base_url"),
    Verdict.UNSUPPORTED: (GatewayRefused, "this gateway has no such route"),
    Verdict.REJECTED: (GatewayRefused, "the gateway rejects the request"),
    Verdict.MISSING: (GatewayRefused, "the gateway does not know this task"),
    Verdict.BROKEN: (GatewayBroken, "the gateway reports an error of its own"),
    Verdict.CORRUPT: (GatewayBroken, "the reply is cut or malformed"),
    Verdict.STALLED: (GatewayUnreachable, "the event loop stood still meanwhile: look for what blocks it"),
}


@define(eq=False)
class Looked:
    """
    What a request for tasks brought.

    Attributes:
        exchange: For the governor.
        findings: For each id that is not as it was; after an exchange that was no answer, for none.
        route: By which route was asked.
        asked: For how many ids.
    """

    exchange: Exchange
    route: Route
    asked: int
    findings: dict[str, Finding] = field(factory=dict)

    @property
    def is_for_nothing(self) -> bool:
        """True where nothing was learned and nothing is wrong: ask by another route, or for less."""
        return self.exchange.error is None and not self.exchange.verdict.is_answer


class GatewayClient:
    """
    One gateway's verbs. Every public one passes the gateway's budget.

    Raises (every verb):
        GatewayError: there was no useful answer; at once while the gateway is left alone.
        ValueError: an id breaks the rule for ids; nothing was sent.
    """

    def __init__(self, context: Context, dialect: Dialect, transport: Transport, gate: Gate) -> None:
        self._name = context.name
        self._clock = context.clock
        self._dialect = dialect
        self._transport = transport
        self._gate = gate
        self.requests = 0
        """How many left."""
        self._batch = min(context.gateway.limits.batch, dialect.max_batch)

    async def fetch(self, task_id: str) -> Task:
        """
        Return the task as the single route shows it.

        Raises:
            TaskLost: the gateway does not know the id.
        """
        found = await self._ask_one(task_id, Route.FETCH)
        if isinstance(found, Garbled):
            self._refuse(Opened(Verdict.CORRUPT, detail="the task cannot be read"))
        if not isinstance(found, Observation):
            raise TaskLost("the gateway does not know it", task_id=task_id, task=None)
        return found.task

    async def list(self, task_ids: Sequence[str]) -> list[Task]:
        """Return the tasks that the gateway knows, in the order asked for, by its widest route."""
        checked = [check_task_id(task_id) for task_id in task_ids]
        tasks: list[Task] = []
        for start in range(0, len(checked), self._batch):
            ids = checked[start : start + self._batch]
            looked = await self._ask(Asked.anew(ids), self._dialect.routes[0])
            found = (looked.findings.get(task_id) for task_id in ids)
            tasks += [finding.task for finding in found if isinstance(finding, Observation)]
        return tasks

    async def image_seed(self, task_id: str) -> str:
        """Return the seed of a finished picture. The gateway may take a minute to find it."""
        seed = await self._ask_for(self._dialect.image_seed(task_id), self._dialect.read_seed)
        return seed or ""

    async def cancel(self, task_id: str) -> None:
        """Ask the gateway to stop a task; the watch tells what became of it."""
        await self._ask_for(
            self._dialect.cancel(task_id), lambda reply: (self._dialect.read_done(reply), None)
        )

    async def image(self, task_id: str) -> bytes:
        """Return the picture through the gateway's image proxy, where it has one: at most 64 MiB."""
        request = self._dialect.image(task_id)
        return await self._ask_for(request, lambda reply: (self._dialect.read_done(reply), reply.body))

    async def look(self, asked: Asked, route: Route) -> Looked:
        """Make one request for *asked* by *route*, whatever the gate says: who calls this has passed it."""
        departed_at = self._clock()
        ids = asked.ids
        is_single = route is Route.FETCH
        request = self._dialect.fetch(ids[0]) if is_single else self._dialect.list_tasks(ids, route)
        pulse = Pulse()
        try:
            with pulse:
                reply = await self._send(request)
        except OverCap:
            opened = Opened(
                Verdict.TOO_BIG if len(ids) > 1 else Verdict.CORRUPT, detail="larger than the cap"
            )
            error = None if len(ids) > 1 else self._error(opened)
            return Looked(Exchange(opened.verdict, error, departed_at, self._clock()), route, len(ids))
        except GatewayError as error:
            if isinstance(error, GatewayUnreachable) and pulse.has_missed:
                return Looked(Exchange(Verdict.STALLED, None, departed_at, self._clock()), route, len(ids))
            return Looked(Exchange(_verdict(error), error, departed_at, self._clock()), route, len(ids))
        if len(reply.body) > LARGE:
            await breathe()  # putting its parts together was a step of its own
        opened = self._dialect.open_fetch(reply) if is_single else self._dialect.open_list(reply, len(ids))
        if opened.verdict is Verdict.REJECTED and not is_single:
            # Not even a single id is listed: that is no matter of this task, nor of the size of the batch.
            opened = evolve(opened, verdict=Verdict.BROKEN)
        exchange = Exchange(opened.verdict, self._fault(opened, route), departed_at, reply.at)
        looked = Looked(exchange, route, len(ids))
        if opened.verdict in {Verdict.OK, Verdict.MISSING}:
            looked.findings = await read(self._dialect, opened.slices, asked, is_single=is_single)
        elif opened.verdict is Verdict.REJECTED:
            # It did not say that it does not know the id: a task is never lost by that.
            looked.findings = dict.fromkeys(ids, Garbled())
        return looked

    async def _ask_one(self, task_id: str, route: Route) -> Finding:
        looked = await self._ask(Asked.anew([check_task_id(task_id)]), route)
        return looked.findings.get(task_id, Missing(single=True))

    async def _ask(self, asked: Asked, route: Route) -> Looked:
        async with self._gate.enter() as claim:
            looked = await self.look(asked, route)
            await self._gate.settle(claim, (), self._gate.judge(claim, looked.exchange))
        if looked.exchange.error is not None:
            raise again(looked.exchange.error)
        if not looked.findings:
            self._refuse(Opened(looked.exchange.verdict))
        return looked

    async def _ask_for(self, request: Request, read: Callable[[Reply], tuple[Opened, T]]) -> T:
        """
        Send a request that looks nothing up, and return what *read* makes of the reply.

        Its outcome is its caller's: a seed that takes too long says nothing about looks. Only where the gateway
        asks for patience, or denies us, that holds for all; and so does an answer where all the others are shut out.
        """
        async with self._gate.enter() as claim:
            departed_at = self._clock()
            try:
                reply = await self._send(request)
            except OverCap:
                raise GatewayBroken("the reply is larger than its cap", gateway=self._name) from None
            opened, value = read(reply)
            # To cancel takes more than to look (protocol.md 3.7): who may not may still be let look.
            is_denied = opened.verdict is Verdict.DENIED and request.verb is not Verb.CANCEL
            is_fault = is_denied or opened.verdict is Verdict.THROTTLED
            if is_fault or (opened.verdict.is_answer and self._gate.is_probing):
                error = self._error(opened) if is_fault else None
                exchange = Exchange(opened.verdict, error, departed_at, reply.at)
                await self._gate.settle(claim, (), self._gate.judge(claim, exchange))
        if opened.verdict is not Verdict.OK:
            self._refuse(opened)
        return value

    async def _send(self, request: Request) -> Reply:
        self.requests += 1
        return await self._transport.send(request)

    def _fault(self, opened: Opened, route: Route) -> GatewayError | None:
        """Return what the readers are told of *opened*: nothing where the gateway answered or another way is left."""
        if opened.verdict.is_answer or opened.verdict is Verdict.TOO_BIG:
            return None
        if opened.verdict is Verdict.UNSUPPORTED and route is not Route.FETCH:
            return None
        return self._error(opened)

    def _error(self, opened: Opened) -> GatewayError:
        said = f" (it said: {opened.detail})" if opened.detail else ""
        status = f" [HTTP {opened.status}]" if opened.status is not None else ""
        if opened.verdict is Verdict.THROTTLED:
            message = f"the gateway asks for patience{status}{said}"
            wait = opened.retry_after
            return GatewayBusy(message, gateway=self._name, status=opened.status, retry_after=wait)
        cls, help_ = _HELP.get(opened.verdict, (GatewayBroken, "no useful answer"))
        return cls(f"{help_}{status}{said}", gateway=self._name, status=opened.status)

    def _refuse(self, opened: Opened) -> NoReturn:
        raise self._error(opened)


def _verdict(error: GatewayError) -> Verdict:
    match error:
        case GatewayUnreachable():
            return Verdict.UNREACHABLE
        case GatewayDenied():
            return Verdict.DENIED
        case GatewayRefused():
            return Verdict.REFUSED
        case _:
            return Verdict.BROKEN
