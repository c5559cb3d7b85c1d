"""Callbacks: whom they are called for, in which order, and what their faults touch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import anyio
import pytest

from mjwatch._runtime.hooks import MOST_HOOKS, Hook, Hooks, Host
from mjwatch.errors import TooManyWatches, WatcherClosed
from mjwatch.events import Event, Failure, Final, Progress, Success, Unreachable
from tests.runtime.rig import PlayedGateway, Rig, make_rig, running, turns
from tests.support.builders import buttons, progress, success, unreachable


@asynccontextmanager
async def hosted(hooks: Hooks) -> AsyncIterator[Rig]:
    """Run *hooks* around a router that a test feeds."""
    rig = make_rig(PlayedGateway())
    threads = ThreadPoolExecutor(1)
    async with running(rig, pump=False), anyio.create_task_group() as tasks:
        hooks.open(Host(rig.context, rig.router, tasks.start_soon))
        await turns()
        yield rig
        rig.router.close(WatcherClosed("closed"))
        with anyio.move_on_after(5):
            await hooks.drained()
        tasks.cancel_scope.cancel()
    hooks.close()
    threads.shutdown()


def tell(rig: Rig, *events: Event) -> None:
    """Hand out *events* as the router does."""
    rig.router.hand_out([(0, event) for event in events])


def add(hooks: Hooks, callback: object, kinds: object = Final, **more: object) -> Hook:
    """Register *callback*."""
    options = {"tag": None, "name": None, "concurrency": 1, **more}
    return hooks.add(callback, kinds, **options)  # type: ignore[arg-type]  # some are wrong on purpose


def failed(rig: Rig) -> list[object]:
    """Return the kinds of errors that were logged, with how many were kept quiet before."""
    return [(keys["error"], keys["suppressed"]) for _, event, keys in rig.log.lines if event == "hook.failed"]


async def test_callbacks_are_called_with_what_they_want() -> None:
    """Async and sync ones, functions and objects, by a class and by a union."""
    got: dict[str, list[str]] = {"async": [], "sync": [], "object": [], "partial": []}

    async def awaited(event: Event) -> None:
        got["async"].append(event.kind)

    def called(event: Event) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        got["sync"].append(event.kind)

    class Answering:
        async def __call__(self, event: Event) -> None:
            asyncio.get_running_loop()
            got["object"].append(event.kind)

    hooks = Hooks()
    add(hooks, awaited, Progress | Success)
    add(hooks, called, Final)
    add(hooks, Answering(), Unreachable | Progress)
    add(hooks, awaited, Failure)
    async with hosted(hooks) as rig:
        tell(rig, progress(1), unreachable(), success(2))
        await anyio.sleep(1)

    assert got == {
        "async": ["progress", "success"],
        "sync": ["success"],
        "object": ["progress", "unreachable"],
        "partial": [],
    }


async def test_a_sync_callback_may_return_an_awaitable() -> None:
    """A lambda around a coroutine function is awaited in the loop."""
    got: list[str] = []

    async def awaited(event: Event) -> None:
        asyncio.get_running_loop()
        got.append(event.kind)

    hooks = Hooks()
    add(hooks, awaited)
    async with hosted(hooks) as rig:
        tell(rig, success(1))
        await anyio.sleep(1)

    assert got == ["success"]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_events_of_a_task_come_in_order_and_one_at_a_time(concurrency: int) -> None:
    """Several tasks may be worked on at once, one task never."""
    under_way: dict[str, int] = {}
    seqs: dict[str, list[int]] = {}
    most = 0

    async def slow(event: Progress) -> None:
        nonlocal most
        under_way[event.task.id] = under_way.get(event.task.id, 0) + 1
        most = max(most, sum(under_way.values()))
        assert under_way[event.task.id] == 1
        await anyio.sleep(0.1)
        seqs.setdefault(event.task.id, []).append(event.seq)
        under_way[event.task.id] -= 1

    hooks = Hooks()
    hook = add(hooks, slow, Progress, concurrency=concurrency)
    async with hosted(hooks) as rig:
        for seq in (1, 2, 3):
            tell(rig, *(progress(seq, task_id=f"t{number}") for number in range(8)))
        await anyio.sleep(10)

    assert hook.errors == 0
    assert seqs == {f"t{number}": [1, 2, 3] for number in range(8)}
    assert most == 1 if concurrency == 1 else 1 < most <= concurrency


async def test_gateway_events_come_once_whatever_the_concurrency() -> None:
    """They belong to no task, and so to one lane."""
    got: list[str] = []

    async def take(event: Event) -> None:
        got.append(event.kind)

    hooks = Hooks()
    add(hooks, take, Unreachable, concurrency=5, tag="vip")
    async with hosted(hooks) as rig:
        tell(rig, unreachable())
        await anyio.sleep(1)

    assert got == ["unreachable"]


async def test_a_tag_chooses_tasks() -> None:
    """Only events of tasks that were added with it."""
    got: list[str] = []

    async def take(event: Progress) -> None:
        got.append(event.task_id)

    hooks = Hooks()
    add(hooks, take, Progress, tag="vip")
    rig_played = PlayedGateway()
    for task_id in ("1", "2"):
        rig_played.show(task_id)
    rig = make_rig(rig_played)
    async with running(rig), anyio.create_task_group() as tasks:
        hooks.open(Host(rig.context, rig.router, tasks.start_soon))
        await rig.router.keep(["1"], tag="vip")
        await rig.router.keep(["2"])
        await anyio.sleep(2)
        tasks.cancel_scope.cancel()

    assert got == ["1"]


RAISED: list[object] = [
    ValueError("x"),
    KeyError("x"),
    OSError("x"),
    RuntimeError("x"),
    TimeoutError(),
    RecursionError(),
    StopIteration(),
    StopAsyncIteration(),
    ExceptionGroup("x", [ValueError()]),
    AssertionError(),
    WatcherClosed("x"),
    MemoryError(),
    asyncio.CancelledError(),
    GeneratorExit(),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_raising_callback_ends_nothing(error: BaseException, *, is_async: bool) -> None:
    """It is counted and logged, called again for the next event, and no other hook notices."""
    got: list[int] = []

    async def awaited(event: Progress) -> None:
        if event.seq == 1:
            raise error

    def called(event: Progress) -> None:
        if event.seq == 1:
            raise error

    async def other(event: Progress) -> None:
        got.append(event.seq)

    hooks = Hooks()
    hook = add(hooks, awaited if is_async else called, Progress)
    add(hooks, other, Progress)
    async with hosted(hooks) as rig:
        tell(rig, progress(1), progress(2))
        await anyio.sleep(1)
        is_alive = len(rig.router._audiences.hooks) == 2

    assert (got, is_alive) == ([1, 2], True)
    assert hook.errors == 1
    assert len(failed(rig)) == 1


async def test_the_same_error_is_logged_once_a_minute() -> None:
    """The next line says how many there were; each kind has a minute of its own."""
    errors = iter([ValueError, KeyError, *[ValueError] * 5])

    async def raising(_: Event) -> None:
        raise next(errors)("secret" * 3)

    hooks = Hooks()
    hook = add(hooks, raising, Progress, name="bot")
    async with hosted(hooks) as rig:
        for seq in (1, 2, 3, 4, 5):
            tell(rig, progress(seq))
            await anyio.sleep(10)
        await anyio.sleep(20)
        for seq in (6, 7):
            tell(rig, progress(seq))
            await turns()

    assert hook.errors == 7
    assert failed(rig) == [("ValueError", 0), ("KeyError", 0), ("ValueError", 3)]
    assert rig.log.lines[0][2]["hook"] == "bot"


async def test_a_hanging_callback_delays_nobody_else() -> None:
    """It holds only its own mailbox; after half a minute a line says so, once."""
    got: list[float] = []

    async def hang(_: Event) -> None:
        await anyio.sleep(3_600)

    async def other(_: Event) -> None:
        got.append(asyncio.get_running_loop().time())

    hooks = Hooks()
    add(hooks, hang, Progress, name="stuck")
    add(hooks, other, Progress)
    async with hosted(hooks) as rig:
        begun = rig.now()
        for seq in (1, 2, 3):
            tell(rig, progress(seq))
            await anyio.sleep(100)

    assert got == [begun, begun + 100, begun + 200]
    assert [(level, event, keys["hook"]) for level, event, keys in rig.log.lines] == [
        ("warning", "hook.slow", "stuck")
    ]


async def test_slow_calls_are_told_once_a_minute_for_each_kind() -> None:
    """Twenty lanes that hang are one line, and the next one says how many there were."""

    async def hang(_: Event) -> None:
        await anyio.sleep(50)

    hooks = Hooks()
    add(hooks, hang, Event, name="stuck", concurrency=20)
    async with hosted(hooks) as rig:
        for seq in (1, 2, 3):
            tell(rig, *(progress(seq, task_id=str(number)) for number in range(40)))
        tell(rig, *(success(4, task_id=str(number)) for number in range(40)))
        await anyio.sleep(400)
        lines = [keys for _, event, keys in rig.log.lines if event == "hook.slow"]

    slow = [line["suppressed"] for line in lines if line["kind"] == "progress"]
    assert slow[0] == 0
    assert 2 <= len(slow) <= 400 / 60
    assert all(isinstance(count, int) and count > 0 for count in slow[1:])
    assert {line["kind"] for line in lines} == {"progress", "success"}


async def test_a_hook_that_makes_up_errors_fills_no_memory() -> None:
    """Each class of errors is told, and only some are remembered."""

    async def raising(event: Progress) -> None:
        raise type(f"Made{event.seq}", (Exception,), {})

    hooks = Hooks()
    hook = add(hooks, raising, Progress)
    async with hosted(hooks) as rig:
        tell(rig, *(progress(seq) for seq in range(1, 201)))
        await anyio.sleep(1)

    assert hook.errors == len(failed(rig)) == 200
    assert len(hook._logged) <= 64


async def test_a_hook_that_slept_for_ten_minutes_gets_every_end() -> None:
    """Of 500 tasks with 20 events each it is told the newest that counts: the buttons and the end of each among it."""
    got: list[Event] = []

    async def sleepy(event: Event) -> None:
        if not got:
            await anyio.sleep(600)
        got.append(event)

    hooks = Hooks()
    add(hooks, sleepy, Event)
    ids = [str(number) for number in range(500)]
    async with hosted(hooks) as rig:
        for seq in range(1, 19):
            tell(rig, *(progress(seq, seq, task_id=task_id) for task_id in ids))
        tell(rig, *(buttons(19, task_id=task_id) for task_id in ids))
        tell(rig, *(success(20, task_id=task_id) for task_id in ids))
        await anyio.sleep(700)

    assert len(got) <= 1 + 2 * 3 * len(ids)
    for kind in ("buttons", "success"):
        assert sorted(event.task.id for event in got if event.kind == kind) == sorted(ids)  # type: ignore[union-attr]  # they are about tasks


def test_hooks_are_bounded() -> None:
    """A program that registers one for each chat is told so; cancelled ones do not count."""
    hooks = Hooks()
    handles = [add(hooks, print, Progress) for _ in range(MOST_HOOKS)]
    with pytest.raises(TooManyWatches, match="1000 hooks"):
        add(hooks, print, Progress)
    handles[0].cancel()

    assert add(hooks, print, Progress).name == "print"


async def test_a_cancelled_hook_is_called_no_more() -> None:
    """An async call under way is cancelled, and the others go on."""
    got: list[str] = []

    async def slow(event: Event) -> None:
        got.append(event.kind)
        await anyio.sleep(10)
        got.append("done")

    hooks = Hooks()
    hook = add(hooks, slow, Progress)
    async with hosted(hooks) as rig:
        tell(rig, progress(1), progress(2))
        await anyio.sleep(1)
        hook.cancel()
        await turns()
        is_gone = not rig.router._audiences.hooks
        tell(rig, progress(3))
        await anyio.sleep(30)

    assert (got, hook.is_cancelled, is_gone) == (["progress"], True, True)


async def test_a_hook_cancelled_before_the_start_is_never_called() -> None:
    """Nor does it keep the watcher from closing."""
    got: list[Event] = []
    hooks = Hooks()
    hook = add(hooks, got.append, Progress)
    hook.cancel()
    async with hosted(hooks) as rig:
        tell(rig, progress(1))
        await anyio.sleep(1)

    assert got == []


async def test_a_hook_may_come_later() -> None:
    """Registered while all runs, it gets what is told from then on."""
    got: list[int] = []

    async def take(event: Progress) -> None:
        got.append(event.seq)

    hooks = Hooks()
    async with hosted(hooks) as rig:
        tell(rig, progress(1))
        add(hooks, take, Progress)
        tell(rig, progress(2))
        await anyio.sleep(1)

    assert got == [2]


def test_a_hook_may_be_registered_without_a_loop() -> None:
    """A bot decorates its functions when its module is imported."""
    hook = add(Hooks(), print, Progress)
    hook.cancel()

    assert hook.is_cancelled
    assert hook.name == "print"


async def test_hooks_are_called_for_what_they_hold_when_all_closes() -> None:
    """`drained` waits for it."""
    got: list[int] = []

    async def slow(event: Progress) -> None:
        await anyio.sleep(1)
        got.append(event.seq)

    hooks = Hooks()
    add(hooks, slow, Progress)
    async with hosted(hooks) as rig:
        tell(rig, progress(1), progress(2))

    assert got == [1, 2]


async def test_an_ended_task_calls_a_hook_once_with_its_end() -> None:
    """`add` of a task that is over replays it, but never twice to the same hook."""
    got: list[str] = []

    async def take(event: Event) -> None:
        got.append(event.kind)

    hooks = Hooks()
    add(hooks, take, Final)
    played = PlayedGateway()
    played.succeed("1")
    rig = make_rig(played)
    async with running(rig), anyio.create_task_group() as tasks:
        async for _ in rig.watch("1"):
            pass
        hooks.open(Host(rig.context, rig.router, tasks.start_soon))
        for _ in range(2):
            await rig.router.keep(["1"])
            await anyio.sleep(1)
        tasks.cancel_scope.cancel()

    assert got == ["success"]


@pytest.mark.parametrize(
    ("callback", "kinds", "more", "error"),
    [
        (None, Progress, {}, TypeError),
        (print, "progress", {}, TypeError),
        (print, Progress, {"concurrency": 0}, ValueError),
        (print, Progress, {"concurrency": 1_001}, ValueError),
    ],
)
async def test_a_hook_that_makes_no_sense_is_refused(
    callback: object, kinds: object, more: dict[str, object], error: type[Exception]
) -> None:
    """At once, not at the first event."""
    with pytest.raises(error):
        add(Hooks(), callback, kinds, **more)
