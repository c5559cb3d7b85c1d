"""What a simulated gateway shows of a task at this instant, in the three words that the peers' job APIs have for it.

A route asks `look`, which counts as one request and takes as long as one takes at the gateway.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final, Literal

from attrs import Factory, define, field

from mjwatch.testing import SimulatedGateway

State = Literal["queued", "running", "done"]
LATENCY: Final = (0.02, 0.08)
"""How long a request takes at a gateway some way off, seconds, at least and at most."""


@define(eq=False)
class Shown:
    """
    The tasks of one gateway. Their scripts do not change once they are asked about.

    Attributes:
        asked: When each request came, in loop time.
    """

    gateway: SimulatedGateway
    asked: list[float] = Factory(list)
    _instants: dict[str, tuple[float | None, float | None]] = field(init=False, factory=dict)
    _rng: Random = field(init=False, factory=lambda: Random(1))

    async def look(self, task_id: str) -> State:
        """
        Return how the task stands half-way through a request.

        Raises:
            KeyError: the gateway has no such task.
        """
        self.asked.append(asyncio.get_running_loop().time())
        half = self._rng.uniform(*LATENCY) / 2
        await asyncio.sleep(half)
        state = self._state(task_id)
        await asyncio.sleep(half)
        return state

    def _state(self, task_id: str) -> State:
        if task_id not in self._instants:
            shown_at = self.gateway.shown_at
            self._instants[task_id] = shown_at(task_id, "IN_PROGRESS"), shown_at(task_id)
        running_at, ended_at = self._instants[task_id]
        now = asyncio.get_running_loop().time()
        if ended_at is not None and now >= ended_at:
            return "done"
        return "running" if running_at is not None and now >= running_at else "queued"
