"""Where the governor's rulings meet the store's gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import pytest
from attrs import define, evolve

from mjwatch._policy.governor import Exchange
from mjwatch._policy.state import State
from mjwatch._runtime.gate import RECHECK, Gate, again
from mjwatch._store.contract import Alike, Claim, Committed, Gap, Idle, Row, Wish
from mjwatch._store.memory import MemoryStore
from mjwatch._wire.messages import Reply, Request, Verb
from mjwatch.errors import GatewayBusy, GatewayDenied, GatewayError, GatewayUnreachable
from mjwatch.events import GatewayEvent
from mjwatch.observations import Verdict
from mjwatch.settings import Limits, Pacing
from tests.runtime.rig import PlayedGateway, Rig, make_rig, running

DENIED = GatewayDenied("no key", gateway="sim", status=401)
GONE = GatewayUnreachable("gone", gateway="sim")


def make(limits: Limits | None = None) -> tuple[Rig, Gate]:
    """Return a gate and what stands around it."""
    rig = make_rig(PlayedGateway(), limits=limits)
    return rig, rig.gate


async def settle(rig: Rig, verdict: Verdict, error: GatewayError | None = None) -> None:
    """Let a request leave and come back with *verdict*."""
    claim = Claim[State](0, rig.now(), 0.0, (), 0)
    exchange = Exchange(verdict, error, rig.now(), rig.now())
    await rig.gate.settle(claim, (), rig.gate.judge(claim, exchange))


async def test_requests_keep_their_distance() -> None:
    """However many want to go at once, each window of the budget holds."""
    rig, gate = make(Limits(rate=10, per_minute=60, burst=3))
    left: list[float] = []

    async def go() -> None:
        async with gate.enter():
            left.append(rig.now() - begun)

    begun = rig.now()
    async with anyio.create_task_group() as callers:
        for _ in range(6):
            callers.start_soon(go)

    assert [round(at, 1) for at in left] == [0.0, 0.1, 0.2, 1.0, 2.0, 3.0]


async def test_without_a_budget_nobody_waits() -> None:
    """`Limits(rate=None)` switches it off."""
    rig, gate = make(Limits(rate=None))
    begun = rig.now()
    for _ in range(100):
        async with gate.enter():
            pass

    assert rig.now() == begun


async def test_a_fault_shuts_the_gate_for_all() -> None:
    """Polls get their ids with the time that is left, others an error at once."""
    rig, gate = make()
    await rig.store.watch([Wish("1")])
    await settle(rig, Verdict.DENIED, DENIED)
    claim = await gate.claim(500)
    with pytest.raises(GatewayDenied, match="no key") as caught:
        async with gate.enter():
            pass

    assert isinstance(claim, Claim)
    assert claim.held == pytest.approx(RECHECK)
    assert caught.value is not DENIED


async def test_what_is_no_answer_and_no_fault_changes_nothing() -> None:
    """A route that is not there, or too large a batch, neither proves the gateway nor ends an outage."""
    rig, gate = make()
    await settle(rig, Verdict.UNSUPPORTED)
    proven = gate.health.is_proven
    await settle(rig, Verdict.BROKEN, GONE)
    await settle(rig, Verdict.TOO_BIG)

    assert not proven
    assert gate.health.failures == 1


async def test_an_outage_is_logged_at_its_ends_only() -> None:
    """One line per transition, and the event enters the store's log."""
    rig, _gate = make()
    log = rig.store.events()
    for _ in range(20):
        await settle(rig, Verdict.UNREACHABLE, GONE)
        await anyio.sleep(60)
    await settle(rig, Verdict.OK)
    await settle(rig, Verdict.OK)
    told = [event.kind for _, event in await anext(log)]

    assert told == ["unreachable", "recovered"]
    assert [(level, name) for level, name, _ in rig.log.lines] == [
        ("warning", "gateway.failing"),
        ("info", "gateway.recovered"),
    ]
    assert rig.log.lines[1][2] == {"outage": 1200.0}


async def test_a_standing_fault_stands_while_the_gate_is_shut_for_it() -> None:
    """Then the next reader's look may try again."""
    rig, gate = make()
    before = gate.standing()
    await settle(rig, Verdict.DENIED, DENIED)
    during = gate.standing()
    await anyio.sleep(61)
    after = gate.standing()

    assert (before, after) == (None, None)
    assert during is not None
    assert (during.error, during.proven) == (DENIED, False)


async def test_an_outage_stands_until_it_ends() -> None:
    """A reader that comes in it is told, also while the gate is open for a probe."""
    rig, gate = make()
    await settle(rig, Verdict.OK)
    for _ in range(2):
        await settle(rig, Verdict.UNREACHABLE, GONE)
    await anyio.sleep(400)
    during = gate.standing()
    await settle(rig, Verdict.OK)

    assert during is not None
    assert during.proven
    assert gate.standing() is None


async def test_a_hold_that_outlives_its_fault_asks_for_patience() -> None:
    """The error says for how long."""
    rig, gate = make()
    await settle(rig, Verdict.THROTTLED, GatewayBusy("busy", gateway="sim", retry_after=40))
    await settle(rig, Verdict.OK)
    with pytest.raises(GatewayBusy, match=r"left alone for 4. s more") as caught:
        async with gate.enter():
            pass

    assert caught.value.retry_after == pytest.approx(42, abs=2.1)


async def test_the_pace_is_kept_and_a_new_watch_breaks_it() -> None:
    """Pacing wants distance; what was never looked at opens the gate early."""
    rig, gate = make()
    await rig.store.watch([Wish("1")])
    first = await gate.claim(500)
    assert isinstance(first, Claim)
    await gate.give_back(first, [])
    await gate.give_back(first, [Row[State]("1", 0.0)])
    gate.pace = 30.0
    await anyio.sleep(5)
    second = await gate.claim(500)
    await rig.store.watch([Wish("2")])
    third = await gate.claim(500)

    assert isinstance(second, Idle)
    assert second.wait == pytest.approx(25)
    assert isinstance(third, Claim)


def test_an_error_is_raised_anew() -> None:
    """The same class, message and data, without anybody's traceback."""
    busy = GatewayBusy("busy", gateway="sim", status=429, retry_after=7)
    fresh = again(busy)

    assert fresh is not busy
    assert isinstance(fresh, GatewayBusy)
    assert (str(fresh), fresh.status, fresh.retry_after) == (str(busy), 429, 7)


async def opened(rig: Rig) -> None:
    """Let the gateway fail until only probes may go, and one may."""
    await rig.store.watch([Wish(str(number)) for number in range(9)])
    await settle(rig, Verdict.OK)
    for _ in range(5):
        await settle(rig, Verdict.UNREACHABLE, GONE)
    await anyio.sleep(5)


async def test_one_probe_at_a_time_with_one_id() -> None:
    """Nobody else may go meanwhile, neither polls nor callers."""
    rig, gate = make()
    await opened(rig)
    probe = await gate.claim(500)
    other = await gate.claim(500)
    with pytest.raises(GatewayUnreachable, match="gone"):
        async with gate.enter():
            pass

    assert isinstance(probe, Claim)
    assert len(probe.rows) == 1
    assert gate.is_probing
    assert isinstance(other, Idle)


class DurableStore(MemoryStore[State]):
    """A store that takes its time, as one on a disk does."""

    async def claim(
        self, limit: int, lease: float, *, gaps: Sequence[Gap], pace: float, **more: float
    ) -> Claim[State] | Idle:
        """Claim, a while later."""
        await anyio.sleep(0.05)
        return await super().claim(
            limit, lease, gaps=gaps, pace=pace, ahead=more["ahead"], linger=more["linger"]
        )


class SlowStore(MemoryStore[State]):
    """A store that takes its time to keep anything."""

    async def commit(
        self,
        claim: Claim[State],
        rows: Sequence[Row[State] | Alike],
        *,
        hold: float = 0.0,
        told: Sequence[GatewayEvent] = (),
    ) -> Committed:
        """Commit, a while later."""
        await anyio.sleep(0.05)
        return await super().commit(claim, rows, hold=hold, told=told)


async def test_a_caller_that_gives_up_takes_no_hold_with_it() -> None:
    """The gateway asked for patience, and that holds for all; also where a store takes its time to keep it."""
    rig, _ = make()
    store = SlowStore(clock=rig.context.clock)
    gate = Gate(rig.context, store, lambda: None)
    busy = GatewayBusy("busy", gateway="sim", retry_after=40)
    await store.watch([Wish("1")])
    with anyio.move_on_after(0.01) as patience:
        async with gate.enter() as claim:
            exchange = Exchange(Verdict.THROTTLED, busy, rig.now(), rig.now())
            await gate.settle(claim, (), gate.judge(claim, exchange))
            await anyio.lowlevel.checkpoint()
    held = await gate.claim(500)

    assert patience.cancelled_caught
    assert isinstance(held, Claim)
    assert held.held > 39


async def test_one_probe_at_a_time_however_long_a_store_takes() -> None:
    """Whoever asks while somebody else is being let in waits to hear of it."""
    rig, _ = make(Limits(rate=None))
    store = DurableStore(clock=rig.context.clock)
    gate = Gate(rig.context, store, lambda: None)
    rig = evolve(rig, store=store, gate=gate)
    await opened(rig)
    admitted: list[object] = []

    async def poll() -> None:
        claim = await gate.claim(500)
        admitted.extend([claim] if isinstance(claim, Claim) and not claim.held else [])

    async def call() -> None:
        with suppress(GatewayError):
            async with gate.enter() as claim:
                admitted.append(claim)
                await anyio.sleep(1)

    async with anyio.create_task_group() as many:
        for ask in (poll, call, poll, call):
            many.start_soon(ask)

    assert len(admitted) == 1


async def test_a_caller_may_be_the_probe() -> None:
    """Where nothing is polled, somebody must find out; its answer counts as any other."""
    rig, gate = make()
    await opened(rig)
    async with gate.enter() as claim:
        idle = await gate.claim(500)
        exchange = Exchange(Verdict.OK, None, rig.now(), rig.now())
        await gate.settle(claim, (), gate.judge(claim, exchange))
        going = gate.is_probing

    assert isinstance(idle, Idle)
    assert not going
    assert gate.health.breaker.good == 1


async def test_a_probe_that_is_called_off_is_not_lost() -> None:
    """The next one goes within five seconds; deadlines fall due meanwhile."""
    rig, gate = make()
    await opened(rig)
    probe = await gate.claim(500)
    assert isinstance(probe, Claim)
    await gate.give_back(probe, [Row[State](row.id, 0.0) for row in probe.rows])
    gate.leave(probe)
    held = await gate.claim(500)
    assert isinstance(held, Claim)
    await gate.give_back(held, [Row[State](row.id, 0.0) for row in held.rows])
    await anyio.sleep(5)
    again = await gate.claim(500)

    assert (len(held.rows), 2.5 <= held.held <= 5) == (9, True)
    assert isinstance(again, Claim)
    assert (len(again.rows), again.held, gate.is_probing) == (1, 0, True)


@define(eq=False)
class SlowSeeds(PlayedGateway):
    """A gateway that holds each request for a seed for a minute."""

    async def send(self, request: Request) -> Reply:
        """Answer; a seed a minute later."""
        if request.verb is Verb.SEED:
            await anyio.sleep(60)
        return await super().send(request)


async def test_a_seed_is_no_probe_where_tasks_are_polled() -> None:
    """It may take a minute and tells nothing of looks: whoever wants seeds must not keep the watches blind."""
    rig = make_rig(SlowSeeds())
    rig.played.show("1")
    rig.played.script.extend([GONE] * 5)

    async def want_seeds() -> None:
        while True:
            with suppress(GatewayError):
                await rig.client.image_seed("2")
            await anyio.sleep(0.001)

    async with running(rig), anyio.create_task_group() as callers:
        await rig.store.watch([Wish("1")])
        rig.pump.wake()
        await anyio.sleep(30)
        was_open = rig.gate.health.breaker.is_open
        callers.start_soon(want_seeds)
        await anyio.sleep(60)
        callers.cancel_scope.cancel()

    assert was_open
    assert not rig.gate.health.breaker.is_open


async def test_a_seed_ends_an_outage_where_nothing_is_polled() -> None:
    """Else one denial would leave a program that only asks for seeds with an error for every other one, for ever."""
    rig = make_rig(PlayedGateway())
    rig.played.script.append(Reply(401, b""))
    rig.played.always["image-seed"] = Reply(200, b'{"code":1,"result":"42"}')
    async with running(rig):
        with pytest.raises(GatewayDenied):
            await rig.client.image_seed("1")
        await anyio.sleep(61)
        seeds = [await rig.client.image_seed("1") for _ in range(5)]

    assert seeds == ["42"] * 5


async def test_who_may_not_cancel_may_still_look() -> None:
    """Only an admin may: a denial of that is no denial of the credential, for which all would be left alone a minute."""
    rig = make_rig(PlayedGateway())
    rig.played.show("1")
    rig.played.always["cancel"] = Reply(403, b"")
    async with running(rig):
        with pytest.raises(GatewayDenied):
            await rig.client.cancel("1")
        task = await rig.client.fetch("1")

    assert task.percent == 10
    assert not rig.gate.health.breaker.is_open


@asynccontextmanager
async def busy_polling(count: int, limits: Limits | None = None) -> AsyncIterator[Rig]:
    """Run a rig that wants to look at so many tasks each second, more than its budget allows."""
    ids = [str(number) for number in range(count)]
    rig = make_rig(PlayedGateway(), dialect="enveloped", pacing=Pacing.every(1), limits=limits)
    for task_id in ids:
        rig.played.show(task_id)
    async with running(rig):
        await rig.store.watch([Wish(task_id) for task_id in ids])
        rig.pump.wake()
        await anyio.sleep(10)
        yield rig


async def test_a_caller_is_let_in_where_the_watches_use_up_the_budget() -> None:
    """They go first, but not for ever."""
    async with busy_polling(200) as rig:
        begun, before = rig.now(), len(rig.played.sent)
        with anyio.fail_after(60):
            for _ in range(5):
                await rig.client.fetch("1")

    assert rig.now() - begun < 6
    assert len(rig.played.sent) - before > 5 * 4


async def test_a_caller_that_gives_up_leaves_its_turn_to_the_pump() -> None:
    """Whatever it was let in before: nothing is lost with it."""
    async with busy_polling(50, Limits(rate=0.5)) as rig:
        before = len(rig.played.sent)
        for patience in (1.0, 7.0, 8.0, 9.0, 9.9):
            with anyio.move_on_after(patience):
                await rig.client.fetch("1")
        await anyio.sleep(60)

    assert len(rig.played.sent) - before >= (1.0 + 7.0 + 8.0 + 9.0 + 9.9 + 60) / 2 - 3
