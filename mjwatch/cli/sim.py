"""`mjwatch sim`: serves a simulated gateway on 127.0.0.1, to try the other commands and bots on."""

from __future__ import annotations

import time
from random import Random
from typing import Final

import anyio

from mjwatch.cli.codes import Exit
from mjwatch.cli.watch import complain
from mjwatch.testing import Family, SimulatedGateway, run_scaled

TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway
_KINDS: Final = (
    ("IMAGINE", "FAST"),
    ("IMAGINE", "RELAX"),
    ("UPSCALE", "FAST"),
    ("DESCRIBE", "FAST"),
    ("VIDEO", "FAST"),
)
_SHOWN: Final = 5
_OPTIONS: Final = {
    Family.NOVICEZK: "--dialect midjourney-proxy",
    Family.PLUS: "--dialect midjourney-proxy",
    Family.TRUEAI: "--dialect trueai",
    Family.NEW_API: "--dialect new-api",
    Family.ENVELOPED: "--dialect enveloped",
}


def sim(family: Family, *, port: int, speed: float, seed: int, tasks: int) -> Exit:
    """Serve until Ctrl-C, or return what kept it from that."""
    return run_scaled(lambda: _serve(family, port=port, seed=seed, tasks=tasks), speed=speed)


async def _serve(family: Family, *, port: int, seed: int, tasks: int) -> Exit:
    # Other processes compare its times with their own clock, so here the wall clock is the truth.
    gateway = SimulatedGateway(family, token=TOKEN, seed=seed, epoch=time.time())  # noqa: TID251
    try:
        await gateway.start(port=port)
    except OSError as error:
        complain(f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}; try another --port")
        return Exit.USAGE
    try:
        announce(gateway, start_tasks(gateway, tasks, seed))
        await anyio.sleep_forever()
    finally:
        await gateway.aclose()
    return Exit.OK


def start_tasks(gateway: SimulatedGateway, count: int, seed: int) -> list[str]:
    """Start *count* random tasks of all kinds, and return their ids."""
    rng = Random(seed)
    kinds = (rng.choice(_KINDS) for _ in range(count))
    return [gateway.random_task(action=action, mode=mode) for action, mode in kinds]


def announce(gateway: SimulatedGateway, task_ids: list[str]) -> None:
    """Print what is needed to talk to *gateway*."""
    shown = task_ids[:_SHOWN]
    more = f" ... {len(task_ids)} in all" if len(task_ids) > _SHOWN else ""
    print(f"simulated {gateway.family} gateway")
    print(f"  base URL  {gateway.base_url}")
    print(f"  token     {TOKEN}")
    print(f"  tasks     {' '.join(shown) or 'none; submit some, or start with --tasks 5'}{more}")
    if shown:
        print("try, in another terminal:")
        print(
            f"  MJWATCH_TOKEN={TOKEN} mjwatch watch {' '.join(shown[:2])} "
            f"--gateway {gateway.base_url} {_OPTIONS[gateway.family]}"
        )
    print("Ctrl-C stops it.", flush=True)
