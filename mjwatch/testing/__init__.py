"""
For programs that watch, and their tests: virtual time, and a gateway that behaves like the real ones.

The face: a table of what is where, and no logic. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mjwatch.testing.durations import random_timeline
    from mjwatch.testing.families import Family
    from mjwatch.testing.faults import SATURATED, WEB_APP, Answer, CutBody, Delay, Reset
    from mjwatch.testing.gateway import SimulatedGateway
    from mjwatch.testing.scaledloop import ScaledLoop, run_scaled
    from mjwatch.testing.service import LoggedRequest
    from mjwatch.testing.simloop import SimDeadlock, SimLeak, SimLoop, current_loop, sim_backend, simulate
    from mjwatch.testing.simnet import Network, Route

_HOMES = {
    "mjwatch.testing.durations": "random_timeline",
    "mjwatch.testing.families": "Family",
    "mjwatch.testing.faults": "SATURATED WEB_APP Answer CutBody Delay Reset",
    "mjwatch.testing.gateway": "SimulatedGateway",
    "mjwatch.testing.scaledloop": "ScaledLoop run_scaled",
    "mjwatch.testing.service": "LoggedRequest",
    "mjwatch.testing.simloop": "SimDeadlock SimLeak SimLoop current_loop sim_backend simulate",
    "mjwatch.testing.simnet": "Network Route",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "SATURATED",
    "WEB_APP",
    "Answer",
    "CutBody",
    "Delay",
    "Family",
    "LoggedRequest",
    "Network",
    "Reset",
    "Route",
    "ScaledLoop",
    "SimDeadlock",
    "SimLeak",
    "SimLoop",
    "SimulatedGateway",
    "current_loop",
    "random_timeline",
    "run_scaled",
    "sim_backend",
    "simulate",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mjwatch.testing' has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
