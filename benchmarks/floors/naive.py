"""The loop per task, as nearly every bot writes it: an asyncio task for each id, GET, `json()`, sleep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import anyio

from benchmarks.floors.scene import TOKEN, Scene, Tally


@asynccontextmanager
async def naive(scene: Scene) -> AsyncIterator[Tally]:
    """Watch, each task by itself."""
    tally = Tally()
    async with (
        aiohttp.ClientSession(headers={"Authorization": TOKEN}) as session,
        anyio.create_task_group() as group,
    ):
        for task_id in scene.ids:
            group.start_soon(_poll, scene, session, task_id, tally)
        yield tally
        group.cancel_scope.cancel()


async def _poll(scene: Scene, session: aiohttp.ClientSession, task_id: str, tally: Tally) -> None:
    before = None
    url = f"{scene.base_url}/mj/task/{task_id}/fetch"
    while True:
        async with session.get(url) as reply:
            task = await reply.json()
        tally.looked += 1
        if (now := (task["status"], task["progress"], task["imageUrl"])) != before:
            before = now
            tally.changed += 1
        await anyio.sleep(scene.period)
