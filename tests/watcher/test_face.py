"""The rest of the public face: throttle, growing streams, and single answers."""

from __future__ import annotations

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch import (
    Event,
    Expired,
    Limits,
    Pacing,
    Progress,
    Status,
    TaskFailed,
    TaskLost,
    WatchTimeout,
)
from mjwatch.testing import Family, SimulatedGateway
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


def script(sim: SimulatedGateway, task_id: str = "1", *, slowly: float = 1.0) -> None:
    """Add a task with an event of each usual kind."""
    task = sim.task(task_id).after(2 * slowly).submitted().after(5 * slowly).progress(31)
    task.after(6 * slowly).progress(62).after(8 * slowly).success()


@simulated
async def test_a_throttled_reader_gets_few_progress_and_the_end_at_once() -> None:
    """40 changes in 10 s at throttle=1.5: at most 8 Progress, no two equal, the end when everybody gets it."""
    async with SimulatedGateway(Family.PLUS) as sim:
        task = sim.task("1")
        for percent in range(1, 41):
            task = task.after(0.25).progress(percent)
        task.after(0.1).success()
        gateway = evolve(preset(sim), limits=Limits(rate=None))
        async with watcher_on(gateway, pacing=Pacing.every(0.1)) as watcher:
            times: dict[str, float] = {}
            histories: dict[str, list[Event]] = {"plain": [], "throttled": []}

            async def edit(name: str, throttle: float | None) -> None:
                async for event in watcher.watch("1", throttle=throttle):
                    histories[name].append(event)
                    times[name] = now()

            async with anyio.create_task_group() as group:
                group.start_soon(edit, "plain", None)
                group.start_soon(edit, "throttled", 1.5)

    for history in histories.values():
        check_contract(history, "1")
    assert kinds(histories["plain"]).count("progress") >= 40
    edits = [event for event in histories["throttled"] if isinstance(event, Progress)]
    assert 2 <= len(edits) <= 8
    assert len({event.percent for event in edits}) == len(edits)
    assert times["throttled"] == pytest.approx(times["plain"], abs=0.001)


@simulated
async def test_a_throttled_progress_comes_when_its_time_has_come() -> None:
    """The newest deferred Progress is not forgotten where nothing follows it."""
    async with staged(pacing=Pacing.every(1)) as (sim, watcher):
        sim.task("1").after(1).submitted().after(2).progress(10).after(1).progress(20).forever()
        async with watcher.watch("1", throttle=10) as events:
            first = await anext(events)
            begun = now()
            second = await anext(events)

    assert isinstance(first, Progress)
    assert isinstance(second, Progress)
    assert second.percent == 20
    assert 9.9 <= now() - begun <= 10.1


@simulated
async def test_a_stream_grows_and_shrinks_while_it_is_read() -> None:
    """`add` and `discard` on a stream: the added task is told to its end, the discarded one no more."""
    async with staged() as (sim, watcher):
        for task_id in ("1", "2", "3"):
            script(sim, task_id)
        sim.task("4").after(1).submitted().forever()
        stream = watcher.watch("1", "4")
        await stream.add("3")
        got: list[Event] = []
        async for event in stream:
            got.append(event)
            if len(got) == 4:
                await stream.add("2", "1")
                await stream.discard("4")
        assert watcher.stats().tasks == 0
        before = len(sim.requests)
        await anyio.sleep(60)
        assert len(sim.requests) == before

    check_contract(got, "1", "2", "3")
    assert not any(event.final for event in of_task(got, "4"))


@simulated
async def test_a_stream_whose_last_task_is_discarded_ends() -> None:
    """Also while its reader waits."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().forever()
        stream = watcher.watch("1")
        got: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, stream, got)
            await anyio.sleep(10)
            await stream.discard("1")

    assert kinds(got)[-1:] == ["progress"]


@simulated
async def test_an_ended_task_added_again_is_not_waited_for() -> None:
    """A stream that has told the end of a task has nothing more to tell of it, and ends."""
    async with staged() as (sim, watcher):
        script(sim)
        stream = watcher.watch("1")
        got: list[Event] = []
        async for event in stream:
            got.append(event)
            if event.final:
                await stream.add("1")

    check_contract(got, "1")


@simulated
async def test_wait_returns_the_task_that_succeeded_or_says_why_not() -> None:
    """The Task; TaskFailed, also for a cancelled one; TaskLost; WatchTimeout with the last that is known."""
    async with staged() as (sim, watcher):
        script(sim)
        sim.task("2").after(2).submitted().after(3).failure("可能包含敏感词")
        sim.task("3").after(2).submitted().after(3).cancelled()
        script(sim, "4", slowly=12)
        task = await watcher.wait("1")
        with pytest.raises(TaskFailed, match="banned_prompt") as failed:
            await watcher.wait("2", timeout=1_800)
        with pytest.raises(TaskFailed) as cancelled:
            await watcher.wait("3")
        with pytest.raises(TaskLost) as lost:
            await watcher.wait("9")
        begun = now()
        with pytest.raises(WatchTimeout, match="not done after 40 s") as late:
            await watcher.wait("4", timeout=40)
        assert now() - begun == pytest.approx(40)
        assert isinstance(late.value, TimeoutError)
        assert (await watcher.wait("4")).status is Status.SUCCESS

    assert (task.id, task.status, task.is_partial, len(task.images)) == ("1", Status.SUCCESS, False, 1)
    assert task.buttons
    assert failed.value.reason == "可能包含敏感词"
    assert failed.value.task is not None
    assert failed.value.task.fail_reason == "可能包含敏感词"
    assert cancelled.value.kind is mjwatch.FailureKind.CANCELLED
    assert lost.value.task_id == "9"
    assert late.value.task is not None
    assert late.value.task.percent == 31
    assert late.value.__cause__ is None


@simulated
async def test_wait_that_timed_out_in_an_outage_is_from_the_gateways_error() -> None:
    """WatchTimeout's cause is the GatewayError, its `.task` what is known."""
    async with staged() as (sim, watcher):
        script(sim, slowly=100)
        async with watcher.watch("1"):
            await anyio.sleep(300)
            sim.down(1_000)
            with pytest.raises(WatchTimeout) as caught:
                await watcher.wait("1", timeout=90)

    assert isinstance(caught.value.__cause__, mjwatch.GatewayUnreachable)
    assert caught.value.task is not None
    assert caught.value.task.status is Status.SUBMITTED


@simulated
async def test_latest_tells_how_far_it_got() -> None:
    """In time, the end, whatever it is; else as far as it got; UNKNOWN where nothing is known; it never raises."""
    async with staged() as (sim, watcher):
        script(sim)
        sim.task("2").after(2).submitted().after(3).failure("x")
        script(sim, "3", slowly=10)
        begun = now()
        far = await watcher.latest("3", within=75)
        assert now() - begun == pytest.approx(75)
        unknown = await watcher.latest("4", within=5)
        lost = await watcher.latest("5", within=1_000)

        assert (await watcher.latest("1")).status is Status.SUCCESS
        assert (await watcher.latest("2")).status is Status.FAILURE
    assert (far.status, far.percent, far.is_partial) == (Status.IN_PROGRESS, 31, True)
    assert (unknown.status, unknown.id) == (Status.UNKNOWN, "4")
    assert (lost.status, lost.id) == (Status.UNKNOWN, "5")


@simulated
async def test_as_completed_gives_the_ends_as_they_come_and_grows() -> None:
    """Only ends, of every kind, in the order of their coming; `add` while running; it ends with the last."""
    async with staged() as (sim, watcher):
        script(sim, "slow", slowly=3)
        script(sim, "quick")
        sim.task("bad").after(2).submitted().after(60).failure("x")
        script(sim, "more")
        async with watcher.as_completed(["slow", "quick", "bad"]) as ends:
            got: list[Event] = []
            async for end in ends:
                got.append(end)
                if end.task_id == "bad":
                    await ends.add("more", "gone")

    assert [event.task_id for event in of_tasks(got)] == ["quick", "bad", "slow", "more", "gone"] or [
        event.task_id for event in of_tasks(got)
    ] == ["quick", "slow", "bad", "more", "gone"]
    assert kinds(got)[-2:] == ["success", "lost"]


@simulated
async def test_discard_ends_the_watch_for_everybody_at_once() -> None:
    """`Expired` with the reason "discarded" in streams, `wait` and hooks; the task runs on."""
    async with staged() as (sim, watcher):
        sim.task("1").after(2).submitted().after(5).progress(31).forever()
        first: list[Event] = []
        hooked: list[Event] = []
        watcher.on(mjwatch.Final, hooked.append)
        await watcher.add("1", tag="mine")
        async with anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"), first)
            await anyio.sleep(30)
            begun = now()
            await watcher.discard("1")
        assert now() - begun <= 1
        assert await watcher.watched() == []
        await anyio.sleep(5)

    check_contract(first, "1")
    for event in (first[-1], hooked[-1]):
        assert isinstance(event, Expired)
        assert (event.reason, event.task.percent, event.tag) == ("discarded", 31, "mine")
    assert len(hooked) == 1


@simulated
async def test_a_discard_does_not_wait_for_the_next_round() -> None:
    """Whatever the pacing, `discard` is told at once."""
    async with staged(pacing=Pacing.every(30)) as (sim, watcher):
        sim.task("1").after(2).submitted().forever()
        async with watcher.watch("1") as events:
            await anext(events)
            await anyio.sleep(8)
            begun = now()
            await watcher.discard("1")
            rest = await read(events)
            assert now() - begun <= 1

    assert kinds(rest) == ["progress", "expired"] or kinds(rest) == ["expired"]


@simulated
async def test_lookup_is_one_look_now() -> None:
    """Of an unwatched, a watched and an unknown id; a watched task hears of it by a look of its own."""
    async with staged(pacing=Pacing.every(30)) as (sim, watcher):
        script(sim)
        await anyio.sleep(8)
        before = len(sim.requests)
        task = await watcher.lookup("1")
        assert (task.percent, len(sim.requests)) == (31, before + 1)
        await anyio.sleep(60)
        assert len(sim.requests) == before + 1

        script(sim, "2")
        async with watcher.watch("2") as events:
            await anext(events)
            await anyio.sleep(8)
            begun = now()
            assert (await watcher.lookup("2")).percent == 31
            event = await anext(events)
            assert isinstance(event, Progress)
            assert event.percent == 31
            assert now() - begun < 2

        with pytest.raises(TaskLost) as lost:
            await watcher.lookup("3")
        assert lost.value.task_id == "3"
