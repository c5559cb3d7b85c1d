"""A service that answers with documented replies, byte for byte, and keeps what it was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from attrs import define, field, frozen


@frozen
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def ids(self) -> list[str]:
        """The ids of a list request."""
        decoded: dict[str, list[str]] = msgspec.json.decode(self.body)
        return decoded["ids"]


@define
class Service:
    """A running service."""

    base_url: str
    asked: list[Asked] = field(factory=list)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """What was asked, in order."""
        return [(one.method, one.path) for one in self.asked]


Said = bytes | Sequence[bytes] | Callable[[Asked], bytes]
Script = Mapping[tuple[str, str], Said]


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Service]:
    """
    Serve *script*: for each method and path one reply, or some in order of which the last repeats, or one that
    depends on the request; all else is 404.
    """
    turns: Counter[tuple[str, str]] = Counter()

    async def answer(request: web.Request) -> web.Response:
        asked = Asked(request.method, request.path, dict(request.headers), await request.read())
        service.asked.append(asked)
        route = asked.method, asked.path
        said = script.get(route)
        if said is None:
            return web.Response(status=404)
        turns[route] += 1
        return web.Response(body=_reply(said, asked, turns[route]), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        service = Service(f"http://{host}:{port}")
        yield service
    finally:
        await runner.cleanup()


def _reply(said: Said, asked: Asked, turn: int) -> bytes:
    if isinstance(said, bytes):
        return said
    return said(asked) if callable(said) else said[min(turn, len(said)) - 1]
