"""A `SimLoop` that counts its turns, and whose machine can fall asleep."""

from __future__ import annotations

from typing import Final

from mjwatch.testing import SimLoop

MOST_TURNS: Final = 100_000
"""Turns within one virtual second: more is a livelock."""


class Overrun(RuntimeError):
    """A program that turns and turns, and does not get on."""


class TurnLoop(SimLoop):
    """
    A loop of one life.

    Attributes:
        most: Turns within one virtual second, at most.
        slept: When the machine slept, and for how long.
    """

    def __init__(self, seed: int = 0, *, start: float = 1000.0) -> None:
        super().__init__(seed, start=start)
        self.most = 0
        self.slept: list[tuple[float, float]] = []
        self._turns = 0
        self._second = start

    def _run_once(self) -> None:
        now = self._clock.now
        if now >= self._second + 1.0:
            self.most = max(self.most, self._turns)
            self._turns, self._second = 0, now
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise Overrun(f"{MOST_TURNS} turns since {self._second:.3f}, and it is {now:.3f}")
        super()._run_once()  # type: ignore[misc]  # asyncio names it nowhere

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: time has passed, and nobody noticed."""
        self.slept.append((self._clock.now, seconds))
        self._clock.now += seconds
