"""A gateway's budget as something that is kept: gate and coalescer, written down and taken up again."""

from __future__ import annotations

from collections.abc import Callable

from mjwatch._policy import memo
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.gate import Gate


class Budget:
    """What the keeper keeps beside the lessons."""

    def __init__(self, gate: Gate, coalescer: Coalescer, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._coalescer = coalescer
        self._clock = clock

    def to_note(self) -> bytes:
        """Return it as bytes."""
        gate = self._gate
        return memo.written(gate.health, self._coalescer.batching, gate.held_for, self._clock())

    def read_note(self, note: bytes) -> bool:
        """Take over what a note keeps; return False where it says nothing that can be understood."""
        kept, now = memo.read(note), self._clock()
        if kept is None:
            return False
        self._gate.health = memo.governor_of(kept, now)
        self._coalescer.batching = memo.batching_of(kept, self._coalescer.batching, now)
        return True
