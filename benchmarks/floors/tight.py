"""The tight loop, written by hand for one purpose: nothing is decoded, kept or called that its task does not need.

Lists of 500 by aiohttp; msgspec cuts a reply into slices; a slice that equals the last one at its place is done with;
the others are decoded by a Struct. No due times, no missing ids, no budget, no readers, and any fault is its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def tight(scene: Scene) -> AsyncIterator[Tally]:
    """Watch, a pass each period."""
    tally = Tally()
    async with anyio.create_task_group() as group:
        group.start_soon(_watch, scene, tally)
        yield tally
        group.cancel_scope.cancel()


async def _watch(scene: Scene, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    ids, url = scene.ids, scene.list_url
    bodies = [msgspec.json.encode({"ids": ids[start : start + BATCH]}) for start in range(0, len(ids), BATCH)]
    last: list[list[msgspec.Raw]] = [[] for _ in bodies]
    known: dict[object, Job] = {}
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    next_at = loop.time()
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            for place, body in enumerate(bodies):
                async with session.post(url, data=body) as reply:
                    slices = _CUT.decode(await reply.read())
                if not last[place]:
                    last[place] = [msgspec.Raw()] * len(slices)
                for piece, before in zip(slices, last[place], strict=True):
                    if piece != before:
                        job = _JOB.decode(piece)
                        known[job.id] = job
                        tally.changed += 1
                last[place] = slices
                tally.looked += len(slices)
            next_at += scene.period
            await anyio.sleep(max(0.0, next_at - loop.time()))
