"""
What do the waits of other clients cost, and how late is their news? mjwatch beside fal-client and legnext.

Run it with `python -m benchmarks.peers`, about five minutes; `--smoke` in half a minute, `--json FILE` for machines.

Each peer runs its own code, as published, at its own defaults: `handle.get()` of fal-client, which is what its
`subscribe` ends in, and `tasks.wait_for_completion` of legnext. All ask about the same tasks of the same simulated
trueai gateway, in real time, each on the paths it knows (`benchmarks/peer_routes/`). mjwatch asks for lists; the peers
know single lookups only.

Turbo tasks are submitted all at once and last 8 to 26 s (20 s in the median before that cut), seven steps of progress
each; the gateway saves what it shows every 3 s and takes 20 to 80 ms for a request. Seeds and save times are the same
for every row. Each row has a client process of its own, whose CPU time is told, and a gateway process of its own.
The row for one task is that of twenty such programs in one process, per program. 1,000 tasks are also shared out to
fifty clients of each peer: httpx queues what its 100 connections cannot take, and its pool then looks at each
connection for each waiting request, again and again (encode/httpcore#1035).

A good answer: for one task mjwatch asks half as often as the loop that sleeps 2 s and is about as late; fal-client is
a second earlier, for twenty times the requests. From 100 tasks on mjwatch needs fewer requests than anybody else for
ten tasks, and the least CPU, and is earlier than that loop. Ratios count, not the figures. Rows that stood waiting for
a core are marked: then something else ran on the machine, and the run should be repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import anyio
from attrs import asdict

from benchmarks import TINY
from benchmarks.peer_routes.line_up import CONTESTANTS
from benchmarks.peer_routes.trial import Heat, Row

_GRACE: Final = 75.0
"""Seconds a row may take beyond its limit: it opens, warms up, and its loop may be late to see that time is up."""
_BUSY: Final = 0.05
"""A row that stood waiting for a core for more than this share of its time is marked."""

_many = partial(Heat, tasks=1000)
PHASES: Final[Sequence[Sequence[Heat]]] = (
    [Heat(key=key, tasks=1, repeats=20) for key in CONTESTANTS],
    [Heat(key=key, tasks=100) for key in CONTESTANTS if key != "fal"],
    [Heat(key="fal", tasks=100)],
    [_many(key="mjwatch"), _many(key="mjwatch-progress"), _many(key="naive")],
    [_many(key="fal", clients=50)],
    [_many(key="legnext", clients=50)],
    [_many(key="fal", limit=35), _many(key="legnext", limit=35)],
)
"""What is listed together runs side by side: only what leaves two cores idle, or needs no more than one each."""
SMOKE: Final[Sequence[Sequence[Heat]]] = (
    [Heat(key=key, tasks=1, repeats=2, scale=0.1, limit=15) for key in CONTESTANTS],
    [Heat(key=key, tasks=6, clients=2, scale=0.1, limit=15) for key in CONTESTANTS],
)


async def run(phases: Sequence[Sequence[Heat]]) -> list[Row]:
    """Measure all heats, phase by phase; of one that broke there is no row."""
    rows: list[Row] = []
    for number, heats in enumerate(phases, start=1):
        names = "; ".join(CONTESTANTS[heat.key].name for heat in heats)
        print(f"{number}/{len(phases)}: {heats[0].tasks:,} to wait for: {names}", file=sys.stderr, flush=True)
        async with anyio.create_task_group() as group:
            for heat in heats:
                group.start_soon(_run_apart, heat, rows)
    order = list(CONTESTANTS)
    return sorted(rows, key=lambda row: (row.tasks, order.index(row.key), row.clients))


async def _run_apart(heat: Heat, rows: list[Row]) -> None:
    """Measure one heat in a process of its own, which has nothing left to say once the row is there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.peer_routes.trial", json.dumps(asdict(heat))),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,  # Ctrl-C ends us, and we end it
    )
    assert process.stdout is not None
    try:
        with anyio.move_on_after(heat.limit + _GRACE):
            if line := await process.stdout.readline():
                rows.append(Row(**json.loads(line)))
            else:
                print(f"it broke: {heat}", file=sys.stderr)
        with anyio.move_on_after(1):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            with anyio.CancelScope(shield=True):
                await process.wait()


def table(rows: Sequence[Row]) -> str:
    """Return *rows* as text."""
    lines = [
        f"{'':<36}{'requests':>9}{'per task':>9}{'peak/s':>7}{'CPU':>9}{'per task':>10}{'lag':>9}{'p95':>8}"
    ]
    tasks = 0
    for row in rows:
        if row.tasks != tasks:
            tasks = row.tasks
            lines += ["", f"{tasks:,} task{'s' * (tasks > 1)}"]
        lines.append(_line(row))
    lines += [
        "",
        "CPU: of the client's process; lag: of answers behind the ends that the gateway shows, mean and 95th percentile.",
        ">: answers were missing when the time was up. *: client or gateway often waited for a core.",
        f"{_versions()}; Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores",
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    """Return one row as text."""
    name = CONTESTANTS[row.key].name + (f" x{row.clients}" if row.clients > 1 else "")
    more = ">" if row.unfinished else ""
    line = f"  {name:<34}{row.requests:>9,.0f}{row.requests / row.tasks:>9.2f}"
    line += f"{'-' if row.peak is None else row.peak:>7}{row.cpu:>8.2f}s{row.cpu / row.tasks * 1000:>8.2f}ms"
    line += f"{f'{more}{row.lag:.2f}s':>9}{f'{more}{row.lag_p95:.2f}s':>8}"
    if row.starved is not None and row.starved > row.seconds * _BUSY:
        line += " *"
    if row.unfinished:
        line += f" {row.unfinished} of {row.tasks * row.repeats} missing after {row.seconds:.0f} s"
    return line


def _versions() -> str:
    """Return what was measured, for rows that others compare."""
    peers = (
        one.distribution.partition(">=")[0]
        for one in CONTESTANTS.values()
        if one.distribution and one.is_installed
    )
    return ", ".join(f"{name} {version(name)}" for name in ("mjwatch", "aiohttp", *peers))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny versions: only that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    asked = parser.parse_args()
    missing = [one for one in CONTESTANTS.values() if not one.is_installed]
    wanted = " ".join(f"'{one.distribution}'" for one in missing)
    if missing and not asked.smoke:
        print(f"the peers are not installed: uv sync --group bench, or pip install {wanted}", file=sys.stderr)
        sys.exit(2)
    for one in missing:
        print(f"skipped: {one.name} (pip install '{one.distribution}')")
    phases = [
        [heat for heat in heats if CONTESTANTS[heat.key] not in missing]
        for heats in (SMOKE if asked.smoke else PHASES)
    ]
    try:
        rows = asyncio.run(run(phases))
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"{TINY}\n{table(rows)}\n{TINY}" if asked.smoke else table(rows))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    if len(rows) < sum(map(len, phases)):
        sys.exit("some rows are missing: they broke, or took too long")


if __name__ == "__main__":
    main()
