"""Cancelling an asyncio task at its k-th suspension, in each of the ways in which hosts do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Literal

import anyio
from attrs import define, field

Way = Literal["bare", "timeout", "scope", "group"]
Moment = Literal["parked", "woken"]
"""As it parks on a future; or in the turn in which that future is done, before the asyncio task learns of it."""

WAYS: tuple[Way, ...] = ("bare", "timeout", "scope", "group")
MOMENTS: tuple[Moment, ...] = ("parked", "woken")


class HostFailed(Exception):
    """A sibling in the host's task group raised."""


@define(eq=False)
class Stepped(Awaitable[None]):
    """
    Awaits *victim* and strikes at its *step*-th suspension.

    Attributes:
        has_struck: It came so far.
    """

    victim: Coroutine[object, object, object]
    step: int
    moment: Moment
    strike: Callable[[], object] = field(init=False)
    has_struck: bool = field(default=False, init=False)

    def __await__(self) -> Generator[object, object, None]:
        count = 0
        thrown: BaseException | None = None
        while True:
            try:
                parked_on = self.victim.send(None) if thrown is None else self.victim.throw(thrown)
            except StopIteration:
                return
            count += 1
            if count == self.step:
                self._arm(parked_on)
            thrown = None
            try:
                yield parked_on
            except BaseException as error:  # noqa: BLE001 - whatever comes is the victim's
                thrown = error

    def _arm(self, parked_on: object) -> None:
        if self.moment == "woken" and isinstance(parked_on, asyncio.Future):
            parked_on.add_done_callback(lambda _: self._strike())
        else:
            self._strike()

    def _strike(self) -> None:
        self.has_struck = True
        self.strike()


async def cancelled(stepped: Stepped, way: Way) -> bool:
    """
    Run *stepped* in the host's *way*; return True where it was cancelled, False where it ended before.

    Whatever else comes out of it is raised: a cancellation that was turned into something else.
    """
    match way:
        case "bare":
            task = asyncio.get_running_loop().create_task(_run(stepped))
            stepped.strike = task.cancel
            await asyncio.gather(task, return_exceptions=True)
            if task.cancelled():
                return True
            task.result()
            return False
        case "timeout":
            try:
                async with asyncio.timeout(None) as limit:
                    stepped.strike = lambda: limit.reschedule(asyncio.get_running_loop().time())
                    await stepped
            except TimeoutError:
                assert limit.expired()
                return True
            return False
        case "scope":
            with anyio.CancelScope() as scope:
                stepped.strike = scope.cancel
                await stepped
            return scope.cancelled_caught
        case "group":
            return await _in_a_group(stepped)


async def _in_a_group(stepped: Stepped) -> bool:
    begun = asyncio.Event()
    stepped.strike = begun.set

    async def fail() -> None:
        await begun.wait()
        if stepped.has_struck:
            raise HostFailed

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            victim = group.create_task(_run(stepped))
            victim.add_done_callback(lambda _: begun.set())
    except* HostFailed:
        assert stepped.has_struck
    return victim.cancelled()


async def _run(stepped: Stepped) -> None:
    await stepped
