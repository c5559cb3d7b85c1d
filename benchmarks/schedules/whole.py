"""The whole library: `Watcher`, sockets and all, on virtual time, beside its own decisions driven directly.

Rule: uses the public face alone, so that nobody need doubt that the tables speak of the library. The lives are those of
the direct play; the simulated gateway has ticks of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Final

import anyio

import mjwatch
from mjwatch.tasks import Status
from mjwatch.testing import Family, SimulatedGateway, simulate

from .gateways import Gateway, View
from .scores import Score
from .worlds import Life

_TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway
_DIALECTS: Final[dict[Family, mjwatch.gateways.DialectName]] = {
    Family.PLUS: "midjourney-proxy",
    Family.NEW_API: "new-api",
}


def play(
    learned: Sequence[View], measured: Sequence[View], shown_by: Gateway, pacing: mjwatch.Pacing, seed: int
) -> Score:
    """Let one watcher wait for all tasks, one after the other; count the *measured* ones."""
    return simulate(partial(_play, learned, measured, shown_by, pacing, seed))


async def _play(
    learned: Sequence[View], measured: Sequence[View], shown_by: Gateway, pacing: mjwatch.Pacing, seed: int
) -> Score:
    family = Family.PLUS if shown_by.ticks is None else Family.NEW_API
    spread = 0.0 if shown_by.ticks is None else shown_by.ticks.spread
    score, views = Score(), [*learned, *measured]
    async with SimulatedGateway(family, token=_TOKEN, seed=seed, spread=spread) as served:
        gateway = mjwatch.Gateway(
            name="whole", base_url=served.base_url, credential=_TOKEN, dialect=_DIALECTS[family],
            auth="mj-api-secret" if family is Family.PLUS else "bearer",
        )  # fmt: skip
        async with mjwatch.Watcher(gateway, pacing=pacing, rng=Random(seed)) as watcher:
            for number, view in enumerate(views):
                await _wait(watcher, served, view, str(number), score if number >= len(learned) else Score())
                following = views[min(number + 1, len(views) - 1)].begun_at
                await anyio.sleep(max(0.0, following - view.ends_at))
    score.requests = score.looks
    return score


async def _wait(
    watcher: mjwatch.Watcher, served: SimulatedGateway, view: View, name: str, score: Score
) -> None:
    """Submit a task, wait for its end, and count what that took."""
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    _submit(served, view.life, name)
    asked = len(served.requests)
    await watcher.wait(name)
    shown_at = served.shown_at(name)
    assert shown_at is not None
    score.looks += sum(name in request.ids for request in list(served.requests)[asked:])
    score.lags.append(loop.time() - shown_at)
    score.seconds += loop.time() - begun_at


def _submit(served: SimulatedGateway, life: Life, name: str) -> None:
    script = served.task(name, action=life.kind.action.value, mode=life.kind.mode.value)
    passed = 0.0
    for step in life.steps[1:]:
        script.after(step.at - passed)
        passed = step.at
        match step.status:
            case Status.SUBMITTED:
                script.submitted()
            case Status.IN_PROGRESS:
                script.progress(step.percent or 0)
            case Status.FAILURE:
                script.failure()
            case _:
                script.success()
