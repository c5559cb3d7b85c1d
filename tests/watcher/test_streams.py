"""A reader may be cancelled, leave or vanish at any moment, and nobody else notices."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Coroutine

import anyio
import pytest

import mjwatch
from mjwatch import Event, Pacing, Watcher
from mjwatch.testing import Family, SimulatedGateway, current_loop, simulate
from tests.watcher.stage import (
    at_step,
    check_contract,
    count_turns,
    kinds,
    preset,
    read,
    simulated,
    staged,
    told,
    watcher_on,
)


def script(sim: SimulatedGateway, task_id: str = "1") -> None:
    """Add a task with an event of each usual kind."""
    sim.task(task_id).after(2).submitted().after(5).progress(31).after(6).progress(62).after(8).success()


async def broken_off(watcher: Watcher) -> None:
    """Leave by `break`."""
    async for event in watcher.watch("1"):
        if event.kind == "progress":
            break


async def raising(watcher: Watcher) -> None:
    """Leave by an exception in the body."""
    with contextlib.suppress(ZeroDivisionError):
        async for event in watcher.watch("1"):
            assert 1 // (event.kind != "progress")


async def timed_out(watcher: Watcher) -> None:
    """Leave by a time limit."""
    with anyio.move_on_after(6):
        await read(watcher.watch("1"))


async def tidy(watcher: Watcher) -> None:
    """Leave a block."""
    async with watcher.watch("1") as events:
        await anext(events)


async def abandoned(watcher: Watcher) -> None:
    """Drop it."""
    await anext(watcher.watch("1"))


async def impatient(watcher: Watcher) -> None:
    """Give up waiting."""
    with pytest.raises(mjwatch.WatchTimeout):
        await watcher.wait("1", timeout=4)


@pytest.mark.parametrize("leave", [broken_off, raising, timed_out, tidy, abandoned, impatient])
@simulated
async def test_who_leaves_changes_nothing_for_the_others(
    leave: Callable[[Watcher], Coroutine[object, object, None]],
) -> None:
    """The others get the events of an undisturbed run, and the gateway sees the same requests."""

    async def run(*, is_disturbed: bool) -> tuple[list[tuple[int, str]], list[float]]:
        async with staged(pacing=Pacing.every(3)) as (sim, watcher):
            script(sim)
            events: list[Event] = []
            async with anyio.create_task_group() as group:
                group.start_soon(read, watcher.watch("1"), events)
                if is_disturbed:
                    group.start_soon(leave, watcher)
            check_contract(events, "1")
            begun = sim.requests[0].at
            return told(events), [round(r.at - begun, 1) for r in sim.requests]

    assert await run(is_disturbed=True) == await run(is_disturbed=False)


async def disturbed(step: int) -> tuple[int, list[tuple[int, str]]]:
    """Cancel one of two readers at the loop's *step*-th turn; return how many turns it took, and what the other got."""
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(2).submitted().after(2).progress(31).after(2).success()
        async with watcher_on(preset(sim), pacing=Pacing.every(5)) as watcher:
            events: list[Event] = []
            async with anyio.create_task_group() as group:
                group.start_soon(read, watcher.watch("1"), events)
                victim = anyio.CancelScope()

                async def read_in_scope() -> None:
                    with victim:
                        await read(watcher.watch("1"))

                group.start_soon(read_in_scope)
                turns = count_turns()
                at_step(step, victim.cancel)
            check_contract(events, "1")
            assert watcher.stats().tasks == 0
            return turns(), told(events)


def test_a_reader_cancelled_at_every_await_changes_nothing_for_the_other() -> None:
    """A sweep: cancelled at each turn of the loop in which it lives, it leaves the other's history as it was."""
    turns, undisturbed = simulate(lambda: disturbed(0))

    for step in range(1, turns + 1):
        _, told = simulate(lambda step=step: disturbed(step))  # type: ignore[misc]

        assert told == undisturbed, step


async def disturbed_lookup(step: int) -> tuple[int, mjwatch.Status]:
    """Cancel one of two lookups that share a request at the loop's *step*-th turn."""
    async with SimulatedGateway(latency=(0.5, 0.5)) as sim:
        script(sim)
        async with watcher_on(preset(sim)) as watcher:
            found: list[mjwatch.Task] = []
            victim = anyio.CancelScope()

            async def look(scope: anyio.CancelScope) -> None:
                with scope:
                    found.append(await watcher.lookup("1"))

            async with anyio.create_task_group() as group:
                turns = count_turns()
                at_step(step, victim.cancel)
                group.start_soon(look, victim)
                group.start_soon(look, anyio.CancelScope())
            assert len(sim.requests) == 1
            return turns(), found[-1].status


def test_a_lookup_cancelled_at_every_await_leaves_the_shared_request_to_the_other() -> None:
    """Never a cancelled request, never a second one."""
    turns, status = simulate(lambda: disturbed_lookup(0))

    for step in range(1, turns + 1):
        assert simulate(lambda step=step: disturbed_lookup(step))[1] is status  # type: ignore[misc]


@simulated
async def test_a_stream_collected_in_another_thread_is_let_go() -> None:
    """An abandoned cycle, collected by a real thread: its task is no longer asked for, the other's goes on."""

    class Bot:
        def __init__(self, watcher: Watcher) -> None:
            self.events = watcher.watch("1")
            self.me = self

    async with staged(pacing=Pacing.every(5)) as (sim, watcher):
        sim.task("1").after(1).submitted().forever()
        script(sim, "2")
        gc.disable()
        try:
            bot: Bot | None = Bot(watcher)
            assert bot is not None
            await anext(bot.events)
            bot = None
            async with anyio.create_task_group() as group:
                others: list[Event] = []
                group.start_soon(read, watcher.watch("2"), others)
                await anyio.sleep(6)
                assert "1" in sim.requests[-1].ids
                collecting = threading.Thread(target=gc.collect)
                collecting.start()
                collecting.join()
                await anyio.sleep(6)
                assert "1" not in sim.requests[-1].ids
        finally:
            gc.enable()

    check_contract(others, "2")


@simulated
async def test_a_cancelled_await_loses_nothing() -> None:
    """`__anext__` under a short time limit, again and again: the history of a patient reader."""
    async with staged() as (sim, watcher):
        script(sim)
        patient: list[Event] = []
        hasty: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"), patient)
            async with watcher.watch("1") as events:
                while not (hasty and hasty[-1].final):
                    with anyio.move_on_after(0.07):
                        hasty.append(await anext(events))

    assert hasty == patient
    check_contract(hasty, "1")


@simulated
async def test_two_readers_of_one_stream_are_refused() -> None:
    """One stream has one reader: the second raises at once, the first goes on."""
    async with staged() as (sim, watcher):
        script(sim)
        events = watcher.watch("1")
        got: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, events, got)
            await anyio.sleep(0.5)
            with pytest.raises(RuntimeError, match="read already"):
                await anext(events)

    check_contract(got, "1")


@simulated
async def test_a_stream_ends_by_itself_and_stays_ended() -> None:
    """After the final event: StopAsyncIteration, again and again; `aclose` twice is fine."""
    async with staged() as (sim, watcher):
        script(sim)
        events = watcher.watch("1")
        assert kinds(await read(events))[-1] == "success"
        assert await read(events) == []
        await events.aclose()
        await events.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(events)


@simulated
async def test_a_stream_can_be_cut_by_every_kind_of_cancellation() -> None:
    """asyncio.timeout, a bare Task.cancel and a task group: each gets its own exception back, unchanged."""
    import asyncio  # noqa: PLC0415 - the one test that speaks plain asyncio

    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().forever()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await read(watcher.watch("1"))
        task = current_loop().create_task(read(watcher.watch("1")))
        await anyio.sleep(3)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await task

        async def fail() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(read(watcher.watch("1")))
                await anyio.sleep(3)
                raise KeyError("mine")

        with pytest.raises(ExceptionGroup) as caught:
            await fail()
        assert [type(error) for error in caught.value.exceptions] == [KeyError]
        await anyio.sleep(60)
        assert watcher.stats().tasks == 0
