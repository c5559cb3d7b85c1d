"""
Watch many tasks in one stream: one list request for all that are due, however many there are.

    python -m examples.watch_many                 against the simulated gateway: no key, no network, six seconds

    export MJWATCH_GATEWAY=https://... MJWATCH_TOKEN=...
    python -m examples.watch_many 1712158011464906 1712204995849323
"""

from __future__ import annotations

import mjwatch
from examples._gateway import run


async def main(gateway: mjwatch.Gateway, *task_ids: str) -> None:
    """Print the progress of all tasks, each at most every ten seconds, and every end."""
    async with mjwatch.Watcher(gateway) as watcher:
        async with watcher.watch(*task_ids, throttle=10) as events:
            async for event in events:
                match event:
                    case mjwatch.Progress(task_id=task_id, percent=percent):
                        print(f"{task_id}  {percent or 0:3} %")
                    case mjwatch.Success(task_id=task_id, task=task):
                        print(f"{task_id}  done: {task.image_url}")
                    case mjwatch.Failure(task_id=task_id, reason=reason):
                        print(f"{task_id}  failed: {reason}")
                    case mjwatch.Lost(task_id=task_id) | mjwatch.Expired(task_id=task_id):
                        print(f"{task_id}  not watched any more: {event.reason}")
                    case _:
                        pass  # buttons, windows, and what the gateway itself goes through

        stats = watcher.stats()
        print(f"{len(task_ids)} tasks, {stats.looks} looks in {stats.requests} requests")


if __name__ == "__main__":
    run(main, tasks=20)
