"""Many seeds in several processes: `python -m tests.simulation.fleet core 0 100` runs a hundred and prints what came of it.

Each process prints one JSON object; whoever started it adds them up.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tests.simulation import labels
from tests.simulation.plan import Level, draw
from tests.simulation.promises import judge
from tests.simulation.replay import told
from tests.simulation.world import run

ROOT: Final = Path(__file__).parents[2]
PROCESSES: Final = 2


class Score(msgspec.Struct):
    """
    What came of some seeds.

    Attributes:
        seeds: How many.
        seconds: Of the processor, all processes together.
        reached: In how many seeds each label was reached.
        broken: What broke, told in words, by seed.
    """

    seeds: int = 0
    seconds: float = 0.0
    reached: dict[str, int] = {}
    broken: dict[str, str] = {}

    def add(self, other: Score) -> None:
        """Take in the score of another process."""
        self.seeds += other.seeds
        self.seconds += other.seconds
        self.reached = dict(Counter(self.reached) + Counter(other.reached))
        self.broken |= other.broken

    def told(self) -> str:
        """Return the figures, and how often each rare thing happened."""
        lines = [f"{self.seeds} seeds, {self.seeds / max(self.seconds, 1e-9):.1f} a second of one processor"]
        lines += [
            f"{times:7} {label}" for label, times in sorted(self.reached.items(), key=lambda one: one[1])
        ]
        return "\n".join(lines)


def live(level: Level, seeds: Iterable[int]) -> Score:
    """Run *seeds* in this process."""
    score, found = Score(), Counter[str]()
    began_at = time.process_time()
    gc.disable()  # a stream that only a cycle keeps alive would end when it likes
    for seed in seeds:
        try:
            history = run(draw(seed, level))
        except BaseException:
            print(f"broken by seed {seed} ({level})", file=sys.stderr)  # noqa: T201 - the traceback follows
            raise
        score.seeds += 1
        found.update(labels.reached(history))
        violations = judge(history)
        if violations:
            score.broken[f"{level} {seed}"] = told(history, violations)
        if score.seeds % 25 == 0:
            gc.collect()
    gc.enable()
    score.seconds, score.reached = time.process_time() - began_at, dict(found)
    return score


def fly(level: Level, first: int, count: int) -> Score:
    """Run *count* seeds from *first* on, in several processes."""
    shares = [
        (first + part * count // PROCESSES, first + (part + 1) * count // PROCESSES)
        for part in range(PROCESSES)
    ]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.simulation.fleet", level, str(begin), str(end - begin)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for begin, end in shares
    ]
    score = Score()
    for process in processes:
        printed, said = process.communicate()
        if process.returncode != 0:
            last = said.decode("utf-8", "replace")[-2_000:]
            raise RuntimeError(f"{level} from {first} on: exit code {process.returncode}\n{last}")
        score.add(msgspec.json.decode(printed, type=Score))
    return score


def missing(score: Score, wanted: Iterable[str]) -> list[str]:
    """Return the labels that no seed has reached."""
    return [label for label in wanted if not score.reached.get(label)]


def main(arguments: Sequence[str]) -> None:
    """Run the seeds that were asked for."""
    level, first, count = arguments
    asked: Level = "http" if level == "http" else "core"
    score = live(asked, range(int(first), int(first) + int(count)))
    sys.stdout.buffer.write(msgspec.json.encode(score))


if __name__ == "__main__":
    main(sys.argv[1:])
