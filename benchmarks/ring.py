"""
What does it cost to watch 10,000 tasks, and how late is the news?

Run it with `python -m benchmarks.ring`, about four minutes; `--smoke` in ten seconds, `--json FILE` for machines.

Two halves. In *virtual* time (60 s, no CPU figures: the gateway shares the process) the answer is exact and the same
on each machine. In *real* time (20 s on loopback, the gateway in a process of its own) CPU is this process's alone.
The tasks last 45 s in the median and stand anywhere in their lives, as in a service that runs all day, with a step of
progress each 6 s; the simulated trueai gateway saves what it shows every 3 s.

A good answer: with its default budget the library needs a hundredth of the requests of a loop per task and half of
the plain batch loop's, and without the budget the mean lag of ends is below 1 s. In CPU a look costs at most a tenth of
what a loop per task pays; beside the plain batch loop, compare the whole (`CPU`) too: adaptive looks are fewer and
nearly each brings news, which costs more than to see that nothing has changed. Ratios count, not the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, quantiles

from attrs import asdict, frozen

from benchmarks import TINY
from benchmarks.watching import Tally, Way, library, loop_per_batch, loop_per_task
from benchmarks.worlds import Truth, World, apart, here
from mjwatch import Limits, Pacing
from mjwatch.testing import simulate

_FREE = Limits(rate=None)
_LATEST = 0.2
"""Ends in the last fifth of a run are not counted: whoever asks next in time would not be heard."""


@frozen
class Case:
    """One way to watch, and at how many of all tasks."""

    name: str
    way: Way
    share: float = 1.0


CASES = (
    Case("mjwatch, adaptive", library(Pacing(), Limits())),
    Case("mjwatch, adaptive, rate=None", library(Pacing(), _FREE)),
    Case("mjwatch, every(1), rate=None", library(Pacing.every(1), _FREE)),
    Case("plain batch loop, every second", loop_per_batch),
    Case("loop per task, sleep 2", loop_per_task, share=0.1),
)


@frozen
class Row:
    """One measurement; seconds, and microseconds of CPU per look (None in virtual time)."""

    name: str
    clock: str
    tasks: int
    looks: int
    requests: int
    events: int
    ends: int
    lag: float
    lag_p95: float
    cpu: float | None
    cpu_per_look: float | None


async def measure(case: Case, world: World, count: int, seconds: float, *, clock: str) -> Row:
    """Let *case* watch *count* tasks for *seconds*."""
    count = max(int(count * case.share), 20)
    scene = await world.begin(count)
    tally, loop = Tally(), asyncio.get_running_loop()
    gc.collect()
    began_at, cpu = loop.time(), time.process_time()
    await case.way(scene.base_url, scene.ids, seconds, tally)
    until, cpu = loop.time(), time.process_time() - cpu
    truth = await world.truth()
    lags = _lags(truth, tally, began_at, until)
    is_real = clock == "real"
    return Row(
        name=case.name,
        clock=clock,
        tasks=count,
        looks=tally.looks,
        requests=truth.requests,
        events=tally.events,
        ends=len(lags),
        lag=fmean(lags),
        lag_p95=quantiles(lags, n=20)[-1],
        cpu=cpu if is_real else None,
        cpu_per_look=cpu / max(tally.looks, 1) * 1e6 if is_real else None,
    )


def _lags(truth: Truth, tally: Tally, began_at: float, until: float) -> list[float]:
    """Return how late each end was known that was shown early enough; one never known counts up to the stop."""
    horizon = began_at + (until - began_at) * (1 - _LATEST)
    early = ((task_id, at) for task_id, at in truth.shown.items() if at is not None and at < horizon)
    lags = [tally.learned.get(task_id, until) - at for task_id, at in early]
    return lags if len(lags) > 1 else [0.0, 0.0]  # only in --smoke


async def run_virtual(case: Case, count: int, seconds: float) -> Row:
    """Measure *case* in the running loop."""
    async with here() as world:
        return await measure(case, world, count, seconds, clock="virtual")


async def run_real(count: int, seconds: float) -> list[Row]:
    """Measure all cases at gateways in another process, after a warm-up that nobody counts."""
    async with apart() as world:
        scene = await world.begin(20)
        await CASES[0].way(scene.base_url, scene.ids, 0.2, Tally())
        return [await measure(case, world, count, seconds, clock="real") for case in CASES]


def run_all(count: int, virtual: float, real: float) -> list[Row]:
    """Measure all cases on both clocks."""
    rows = [simulate(partial(run_virtual, case, count, virtual)) for case in CASES]
    return rows + asyncio.run(run_real(count, real))


def table(rows: Sequence[Row]) -> str:
    """Return *rows* as text; ratios are to the plain batch loop on the same clock."""
    plain = {row.clock: row for row in rows if row.name == CASES[3].name}
    head = f"{'':<32}{'tasks':>7}{'looks':>9}{'requests':>10}{'per task':>9}{'events':>8}{'lag':>7}{'p95':>7}"
    lines = []
    for clock in ("virtual", "real"):
        cpu = f"{'us/look':>9}{'CPU':>8}{'ratio':>7}" if clock == "real" else ""
        lines += ["", f"{clock} time", head + cpu]
        for row in (row for row in rows if row.clock == clock):
            line = f"{row.name:<32}{row.tasks:>7}{row.looks:>9}{row.requests:>10}"
            line += f"{row.requests / row.tasks:>9.3f}{row.events:>8}{row.lag:>6.2f}s{row.lag_p95:>6.2f}s"
            if row.cpu is not None and row.cpu_per_look is not None:
                ratio = row.cpu_per_look / (plain[clock].cpu_per_look or 1)
                line += f"{row.cpu_per_look:>9.1f}{row.cpu:>7.2f}s{ratio:>6.2f}x"
            lines.append(line)
    lines += ["", "ratio: CPU per look beside the plain batch loop; lag: of ends, mean and 95th percentile."]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.ring", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny versions: only that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    asked = parser.parse_args()
    rows = run_all(200, 8, 0.5) if asked.smoke else run_all(10_000, 60, 20)
    print(f"{TINY}\n{table(rows)}\n{TINY}" if asked.smoke else table(rows))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
