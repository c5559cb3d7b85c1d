"""One hunt: seeds of the simulation, one after the other, until a promise is found broken. Prints one line of JSON.

Runs inside a copy of the tree in which a bug was planted: `python -m tests.bugs.hunt core 0 300`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from tests.simulation.plan import Level, draw
from tests.simulation.promises import judge
from tests.simulation.world import run


class Caught(msgspec.Struct):
    """
    What a hunt came to.

    Attributes:
        seeds: How many were lived, the last one included.
        by: The promise that was found broken; "" where none was.
        words: What was wrong.
    """

    seeds: int
    by: str = ""
    words: str = ""


def hunt(level: Level, first: int, most: int) -> Caught:
    """Live seeds from *first* on until one shows a bug, at most so many."""
    for number, seed in enumerate(range(first, first + most), start=1):
        try:
            violations = judge(run(draw(seed, level)))
        except Exception as error:  # noqa: BLE001 - whatever a planted bug does to the world, it shows
            return Caught(number, f"the world ({type(error).__name__})", str(error).split("\n", 1)[0][:200])
        if violations:
            return Caught(number, violations[0].promise, violations[0].words)
    return Caught(most)


def main(arguments: Sequence[str]) -> None:
    """Hunt as asked."""
    level, first, most = arguments
    asked: Level = "http" if level == "http" else "core"
    sys.stdout.buffer.write(msgspec.json.encode(hunt(asked, int(first), int(most))))


if __name__ == "__main__":
    main(sys.argv[1:])
