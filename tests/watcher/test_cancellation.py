"""Cancelled at every suspension, in every way: others notice nothing, cancellation stays what it is, nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

import anyio
import pytest

from mjwatch import Event, GatewayError, Pacing, Success, Watcher, WatcherClosed
from mjwatch.testing import Family, SimulatedGateway, simulate
from tests.watcher.cancelling import MOMENTS, WAYS, Moment, Stepped, Way, cancelled
from tests.watcher.stage import at_step, check_contract, kinds, now, preset, read, told, watcher_on

Verb = Callable[[Watcher], Coroutine[object, object, object]]


def steps_of(strike: Callable[[int], Coroutine[object, object, bool]]) -> int:
    """Strike at each step in turn, each time in a world of its own, until there is none left; return how many there were."""
    step = 1
    while simulate(partial(strike, step)):
        step += 1
    return step


async def iterated(watcher: Watcher) -> None:
    """Read a stream to its end."""
    assert kinds(await read(watcher.watch("1")))[-1] == "success"


async def in_a_block(watcher: Watcher) -> None:
    """Read a stream in its block, and add to it and take from it meanwhile."""
    async with watcher.watch("1") as events:
        await anext(events)
        await events.add("2")
        await anext(events)
        await events.discard("2")
        await read(events)


async def waited(watcher: Watcher) -> None:
    """Wait for the end."""
    assert (await watcher.wait("1")).status.is_final


async def completed(watcher: Watcher) -> None:
    """Read ends as they come."""
    assert kinds(await read(watcher.as_completed(["1", "2"]))) == ["success", "success"]


async def latest(watcher: Watcher) -> None:
    """Ask for the newest."""
    assert (await watcher.latest("1", within=30)).status.is_final


async def looked_up(watcher: Watcher) -> None:
    """Look up twice, the second time without waiting for a budget."""
    assert (await watcher.lookup("1")).id == "1"
    assert (await watcher.lookup("2")).id == "2"


async def fetched(watcher: Watcher) -> None:
    """Use the client."""
    assert (await watcher.client.fetch("1")).id == "1"
    assert len(await watcher.client.list(["1", "2"])) == 2


VERBS: tuple[Verb, ...] = (iterated, in_a_block, waited, completed, latest, looked_up, fetched)


def script(sim: SimulatedGateway) -> None:
    """Add two short tasks."""
    for task_id in ("1", "2"):
        sim.task(task_id).after(1).submitted().after(2).progress(31).after(2).success()


async def struck(verb: Verb, way: Way, moment: Moment, step: int) -> bool:
    """Cancel *verb* at its *step*-th suspension; return False where it has fewer."""
    async with SimulatedGateway(Family.PLUS, latency=(0.02, 0.02)) as sim:
        script(sim)
        async with watcher_on(preset(sim), pacing=Pacing.every(2)) as watcher:
            called: list[Event] = []
            watcher.on(Success, called.append)
            histories: list[list[Event]] = [[], []]
            async with anyio.create_task_group() as group:
                group.start_soon(read, watcher.watch("1", "2"), histories[0])
                group.start_soon(read, watcher.watch("1"), histories[1])
                await anyio.sleep(1.5)
                stepped = Stepped(verb(watcher), step, moment)
                was_cancelled = await cancelled(stepped, way)
            check_contract(histories[0], "1", "2")
            check_contract(histories[1], "1")
            assert told(histories[1]) == UNDISTURBED
            assert (await watcher.wait("1")).status.is_final
            assert (await watcher.client.fetch("2")).id == "2"
        assert kinds(called) == ["success", "success"]
        async with watcher_on(preset(sim)) as another:
            assert (await another.wait("1")).status.is_final
    # What is delivered a turn later may come when all is done.
    assert was_cancelled or not stepped.has_struck or way != "bare"
    return stepped.has_struck


UNDISTURBED = [(1, "progress"), (2, "progress"), (3, "progress"), (4, "buttons"), (5, "success")]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_a_caller_cancelled_at_any_suspension_harms_nobody(verb: Verb, way: Way, moment: Moment) -> None:
    """The other readers and the hook get everything, the watcher serves on and closes, and another one opens."""
    assert steps_of(partial(struck, verb, way, moment)) > 1


async def interrupted(way: Way, moment: Moment, step: int) -> bool:
    """Cancel a reader at its *step*-th suspension, and read its stream on."""
    async with SimulatedGateway(Family.PLUS, latency=(0.02, 0.02)) as sim:
        script(sim)
        async with watcher_on(preset(sim), pacing=Pacing.every(2)) as watcher:
            stream = watcher.watch("1")
            got: list[Event] = []
            stepped = Stepped(read(stream, got), step, moment)
            await cancelled(stepped, way)
            await read(stream, got)
    check_contract(got, "1")
    assert told(got) == UNDISTURBED
    return stepped.has_struck


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_stream_goes_on_where_its_reader_was_cancelled(way: Way, moment: Moment) -> None:
    """Whenever it was, no event is lost and none comes twice."""
    assert steps_of(partial(interrupted, way, moment)) >= len(UNDISTURBED)


async def a_whole_program(sim: SimulatedGateway) -> None:
    """Open, read, close."""
    async with watcher_on(preset(sim), pacing=Pacing.every(2)) as watcher:
        watcher.on(Success, lambda _: None)
        await watcher.add("2")
        assert kinds(await read(watcher.watch("1")))[-1] == "success"


async def program_struck(way: Way, moment: Moment, step: int) -> bool:
    """Cancel a program that owns its watcher; whatever it left is told by `simulate`."""
    async with SimulatedGateway(Family.PLUS, latency=(0.02, 0.02)) as sim:
        script(sim)
        stepped = Stepped(a_whole_program(sim), step, moment)
        await cancelled(stepped, way)
        async with watcher_on(preset(sim)) as another:
            assert (await another.wait("1")).status.is_final
    return stepped.has_struck


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_program_cancelled_at_any_suspension_leaves_nothing(way: Way, moment: Moment) -> None:
    """Its watcher is closed however it was left: while opening, reading or closing."""
    assert steps_of(partial(program_struck, way, moment)) > 5


async def begun_and_cancelled(way: Way, moment: Moment, step: int) -> bool:
    """Cancel `start` at its *step*-th suspension; close it then, which must be quick and leave nothing."""
    async with SimulatedGateway(Family.PLUS) as sim:
        watcher = watcher_on(preset(sim))
        stepped = Stepped(watcher.start(), step, moment)
        await cancelled(stepped, way)
        await watcher.aclose()
        with pytest.raises(WatcherClosed):
            watcher.watch("1")
    return stepped.has_struck


async def closed_and_cancelled(way: Way, moment: Moment, step: int) -> bool:
    """Cancel `aclose` at its *step*-th suspension, with a look and a call under way; close again."""
    async with SimulatedGateway(Family.PLUS, latency=(3.0, 3.0)) as sim:
        script(sim)
        watcher = await watcher_on(preset(sim), pacing=Pacing.every(2)).start()
        ends: list[str] = []

        async def reads(reading: Callable[[], Awaitable[object]]) -> None:
            try:
                await reading()
            except (WatcherClosed, GatewayError) as error:
                ends.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            group.start_soon(reads, lambda: read(watcher.watch("1")))
            group.start_soon(reads, lambda: watcher.lookup("2"))
            group.start_soon(reads, lambda: watcher.client.image_seed("2"))
            await anyio.sleep(2)
            stepped = Stepped(watcher.aclose(), step, moment)
            await cancelled(stepped, way)
            begun = now()
            await watcher.aclose()
            assert now() - begun <= 5
        assert len(ends) == 3
        await anyio.sleep(5)  # replies that the gateway still holds
    return stepped.has_struck


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("act", [begun_and_cancelled, closed_and_cancelled], ids=["start", "aclose"])
def test_opening_and_closing_can_be_cancelled_and_then_be_finished(
    act: Callable[[Way, Moment, int], Coroutine[object, object, bool]], way: Way, moment: Moment
) -> None:
    """Whenever it was interrupted, closing ends it: no asyncio task, timer or socket is left."""
    assert steps_of(partial(act, way, moment)) > 1


def test_a_call_under_way_is_told_that_the_watcher_was_closed() -> None:
    """WatcherClosed, or the fault of the connection that was cut; what a store says of itself is none of its errors."""

    async def closed() -> None:
        async with SimulatedGateway(Family.PLUS, latency=(3.0, 3.0)) as sim:
            script(sim)
            watcher = await watcher_on(preset(sim)).start()
            async with anyio.create_task_group() as group:

                async def fetch() -> None:
                    with pytest.raises((WatcherClosed, GatewayError)):
                        await watcher.client.fetch("2")

                group.start_soon(fetch)
                await anyio.sleep(1)
                await watcher.aclose()
            await anyio.sleep(5)

    simulate(closed)


async def poll_broken_off(step: int, *, is_killed: bool) -> bool:
    """Close at the *step*-th turn of a poll, or cancel the watcher's own asyncio task, as a loop that is closed does."""
    async with SimulatedGateway(Family.PLUS, latency=(0.02, 0.02)) as sim:
        script(sim)
        watcher = await watcher_on(preset(sim), pacing=Pacing.every(2)).start()
        got: list[Event] = []
        has_struck = False

        def strike() -> None:
            nonlocal has_struck
            has_struck = True
            if is_killed:
                [runner] = [task for task in asyncio.all_tasks() if task.get_name() == "mjwatch"]
                runner.cancel()
            else:
                group.start_soon(watcher.aclose)

        async with anyio.create_task_group() as group:
            at_step(step, strike)
            try:
                await read(watcher.watch("1"), got)
                is_through = True
            except WatcherClosed:
                is_through = False
        await watcher.aclose()
        check_contract(got, *(["1"] if is_through else []))
        async with watcher_on(preset(sim)) as another:
            assert (await another.wait("1")).status.is_final
    return has_struck


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_poll_can_be_broken_off_at_any_turn(*, is_killed: bool) -> None:
    """Its readers are told, what was committed was told in order, nothing is left, and a new watcher has it all."""
    step = 1
    while step < TURNS and simulate(lambda: poll_broken_off(step, is_killed=is_killed)):  # noqa: B023 - called at once
        step += 1

    assert step > 20


TURNS = 60
"""The first two polls; the others are like the second."""
