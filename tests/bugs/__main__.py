"""The bug bank: does the simulation notice if a promise stops being true? `python -m tests.bugs`, some ten minutes.

Each patch in `patches/` plants one bug into a copy of the tree. It must be caught within 300 seeds by a history checker
that knows nothing of it; how many seeds that takes is the figure of merit of the proof. A patch that no longer applies, or
a bug that is not caught, fails the run: mend the proof.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from attrs import frozen

from tests.bugs.hunt import Caught

ROOT: Final = Path(__file__).parents[2]
PATCHES: Final = Path(__file__).parent / "patches"
SEEDS: Final = 300
RUNS: Final = 5
_STRIDE: Final = 10_000
"""Between the first seeds of two runs."""
_PATIENCE: Final = 300.0
"""Seconds for one hunt: a bug that makes the world hang is no bug that a checker caught."""
_TODAY: Final = 4
_PROCESSES: Final = 2


class DoesNotApplyError(Exception):
    """The code that the bug was made for has changed: make it anew."""


@frozen
class Bug:
    """
    A planted bug.

    Attributes:
        path: Its patch; the lines above the diff say what it does.
    """

    path: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.stem

    @property
    def words(self) -> str:
        """What it does."""
        return self.path.read_text(encoding="utf-8").split("\n---", 1)[0].strip()


def bugs() -> list[Bug]:
    """Return all, by name."""
    return [Bug(path) for path in sorted(PATCHES.glob("*.patch"))]


def of_the_day(all_bugs: Sequence[Bug], day: date) -> list[Bug]:
    """Return a few, other ones each day; all of them within a week or so."""
    first = day.toordinal() * _TODAY % len(all_bugs)
    return [all_bugs[(first + n) % len(all_bugs)] for n in range(min(_TODAY, len(all_bugs)))]


@contextmanager
def planted(bug: Bug) -> Iterator[Path]:
    """
    Make a copy of the tree with the bug in it.

    Raises:
        DoesNotApplyError: the patch does not fit any more.
    """
    with tempfile.TemporaryDirectory(prefix="mjwatch-bug-") as folder:
        copy = Path(folder)
        for part in ("mjwatch", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        command = ["git", "apply", "--whitespace=nowarn", str(bug.path)]
        applied = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603
        if applied.returncode != 0:
            raise DoesNotApplyError(f"{bug.name}: {applied.stderr.strip()}")
        yield copy


def hunted(bug: Bug, run: int, seeds: int) -> Caught:
    """Let one hunt happen, in a process of its own."""
    with planted(bug) as copy:
        command = [sys.executable, "-m", "tests.bugs.hunt", "core", str(run * _STRIDE), str(seeds)]
        env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, cwd=copy, env=env, capture_output=True, timeout=_PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            return Caught(seeds, "", f"hung for {_PATIENCE:.0f} s")
        if done.returncode != 0:
            return Caught(seeds, "", done.stderr.decode(errors="replace")[-300:])
        return msgspec.json.decode(done.stdout, type=Caught)


def line(bug: Bug, hunts: Sequence[Caught]) -> tuple[str, bool]:
    """Return a bug's row of the table, and True where it was caught each time."""
    is_caught = all(one.by for one in hunts)
    by = ", ".join(sorted({one.by for one in hunts if one.by})) or "-"
    often = f"{median(one.seeds for one in hunts):g}" if is_caught else "NOT CAUGHT"
    why = "" if is_caught else next(one.words for one in hunts if not one.by)
    return f"{bug.name:<38}{often:>12}  {by:<34}{bug.words} {why}".rstrip(), is_caught


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt each bug some times and print the table; 1 if one was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.bugs", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--runs", type=int, default=RUNS, help="hunts for each bug; the median is printed")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="within so many it must be caught")
    parser.add_argument("--today", action="store_true", help=f"only {_TODAY}, other ones each day")
    given = parser.parse_args(arguments)
    chosen = [bug for bug in bugs() if not given.names or bug.name in given.names]
    if given.today:
        chosen = of_the_day(chosen, datetime.now(UTC).date())  # noqa: TID251 - which ones is a matter of the day
    if not chosen:
        parser.error("no such bug")
    print(f"{'bug':<38}{'seeds':>12}  {'caught by':<34}what it does", flush=True)  # noqa: T201
    is_well = True
    with ThreadPoolExecutor(_PROCESSES) as pool:
        hunts = {
            bug: [pool.submit(hunted, bug, run, given.seeds) for run in range(given.runs)] for bug in chosen
        }
        for bug in chosen:
            row, is_caught = line(bug, [hunt.result() for hunt in hunts[bug]])
            is_well &= is_caught
            print(row, flush=True)  # noqa: T201 - a command
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
