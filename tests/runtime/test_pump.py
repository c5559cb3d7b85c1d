"""The poll plane: when ids are asked for, what comes back to the store, and what is told."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import anyio
import pytest
from attrs import define, evolve

from mjwatch._runtime.pump import CLOSING_GRACE
from mjwatch._wire.messages import Reply, Request
from mjwatch.errors import GatewayRefused, GatewayUnreachable
from mjwatch.events import Expired, Lost, Progress, Success, Unreachable
from mjwatch.settings import Deadlines, Limits, Pacing
from tests.runtime.rig import FREE, PAGE, PlayedGateway, Rig, kinds, make_rig, read, running, turns, unguarded

GONE = GatewayUnreachable("gone", gateway="sim")


def played(*task_ids: str, takes: float = 0.1) -> PlayedGateway:
    """Return a gateway that knows *task_ids*, at 10 % each."""
    gateway = PlayedGateway(takes=takes)
    for task_id in task_ids:
        gateway.show(task_id)
    return gateway


async def wish(rig: Rig, *task_ids: str, deadline: float | None = None) -> None:
    """Watch *task_ids* without a reader."""
    await rig.router.keep(task_ids, deadline_in=deadline)


async def test_a_watch_is_looked_at_at_once() -> None:
    """A sleeping pump wakes when something is watched."""
    async with running(make_rig(played("1"))) as rig:
        await anyio.sleep(100)
        begun = rig.now()
        [event] = await read(rig.watch("1"), 1)

    assert isinstance(event, Progress)
    assert rig.now() - begun < 1


async def test_all_tasks_share_a_request() -> None:
    """A hundred tasks cost what one costs."""
    ids = [str(number) for number in range(100)]
    async with running(make_rig(played(*ids))) as rig:
        await wish(rig, *ids)
        await anyio.sleep(0.5)

    assert [len(some) for some in rig.played.asked] == [100]


async def test_a_task_is_told_to_its_end() -> None:
    """Progress, buttons, success; then nobody is asked any more."""
    async with running(make_rig(played("1"))) as rig, anyio.create_task_group() as others:
        others.start_soon(succeed_later, rig, "1")
        events = await read(rig.watch("1"))
        asked = len(rig.played.sent)
        await anyio.sleep(100)

    assert kinds(events) == ["progress", "buttons", "success"]
    assert len(rig.played.sent) == asked
    assert rig.pump.tally.events == 3


async def succeed_later(rig: Rig, task_id: str, after: float = 5.0) -> None:
    """Let a task succeed after a while."""
    await anyio.sleep(after)
    rig.played.succeed(task_id)


async def test_a_nudge_is_looked_at_at_once() -> None:
    """The pump does not sleep on."""
    async with running(make_rig(played("1"), pacing=Pacing.every(20))) as rig:
        await wish(rig, "1")
        await anyio.sleep(5)
        await rig.store.nudge(["1"])
        rig.pump.wake()
        await anyio.sleep(1)

    assert len(rig.played.sent) == 2


async def test_a_discard_ends_a_watch_without_a_request() -> None:
    """Time is asked before the gateway is."""
    async with running(make_rig(played("1"))) as rig:
        events = rig.watch("1")
        await read(events, 1)
        await rig.store.discard(["1"])
        rig.pump.wake()
        asked = len(rig.played.sent)
        rest = await read(events)

    assert [(type(event), event.reason) for event in rest] == [(Expired, "discarded")]  # type: ignore[union-attr]
    assert len(rig.played.sent) == asked
    assert rig.pump.tally.events == 2


async def test_a_deadline_passes_while_the_gateway_is_down() -> None:
    """A held gate keeps nobody from the end, and nothing is asked for it."""
    rig = make_rig(played("1"))
    rig.played.always = {"list-by-ids": Reply(429, b"", "300")}
    async with running(rig):
        begun = rig.now()
        events = await read(rig.watch("1", deadline=60))

    assert [type(event) for event in events][-1] is Expired
    assert rig.now() - begun == pytest.approx(60, abs=1)
    assert len(rig.played.sent) == 1


async def test_a_default_deadline_holds_for_what_nobody_knows() -> None:
    """Nothing waits for ever."""
    async with running(make_rig(played("1"), deadlines=Deadlines(usual=30, slow=50))) as rig:
        begun = rig.now()
        events = await read(rig.watch("1"))

    assert kinds(events) == ["progress", "expired"]
    assert 30 <= rig.now() - begun < 60


async def test_held_ids_are_put_off_until_the_gate_opens() -> None:
    """During a hold nothing is sent; after it the watch goes on."""
    rig = make_rig(played("1"))
    rig.played.script.append(Reply(429, b"", "30"))
    async with running(rig):
        begun = rig.now()
        events = await read(rig.watch("1"), 1)

    assert kinds(events) == ["progress"]
    assert rig.played.sent[1][0] - begun >= 30
    assert rig.played.sent[1][0] - begun < 36


async def test_a_failed_look_fails_no_task() -> None:
    """An outage is told from its second failure on, and its end once."""
    rig = make_rig(played("1"))
    rig.played.script.extend([GONE] * 4)
    async with running(rig):
        events = await read(rig.watch("1"), 3)

    assert kinds(events) == ["unreachable", "recovered", "progress"]
    assert rig.pump.tally.faults == 4
    assert [line[1] for line in rig.log.lines] == ["gateway.failing", "gateway.recovered"]


async def test_a_wrong_address_is_raised() -> None:
    """A web page on every route is a standing fault, and no proof of a gateway that works."""
    page = {"list-by-ids": PAGE, "list-by-condition": PAGE, "fetch": PAGE}
    rig = make_rig(PlayedGateway(always=dict(page)))
    async with running(rig):
        with pytest.raises(GatewayRefused, match="check base_url"):
            await read(rig.watch("1"))

    assert rig.played.routes == ["list-by-ids", "list-by-condition", "fetch"]
    assert not rig.gate.health.is_proven


async def test_a_standing_fault_that_stands_is_told_to_the_next_reader() -> None:
    """Without a request, until the gate opens again; then the next reader may try."""
    rig = make_rig(played("1"), limits=FREE)
    rig.played.script.append(Reply(401, b""))
    async with running(rig):
        for _ in range(2):
            with pytest.raises(Exception, match="check the token"):
                await read(rig.watch("1"))
        asked = len(rig.played.sent)
        await anyio.sleep(70)
        [event] = await read(rig.watch("1"), 1)

    assert (asked, event.kind) == (1, "progress")


async def test_a_reader_that_comes_in_an_outage_gets_it_first() -> None:
    """The gateway's silence stands before anything else."""
    rig = make_rig(played("1"))
    rig.played.script.append(Reply(200, b"[]"))
    rig.played.script.extend([GONE] * 10)
    async with running(rig):
        await wish(rig, "1")
        await anyio.sleep(30)
        [event] = await read(rig.watch("1"), 1)

    assert isinstance(event, Unreachable)
    assert event.proven


async def test_at_most_eight_flights_are_under_way() -> None:
    """Single lookups go side by side, but not without bound."""
    ids = [str(number) for number in range(40)]
    rig = make_rig(played(*ids, takes=5), dialect="enveloped", limits=FREE)
    async with running(rig):
        await wish(rig, *ids)
        await anyio.sleep(30)

    assert (rig.played.most, rig.played.most_of_one) == (8, 1)
    assert {ids[0] for ids in rig.played.asked} == set(ids)


async def test_a_list_that_went_missing_costs_no_time() -> None:
    """A gateway of another family is asked by the routes it has, soon."""
    rig = make_rig(played("1", "2", "3"))
    rig.played.always = {"list-by-ids": PAGE, "list-by-condition": PAGE}
    async with running(rig):
        begun = rig.now()
        for task_id in ("1", "2", "3"):
            await read(rig.watch(task_id), 1)

    assert rig.now() - begun < 10


async def test_an_id_that_lists_leave_out_is_looked_at_alone() -> None:
    """Absences alone prove nothing: single lookups confirm the loss, and the others notice nothing."""
    async with running(make_rig(played("1"))) as rig:
        begun = rig.now()
        await wish(rig, "1")
        [event] = await read(rig.watch("2"))

    assert isinstance(event, Lost)
    assert 60 <= rig.now() - begun < 90
    assert rig.played.routes.count("fetch") >= 2
    assert {ids for _, route, ids in rig.played.sent if route == "fetch"} == {("2",)}
    assert rig.pump.tally.events == 2


async def test_a_doubted_id_is_doubted_on_while_the_single_lookup_fails() -> None:
    """A fault is no miss, and the id comes back to the store."""
    rig = make_rig(played("1"))
    rig.played.always = {"fetch": Reply(502, b"")}
    async with running(rig):
        await wish(rig, "1", "2")
        await anyio.sleep(300)
        counts = await rig.store.counts()

    assert rig.played.routes.count("fetch") >= 2
    assert counts.watched == 2


@pytest.mark.parametrize("others", [("1",), ()], ids=["among others", "the only one"])
@pytest.mark.parametrize(
    "answer",
    [Reply(302, b""), Reply(404, b"<html>"), Reply(502, b""), GatewayUnreachable("x", gateway="sim")],
)
async def test_lists_that_show_a_doubted_id_again_are_heard(
    answer: Reply | GatewayUnreachable, others: tuple[str, ...]
) -> None:
    """Where the single route never works, a doubted id must not be asked for by that alone."""
    rig = make_rig(played(*others))
    rig.played.always = {"fetch": answer}
    async with running(rig), anyio.create_task_group() as later:
        await wish(rig, *others)
        later.start_soon(succeed_later, rig, "2", 40)
        with anyio.fail_after(40 + 60):
            events = await read(rig.watch("2"))

    assert [type(event) for event in events if event.final] == [Success]
    assert rig.played.routes.count("fetch") >= 1


@define(eq=False)
class OneBad(PlayedGateway):
    """A gateway whose single lookup of "bad" always fails."""

    async def send(self, request: Request) -> Reply:
        """Answer, or fail."""
        reply = await super().send(request)
        return evolve(Reply(502, b""), at=reply.at) if self.sent[-1][1:] == ("fetch", ("bad",)) else reply


async def test_a_single_lookup_that_fails_keeps_no_other_id_from_its_own() -> None:
    """Each is asked for alone, and told to be lost, in its time."""
    rig = make_rig(OneBad())
    async with running(rig):
        await wish(rig, "bad")
        with anyio.fail_after(120):
            events = await read(rig.watch("2", "3"))

    assert [type(event) for event in events] == [Lost, Lost]


async def test_a_late_id_is_found() -> None:
    """A relay that writes a task down late loses nothing."""
    async with running(make_rig(played())) as rig, anyio.create_task_group() as others:
        others.start_soon(succeed_later, rig, "1", 40)
        events = await read(rig.watch("1"))

    assert [type(event) for event in events][-1] is Success


async def test_no_id_is_in_two_flights() -> None:
    """Also where replies are slow, nudges come, and ids are doubted."""
    rig = make_rig(played("1", "2", "3", takes=4), limits=FREE)
    async with running(rig):
        await wish(rig, "1", "2", "3", "unknown")
        for _ in range(60):
            await anyio.sleep(3)
            await rig.store.nudge(["1", "2", "unknown"])
            rig.pump.wake()

    assert rig.played.most_of_one == 1


async def test_a_slow_confirmation_is_no_second_flight() -> None:
    """A doubted id is asked for once at a time, however slow the gateway is."""
    rig = make_rig(played("1", takes=19), limits=FREE)
    async with running(rig):
        await wish(rig, "1", "2")
        await anyio.sleep(400)

    assert rig.played.most_of_one == 1


@pytest.mark.parametrize("flights", [1, 2, 3])
async def test_single_lookups_are_flights_too(flights: int) -> None:
    """However many ids are doubted and however slow a gateway is, no more requests are under way; none is forgotten."""
    ids = [str(number) for number in range(8)]
    limits = Limits(rate=None, flights=flights, batch=2)
    rig = make_rig(played(*ids[::2], takes=3), limits=limits, pacing=Pacing.every(2))
    async with running(rig):
        await wish(rig, *ids)
        await anyio.sleep(600)
        counts = await rig.store.counts()

    assert rig.played.most == flights
    assert counts.watched == 4
    assert rig.played.routes.count("fetch") >= 4 * 2


@pytest.mark.parametrize("flights", [1, 2, 8])
async def test_who_is_doubted_keeps_nobody_from_being_looked_at(flights: int) -> None:
    """Where a gateway forgets hundreds of tasks at once, each is asked for alone; lists go on in between."""
    ids = [str(number) for number in range(200)]
    rig = make_rig(played("well", *ids), limits=Limits(flights=flights))
    async with running(rig):
        await wish(rig, "well", *ids)
        await anyio.sleep(10)
        for task_id in ids:
            del rig.played.tasks[task_id]
        await anyio.sleep(120)

    seen = [at for at, _, asked in rig.played.sent if "well" in asked]
    assert max(later - at for at, later in pairwise([*seen, rig.now()])) < 3
    assert rig.played.routes.count("fetch") > 50


async def test_an_unchanged_look_writes_no_state() -> None:
    """What did not change makes no event, also where the dice have it decoded."""
    async with running(make_rig(played("1"), pacing=Pacing.every(1))) as rig:
        await wish(rig, "1")
        await anyio.sleep(100)
        counts = await rig.store.counts()

    assert len(rig.played.sent) > 50
    assert (counts.logged, rig.pump.tally.events) == (1, 1)


async def test_a_garbled_task_is_looked_at_again() -> None:
    """It says nothing about the task."""
    rig = make_rig(played("1"))
    rig.played.script.append(Reply(200, b'[{"id": {"x": 1}, "status": "SUCCESS"}]'))
    async with running(rig):
        [event] = await read(rig.watch("1"), 1)

    assert event.kind == "progress"
    assert len(rig.played.sent) == 2


async def test_a_batch_that_is_too_big_is_halved() -> None:
    """Every id is told all the same."""
    ids = [str(number) for number in range(8)]
    rig = make_rig(played(*ids))
    rig.played.script.append(Reply(413, b""))
    async with running(rig):
        events = await read(rig.watch(*ids), 8)

    assert {event.task.id for event in events} == set(ids)  # type: ignore[union-attr]
    assert [len(some) for some in rig.played.asked[:3]] == [8, 4, 4]


@pytest.mark.parametrize(("takes", "landed"), [(0.5, 1), (5.0, 0)])
async def test_a_flight_under_way_has_a_second_to_land(takes: float, landed: int) -> None:
    """`stop` claims no more; what has not landed soon is cancelled, and its ids are due now."""
    rig = make_rig(played("1", takes=takes))
    async with running(rig, pump=False), anyio.create_task_group() as pumping:
        pumping.start_soon(rig.pump.run, unguarded)
        await wish(rig, "1")
        await turns()
        begun = rig.now()
        rig.pump.stop()
    [known] = await rig.store.known()
    counts = await rig.store.counts()

    assert rig.now() - begun <= CLOSING_GRACE
    assert (counts.logged, counts.leased) == (landed, 0)
    assert (known.due_in == 0.0) is not bool(landed)


async def test_a_pump_that_is_stopped_before_it_runs_asks_nothing() -> None:
    """There is no first claim."""
    rig = make_rig(played("1"))
    await wish(rig, "1")
    rig.pump.stop()
    await rig.pump.run(unguarded)

    assert rig.played.sent == []


@pytest.mark.parametrize("step", range(60))
async def test_cancelled_anywhere_the_pump_gives_its_ids_back(step: int) -> None:
    """Whatever it waits for, no id stays behind under a lease, and no counted event is untold."""
    rig = make_rig(played("1", takes=0.01), dialect="trueai")
    async with running(rig, pump=False):
        await wish(rig, "1", "2", "3")
        loop = asyncio.get_running_loop()
        pumping = loop.create_task(rig.pump.run(unguarded))
        for _ in range(step):
            await asyncio.sleep(0)
            if step % 2:
                await asyncio.sleep(0.001)
        pumping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pumping
        counts = await rig.store.counts()

    assert (counts.watched, counts.leased) == (3, 0)
    assert counts.logged == rig.pump.tally.events


async def test_a_flight_that_waits_to_commit_is_not_lost() -> None:
    """A reply that came is committed, although the pump is cancelled in that very moment."""
    rig = make_rig(played("1", "2", takes=1), dialect="enveloped", limits=FREE)
    async with running(rig, pump=False):
        await wish(rig, "1", "2")
        pumping = asyncio.get_running_loop().create_task(rig.pump.run(unguarded))
        await anyio.sleep(0.5)
        while not rig.pump.tally.events:
            await asyncio.sleep(0)
            if rig.now() < 1000.99:
                await anyio.sleep(0.01)
        pumping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pumping
        counts = await rig.store.counts()

    assert (counts.leased, counts.logged) == (0, rig.pump.tally.events)


async def test_the_budget_holds_for_many_tasks() -> None:
    """Never more requests than `Limits` allow, however many ids are due."""
    ids = [str(number) for number in range(200)]
    rig = make_rig(played(*ids), dialect="enveloped", limits=Limits(rate=2, per_minute=60, burst=1))
    async with running(rig):
        await wish(rig, *ids)
        await anyio.sleep(60)

    assert 55 <= len(rig.played.sent) <= 62
