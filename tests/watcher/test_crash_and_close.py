"""Opening, closing and breaking: nothing is left behind, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch import Event, Pacing, Watcher, WatcherClosed
from mjwatch.testing import Family, SimulatedGateway, current_loop, simulate
from tests.watcher.stage import (
    TOKEN,
    at_step,
    count_turns,
    kinds,
    now,
    preset,
    read,
    simulated,
    staged,
    watcher_on,
)


async def started_and_cancelled(step: int, *, is_bare: bool) -> bool:
    """Cancel `start` at the loop's *step*-th turn; return True where it was through before."""
    watcher = watcher_on(mjwatch.gateways.geeknow(TOKEN))
    is_through = False

    async def start() -> None:
        nonlocal is_through
        await watcher.start()
        is_through = True

    if is_bare:
        task = current_loop().create_task(start())
        is_closing = True
        at_step(step, lambda: is_closing and task.cancel())
        await asyncio.gather(task, return_exceptions=True)
    else:
        with anyio.CancelScope() as scope:
            at_step(step, scope.cancel)
            await start()
    if not is_through:
        assert current_loop().leftovers() == [], step
    await watcher.aclose()
    assert current_loop().leftovers() == [], step
    with pytest.raises(WatcherClosed):
        watcher.watch("1")
    return is_through


@pytest.mark.parametrize("is_bare", [False, True])
def test_start_cancelled_at_every_await_leaves_nothing(*, is_bare: bool) -> None:
    """A sweep over every turn of the loop: no asyncio task, timer or socket is left, and `aclose` works."""
    step = 1
    while not simulate(lambda: started_and_cancelled(step, is_bare=is_bare)):  # noqa: B023 - called at once
        step += 1

    assert step > 2


async def closed_and_cancelled(step: int) -> bool:
    """Cancel `aclose` at the loop's *step*-th turn, with a look under way; return True where it was through."""
    async with SimulatedGateway(Family.PLUS, latency=(3.0, 3.0)) as sim:
        sim.task("1").after(1).submitted().forever()
        watcher = watcher_on(preset(sim), pacing=Pacing.every(1))
        await watcher.start()
        events = watcher.watch("1")
        await anext(events)
        await anyio.sleep(2)
        task = asyncio.current_task()
        assert task is not None
        is_closing = True
        at_step(step, lambda: is_closing and task.cancel())
        try:
            await watcher.aclose()
            is_through = True
        except asyncio.CancelledError:
            task.uncancel()
            is_through = False
        is_closing = False
        await watcher.aclose()
        with pytest.raises(WatcherClosed):
            await read(events)
        return is_through


def test_aclose_cancelled_at_every_await_can_be_called_again() -> None:
    """Whenever it was interrupted, the next call waits for the rest, and nothing is left."""
    step = 1
    while not simulate(lambda: closed_and_cancelled(step)):  # noqa: B023 - called at once
        step += 1

    assert step > 2


@simulated
async def test_closing_is_quick_while_idle_and_ends_every_reader() -> None:
    """Streams, waiters, `as_completed` and `events` get WatcherClosed or their end, within a second."""
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().forever()
        watcher = await watcher_on(preset(sim)).start()
        ends: list[type[BaseException]] = []

        async def reads(reading: Callable[[], Awaitable[object]]) -> None:
            try:
                await reading()
            except WatcherClosed as error:
                ends.append(type(error))

        everything = watcher.events()
        async with anyio.create_task_group() as group:
            group.start_soon(reads, lambda: read(watcher.watch("1")))
            group.start_soon(reads, lambda: watcher.wait("1"))
            group.start_soon(reads, lambda: watcher.latest("1", within=1_000))
            group.start_soon(reads, lambda: read(watcher.as_completed(["1"])))
            group.start_soon(reads, lambda: read(everything))
            await anyio.sleep(10)
            begun = now()
            await watcher.aclose()
            assert now() - begun <= 1
        await watcher.aclose()

    assert ends == [WatcherClosed] * 5


@pytest.mark.parametrize("direction", ["requests", "replies"])
@simulated
async def test_closing_takes_5_seconds_at_most_while_the_gateway_is_black_holed(direction: str) -> None:
    """Also with a flight under way, a lookup, a seed and hung hooks: 5 virtual seconds, and nothing is left."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().after(1).progress(5).forever()

        @watcher.on(mjwatch.Progress)
        async def hang(_event: Event) -> None:
            await anyio.sleep_forever()

        ends: list[type[Exception]] = []

        async def asks(asking: Callable[[], Awaitable[object]]) -> None:
            try:
                await asking()
            except mjwatch.MjwatchError as error:
                ends.append(type(error))

        async with anyio.create_task_group() as group:
            group.start_soon(asks, lambda: read(watcher.watch("1")))
            await anyio.sleep(5)
            getattr(current_loop().network, direction).is_blackhole = True
            group.start_soon(asks, lambda: watcher.lookup("2"))
            await anyio.sleep(3)
            begun = now()
            await watcher.aclose()
            assert now() - begun <= 5
        assert ends == [WatcherClosed] * 2
        getattr(current_loop().network, direction).is_blackhole = False


@simulated
async def test_a_bug_reaches_every_reader_at_once_and_aclose() -> None:  # noqa: PLR0915 - one story
    """A credential function with a bug: WatcherClosed from it in every reader, the bug itself from `aclose`."""
    is_broken = False
    broke_at: list[int] = []

    def credential() -> str:
        if is_broken:
            broke_at.append(turns())
            raise ZeroDivisionError("planted")
        return TOKEN

    ends: list[tuple[int, BaseException | None]] = []

    async def reads(reading: Callable[[], Awaitable[object]]) -> None:
        try:
            await reading()
        except WatcherClosed as error:
            ends.append((turns() - broke_at[0], error.__cause__))

    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().forever()
        watcher = watcher_on(evolve(preset(sim), credential=mjwatch.Secret(credential)))
        told: list[Event] = []
        watcher.on(mjwatch.Progress, told.append)
        await watcher.start()
        turns = count_turns()
        everything = watcher.events()
        async with anyio.create_task_group() as group:
            group.start_soon(reads, lambda: read(watcher.watch("1")))
            group.start_soon(reads, lambda: watcher.wait("1"))
            group.start_soon(reads, lambda: watcher.latest("1", within=1_000))
            group.start_soon(reads, lambda: read(watcher.as_completed(["1"])))
            group.start_soon(reads, lambda: read(everything))
            await anyio.sleep(5)
            is_broken = True
        assert kinds(told)[:1] == ["progress"]
        assert [type(cause) for _, cause in ends] == [ZeroDivisionError] * 5
        assert sorted(late for late, _ in ends)[3] <= 2, "the turn in which it breaks, and one to wake up in"
        with pytest.raises(WatcherClosed) as caught:
            watcher.watch("1")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(ZeroDivisionError, match="planted"):
            await watcher.aclose()
        with pytest.raises(ZeroDivisionError, match="planted"):
            await watcher.aclose()


@simulated
async def test_a_bug_met_by_an_ad_hoc_lookup_is_not_silent_either() -> None:
    """On the lookup's path: whoever asked gets WatcherClosed from the bug, and so do the readers, at once."""
    is_broken = False

    def credential() -> str:
        if is_broken:
            raise ZeroDivisionError("planted")
        return TOKEN

    ends: list[tuple[float, BaseException | None]] = []

    async def reads(watcher: Watcher) -> None:
        with pytest.raises(WatcherClosed) as caught:
            await read(watcher.watch("1"))
        ends.append((now(), caught.value.__cause__))

    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().forever()
        gateway = evolve(preset(sim), credential=mjwatch.Secret(credential))
        watcher = watcher_on(gateway, pacing=Pacing.every(60))
        await watcher.start()
        async with anyio.create_task_group() as group:
            group.start_soon(reads, watcher)
            await anyio.sleep(5)
            is_broken = True
            with pytest.raises(WatcherClosed) as caught:
                await watcher.lookup("2")
            broke_at = now()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        [(told_at, cause)] = ends
        assert isinstance(cause, ZeroDivisionError)
        assert told_at == broke_at
        with pytest.raises(ZeroDivisionError, match="planted"):
            await watcher.aclose()


@simulated
async def test_a_bug_leaves_through_the_block() -> None:
    """`async with` raises the bug, unwrapped."""

    def credential() -> str:
        raise ZeroDivisionError("planted")

    async with SimulatedGateway(Family.PLUS) as sim:
        gateway = evolve(preset(sim), credential=mjwatch.Secret(credential))

        async def block() -> None:
            async with watcher_on(gateway) as watcher:
                await watcher.add("1")
                await anyio.sleep(5)

        with pytest.raises(ZeroDivisionError, match="planted"):
            await block()


@simulated
async def test_closing_from_a_hook_ends_the_watcher() -> None:
    """`aclose` inside a hook asks for the stop and returns; the block's own end waits for the rest."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().after(5).success()

        @watcher.on(mjwatch.Success)
        async def close(_event: Event) -> None:
            await watcher.aclose()

        events = await read(watcher.watch("1"))
        assert kinds(events)[-1] == "success"
        await anyio.sleep(5)
        with pytest.raises(WatcherClosed):
            watcher.watch("1")


@simulated
async def test_what_was_told_before_closing_can_still_be_read() -> None:
    """A reader that was slow gets what its mailbox holds, then WatcherClosed."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().after(5).progress(31).forever()
        events = watcher.watch("1")
        first = await anext(events)
        await anyio.sleep(30)
        await watcher.aclose()
        got: list[Event] = [first]
        with pytest.raises(WatcherClosed):
            await read(events, got)

    assert [event.percent for event in got if isinstance(event, mjwatch.Progress)][-1] == 31


@simulated
async def test_use_before_start_after_close_and_twice_is_refused() -> None:
    """WatcherClosed at once, never a hang: not open yet, closed, started again."""
    async with SimulatedGateway(Family.PLUS) as sim:
        watcher = watcher_on(preset(sim))
        with pytest.raises(WatcherClosed, match="not open"):
            watcher.watch("1")
        with pytest.raises(WatcherClosed, match="not open"):
            await watcher.wait("1")
        async with watcher:
            with pytest.raises(WatcherClosed, match="starts once"):
                await watcher.start()
        uses: list[Callable[[], Awaitable[object]]] = [
            lambda: watcher.wait("1"),
            lambda: watcher.latest("1"),
            lambda: watcher.lookup("1"),
            lambda: watcher.add("1"),
            lambda: watcher.discard("1"),
            watcher.watched,
            watcher.start,
        ]
        for use in uses:
            with pytest.raises(WatcherClosed):
                await use()
        for property_of in (watcher.stats, watcher.health, lambda: watcher.client):
            with pytest.raises(WatcherClosed):
                property_of()
        closed_unopened = watcher_on(preset(sim))
        await closed_unopened.aclose()
        with pytest.raises(WatcherClosed):
            await closed_unopened.start()


def test_a_watcher_of_another_loop_is_refused() -> None:
    """A watcher belongs to the loop it was started in."""

    async def open_here() -> Watcher:
        async with SimulatedGateway(Family.PLUS) as sim, watcher_on(preset(sim)) as watcher:

            async def use_there() -> None:
                watcher.watch("1")

            here = asyncio.get_running_loop()
            asyncio.events._set_running_loop(None)
            try:
                with asyncio.Runner() as there, pytest.raises(RuntimeError, match="another event loop"):
                    there.run(use_there())
            finally:
                asyncio.events._set_running_loop(here)
            return watcher

    simulate(open_here)


@simulated
async def test_closing_is_quick_while_the_gateway_is_left_alone() -> None:
    """A gateway that is down and a gate shut for it: a reader waits, the close does not."""
    async with staged() as (sim, watcher):
        sim.task("1").after(1).submitted().forever()
        stream = watcher.watch("1")
        await anext(stream)
        sim.down(1_000)
        assert kinds([await anext(stream)]) == ["unreachable"]
        begun = now()
        await watcher.aclose()
        assert now() - begun <= 1
        with pytest.raises(WatcherClosed):
            await read(stream)


@simulated
async def test_a_watcher_left_by_a_cancelled_scope_leaves_nothing() -> None:
    """`move_on_after` around `async with` is a way to stop: what is left is nothing, as `simulate` checks."""
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().forever()
        with anyio.move_on_after(5) as scope:
            async with watcher_on(preset(sim)) as watcher:
                await read(watcher.watch("1"))

    assert scope.cancelled_caught
