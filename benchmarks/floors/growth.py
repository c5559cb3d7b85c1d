"""A look costs the same however many tasks are watched: CPU per look at growing numbers, beside that at ten thousand.

Store, pump, coalescer, client and dialect are the real ones; the gateway is inside the process and its CPU is taken
off. On a clock that jumps, so each process can wait for its turn: one slice each, in rotating order.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import mjwatch
from benchmarks.floors import children
from benchmarks.floors.inside import inside
from benchmarks.floors.jumps import JumpingLoop
from benchmarks.floors.library import add
from benchmarks.floors.payloads import Lot, ids_of
from benchmarks.floors.plan import Plan
from benchmarks.floors.rows import Bar, Row, compared

_PERIOD = 10.0
_LOT = Lot(step_every=20 * _PERIOD)
"""5 % have changed from look to look."""


def rows(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Measure all numbers of tasks, one row for each but the yardstick."""
    with ExitStack() as stack:
        grown: dict[int, subprocess.Popen[str]] = {}
        for count in plan.growth:
            grown[count] = stack.enter_context(
                children.child("growth", count=count, slice_looks=plan.slice_looks)
            )
        for count in plan.growth:
            tell(f"{count:,} tasks watched after {children.heard(grown[count]):.0f} s of CPU")
        costs = _measured(plan, grown, tell)
    base = plan.growth[1]
    return [
        compared(
            f"growth: CPU per look, {count:,} watched",
            f"{base:,} watched",
            "us",
            list(zip(costs[count], costs[base], strict=True)),
            Bar("at most", 1.3) if count == plan.growth[-1] else None,
        )
        for count in plan.growth
        if count != base
    ]


def _measured(
    plan: Plan, grown: Mapping[int, subprocess.Popen[str]], tell: Callable[[str], None]
) -> dict[int, list[float]]:
    costs: dict[int, list[float]] = {count: [] for count in plan.growth}
    for turn in range(plan.growth_rounds):
        turned = turn % len(plan.growth)
        for count in plan.growth[turned:] + plan.growth[:turned]:
            children.say(grown[count], "go")
            costs[count].append(children.heard(grown[count]))
        said = ", ".join(f"{count:,}: {costs[count][-1]:.2f}" for count in plan.growth)
        tell(f"round {turn + 1}, us per look at {said}")
    return costs


async def grow(count: int, slice_looks: int) -> None:
    """Watch *count* tasks; then, for each line of input, run for some looks and say what one cost."""
    async with inside(_LOT, count, mjwatch.Pacing.every(_PERIOD)) as (watcher, gateway):
        stream = watcher.events()
        reader = asyncio.get_running_loop().create_task(_read(stream))
        await add(watcher, ids_of(count))
        await gateway.was_asked(2 * count)
        gc.collect()
        print(json.dumps(time.process_time()), flush=True)
        for _ in sys.stdin:  # time stands still meanwhile
            inner, looks, cpu = gateway.cpu, gateway.asked, time.process_time()
            await gateway.was_asked(looks + slice_looks)
            cpu = time.process_time() - cpu - (gateway.cpu - inner)
            print(json.dumps(1e6 * cpu / max(gateway.asked - looks, 1)), flush=True)
        reader.cancel()


async def _read(stream: mjwatch.EventStream) -> None:
    async for _ in stream:
        pass


def main() -> None:
    """Grow to what this process was given."""
    spec = children.given()
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(grow(spec["count"], spec["slice_looks"]))


if __name__ == "__main__":
    main()
