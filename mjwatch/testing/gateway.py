"""`SimulatedGateway`: an aiohttp server on 127.0.0.1 that behaves like the gateways of protocol.md.

What it does with a request stands in `service`; here is HTTP. It reads time from the running loop alone, so it works on
`SimLoop`, `ScaledLoop` and asyncio's own. It imports nothing of the code under test, and keeps no header of a request.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from .desk import GONE, Desk
from .families import Family, Reply, Route, root_of
from .faults import CutBody, Fault, Reset
from .service import LoggedRequest, Served, Service
from .submits import Submits
from .taskbook import TaskBook, refresh_of
from .timeline import Script, Status, Timeline

_BARE: Final = web.ResponseKey("bare", bool)  # marks responses that go out without a content type
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class SimulatedGateway:
    """
    A gateway of one family, with scripted or random tasks, faults on demand, and a log of every request.

    Attributes:
        base_url: "http://127.0.0.1:PORT", for family ENVELOPED with "/api", as `Gateway` takes it; empty until it is
            started.
        token: The credential it accepts.
        service: The gateway without its sockets.
    """

    def __init__(  # noqa: PLR0913 - settings, all with defaults
        self,
        family: Family = Family.NEW_API,
        *,
        token: str = "sk-simulated",  # noqa: S107 - the simulated one
        seed: int = 0,
        latency: tuple[float, float] = (0.0, 0.0),
        refresh: float | None = None,
        spread: float = 0.5,
        gives_up_after: float | None = None,
        epoch: float = 1_735_689_600.0,
        replicas: Sequence[float] = (0.0,),
    ) -> None:
        """
        Describe a gateway; `start` or `async with` serves it.

        Args:
            family: Whose manners it has.
            token: The credential it accepts.
            seed: Of all its dice.
            latency: The shortest and longest time a request takes inside the gateway.
            refresh: Its refresh period in seconds; None for the family's own (B 3 s, C 15 s).
            spread: Family C: what its loop takes beyond the period, at most.
            gives_up_after: When it declares a task failed (real ones: 300 s, C 3,600 s); None for never.
            epoch: Its wall time when it is started or gets its first task.
            replicas: How far each of its replicas lags behind, seconds; each look goes to one of them by chance.
        """
        self.family = family
        self.base_url = ""
        self.token, self._epoch = token, epoch
        self._refresh, self._spread, self._gives_up_after = refresh, spread, gives_up_after
        self._rng = Random(seed)
        self._desk: Desk | None = None
        self.service = Service(self._open, latency, self._rng, replicas)
        self._runner: web.AppRunner | None = None
        self._busy: dict[asyncio.Task[object], None] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self, *, port: int = 0) -> None:
        """Listen on 127.0.0.1, at *port* or at a free one."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(_strip)
        self._busy = {}  # of a loop that was dropped, perhaps
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, bound = self._runner.addresses[0][:2]
        self._book.base_url = f"http://{host}:{bound}"
        self.base_url = self._book.base_url + root_of(self.family)

    async def aclose(self) -> None:
        """Stop listening and drop every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        # aiohttp forgets a handler whose client hung up, and that one may still hold its reply back for minutes.
        busy = list(self._busy)
        for connection in busy:
            connection.cancel()
        await asyncio.gather(*busy, return_exceptions=True)

    def task(
        self, task_id: str, *, action: str = "IMAGINE", mode: str | None = "FAST", prompt: str = "Cat"
    ) -> Script:
        """Add a task, submitted now, and return the script that says what becomes of it."""
        script = Script(Timeline(_now()))
        self._book.add(task_id, action, mode, prompt, script.timeline)
        return script

    def random_task(
        self, task_id: str | None = None, *, action: str = "IMAGINE", mode: str | None = "FAST"
    ) -> str:
        """Add a task that takes as long as such tasks take, and return its id."""
        return self._open().submits.begin(action, mode, "Cat", _now(), task_id=task_id).task_id

    def answer(self, task_id: str) -> None:
        """
        Answer the MODAL of a task, as POST submit/modal does.

        Raises:
            ValueError: it is not waiting for an answer.
        """
        if not self._book.tasks[task_id].timeline.answer(_now()):
            raise ValueError(f"the task {task_id!r} is not at MODAL")

    def forget(self, task_id: str) -> None:
        """Know nothing of a task from now on."""
        self._book.tasks[task_id].timeline.cut(_now(), GONE)

    def omit(self, *task_ids: str, times: int = 1) -> None:
        """Leave the ids out of the next *times* lists that ask for them."""
        self._book.omitted.update(dict.fromkeys(task_ids, times))

    def duplicate(self, task_id: str) -> None:
        """Show the task twice in every list: also as it looks now, for ever (protocol.md 4.5)."""
        row = self._book.fetch(task_id, _now())
        if row is not None:
            self._book.twins[task_id] = row

    def fault(
        self,
        fault: Fault,
        *,
        times: int | None = None,
        for_seconds: float | None = None,
        route: Route | None = None,
    ) -> None:
        """Let *fault* befall the next request, the next *times*, or all *for_seconds* from now; on *route* only."""
        self.service.faults.add(fault, route, times, None if for_seconds is None else _now() + for_seconds)

    def down(self, seconds: float, fault: Fault = Reset()) -> None:  # noqa: B008 - a frozen value
        """Answer nothing for *seconds*: every connection is reset, or gets *fault*, say `Answer(502)`."""
        self.fault(fault, for_seconds=seconds)

    def shown_at(self, task_id: str, status: Status | None = None) -> float | None:
        """Return when a list first could show *status* (any end if None), in loop time; None for never."""
        return self._book.noticed_at(task_id, status)

    def true_end(self, task_id: str) -> float | None:
        """Return when the task really ended or will end, in loop time; None for never."""
        return self._book.tasks[task_id].timeline.ended_at()

    @property
    def requests(self) -> deque[LoggedRequest]:
        """The newest million requests, oldest first."""
        return self.service.requests

    @property
    def _book(self) -> TaskBook:
        return self._open().book

    def _open(self) -> Desk:
        """Return the desk. The first use ties the epoch to the loop's time."""
        if self._desk is None:
            now = _now()
            # dice of their own: how often somebody asks must not move the ticks
            refresh = refresh_of(
                self.family, Random(self._rng.random()), now, period=self._refresh, spread=self._spread
            )
            book = TaskBook(self.family, refresh, self._epoch - now, self._rng, self._gives_up_after)
            submits = Submits(book, Random(self._rng.random()))
            self._desk = Desk(self.family, self.token, book, submits)
        return self._desk

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        connection = asyncio.current_task()
        if connection is not None and connection not in self._busy:
            self._busy[connection] = None
            connection.add_done_callback(lambda ended: self._busy.pop(ended, None))
        body = await request.read()
        served = await self.service.serve(request.method, request.path, request.headers, body)
        if isinstance(served.fault, Reset):
            return _reset(request)
        if isinstance(served.fault, CutBody):
            return await _cut(request, served.reply, served.fault.keep)
        return _response(served)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _response(served: Served) -> web.Response:
    reply = served.reply
    response = web.Response(status=reply.status, body=reply.body, headers=served.headers)
    if reply.content_type is None:
        response[_BARE] = True
    else:
        response.headers["Content-Type"] = reply.content_type
    if reply.location is not None:
        response.headers["Location"] = reply.location
    return response


async def _strip(_request: web.Request, response: web.StreamResponse) -> None:
    """Take back the content type that aiohttp adds: some of the gateways send none."""
    if _BARE in response:
        response.headers.popall("Content-Type", None)


async def _cut(request: web.Request, reply: Reply, keep: float) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status)
    response.content_length = len(reply.body)
    response.headers["Content-Type"] = reply.content_type or "application/octet-stream"
    await response.prepare(request)
    await response.write(reply.body[: int(len(reply.body) * keep)])
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()
    return web.Response(status=500)  # aiohttp wants one; nobody is there to read it
