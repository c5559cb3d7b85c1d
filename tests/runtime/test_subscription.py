"""The contract of a stream: what its reader gets first, last, never, and when it leaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import anyio
import pytest

from mjwatch._runtime.subscription import Completed, EventStream, Subscription, checked
from mjwatch._store.contract import Wish
from mjwatch._wire.messages import Reply
from mjwatch.errors import GatewayDenied, OffsetExpired, TooManyWatches, WatcherClosed
from mjwatch.events import Event, Progress
from mjwatch.settings import Limits
from tests.runtime.rig import PlayedGateway, Rig, kinds, make_rig, read, running, turns


def played(*task_ids: str) -> PlayedGateway:
    """Return a gateway that knows *task_ids*, at 10 % each."""
    gateway = PlayedGateway()
    for task_id in task_ids:
        gateway.show(task_id)
    return gateway


async def climb(rig: Rig, percents: Iterable[int] = (20, 40, 60, 80)) -> None:
    """Let a task make progress, and succeed."""
    for percent in percents:
        await anyio.sleep(5)
        rig.played.show("1", progress=f"{percent}%")
    await anyio.sleep(5)
    rig.played.succeed("1")


def seqs(events: list[Event]) -> list[int]:
    """Return the seqs of *events*."""
    return [event.seq for event in events]  # type: ignore[union-attr]


async def test_a_stream_ends_by_itself_with_one_final_event() -> None:
    """It comes last, and seq rises by one."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(climb, rig)
        stream = rig.watch("1")
        events = await read(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    assert [event.final for event in events] == [False] * (len(events) - 1) + [True]
    assert seqs(events) == list(range(1, len(events) + 1))


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.15, 1.0, 7.3, 12.0, 40.0])
async def test_whoever_comes_late_gets_the_present_state_first(delay: float) -> None:
    """With its original seqs; nothing between it and the log is lost or doubled."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(climb, rig)
        first: list[Event] = []

        async def reads() -> None:
            first.extend(await read(rig.watch("1")))

        others.start_soon(reads)
        await anyio.sleep(delay)
        late = await read(rig.watch("1"))

    assert seqs(late) == sorted(set(seqs(late)))
    assert seqs(late)[-1] == seqs(first)[-1]
    assert [e.seq - e.skipped for e in late[1:]] == [e.seq + 1 for e in late[:-1]]  # type: ignore[union-attr]


async def test_a_stream_has_one_reader() -> None:
    """A second one at the same time is told so at once; the first notices nothing."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        stream = rig.watch("1")
        await anext(stream)
        got: list[Event] = []

        async def reads() -> None:
            got.append(await anext(stream))

        others.start_soon(reads)
        await turns()
        with pytest.raises(RuntimeError, match="watch\\(\\) of its own"):
            await anext(stream)
        rig.played.show("1", progress="50%")

    assert kinds(got) == ["progress"]


@pytest.mark.parametrize("how", ["timeout", "scope", "task"])
async def test_a_cancelled_wait_loses_nothing(how: str) -> None:
    """Cancelled as often as one likes, a reader gets every event."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(climb, rig)
        stream, got = rig.watch("1"), list[Event]()
        while not got or not got[-1].final:
            if how == "timeout":
                try:
                    got.append(await asyncio.wait_for(anext(stream), 0.3))
                except TimeoutError:
                    continue
            elif how == "scope":
                with anyio.move_on_after(0.3):
                    got.append(await anext(stream))
            else:
                task = asyncio.get_running_loop().create_task(anext(stream))
                await anyio.sleep(0.3)
                task.cancel()
                try:
                    got.append(await task)
                except asyncio.CancelledError:
                    continue

    assert seqs(got) == list(range(1, len(got) + 1))


async def test_a_cancelled_first_await_leaves_nothing_behind() -> None:
    """The stream can be read again afterwards."""
    async with running(make_rig(played("1"))) as rig:
        stream = rig.watch("1")
        with anyio.move_on_after(0):
            await anext(stream)
        await stream.aclose()
        left = rig.router.tasks

    assert left == 0


async def test_progress_is_throttled_and_nothing_else_is() -> None:
    """At most one Progress in so many seconds, the newest; an end comes at once."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(climb, rig, range(11, 61))
        stream, told = rig.watch("1", throttle=60.0), list[tuple[float, Event]]()
        async for event in stream:
            told.append((rig.now(), event))
    times = [at for at, event in told if isinstance(event, Progress)]

    assert all(later - earlier > 59.9 for earlier, later in itertools.pairwise(times))
    assert 3 <= len(times) <= 6
    assert kinds([event for _, event in told])[-2:] == ["buttons", "success"]


async def test_a_stream_goes_on_from_its_offset() -> None:
    """What an earlier one had got is not told again, and an end always is."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(climb, rig)
        async with rig.watch("1") as stream:
            first = await read(stream, 2)
            offset = stream.offset
        async with rig.watch("1", after=offset) as stream:
            kept = stream.offset
            rest = await read(stream)
        async with rig.watch("1", after=stream.offset) as stream:
            ends = await read(stream)

    assert kept == offset
    assert seqs(first) + seqs(rest) == list(range(1, len(first) + len(rest) + 1))
    assert kinds(ends) == ["success"]


async def test_a_stream_of_what_has_ended_has_an_offset() -> None:
    """Whoever read it all need not read it again."""
    async with running(make_rig(played("1"))) as rig:
        rig.played.succeed("1")
        await read(rig.watch("1"))
        stream = rig.watch("1")
        await read(stream)
        counts = await rig.store.counts()

    assert stream.offset == counts.offset


async def test_tasks_may_be_added_while_reading() -> None:
    """A waiting reader gets their present state at once."""
    rig = make_rig(played("1", "2"))
    async with running(rig), anyio.create_task_group() as others:
        rig.played.succeed("2")
        await read(rig.watch("2"))
        stream, told = rig.watch("1"), list[tuple[float, str]]()
        await anext(stream)

        async def reads() -> None:
            async for event in stream:
                told.append((rig.now(), event.task.id))  # type: ignore[union-attr]

        others.start_soon(reads)
        await anyio.sleep(5)
        added_at = rig.now()
        await stream.add("2", "1", "2")
        await anyio.sleep(5)
        rig.played.succeed("1")

    assert told[0] == (added_at, "2")
    assert told[-1][1] == "1"


async def test_adding_what_has_ended_here_does_not_keep_the_stream_open() -> None:
    """Exactly one final event per task: the reader has had it."""
    rig = make_rig(played("1", "2"))
    async with running(rig):
        stream = rig.watch("1", "2")
        rig.played.succeed("1")
        while (await anext(stream)).kind != "success":
            pass
        await stream.add("1")
        rig.played.succeed("2")
        with anyio.fail_after(300):
            rest = await read(stream)

    assert [event.kind for event in rest if event.task.id == "1"] == []  # type: ignore[union-attr]


async def test_a_refused_add_does_not_keep_the_stream_open() -> None:
    """What was not watched is not waited for."""
    rig = make_rig(played("1", "2"), limits=Limits(max_watches=1))
    async with running(rig):
        stream = rig.watch("1")
        await anext(stream)
        with pytest.raises(TooManyWatches):
            await stream.add("2")
        rig.played.succeed("1")
        with anyio.fail_after(300):
            events = await read(stream)

    assert kinds(events)[-1] == "success"


async def test_tasks_may_be_added_and_discarded_before_the_first_await() -> None:
    """The wishes are stored once."""
    async with running(make_rig(played("1", "2", "3"))) as rig:
        stream = rig.watch("1", "2")
        await stream.add("3")
        await stream.discard("1", "2")
        rig.played.succeed("3")
        events = await read(stream)

    assert {event.task.id for event in events} == {"3"}  # type: ignore[union-attr]


async def test_discarded_tasks_tell_nothing_more() -> None:
    """Not even an end that was there already; others who watch them notice nothing."""
    async with running(make_rig(played("1", "2"))) as rig:
        other = rig.watch("1")
        await anext(other)
        stream = rig.watch("1", "2")
        await anext(stream)
        rig.played.succeed("1")
        await anyio.sleep(60)
        await stream.discard("1")
        rig.played.succeed("2")
        events = await read(stream)
        others = await read(other)

    assert {event.task.id for event in events} == {"2"}  # type: ignore[union-attr]
    assert kinds(others) == ["buttons", "success"]


async def test_discarding_all_ends_a_waiting_reader() -> None:
    """Nothing is left to wait for."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        stream, ended = rig.watch("1"), anyio.Event()
        await anext(stream)

        async def reads() -> None:
            await read(stream)
            ended.set()

        others.start_soon(reads)
        await turns()
        await stream.discard("1")
        with anyio.fail_after(1):
            await ended.wait()


async def test_a_closed_stream_gives_nothing_more() -> None:
    """Closed by another asyncio task, it ends for its reader, and cannot be opened again."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        stream, ended = rig.watch("1"), anyio.Event()
        await anext(stream)

        async def reads() -> None:
            await read(stream)
            ended.set()

        others.start_soon(reads)
        await turns()
        await stream.aclose()
        await ended.wait()
        with pytest.raises(WatcherClosed, match="watch the tasks again"):
            await stream.__aenter__()

    assert rig.router.tasks == 0


async def test_closing_a_stream_drops_what_it_held() -> None:
    """Leaving a stream drops its mailbox."""
    async with running(make_rig(played("1"))) as rig:
        stream = rig.watch("1")
        await anext(stream)
        rig.played.succeed("1")
        await anyio.sleep(60)
        await stream.aclose()
        events = await read(stream)
        with pytest.raises(WatcherClosed, match="has ended"):
            await stream.add("2")

    assert events == []


async def test_a_standing_fault_is_raised() -> None:
    """Before the first useful answer a wrong token must not look like patience; each reader has its own error."""
    rig = make_rig(played("1"))
    rig.played.always = {"list-by-ids": Reply(401, b"")}
    async with running(rig):
        streams = [rig.watch("1"), rig.watch("1")]
        errors = []
        for stream in streams:
            with pytest.raises(GatewayDenied, match="check the token") as caught:
                await anext(stream)
            errors.append(caught.value)
        left = rig.router.tasks

    assert errors[0] is not errors[1]
    assert left == 0


async def test_a_closed_watcher_ends_a_stream_with_an_error() -> None:
    """What was there may still be read."""
    async with running(make_rig(played("1"))) as rig:
        stream = rig.watch("1")
        await anext(stream)
        rig.played.show("1", progress="50%")
        await anyio.sleep(60)
        rig.router.close(WatcherClosed("closed"))
        event = await anext(stream)
        with pytest.raises(WatcherClosed, match="closed"):
            await anext(stream)

    assert isinstance(event, Progress)


async def test_ends_come_as_they_come() -> None:
    """`as_completed` gives final events only, also of tasks that were added."""
    async with running(make_rig(played("1", "2"))) as rig:
        wishes = [Wish("1", wants_progress=False)]
        events = Subscription(rig.router, wishes, clock=rig.context.clock, is_final_only=True)
        async with Completed(events) as ends:
            await ends.add("2")
            rig.played.succeed("2")
            got = [await anext(ends)]
            rig.played.succeed("1")
            got += [end async for end in ends]
        await ends.aclose()

    assert [(end.task.id, end.kind) for end in got] == [("2", "success"), ("1", "success")]


async def test_the_stream_of_everything() -> None:
    """From now on or from an offset; it ends when it is closed."""
    ended: list[str] = []
    async with running(make_rig(played("1", "2"))) as rig:
        await rig.router.keep(["1", "2"])
        await anyio.sleep(5)
        async with EventStream(rig.store.events(0), 0, lambda: ended.append("end")) as stream:
            events = [await anext(stream), await anext(aiter(stream))]
            offset = stream.offset
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        with pytest.raises(OffsetExpired):
            await anext(EventStream(rig.store.events(99), 99, lambda: None))

    assert (len(events), offset, ended) == (2, 2, ["end"])


def test_ids_are_checked() -> None:
    """Each once, in order."""
    assert checked(["2", "1", "2"]) == ["2", "1"]
    with pytest.raises(ValueError, match="not a task id"):
        checked(["../1"])
    with pytest.raises(TypeError, match="keep ids as text"):
        checked([1])  # type: ignore[list-item]
