"""What a look costs one way of watching: the CPU time of its process in a window after warm-up, over the looks in it.

A program on a core of its own, which has done nothing before and does nothing after, but in smoke runs. The gateway
counts requests and looks, too.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
import time
from pathlib import Path
from typing import Final

import anyio
import orjson
from attrs import asdict, frozen

from benchmarks.floors.children import PATIENCE, given, pin
from benchmarks.floors.library import adaptive, every_period
from benchmarks.floors.naive import naive
from benchmarks.floors.payloads import Lot
from benchmarks.floors.plain import plain
from benchmarks.floors.scene import Scene, Tally, Way
from benchmarks.floors.tight import hashed, tight

WAYS: Final[dict[str, Way]] = {
    "library": every_period,
    "adaptive": adaptive,
    "tight": tight,
    "hashed": hashed,
    "plain": plain,
    "naive": naive,
}


@frozen
class Sample:
    """
    One window.

    Attributes:
        cpu, seconds: CPU time of the client, and how long the window was.
        looks, changed: What the way says that it saw.
        requests, asked: What the gateway says that it was asked.
        profile: Where the time went, if that was asked for.
    """

    cpu: float
    seconds: float
    looks: int
    changed: int
    requests: int
    asked: int
    profile: str = ""

    @property
    def per_look(self) -> float:
        """Microseconds of CPU for a look."""
        return self.cpu / max(self.looks, 1) * 1e6

    @property
    def news(self) -> float:
        """The share of looks that brought news."""
        return self.changed / max(self.looks, 1)


async def measure(
    way: Way, scene: Scene, *, passes: float, window: float, settling: float = 0.0, profiled: bool = False
) -> Sample:
    """Warm *way* up, for so many passes and then so many seconds, and take a sample of it."""
    scene.begin()
    profile = cProfile.Profile() if profiled else None
    async with way(scene) as tally:
        await _warmed(scene, tally, passes)
        await anyio.sleep(settling)
        gc.collect()
        asked = orjson.loads(scene.ask("GET", "/counts"))
        looks, changed, began_at = tally.looks(), tally.changed, time.perf_counter()
        cpu = time.process_time()
        if profile is not None:
            profile.enable()
        await anyio.sleep(window)
        if profile is not None:
            profile.disable()
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - began_at
        looks, changed = tally.looks() - looks, tally.changed - changed
        now_asked = orjson.loads(scene.ask("GET", "/counts"))
    return Sample(
        cpu,
        seconds,
        looks,
        changed,
        now_asked["requests"] - asked["requests"],
        now_asked["asked"] - asked["asked"],
        "" if profile is None else _top_ten(profile),
    )


async def _warmed(scene: Scene, tally: Tally, passes: float) -> None:
    """Wait until every task was decoded, and the pass after that is over."""
    with anyio.fail_after(PATIENCE / 2):
        while tally.looks() < passes * scene.count:  # noqa: ASYNC110 - of what is watched from outside
            await anyio.sleep(0.1)
    await anyio.sleep(min(0.5, scene.period / 2))


def _top_ten(profile: cProfile.Profile) -> str:
    """Return the ten functions that took most time themselves; waiting for the gateway is not one of them."""
    profile.create_stats()
    stats = profile.stats.items()
    busy = [(float(own), calls, name) for name, (_, calls, own, _, _) in stats if "'poll'" not in name[2]]
    total = sum(own for own, _, _ in busy)
    lines = [f"{'own time':>10}{'share':>8}{'calls':>10}  function"]
    for own, calls, (path, line, function) in sorted(busy, reverse=True)[:10]:
        where = f"{Path(path).name}:{line} " if line else ""
        lines.append(f"{own * 1e3:>7.0f} ms{own / total:>8.1%}{calls:>10,}  {where}{function}")
    return "\n".join(lines)


def main() -> None:
    """Measure what this process was given, one after the other."""
    pin(0)
    spec = given()
    for course in spec["courses"]:
        scene = Scene(spec["port"], Lot(**course["lot"]), course["count"], course["period"])
        times = {name: course[name] for name in ("passes", "window", "settling")}
        sample = asyncio.run(measure(WAYS[course["way"]], scene, **times, profiled=spec["profiled"]))
        print(json.dumps(asdict(sample)), flush=True)


if __name__ == "__main__":
    main()
