"""
The due queue of the memory store: a timing wheel with dict slots.

Decides in which order entries become due. Instants are whole milliseconds of whoever calls; no clock, no gate, and no
idea of watches, tasks or claims lives here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from attrs import Factory, define

_TICK_BITS = 5
"""A tick is 16 ms: 32 scores. Finer ones cost a dict per id, coarser ones longer scans of the tick that is on."""

_MIN_STALE = 1024  # below this, dropping stale places costs more than they do


class Entry(Protocol):
    """
    What can stand in a wheel, hashed by identity.

    Attributes:
        score: Twice the millisecond it becomes due, plus one while it is leased until then. Only the wheel sets it.
        looked_at: None where it was never looked at; only changes while it stands nowhere.
    """

    score: int
    looked_at: float | None


E = TypeVar("E", bound=Entry)
_score = attrgetter("score")

NOWHERE = -(2**62)
"""The score of what does not stand in a wheel."""


def free(instant: int) -> int:
    """Return the score of what is due at *instant*."""
    return 2 * instant


def leased(instant: int) -> int:
    """Return the score of what is leased until *instant*."""
    return 2 * instant + 1


@define(eq=False, repr=False)
class Wheel(Generic[E]):
    """
    Entries by the instant they become due, earliest first, first come first served within a millisecond.

    `place`, `lease` and `remove` are O(1) per entry. `roll` pops each slot once and sorts it once, so an entry costs
    O(log(entries in its 16 ms)); `take` is O(1) per entry. A heap holds tick numbers, never entries. `next_due` and
    the tick that is on scan one slot. `take` with *ahead* scans the slots up to there.

    Attributes:
        due: How many have become due, as of the last `roll`.
        unseen: How many of those were never looked at.
    """

    due: int = 0
    unseen: int = 0
    # What has a score up to here stands in the ready queue, all else in its slot.
    _rolled: int = NOWHERE
    _slots: dict[int, dict[E, None]] = Factory(dict)
    _ticks: list[int] = Factory(list)  # a heap; holds exactly the keys of _slots
    # Popping many from the front of a dict walks over its tombstones each time, which is quadratic: hence a deque.
    # Who leaves it from the middle leaves a stale place, known by the entry's other score.
    _ready: deque[tuple[int, E]] = Factory(deque)

    def place(self, entry: E, score: int) -> None:
        """Let *entry*, which stands nowhere, stand at *score*."""
        entry.score = score
        if score <= self._rolled:
            self._make_ready([entry])
            return
        slot = self._slots.get(score >> _TICK_BITS)
        if slot is None:
            slot = self._open(score >> _TICK_BITS)
        slot[entry] = None

    def lease(self, entries: Sequence[E], score: int) -> None:
        """Let *entries*, which stand nowhere, all stand at *score*."""
        for entry in entries:
            entry.score = score
        if score <= self._rolled:
            self._make_ready(entries)
            return
        slot = self._slots.get(score >> _TICK_BITS)
        if slot is None:
            slot = self._open(score >> _TICK_BITS)
        slot.update(dict.fromkeys(entries))

    def remove(self, entry: E) -> None:
        """Let *entry* stand nowhere."""
        if entry.score > self._rolled:
            del self._slots[entry.score >> _TICK_BITS][entry]
        else:
            self.due -= 1
            self.unseen -= entry.looked_at is None
        entry.score = NOWHERE

    def roll(self, now: int) -> None:
        """Let what is due at *now* become ready."""
        self._rolled = max(self._rolled, leased(now))
        current = self._rolled >> _TICK_BITS
        while self._ticks and self._ticks[0] < current:
            slot = self._slots.pop(heappop(self._ticks))
            self._make_ready(sorted(slot, key=_score))
        # The tick that is on holds what is due a few milliseconds later too; that stays.
        slot = self._slots.get(current, {})
        entries = sorted([entry for entry in slot if entry.score <= self._rolled], key=_score)
        for entry in entries:
            del slot[entry]
        self._make_ready(entries)
        if len(self._ready) > 2 * self.due + _MIN_STALE:
            self._ready = deque(place for place in self._ready if place[1].score == place[0])

    def oldest(self) -> int | None:
        """Return since when the first of the due ones is due, None if none is."""
        ready = self._ready
        while ready and ready[0][1].score != ready[0][0]:
            ready.popleft()
        return ready[0][0] >> 1 if ready else None

    def next_due(self) -> int | None:
        """Return when the first that is not yet due becomes so, None if there is none."""
        while self._ticks:
            slot = self._slots[self._ticks[0]]
            if slot:
                return min(entry.score for entry in slot) >> 1
            del self._slots[heappop(self._ticks)]
        return None

    def take(self, limit: int, *, ahead: int) -> list[E]:
        """Take out up to *limit* due ones, then unleased ones due up to *ahead* milliseconds after the last `roll`."""
        taken: list[E] = []
        ready = self._ready
        while ready and len(taken) < limit:
            score, entry = ready.popleft()
            if entry.score == score:
                entry.score = NOWHERE
                taken.append(entry)
        self.due -= len(taken)
        if self.unseen:
            self.unseen -= [entry.looked_at for entry in taken].count(None)
        if ahead > 0 and len(taken) < limit:
            self._take_ahead(taken, limit, until=self._rolled + free(ahead))
        return taken

    def _take_ahead(self, taken: list[E], limit: int, *, until: int) -> None:
        span = range(self._rolled >> _TICK_BITS, (until >> _TICK_BITS) + 1)
        # By whichever is shorter: the ticks there could be, or those there are.
        ticks = span if len(span) <= len(self._slots) else sorted(filter(span.__contains__, self._slots))
        for tick in ticks:
            slot = self._slots.get(tick, {})
            found = sorted(
                [entry for entry in slot if not entry.score & 1 and entry.score <= until], key=_score
            )
            for entry in found[: limit - len(taken)]:
                del slot[entry]
                entry.score = NOWHERE
                taken.append(entry)
            if len(taken) >= limit:
                return

    def _open(self, tick: int) -> dict[E, None]:
        heappush(self._ticks, tick)
        slot: dict[E, None] = {}
        self._slots[tick] = slot
        return slot

    def _make_ready(self, entries: Sequence[E]) -> None:
        self.due += len(entries)
        self.unseen += [entry.looked_at for entry in entries].count(None)
        self._ready.extend(zip(map(_score, entries), entries, strict=True))
