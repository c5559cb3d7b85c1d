"""
How fast is the library beside what could be written by hand?

Run it with `python -m benchmarks.speed`, about eight minutes; `--smoke` in a quarter of one, `--only cpu memory` for
some rows, `--rounds N` for more or fewer rounds, `--json FILE` for machines. `--profile` shows where the time of a
look goes.

Each row is measured beside its own yardstick, in the same run and in rotating order, each way in a process of its own;
medians over the rounds. The ratio is the result: figures differ from machine to machine, and from hour to hour. CPU is
the client's alone: the gateway is another process on another core.

A good answer says "yes" in each line. A "NO" on a busy machine asks for a second run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve

from benchmarks import TINY
from benchmarks.floors import children, delivery, growth, imports, looks, memory, stall
from benchmarks.floors.plan import FULL, SMOKE, Plan
from benchmarks.floors.rows import Row, table

Measure = Callable[[Plan, Callable[[str], None]], list[Row]]

OTHERS: Final[dict[str, Measure]] = {
    "growth": growth.rows,
    "memory": memory.rows,
    "delivery": delivery.rows,
    "stall": stall.rows,
    "imports": imports.rows,
}


def measure(plan: Plan, names: Collection[str]) -> tuple[list[Row], bool]:
    """
    Measure the rows called *names*; return them, and whether all could be measured.

    What cannot be measured is told, and the others go on.
    """
    began_at = time.monotonic()

    def tell(about: str, line: str) -> None:
        print(f"[{time.monotonic() - began_at:5.0f} s] {about}: {line}", file=sys.stderr, flush=True)

    rows, is_whole = list[Row](), True
    measures = {name: one for name, one in OTHERS.items() if name in names}
    if about_looks := [name for name in looks.NAMES if name in names]:
        measures = {"looks": partial(looks.rows, names=about_looks), **measures}
    for name, one in measures.items():
        try:
            rows += one(plan, partial(tell, name))
        except children.Broke as why:
            is_whole = False
            tell(name, f"not measured: {why}")
    return rows, is_whole


def profile(plan: Plan) -> str:
    """Return where the time of a look goes."""
    with children.gateway() as port:
        sample = next(looks.measured([looks.courses(plan)["every"]], port, profiled=True))
    return (
        f"{sample.looks:,} looks, {sample.per_look:.2f} us of CPU each under the profiler. It distorts: small functions "
        f"look dearer than they are, and what C code spends counts for who called it.\n{sample.profile}"
    )


def write(path: Path, rows: Sequence[Row], plan: Plan) -> None:
    """Write *rows* for machines."""
    about = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "rounds": plan.rounds,
    }
    path.write_text(
        json.dumps({**about, "rows": [row.as_dict() for row in rows]}, indent=1), encoding="utf-8"
    )


def main() -> int:
    """Run the benchmark."""
    names = [*looks.NAMES, *OTHERS]
    parser = argparse.ArgumentParser(
        prog="benchmarks.speed", description=__doc__.strip().partition("\n\n")[0]
    )
    parser.add_argument("--smoke", action="store_true", help="tiny versions: only that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names)
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of the rows about looks")
    parser.add_argument("--profile", action="store_true", help="the ten functions that cost most")
    asked = parser.parse_args()
    plan = SMOKE if asked.smoke else FULL
    if asked.rounds is not None:
        plan = evolve(plan, rounds=max(asked.rounds, 1))
    try:
        if asked.profile:
            print(profile(plan))
            return 0
        rows, is_whole = measure(plan, asked.only)
    except KeyboardInterrupt:
        return 130
    print(f"{TINY}\n{table(rows)}\n{TINY}" if asked.smoke else table(rows))
    print(
        f"\nus: of the client's CPU. Python {platform.python_version()}, {os.cpu_count()} cores, rounds: {plan.rounds}."
    )
    if asked.json:
        write(asked.json, rows, plan)
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
