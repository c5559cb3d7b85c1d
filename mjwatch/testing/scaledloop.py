"""
`ScaledLoop`, a real event loop whose clock runs faster: real sockets and threads, minutes in seconds.

It only bends time. What must be the same in every run belongs into a `SimLoop`.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar

import aiohttp.connector

T = TypeVar("T")


class _ScaledSelector(selectors.DefaultSelector):
    """Wait for a part of the time that the loop asks for."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:  # type: ignore[explicit-any]  # in its key
        """Wait for *timeout* seconds of the loop, at most."""
        return super().select(timeout and timeout / self._speed)


class ScaledLoop(asyncio.SelectorEventLoop):
    """
    Run asyncio programs *speed* times faster than the clock on the wall.

    Sleeps, anyio's deadlines and aiohttp's timeouts shrink, sockets do not: at a high *speed* a slow machine looks
    like a slow network. A selector waits for whole milliseconds of real time, so nothing is finer than *speed* ms.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started_at = time.monotonic()
        super().__init__(_ScaledSelector(speed))
        if not speed > 0:
            self.close()  # asyncio warns of a loop that is neither begun nor closed
            raise ValueError(f"speed must be positive, not {speed}")

    def time(self) -> float:
        """Tell the scaled time; at the start it is the monotonic clock's."""
        return self._started_at + (time.monotonic() - self._started_at) * self._speed

    def run_forever(self) -> None:
        """Run, with aiohttp's pool of connections on this clock too."""
        name, module = "monotonic", aiohttp.connector
        before = getattr(module, name)
        setattr(module, name, self.time)
        try:
            super().run_forever()
        finally:
            setattr(module, name, before)


def run_scaled(main: Callable[[], Coroutine[object, object, T]], *, speed: float) -> T:
    """Run *main* like `asyncio.run`, *speed* times faster."""
    with asyncio.Runner(loop_factory=functools.partial(ScaledLoop, speed)) as runner:
        return runner.run(main())
