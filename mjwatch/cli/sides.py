"""The two sides of the demo, the library and a plain loop: each watches the same tasks on a gateway of its own.

What each side needed is counted by its gateway, not by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from attrs import define, field

import mjwatch
from mjwatch.cli.cast import TOKEN, Customer
from mjwatch.cli.plain_loop import watch_plainly

EPOCH: Final = 1_735_689_600.0
"""The virtual wall time at which the gateways start."""


@define(eq=False)
class Side:
    """
    One of the two: who submits where, and when each end was learned of.

    Attributes:
        learned: Task id to loop time.
    """

    customer: Customer
    learned: dict[str, float] = field(init=False, factory=dict)

    @property
    def requests(self) -> int:
        """How often the gateway was asked about tasks, by its own log."""
        return sum(request.route in {"fetch", "list"} for request in self.customer.gateway.requests)

    @property
    def mean_lag(self) -> float:
        """How long after the gateway first could show it an end was known, in the mean of all tasks."""
        shown = {task_id: self.customer.gateway.shown_at(task_id) for task_id in self.learned}
        lags = [at - (shown[task_id] or at) for task_id, at in self.learned.items()]
        return sum(lags) / max(len(lags), 1)

    def learn(self, task_id: str, at: float) -> None:
        """Keep when the end of a task was known."""
        self.learned[task_id] = at


def watcher_of(side: Side, started_at: float) -> mjwatch.Watcher:
    """Return a watcher as any program would build it; only the dice and the wall clock are the demo's."""
    loop = asyncio.get_running_loop()
    gateway = mjwatch.gateways.trueai(side.customer.gateway.base_url, TOKEN, name="demo")
    return mjwatch.Watcher(gateway, rng=Random(0), wall=lambda: EPOCH + loop.time() - started_at)


async def watch_with_library(
    side: Side, watcher: mjwatch.Watcher, on_event: Callable[[mjwatch.Event], None]
) -> None:
    """Watch the tasks of *side* with the library."""
    loop = asyncio.get_running_loop()
    async with watcher.watch(*side.customer.labels) as events:
        async for event in events:
            if isinstance(event, mjwatch.Final):
                side.learn(event.task_id, loop.time())
            on_event(event)


async def watch_without(side: Side) -> None:
    """Watch the tasks of *side* with the plain loop."""
    customer = side.customer
    headers = {"Authorization": TOKEN}
    await watch_plainly(customer.session, customer.gateway.base_url, headers, customer.labels, side.learn)
