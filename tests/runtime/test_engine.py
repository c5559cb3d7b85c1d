"""The parts together, over a real transport: start, serve, break, close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from mjwatch.errors import GatewayRefused, WatcherClosed
from mjwatch.events import Event, Success
from mjwatch.gateways import trueai
from mjwatch.testing.families import Family
from mjwatch.testing.faults import WEB_APP, Delay
from mjwatch.testing.gateway import SimulatedGateway
from mjwatch.testing.simloop import current_loop
from mjwatch.watcher import Watcher


@asynccontextmanager
async def opened(family: Family = Family.TRUEAI) -> AsyncIterator[tuple[SimulatedGateway, Watcher]]:
    """Serve a gateway and return a watcher of it that is not started, and speaks family B's dialect."""
    async with SimulatedGateway(family) as simulated:
        yield simulated, Watcher(trueai(simulated.base_url, "sk-simulated"))


async def test_the_whole_ring() -> None:
    """A task is watched to its end, and its hooks are called."""
    got: list[Event] = []
    async with opened() as (simulated, watcher):
        watcher.on(Success, got.append)
        simulated.task("1").after(2).progress(31).after(5).success()
        async with watcher:
            events = [event async for event in watcher.watch("1")]
            await anyio.sleep(1)

    assert events[-1].kind == "success"
    assert [event.id for event in got] == [events[-1].id]


async def test_another_family_is_asked_by_its_own_routes() -> None:
    """new-api answers what it does not know with a web page: the next route is tried, soon."""
    async with opened(Family.NEW_API) as (simulated, watcher), watcher:
        simulated.task("1").after(2).success()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watcher.wait, "1")
        routes = [request.path.rsplit("/", 1)[1] for request in simulated.requests]

    assert routes[:2] == ["list-by-ids", "list-by-condition"]


async def test_a_web_app_in_the_gateways_place_is_told() -> None:
    """A wrong base_url is raised in the first reader."""
    async with opened(Family.NEW_API) as (simulated, watcher), watcher:
        simulated.fault(WEB_APP, times=99)
        with pytest.raises(GatewayRefused, match="check base_url"):
            await watcher.wait("1")


async def test_closing_leaves_nothing_and_ends_every_reader() -> None:
    """Also while a request hangs, in at most five seconds."""
    caught: list[BaseException] = []
    async with opened() as (simulated, watcher):
        simulated.task("1")
        simulated.fault(Delay(60), times=99)

        async def reads() -> None:
            try:
                async for _ in watcher.watch("1"):
                    pass
            except WatcherClosed as closed:
                caught.append(closed)

        async with anyio.create_task_group() as readers:
            await watcher.start()
            readers.start_soon(reads)
            await anyio.sleep(3)
            begun = asyncio.get_running_loop().time()
            await watcher.aclose()
            took = asyncio.get_running_loop().time() - begun
        ours = [task for task in asyncio.all_tasks() if "_runtime" in repr(task)]
        clients = [one for one in current_loop().open_transports if "client" in repr(one)]

    assert [str(one) for one in caught] == ["the watcher was closed"]
    assert took <= 5
    assert (clients, ours) == ([], [])


async def test_a_bug_surfaces_in_every_reader(caplog: pytest.LogCaptureFixture) -> None:
    """As WatcherClosed from the bug, and unwrapped from `aclose`."""
    caught: list[BaseException] = []

    async def broken() -> None:
        raise ZeroDivisionError

    async with opened() as (simulated, watcher):
        simulated.task("1")
        await watcher.start()
        engine = watcher._engine
        assert engine is not None

        async def reads() -> None:
            try:
                async for _ in watcher.watch("1"):
                    pass
            except WatcherClosed as closed:
                caught.append(closed)

        with caplog.at_level(logging.DEBUG):
            async with anyio.create_task_group() as readers:
                readers.start_soon(reads)
                readers.start_soon(reads)
                await anyio.sleep(3)
                engine.pump._before_claim = broken
                engine.pump.wake()
        with pytest.raises(ZeroDivisionError):
            await watcher.aclose()
        with pytest.raises(WatcherClosed, match="broke"):
            watcher.watch("1")

    assert [type(one.__cause__) for one in caught] == [ZeroDivisionError, ZeroDivisionError]
    assert "sk-simulated" not in caplog.text


async def test_it_says_what_it_watches_and_how_it_is() -> None:
    """Tasks, counts and health, as they are now."""
    async with opened() as (simulated, watcher), watcher:
        simulated.task("1").after(1).progress(31)
        await watcher.add("1", tag="vip")
        await anyio.sleep(30)
        [watched] = await watcher.watched("vip")
        unknown = await watcher.latest("2", within=1)
        stats, health = watcher.stats(), watcher.health()

    assert (watched.task_id, watched.task.percent, watched.tag) == ("1", 31, "vip")
    assert unknown.status.value == "UNKNOWN"
    assert (stats.requests, stats.faults) == (len(simulated.requests), 0)
    assert stats.events >= 1
    assert (health.is_reachable, health.is_proven, health.error) == (True, True, None)
