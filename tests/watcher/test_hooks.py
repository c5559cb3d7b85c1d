"""Hooks through `watcher.on`: in order, apart from each other, and never in the way of a poll."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
import structlog

import mjwatch
from mjwatch import Event, Failure, Final, Progress, Success, Watcher
from mjwatch.testing import Family, SimulatedGateway
from tests.watcher.stage import (
    EPOCH,
    check_contract,
    kinds,
    now,
    of_task,
    of_tasks,
    preset,
    simulated,
    staged,
)

ANYTHING = mjwatch.Progress | mjwatch.ButtonsAvailable | mjwatch.InputRequired | mjwatch.Final
Register = Callable[[Watcher], object]


def script(sim: SimulatedGateway, *task_ids: str) -> None:
    """Add tasks with an event of each usual kind."""
    for task_id in task_ids:
        task = sim.task(task_id).after(2).submitted().after(5).progress(31)
        task.after(6).progress(62).after(8).finishing().after(2).success()


def hanging(watcher: Watcher) -> object:
    """Register a hook that never comes back."""

    async def hang(_event: Event) -> None:
        await anyio.sleep_forever()

    return watcher.on(ANYTHING, hang)


def raising(watcher: Watcher) -> object:
    """Register a hook that always raises."""

    async def fail(_event: Event) -> None:
        raise RuntimeError("a stranger's bug")

    return watcher.on(ANYTHING, fail)


def raising_in_thread(watcher: Watcher) -> object:
    """Register a sync hook that always raises."""

    def fail(_event: Event) -> None:
        raise ValueError("a stranger's bug")

    return watcher.on(ANYTHING, fail)


def closing_itself(watcher: Watcher) -> object:
    """Register a hook that raises what asyncio and generators use themselves."""
    errors: list[Exception] = [
        StopAsyncIteration(),
        StopIteration(),
        TimeoutError(),
        ExceptionGroup("x", [KeyError()]),
    ]

    async def fail(_event: Event) -> None:
        raise errors.pop() if errors else RecursionError

    return watcher.on(ANYTHING, fail)


@pytest.mark.parametrize("disturb", [hanging, raising, raising_in_thread, closing_itself])
@simulated
async def test_a_bad_hook_delays_neither_polls_nor_other_hooks(disturb: Register) -> None:
    """The times of the requests and of another hook's calls are those of a run without it."""

    async def run(register: Register | None) -> tuple[list[float], list[tuple[str, float]]]:
        async with staged() as (sim, watcher):
            script(sim, "1", "2")
            calls: list[tuple[str, float]] = []
            begun = now()
            if register is not None:
                register(watcher)

            @watcher.on(ANYTHING)
            async def note(event: Event) -> None:
                calls.append((event.kind, round(now() - begun, 1)))

            await watcher.add("1", "2")
            await anyio.sleep(60)
            return [round(request.at - begun, 1) for request in sim.requests], calls

    undisturbed = await run(None)
    assert len(undisturbed[1]) >= 10
    requests, calls = await run(disturb)
    assert len(calls) == len(undisturbed[1])
    assert [kind for kind, _ in calls] == [kind for kind, _ in undisturbed[1]]
    late = [abs(a - b) for (_, a), (_, b) in zip(calls, undisturbed[1], strict=True)]
    early = [abs(a - b) for a, b in zip(requests, undisturbed[0], strict=False)]
    assert max(late + early) <= 0.1
    assert abs(len(requests) - len(undisturbed[0])) <= 1


@simulated
async def test_hooks_get_their_tag_and_kind_only() -> None:
    """`tag=` and the kinds choose; every event carries the tag it was added with."""
    async with staged() as (sim, watcher):
        script(sim, "1", "2")
        sim.task("3").after(2).submitted().after(2).failure("可能包含敏感词")
        alice: list[Event] = []
        ends: list[Event] = []
        everything: list[Event] = []
        watcher.on(Progress | Final, alice.append, tag="alice")
        watcher.on(Success | Failure, ends.append)
        watcher.on(ANYTHING, everything.append)
        await watcher.add("1", tag="alice")
        await watcher.add("2", "3", tag="bob")
        assert [(one.task_id, one.tag) for one in await watcher.watched(tag="bob")] == [
            ("2", "bob"),
            ("3", "bob"),
        ]
        await anyio.sleep(60)
        assert await watcher.watched() == []

    assert {event.task_id for event in of_tasks(alice)} == {"1"}
    assert set(kinds(alice)) == {"progress", "success"}
    assert sorted((event.task_id, event.kind) for event in of_tasks(ends)) == [
        ("1", "success"),
        ("2", "success"),
        ("3", "failure"),
    ]
    assert {event.task_id: event.tag for event in of_tasks(everything)} == {
        "1": "alice",
        "2": "bob",
        "3": "bob",
    }
    check_contract(everything, "1", "2", "3")


@simulated
async def test_a_hook_is_called_in_order_and_never_twice_at_once() -> None:
    """With `concurrency=3` several tasks at once, but the events of one task one after the other."""
    for lanes in (1, 3):
        async with staged() as (sim, watcher):
            ids = [str(n) for n in range(1, 10)]
            script(sim, *ids)
            busy: list[str] = []
            most = 0
            told: list[Event] = []

            @watcher.on(ANYTHING, concurrency=lanes)
            async def work(event: Event, busy: list[str] = busy, told: list[Event] = told) -> None:
                nonlocal most
                [task] = of_tasks([event])
                assert task.task_id not in busy
                busy.append(task.task_id)
                most = max(most, len(busy))
                await anyio.sleep(0.5)
                busy.remove(task.task_id)
                told.append(event)

            await watcher.add(*ids)
            await anyio.sleep(120)

        check_contract(told, *ids)
        assert (most == 1) if lanes == 1 else (1 < most <= lanes)


@simulated
async def test_a_cancelled_hook_is_called_no_more() -> None:
    """`handle.cancel()` on a hot reload: a call under way is cancelled, the next events go elsewhere."""
    async with staged() as (sim, watcher):
        script(sim, "1")
        old: list[Event] = []
        handle = watcher.on(ANYTHING, old.append)
        await watcher.add("1")
        await anyio.sleep(5)
        handle.cancel()
        new: list[Event] = []
        watcher.on(ANYTHING, new.append)
        await anyio.sleep(60)

    assert handle.is_cancelled
    assert kinds(old) == ["progress", "progress"] or kinds(old) == ["progress"]
    assert kinds(new)[-1] == "success"
    assert not {event.id for event in old} & {event.id for event in new}


@simulated
async def test_an_ended_task_calls_the_hooks_once_with_its_end() -> None:
    """`add` of a finished task: buttons and the end from what is kept, no request."""
    async with staged() as (sim, watcher):
        script(sim, "1")
        await watcher.wait("1")
        before = len(sim.requests)
        told: list[Event] = []
        watcher.on(Final, told.append)
        await watcher.add("1", tag="late")
        await anyio.sleep(60)

    assert kinds(told) == ["success"]
    assert len(sim.requests) == before


@simulated
async def test_who_passes_by_takes_no_end_from_a_hook() -> None:
    """Someone watches an expired task once more, and leaves: a busy hook is told of both ends all the same."""
    async with staged() as (sim, watcher):
        for task_id in ("1", "2"):
            sim.task(task_id).after(2).submitted().after(500).success()
        told: list[Event] = []

        async def slowly(event: Event) -> None:
            await anyio.sleep(10)
            told.append(event)

        watcher.on(Final, slowly)
        await watcher.add("1", "2", deadline=20)
        await anyio.sleep(25)
        for task_id in ("1", "2"):
            with anyio.move_on_after(1):
                async for _ in watcher.watch(task_id):
                    pass
        await anyio.sleep(60)

    assert sorted((event.task.id, event.kind) for event in told if isinstance(event, Final)) == [
        ("1", "expired"), ("2", "expired"),
    ]  # fmt: skip


@simulated
async def test_decorators_return_the_function_and_may_stand_before_the_start() -> None:
    """Both forms of `on`; what is registered before `start` waits for it; async objects with `__call__` work."""
    async with SimulatedGateway(Family.PLUS) as sim:
        script(sim, "1")
        watcher = Watcher(preset(sim), wall=lambda: EPOCH)
        told: list[str] = []

        @watcher.on(Success)
        def sync_hook(event: Event) -> None:
            told.append(f"sync {event.kind}")

        @watcher.on(Success, name="named")
        async def async_hook(event: Event) -> None:
            told.append(f"async {event.kind}")

        class Caller:
            async def __call__(self, event: Event) -> None:
                told.append(f"object {event.kind}")

        watcher.on(Success, Caller())
        async with watcher:
            await watcher.add("1")
            await anyio.sleep(60)

    assert sorted(told) == ["async success", "object success", "sync success"]
    assert callable(sync_hook)
    assert callable(async_hook)


@simulated
async def test_a_raising_hook_is_logged_once_a_minute() -> None:
    """One line per kind of error and minute, with how many were left out; the handle counts all."""
    lines: list[dict[str, object]] = []

    def keep(_logger: object, _method: str, entry: structlog.typing.EventDict) -> str:
        lines.append(dict(entry))
        raise structlog.DropEvent

    logger = structlog.wrap_logger(None, processors=[keep])
    async with SimulatedGateway(Family.PLUS) as sim:
        for n in range(1, 21):
            sim.task(str(n)).after(n * 4).submitted().forever()
        async with Watcher(preset(sim), logger=logger, wall=lambda: EPOCH) as watcher:

            @watcher.on(Progress)
            async def fail(_event: Event) -> None:
                raise LookupError

            def fail_too(_event: Event) -> None:
                raise LookupError

            handle = watcher.on(Progress, fail_too)
            await watcher.add(*map(str, range(1, 21)))
            await anyio.sleep(100)

    failures = [line for line in lines if line["event"] == "hook.failed"]
    assert handle.errors >= 20
    assert 2 <= len(failures) <= 4
    assert max(int(str(line["suppressed"])) for line in failures) > 5


@pytest.mark.parametrize(
    ("kinds_wanted", "callback", "options", "error"),
    [
        (Success, "no function", {}, TypeError),
        ("success", print, {}, TypeError),
        (Success, print, {"concurrency": 0}, ValueError),
    ],
)
@simulated
async def test_a_hook_that_cannot_work_is_refused_when_it_is_registered(
    kinds_wanted: type, callback: Callable[[Event], object], options: dict[str, int], error: type[Exception]
) -> None:
    """A TypeError or ValueError at `on`, not silence later."""
    async with staged() as (_, watcher):
        with pytest.raises(error):
            watcher.on(kinds_wanted, callback, **options)  # type: ignore[call-overload]


@simulated
async def test_hooks_finish_what_they_hold_when_the_watcher_closes() -> None:
    """A close right after the end still calls the hook with it, for up to a few seconds."""
    async with staged() as (sim, watcher):
        script(sim, "1")
        told: list[Event] = []

        @watcher.on(ANYTHING)
        async def slow(event: Event) -> None:
            await anyio.sleep(0.3)
            told.append(event)

        await watcher.add("1")
        await watcher.wait("1")
        await watcher.aclose()

    assert of_task(told, "1")[-1].final
