"""
The gate of the memory store: where every request of a gateway passes, a float for each of its windows.

Says how long to wait and keeps what was passed. Who waits, and for what, is not its business; nor is any clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from attrs import Factory, define

from .contract import Gap

HAIR = 1e-5
"""
What float arithmetic on epoch seconds may lose, in seconds, with a wide margin.

Who sleeps exactly as long as it was told may wake one rounding error early. Without this it would be told to sleep for
less than the clock can show, again and again.
"""


@define
class Gate:
    """
    A gap is open while `passed + interval <= now`, where *passed* trails up to `burst - 1` intervals behind.

    That honours bursts, and intervals that change from call to call, with one float for each.
    """

    _held_until: float = -inf
    _asked_at: float = -inf
    _passed: list[float] = Factory(list)

    def hold(self, until: float) -> None:
        """Stay shut until then at least."""
        self._held_until = max(self._held_until, until)

    def held(self, now: float) -> float:
        """Return how long a hold shuts the gate, 0.0 if none does."""
        return _rest(self._held_until - now)

    def wait(self, now: float, gaps: Sequence[Gap], pace: float) -> float:
        """Return how long until all *gaps* are open and the last request is *pace* seconds ago."""
        while len(self._passed) < len(gaps):
            self._passed.append(-inf)
        rests = [_rest(passed + gap.interval - now) for passed, gap in zip(self._passed, gaps, strict=False)]
        return max(_rest(self._asked_at + pace - now), *rests, 0.0)

    def spend(self, now: float, gaps: Sequence[Gap], *, is_poll: bool = True) -> None:
        """Pass: keep that a request was made. Pace is between polls; others only share the budget with them."""
        if is_poll:
            self._asked_at = now
        for i, gap in enumerate(gaps):
            self._passed[i] = max(self._passed[i] + gap.interval, now - (gap.burst - 1) * gap.interval)


def _rest(seconds: float) -> float:
    return seconds if seconds > HAIR else 0.0  # NaN too is no reason to wait
