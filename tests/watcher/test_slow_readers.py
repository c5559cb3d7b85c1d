"""A reader may be as slow as it likes: nothing it must know is lost, and nobody waits for it."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch import ButtonsAvailable, Event, Limits, Pacing, Progress, Success, TooManyWatches
from mjwatch.testing import Family, SimulatedGateway, simulate
from tests.watcher.stage import (
    check_contract,
    kinds,
    now,
    of_task,
    of_tasks,
    preset,
    read,
    simulated,
    staged,
    watcher_on,
)

FEW = 256  # fewer events than this are never conflated


@simulated
async def test_after_ten_minutes_the_newest_progress_the_buttons_and_the_end_are_there_in_order() -> None:
    """40 tasks and over 2,000 events: the mailbox holds at most its bound, and of each task what counts."""
    ids = [str(n) for n in range(1, 41)]
    async with staged(pacing=Pacing.every(1)) as (sim, watcher):
        for task_id in ids:
            task = sim.task(task_id).after(1).submitted()
            for percent in range(1, 99):
                task = task.after(4).progress(percent)
            if task_id != "40":
                task.after(4).finishing().after(4).success()
            else:
                task.forever()
        quick: list[Event] = []
        async with watcher.watch(*ids) as events, anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch(*ids), quick)
            await anyio.sleep(600)
            got: list[Event] = []
            with anyio.move_on_after(0.5):
                await read(events, got)
            group.cancel_scope.cancel()

    assert len(of_tasks(quick)) > 2_000
    assert len(got) <= max(FEW, 2 * (3 * len(ids) + 1))
    check_contract(got, *ids[:-1])
    for task_id in ids[:-1]:
        told, all_of_it = of_task(got, task_id), of_task(quick, task_id)
        assert kinds(told)[-3:] in (["progress", "buttons", "success"], ["buttons", "progress", "success"])
        newest = [event for event in all_of_it if isinstance(event, Progress)][-1]
        assert [e.percent for e in told if isinstance(e, Progress)][-1] == newest.percent
        assert [e.buttons for e in told if isinstance(e, ButtonsAvailable)] == [
            e.buttons for e in all_of_it if isinstance(e, ButtonsAvailable)
        ]
    running = of_task(got, "40")
    assert isinstance(running[-1], Progress)
    assert running[-1].percent == 98
    assert any(event.skipped for event in running)


@simulated
async def test_a_slow_reader_of_one_task_misses_nothing_it_must_know() -> None:
    """Ten minutes without reading, one task: progress, buttons, end, in order, and seq counts what was skipped."""
    async with staged(pacing=Pacing.every(1)) as (sim, watcher):
        task = sim.task("1").after(1).submitted()
        for n in range(450):
            task = task.after(1.2).note(f"step {n}")
        task.after(1).finishing().after(1).success()
        events = watcher.watch("1")
        await anext(events)
        await anyio.sleep(600)
        got = await read(events)

    assert len(got) <= FEW
    assert kinds(got)[-3:] == ["progress", "buttons", "success"]
    assert sum(event.skipped for event in of_tasks(got)) > 100


@simulated
async def test_a_stuck_reader_delays_neither_polls_nor_others() -> None:
    """The requests and the other's events come when they come without it."""

    async def run(*, is_stuck: bool) -> tuple[list[float], list[tuple[str, float]]]:
        async with staged() as (sim, watcher):
            sim.task("1").after(2).submitted().after(5).progress(31).after(6).progress(62).after(8).success()
            got: list[tuple[str, float]] = []
            begun = now()
            async with watcher.watch("1") as stuck:
                if is_stuck:
                    await anext(stuck)
                async for event in watcher.watch("1"):
                    got.append((event.kind, round(now() - begun)))  # noqa: PERF401 - times
            return [round(request.at - begun) for request in sim.requests], got

    assert await run(is_stuck=True) == await run(is_stuck=False)


async def times_beside(*, are_stuck: bool) -> tuple[list[float], list[tuple[str, float]]]:
    """Return when requests and events came, to the microsecond, beside readers and hooks that never take anything."""

    async def hang(_event: Event) -> None:
        await anyio.sleep_forever()

    ids = [str(number) for number in range(10)]
    async with staged(pacing=Pacing.every(1)) as (sim, watcher):
        for task_id in ids:
            task = sim.task(task_id).after(2)
            for percent in range(1, 60):
                task = task.after(1).progress(percent)
            task.after(1).success()
        hook = watcher.on(Progress | Success, hang, concurrency=3) if are_stuck else None
        stuck = [watcher.watch(*ids) for _ in range(5 if are_stuck else 0)]
        for stream in stuck:
            await anext(stream)
        got: list[tuple[str, float]] = []
        async for event in watcher.watch(*ids):
            got.append((event.id, now()))  # noqa: PERF401 - times
        for stream in stuck:
            await stream.aclose()
        if hook is not None:
            hook.cancel()
        return [request.at for request in sim.requests], got


def test_readers_and_hooks_that_are_stuck_change_no_time() -> None:
    """Five streams and a hook that hang: requests and the other's 600 events come to the same microsecond."""
    alone = simulate(lambda: times_beside(are_stuck=False))
    beside = simulate(lambda: times_beside(are_stuck=True))

    assert len(alone[1]) > 500
    assert [one for one, _ in beside[1]] == [one for one, _ in alone[1]]
    assert [at for _, at in beside[1]] == pytest.approx([at for _, at in alone[1]], abs=1e-6, rel=0)
    assert beside[0] == pytest.approx(alone[0], abs=1e-6, rel=0)


@simulated
async def test_a_loop_body_that_sleeps_delays_no_poll_and_loses_no_end() -> None:
    """An edit that takes 30 s in the loop body: the next event it gets is the newest that counts."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().after(5).progress(31).after(5).progress(62).after(5).success()
        got: list[Event] = []
        begun = now()
        async for event in watcher.watch("1", throttle=1.5):
            got.append(event)
            await anyio.sleep(30)

    check_contract(got, "1")
    assert isinstance(got[-1], Success)
    assert got[-1].at - got[0].at < 20
    assert now() - begun < 30 * 6


@pytest.mark.parametrize(("end", "pauses"), [("failure", 1), ("success", 2)])
def test_a_throttled_reader_that_is_busy_is_never_behind(end: str, pauses: int) -> None:
    """90 s an event, news each 4 s: it gets the newest each time, and the end one pause later; buttons take their own."""
    pause, quick, slow = 90.25, list[tuple[float, Event]](), list[tuple[float, Event]]()

    async def consume(events: mjwatch.Subscription, got: list[tuple[float, Event]], seconds: float) -> None:
        async for event in events:
            got.append((now(), event))
            await anyio.sleep(seconds)

    async def main() -> None:
        async with staged(pacing=Pacing.every(1)) as (sim, watcher):
            task = sim.task("1").after(1).submitted()
            for percent in range(1, 99):
                task = task.after(4).progress(percent)
            task = task.after(4)
            task.failure() if end == "failure" else task.success()
            async with anyio.create_task_group() as group:
                group.start_soon(consume, watcher.watch("1"), quick, 0.0)
                group.start_soon(consume, watcher.watch("1", throttle=2), slow, pause)

    simulate(main)
    check_contract([event for _, event in slow], "1")
    progress = [(at, event.percent) for at, event in slow if isinstance(event, Progress)]
    newest = [
        [e.percent for came, e in quick if isinstance(e, Progress) and came <= at][-1] for at, _ in progress
    ]

    assert len(progress) >= 4
    assert [percent for _, percent in progress] == newest
    assert slow[-1][1].kind == quick[-1][1].kind == end
    assert slow[-1][0] - quick[-1][0] <= pauses * pause


@simulated
async def test_a_reader_full_of_ends_stops_new_watches_and_loses_none() -> None:
    """At `max_unread` unread finals a new watch raises TooManyWatches; after reading it works again."""
    async with SimulatedGateway(Family.PLUS) as sim:
        for n in range(1, 7):
            sim.task(str(n)).after(1).success()
        gateway = evolve(preset(sim), limits=Limits(max_unread=5))
        async with watcher_on(gateway) as watcher:
            events = watcher.watch("1", "2", "3", "4", "5")
            await anext(events)
            others = watcher.watch("6")
            await anyio.sleep(60)
            with pytest.raises(TooManyWatches, match="max_unread"):
                await anext(others)
            with pytest.raises(TooManyWatches, match="max_unread"):
                await watcher.add("6")
            rest = await read(events)
            assert kinds(rest).count("success") == 5
            assert (await watcher.wait("6")).status is mjwatch.Status.SUCCESS


@simulated
async def test_more_watches_than_allowed_are_refused_and_nothing_is_dropped() -> None:
    """At `max_watches` one more raises TooManyWatches, from a stream, `wait` and `add` alike."""
    async with SimulatedGateway(Family.PLUS) as sim:
        for n in range(1, 4):
            sim.task(str(n)).after(20).success()
        gateway = evolve(preset(sim), limits=Limits(max_watches=2))
        async with watcher_on(gateway) as watcher, watcher.watch("1", "2") as events:
            for refused in (watcher.wait("3"), watcher.add("3"), anext(watcher.watch("3"))):
                with pytest.raises(TooManyWatches, match="max_watches"):
                    await refused
            got = await read(events)
            check_contract(got, "1", "2")
            assert (await watcher.wait("3")).status is mjwatch.Status.SUCCESS
