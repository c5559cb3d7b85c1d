"""
Wait for the result of one task, in one line; every other end is an exception that says what to do.

    python -m examples.wait_for_result            against the simulated gateway: no key, no network, four seconds

    export MJWATCH_GATEWAY=https://... MJWATCH_TOKEN=...
    python -m examples.wait_for_result 1712158011464906
"""

from __future__ import annotations

import mjwatch
from examples._gateway import run


async def main(gateway: mjwatch.Gateway, task_id: str) -> None:
    """Print the address of the picture, or why there is none."""
    async with mjwatch.Watcher(gateway) as watcher:
        try:
            task = await watcher.wait(task_id, timeout=600)
        except mjwatch.TaskFailed as error:
            print(f"{error.kind.text('en')} Try again: {error.retryable}")
        except mjwatch.TaskLost as error:
            print(f"{error}: ask the operator, it may have been paid for")
        except mjwatch.WatchTimeout as error:
            print(f"{error}: wait for it again, do not refund")
        else:
            print(task.image_url)


if __name__ == "__main__":
    run(main, tasks=1)
