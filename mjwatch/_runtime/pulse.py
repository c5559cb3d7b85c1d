"""Whether our own event loop stood still while somebody waited for a reply.

Rule: says it about one wait; what it means for the gateway is not decided here. asyncio lets a time-out fire although the
reply already lies in the socket, if something else kept the loop busy: that is no fault of the gateway.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

BEAT: Final = 1.0
STILL: Final = 1.0
"""A beat that comes later than this, seconds, shows that the loop stood still."""


class Pulse:
    """One wait, as a context. A timer of its own while it lasts, and no asyncio task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_missed = False
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._next()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def has_missed(self) -> bool:
        """True where the loop stood still since the wait began; also where it just came back from that."""
        return self._has_missed or self._loop.time() > self._due + STILL

    def _next(self) -> None:
        self._due = self._loop.time() + BEAT
        self._timer = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        self._has_missed = self.has_missed
        self._next()
