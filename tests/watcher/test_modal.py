"""MODAL waits for a person: it is no end, and the same id goes on."""

from __future__ import annotations

import anyio
import pytest

from mjwatch import Event, InputRequired, Pacing, Progress, Status, Success
from mjwatch.testing import Family, SimulatedGateway
from tests.watcher.stage import check_contract, kinds, of_tasks, read, simulated, staged, told


def script(sim: SimulatedGateway) -> None:
    """Add a task that opens a window and goes on once it is answered."""
    task = sim.task("1", action="INPAINT").after(3).modal()
    task.after(2).submitted().after(20).progress(31).after(20).progress(62).after(20).success()


@pytest.mark.parametrize("family", [Family.PLUS, Family.TRUEAI, Family.NEW_API])
@simulated
async def test_an_answered_modal_goes_on_under_the_same_id(family: Family) -> None:
    """`InputRequired` once, the stream stays open; after the answer the same id goes to its end."""
    async with staged(family) as (sim, watcher):
        script(sim)
        events: list[Event] = []
        async for event in watcher.watch("1"):
            events.append(event)
            if isinstance(event, InputRequired):
                assert event.task.status is Status.MODAL
                assert not event.final
                await anyio.sleep(60)
                sim.answer("1")

    check_contract(events, "1")
    assert kinds(events).count("input_required") == 1
    assert isinstance(events[-1], Success)
    asked = kinds(events).index("input_required")
    assert [e.percent for e in events[asked:] if isinstance(e, Progress)][-1] == 62
    assert not any(isinstance(event, Progress) and event.restarted for event in events)


@simulated
async def test_what_follows_a_window_has_ids_of_its_own() -> None:
    """NOT_START, MODAL, NOT_START: the second NOT_START is news, so its event has another id than the first."""
    async with staged() as (sim, watcher):
        sim.task("1", action="INPAINT").after(3).modal().after(60).submitted().after(20).success()
        events: list[Event] = []
        async for event in watcher.watch("1"):
            events.append(event)
            if isinstance(event, InputRequired):
                await anyio.sleep(60)
                sim.answer("1")

    check_contract(events, "1")


@pytest.mark.parametrize("family", [Family.PLUS, Family.NEW_API])
@simulated
async def test_a_frozen_modal_row_beside_the_live_one_changes_nothing(family: Family) -> None:
    """A relay that shows the id twice, one row at MODAL for ever: the events are those of the live row."""
    async with staged(family) as (sim, watcher):
        script(sim)
        events: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(45)
            assert kinds(events)[-1] == "input_required"
            sim.duplicate("1")
            sim.answer("1")

    check_contract(events, "1")
    assert kinds(events).count("input_required") == 1
    assert isinstance(events[-1], Success)


@simulated
async def test_an_unanswered_modal_is_polled_slowly_and_ends_by_its_deadline() -> None:
    """Nobody answers: few looks, then `Expired`."""
    async with staged() as (sim, watcher):
        script(sim)
        events = await read(watcher.watch("1", deadline=3_600))

    check_contract(events, "1")
    assert kinds(events)[-2:] == ["input_required", "expired"]
    assert len(sim.requests) <= 3_600 / 10


@simulated
async def test_a_late_reader_at_an_open_window_is_told_of_it() -> None:
    """The present state of an open window is the InputRequired with its own seq."""
    async with staged() as (sim, watcher):
        script(sim)
        async with watcher.watch("1") as early:
            first = [await anext(early)]
            while not isinstance(first[-1], InputRequired):
                first.append(await anext(early))
            before = len(sim.requests)
            async with watcher.watch("1") as late:
                present = await anext(late)
            assert len(sim.requests) == before

    assert isinstance(present, InputRequired)
    assert told([present]) == told(first)[-1:]
    assert present.id == first[-1].id
    assert of_tasks([present])[0].skipped == present.seq - 1


@simulated
async def test_two_windows_are_asked_for_twice() -> None:
    """A second window of the same task (after the first was answered) is an InputRequired of its own id, or none is lost."""
    async with staged() as (sim, watcher):
        task = sim.task("1", action="INPAINT").after(3).modal()
        task.after(2).submitted().after(5).modal().after(2).submitted().after(20).progress(40).after(
            9
        ).success()
        events: list[Event] = []
        answers = 0
        with anyio.move_on_after(3_000):
            async for event in watcher.watch("1"):
                events.append(event)
                if isinstance(event, InputRequired):
                    answers += 1
                    await anyio.sleep(10)
                    sim.answer("1")

    check_contract(events, "1")
    asked = [event for event in events if isinstance(event, InputRequired)]
    assert answers == len({event.id for event in asked}) == 2


@simulated
async def test_a_window_after_progress_is_a_restart_and_told_as_one() -> None:
    """Percent 15, a window, then the work anew: the first Progress of the new run has `restarted`."""
    async with staged(pacing=Pacing.every(5)) as (sim, watcher):
        task = sim.task("1").after(2).submitted().after(6).progress(15).after(9).modal()
        task.after(60).submitted().after(20).success()
        events: list[Event] = []
        async for event in watcher.watch("1"):
            events.append(event)
            if isinstance(event, InputRequired):
                sim.answer("1")

    check_contract(events, "1")
