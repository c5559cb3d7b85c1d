"""The whole of what is told: the log from an offset, events as JSON, and what a watcher says of itself."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch import (
    Event,
    Pacing,
    Success,
)
from mjwatch.testing import Family, SimulatedGateway
from tests.watcher.stage import (
    after,
    check_contract,
    read,
    simulated,
    staged,
    told,
)


def script(sim: SimulatedGateway, task_id: str = "1", *, slowly: float = 1.0) -> None:
    """Add a task with an event of each usual kind."""
    task = sim.task(task_id).after(2 * slowly).submitted().after(5 * slowly).progress(31)
    task.after(6 * slowly).progress(62).after(8 * slowly).success()


@simulated
async def test_events_tell_everything_and_go_on_from_an_offset() -> None:
    """All tasks and the gateway, in one order, unconflated; `offset` resumes; what is newer than the log is refused."""
    async with staged() as (sim, watcher):
        script(sim, "1")
        script(sim, "2")
        got: list[Event] = []
        async with watcher.events() as stream, anyio.create_task_group() as group:
            group.start_soon(read, stream, got)
            await watcher.add("1", "2")
            await anyio.sleep(60)
            group.cancel_scope.cancel()
        offset = stream.offset
        assert offset == len(got)
        again: list[Event] = []
        async with watcher.events(after=0) as stream:
            with anyio.move_on_after(1):
                await read(stream, again)
        rest: list[Event] = []
        async with watcher.events(after=3) as stream:
            with anyio.move_on_after(1):
                await read(stream, rest)
        with pytest.raises(mjwatch.OffsetExpired):
            await read(watcher.events(after=offset + 100))

    check_contract(got, "1", "2")
    assert again == got
    assert rest == got[3:]


@simulated
async def test_a_reader_of_the_log_that_is_too_slow_is_told() -> None:
    """Trimmed past its offset: OffsetExpired, never a silent gap."""
    ids = [str(n) for n in range(1, 501)]
    async with staged(pacing=Pacing.every(1)) as (sim, watcher):
        for task_id in ids:
            task = sim.task(task_id)
            for n in range(25):
                task = task.after(1.1).note(f"step {n}")
            task.forever()
        async with watcher.events() as stream:
            await watcher.add(*ids)
            await anext(stream)
            await anyio.sleep(40)
            got: list[Event] = []
            with pytest.raises(mjwatch.OffsetExpired):
                await read(stream, got)
        assert watcher.stats().events > 10_000
        with pytest.raises(mjwatch.OffsetExpired):
            await read(watcher.watch("1", after=1))


@simulated
async def test_a_watcher_says_what_it_did_and_how_the_gateway_is() -> None:
    """stats, health, watched: frozen values for dashboards."""
    async with staged() as (sim, watcher):
        script(sim)
        script(sim, "2")
        health = watcher.health()
        assert (health.gateway, health.is_reachable, health.is_proven) == ("midjourney-proxy", True, False)
        await watcher.add("1", tag="a")
        async with watcher.watch("2") as events:
            await anyio.sleep(9)
            watched = {one.task_id: one for one in await watcher.watched()}
            assert {task_id: one.tag for task_id, one in watched.items()} == {"1": "a", "2": None}
            assert watched["1"].task.percent == 31
            assert [one.task_id for one in await watcher.watched(tag="a")] == ["1"]
            assert await watcher.watched(tag="b") == []
            assert watcher.stats().tasks == 2
            got = await read(events)
        await anyio.sleep(5)
        stats = watcher.stats()
        health = watcher.health()

    check_contract(got, "2")
    assert stats.requests == len(sim.requests)
    assert stats.looks == sum(len(request.ids) for request in sim.requests)
    assert stats.events == 2 * len(got)
    assert (stats.faults, stats.tasks) == (0, 0)
    assert (health.is_proven, health.failures, health.failing_since, health.error) == (True, 0, None, None)


@simulated
async def test_the_client_lists_and_refuses_in_words() -> None:
    """`list` in the order asked for, without what is unknown; a verb the gateway lacks is GatewayRefused."""
    async with staged(Family.NOVICEZK) as (sim, watcher):
        script(sim, "1")
        script(sim, "2")
        await anyio.sleep(8)
        tasks = await watcher.client.list(["2", "9", "1"])
        with pytest.raises(mjwatch.GatewayRefused):
            await watcher.client.image_seed("1")
        assert watcher.health().is_reachable

    assert [task.id for task in tasks] == ["2", "1"]


@simulated
async def test_a_cancel_is_told_by_the_watch() -> None:
    """`client.cancel`: the gateway stops the task, and the stream tells the Failure as cancelled."""
    async with staged(Family.TRUEAI) as (sim, watcher):
        script(sim, slowly=100)
        async with anyio.create_task_group() as group:
            group.start_soon(after, 20, lambda: group.start_soon(watcher.client.cancel, "1"))
            events = await read(watcher.watch("1"))

    check_contract(events, "1")
    end = events[-1]
    assert isinstance(end, mjwatch.Failure)
    assert end.reason_kind is mjwatch.FailureKind.CANCELLED


@simulated
async def test_events_travel_as_json_and_come_back() -> None:
    """Each event of a whole run survives `to_json` and `from_json`."""
    async with staged() as (sim, watcher):
        script(sim)
        events = await read(watcher.watch("1"))

    assert isinstance(events[-1], Success)
    for event in events:
        back = mjwatch.from_json(event.to_json())
        assert back.id == event.id
        assert back.at == pytest.approx(event.at, abs=1e-6)
        assert evolve(back, at=event.at) == event
    assert told(events) == told(mjwatch.from_json(event.to_json()) for event in events)
