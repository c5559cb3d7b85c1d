"""The mailbox of one reader and the waiter in front of it."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from mjwatch._policy.ledger import Parcel
from mjwatch._runtime.inbox import Inbox
from mjwatch.errors import WatcherClosed
from mjwatch.events import TaskEvent
from tests.runtime.rig import turns
from tests.support.builders import progress, recovered, success, unreachable


def now() -> float:
    """Say what time it is."""
    return asyncio.get_running_loop().time()


def put(inbox: Inbox, *events: TaskEvent, offset: int = 0) -> None:
    """Put *events*, and no others up to *offset*."""
    inbox.put_all(Parcel(events), offset)


def drained(inbox: Inbox) -> list[int | None]:
    """Take all that may be taken."""
    got: list[int | None] = []
    while (event := inbox.take(now())) is not None:
        got.append(getattr(event, "seq", None))
    return got


async def test_what_came_between_hold_and_catch_up_is_neither_lost_nor_doubled() -> None:
    """The present state stands first, and holds some of it already."""
    inbox = Inbox()
    inbox.hold(["1"])
    for seq in (3, 4, 5):
        put(inbox, progress(seq), offset=seq)
    put(inbox, progress(1, task_id="2"), offset=6)
    before = drained(inbox)
    inbox.catch_up("1", [progress(4)])
    put(inbox, progress(6), offset=7)

    assert before == [1]
    assert drained(inbox) == [4, 5, 6]


async def test_only_what_is_wanted_gets_in() -> None:
    """Of the present state, and of what the gateway says; of the log it was chosen before."""
    inbox = Inbox(lambda event: event.final)
    inbox.put_outage(unreachable())
    inbox.hold(["1"])
    inbox.catch_up("1", [progress(2), success(3)])

    assert drained(inbox) == [3]


async def test_a_reader_waits_until_it_is_woken() -> None:
    """Once per batch, and without time passing."""
    inbox = Inbox()
    got: list[tuple[float, int | None]] = []

    async def reads() -> None:
        while len(got) < 2:
            await inbox.wait(now())
            got.extend((now(), seq) for seq in drained(inbox))

    async with anyio.create_task_group() as readers:
        readers.start_soon(reads)
        await anyio.sleep(7)
        put(inbox, progress(1), progress(2))
        inbox.wake()

    assert got == [(1007.0, 1), (1007.0, 2)]


async def test_a_wait_for_what_is_there_does_not_wait() -> None:
    """Something can be taken already."""
    inbox = Inbox()
    put(inbox, progress(1))
    await inbox.wait(now())

    assert drained(inbox) == [1]


async def test_a_cancelled_wait_loses_nothing() -> None:
    """An event is taken only after waking."""
    inbox = Inbox()
    with anyio.move_on_after(1):
        await inbox.wait(now())
    put(inbox, progress(1))

    assert drained(inbox) == [1]


async def test_a_throttled_progress_comes_in_its_time() -> None:
    """The wait ends when it may be taken, without anybody's waking."""
    inbox = Inbox(throttle=10)
    put(inbox, progress(1))
    drained(inbox)
    put(inbox, progress(2))
    await inbox.wait(now())
    if not (seqs := drained(inbox)):
        await inbox.wait(now())
        seqs = drained(inbox)

    assert (seqs, now()) == ([2], 1010.0)


async def test_the_offset_counts_what_was_delivered() -> None:
    """It moves when the mailbox is empty, also by what this reader does not want."""
    inbox = Inbox(lambda event: event.final)
    put(inbox, success(1), offset=4)
    put(inbox, offset=5)
    before = inbox.offset
    inbox.take(now())

    assert (before, inbox.offset) == (0, 5)


async def test_a_closed_inbox_may_be_read_to_its_end() -> None:
    """Then every wait says why, with an error of its own."""
    inbox = Inbox()
    put(inbox, progress(1))
    inbox.close(WatcherClosed("enough"))
    inbox.close(WatcherClosed("again"))
    got = drained(inbox)
    errors = []
    for _ in range(2):
        with pytest.raises(WatcherClosed, match="enough") as caught:
            await inbox.wait(now())
        errors.append(caught.value)

    assert got == [1]
    assert errors[0] is not errors[1]


async def test_a_broken_inbox_gives_nothing_more() -> None:
    """The bug must not be hidden behind old news."""
    inbox = Inbox()
    put(inbox, progress(1))
    why = WatcherClosed("broke")
    why.__cause__ = KeyError("bug")
    inbox.close(why)
    with pytest.raises(WatcherClosed, match="broke") as caught:
        inbox.take(now())

    assert isinstance(caught.value.__cause__, KeyError)


async def test_closing_wakes_the_reader() -> None:
    """Nobody waits for what will never come."""
    inbox = Inbox()
    caught: list[BaseException] = []

    async def reads() -> None:
        await inbox.wait(now())
        try:
            await inbox.wait(now())
        except WatcherClosed as closed:
            caught.append(closed)

    async with anyio.create_task_group() as readers:
        readers.start_soon(reads)
        await turns()
        inbox.close(WatcherClosed("enough"))

    assert len(caught) == 1


async def test_a_standing_outage_is_told_once() -> None:
    """A reader that comes in an outage may get it from the log as well."""
    inbox = Inbox()
    inbox.put_outage(unreachable(since=5.0))
    inbox.put_outage(unreachable(since=5.0), 1)
    inbox.put_outage(unreachable(since=9.0), 2)

    assert len(drained(inbox)) == 2


async def test_what_is_delivered_without_asking_counts_too() -> None:
    """A reader may take what is ready from the mailbox itself."""
    inbox = Inbox()
    put(inbox, progress(1), progress(2), offset=2)
    inbox.take(now())
    inbox.mailbox.ready.popleft()
    before = inbox.offset
    put(inbox, progress(3), offset=3)

    assert (before, inbox.offset) == (2, 2)


async def test_a_task_that_was_left_while_it_was_opened_holds_nothing() -> None:
    """Neither what came meanwhile, nor the offset."""
    inbox = Inbox()
    inbox.hold(["1"])
    put(inbox, progress(1), offset=1)
    before = drained(inbox), inbox.offset
    inbox.forget("1")
    put(inbox, progress(1, task_id="2"), offset=2)

    assert before == ([], 0)
    assert (drained(inbox), inbox.offset) == ([1], 2)


async def test_an_outage_ends_once() -> None:
    """Whoever came after it does not hear of its end."""
    inbox, late = Inbox(), Inbox()
    inbox.put_outage(unreachable())
    for one in (inbox, late):
        one.put_outage(recovered())

    assert (len(drained(inbox)), drained(late)) == (2, [])
