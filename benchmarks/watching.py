"""The ways to watch that the ring is measured against and by: the library, and two loops without it.

Each tells a `Tally` what it learned. The loops share nothing with the library, and get what a careful author gives
them: one session, ends that they know, no task asked for after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import aiohttp
import anyio
import orjson
from attrs import Factory, define, frozen

import mjwatch
from benchmarks.worlds import TOKEN

_ENDS = frozenset({"SUCCESS", "FAILURE", "CANCEL"})
_BATCH = 500
_HEADERS = {"Authorization": TOKEN, "Content-Type": "application/json"}


@define
class Tally:
    """
    What one way of watching did.

    Attributes:
        looks: Ids asked about.
        events: Changes told.
        learned: When each end was known, in loop time.
    """

    looks: int = 0
    events: int = 0
    learned: dict[str, float] = Factory(dict)


Way = Callable[[str, Sequence[str], float, Tally], Awaitable[None]]
"""Watches some ids at a base URL for so many seconds, or until all have ended."""


def library(pacing: mjwatch.Pacing, limits: mjwatch.Limits) -> Way:
    """Return the library with one reader of everything."""

    async def watch(base_url: str, ids: Sequence[str], seconds: float, tally: Tally) -> None:
        loop = asyncio.get_running_loop()
        gateway = mjwatch.Gateway(
            name="ring", base_url=base_url, credential=TOKEN, auth="raw", dialect="trueai", limits=limits
        )
        async with mjwatch.Watcher(gateway, pacing=pacing, rng=Random(0)) as watcher:
            with anyio.move_on_after(seconds):
                async for event in watcher.watch(*ids):
                    tally.events += 1
                    if event.final and isinstance(event, mjwatch.Final):
                        tally.learned[event.task_id] = loop.time()
            tally.looks = watcher.stats().looks

    return watch


async def loop_per_task(base_url: str, ids: Sequence[str], seconds: float, tally: Tally) -> None:
    """Watch as nearly every bot does: one asyncio task per id, GET, json, sleep 2."""
    loop = asyncio.get_running_loop()

    async def poll(session: aiohttp.ClientSession, task_id: str) -> None:
        before = None
        while True:
            async with session.get(f"{base_url}/mj/task/{task_id}/fetch") as reply:
                task = await reply.json(content_type=None)
            tally.looks += 1
            if (now := (task["status"], task["progress"], task["imageUrl"])) != before:
                before = now
                tally.events += 1
            if task["status"] in _ENDS:
                tally.learned[task_id] = loop.time()
                return
            await anyio.sleep(2)

    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(connector=connector, headers=_HEADERS) as session,
        anyio.create_task_group() as group,
    ):
        group.cancel_scope.deadline = loop.time() + seconds
        for task_id in ids:
            group.start_soon(poll, session, task_id)


@frozen
class _Task:
    """What the batch loop builds of each reply."""

    status: str | None
    progress: str | None
    image_url: str | None
    fail_reason: str | None
    action: str | None
    prompt: str | None
    buttons: tuple[str, ...]


def _build(raw: dict[str, Any]) -> _Task:
    return _Task(
        raw.get("status"),
        raw.get("progress"),
        raw.get("imageUrl"),
        raw.get("failReason"),
        raw.get("action"),
        raw.get("prompt"),
        tuple(button["customId"] for button in raw.get("buttons") or ()),
    )


async def loop_per_batch(base_url: str, ids: Sequence[str], seconds: float, tally: Tally) -> None:
    """Watch as a careful author does: lists of 500 by orjson every second, build every task, compare."""
    loop = asyncio.get_running_loop()
    known: dict[str, _Task] = {}
    left = list(ids)
    url = f"{base_url}/mj/task/list-by-ids"
    with anyio.move_on_after(seconds):
        async with aiohttp.ClientSession(headers=_HEADERS) as session:
            while left:
                round_at = loop.time()
                for start in range(0, len(left), _BATCH):
                    body = orjson.dumps({"ids": left[start : start + _BATCH]})
                    async with session.post(url, data=body) as reply:
                        raws = orjson.loads(await reply.read())
                    _compare(raws, known, tally, loop.time())
                left = [task_id for task_id in left if task_id not in tally.learned]
                await anyio.sleep(max(0.0, round_at + 1 - loop.time()))


def _compare(raws: list[dict[str, Any]], known: dict[str, _Task], tally: Tally, now: float) -> None:
    for raw in raws:
        task_id, task = raw["id"], _build(raw)
        tally.looks += 1
        if known.get(task_id) != task:
            known[task_id] = task
            tally.events += 1
            if task.status in _ENDS:
                tally.learned[task_id] = now
