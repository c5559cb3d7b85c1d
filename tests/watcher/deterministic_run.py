"""A whole watched run, with faults and readers that come and go; prints the loop's digest. See test_determinism.py."""

from __future__ import annotations

from random import Random

import anyio

import mjwatch
from mjwatch import Event, Watcher
from mjwatch.testing import Answer, Delay, Family, SimulatedGateway, current_loop, simulate


async def main() -> str:
    """Run it."""
    loop = current_loop()
    loop.network.replies.slice_probability = 0.3
    loop.network.requests.reset_probability = 0.01
    async with SimulatedGateway(Family.NEW_API, seed=3, latency=(0.0, 0.4)) as sim:
        ids = [sim.random_task() for _ in range(25)]
        sim.task("modal", action="INPAINT").after(3).modal().after(3).submitted().after(9).success()
        gateway = mjwatch.gateways.new_api(sim.base_url, "sk-simulated")
        watcher = Watcher(gateway, rng=Random(0), wall=lambda: 1_735_689_600.0)

        async def hook(event: Event) -> None:
            loop.note("hook", event.id)
            await anyio.sleep(0.1)

        watcher.on(mjwatch.Progress | mjwatch.Final, hook, concurrency=3)
        async with watcher, anyio.create_task_group() as group:

            async def follow(name: str, *task_ids: str) -> None:
                async for event in watcher.watch(*task_ids, throttle=1.5 if name == "b" else None):
                    loop.note(name, event.id, getattr(event, "seq", None), event.to_json())

            group.start_soon(follow, "a", *ids)
            group.start_soon(follow, "b", *ids[::2])
            group.start_soon(follow, "c", "modal", "unknown")
            for n in range(6):
                await anyio.sleep(7)
                sim.fault((Answer(502), Delay(3.0), Answer(429))[n % 3])
                with anyio.move_on_after(3):
                    await follow(f"late {n}", ids[n])
            sim.answer("modal")
        loop.note([(round(r.at, 6), r.route, r.ids, r.status) for r in sim.requests])
    return loop.digest()


if __name__ == "__main__":
    print(simulate(main))  # noqa: T201 - its whole purpose
