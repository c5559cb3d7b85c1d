"""The tight loop, written by hand for one purpose: nothing is decoded, kept or called that its task does not need.

Lists of 500 by aiohttp; msgspec cuts a reply into slices; a slice that equals the last one at its place is done with;
the others are decoded by a Struct. No due times, no missing ids, no budget, no readers, and any fault is its end.
It keeps 1.2 KB of each task for that. `hashed` keeps a hash instead, as whoever watches many must, and as the library does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
import anyio
import msgspec

from benchmarks.floors.plan import BATCH
from benchmarks.floors.scene import TOKEN, Scene, Tally


class Job(msgspec.Struct, rename="camel"):
    """The keys that a bot reads, of whatever type they come."""

    id: object = None
    status: object = None
    action: object = None
    mode: object = None
    progress: object = None
    prompt: object = None
    prompt_en: object = None
    description: object = None
    state: object = None
    image_url: object = None
    image_urls: object = None
    video_url: object = None
    buttons: object = None
    fail_reason: object = None
    submit_time: object = None
    start_time: object = None
    finish_time: object = None
    properties: object = None


_CUT = msgspec.json.Decoder(list[msgspec.Raw])
_JOB = msgspec.json.Decoder(Job)


Kept = TypeVar("Kept")


@asynccontextmanager
async def tight(scene: Scene) -> AsyncIterator[Tally]:
    """Watch, a pass each period."""
    async with _watching(scene, lambda slices: slices, msgspec.Raw()) as tally:
        yield tally


@asynccontextmanager
async def hashed(scene: Scene) -> AsyncIterator[Tally]:
    """Watch, and keep a hash of each task in the place of its bytes."""
    async with _watching(scene, lambda slices: list(map(hash, map(bytes, slices))), 0) as tally:
        yield tally


@asynccontextmanager
async def _watching(
    scene: Scene, keep: Callable[[list[msgspec.Raw]], list[Kept]], none: Kept
) -> AsyncIterator[Tally]:
    tally = Tally()
    async with anyio.create_task_group() as group:
        group.start_soon(_watch, scene, tally, keep, none)
        yield tally
        group.cancel_scope.cancel()


async def _watch(
    scene: Scene, tally: Tally, keep: Callable[[list[msgspec.Raw]], list[Kept]], none: Kept
) -> None:
    loop = asyncio.get_running_loop()
    ids, url = scene.ids, scene.list_url
    bodies = [msgspec.json.encode({"ids": ids[start : start + BATCH]}) for start in range(0, len(ids), BATCH)]
    last: list[list[Kept]] = [[] for _ in bodies]
    known: dict[object, Job] = {}
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    next_at = loop.time()
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            for place, body in enumerate(bodies):
                async with session.post(url, data=body) as reply:
                    slices = _CUT.decode(await reply.read())
                now_kept = keep(slices)
                if not last[place]:
                    last[place] = [none] * len(slices)
                for piece, now, before in zip(slices, now_kept, last[place], strict=True):
                    if now != before:
                        job = _JOB.decode(piece)
                        known[job.id] = job
                        tally.changed += 1
                last[place] = now_kept
                tally.looked += len(slices)
            next_at += scene.period
            await anyio.sleep(max(0.0, next_at - loop.time()))
