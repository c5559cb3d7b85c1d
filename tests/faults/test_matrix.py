"""Every fault at every endpoint in every phase: after healing there is one end, and nothing is broken or left."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import TaskGroup

from mjwatch import GatewayError, Recovered, Unreachable, Watcher, WatcherClosed
from mjwatch.testing import simulate
from tests.faults.matrix import LEFT_OUT, MARKED, PHASES, Cell, cells
from tests.faults.rows import FAULTS, Fault
from tests.faults.world import NEW_TOKEN, StubbornReader, World, world_of
from tests.watcher.stage import TOKEN, check_contract, check_order, kinds, now, of_task

STRIKES_AT = {"a": 0.0, "b": 12.0, "c": 20.5, "d": 25.5, "e": 12.0, "f": 12.0}
"""Seconds after the first look. Looks come every 5 s; the end is at 22 s, seen at 25 s."""

PATIENCE = 25.0
"""What a reader may add to the healing: an interval, a settling, and its pause before it comes back, seconds."""

PENDING: dict[str, str] = {}
"""Cells that do not hold yet, and what they wait for."""


def test_the_matrix_is_whole() -> None:
    """What is played and what is left out are all the cells that the specification marks, and no cell is both."""
    marked = {
        (row, endpoint, phase)
        for row, endpoints in MARKED.items()
        for endpoint in endpoints
        for phase in PHASES
    }
    played = {(cell.fault.row, cell.endpoint, cell.phase) for cell in cells()}
    names = [*(fault.name for fault in FAULTS), "22-tls"]
    left_out = {
        (int("".join(filter(str.isdigit, name.split("-")[0]))), endpoint, phase)
        for one in LEFT_OUT
        for name in names
        for endpoint in one.endpoints
        for phase in one.phases
        if one.has(name, endpoint, phase)
    }

    assert played | left_out == marked
    assert all(one.reason for one in LEFT_OUT)
    assert all(any(name.startswith(one.faults) for name in names) for one in LEFT_OUT)
    assert len({str(cell) for cell in cells()}) == len(list(cells()))
    assert {str(cell) for cell in cells()} >= PENDING.keys()


def ids_of(world: World) -> list[str]:
    """Return what is watched: lists are for several, and may come apart."""
    return ["1", "2"] if world.endpoint in {"I", "C"} else ["1"]


def parameters() -> list[object]:
    """Return the cells, those that wait for something marked."""
    return [
        pytest.param(
            cell,
            id=str(cell),
            marks=pytest.mark.xfail(reason=PENDING[str(cell)], strict=True) if str(cell) in PENDING else (),
        )
        for cell in cells()
    ]


@pytest.mark.parametrize("cell", parameters())
def test_cell(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    """Struck and healed: one end for each task, the contract holds, no credential is logged, nothing is left."""
    caplog.set_level(logging.DEBUG)

    logged = simulate(lambda: play(cell))

    assert TOKEN not in caplog.text + logged
    assert NEW_TOKEN not in caplog.text + logged


async def play(cell: Cell) -> str:
    """Play one cell; return what was logged."""
    fault = cell.fault
    async with world_of(
        cell.endpoint,  # type: ignore[arg-type]  # a letter
        every=fault.looks_every,
        is_tunnelled=fault.is_tunnelled,
        is_named=fault.is_named,
        is_whole=cell.phase != "d",
    ) as world:
        match cell.phase:
            case "e":
                await close_under(fault, world)
            case "f":
                async with world.watcher() as before, anyio.create_task_group() as group:
                    group.start_soon(StubbornReader(before, ids_of(world)).read)
                    await anyio.sleep(STRIKES_AT["f"])
                    group.cancel_scope.cancel()
                fault.strike(world)
                async with world.watcher() as watcher:
                    await suffer(cell, world, watcher, struck_at=now())
            case "a":
                async with world.watcher() as watcher:
                    fault.strike(world)
                    await suffer(cell, world, watcher, struck_at=now())
            case _:
                async with world.watcher() as watcher:
                    await suffer(cell, world, watcher, struck_at=None)
        await anyio.sleep(4_000)  # replies that the gateway still holds
        return repr(world.log.lines)


async def suffer(cell: Cell, world: World, watcher: Watcher, *, struck_at: float | None) -> None:
    """Watch through the fault to the end."""
    fault = cell.fault
    reader = StubbornReader(watcher, ids_of(world))
    mended = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(reader.read)
        if struck_at is None:
            await anyio.sleep(STRIKES_AT[cell.phase])
            fault.strike(world)
            struck_at = now()
        group.start_soon(call_on, world, watcher, mended)
        await anyio.sleep(max(0.0, struck_at + fault.seconds - now()))
        world.well()
        fault.mend(world)
        mended.set()
        await healed(fault, world, watcher, reader)
    check(cell, world, reader)


async def call_on(world: World, watcher: Watcher, mended: anyio.Event) -> None:
    """Call the endpoint's verb again and again until all is mended, where the looks do not."""
    while not world.is_watched and not mended.is_set():
        await world.call(watcher)
        with anyio.move_on_after(7):
            await mended.wait()


async def healed(fault: Fault, world: World, watcher: Watcher, reader: StubbornReader) -> None:
    """Wait until all is as if nothing had been; in time."""
    ended_in = max(0.0, (world.sim.true_end("1") or 0.0) - now())
    with anyio.fail_after(ended_in + fault.heals_in + PATIENCE):
        await reader.has_all.wait()
    if not world.is_watched and fault.ends == "success":
        await until_called(world, watcher, fault.heals_in)


def ends_of(reader: StubbornReader, task_id: str) -> list[str]:
    """Return the ends that the reader was told."""
    last = reader.histories[-1] if reader.histories else []
    return [event.kind for event in of_task(last, task_id) if event.final]


async def until_called(world: World, watcher: Watcher, within: float) -> None:
    """Call until it comes to the right value."""
    with anyio.fail_after(within + PATIENCE):
        while isinstance(result := await world.call(watcher), GatewayError):  # noqa: ASYNC110 - it tries again
            await anyio.sleep(3)
    assert isinstance(result, str | bytes)
    assert result


def check(cell: Cell, world: World, reader: StubbornReader) -> None:
    """Check what the reader and the caller got."""
    fault = cell.fault
    is_struck = world.is_watched or fault.spreads
    for history in reader.histories[:-1]:
        check_contract(history)
    history = reader.histories[-1]
    # Previews without a number beside them cannot be ordered: an older one comes back under its own id.
    (check_order if fault.row == 18 and cell.endpoint == "F" else check_contract)(history, *ids_of(world))
    if cell.phase != "d":
        assert ends_of(reader, "1") == [fault.ends if is_struck else "success"], kinds(history)
    unproven = cell.endpoint in fault.raised_at and cell.phase in "af"
    assert bool(reader.errors) == unproven, reader.errors
    outages = [event for event in history if isinstance(event, Unreachable | Recovered)]
    if not (fault.is_told and is_struck):
        assert outages == []
    assert [type(event) for event in outages[::2]] == [Unreachable] * len(outages[::2])
    assert all(isinstance(event, Recovered) for event in outages[1::2])
    for result, seconds in world.calls:
        assert seconds <= 121, (result, seconds)
        if isinstance(result, GatewayError):
            assert isinstance(result, fault.errors), result


async def close_under(fault: Fault, world: World) -> None:
    """Close while the fault stands: in at most 5 s, nothing is left, and a new watcher has it all later."""
    async with world.watcher() as watcher:
        reader = StubbornReader(watcher, ids_of(world))
        async with anyio.create_task_group() as group, calling_once(world, watcher, group):
            group.start_soon(reader.read)
            await anyio.sleep(STRIKES_AT["e"])
            fault.strike(world)
            await anyio.sleep(3.2)
            begun = now()
            await watcher.aclose()
            assert now() - begun <= 5.0
        assert reader.has_all.is_set() or isinstance(reader.errors[-1], WatcherClosed)
        check_contract(reader.histories[-1])
    world.well()
    fault.mend(world)
    async with world.watcher() as watcher:
        again = StubbornReader(watcher, ids_of(world))
        with anyio.fail_after(1_300):
            await again.read()
        check_contract(again.histories[-1], *ids_of(world))


@asynccontextmanager
async def calling_once(world: World, watcher: Watcher, group: TaskGroup) -> AsyncIterator[None]:
    """Have a call under way when the watcher closes; it ends by itself, in an error of ours or well."""

    async def call() -> None:
        await anyio.sleep(STRIKES_AT["e"] + 1)
        try:
            await world.call(watcher)
        except WatcherClosed:
            return

    if not world.is_watched:
        group.start_soon(call)
    yield
