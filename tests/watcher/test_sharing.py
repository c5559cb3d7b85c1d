"""One poll plane: what many tasks and many readers cost, counted in the gateway's own log of requests."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest

from mjwatch import Event, Pacing, Recovered, Unreachable
from mjwatch.testing import Family
from tests.watcher.stage import check_contract, kinds, now, read, simulated, staged

IDS = [str(1_712_158_011_464_000 + n) for n in range(500)]


@simulated
async def test_500_tasks_with_10_readers_each_cost_one_request_a_round() -> None:
    """Over 100 rounds of fixed pacing: 100 list requests, all 500 ids in each, none in flight twice."""
    latency = 2.0
    async with staged(pacing=Pacing.every(5), latency=latency) as (sim, watcher):
        got: dict[str, list[Event]] = {task_id: [] for task_id in IDS}
        for task_id in IDS:
            sim.task(task_id).after(1).submitted().after(1).progress(31).forever()
        async with anyio.create_task_group() as readers:
            for task_id in IDS:
                for _ in range(10):
                    readers.start_soon(read, watcher.watch(task_id), got[task_id])
            await anyio.sleep(3)
            first = len(sim.requests)
            begun = sim.requests[-1].at
            await anyio.sleep(begun + 100 * 5 + 1 - now())
            rounds = list(sim.requests)[first:]
            readers.cancel_scope.cancel()

    assert len(rounds) == 100
    assert {(request.route, frozenset(request.ids)) for request in rounds} == {("list", frozenset(IDS))}
    by_id = {task_id: [r.at for r in sim.requests if task_id in r.ids] for task_id in IDS[::50]}
    for times in by_id.values():
        assert all(later - earlier >= latency for earlier, later in pairwise(times))
    assert {tuple(kinds(events)) for events in got.values()} == {("progress",) * 20}


@pytest.mark.parametrize("family", [Family.PLUS, Family.TRUEAI, Family.NEW_API])
@simulated
async def test_200_ids_share_one_request_per_min_interval(family: Family) -> None:
    """Adaptive pacing: after the first looks never two requests within it, and each carries every unfinished id."""
    ids = IDS[:200]
    async with staged(family) as (sim, watcher):
        for task_id in ids:
            sim.random_task(task_id)
        ended: dict[str, float] = {}
        events: list[Event] = []
        async for event in watcher.watch(*ids):
            events.append(event)
            if event.final:
                ended[kept_id(event)] = now()

    check_contract(events, *ids)
    rounds = [request for request in sim.requests if request.route == "list"]
    assert all(later.at - earlier.at >= 1.0 - 0.01 for earlier, later in pairwise(rounds))
    for request in rounds:
        unfinished = {task_id for task_id in ids if ended[task_id] > request.at}
        assert unfinished <= set(request.ids)


def kept_id(event: Event) -> str:
    """Return the task of *event*."""
    return event.task_id if not isinstance(event, Unreachable | Recovered) else ""


@simulated
async def test_ten_readers_of_one_task_cost_what_one_costs() -> None:
    """The requests of a run with ten readers are those of a run with one."""

    async def run(readers: int) -> tuple[list[float], list[list[Event]]]:
        async with staged() as (sim, watcher):
            sim.task("1").after(2).submitted().after(5).progress(31).after(6).progress(62).after(8).success()
            got: list[list[Event]] = [[] for _ in range(readers)]
            async with anyio.create_task_group() as group:
                for events in got:
                    group.start_soon(read, watcher.watch("1"), events)
            begun = sim.requests[0].at
            return [request.at - begun for request in sim.requests], got

    alone, [history] = await run(1)
    shared, histories = await run(10)

    assert shared == pytest.approx(alone, abs=0.05)
    assert [kinds(each) for each in histories] == [kinds(history)] * 10


@simulated
async def test_what_nobody_reads_any_more_is_no_longer_asked_for() -> None:
    """The last reader leaves: not one more request; a new reader takes it up again, from the present state."""
    async with staged(pacing=Pacing.every(5)) as (sim, watcher):
        sim.task("1").after(1).submitted().after(10).progress(31).after(300).success()
        async with watcher.watch("1") as events, watcher.watch("1") as others:
            await anext(events)
            await anyio.sleep(20)
            await events.aclose()
            before = len(sim.requests)
            await anyio.sleep(20)
            assert len(sim.requests) == before + 4
            await others.aclose()
        before = len(sim.requests)
        await anyio.sleep(100)
        assert len(sim.requests) == before
        assert watcher.stats().tasks == 0
        assert await watcher.watched() == []

        again = await read(watcher.watch("1"))

    check_contract(again, "1")
    assert len(sim.requests) > before


@simulated
async def test_ad_hoc_lookups_share_a_request() -> None:
    """A hundred lookups at once, some of one id, are one or two requests, not a hundred."""
    async with staged() as (sim, watcher):
        for task_id in IDS[:50]:
            sim.task(task_id).after(0).submitted().after(1).progress(31).forever()
        await anyio.sleep(5)
        found: list[str] = []

        async def look(task_id: str) -> None:
            found.append((await watcher.lookup(task_id)).id)

        async with anyio.create_task_group() as group:
            for task_id in IDS[:50] * 2:
                group.start_soon(look, task_id)

    assert sorted(found) == sorted(IDS[:50] * 2)
    assert len(sim.requests) <= 2
