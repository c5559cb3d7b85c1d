"""What a watched task weighs: resident memory after three looks that each brought news, beside a record in a dict.

Each figure comes from a process of its own. It is the weight of the last so many tasks: ten thousand others have come
before, so that what is there once (modules, the event log, the connection) counts for nothing, on either side.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from subprocess import Popen

import msgspec
from attrs import frozen

import mjwatch
from benchmarks.floors import children
from benchmarks.floors.inside import inside
from benchmarks.floors.jumps import JumpingLoop
from benchmarks.floors.library import add
from benchmarks.floors.payloads import Book, Lot, ids_of
from benchmarks.floors.plan import BATCH, Plan
from benchmarks.floors.rows import Bar, Row, compared

_LOOKS = 3
_PERIOD = 10.0
_LOT = Lot(step_every=_PERIOD / 2, previews=1.0)
"""Each look at each task brings news, and a preview, which both sides keep."""


def rows(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Measure both sides at all numbers of tasks; all others beside the longest, for time does not matter here."""
    most = plan.memory[-1]
    weights: dict[tuple[str, int], float] = {}

    def weighed(side: str, count: int, process: Popen[str]) -> None:
        weights[side, count] = children.heard(process)
        tell(f"{side}, {count:,} tasks: {weights[side, count]:.0f} B each")

    def begun(side: str, count: int) -> AbstractContextManager[Popen[str]]:
        return children.child("memory", side=side, count=count, before=plan.memory_before)

    with begun("ours", most) as longest:
        for count, side in product(plan.memory, ("yardstick", "ours")):
            if (side, count) != ("ours", most):
                with begun(side, count) as process:
                    weighed(side, count, process)
        weighed("ours", most, longest)
    return [
        compared(
            f"memory per watched task, {count:,}",
            "record in a dict",
            "B",
            [(weights["ours", count], weights["yardstick", count])],
            Bar("at most", 1.4),
        )
        for count in plan.memory
    ]


def _resident() -> int:
    """Return the resident memory of this process, bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def ours(count: int, earlier: int) -> float:
    """Watch *count* tasks on top of those before, and return the bytes of one."""
    async with inside(_LOT, earlier + count, mjwatch.Pacing.every(_PERIOD)) as (watcher, gateway):
        await add(watcher, ids_of(earlier))
        await gateway.was_asked(_LOOKS * earlier)
        await gateway.rested()
        before, looks = _resident(), gateway.asked
        await add(watcher, ids_of(count, earlier))
        # The ones before are looked at in the same rhythm.
        await gateway.was_asked(looks + _LOOKS * (count + earlier))
        await gateway.rested()
        return (_resident() - before) / count


@frozen
class Record:
    """The least that tells a change and shows the task."""

    id: str
    hash: int
    preview: str


class _Seen(msgspec.Struct, rename="camel"):
    image_url: str


def yardstick(count: int, earlier: int) -> float:
    """Keep records of *count* tasks on top of those before, each renewed at each look; return the bytes of one."""
    kept: dict[str, Record] = {}
    book = Book(_LOT, 0.0)
    cut, see = msgspec.json.Decoder(list[msgspec.Raw]), msgspec.json.Decoder(_Seen)

    def look(ids: list[str], now: float) -> None:
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH]
            for task_id, piece in zip(some, cut.decode(book.reply(some, now)), strict=True):
                kept[task_id] = Record(task_id, hash(bytes(piece)), see.decode(piece).image_url)

    def look_often(ids: list[str]) -> None:
        for number in range(_LOOKS):
            look(ids, number * _PERIOD)

    look_often(ids_of(earlier))
    before = _resident()
    look_often(ids_of(count, earlier))
    return (_resident() - before) / count


def main() -> None:
    """Weigh what this process was given."""
    spec = children.given()
    if spec["side"] == "yardstick":
        weight = yardstick(spec["count"], spec["before"])
    else:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            weight = runner.run(ours(spec["count"], spec["before"]))
    print(json.dumps(weight))


if __name__ == "__main__":
    main()
