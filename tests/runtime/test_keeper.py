"""What was learned is kept: a watcher that starts warm is warm at once."""

from __future__ import annotations

import anyio
import pytest

from mjwatch._policy.lessons import Lessons
from mjwatch._policy.plane import Seen
from mjwatch._policy.state import State
from mjwatch._runtime.keeper import KEEP_EVERY, Keeper
from mjwatch._store.memory import MemoryStore
from mjwatch.observations import Watch
from mjwatch.tasks import Action, Mode, Status
from tests.runtime.rig import LogBook, make_context
from tests.support.builders import state_with

TERMS = Watch("1", None, 0.0, None, wants_progress=True)
HALF = state_with(status=Status.IN_PROGRESS, action=Action.IMAGINE, mode=Mode.FAST, percent=46, seen_at=20.0)


def learned() -> Lessons:
    """Return the lessons of a gateway where half a picture takes another 100 s."""
    lessons = Lessons()
    for number in range(20):
        lessons.forecast.saw(str(number), TERMS, HALF, 20.0)
        lessons.forecast.learn(HALF, lessons.forecast.trails.pop(str(number)), 120.0)
    return lessons


def keeper(store: MemoryStore[State], lessons: Lessons, book: LogBook | None = None) -> Keeper:
    """Return a keeper on *store*."""
    return Keeper(make_context(log=book or LogBook()), store, {"lessons": lessons})


def median(lessons: Lessons) -> float:
    """Return how long half a picture seems to take."""
    eta = lessons.eta_since(Seen("x", TERMS, HALF), 20.0)
    assert eta is not None
    return eta.p50


@pytest.mark.anyio
async def test_what_was_learned_is_there_at_the_next_start() -> None:
    """One note per gateway."""
    store: MemoryStore[State] = MemoryStore(clock=anyio.current_time)
    before, after = learned(), Lessons()
    assert median(after) != pytest.approx(median(before), rel=0.5)
    await keeper(store, before).keep()
    await keeper(store, after).recall()
    assert median(after) == pytest.approx(median(before))


@pytest.mark.anyio
async def test_it_is_kept_now_and_then() -> None:
    """A worker that is killed forgets a minute."""
    store: MemoryStore[State] = MemoryStore(clock=anyio.current_time)
    lessons = learned()
    async with anyio.create_task_group() as group:
        group.start_soon(keeper(store, lessons).run)
        await anyio.sleep(KEEP_EVERY + 1)
        group.cancel_scope.cancel()
    after = Lessons()
    await keeper(store, after).recall()
    assert median(after) == pytest.approx(median(lessons))


@pytest.mark.anyio
async def test_what_is_not_new_is_not_written_again() -> None:
    """A note costs a write."""
    store: MemoryStore[State] = MemoryStore(clock=anyio.current_time)
    one = keeper(store, learned())
    await one.keep()
    await store.note("lessons/sim", b"somebody else's")
    await one.keep()
    assert await store.recall("lessons/sim") == b"somebody else's"


@pytest.mark.anyio
async def test_a_note_that_cannot_be_read_is_told_and_passed_over() -> None:
    """Another version wrote it, or nobody did."""
    store: MemoryStore[State] = MemoryStore(clock=anyio.current_time)
    lessons, book = Lessons(), LogBook()
    one = keeper(store, lessons, book)
    await one.recall()
    assert book.lines == []
    await store.note("lessons/sim", b"\xff\xfe")
    await one.recall()
    assert [line[1] for line in book.lines] == ["note.unreadable"]
    assert not lessons.forecast.table


@pytest.mark.anyio
async def test_a_store_that_cannot_keep_it_costs_a_line() -> None:
    """Never a watch."""
    store: MemoryStore[State] = MemoryStore(clock=anyio.current_time)
    for number in range(1_000):
        await store.note(str(number), b"")
    book = LogBook()
    await keeper(store, learned(), book).keep()
    assert [line[1] for line in book.lines] == ["note.not_kept"]
