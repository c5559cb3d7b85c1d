"""Flights: who shares a request with whom, and what becomes of those who gave up."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from mjwatch._policy.breaker import IN_A_ROW
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.reading import Asked
from mjwatch._wire.messages import Reply, Route
from mjwatch.errors import GatewayBroken, GatewayBusy, GatewayError, GatewayUnreachable, WatcherClosed
from mjwatch.observations import Missing, Observation
from mjwatch.settings import Limits
from tests.runtime.rig import FREE, PAGE, PlayedGateway, Rig, make_rig, running, turns

SLOW = Limits(rate=1.0, per_minute=60, burst=1)


async def percents(rig: Rig, *task_ids: str) -> list[int | None]:
    """Look several ids up at once."""
    found: dict[int, int | None] = {}

    async def one(place: int, task_id: str) -> None:
        finding = await rig.coalescer.lookup(task_id)
        found[place] = finding.task.percent if isinstance(finding, Observation) else None

    async with anyio.create_task_group() as callers:
        for place, task_id in enumerate(task_ids):
            callers.start_soon(one, place, task_id)
    return [found[place] for place in sorted(found)]


def played(*task_ids: str, takes: float = 1.0) -> PlayedGateway:
    """Return a gateway that knows *task_ids*, at 10 % each."""
    gateway = PlayedGateway(takes=takes)
    for task_id in task_ids:
        gateway.show(task_id)
    return gateway


@pytest.mark.parametrize("task_ids", [["1"] * 10, [str(number) for number in range(10)]])
async def test_concurrent_lookups_make_one_request(task_ids: list[str]) -> None:
    """Ten callers cost the gateway what one costs, for one id as for ten."""
    async with running(make_rig(played(*task_ids)), pump=False) as rig:
        found = await percents(rig, *task_ids)

    assert found == [10] * 10
    assert [sorted(ids) for ids in rig.played.asked] == [sorted(set(task_ids))]


async def test_a_lone_caller_departs_at_once() -> None:
    """An idle gateway is asked without delay."""
    async with running(make_rig(played("1")), pump=False) as rig:
        begun = rig.now()
        await rig.coalescer.lookup("1")

    assert rig.played.sent[0][0] == begun


async def test_a_lookup_after_departure_waits_for_the_next_flight() -> None:
    """What left without it may be older than the question."""
    async with (
        running(make_rig(played("1"), limits=FREE), pump=False) as rig,
        anyio.create_task_group() as callers,
    ):
        callers.start_soon(rig.coalescer.lookup, "1")
        await anyio.sleep(0.5)
        rig.played.show("1", progress="50%")
        finding = await rig.coalescer.lookup("1")

    assert isinstance(finding, Observation)
    assert finding.task.percent == 50
    assert rig.played.asked == [("1",), ("1",)]


async def test_a_lookup_comes_along_with_the_pump() -> None:
    """A flight that is about to leave has room for it, and it needs no departure of its own."""
    async with running(make_rig(played("1", "2", "3", takes=0.1), limits=SLOW), pump=False) as rig:
        await rig.coalescer.lookup("3")
        async with anyio.create_task_group() as callers:
            results: list[list[int | None]] = []

            async def ask() -> None:
                results.append(await percents(rig, "2", "2"))

            callers.start_soon(ask)
            await turns()
            looked = await rig.coalescer.fly(Asked.anew(["1"]))

    assert sorted(looked.findings) == ["1", "2"]
    assert results == [[10, 10]]
    assert rig.played.asked == [("3",), ("1", "2")]


async def test_a_lookup_that_does_not_fit_flies_alone() -> None:
    """The pump's batch is never made larger than a request may be."""
    limits = Limits(rate=1.0, per_minute=60, burst=1, batch=1)
    async with (
        running(make_rig(played("1", "2"), limits=limits), pump=False) as rig,
        anyio.create_task_group() as callers,
    ):
        callers.start_soon(rig.coalescer.lookup, "2")
        await turns(1)
        await rig.coalescer.fly(Asked.anew(["1"]))

    assert sorted(rig.played.asked) == [("1",), ("2",)]


@pytest.mark.parametrize("limits", [FREE, Limits()])
async def test_a_lookup_that_was_taken_along_is_not_sent_twice(limits: Limits) -> None:
    """Also where it boarded in the very turn in which the pump left, and no budget holds it back."""
    async with (
        running(make_rig(played("1", "2"), limits=limits), pump=False) as rig,
        anyio.create_task_group() as callers,
    ):
        callers.start_soon(rig.coalescer.lookup, "2")
        await turns(1)
        await rig.coalescer.fly(Asked.anew(["1"]))

    assert rig.played.asked == [("1", "2")]


async def test_a_full_flight_is_followed_by_another() -> None:
    """More ids than fit make as many requests as they need."""
    limits = Limits(rate=None, batch=2)
    async with running(make_rig(played("1", "2", "3", "4", "5"), limits=limits), pump=False) as rig:
        found = await percents(rig, "1", "2", "3", "4", "5")

    assert found == [10] * 5
    assert [len(ids) for ids in rig.played.asked] == [2, 2, 1]


async def test_a_cancelled_caller_harms_nobody() -> None:
    """The others get their answer from the same request."""
    found: list[list[int | None]] = []

    async def stay() -> None:
        found.append(await percents(rig, "1", "2"))

    async with running(make_rig(played("1", "2")), pump=False) as rig, anyio.create_task_group() as callers:
        callers.start_soon(stay)
        with anyio.move_on_after(0.5) as scope:
            await percents(rig, "1", "1")

    assert scope.cancelled_caught
    assert found == [[10, 10]]
    assert (len(rig.played.sent), rig.played.called_off) == (1, 0)


async def test_the_last_one_out_calls_the_flight_off() -> None:
    """A request that nobody waits for is not made to its end."""
    async with running(make_rig(played("1"), limits=FREE), pump=False) as rig:
        for _ in range(2):
            with anyio.move_on_after(0.5):
                await percents(rig, "1", "1")
        await turns()

        assert (len(rig.played.sent), rig.played.called_off) == (2, 2)


async def test_a_newcomer_never_boards_a_dying_flight() -> None:
    """Who comes in the turn in which the last one left gets a flight of its own."""
    async with running(make_rig(played("1", takes=0.1), limits=SLOW), pump=False) as rig:
        await rig.coalescer.lookup("1")
        async with anyio.create_task_group() as callers:
            callers.start_soon(rig.coalescer.lookup, "1")
            await turns()
            callers.cancel_scope.cancel()
        finding = await rig.coalescer.lookup("1")

    assert isinstance(finding, Observation)
    assert len(rig.played.sent) == 2


async def test_a_held_gate_refuses_at_once() -> None:
    """Whoever asks for now gets no answer later, and each caller an error of its own."""
    rig = make_rig(played("1"))
    rig.played.script.extend([GatewayUnreachable("gone", gateway="sim")] * IN_A_ROW)
    errors = []
    async with running(rig, pump=False):
        for _ in range(IN_A_ROW + 1):
            with pytest.raises(GatewayUnreachable, match="gone") as caught:
                await rig.coalescer.lookup("1")
            errors.append(caught.value)

    assert len(rig.played.sent) == IN_A_ROW
    assert errors[-1] is not errors[-2]


async def test_a_hold_after_recovery_asks_for_patience() -> None:
    """The gate may still be shut although the last reply was good."""
    rig = make_rig(played("1", takes=0), limits=FREE)
    rig.played.script.append(Reply(429, b"", "20"))
    async with running(rig, pump=False):
        with pytest.raises(GatewayBusy):
            await rig.coalescer.lookup("1")
        rig.gate.health = type(rig.gate.health)()
        with pytest.raises(GatewayBusy, match="left alone for") as caught:
            await rig.coalescer.lookup("1")

    assert caught.value.retry_after == pytest.approx(20, abs=3)


async def test_a_missing_route_makes_room_for_the_next() -> None:
    """The caller notices nothing but the time it takes."""
    rig = make_rig(played("1", "2"), limits=FREE)
    rig.played.always = {"list-by-ids": PAGE, "list-by-condition": PAGE}
    async with running(rig, pump=False):
        found = await percents(rig, "1", "2")

    assert found == [10, 10]
    assert rig.played.routes == ["list-by-ids", "list-by-condition", "fetch", "fetch"]
    assert rig.coalescer.room == 1


async def test_a_flight_that_waits_while_its_route_goes_is_not_cut_short() -> None:
    """Ids that boarded together are each asked for, also where only single lookups are left meanwhile."""
    rig = make_rig(played("1", "2", "3", takes=0.5), limits=SLOW)
    rig.played.always = {"list-by-ids": PAGE, "list-by-condition": PAGE}
    async with running(rig, pump=False), anyio.create_task_group() as callers:
        callers.start_soon(percents, rig, "3")
        await anyio.sleep(1.2)  # its second request is under way; a third one may leave at 2.0
        found = await percents(rig, "1", "2")

    assert found == [10, 10]


async def test_a_batch_that_is_too_big_is_halved() -> None:
    """In the end all are answered."""
    rig = make_rig(played("1", "2", "3", "4"), limits=FREE)
    rig.played.script.append(Reply(413, b""))
    async with running(rig, pump=False):
        found = await percents(rig, "1", "2", "3", "4")

    assert found == [10] * 4
    assert [len(ids) for ids in rig.played.asked] == [4, 2, 2]


async def test_one_id_that_is_too_big_is_a_fault_of_the_gateway() -> None:
    """There is nothing left to halve, so nobody asks for ever; and what passes by itself is no reason to give up."""
    rig = make_rig(played("1"), limits=FREE)
    rig.played.always = {"list-by-ids": Reply(413, b"")}
    async with running(rig, pump=False):
        with anyio.fail_after(30), pytest.raises(GatewayBroken, match="HTTP 413"):
            await rig.coalescer.lookup("1")

    assert len(rig.played.sent) == 1


async def test_a_fault_is_everybodys_own() -> None:
    """Each of those who share a request gets the error anew, without the others' tracebacks."""
    rig = make_rig(played("1"))
    rig.played.script.append(Reply(502, b""))
    errors: list[GatewayError] = []

    async def ask() -> None:
        with pytest.raises(GatewayError, match="HTTP 502") as caught:
            await rig.coalescer.lookup("1")
        errors.append(caught.value)

    async with running(rig, pump=False), anyio.create_task_group() as callers:
        callers.start_soon(ask)
        callers.start_soon(ask)

    assert errors[0] is not errors[1]
    assert len(rig.played.sent) == 1


async def test_an_unknown_id_is_missing() -> None:
    """A finding of its own, for each of those who asked."""
    async with running(make_rig(played("1")), pump=False) as rig:
        finding = await rig.coalescer.lookup("2")

    assert finding == Missing(single=False)


async def test_a_lookup_under_way_when_all_ends_is_told_so() -> None:
    """Nobody waits for a flight that will never land."""
    rig = make_rig(played("1"))
    caught: list[BaseException] = []

    async def ask() -> None:
        try:
            await rig.coalescer.lookup("1")
        except WatcherClosed as closed:
            caught.append(closed)

    async with anyio.create_task_group() as callers, running(rig, pump=False):
        callers.start_soon(ask)
        await anyio.sleep(0.5)

    assert "was closed while the look was under way" in str(caught[0])


async def test_a_pumps_flight_that_is_called_off_tells_those_who_came_along() -> None:
    """They are as closed as the pump."""
    rig = make_rig(played("1", "2", takes=0.2), limits=SLOW)
    async with running(rig, pump=False):
        await rig.coalescer.lookup("1")
        waiting = asyncio.get_running_loop().create_task(rig.coalescer.lookup("2"))
        await turns()
        with anyio.move_on_after(0.1):
            await rig.coalescer.fly(Asked.anew(["1"]))
        with pytest.raises(WatcherClosed):
            await waiting

    assert rig.played.called_off == 1


async def test_a_look_alone_is_a_single_lookup() -> None:
    """It shares its request with nobody."""
    async with running(make_rig(played("1")), pump=False) as rig, rig.gate.enter() as claim:
        looked = await rig.coalescer.look_alone(claim, "1")

    assert (looked.route, rig.played.routes) == (Route.FETCH, ["fetch"])
    assert rig.client.requests == 1


async def test_an_unopened_coalescer_flies_nobody() -> None:
    """A bug in the wiring is no silence."""
    rig = make_rig(played("1"))
    coalescer = Coalescer(rig.context, rig.client, rig.gate, routes=rig.dialect.routes, ceiling=500)
    with pytest.raises(RuntimeError, match="not open"):
        await coalescer.lookup("1")
