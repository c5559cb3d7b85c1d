"""What single rows of the fault matrix promise beyond one end: politeness, other routes, new names, other clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
import pytest
from attrs import evolve

from mjwatch import Event, Limits, Pacing, Progress, Unreachable, Watcher
from mjwatch.testing import Answer, Family, SimulatedGateway, current_loop, simulate
from tests.faults import rows
from tests.faults.tunnel import Answered, Lagging, Poisoned, TooMany, hung_up_when_reused, sliced, tunnelled
from tests.faults.world import HOST, StubbornReader, World, world_of
from tests.watcher.stage import EPOCH, check_contract, kinds, now, of_task, preset, read, simulated, told


def in_tunnel(sim: SimulatedGateway, port: int, **limits: int) -> Watcher:
    """Return a watcher that goes through a tunnel."""
    gateway = preset(sim)
    base_url = gateway.base_url.replace(f":{urlsplit(sim.base_url).port}", f":{port}")
    gateway = evolve(gateway, base_url=base_url, limits=Limits(**limits))
    return Watcher(gateway, pacing=Pacing.every(5), rng=current_loop().rng, wall=lambda: EPOCH)


@simulated
async def test_a_stale_connection_costs_one_resend_and_is_no_fault() -> None:
    """Row 4: each second request is sent twice, no fault is counted, and nobody is told."""
    async with world_of("I", is_tunnelled=True) as world, world.watcher() as watcher:
        world.mistreat(hung_up_when_reused)
        events = await read(watcher.watch("1", "2"))
        requests, stats = len(world.tunnel.log if world.tunnel else ()), watcher.stats()

    check_contract(events, "1", "2")
    assert stats.faults == 0
    assert stats.requests < requests <= 2 * stats.requests


@simulated
async def test_pieces_of_a_reply_are_as_good_as_the_whole() -> None:
    """Row 6: whatever the packets, the events are the same."""

    async def run(*, is_sliced: bool) -> list[tuple[int, str]]:
        async with world_of("C", is_tunnelled=True) as world, world.watcher() as watcher:
            if is_sliced:
                world.mistreat(sliced)
            return told(await read(watcher.watch("1", "2")))

    assert await run(is_sliced=True) == await run(is_sliced=False)


@pytest.mark.parametrize("wish", ["999999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
@simulated
async def test_hostile_patience_is_capped(wish: str) -> None:
    """Row 10: not one request for 300 s, and the next one at most 5 s later."""
    async with world_of("C") as world, world.watcher() as watcher, anyio.create_task_group() as group:
        group.start_soon(StubbornReader(watcher, ["1"]).read)
        await anyio.sleep(7)
        world.sim.fault(Answer(429, b"", {"Retry-After": wish}))
        await anyio.sleep(400)
        throttled = next(request.at for request in world.sim.requests if request.status == 429)
        [after] = [one.at for one in world.sim.requests if one.at > throttled][:1]
        group.cancel_scope.cancel()

    assert 300 <= after - throttled <= 306


@asynccontextmanager
async def denied_for_ten_minutes() -> AsyncIterator[tuple[World, StubbornReader]]:
    """Go in when a reader that came while all was well has been denied for ten minutes."""
    async with world_of("I") as world, world.watcher() as watcher, anyio.create_task_group() as group:
        reader = StubbornReader(watcher, ["1", "2"])
        group.start_soon(reader.read)
        await anyio.sleep(12)
        rows.denied(world)
        await anyio.sleep(600)
        yield world, reader
        group.cancel_scope.cancel()


@simulated
async def test_a_denied_credential_is_told_once_and_asked_about_slowly() -> None:
    """Row 12: ten minutes of 401 are one notice and at most one request a minute."""
    async with denied_for_ten_minutes() as (world, reader):
        asked = [request for request in world.sim.requests if request.at > now() - 590]

    assert kinds(event for event in reader.histories[0] if isinstance(event, Unreachable)) == ["unreachable"]
    assert 1 <= len(asked) <= 10


@simulated
async def test_a_rotated_credential_is_tried_within_a_minute() -> None:
    """Row 12: after ten minutes of 401 a new token ends it within 60 s."""
    async with denied_for_ten_minutes() as (world, reader):
        world.well()
        rows.rotated(world)
        with anyio.move_on_after(60):
            await reader.has_all.wait()
        is_back = reader.has_all.is_set()

    assert is_back


@simulated
async def test_a_list_that_is_gone_is_left_for_the_next_route_and_tried_again_after_an_hour() -> None:
    """Row 13: list-by-ids, then list-by-condition, then fetch; and after an hour the widest again."""
    async with SimulatedGateway(Family.TRUEAI) as sim, tunnelled(sim.base_url) as tunnel:
        sim.task("1").after(1).submitted().forever()
        tunnel.manner = Answered([404])
        tunnel.touches = lambda path: "/list" in path
        async with in_tunnel(sim, tunnel.port) as watcher, anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch("1"), events)
            await anyio.sleep(60)
            paths = [path.rsplit("/", 1)[1] for _, path, _ in tunnel.log]
            tunnel.touches = lambda _: False
            await anyio.sleep(3_500)
            before = {path.rsplit("/", 1)[1] for at, path, _ in tunnel.log if at > 1_060}
            await anyio.sleep(120)
            after = [path.rsplit("/", 1)[1] for _, path, _ in tunnel.log][-1]
            group.cancel_scope.cancel()

    assert paths[:3] == ["list-by-ids", "list-by-condition", "fetch"]
    assert set(paths[3:]) == {"fetch"} == before
    assert after == "list-by-ids"
    assert set(kinds(events)) == {"progress"}


@pytest.mark.parametrize("status", [400, 413, 414, 422])
@simulated
async def test_a_batch_that_is_too_large_is_halved_until_it_fits(status: int) -> None:
    """Row 14: 40 ids where 7 are allowed: 40, 20, 10, 5, and from then on none is refused."""
    ids = [str(number) for number in range(40)]
    async with SimulatedGateway(Family.TRUEAI) as sim, tunnelled(sim.base_url) as tunnel:
        for task_id in ids:
            sim.task(task_id).after(1).submitted().after(30).success()
        tunnel.manner = TooMany(7, status)
        async with in_tunnel(sim, tunnel.port) as watcher:
            events = await read(watcher.watch(*ids))
            sizes = [len(asked) for _, _, asked in tunnel.log]

    check_contract(events, *ids)
    assert sizes[:4] == [40, 20, 10, 5]
    assert max(sizes[4:]) <= 7
    assert set(kinds(events)) == {"progress", "buttons", "success"}


@simulated
async def test_a_poison_id_does_not_hold_up_its_batch() -> None:
    """Row 15: of 100 ids one spoils every reply it is in; the other 99 are told their end in time all the same."""
    ids = [str(number) for number in range(100)]
    async with SimulatedGateway(Family.TRUEAI) as sim, tunnelled(sim.base_url) as tunnel:
        for task_id in ids:
            sim.task(task_id).after(1).submitted().after(300).success()
        async with in_tunnel(sim, tunnel.port) as watcher, anyio.create_task_group() as group:
            events: list[Event] = []
            group.start_soon(read, watcher.watch(*ids), events)
            await anyio.sleep(30)
            tunnel.manner = Poisoned("57")
            await anyio.sleep(271 + 45)
            group.cancel_scope.cancel()

    assert len([event for event in events if event.final]) == 99


@simulated
async def test_a_restart_of_a_task_is_told_and_a_lagging_replica_is_not() -> None:
    """Row 18: a lower number for half a minute begins the task anew; one that comes and goes is nothing."""
    async with SimulatedGateway(Family.PLUS) as sim, tunnelled(sim.base_url) as tunnel:
        task = sim.task("1").after(1).submitted().after(9).progress(31).after(10).progress(62)
        task.after(60).progress(15).after(60).progress(78).after(20).success()
        tunnel.manner = Lagging(8.0)
        async with in_tunnel(sim, tunnel.port) as watcher:
            events = await read(watcher.watch("1"))

    check_contract(events, "1")
    numbers = [(event.percent, event.restarted) for event in events if isinstance(event, Progress)]
    assert numbers.count((15, True)) == 1
    assert [percent for percent, restarted in numbers if restarted] == [15]


@simulated
async def test_a_redirect_is_never_followed() -> None:
    """Row 20: whoever it names hears nothing, and the credential stays where it belongs."""
    async with world_of("C") as world, SimulatedGateway(Family.PLUS) as other, world.watcher() as watcher:
        reader = StubbornReader(watcher, ["1", "2"])
        async with anyio.create_task_group() as group:
            group.start_soon(reader.read)
            await anyio.sleep(7)
            for status in (301, 302, 303, 307, 308):
                world.sim.fault(Answer(status, b"", {"Location": f"{other.base_url}/mj/task/1/fetch"}))
            await anyio.sleep(1_200)
            group.cancel_scope.cancel()

    assert not other.requests
    assert len([request for request in world.sim.requests if (request.status or 0) // 100 == 3]) >= 2


@simulated
async def test_a_gateway_that_moves_is_found_within_half_a_minute() -> None:
    """Row 21: its name leads elsewhere; addresses are kept for 30 s at most, connections as long as they live."""
    async with world_of("C") as world, SimulatedGateway(Family.PLUS) as new:
        world.is_named = True
        ports = {urlsplit(world.sim.base_url).port: urlsplit(world.sim.base_url).port}
        loop = current_loop()
        resolve = loop.getaddrinfo

        async def getaddrinfo(host: str, port: int, **options: object) -> list[object]:
            return list(await resolve(host, ports.get(port, port) if host == HOST else port, **options))

        vars(loop)["getaddrinfo"] = getaddrinfo
        async with world.watcher() as watcher, anyio.create_task_group() as group:
            group.start_soon(read, watcher.watch("1"))
            await anyio.sleep(12)
            new.task("1").after(1).submitted().forever()
            ports = dict.fromkeys(ports, urlsplit(new.base_url).port)
            await world.sim.aclose()
            moved_at = now()
            with anyio.fail_after(120):
                while not new.requests:  # noqa: ASYNC110 - a log has nobody to wait for
                    await anyio.sleep(0.1)
            # Its address is known at once; a hold for the faults before may add what its backoff says.
            assert now() - moved_at <= 30 + 30
            group.cancel_scope.cancel()
        vars(loop).pop("getaddrinfo")


async def polls_with(*readings: float, pacing: Pacing | None = None) -> list[float]:
    """Return when a watcher asks whose wall clock shows *readings*, one after the other."""
    wall = iter(readings)
    async with world_of("C") as world:
        gateway, dice = world.gateway(), current_loop().rng
        async with Watcher(gateway, pacing=pacing, rng=dice, wall=lambda: next(wall)) as watcher:
            check_contract(await read(watcher.watch("1", "2")), "1", "2")
        return [request.at for request in world.sim.requests]


@pytest.mark.parametrize("days", [-1, 1])
def test_a_wall_clock_that_jumps_moves_no_poll(days: int) -> None:
    """Row 28: it is read when the watcher starts, and what it shows later changes nothing."""
    jumped = EPOCH + 86_400 * days

    assert simulate(lambda: polls_with(EPOCH, jumped)) == simulate(lambda: polls_with(EPOCH, EPOCH))


@pytest.mark.parametrize("days", [-20_000, -1, 1, 9_000])
def test_a_wall_clock_that_is_wrong_moves_no_fixed_poll(days: int) -> None:
    """Row 28: only a forecast compares it with the gateway's instants; a fixed schedule is what it is."""
    every = Pacing.every(3)
    usual = simulate(lambda: polls_with(EPOCH, pacing=every))

    wrong = simulate(lambda: polls_with(EPOCH + 86_400 * days, pacing=every))

    assert wrong == pytest.approx(usual, abs=0.02, rel=0)  # milliseconds, rounded at another place


@pytest.mark.parametrize("days", [-20_000, -1, 1, 9_000])
def test_a_wall_clock_that_is_wrong_costs_few_looks(days: int) -> None:
    """Row 28: where our clock and the gateway's disagree, a forecast is poorer, and the ends come as they come."""
    usual = simulate(lambda: polls_with(EPOCH))
    wrong = simulate(lambda: polls_with(EPOCH + 86_400 * days))

    assert abs(len(wrong) - len(usual)) <= 3
    assert abs(wrong[-1] - usual[-1]) <= 5


@simulated
async def test_an_hour_of_sleep_is_followed_by_no_burst() -> None:
    """Row 28: the machine was suspended; 60 tasks are asked for as after any start, and none is ended for it."""
    ids = [str(number) for number in range(60)]
    async with SimulatedGateway(Family.ENVELOPED) as sim:
        for task_id in ids:
            sim.task(task_id).after(1).submitted().after(3_690).success()
        async with Watcher(preset(sim), rng=current_loop().rng, wall=lambda: EPOCH) as watcher:
            async with anyio.create_task_group() as group:
                events: list[Event] = []
                group.start_soon(read, watcher.watch(*ids), events)
                await anyio.sleep(60)
                World.stand_still(3_600)
                awake_at = now()
            times = [request.at - awake_at for request in sim.requests if request.at >= awake_at]

    check_contract(events, *ids)
    assert {event.kind for event in events if event.final} == {"success"}
    for begin in range(60):  # 10 a second, 300 a minute with a burst of 5
        assert len([at for at in times if begin <= at < begin + 1]) <= 12


@pytest.mark.parametrize("seconds", [2.0, 11.0, 21.0, 30.0])
@pytest.mark.parametrize("endpoint", ["F", "I", "C"])
@simulated
async def test_a_loop_that_was_blocked_is_not_the_gateways_fault(endpoint: str, seconds: float) -> None:
    """Row 29: the reply lies in the socket while the host blocks the loop; no fault is counted, nobody is told."""
    async with world_of(endpoint) as world, world.watcher() as watcher:  # type: ignore[arg-type]  # a letter
        world.network.replies.latency = (0.5, 0.5)
        async with anyio.create_task_group() as group:
            reader = StubbornReader(watcher, ["1", "2"])
            group.start_soon(reader.read)
            while len(world.sim.requests) < 4:  # noqa: ASYNC110 - a log has nobody to wait for
                await anyio.sleep(0.01)
            World.stand_still(seconds)
        faults = watcher.stats().faults

    check_contract(reader.histories[-1], "1", "2")
    assert of_task(reader.histories[-1], "1")[-1].kind == "success"
    assert faults == 0
