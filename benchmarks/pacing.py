"""
When to look: the library beside its peers, beside fixed intervals and beside an oracle, in virtual time.

Run it with `python -m benchmarks.pacing`, about twelve minutes on two cores; `--smoke` in ten seconds, `--only bars` for the
last table alone, `--json FILE` for machines, `--draw` for the plots in docs/.

Everybody sees the same tasks and pays for the same requests. A request takes no time here, so lag is what the schedule
alone is to blame for. Steady seeds are for reporting; `--fresh` throws five new ones. What was tuned was tuned on others.

A good answer: every bar of the last table is met.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import isfinite
from multiprocessing import get_context
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import Final

from attrs import asdict, evolve

from benchmarks import TINY
from benchmarks.schedules import bars, crosscheck, crowds, plots, refinements, singles
from benchmarks.schedules.cells import ORACLE, OURS, WHOLE, Cell, Row, measure, shrunk
from benchmarks.schedules.tables import Rows, Section

TUNING: Final = range(1, 10)
"""Seeds that figures in the library were chosen by: never reported."""
REPORTING: Final = range(201, 210)
_FRESH: Final = 5

SECTIONS: Final[Mapping[str, Section]] = {
    "singles": singles,
    "crowds": crowds,
    "refinements": refinements,
    "crosscheck": crosscheck,
    "bars": bars,
}
_PROCESSES: Final = 2
LEGEND: Final = """
x: looks times mean lag of the best fixed interval, divided by ours, on the same tasks. l: the lag that was asked for.
w: what a step of progress is worth beside an end. cold: priors only, a fresh process for each task; warm: after 500
tasks. instants: the gateway tells when a task was submitted and started. U pick: a picture cut out of four, no steps."""


def measured(cells: Iterable[Cell], *, is_smoke: bool = False) -> dict[Cell, Row]:
    """Make the rows of all *cells*, by two processes, the long ones first."""
    asked = sorted(dict.fromkeys(cells), key=_length, reverse=True)
    began_at = monotonic()
    rows: dict[Cell, Row] = {}
    with get_context("fork").Pool(_PROCESSES) as pool:
        for number, row in enumerate(pool.imap_unordered(partial(_measure, is_smoke=is_smoke), asked), 1):
            rows[row.cell] = row
            if number % 20 == 0 or number == len(asked):
                print(f"{number}/{len(asked)} cells, {monotonic() - began_at:.0f} s", file=sys.stderr)
    return {cell: rows[cell] for cell in asked}


def _measure(cell: Cell, *, is_smoke: bool) -> Row:
    return evolve(measure(shrunk(cell)), cell=cell) if is_smoke else measure(cell)


def _length(cell: Cell) -> float:
    """Return about how long a cell takes: what costs is to decide, and an oracle decides slowly."""
    looks = cell.measured * (min(5.0, cell.tasks / 2) if cell.tasks > 1 else 10.0)
    if cell.policy == ORACLE:
        return looks * 6
    return looks + 10.0 * cell.warm_up if cell.policy in {OURS, WHOLE} else looks / 50


def as_json(rows: Rows, verdicts: Sequence[bars.Verdict], seeds: Sequence[int]) -> str:
    """Return everything; what is not a number becomes null."""
    said = {
        "seeds": list(seeds),
        "bars": [asdict(verdict) for verdict in verdicts],
        "rows": [asdict(row) for row in rows.values()],
    }
    return json.dumps(_plain(said), indent=1, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.pacing", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny versions: only that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="of the bars, 3 by default, 9 at most"
    )
    parser.add_argument("--tuning", action="store_true", help="use the seeds that are for tuning")
    parser.add_argument("--fresh", action="store_true", help="throw five new seeds instead")
    parser.add_argument("--draw", action="store_true", help="draw the plots in docs/")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS), metavar="NAME")
    return parser.parse_args()


def _seeds(asked: argparse.Namespace) -> Sequence[int]:
    if asked.fresh:
        dice = SystemRandom()
        return [dice.randrange(1000, 10**6) for _ in range(_FRESH)]
    assert set(TUNING).isdisjoint(REPORTING)
    return (TUNING if asked.tuning else REPORTING)[: 1 if asked.smoke else asked.seeds]


def main() -> None:
    """Run the benchmark."""
    asked = _arguments()
    seeds = _seeds(asked)
    if asked.smoke:
        print(TINY)
    print(f"seeds: {', '.join(map(str, seeds))}{' (of tuning: not to be reported)' if asked.tuning else ''}")
    sections = [section for name, section in SECTIONS.items() if name in asked.only]
    cells = [cell for section in sections for cell in section.cells(seeds)]
    rows = measured([*cells, *(plots.cells(seeds) if asked.draw else ())], is_smoke=asked.smoke)
    print(LEGEND)
    for section in sections:
        print(f"\n{section.table(rows, seeds)}")
    if asked.smoke:
        print(f"\n{TINY}")
    if asked.draw:
        plots.draw(rows, seeds, Path(__file__).parent.parent / "docs")
    if asked.json:
        verdicts = bars.verdicts(rows, seeds) if bars in sections else []
        asked.json.write_text(as_json(rows, verdicts, seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
