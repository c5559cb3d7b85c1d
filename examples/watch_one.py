"""
Watch one task, and tell what happens to it as it happens.

    python -m examples.watch_one                  against the simulated gateway: no key, no network, four seconds

    export MJWATCH_GATEWAY=https://... MJWATCH_TOKEN=...
    python -m examples.watch_one 1712158011464906
"""

from __future__ import annotations

import mjwatch
from examples._gateway import run


async def main(gateway: mjwatch.Gateway, task_id: str) -> None:
    """Print each event of the task until its end."""
    async with mjwatch.Watcher(gateway) as watcher:
        async for event in watcher.watch(task_id):
            match event:
                case mjwatch.Progress(percent=percent, note=note):
                    print(note or f"{percent or 0} %")
                case mjwatch.InputRequired():
                    print("the gateway opened a window: answer it, and the same id goes on")
                case mjwatch.ButtonsAvailable(buttons=buttons):
                    print("buttons:", *[button.label or button.emoji for button in buttons])
                case mjwatch.Success(task=task, images=images, videos=videos, text=text):
                    print(
                        "done:", text or " ".join(media.url for media in videos or images) or task.image_url
                    )
                case mjwatch.Failure() as failure:
                    print("failed:", failure.text("en"))
                case mjwatch.Lost() | mjwatch.Expired():
                    print("no longer watched:", event.reason)
                case mjwatch.Unreachable(error=error):
                    print(f"{error}; the watch goes on")
                case mjwatch.Recovered(outage=seconds):
                    print(f"the gateway is back after {seconds:.0f} s")


if __name__ == "__main__":
    run(main, tasks=1)
