"""`mjwatch demo`: the library beside a plain loop, on two simulated gateways with one seed.

Both run at the same time in one program on one fast clock, and every figure at the end was counted in that run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
import anyio
from attrs import define, field
from rich.console import Console

import mjwatch
from mjwatch.cli.board import Figures, screen_on
from mjwatch.cli.cast import FAMILY, TOKEN, Customer
from mjwatch.cli.plain_loop import INTERVAL
from mjwatch.cli.sides import EPOCH, Side, watch_with_library, watch_without, watcher_of
from mjwatch.testing import SimulatedGateway, run_scaled

SPEED: Final = 20.0
SEED: Final = 42
"""With it the longest task takes two virtual minutes: six real seconds."""
_LATENCY: Final = (0.05, 0.25)
_TICK: Final = 0.15 * SPEED
_AT_MOST: Final = 12.0 * SPEED
"""The demo ends by itself, whatever happens."""


def demo() -> int:
    """Run the demo and return its exit code."""
    return run_scaled(lambda: _Demo(Console(highlight=False)).run(), speed=SPEED)


@define(eq=False)
class _Demo:
    console: Console
    ends: Counter[str] = field(init=False, factory=Counter)
    begun_at: float = field(init=False, default=0.0)

    async def run(self) -> int:
        """Submit, watch, report."""
        real, loop = time.monotonic(), asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            opened_at = loop.time()
            gateways = [await stack.enter_async_context(_gateway()) for _ in range(2)]
            ours, plain = (Side(Customer(session, gateway)) for gateway in gateways)
            # opened before the first submit, as in a bot: its imports cost 10 virtual seconds on this clock
            watcher = await stack.enter_async_context(watcher_of(ours, opened_at))
            self.begun_at = loop.time()
            for side in (ours, plain):
                await side.customer.order()
            self._say_hello(ours)
            with anyio.move_on_after(_AT_MOST) as limit:
                await self._watch(ours, plain, watcher)
            seconds = loop.time() - self.begun_at
        if limit.cancelled_caught:
            print("mjwatch: the demo took too long and was stopped")
            return 1
        self._report(ours, plain, seconds, time.monotonic() - real)
        return 0

    async def _watch(self, ours: Side, plain: Side, watcher: mjwatch.Watcher) -> None:
        """Let both sides watch until all tasks have ended, and show it."""
        loop = asyncio.get_running_loop()

        def figures() -> Figures:
            return Figures(loop.time() - self.begun_at, ours.requests, plain.requests)

        def take(event: mjwatch.Event) -> None:
            screen.take(event, loop.time() - self.begun_at)
            if isinstance(event, mjwatch.Final):
                self.ends[_outcome(event)] += 1

        async def tick() -> None:
            while True:
                screen.tick(figures())
                await anyio.sleep(_TICK)

        with screen_on(self.console, ours.customer.labels) as screen:
            async with anyio.create_task_group() as clock:
                clock.start_soon(tick)
                async with anyio.create_task_group() as watching:
                    for side in (ours, plain):
                        watching.start_soon(side.customer.act)
                    watching.start_soon(watch_without, plain)
                    watching.start_soon(watch_with_library, ours, watcher, take)
                clock.cancel_scope.cancel()
            screen.tick(figures())

    @staticmethod
    def _say_hello(ours: Side) -> None:
        customer = ours.customer
        print(f"{len(customer.labels)} tasks at a simulated {FAMILY} gateway, {customer.gateway.base_url}.")
        print(
            f"Its clock runs {SPEED:.0f} times faster; a plain loop watches the same tasks at a twin of it.\n"
        )

    def _report(self, ours: Side, plain: Side, seconds: float, real: float) -> None:
        ends = ", ".join(f"{count} {kind}" for kind, count in self.ends.most_common())
        print(f"\nMeasured in this run: {seconds:.0f} virtual seconds in {real:.1f} real ones; {ends}.\n")
        print(f"  {'':<38}{'requests':>9}{'mean lag':>11}")
        rows = ("mjwatch", ours), (f"a plain loop, one GET per task and {INTERVAL:.0f} s", plain)
        for name, side in rows:
            print(f"  {name:<38}{side.requests:>9}{side.mean_lag:>9.1f} s")
        print("\nLag: from when the gateway first could show an end until it was known. The gateways counted")
        print("the requests; both had the same tasks from the same seed.")


def _outcome(end: mjwatch.Final) -> str:
    match end:
        case mjwatch.Success():
            return "succeeded"
        case mjwatch.Failure(reason_kind=mjwatch.FailureKind.CANCELLED):
            return "cancelled"
        case mjwatch.Failure():
            return "failed"
        case _:
            return end.kind


def _gateway() -> SimulatedGateway:
    return SimulatedGateway(FAMILY, token=TOKEN, seed=SEED, latency=_LATENCY, epoch=EPOCH)
