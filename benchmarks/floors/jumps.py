"""An event loop whose clock jumps from timer to timer: hours of watching in seconds, and a run that can be paused.

Nothing else differs from asyncio's own loop, so what it spends is what the watched code costs. Time stands still while
something computes.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Final

_FIRST: Final = 1_000.0  # small, so that a float still tells nanoseconds apart


class _Jumps(selectors.SelectSelector):
    """Waits by moving the time."""

    now = _FIRST

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing can run again: no callback is ready, and no timer is armed")
        self.now += max(timeout, 0.0)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, in a hurry."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Tell the time of this loop."""
        return self._jumps.now
