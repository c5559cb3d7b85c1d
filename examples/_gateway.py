"""What all examples share: the gateway that the environment names, or the simulated one that ships with mjwatch."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine

import mjwatch
from mjwatch.testing import Family, SimulatedGateway, run_scaled

Main = Callable[[mjwatch.Gateway, str], Coroutine[object, object, None]]


def run(main: Main, *, tasks: int) -> None:
    """Run *main* with a gateway and the ids of some *tasks* there."""
    url = os.environ.get("MJWATCH_GATEWAY")
    if url is None:
        run_scaled(lambda: _simulated(main, tasks), speed=20)
    elif len(sys.argv) > 1:
        # mjwatch.gateways has a preset for each known service, see there
        gateway = mjwatch.gateways.new_api(url, os.environ["MJWATCH_TOKEN"])
        asyncio.run(main(gateway, *sys.argv[1:]))
    else:
        sys.exit("give the ids of some tasks that you have submitted to MJWATCH_GATEWAY")


async def _simulated(main: Main, tasks: int) -> None:
    # its epoch agrees with the clock that the watcher reads, as a real gateway's would
    async with SimulatedGateway(Family.TRUEAI, seed=7, epoch=time.time()) as simulated:  # noqa: TID251
        gateway = mjwatch.gateways.trueai(simulated.base_url, "sk-simulated", name="simulated")
        await main(gateway, *[simulated.random_task() for _ in range(tasks)])
