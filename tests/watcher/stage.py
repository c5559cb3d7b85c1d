"""The stage of the end-to-end tests: a watcher on a simulated gateway, and what must hold of any reader's history."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import ParamSpec, TypeVar

import anyio
from attrs import evolve

import mjwatch
from mjwatch import Event, Gateway, Pacing, Progress, TaskEvent, Watcher
from mjwatch.testing import Family, SimulatedGateway, current_loop, simulate

EPOCH = 1_735_689_600.0
TOKEN = "sk-simulated"
REPLIES = Path(__file__).parent.parent / "support" / "replies"

P = ParamSpec("P")
E = TypeVar("E", bound=Event)


def simulated(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run *test* in virtual time; what it leaves behind (asyncio task, timer, socket) fails it."""

    @functools.wraps(test)
    def run(*args: P.args, **options: P.kwargs) -> None:
        simulate(lambda: test(*args, **options))

    return run


def preset(sim: SimulatedGateway) -> Gateway:
    """Return the preset for the family of *sim*, pointed at it."""
    match sim.family:
        case Family.NEW_API:
            return mjwatch.gateways.new_api(sim.base_url, TOKEN)
        case Family.TRUEAI:
            return mjwatch.gateways.trueai(sim.base_url, TOKEN)
        case Family.NOVICEZK | Family.PLUS:
            return mjwatch.gateways.midjourney_proxy(sim.base_url, TOKEN)
        case Family.ENVELOPED:
            return evolve(mjwatch.gateways.mjdjourney(TOKEN), base_url=sim.base_url)


def watcher_on(gateway: Gateway, *, pacing: Pacing | None = None) -> Watcher:
    """Return a watcher whose every run is the same."""
    return Watcher(gateway, pacing=pacing, rng=Random(0), wall=lambda: EPOCH)


@asynccontextmanager
async def staged(
    family: Family = Family.PLUS, *, pacing: Pacing | None = None, latency: float = 0.0
) -> AsyncIterator[tuple[SimulatedGateway, Watcher]]:
    """Open a gateway of *family* and a watcher on it."""
    async with (
        SimulatedGateway(family, latency=(latency, latency)) as sim,
        watcher_on(preset(sim), pacing=pacing) as watcher,
    ):
        yield sim, watcher


async def after(seconds: float, act: Callable[[], object]) -> None:
    """Do something later."""
    await anyio.sleep(seconds)
    act()


async def read(stream: AsyncIterator[E], into: list[E] | None = None) -> list[E]:
    """Read *stream* to its end."""
    got: list[E] = [] if into is None else into
    async for event in stream:
        got.append(event)  # noqa: PERF401 - *into* shows what came before an error
    return got


def now() -> float:
    """Return the loop's time."""
    return current_loop().time()


def kinds(events: Iterable[Event]) -> list[str]:
    """Return the kinds of *events*."""
    return [event.kind for event in events]


def told(events: Iterable[Event]) -> list[tuple[int, str]]:
    """Return the task events of *events* in short, to compare two runs."""
    return [(event.seq, event.kind) for event in of_tasks(events)]


def of_tasks(events: Iterable[Event]) -> list[TaskEvent]:
    """Return those of *events* that belong to a task."""
    return [event for event in events if not isinstance(event, mjwatch.Unreachable | mjwatch.Recovered)]


def of_task(events: Iterable[Event], task_id: str) -> list[TaskEvent]:
    """Return the events of one task."""
    return [event for event in of_tasks(events) if event.task_id == task_id]


def check_contract(events: Iterable[Event], *ended: str) -> None:
    """Check the history of one reader against the docstring of `Subscription`; *ended* are ids that must have ended."""
    history = list(events)
    check_order(history, *ended)
    names = [event.id for event in history]
    assert len(set(names)) == len(names), ("one cause, one event", [(e.kind, e.id) for e in history])


def check_order(events: Iterable[Event], *ended: str) -> None:
    """Check all of the contract but the ids of the events."""
    told = of_tasks(events)
    by_id: dict[str, list[TaskEvent]] = {task_id: [] for task_id in ended}
    for event in told:
        by_id.setdefault(event.task_id, []).append(event)
    for task_id, history in by_id.items():
        finals = [event for event in history if event.final]
        if task_id in ended:
            assert len(finals) == 1, (task_id, kinds(history))
        assert not finals or history[-1] is finals[0], (task_id, kinds(history))
        assert history[0].seq == 1 + history[0].skipped, history[0]
        for last, event in pairwise(history):
            assert event.seq == last.seq + 1 + event.skipped, (last, event)
        percents = [(e.percent, e.restarted) for e in history if isinstance(e, Progress)]
        for (before, _), (percent, restarted) in pairwise(percents):
            assert restarted or (percent or 0) >= (before or 0), (task_id, percents)


def at_step(step: int, act: Callable[[], object]) -> None:
    """Do something at the start of the loop's *step*-th next turn: every await of a program lies between two turns."""
    loop = current_loop()
    run_once: Callable[[], None] = loop._run_once  # type: ignore[attr-defined]  # asyncio names it nowhere
    turn = 0

    def counted() -> None:
        nonlocal turn
        turn += 1
        if turn == step:
            act()
        run_once()

    loop._run_once = counted  # type: ignore[attr-defined]


def count_turns() -> Callable[[], int]:
    """Count the loop's turns from now on; call what is returned to read the count."""
    loop = current_loop()
    run_once: Callable[[], None] = loop._run_once  # type: ignore[attr-defined]  # asyncio names it nowhere
    turns = 0

    def counted() -> None:
        nonlocal turns
        turns += 1
        run_once()

    loop._run_once = counted  # type: ignore[attr-defined]
    return lambda: turns
