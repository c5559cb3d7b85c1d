"""The life of the one asyncio task that a watcher owns."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine

import anyio
import pytest

from mjwatch._runtime.runner import Runner, inside_hook
from mjwatch.errors import WatcherClosed
from mjwatch.testing.simloop import SimLoop, simulate
from tests.runtime.rig import turns

HOST: contextvars.ContextVar[str] = contextvars.ContextVar("host", default="nobody")


class Ends(list[WatcherClosed]):
    """What `on_end` was told."""

    @property
    def causes(self) -> list[str]:
        """The bugs, by the names of their classes."""
        return [type(end.__cause__).__name__ for end in self]


async def serve(runner: Runner) -> None:
    """Serve until it is to stop."""
    runner.ready()
    await runner.stopping.wait()


def breaking(after: float, bug: Exception) -> Callable[[Runner], Coroutine[object, object, None]]:
    """Return a main that serves, and breaks."""

    async def main(runner: Runner) -> None:
        async with anyio.create_task_group() as parts:
            parts.start_soon(runner.guard, breaks)
            runner.ready()
            await anyio.sleep_forever()

    async def breaks() -> None:
        await anyio.sleep(after)
        raise bug

    return main


def others() -> int:
    """Return how many asyncio tasks there are beside this one."""
    return len(asyncio.all_tasks()) - 1


async def test_it_starts_serves_and_stops() -> None:
    """`start` returns when it serves, `aclose` when nothing is left; closing twice is closing once."""
    ends, before = Ends(), others()
    runner = Runner(serve, ends.append)
    await runner.start()
    during = others()
    await runner.aclose()
    await runner.aclose()

    assert (before, during, others()) == (before, before + 1, before)
    assert ends.causes == ["NoneType"]
    assert str(ends[0]) == "the watcher was closed"


async def test_start_waits_until_it_serves() -> None:
    """Not a moment longer."""

    async def main(runner: Runner) -> None:
        await anyio.sleep(3)
        await serve(runner)

    runner = Runner(main, Ends().append)
    begun = asyncio.get_running_loop().time()
    await runner.start()
    took = asyncio.get_running_loop().time() - begun
    await runner.aclose()

    assert took == 3


@pytest.mark.parametrize("how", ["scope", "task", "before"])
async def test_a_cancelled_start_leaves_nothing(how: str) -> None:
    """Whoever cancels it, and however early."""
    undone: list[str] = []

    async def main(_: Runner) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            undone.append("main")

    ends, before = Ends(), others()
    runner = Runner(main, ends.append)
    if how == "task":
        starting = asyncio.get_running_loop().create_task(runner.start())
        await turns(2)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    else:
        with anyio.CancelScope() as scope:
            if how == "before":
                scope.cancel()
            else:
                scope.deadline = anyio.current_time() + 1
            await runner.start()

        assert scope.cancelled_caught
    await runner.aclose()

    assert (undone, ends.causes, others()) == (["main"], ["NoneType"], before)


async def test_a_failing_start_raises_the_bug() -> None:
    """Unwrapped, and nothing is left."""

    async def main(_: Runner) -> None:
        async with anyio.create_task_group():
            raise KeyError("bug")

    ends, before = Ends(), others()
    runner = Runner(main, ends.append)
    with pytest.raises(KeyError, match="bug"):
        await runner.start()

    assert ends.causes == ["KeyError"]
    assert others() == before


async def test_a_bug_is_told_within_one_turn() -> None:
    """Before the parts are taken down, and once."""
    told_at: list[float] = []
    runner = Runner(breaking(5, KeyError("bug")), lambda _: told_at.append(asyncio.get_running_loop().time()))
    await runner.start()
    await anyio.sleep(10)
    with pytest.raises(KeyError, match="bug"):
        await runner.aclose()
    with pytest.raises(KeyError, match="bug"):
        await runner.aclose()

    assert told_at == [1005.0]
    for check in (runner.check_open, runner.check_unbroken):
        with pytest.raises(WatcherClosed, match="the watcher broke: KeyError") as caught:
            check()

        assert isinstance(caught.value.__cause__, KeyError)


async def test_several_bugs_are_kept_together() -> None:
    """None of them is hidden."""

    async def main(runner: Runner) -> None:
        runner.ready()
        await anyio.sleep(1)
        raise ExceptionGroup("two", [KeyError("a"), ValueError("b")])

    runner = Runner(main, Ends().append)
    await runner.start()
    await anyio.sleep(2)
    with pytest.raises(ExceptionGroup, match="two"):
        await runner.aclose()


async def test_closing_from_inside_only_signals() -> None:
    """A hook that closes its watcher must be able to end."""
    closed: list[str] = []

    async def main(runner: Runner) -> None:
        runner.ready()
        inside_hook.set(asyncio.current_task())
        await runner.aclose()
        closed.append("inside")
        await runner.stopping.wait()

    runner = Runner(main, Ends().append)
    await runner.start()
    await runner.aclose()

    assert closed == ["inside"]


async def test_one_runner_may_close_another() -> None:
    """Inside one is not inside the other."""
    inner = Runner(serve, Ends().append)
    await inner.start()

    async def main(runner: Runner) -> None:
        runner.ready()
        await inner.aclose()
        await runner.stopping.wait()

    outer, before = Runner(main, Ends().append), others()
    await outer.start()
    await turns()
    await outer.aclose()

    assert others() == before - 1


async def test_closing_what_never_started_does_nothing() -> None:
    """Nothing is waited for."""
    runner = Runner(serve, Ends().append)
    await runner.aclose()

    assert runner.stopping.is_set()


async def test_it_runs_in_a_context_of_its_own() -> None:
    """What the host set in its variables is none of ours."""
    seen: list[str] = []

    async def main(runner: Runner) -> None:
        seen.append(HOST.get())
        await serve(runner)

    HOST.set("bot")
    runner = Runner(main, Ends().append)
    await runner.start()
    await runner.aclose()

    assert seen == ["nobody"]


async def test_cancelled_from_outside_it_ends() -> None:
    """As when a loop is shut down under it: everybody is told, nobody waits."""
    ends = Ends()
    runner = Runner(serve, ends.append)
    await runner.start()
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == "mjwatch"]
    task.cancel()
    await runner.aclose()

    assert ends.causes == ["NoneType"]


async def test_it_is_open_from_start_to_close() -> None:
    """Before and after it says what is the case; it starts once."""
    runner = Runner(serve, Ends().append)
    with pytest.raises(WatcherClosed, match="is not open"):
        runner.check_open()
    await runner.start()
    runner.check_open()
    with pytest.raises(WatcherClosed, match="starts once"):
        await runner.start()
    await runner.aclose()
    runner.check_unbroken()
    with pytest.raises(WatcherClosed, match="was closed"):
        runner.check_open()


def test_it_belongs_to_one_loop() -> None:
    """Used from another one it says so."""
    runner = Runner(serve, Ends().append)
    loop = SimLoop()
    loop.run_until_complete(runner.start())

    async def elsewhere() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            runner.check_open()

    simulate(elsewhere)
    loop.run_until_complete(runner.aclose())
    loop.close()


def test_it_may_be_built_without_a_loop() -> None:
    """A watcher is built where the bot is configured."""
    runner = Runner(serve, Ends().append)

    assert not runner.stopping.is_set()


def test_a_loop_that_ends_while_it_starts_ends() -> None:
    """At its end a loop cancels every asyncio task, also ours before its first step: nobody waits for it for ever."""

    async def main() -> None:
        runner = Runner(serve, Ends().append)
        async with anyio.create_task_group() as host:
            host.start_soon(runner.start)
            await anyio.lowlevel.checkpoint()
            for task in asyncio.all_tasks():
                task.cancel()

    with pytest.raises(asyncio.CancelledError):
        simulate(main)
