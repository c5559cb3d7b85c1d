"""Everything about fal-client: the queue paths it asks, and its own waiting code as a program calls it.

`AsyncClient.subscribe` submits, and then returns `handle.get()`. Here the task is submitted already, so the wait is
`get_handle(...)` and `get()`: the same loop at the same default interval, one connection pool, one status request
after another and one more for the result. The only thing set by hand are the addresses that a submit would have
brought (the client itself always writes "https://" and one of fal's hosts); the hosts it could still think of lead
nowhere.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import anyio
from aiohttp import web

from benchmarks.peer_routes.contest import TOKEN, Contestant, Told, Urls, Wait
from benchmarks.peer_routes.shown import Shown

_APP: Final = "simulated/midjourney"
_NOWHERE: Final = "127.0.0.1:1"


def routes(shown: Shown) -> list[web.RouteDef]:
    """Return the queue paths of one app, all of them about the tasks of *shown*."""

    async def status(request: web.Request) -> web.Response:
        match await shown.look(request.match_info["id"]):
            case "queued":
                return web.json_response({"status": "IN_QUEUE", "queue_position": 0})
            case "running":
                return web.json_response({"status": "IN_PROGRESS", "logs": None})
            case "done":
                return web.json_response({"status": "COMPLETED", "logs": None, "metrics": {}})

    async def result(request: web.Request) -> web.Response:
        task_id = request.match_info["id"]
        if await shown.look(task_id) != "done":
            return web.json_response({"detail": "Request is still in progress"}, status=400)
        return web.json_response({
            "images": [{"url": f"{shown.gateway.base_url}/attachments/{task_id}/final.png"}]
        })

    path = f"/{_APP}/requests/{{id}}"
    return [web.get(f"{path}/status", status), web.get(path, result)]


@asynccontextmanager
async def _waiting(urls: Urls) -> AsyncIterator[Wait]:
    os.environ["FAL_RUN_HOST"] = os.environ["FAL_QUEUE_RUN_HOST"] = _NOWHERE  # read at its import
    from fal_client import AsyncClient  # noqa: PLC0415 - it may not be installed

    client = AsyncClient(key=TOKEN)
    http = (await client.get_handle(_APP, "none")).client

    async def wait(ids: Sequence[str], told: Told) -> None:
        async with anyio.create_task_group() as group:
            for task_id in ids:
                group.start_soon(one, task_id, told)

    async def one(task_id: str, told: Told) -> None:
        url = f"{urls.peers}/{_APP}/requests/{task_id}"
        handle = await client.get_handle(_APP, task_id)
        handle = replace(handle, response_url=url, status_url=f"{url}/status", cancel_url=f"{url}/cancel")
        result = await handle.get()
        assert result["images"]
        told(task_id)

    try:
        yield wait
    finally:
        await http.aclose()  # the client itself has no such method


FAL: Final = Contestant(
    key="fal",
    name="fal-client, handle.get()",
    waiting=_waiting,
    distribution="fal-client>=1.0.3",
    module="fal_client",
)
