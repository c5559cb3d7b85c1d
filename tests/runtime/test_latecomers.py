"""A task that takes too long is told to the log, once, and that is all."""

from __future__ import annotations

from typing import NamedTuple

import anyio

from mjwatch._policy.fold import Folded
from mjwatch._policy.state import State
from mjwatch._runtime.latecomers import Latecomers
from mjwatch._store.record import Record
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status
from tests.runtime.rig import LogBook, PlayedGateway, kinds, make_context, make_rig, read, running
from tests.support.builders import state_with, success

RUNNING = state_with(
    status=Status.IN_PROGRESS, action=Action.IMAGINE, mode=Mode.FAST, percent=46, seen_at=5.0
)
FAST_IS_LATE_AFTER = 180.0


class Stage(NamedTuple):
    """Latecomers and what they tell."""

    late: Latecomers
    book: LogBook

    def saw(
        self, *task_ids: str, now: float, over: tuple[str, ...] = (), state: State | None = RUNNING
    ) -> None:
        """Show a reply about tasks that began at 0, of which some are *over* now."""
        terms = Watch("", None, 0.0, None, wants_progress=True)
        rows = [Record(task_id, terms, state) for task_id in task_ids]
        ended = state_with(final=success(1))
        self.late.saw(rows, [(row, Folded(ended)) for row in rows if row.id in over], now)

    @property
    def told(self) -> list[object]:
        """The ids in the log."""
        return [keys["task_id"] for _, event, keys in self.book.lines if event == "task.late"]


def stage() -> Stage:
    """Return an empty stage."""
    book = LogBook()
    return Stage(Latecomers(make_context(log=book)), book)


async def test_a_late_task_is_told_once() -> None:
    """With its kind, and after how long."""
    it = stage()
    for now in (100, FAST_IS_LATE_AFTER, FAST_IS_LATE_AFTER + 1, 500):
        it.saw("1", now=now)

    assert it.late.count == 1
    assert it.book.lines == [
        (
            "warning",
            "task.late",
            {"task_id": "1", "action": "IMAGINE", "mode": "FAST", "after": 181, "suppressed": 0},
        )
    ]


async def test_what_was_never_seen_or_is_over_is_not_late() -> None:
    """Nothing is known of the one, and the other has come."""
    it = stage()
    it.saw("1", now=500, state=None)
    it.saw("1", now=500, over=("1",))

    assert it.told == []


async def test_many_late_tasks_are_told_of_ten_in_ten_minutes() -> None:
    """All are counted, and the next line says how many were passed over."""
    it = stage()
    for number in range(25):
        it.saw(str(number), now=500)
    it.saw("last", now=1_101)

    assert it.told == [*map(str, range(10)), "last"]
    assert it.book.lines[-1][2]["suppressed"] == 15
    assert it.late.count == 26


async def test_of_a_large_reply_only_some_are_asked() -> None:
    """Looked at often, a late one is noticed all the same."""
    it = stage()
    ids = [str(number) for number in range(500)]
    it.saw(*ids, now=500)
    first = it.late.count
    for number in range(600):
        it.saw(*ids, now=501 + number)

    assert first == 8
    assert it.late.count == 500


async def test_a_watch_goes_on_however_late_its_task_is() -> None:
    """Told to the log and by `stats`, and to no reader."""
    played = PlayedGateway(takes=0.1)
    played.show("1")
    async with running(make_rig(played, pacing=Pacing.every(5))) as rig, anyio.create_task_group() as group:

        async def later() -> None:
            await anyio.sleep(700)
            played.succeed("1")

        group.start_soon(later)
        events = await read(rig.watch("1"))

    assert kinds(events) == ["progress", "buttons", "success"]
    assert rig.pump.latecomers.count == 1
