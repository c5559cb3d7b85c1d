"""Late readers: first the present state with its original `seq`s, then what follows."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

import mjwatch
from mjwatch import Event, Expired, Lost, Pacing
from mjwatch.testing import Answer, Family, SimulatedGateway
from tests.watcher.stage import check_contract, kinds, now, read, simulated, staged, told


def script(sim: SimulatedGateway, task_id: str = "1") -> None:
    """Add a task with an event of each usual kind."""
    task = sim.task(task_id).after(2).submitted().after(5).progress(31).after(6).progress(62)
    task.after(8).finishing().after(8).success()


@simulated
async def test_a_second_reader_first_gets_the_present_state() -> None:
    """At any moment: the newest progress and the buttons, their own seq and id, no request of their own."""
    async with staged() as (sim, watcher):
        script(sim)
        first: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"), first)
            await anyio.sleep(0.5)
            for _ in range(40):
                await anyio.sleep(0.7)
                before = len(sim.requests)
                async with watcher.watch("1") as late:
                    present: list[Event] = []
                    with anyio.move_on_after(0):
                        await read(late, present)
                assert len(sim.requests) == before
                slots = {event.kind: event for event in first}
                if "success" in slots:
                    slots.pop("progress")
                assert [event.id for event in present] == [event.id for event in slots.values()]
                assert told(present) == sorted(told(slots.values()))

    check_contract(first, "1")


@pytest.mark.parametrize("family", [Family.PLUS, Family.TRUEAI, Family.NEW_API, Family.NOVICEZK])
@simulated
async def test_a_reader_of_an_ended_task_gets_its_buttons_and_its_end_without_a_request(
    family: Family,
) -> None:
    """Finished tasks are kept: streams, `wait`, `latest` and `as_completed` answer from memory, as often as asked."""
    async with staged(family) as (sim, watcher):
        script(sim)
        first = await read(watcher.watch("1"))
        before = len(sim.requests)
        for _ in range(3):
            again = await read(watcher.watch("1"))
            kept = [event for event in first if event.kind in {"buttons", "success"}]
            assert [event.id for event in again] == [event.id for event in kept]
            assert told(again) == told(kept)
            check_contract(again, "1")
            assert (await watcher.wait("1")).status is mjwatch.Status.SUCCESS
            assert (await watcher.latest("1")).status is mjwatch.Status.SUCCESS
            assert kinds(await read(watcher.as_completed(["1"]))) == ["success"]
        await anyio.sleep(100)

    assert len(sim.requests) == before


@simulated
async def test_a_failed_task_is_told_again_the_same() -> None:
    """The end of a failed task: the same Failure for whoever comes later."""
    async with staged() as (sim, watcher):
        sim.task("1").after(2).submitted().after(3).failure("可能包含敏感词")
        [*_, first] = await read(watcher.watch("1"))
        [again] = await read(watcher.watch("1"))
        with pytest.raises(mjwatch.TaskFailed) as caught:
            await watcher.wait("1")

    assert again.id == first.id
    assert caught.value.kind is mjwatch.FailureKind.BANNED_PROMPT
    assert not caught.value.retryable


@simulated
async def test_after_expired_a_new_watch_looks_again_and_seq_goes_on() -> None:
    """Expired ended a watch, not the task: nothing is replayed, the gateway is asked, seq rises on."""
    async with staged() as (sim, watcher):
        script(sim)
        first = await read(watcher.watch("1", deadline=8))
        assert isinstance(first[-1], Expired)
        before = len(sim.requests)
        again = await read(watcher.watch("1"))
        assert len(sim.requests) > before

    check_contract(again, "1")
    assert told(again)[0][0] == told(first)[-1][0] + 1
    assert kinds(again)[-1] == "success"
    assert not {event.id for event in first if event.final} & {event.id for event in again}


@simulated
async def test_after_lost_a_new_watch_looks_again_and_seq_goes_on() -> None:
    """An id that appears after all: Lost once, then a new watch sees it to its end."""
    async with staged() as (sim, watcher):
        first = await read(watcher.watch("1"))
        assert isinstance(first[-1], Lost)
        script(sim)
        again = await read(watcher.watch("1"))

    check_contract(again, "1")
    assert told(again)[0][0] == told(first)[-1][0] + 1
    assert kinds(again)[-1] == "success"


@simulated
async def test_watching_again_what_was_left_goes_on() -> None:
    """A task left by its last reader and watched again: its state first, then what happened meanwhile."""
    async with staged() as (sim, watcher):
        script(sim)
        async with watcher.watch("1") as events:
            first = [await anext(events), await anext(events)]
        await anyio.sleep(60)
        again = await read(watcher.watch("1"))

    check_contract(again, "1")
    assert told(again)[0] == told(first)[-1]
    assert kinds(again)[-1] == "success"


@simulated
async def test_from_an_offset_nothing_is_told_twice_and_nothing_is_missing() -> None:
    """`watch(..., after=stream.offset)`: the events of both streams are those of one that was never left."""
    async with staged() as (sim, watcher):
        script(sim)
        whole: list[Event] = []
        async with anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"), whole)
            await anyio.lowlevel.checkpoint()
            got: list[Event] = []
            offset: int | None = None
            for _ in range(20):
                async with watcher.watch("1", after=offset) as events:
                    with anyio.move_on_after(2.3):
                        await read(events, got)
                    offset = events.offset
                if got and got[-1].final:
                    break

    assert [event.id for event in got] == [event.id for event in whole]


@simulated
async def test_a_first_look_that_fails_does_not_end_a_new_watch() -> None:
    """After Expired the old end is the past: a fault at the first look of the new watch is only a fault."""
    async with staged() as (sim, watcher):
        script(sim)
        assert kinds(await read(watcher.watch("1", deadline=8)))[-1] == "expired"
        sim.fault(Answer(502))
        again = await read(watcher.watch("1"))

    check_contract(again, "1")
    assert kinds(again)[-1] == "success"


@simulated
async def test_a_new_watch_after_expired_is_told_the_present_state_at_its_first_look() -> None:
    """Also where the gateway shows just what it showed before."""
    async with staged(pacing=Pacing.every(20)) as (sim, watcher):
        sim.task("1").after(2).submitted().forever()
        await anyio.sleep(5)
        assert kinds(await read(watcher.watch("1", deadline=30)))[-1] == "expired"
        begun = now()
        async with watcher.watch("1") as events:
            assert kinds([await anext(events)]) == ["progress"]
        assert now() - begun <= 1
