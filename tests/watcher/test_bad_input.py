"""What is refused before any I/O, and what a gateway that is none of ours is told as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch import Event, GatewayDenied, GatewayRefused, Pacing, Success, Unreachable, Watcher
from mjwatch.testing import WEB_APP, Answer, Family, SimulatedGateway
from mjwatch.testing.faults import Fault
from tests.watcher.stage import TOKEN, check_contract, kinds, now, preset, read, simulated, staged, watcher_on

BAD_IDS = {
    "slash": "1/2",
    "dots": "..",
    "dot": ".",
    "two dots": "1..2",
    "nothing": "",
    "line break": "123\n",
    "nul": "1\0",
    "escape": "\x1b[2J",
    "space": " 1",
    "too long": "1" * 129,
    "percent": "%2e%2e",
    "surrogate": "1\ud800",
    "fullwidth": "\uff11",
}


@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
@simulated
async def test_an_id_that_breaks_the_rule_is_refused_before_any_request(bad: str) -> None:
    """Every door raises a ValueError that names the rule, also where a good id stands beside it."""
    async with staged() as (sim, watcher):
        doors: list[Callable[[], object]] = [
            lambda: watcher.watch(bad),
            lambda: watcher.watch("1", bad),
            lambda: watcher.as_completed(["1", bad]),
        ]
        for door in doors:
            with pytest.raises(ValueError, match="A task id has 1 to 128 of"):
                door()
        events = watcher.watch("1")
        async_doors: list[Callable[[], Awaitable[object]]] = [
            lambda: watcher.wait(bad),
            lambda: watcher.latest(bad),
            lambda: watcher.lookup(bad),
            lambda: watcher.add("1", bad),
            lambda: watcher.discard(bad),
            lambda: events.add(bad),
            lambda: events.discard(bad),
            lambda: watcher.client.fetch(bad),
            lambda: watcher.client.image_seed(bad),
            lambda: watcher.client.cancel(bad),
            lambda: watcher.client.image(bad),
            lambda: watcher.client.list(["1", bad]),
        ]
        for async_door in async_doors:
            with pytest.raises(ValueError, match="A task id has 1 to 128 of"):
                await async_door()
        await anyio.sleep(10)

    assert list(sim.requests) == []


@simulated
async def test_arguments_of_the_wrong_kind_are_refused_at_once() -> None:
    """TypeError for what is no text or no number, ValueError for what makes no sense."""
    async with staged() as (sim, watcher):
        with pytest.raises(TypeError, match="keep ids as text"):
            watcher.watch(1712158011464906)  # type: ignore[arg-type]
        for refused in (
            watcher.watch,
            lambda: watcher.watch("1", throttle=0),
            lambda: watcher.watch("1", deadline=-1),
            lambda: watcher.watch("1", deadline=float("nan")),
            lambda: watcher.as_completed([]),
        ):
            with pytest.raises(ValueError):
                refused()
        with pytest.raises(ValueError):
            await watcher.wait("1", timeout=0)
        with pytest.raises(ValueError):
            await watcher.latest("1", within=-1)
        with pytest.raises(TypeError):
            watcher.watch("1", throttle="1")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            Watcher("https://www.geeknow.top")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="unknown store"):
            Watcher(preset(sim), store="sqlite:///x.db")
        with pytest.raises(TypeError, match=r"pacing= takes a Pacing\(\.\.\.\), not int"):
            Watcher(preset(sim), pacing=1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"deadlines= takes a Deadlines\(\.\.\.\), not float"):
            Watcher(preset(sim), deadlines=7200.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a tag is a str, not int"):
            await watcher.add("1", tag=42)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="a tag is a str, not list"):
            watcher.on(Success, print, tag=["x"])  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="a tag is a str, not int"):
            await watcher.watched(tag=42)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="no event is ever a <class 'str'>"):
            watcher.on(Success | str, print)
        with pytest.raises(ValueError, match=r"Pacing\.every\(seconds\)=0"):
            Pacing.every(0)

    assert list(sim.requests) == []


@simulated
async def test_what_is_no_offset_is_refused_at_once() -> None:
    """Not at the first event, and not in a host that has gone on meanwhile."""
    async with staged() as (_, watcher):
        for door in (partial(watcher.watch, "1"), watcher.events):
            with pytest.raises(TypeError, match="after= takes the offset of a stream, not str"):
                door(after="x")  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="not bool"):
                door(after=True)
            with pytest.raises(ValueError, match="offsets begin at 0"):
                door(after=-1)


WAYS: dict[str, Callable[[Watcher], Awaitable[object]]] = {
    "async for": lambda watcher: read(watcher.watch("1")),
    "wait": lambda watcher: watcher.wait("1"),
    "lookup": lambda watcher: watcher.lookup("1"),
    "as_completed": lambda watcher: read(watcher.as_completed(["1"])),
    "latest": lambda watcher: watcher.latest("1"),
}


def denied(sim: SimulatedGateway, credential: Callable[[], str] = lambda: "sk-mistyped") -> Watcher:
    """Return a watcher with a wrong credential."""
    return watcher_on(evolve(preset(sim), credential=mjwatch.Secret(credential)))


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@simulated
async def test_a_wrong_token_is_raised_within_one_request(
    way: Callable[[Watcher], Awaitable[object]], family: Family
) -> None:
    """GatewayDenied from every way to ask, within seconds; later readers get it at once, without a request."""
    async with SimulatedGateway(family) as sim:
        sim.task("1").after(1).submitted().forever()
        async with denied(sim) as watcher:
            with pytest.raises(GatewayDenied, match="check the token") as caught:
                await way(watcher)
            assert caught.value.status == 401
            assert TOKEN not in repr(caught.value)
            assert "mistyped" not in repr(caught.value)
            assert len(sim.requests) == 1
            for later in WAYS.values():
                begun = now()
                with pytest.raises(GatewayDenied):
                    await later(watcher)
                assert now() == begun
            await anyio.sleep(30)
            assert len(sim.requests) == 1


@simulated
async def test_a_rotated_credential_is_tried_at_once() -> None:
    """The hold was for the one that was denied: the next reader's look carries the new one."""
    token = "sk-mistyped"
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().after(200).success()
        async with denied(sim, lambda: token) as watcher:
            with pytest.raises(GatewayDenied):
                await watcher.wait("1")
            await anyio.sleep(20)
            with pytest.raises(GatewayDenied):
                await watcher.wait("1")
            assert len(sim.requests) == 1
            token = TOKEN
            await anyio.sleep(10)
            events = await read(watcher.watch("1"))
            assert watcher.health().is_reachable
            assert watcher.health().is_proven

    check_contract(events, "1")
    assert kinds(events)[-1] == "success"


@simulated
async def test_a_credential_that_still_fails_after_the_hold_is_raised_again() -> None:
    """The next reader's look tries once more, and is denied again."""
    async with SimulatedGateway(Family.PLUS) as sim, denied(sim) as watcher:
        for attempt in range(1, 4):
            with pytest.raises(GatewayDenied):
                await watcher.wait("1")
            assert len(sim.requests) == attempt
            await anyio.sleep(61 * attempt)  # each time it is left alone for longer


@simulated
async def test_hooks_and_events_get_a_wrong_token_as_unreachable() -> None:
    """A hook has nobody to raise to: one Unreachable that says why; the watch goes on once it is mended."""
    token = "sk-mistyped"
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().after(5).success()
        async with denied(sim, lambda: token) as watcher:
            gone: list[Event] = []
            ends: list[Event] = []
            watcher.on(Unreachable, gone.append)
            watcher.on(mjwatch.Final, ends.append)
            everything: list[Event] = []
            async with watcher.events() as stream, anyio.create_task_group() as group:
                group.start_soon(read, stream, everything)
                await watcher.add("1")
                await anyio.sleep(30)
                assert len(sim.requests) == 1
                token = TOKEN
                await anyio.sleep(120)
                group.cancel_scope.cancel()

    [told] = gone
    assert isinstance(told, Unreachable)
    assert isinstance(told.error, GatewayDenied)
    assert not told.proven
    assert kinds(ends) == ["success"]
    assert kinds(everything)[:2] == ["unreachable", "recovered"]


@simulated
async def test_a_token_that_is_revoked_later_is_an_outage() -> None:
    """After the first useful answer the same fault is an event, at once, and the stream goes on."""
    token = TOKEN
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().after(20).progress(31).after(300).success()
        async with denied(sim, lambda: token) as watcher:
            events: list[Event] = []
            async for event in watcher.watch("1"):
                events.append(event)
                if (
                    kinds(events).count("progress") == 2
                    and token == TOKEN
                    and "unreachable" not in kinds(events)
                ):
                    token = "sk-revoked"
                if isinstance(event, Unreachable):
                    token = TOKEN

    check_contract(events, "1")
    assert kinds(events).count("unreachable") == kinds(events).count("recovered") == 1


NO_GATEWAYS = {
    "a web page": WEB_APP,
    "a redirect": Answer(302, b"", {"Location": "https://example.net/"}),
    "no such path": Answer(404),
}


@pytest.mark.parametrize("answer", NO_GATEWAYS.values(), ids=NO_GATEWAYS)
@simulated
async def test_an_address_that_is_no_gateway_says_so(answer: Fault) -> None:
    """HTML, a redirect, 404 on every route: GatewayRefused that names base_url, soon and from every way to ask."""
    async with SimulatedGateway(Family.NEW_API) as sim:
        sim.fault(answer, for_seconds=100_000)
        for way in WAYS.values():
            async with watcher_on(preset(sim)) as watcher:
                before = len(sim.requests)
                begun = now()
                with pytest.raises(GatewayRefused, match="base_url"):
                    await way(watcher)
                assert now() - begun < 5
                assert len(sim.requests) - before <= 2


@simulated
async def test_an_address_where_nobody_is_is_patience() -> None:
    """Refused connections may heal: nothing is raised, an Unreachable is told, and `wait` names the error."""
    async with SimulatedGateway(Family.PLUS) as sim:
        gateway = evolve(preset(sim), base_url="http://127.0.0.1:9")
        async with watcher_on(gateway) as watcher:
            async with watcher.watch("1") as events:
                assert isinstance(await anext(events), Unreachable)
            with pytest.raises(mjwatch.WatchTimeout) as caught:
                await watcher.wait("1", timeout=60)
            assert isinstance(caught.value.__cause__, mjwatch.GatewayUnreachable)
            assert caught.value.task is not None
            assert caught.value.task.status is mjwatch.Status.UNKNOWN
            with pytest.raises(mjwatch.GatewayUnreachable):
                await watcher.lookup("1")


@simulated
async def test_a_str_is_not_taken_for_many_ids() -> None:
    """`as_completed("1712")` would watch four ids that nobody meant."""
    async with SimulatedGateway(Family.PLUS) as sim, denied(sim) as watcher:
        with pytest.raises(TypeError, match="in a list"):
            watcher.as_completed("1712")

    assert not sim.requests
