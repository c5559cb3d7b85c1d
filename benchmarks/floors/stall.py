"""How long the loop stands still for a reply of 500 tasks: its longest steps, beside decoding the reply in one piece.

Every callback that the loop runs is timed, by the CPU time of its thread: on a busy machine, the clock on the wall
would measure the neighbours. For so many replies, so many of the longest steps count.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from asyncio import events
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import anyio
import msgspec
from attrs import asdict

from benchmarks.floors import children
from benchmarks.floors.library import watching
from benchmarks.floors.payloads import Lot
from benchmarks.floors.plain import Record, percent
from benchmarks.floors.plan import BATCH, Plan
from benchmarks.floors.rows import Bar, Row, compared
from benchmarks.floors.scene import Scene, Tally
from benchmarks.floors.tight import Job

_DECODER = msgspec.json.Decoder(list[Job])
_PIECES = 25
"""Replies that are decoded in one piece, each round."""
_MS = 1e-6  # of a nanosecond


def rows(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Measure both sides in one process, in turns."""
    with children.gateway() as port:
        said = children.result(
            "stall",
            port=port,
            lot=asdict(Lot(step_every=plan.step_every)),
            count=plan.tasks,
            period=plan.period,
            window=plan.window,
            rounds=plan.rounds,
        )
    tell(f"{len(said['ours'])} replies, {len(said['yardstick'])} decoded in one piece")
    bar = Bar("below", 1)
    yard = "decoded in one piece"
    return [
        compared(
            f"longest step per {BATCH}-task reply, {name}",
            yard,
            "ms",
            [(of(said["ours"]), of(said["yardstick"]))],
            bar if is_judged else None,
        )
        for name, of, is_judged in (("median", median, False), ("p99", _p99, True), ("max", max, True))
    ]


def _p99(longest: Sequence[float]) -> float:
    ordered = sorted(longest)
    return ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]


@contextmanager
def _timed() -> Iterator[list[int]]:
    """Time each callback of the loop, nanoseconds."""
    took: list[int] = []
    clock, append, run = time.thread_time_ns, took.append, events.Handle._run  # noqa: SLF001 - what the loop calls

    def timed(handle: asyncio.Handle) -> None:
        began_at = clock()
        run(handle)
        append(clock() - began_at)

    events.Handle._run = timed  # type: ignore[assignment]  # noqa: SLF001
    try:
        yield took
    finally:
        events.Handle._run = run  # type: ignore[method-assign]  # noqa: SLF001


def _in_one_piece(body: bytes) -> int:
    began_at = time.thread_time_ns()
    tasks = [_normal(job) for job in _DECODER.decode(body)]
    took = time.thread_time_ns() - began_at
    assert len(tasks) == BATCH or len(tasks) > 0
    return took


def _normal(job: Job) -> Record:
    return Record(
        _text(job.id),
        _text(job.status),
        _text(job.action),
        _text(job.mode),
        percent(job.progress),
        _text(job.prompt),
        _text(job.prompt_en),
        _text(job.description),
        _text(job.state),
        _text(job.image_url),
        _text(job.video_url),
        tuple(job.buttons) if isinstance(job.buttons, list) else (),
        _text(job.fail_reason),
        _number(job.submit_time),
        _number(job.start_time),
        _number(job.finish_time),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


async def measure(scene: Scene, window: float, rounds: int) -> dict[str, list[float]]:
    """Take turns: some replies in one piece, then a window of watching."""
    scene.begin()
    asked = json.dumps({"ids": scene.ids[:BATCH]})
    ours: list[float] = []
    yardstick: list[float] = []
    async with watching(scene) as tally:
        await _warmed(scene, tally)
        for _ in range(rounds):
            gc.collect()
            body = scene.ask("POST", scene.list_url.removeprefix(scene.base_url), asked)
            yardstick += [_MS * _in_one_piece(body) for _ in range(_PIECES)]
            before = tally.looks()
            with _timed() as took:
                await anyio.sleep(window)
            seen = max((tally.looks() - before) // min(BATCH, scene.count), 1)
            ours += [_MS * step for step in sorted(took)[-seen:]]
    return {"ours": ours, "yardstick": yardstick}


async def _warmed(scene: Scene, tally: Tally) -> None:
    with anyio.fail_after(children.PATIENCE / 2):
        while tally.looks() < 2 * scene.count:  # noqa: ASYNC110 - of what is watched from outside
            await anyio.sleep(0.1)


def main() -> None:
    """Measure what this process was given."""
    children.pin(0)
    spec = children.given()
    scene = Scene(spec["port"], Lot(**spec["lot"]), spec["count"], spec["period"])
    print(json.dumps(asyncio.run(measure(scene, spec["window"], spec["rounds"]))))


if __name__ == "__main__":
    main()
