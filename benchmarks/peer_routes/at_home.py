"""Who asks the simulated gateway on its own paths: mjwatch as its users open it, and the loop that needs no library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import aiohttp
import anyio

import mjwatch
from benchmarks.peer_routes.contest import TOKEN, Contestant, Told, Urls, Wait

_ENDS: Final = frozenset({"SUCCESS", "FAILURE", "CANCEL"})


@asynccontextmanager
async def _ends_only(urls: Urls) -> AsyncIterator[Wait]:
    async with mjwatch.Watcher(mjwatch.gateways.trueai(urls.gateway, TOKEN), rng=Random(0)) as watcher:

        async def wait(ids: Sequence[str], told: Told) -> None:
            async for event in watcher.as_completed(ids):
                assert isinstance(event, mjwatch.Success)
                told(event.task_id)

        yield wait


@asynccontextmanager
async def _progress_too(urls: Urls) -> AsyncIterator[Wait]:
    async with mjwatch.Watcher(mjwatch.gateways.trueai(urls.gateway, TOKEN), rng=Random(0)) as watcher:

        async def wait(ids: Sequence[str], told: Told) -> None:
            async for event in watcher.watch(*ids):
                if isinstance(event, mjwatch.Success):
                    told(event.task_id)

        yield wait


@asynccontextmanager
async def _sleep_2(urls: Urls) -> AsyncIterator[Wait]:
    async with aiohttp.ClientSession(headers={"Authorization": TOKEN}) as session:

        async def wait(ids: Sequence[str], told: Told) -> None:
            async with anyio.create_task_group() as group:
                for task_id in ids:
                    group.start_soon(one, task_id, told)

        async def one(task_id: str, told: Told) -> None:
            while True:
                async with session.get(f"{urls.gateway}/mj/task/{task_id}/fetch") as reply:
                    task = await reply.json(content_type=None)
                if task["status"] in _ENDS:
                    told(task_id)
                    return
                await anyio.sleep(2)

        yield wait


ENDS: Final = Contestant(key="mjwatch", name="mjwatch, ends only", waiting=_ends_only)
PROGRESS: Final = Contestant(key="mjwatch-progress", name="mjwatch, progress too", waiting=_progress_too)
NAIVE: Final = Contestant(key="naive", name="loop per task, sleep 2", waiting=_sleep_2)
