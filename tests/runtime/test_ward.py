"""An id that spoils its batch is found, kept apart, and harms nobody."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import anyio
import pytest
from attrs import define, evolve, field

from mjwatch._runtime.ward import SEARCH_EVERY
from mjwatch._wire.messages import Reply, Request
from mjwatch.errors import GatewayBroken, GatewayError
from mjwatch.settings import Deadlines, Limits, Pacing
from tests.runtime.rig import FREE, PlayedGateway, Rig, kinds, make_rig, read, running

BROKEN = Reply(500, b"{}")


@define(eq=False)
class Spoiled(PlayedGateway):
    """A gateway that fails whenever one of *poison* is in a list, and at its single lookup if *is_bad_alone*."""

    poison: frozenset[str] = frozenset()
    is_bad_alone: bool = True
    is_down: bool = False
    halved: anyio.Event = field(factory=anyio.Event)
    """Set by the first list of 32: the search for one of 64 has begun."""

    async def send(self, request: Request) -> Reply:
        """Answer, or fail."""
        reply = await super().send(request)
        _, route, ids = self.sent[-1]
        is_list = route.startswith("list")
        if len(ids) == 32:
            self.halved.set()
        is_bad = not self.poison.isdisjoint(ids) and (is_list or self.is_bad_alone)
        return evolve(BROKEN, at=reply.at) if self.is_down or is_bad else reply


def spoiled(count: int, *poison: str, is_bad_alone: bool = True) -> tuple[Rig, Spoiled]:
    """Return a rig before a gateway with so many tasks."""
    gateway = Spoiled(takes=0.05, poison=frozenset(poison), is_bad_alone=is_bad_alone)
    for number in range(count):
        gateway.show(str(number))
    return make_rig(gateway, pacing=Pacing.every(5), limits=FREE), gateway


async def watch_all(rig: Rig, count: int) -> None:
    """Watch all tasks without a reader."""
    await rig.router.keep(map(str, range(count)))


def lists(gateway: Spoiled, since: int = 0) -> list[tuple[str, ...]]:
    """Return the ids of each list request."""
    return [ids for _, route, ids in gateway.sent[since:] if route.startswith("list")]


async def end_of(rig: Rig, gateway: Spoiled, task_id: str) -> str:
    """Let a task succeed, and return what a reader hears of its end within ten minutes."""
    gateway.succeed(task_id)
    with anyio.fail_after(600):
        return kinds(await read(rig.watch(task_id)))[-1]


async def test_one_poison_id_blinds_its_batch_for_two_rounds_only() -> None:
    """Then it is found by halves: fifteen requests of a hundred ids, and all others are seen."""
    rig, gateway = spoiled(100, "37")
    async with running(rig):
        begun = rig.now()
        await watch_all(rig, 100)
        await anyio.sleep(20)
        found_at = rig.now() - begun
        searching = len(gateway.sent)
        others = [events for number in ("36", "38") for events in [await read(rig.watch(number), 1)]]
        await anyio.sleep(60)

    assert found_at <= 30
    assert searching <= 2 + 1 + 15 + 10
    assert [kinds(events) for events in others] == [["progress"], ["progress"]]
    assert all("37" not in ids for ids in lists(gateway, searching))
    assert ("warning", "batch.spoiled", {"by": 1, "first": "37"}) in rig.log.lines
    assert not rig.gate.health.breaker.is_open


async def test_who_is_apart_is_looked_at_alone_and_comes_back() -> None:
    """Rarely; after two looks that go well it rides with the others again."""
    rig, gateway = spoiled(20, "7")
    async with running(rig):
        await watch_all(rig, 20)
        await anyio.sleep(120)
        alone = [at for at, route, ids in gateway.sent if route == "fetch" and ids == ("7",)]
        gateway.poison = frozenset()
        await anyio.sleep(700)
        back = [ids for ids in lists(gateway, len(gateway.sent) - 20) if "7" in ids]

    assert 1 <= len(alone) <= 60
    assert back


async def test_what_only_lists_choke_on_is_told_all_the_same() -> None:
    """The single route shows it: its end is not missed."""
    rig, gateway = spoiled(20, "7", is_bad_alone=False)
    async with running(rig):
        await watch_all(rig, 20)
        await anyio.sleep(60)

        assert await end_of(rig, gateway, "7") == "success"


@pytest.mark.parametrize("rate", [0.2, 0.5, 5.0])
async def test_who_is_apart_is_told_of_however_small_the_budget_is(rate: float) -> None:
    """No lookup waits for a pass with ids in its hands: what it found would come after their lease, and be refused."""
    _, gateway = spoiled(40, "7", is_bad_alone=False)
    rig = make_rig(gateway, limits=Limits(rate=rate))
    async with running(rig):
        await watch_all(rig, 40)
        await anyio.sleep(400)

        assert await end_of(rig, gateway, "7") == "success"
    assert gateway.most_of_one == 1


@pytest.mark.parametrize("end", ["success", "expired"])
async def test_who_has_ended_is_apart_no_more(end: str) -> None:
    """`Stats.apart` counts whom anybody looks at."""
    _, gateway = spoiled(20, "7")
    deadlines = Deadlines(usual=400, slow=400)
    rig = make_rig(gateway, pacing=Pacing.every(5), limits=FREE, deadlines=deadlines)
    async with running(rig):
        await watch_all(rig, 20)
        await anyio.sleep(60)
        apart = len(rig.pump._ward)
        if end == "success":
            gateway.poison = frozenset()
            gateway.succeed("7")
        events = await read(rig.watch("7"))
        left = len(rig.pump._ward)

    assert (apart, kinds(events)[-1], left) == (1, end, 0)


async def test_a_stranger_that_asks_for_poison_harms_nobody() -> None:
    """A chat user may paste any id, again and again: neither the batch it rides with nor the gateway is judged by it."""
    rig, gateway = spoiled(10, "bad")
    rig = make_rig(gateway, limits=Limits())
    failed = 0
    async with running(rig):
        await watch_all(rig, 10)
        await anyio.sleep(10)
        for _ in range(300):
            try:
                await rig.coalescer.lookup("bad")
            except GatewayBroken:
                failed += 1
            await anyio.sleep(0.3)
    seen = [at for at, _, ids in gateway.sent if "3" in ids and "bad" not in ids]

    assert failed == 300
    assert max(later - at for at, later in pairwise(seen)) < 5
    assert rig.gate.health.failures == 0
    assert not rig.gate.health.breaker.is_open


async def test_an_outage_is_told_though_strangers_keep_asking() -> None:
    """What they ask for does not count, but what is polled does."""
    rig, gateway = spoiled(10)
    rig = make_rig(gateway, limits=Limits())
    async with running(rig), anyio.create_task_group() as strangers:
        await watch_all(rig, 10)
        await anyio.sleep(10)
        gateway.is_down = True
        strangers.start_soon(ask_on, rig)
        await anyio.sleep(120)
        was_open, asked = rig.gate.health.breaker.is_open, len(gateway.sent)
        await anyio.sleep(60)
        while_open = len(gateway.sent) - asked
        gateway.is_down = False
        await anyio.sleep(60)
        strangers.cancel_scope.cancel()

    assert was_open
    assert while_open <= 60 / 2.5
    assert not rig.gate.health.breaker.is_open


async def test_a_gateway_whose_polls_fail_is_spared_the_strangers_too() -> None:
    """However rarely it is polled: one poll that fails, and four of theirs, open the breaker."""
    _, gateway = spoiled(10)
    rig = make_rig(gateway, pacing=Pacing.every(20), limits=Limits())
    async with running(rig), anyio.create_task_group() as strangers:
        await watch_all(rig, 10)
        await anyio.sleep(10)
        gateway.is_down = True
        strangers.start_soon(ask_on, rig)
        await anyio.sleep(15)  # with the poll at 20
        before = len(gateway.sent)
        await anyio.sleep(30)
        strangers.cancel_scope.cancel()

    assert rig.gate.health.breaker.is_open
    assert len(gateway.sent) - before <= 30 / 2.5


async def ask_on(rig: Rig) -> None:
    """Look up one id again and again."""
    while True:
        with suppress(GatewayError):
            await rig.coalescer.lookup("stranger")
        await anyio.sleep(0.01)


async def test_an_outage_is_not_searched() -> None:
    """One id more is asked for, to find out; no halves."""
    rig, gateway = spoiled(100)
    async with running(rig):
        await watch_all(rig, 100)
        await anyio.sleep(12)
        gateway.is_down = True
        before = len(gateway.sent)
        await anyio.sleep(300)
        down = gateway.sent[before:]
        gateway.is_down = False
        await anyio.sleep(60)
        after = lists(gateway, before + len(down))

    assert len(down) <= 30
    assert {len(ids) for _, _, ids in down} <= {1, 100}
    assert 100 in {len(ids) for ids in after}
    assert "batch.spoiled" not in [line[1] for line in rig.log.lines]


async def test_a_gateway_that_goes_down_in_the_search_accuses_nobody() -> None:
    """All halves fail then; the last question, for an innocent one, tells."""
    rig, gateway = spoiled(64, "5")
    async with running(rig):
        await watch_all(rig, 64)
        await gateway.halved.wait()
        gateway.is_down = True
        await anyio.sleep(30)
        gateway.is_down = False
        accused = [line for line in rig.log.lines if line[1] == "batch.spoiled"]
        await anyio.sleep(2 * SEARCH_EVERY + 60)
        found = [line for line in rig.log.lines if line[1] == "batch.spoiled"]

    assert accused == []
    assert [line[2] for line in found] == [{"by": 1, "first": "5"}]


async def test_a_search_ends_with_its_watcher() -> None:
    """Closing in the middle leaves nothing behind, and gives the ids back."""
    rig, gateway = spoiled(64, "5")
    async with running(rig):
        await watch_all(rig, 64)
        await gateway.halved.wait()

    counts = await rig.store.counts()
    assert (counts.watched, counts.leased) == (64, 0)


async def test_poison_side_by_side_is_found() -> None:
    """Though nothing goes well for long: one of the others shows that it is not the gateway."""
    rig, _ = spoiled(64, "0", "1", "2", "3")
    async with running(rig):
        await watch_all(rig, 64)
        await anyio.sleep(60)

    assert [line[2] for line in rig.log.lines if line[1] == "batch.spoiled"] == [{"by": 4, "first": "0"}]


async def test_a_search_asks_little_of_a_gateway_that_went_down() -> None:
    """What it finds then is held against nobody, so nothing else would stop it."""
    rig, gateway = spoiled(400, "37")
    async with running(rig):
        await watch_all(rig, 400)
        while not any(len(ids) == 200 for ids in lists(gateway)):  # noqa: ASYNC110 - the search has begun
            await anyio.sleep(0.01)
        gateway.is_down = True
        begun = len(gateway.sent)
        await anyio.sleep(50)
        searched = [ids for _, _, ids in gateway.sent[begun:] if len(ids) < 200]

    assert len(searched) < 20
    assert not any(line[1] == "batch.spoiled" for line in rig.log.lines)


async def test_a_search_does_not_ask_for_those_who_have_ended() -> None:
    """However slow the gateway is, and however long the machine slept: nobody wants to know any more."""
    gateway = Spoiled(takes=0.05, poison=frozenset({"37"}))
    for number in range(64):
        gateway.show(str(number))
    rig = make_rig(gateway, pacing=Pacing.every(5), limits=FREE, deadlines=Deadlines(usual=100, slow=100))
    async with running(rig):
        await watch_all(rig, 64)
        await gateway.halved.wait()
        gateway.takes, begun = 70.0, gateway.sent[-1][0]
        await anyio.sleep(1_000)

    assert 0 < gateway.sent[-1][0] - begun <= 140


async def test_a_poison_id_expires_as_any_other() -> None:
    """Being apart is no end, and keeps nobody from one."""
    gateway = Spoiled(takes=0.05, poison=frozenset({"1"}))
    gateway.show("0")
    gateway.show("1")
    rig = make_rig(gateway, pacing=Pacing.every(5), limits=FREE, deadlines=Deadlines(usual=300, slow=300))
    async with running(rig):
        events = await read(rig.watch("1"))

    assert kinds(events)[-1] == "expired"


async def test_lists_that_fail_for_ten_minutes_are_left_for_the_single_route() -> None:
    """Where that one works: then each is asked for alone, until the lists are tried again."""
    gateway = PlayedGateway(takes=0.05, always={"list-by-ids": BROKEN, "list-by-condition": BROKEN})
    gateway.show("1")
    async with running(make_rig(gateway, pacing=Pacing.every(5), limits=FREE)) as rig:
        with anyio.fail_after(700):
            events = await read(rig.watch("1"), 3)

    assert kinds(events) == ["unreachable", "recovered", "progress"]
    assert gateway.routes[-1] == "fetch"
    assert isinstance(events[0].error, GatewayBroken)  # type: ignore[union-attr]


async def test_lists_that_were_down_with_all_else_are_asked_again() -> None:
    """A long outage is no fault of theirs."""
    rig, gateway = spoiled(20)
    async with running(rig):
        await watch_all(rig, 20)
        await anyio.sleep(12)
        gateway.is_down = True
        await anyio.sleep(900)
        gateway.is_down = False
        healed = len(gateway.sent)
        await anyio.sleep(60)

    assert max(len(ids) for ids in lists(gateway, healed)) == 20
    assert {route for _, route, ids in gateway.sent[healed + 2 :]} == {"list-by-ids"}
    assert len(gateway.sent) - healed <= 18


@pytest.mark.parametrize("count", [2, 3])
async def test_small_batches_are_searched_too(count: int) -> None:
    """Two tasks, one of them poison: the other one is seen."""
    rig, _ = spoiled(count, "0")
    async with running(rig):
        await watch_all(rig, count)
        with anyio.fail_after(120):
            events = await read(rig.watch("1"), 1)

    assert kinds(events)[-1] in {"progress", "unreachable"}
