"""
Let callbacks hear of tasks, as a bot does: no stream to read, and the tag brings back who asked.

    python -m examples.hooks                      against the simulated gateway: no key, no network, four seconds

    export MJWATCH_GATEWAY=https://... MJWATCH_TOKEN=...
    python -m examples.hooks 1712158011464906
"""

from __future__ import annotations

import asyncio

import mjwatch
from examples._gateway import run


async def main(gateway: mjwatch.Gateway, *task_ids: str) -> None:
    """Watch the tasks for two callbacks until the last one has ended."""
    watcher = mjwatch.Watcher(gateway)
    waiting = set(task_ids)
    all_ended = asyncio.Event()

    @watcher.on(mjwatch.ButtonsAvailable)
    async def offer(event: mjwatch.ButtonsAvailable) -> None:
        print(f"to {event.tag}: {len(event.buttons)} buttons")

    @watcher.on(mjwatch.Final)
    async def tell(event: mjwatch.FinalEvent) -> None:
        match event:
            case mjwatch.Success(task=task):
                print(f"to {event.tag}: here is your picture: {task.image_url}")
            case mjwatch.Failure():
                print(f"to {event.tag}: {event.text('en')}")
            case mjwatch.Lost() | mjwatch.Expired():
                print(f"to {event.tag}: we lost sight of it, ask an operator")
        waiting.discard(event.task_id)
        if not waiting:
            all_ended.set()

    @watcher.on(mjwatch.Unreachable)
    async def trouble(event: mjwatch.Unreachable) -> None:
        # A wrong token is told here, too: `add` waits for no reply, and raises none.
        print(f"to the operator: {event.error}")

    async with watcher:
        for number, task_id in enumerate(task_ids):
            await watcher.add(task_id, tag=f"user {number}")
        await all_ended.wait()


if __name__ == "__main__":
    run(main, tasks=3)
