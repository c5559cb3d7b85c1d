"""The gateway's silence is never the task's failure."""

from __future__ import annotations

import anyio
import pytest

import mjwatch
from mjwatch import Deadlines, Event, Expired, Lost, Pacing, Recovered, Success, Unreachable, Watcher
from mjwatch.testing import SATURATED, Answer, CutBody, Delay, Family, Reset, SimulatedGateway, current_loop
from mjwatch.testing.faults import Fault
from tests.watcher.stage import (
    EPOCH,
    after,
    check_contract,
    kinds,
    now,
    of_tasks,
    preset,
    read,
    simulated,
    staged,
    told,
)


def script(sim: SimulatedGateway, task_id: str = "1") -> None:
    """Add a task that runs for two minutes."""
    task = sim.task(task_id).after(2).submitted()
    for percent in (15, 31, 46, 62, 78, 93):
        task = task.after(18).progress(percent)
    task.after(10).success()


FAULTS = {
    "reset": Reset(),
    "502": Answer(502),
    "503": Answer(503, b"", {"Retry-After": "7"}),
    "429": SATURATED,
    "cut": CutBody(),
    "garbage": Answer(200, b"\xff\xfe{", {"Content-Type": "application/json"}),
    "html after proof": Answer(200, b"<html></html>", {"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("family", [Family.PLUS, Family.NEW_API, Family.ENVELOPED])
@simulated
async def test_40_seconds_down_are_an_unreachable_and_a_recovered_and_nothing_else(
    fault: Fault, family: Family
) -> None:
    """Whatever the fault: the task's events are those of an undisturbed run in kind and order."""
    async with staged(family) as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(40)
            before = watcher.stats().faults
            sim.down(40, fault)
            await anyio.sleep(39)
            assert not watcher.health().is_reachable
            down = [r for r in sim.requests if r.at > now() - 39]
            assert len(down) <= 15
        assert watcher.stats().faults > before
        assert watcher.health().is_reachable
        assert watcher.health().is_proven

    check_contract(events, "1")
    assert isinstance(events[-1], Success)
    gateway = [event for event in events if isinstance(event, Unreachable | Recovered)]
    assert kinds(gateway) == ["unreachable", "recovered"]
    gone, back = gateway
    assert isinstance(gone, Unreachable)
    assert isinstance(back, Recovered)
    assert gone.since == back.since
    assert gone.proven
    assert 30 <= back.outage <= 80
    assert isinstance(gone.error, mjwatch.GatewayError)


@simulated
async def test_one_lost_request_is_no_outage() -> None:
    """A single blip between two good looks is told to nobody."""
    async with staged(pacing=Pacing.every(5)) as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            group.start_soon(after, 20, lambda: sim.fault(Reset()))
            group.start_soon(after, 60, lambda: sim.fault(Answer(502)))
            events = await read(watcher.watch("1"))
        assert watcher.stats().faults == 1, "the reset on a connection used before is made good unseen"

    check_contract(events, "1")
    assert len(of_tasks(events)) == len(events)


@simulated
async def test_an_outage_costs_few_requests_and_is_over_within_45_seconds() -> None:
    """Fifty tasks, ten minutes: 5 % of the usual requests, then all are seen again and no rush is made of it."""
    ids = [str(number) for number in range(50)]
    async with staged(Family.ENVELOPED, pacing=Pacing.every(20)) as (sim, watcher):
        for task_id in ids:
            sim.task(task_id).after(2).submitted().after(5).progress(31).forever()
        await watcher.add(*ids)
        await anyio.sleep(160)
        usual = len(sim.requests) / 160
        sim.down(600)
        before = len(sim.requests)
        await anyio.sleep(600)
        assert len(sim.requests) - before <= 0.05 * 600 * usual
        await anyio.sleep(80)
        back = [request for request in sim.requests if request.at >= now() - 80]
        rushes = [sum(0 <= other.at - one.at < 10 for other in back) for one in back]

    assert {id_ for request in back if request.at <= back[0].at + 45 for id_ in request.ids} == set(ids)
    assert back[0].at <= now() - 80 + 30
    assert max(rushes) <= 1.25 * 10 * usual + 1


@simulated
async def test_a_hanging_gateway_is_an_outage_too() -> None:
    """Replies that come after a minute: `Unreachable` from a timeout, then all goes on."""
    async with staged() as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(30)
            sim.fault(Delay(60), for_seconds=60)
        gone = next(event for event in events if isinstance(event, Unreachable))
        await anyio.sleep(60)  # the simulated gateway still holds a late reply

    assert isinstance(gone.error, mjwatch.GatewayUnreachable)
    check_contract(events, "1")


@simulated
async def test_a_cut_cable_is_an_outage_too() -> None:
    """Refused connections, unknown names and black holes: the same two events."""
    async with staged() as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(30)
            network = current_loop().network
            network.replies.is_blackhole = True
            await anyio.sleep(25)
            network.replies.is_blackhole = False
            network.is_refusing = True
            await anyio.sleep(25)
            network.is_refusing = False

    check_contract(events, "1")
    assert kinds(event for event in events if event not in of_tasks(events)) == ["unreachable", "recovered"]


@simulated
async def test_a_late_reader_in_an_outage_gets_the_standing_unreachable_first() -> None:
    """Then the present state, then what follows; the `Unreachable` is the one the others got."""
    async with staged() as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            early: list[Event] = []
            late: list[Event] = []
            group.start_soon(read, watcher.watch("1"), early)
            await anyio.sleep(40)
            sim.down(60)
            await anyio.sleep(40)
            before = len(sim.requests)
            async with watcher.watch("1") as events:
                late.extend([await anext(events), await anext(events)])
                assert len(sim.requests) == before
                await read(events, late)

    check_contract(late, "1")
    assert isinstance(late[0], Unreachable)
    assert late[0].id in {event.id for event in early}
    assert told(late)[0][1] == "progress"
    assert set(told(late)) <= set(told(early))
    assert kinds(late).count("unreachable") == 1


@pytest.mark.parametrize("family", [Family.PLUS, Family.NEW_API, Family.ENVELOPED])
@simulated
async def test_a_forgotten_id_ends_in_lost_once(family: Family) -> None:
    """A gateway that loses the task: confirmed by several looks over ten minutes, then `Lost`, and no more requests."""
    async with staged(family) as (sim, watcher):
        sim.task("1").after(2).submitted().after(30).progress(31).forever()
        sim.task("2").after(2).submitted().forever()
        async with anyio.create_task_group() as group:
            events: list[Event] = []
            others: list[Event] = []
            group.start_soon(read, watcher.watch("2"), others)
            group.start_soon(after, 100, lambda: sim.forget("1"))
            begun = now()
            await read(watcher.watch("1"), events)
            assert 100 + 600 <= now() - begun <= 1_000
            before = len([request for request in sim.requests if "1" in request.ids])
            await anyio.sleep(200)
            assert len([request for request in sim.requests if "1" in request.ids]) == before
            group.cancel_scope.cancel()

    check_contract(events, "1")
    assert isinstance(events[-1], Lost)
    assert {event.task_id for event in of_tasks(others)} == {"2"}
    assert not any(event.final for event in others)


@pytest.mark.parametrize("family", list(Family))
@simulated
async def test_an_id_that_never_was_ends_in_lost_within_minutes(family: Family) -> None:
    """A mistyped id: `Lost` after the grace, for streams and `wait` alike."""
    async with staged(family) as (sim, watcher):
        begun = now()
        with pytest.raises(mjwatch.TaskLost) as caught:
            await watcher.wait("4711")
        assert caught.value.task_id == "4711"
        assert 60 <= now() - begun <= 150
        assert len(sim.requests) <= 40


@simulated
async def test_ids_left_out_of_a_list_for_a_while_are_not_lost() -> None:
    """A list that leaves an id out a few times costs a single look, and no event."""
    async with staged(Family.NEW_API, pacing=Pacing.every(5)) as (sim, watcher):
        script(sim)
        script(sim, "2")
        async with anyio.create_task_group() as group:
            group.start_soon(after, 20, lambda: sim.omit("1", times=5))
            events = await read(watcher.watch("1", "2"))

    check_contract(events, "1", "2")
    assert {event.kind for event in events if event.final} == {"success"}


@pytest.mark.parametrize("is_down", [False, True])
@simulated
async def test_a_task_that_never_ends_ends_in_expired(*, is_down: bool) -> None:
    """At its deadline, also while the gateway is down: by `Deadlines`, by `deadline=`, in every reader."""
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(2).submitted().after(5).progress(31).forever()
        deadlines = Deadlines(usual=600, slow=900)
        async with Watcher(preset(sim), deadlines=deadlines, wall=lambda: EPOCH) as watcher:
            async with anyio.create_task_group() as group:
                first: list[Event] = []
                second: list[Event] = []
                begun = now()
                group.start_soon(read, watcher.watch("1"), first)
                group.start_soon(read, watcher.watch("1"), second)
                await anyio.sleep(300)
                if is_down:
                    sim.down(10_000)
            assert 599.999 <= now() - begun <= 631

    for events in (first, second):
        check_contract(events, "1")
        assert isinstance(events[-1], Expired)
        assert events[-1].reason == "deadline"
        assert events[-1].task.percent == 31
    assert ("unreachable" in kinds(first)) is is_down


@simulated
async def test_a_deadline_of_ones_own_counts_for_this_watch() -> None:
    """`deadline=` is told at most one look late, and its text says that the task may still run."""
    async with staged() as (sim, watcher):
        sim.task("1").after(2).submitted().forever()
        begun = now()
        events = await read(watcher.watch("1", deadline=90))
        assert 90 <= now() - begun <= 121
        async with anyio.create_task_group() as group:
            group.start_soon(after, 30, lambda: group.start_soon(watcher.discard, "1"))
            with pytest.raises(mjwatch.WatchTimeout, match="may still run") as caught:
                await watcher.wait("1")
        assert caught.value.task_id == "1"

    assert kinds(events)[-1] == "expired"


@simulated
async def test_retry_after_holds_every_request_of_the_gateway() -> None:
    """429 with Retry-After: not one request until then, of any kind; then all goes on."""
    async with staged(Family.NEW_API, pacing=Pacing.every(2)) as (sim, watcher):
        script(sim)
        async with anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(30)
            sim.fault(Answer(429, b"", {"Retry-After": "40"}))
            await anyio.sleep(5)
            held = now()
            before = len(sim.requests)
            with pytest.raises(mjwatch.GatewayBusy):
                await watcher.lookup("1")
            with pytest.raises(mjwatch.GatewayError):
                await watcher.client.image_seed("1")
            assert now() == held
            await anyio.sleep(33)
            assert len(sim.requests) == before

    check_contract(events, "1")
