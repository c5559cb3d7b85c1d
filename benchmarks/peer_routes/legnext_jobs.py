"""Everything about legnext: the job path it asks, and its own waiting code as a program calls it.

`AsyncClient.tasks.wait_for_completion(job_id)` for each task, one client for all, every argument at its default.
A job is spelled as its documentation does (docs.legnext.ai, "Get Task Status"). It asks no host but its `base_url`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
from aiohttp import web

from benchmarks.peer_routes.contest import TOKEN, Contestant, Told, Urls, Wait
from benchmarks.peer_routes.shown import Shown, State

_STATUS: Final[Mapping[State, str]] = {"queued": "pending", "running": "processing", "done": "completed"}
_NEVER: Final = "0001-01-01T00:00:00Z"


def routes(shown: Shown) -> list[web.RouteDef]:
    """Return the path of a job, about the tasks of *shown*."""

    async def job(request: web.Request) -> web.Response:
        task_id = request.match_info["id"]
        state = await shown.look(task_id)
        url = f"{shown.gateway.base_url}/attachments/{task_id}/final.png"
        return web.json_response(_spell(task_id, state, url))

    return [web.get("/api/v1/job/{id}", job)]


def _spell(task_id: str, state: State, url: str) -> dict[str, object]:
    is_done = state == "done"
    return {
        "job_id": task_id,
        "model": "midjourney",
        "task_type": "diffusion",
        "status": _STATUS[state],
        "config": {"service_mode": "public", "webhook_config": {"endpoint": "", "secret": ""}},
        "input": None,
        "output": {
            "image_url": url if is_done else "",
            "image_urls": [f"{url}?{number}" for number in range(4)] if is_done else None,
            "seed": "1904983176" if is_done else "",
        },
        "meta": {
            "created_at": "2025-01-01T00:00:00Z",
            "started_at": _NEVER if state == "queued" else "2025-01-01T00:00:02Z",
            "ended_at": "2025-01-01T00:00:20Z" if is_done else _NEVER,
            "usage": {"type": "point", "frozen": 80, "consume": 80 if is_done else 0},
        },
        "detail": None,
        "logs": [],
        "error": {"code": 0, "raw_message": "", "message": "", "detail": None},
    }


@asynccontextmanager
async def _waiting(urls: Urls) -> AsyncIterator[Wait]:
    from legnext import AsyncClient  # noqa: PLC0415 - it may not be installed

    async with AsyncClient(api_key=TOKEN, base_url=f"{urls.peers}/api") as client:

        async def wait(ids: Sequence[str], told: Told) -> None:
            async with anyio.create_task_group() as group:
                for task_id in ids:
                    group.start_soon(one, task_id, told)

        async def one(task_id: str, told: Told) -> None:
            job = await client.tasks.wait_for_completion(task_id)
            assert job.output is not None
            assert job.output.image_urls
            told(task_id)

        yield wait


LEGNEXT: Final = Contestant(
    key="legnext",
    name="legnext, wait_for_completion",
    waiting=_waiting,
    distribution="legnext>=0.3.0",
    module="legnext",
)
