"""
The loop that everyone writes, as the demo's yardstick: one asyncio task per id, a GET every 3 s, until it has ended.

It gets what a careful author gives it: one shared session, and ends that it knows. It shares nothing with the library.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp
import anyio

INTERVAL: Final = 3.0
_ENDS: Final = frozenset({"SUCCESS", "FAILURE", "CANCEL"})


async def watch_plainly(
    session: aiohttp.ClientSession,
    base_url: str,
    headers: dict[str, str],
    task_ids: Iterable[str],
    on_end: Callable[[str, float], None],
) -> None:
    """Poll each of *task_ids* by itself; tell *on_end* the id and the loop's time at which its end was read."""

    async def poll(task_id: str) -> None:
        while True:
            async with session.get(f"{base_url}/mj/task/{task_id}/fetch", headers=headers) as reply:
                task: dict[str, object] = json.loads(await reply.read())
            if task["status"] in _ENDS:
                on_end(task_id, asyncio.get_running_loop().time())
                return
            await anyio.sleep(INTERVAL)

    async with anyio.create_task_group() as group:
        for task_id in task_ids:
            group.start_soon(poll, task_id)
