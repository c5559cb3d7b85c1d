"""What broke once, kept: each test is the smallest story that showed it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import anyio
import pytest
from attrs import evolve

import mjwatch
from mjwatch.events import Event
from mjwatch.testing import Answer, Delay, Family, SimulatedGateway
from tests.watcher.stage import kinds, preset, simulated, watcher_on

REJECTS = Answer(400, body=b'{"error":{"message":"upstream pool is empty","type":"new_api_error"}}')


@simulated
async def test_a_gateway_that_rejects_everything_loses_no_task() -> None:
    """It never said that it does not know the id."""
    async with SimulatedGateway(Family.NEW_API) as sim, watcher_on(preset(sim)) as watcher:
        sim.task("1").after(2).submitted().after(20).progress(40).after(2000).success()
        events: list[Event] = []
        async with anyio.create_task_group() as group:

            async def read() -> None:
                async for event in watcher.watch("1"):
                    events.append(event)  # noqa: PERF401 - read as they come
                group.cancel_scope.cancel()

            group.start_soon(read)
            await anyio.sleep(60)
            sim.fault(REJECTS, for_seconds=1200)
            await anyio.sleep(3000)

    assert kinds(events)[-1] == "success"
    assert "unreachable" in kinds(events)


@simulated
async def test_a_hook_for_an_ended_task_hears_the_new_tag() -> None:
    """The last tag wins, also when the task has ended already."""
    async with SimulatedGateway(Family.PLUS) as sim, watcher_on(preset(sim)) as watcher:
        sim.task("1").after(1).submitted().after(5).success()
        told: list[Event] = []
        watcher.on(mjwatch.Success, told.append, tag="chat-42")
        await watcher.wait("1")
        await watcher.add("1", tag="chat-42")
        await anyio.sleep(5)

    assert [getattr(event, "tag", None) for event in told] == ["chat-42"]


@simulated
async def test_a_sync_hook_cancels_itself_from_its_thread() -> None:
    """The natural one-shot: called once, and never again."""
    async with SimulatedGateway(Family.PLUS) as sim, watcher_on(preset(sim)) as watcher:
        for number in range(4):
            sim.task(str(number)).after(1).submitted().after(5).success()
        told: list[Event] = []

        def once(event: mjwatch.Success) -> None:
            told.append(event)
            hook.cancel()

        hook = watcher.on(mjwatch.Success, once)
        await watcher.add("0", "1", "2", "3")
        await anyio.sleep(60)

    assert (len(told), hook.errors) == (1, 0)


@simulated
async def test_a_slow_reader_gets_the_end_of_what_was_mended_meanwhile() -> None:
    """A wrong token that was corrected long ago is no reason to drop a picture."""
    token = "sk-mistyped"
    async with SimulatedGateway(Family.PLUS) as sim:
        sim.task("1").after(1).submitted().after(5).success()
        gateway = evolve(preset(sim), credential=mjwatch.Secret(lambda: token))
        async with watcher_on(gateway) as watcher, watcher.watch("1") as stream:
            await anyio.sleep(30)
            token = sim.token
            await anyio.sleep(600)
            events = [event async for event in stream]

    assert kinds(events)[-1] == "success"


@simulated
async def test_a_crowd_of_callers_does_not_starve_the_watch() -> None:
    """Five hundred fetches at once: the watch has its turn between them."""
    async with SimulatedGateway(Family.PLUS) as sim, watcher_on(preset(sim)) as watcher:
        sim.task("1").after(1).submitted().after(20).success()
        for number in range(500):
            sim.task(f"f{number}").after(1).submitted().after(600).success()
        begun = anyio.current_time()
        async with anyio.create_task_group() as group:
            for number in range(500):
                group.start_soon(watcher.client.fetch, f"f{number}")
            await watcher.wait("1")
            took = anyio.current_time() - begun
            group.cancel_scope.cancel()

    assert took < 60


@simulated
async def test_closing_from_a_task_that_a_hook_started_waits_for_the_end() -> None:
    """Such a task is not part of the watcher: when `aclose` returns to it, nothing is left, as `simulate` checks."""
    async with SimulatedGateway(Family.PLUS) as sim, anyio.create_task_group() as group:
        sim.task("1").after(1).submitted().after(5).success()
        watcher = watcher_on(preset(sim))
        await watcher.start()
        is_left = True

        async def shut_down() -> None:
            nonlocal is_left
            await watcher.aclose()
            is_left = any(task.get_name() == "mjwatch" for task in asyncio.all_tasks())

        @watcher.on(mjwatch.Success)
        async def close(_event: mjwatch.Success) -> None:
            group.start_soon(shut_down)

        await watcher.add("1")
        await anyio.sleep(60)

    assert not is_left


@simulated
async def test_a_credential_functions_own_words_are_not_repeated() -> None:
    """They may hold the secret: neither the error nor the event says them."""

    def credential() -> str:
        return str(int("sk-TOPSECRET"))

    async with SimulatedGateway(Family.PLUS) as sim:
        gateway = evolve(preset(sim), credential=mjwatch.Secret(credential))
        async with watcher_on(gateway) as watcher:
            told: list[mjwatch.Unreachable] = []
            watcher.on(mjwatch.Unreachable, told.append)
            with pytest.raises(mjwatch.GatewayDenied, match="raised ValueError") as caught:
                await watcher.wait("1")
            await anyio.sleep(1)

    assert "TOPSECRET" not in str(caught.value)
    assert ["TOPSECRET" in event.to_json() for event in told] == [False]


@simulated
async def test_seeds_that_are_held_do_not_block_looks() -> None:
    """A gateway may hold a seed for a minute; the watch of another task goes on beside ten of them."""
    async with SimulatedGateway(Family.PLUS) as sim, watcher_on(preset(sim)) as watcher:
        sim.task("1").after(1).submitted().after(20).success()
        sim.fault(Delay(60), for_seconds=15, route="seed")
        events: list[Event] = []

        async def seed(task_id: str) -> None:
            with suppress(mjwatch.GatewayError):
                await watcher.client.image_seed(task_id)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(seed, f"s{number}")
            events += [event async for event in watcher.watch("1")]

    assert kinds(events)[-1] == "success"
    assert "unreachable" not in kinds(events)


@simulated
async def test_a_first_look_waits_for_nobodys_rhythm() -> None:
    """However rarely the tasks before it are looked at, an ended task is told as soon as it is watched."""
    async with SimulatedGateway(Family.TRUEAI) as sim:
        pacing = mjwatch.Pacing(min_interval=20)
        async with mjwatch.Watcher(preset(sim), pacing=pacing) as watcher:
            sim.task("1").submitted().forever()
            sim.task("2").success()
            await watcher.add("1")
            await anyio.sleep(0.1)
            begun = anyio.current_time()
            await watcher.wait("2")
            assert anyio.current_time() - begun < 0.5


@simulated
async def test_a_task_that_stands_still_is_looked_at_ever_more_rarely() -> None:
    """Some stay at 93 % until the deadline (`protocol.md` 8): that is no reason to ask each second for hours."""
    async with SimulatedGateway(Family.TRUEAI) as sim, watcher_on(preset(sim)) as watcher:
        sim.task("1").after(2).submitted().after(9).progress(46).after(20).progress(93).forever()
        await watcher.add("1")
        await anyio.sleep(600)
        early = len(sim.requests)
        await anyio.sleep(3_000)
        late = len(sim.requests) - early

    assert early < 250
    assert late < 250


@simulated
async def test_requests_that_fail_unlearn_no_tick() -> None:
    """A look that brought nothing is no look: what it did not see says nothing."""
    async with SimulatedGateway(Family.NEW_API) as sim, watcher_on(preset(sim)) as watcher:
        for number in range(25):
            task_id = sim.random_task(f"{number}")
            await watcher.add(task_id)
            for _ in range(4):
                await anyio.sleep(11)
                sim.fault(Answer(502))
            await watcher.wait(task_id)
        await watcher.add(sim.random_task("last"))
        await anyio.sleep(20)
        why = await watcher.explain("last")

    assert why.tick is not None
    assert why.tick.trust > 0.8
