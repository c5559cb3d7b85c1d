"""What every part of one watcher shares: its gateway, its settings, its clock, its dice, its log. Holds no state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol, Self

from attrs import frozen

from mjwatch.gateways import Gateway
from mjwatch.settings import Deadlines, Pacing


class Logger(Protocol):
    """What is asked of a logger: any structlog bound logger will do."""

    def bind(self, **keys: object) -> Self:
        """Return a logger whose lines carry *keys*."""
        ...

    def info(self, event: str, **keys: object) -> object:
        """Tell a transition."""
        ...

    def warning(self, event: str, **keys: object) -> object:
        """Tell a transition to the worse."""
        ...

    def error(self, event: str, **keys: object) -> object:
        """Tell somebody's bug."""
        ...


@frozen
class Context:
    """
    One watcher's surroundings.

    Attributes:
        gateway: Whom it asks.
        pacing: When to look, by the user's wishes.
        deadlines: When to stop.
        clock: Epoch seconds that never jump: the wall clock once, the loop's clock from then on.
        rng: The dice for jitter.
        log: Bound to the gateway's name.
    """

    gateway: Gateway
    pacing: Pacing
    deadlines: Deadlines
    clock: Callable[[], float]
    rng: Random
    log: Logger

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.gateway.name


def steady(wall: float, loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return a clock in epoch seconds that never jumps: the wall clock once, the loop's from then on."""
    offset = wall - loop.time()
    return lambda: loop.time() + offset
