"""The plain batch loop, as a careful author writes it: every task of every reply becomes an object and is compared.

Lists of 500 by aiohttp, orjson, an attrs object for each task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import orjson
from attrs import frozen

from benchmarks.floors.plan import BATCH
from benchmarks.floors.scene import TOKEN, Scene, Tally


@frozen
class Record:
    """What such a loop keeps of a task."""

    id: str | None
    status: str | None
    action: str | None
    mode: str | None
    percent: int | None
    prompt: str | None
    prompt_en: str | None
    description: str | None
    state: str | None
    image_url: str | None
    video_url: str | None
    buttons: tuple[str, ...]
    fail_reason: str | None
    submit_time: int | None
    start_time: int | None
    finish_time: int | None


@asynccontextmanager
async def plain(scene: Scene) -> AsyncIterator[Tally]:
    """Watch, a pass each period."""
    tally = Tally()
    async with anyio.create_task_group() as group:
        group.start_soon(_watch, scene, tally)
        yield tally
        group.cancel_scope.cancel()


async def _watch(scene: Scene, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    ids, url = scene.ids, scene.list_url
    known: dict[str | None, Record] = {}
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    next_at = loop.time()
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            for start in range(0, len(ids), BATCH):
                body = orjson.dumps({"ids": ids[start : start + BATCH]})
                async with session.post(url, data=body) as reply:
                    raws = orjson.loads(await reply.read())
                for raw in raws:
                    record = _record(raw)
                    if known.get(record.id) != record:
                        known[record.id] = record
                        tally.changed += 1
                tally.looked += len(raws)
            next_at += scene.period
            await anyio.sleep(max(0.0, next_at - loop.time()))


def _record(raw: Mapping[str, Any]) -> Record:
    get = raw.get
    return Record(
        get("id"),
        get("status"),
        get("action"),
        get("mode"),
        percent(get("progress")),
        get("prompt"),
        get("promptEn"),
        get("description"),
        get("state"),
        get("imageUrl"),
        get("videoUrl"),
        tuple(button["customId"] for button in get("buttons") or ()),
        get("failReason"),
        get("submitTime"),
        get("startTime"),
        get("finishTime"),
    )


def percent(progress: object) -> int | None:
    """Return "65%" as a number."""
    return int(progress.rstrip("%")) if isinstance(progress, str) and progress else None
