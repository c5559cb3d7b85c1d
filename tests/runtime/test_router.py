"""Who reads what: admission, delivery, leaving, and being forgotten."""

from __future__ import annotations

import gc
import threading

import anyio
import pytest

from mjwatch.errors import OffsetExpired, TooManyWatches, WatcherClosed
from mjwatch.events import Event
from mjwatch.settings import Limits
from tests.runtime.rig import PlayedGateway, Rig, kinds, make_rig, read, running, turns


def played(*task_ids: str) -> PlayedGateway:
    """Return a gateway that knows *task_ids*, at 10 % each."""
    gateway = PlayedGateway()
    for task_id in task_ids:
        gateway.show(task_id)
    return gateway


async def watched(rig: Rig) -> list[str]:
    """Return which ids the store watches."""
    return [known.watch.id for known in await rig.store.known()]


async def test_two_readers_of_a_task_get_the_same() -> None:
    """And one request serves both."""
    got: list[list[Event]] = []
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as readers:

        async def reads() -> None:
            got.append(await read(rig.watch("1")))

        readers.start_soon(reads)
        readers.start_soon(reads)
        await anyio.sleep(5)
        rig.played.succeed("1")

    assert got[0] == got[1]
    assert kinds(got[0]) == ["progress", "buttons", "success"]


async def test_a_reader_gets_its_own_tasks_only() -> None:
    """And everybody the gateway's outage."""
    async with running(make_rig(played("1", "2"))) as rig:
        await rig.router.keep(["2"])
        [event] = await read(rig.watch("1"), 1)
        await anyio.sleep(20)

    assert event.task.id == "1"  # type: ignore[union-attr]


async def test_leaving_stops_the_polling() -> None:
    """What nobody else reads or keeps is no longer watched."""
    async with running(make_rig(played("1", "2", "3"))) as rig:
        other = rig.watch("2")
        await read(other, 1)
        await rig.router.keep(["3"])
        async with rig.watch("1", "2", "3") as events:
            await read(events, 1)
            during = sorted(await watched(rig))

        assert during == ["1", "2", "3"]
        assert sorted(await watched(rig)) == ["2", "3"]
        assert rig.router.tasks == 2


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_collected_stream_is_released_by_the_next_sweep(*, in_thread: bool) -> None:
    """Dropping it is enough, in whatever thread it is collected."""
    async with running(make_rig(played("1", "2"))) as rig:
        await read(rig.watch("2"), 1)
        gc.collect()
        await rig.router.sweep()
        before = await watched(rig)
        dropped = [rig.watch("1")]
        await read(dropped[0], 1)
        if in_thread:
            collector = threading.Thread(target=dropped.clear)
            collector.start()
            collector.join()
        dropped.clear()
        gc.collect()
        await rig.router.sweep()
        after = await watched(rig)

    assert (before, after) == ([], [])


async def test_an_abandoned_stream_costs_at_most_one_more_look() -> None:
    """The pump sweeps before it claims."""
    async with running(make_rig(played("1"))) as rig:
        async for _ in rig.watch("1"):
            break
        gc.collect()
        asked = len(rig.played.sent)
        await anyio.sleep(100)

        assert len(rig.played.sent) == asked
        assert await watched(rig) == []


async def test_a_reader_that_does_not_read_stops_new_watches() -> None:
    """Nothing is dropped; after it has read, there is room again."""
    rig = make_rig(played("1", "2"), limits=Limits(max_unread=2))
    async with running(rig):
        stuck = rig.watch("1", "2")
        async with stuck:
            rig.played.succeed("1")
            rig.played.succeed("2")
            await anyio.sleep(5)
            with pytest.raises(TooManyWatches, match="2 unread final events"):
                await read(rig.watch("3"), 1)
            with pytest.raises(TooManyWatches):
                await rig.router.keep(["3"])
            events = await read(stuck)
            await rig.router.keep(["3"])

    assert kinds(events) == ["buttons", "success", "buttons", "success"]


async def test_a_full_reader_that_was_abandoned_stops_nobody() -> None:
    """Also where the pump sleeps, for nothing else is watched."""
    rig = make_rig(played("1"), limits=Limits(max_unread=1))
    async with running(rig):
        stream = [rig.watch("1")]
        await read(stream[0], 1)
        rig.played.succeed("1")
        await anyio.sleep(50)
        stream.clear()
        gc.collect()
        await rig.router.keep(["2"])

        assert await watched(rig) == ["2"]


async def test_an_abandoned_stream_takes_no_place() -> None:
    """`max_watches` counts what somebody still wants."""
    rig = make_rig(played("1", "2"), limits=Limits(max_watches=1))
    async with running(rig):
        await read(rig.watch("1"), 1)
        gc.collect()
        [event] = await read(rig.watch("2"), 1)

    assert event.kind == "progress"


async def test_too_many_watches_leave_nothing_behind() -> None:
    """The one that was refused is registered nowhere."""
    rig = make_rig(played("1", "2"), limits=Limits(max_watches=1))
    async with running(rig):
        async with rig.watch("1"):
            with pytest.raises(TooManyWatches):
                await read(rig.watch("1", "2"), 1)

            assert (await watched(rig), rig.router.tasks) == (["1"], 1)
        assert await watched(rig) == []


async def test_an_end_ends_the_membership() -> None:
    """Nothing comes after it, and a later watch of the id is another one."""
    async with running(make_rig(played("1"))) as rig:
        events = await read(rig.watch("1", deadline=5))
        kept = rig.router.tasks
        again = await read(rig.watch("1"), 1)

    assert (kinds(events), kept) == (["progress", "expired"], 0)
    assert kinds(again) == ["progress"]
    assert again[0].seq > events[-1].seq  # type: ignore[union-attr]


async def test_an_offset_that_the_log_lost_is_expired() -> None:
    """Never a silent gap; nothing is watched."""
    rig = make_rig(played("1"), log_size=2)
    async with running(rig):
        async with rig.watch("1") as events:
            await read(events, 1)
            rig.played.succeed("1")
            await read(events)
        for wrong in (0, 999):
            with pytest.raises(OffsetExpired):
                await read(rig.watch("1", after=wrong), 1)
        counts = await rig.store.counts()
        await read(rig.watch("2", "1", after=counts.offset), 1)

    assert rig.router.tasks <= 1


async def test_after_the_close_nobody_is_admitted() -> None:
    """Neither a stream nor a kept task; the error says what is the case."""
    async with running(make_rig(played("1"))) as rig:
        early = rig.watch("1")
        await read(early, 1)
        late = rig.watch("1")
        rig.router.close(WatcherClosed("the watcher was closed"))
        for waits in (early.__anext__, late.__anext__, lambda: rig.router.keep(["1"])):
            with anyio.fail_after(60), pytest.raises(WatcherClosed, match="the watcher was closed"):
                await waits()
        await early.aclose()
        await turns()

    assert len(rig.played.sent) == 1
