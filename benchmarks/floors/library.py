"""The library as a program uses it: ids are added, one reader takes every event, and the budget is off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from random import Random

import anyio

import mjwatch
from benchmarks.floors.scene import TOKEN, Scene, Tally, Way

_CHUNK = 1_000
"""Ids added at once, as a service that takes them up over the day."""


def gateway(scene: Scene) -> mjwatch.Gateway:
    """Return the gateway of *scene*, without a budget."""
    limits = mjwatch.Limits(rate=None, max_watches=max(100_000, 2 * scene.count))
    return mjwatch.Gateway(
        name="speed",
        base_url=scene.base_url,
        credential=TOKEN,
        auth="raw",
        dialect=scene.lot.family,
        limits=limits,
    )


@asynccontextmanager
async def watching(scene: Scene, pacing: mjwatch.Pacing | None = None) -> AsyncIterator[Tally]:
    """Watch *scene*, by default each period."""
    tally = Tally()
    pacing = pacing or mjwatch.Pacing.every(scene.period)
    async with mjwatch.Watcher(gateway(scene), pacing=pacing, rng=Random(0)) as watcher:
        tally.looks = lambda: watcher.stats().looks
        async with anyio.create_task_group() as group:
            group.start_soon(_read, watcher, tally)
            await add(watcher, scene.ids)
            yield tally
            group.cancel_scope.cancel()


async def add(watcher: mjwatch.Watcher, ids: list[str]) -> None:
    """Let *watcher* watch *ids*."""
    for start in range(0, len(ids), _CHUNK):
        await watcher.add(*ids[start : start + _CHUNK])


async def _read(watcher: mjwatch.Watcher, tally: Tally) -> None:
    async for _ in watcher.events():
        tally.changed += 1


def every_period(scene: Scene) -> AbstractAsyncContextManager[Tally]:
    """Watch with a look at each task in each period."""
    return watching(scene)


adaptive: Way = partial(watching, pacing=mjwatch.Pacing())
