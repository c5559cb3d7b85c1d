"""
The due queue of the memory store: a timing wheel whose slots are plain lists.

Decides in which order entries become due. Instants are whole milliseconds of whoever calls; no clock, no gate, and no
idea of watches, tasks, claims or leases lives here.

An entry stands in one place at most, once: who is removed stays there as a dead one until its time has come, and
whoever wants it back makes another entry. That makes a place eight bytes, and hundreds that become due together cost
little more than one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from attrs import Factory, define

_TICK_BITS = 4
"""A tick is 16 ms. Finer ones cost a list per id, coarser ones longer scans of the tick that is on."""

_MIN_DEAD = 1024  # below this, dropping dead entries costs more than they do


class Entry(Protocol):
    """
    What can stand in a wheel.

    Attributes:
        due: The millisecond it becomes due, NOWHERE while it stands nowhere. Only the wheel sets it.
        looked_at: None where it was never looked at; only changes while it stands nowhere.
    """

    due: int
    looked_at: float | None


E = TypeVar("E", bound=Entry)
_due = attrgetter("due")

NOWHERE = -(2**62)
"""Where an entry is due that stands in no wheel."""


@define(eq=False)
class _Slot(Generic[E]):
    """The entries of one tick, dead ones among them, and when the first becomes due."""

    earliest: int
    entries: list[E] = Factory(list)
    is_mixed: bool = False
    has_dead: bool = False


@define(eq=False, repr=False)
class Wheel(Generic[E]):
    """
    Entries by the instant they become due, earliest first, first come first served within a millisecond.

    `place` and `remove` are O(1) per entry, and a list's `extend` where many are placed together. `roll` moves each
    slot once and sorts it only where its entries differ: O(log(entries in its 16 ms)) each. `take` is O(1) per entry.
    A heap holds tick numbers, never entries. `take` with *ahead* scans the slots up to there.

    Attributes:
        unseen: How many of the due ones were never looked at.
    """

    unseen: int = 0
    # What is due up to here stands in the ready queue, all else in its slot.
    _rolled: int = NOWHERE
    _slots: dict[int, _Slot[E]] = Factory(dict)
    _ticks: list[int] = Factory(list)  # a heap; holds exactly the keys of _slots
    _ready: deque[E] = Factory(deque)
    _dead_ready: int = 0
    _placed: int = 0  # in slots, the dead ones included
    _dead: int = 0

    @property
    def due(self) -> int:
        """How many have become due, as of the last `roll`."""
        return len(self._ready) - self._dead_ready

    def place(self, entries: Sequence[E], due: int) -> None:
        """Let *entries*, which stand nowhere, all stand at *due*."""
        for entry in entries:
            entry.due = due
        if due <= self._rolled:
            self._make_ready(entries)
            return
        tick = due >> _TICK_BITS
        slot = self._slots.get(tick)
        if slot is None:
            heappush(self._ticks, tick)
            slot = self._slots[tick] = _Slot(due)
        elif due != slot.earliest:
            slot.is_mixed = True
            slot.earliest = min(slot.earliest, due)
        slot.entries.extend(entries)
        self._placed += len(entries)

    def remove(self, entry: E) -> None:
        """Let *entry* stand nowhere, for good: to place it again takes another one."""
        if entry.due > self._rolled:
            self._slots[entry.due >> _TICK_BITS].has_dead = True
            self._dead += 1
        else:
            self._dead_ready += 1
            self.unseen -= entry.looked_at is None
        entry.due = NOWHERE
        if self._dead > self._placed // 2 + _MIN_DEAD or self._dead_ready > len(self._ready) // 2 + _MIN_DEAD:
            self._sweep()

    def roll(self, now: int, returned: Iterable[E] = ()) -> None:
        """Let what is due at *now* become ready, and with it what comes back from elsewhere, with its `due` set."""
        self._rolled = max(self._rolled, now)
        current = self._rolled >> _TICK_BITS
        entries = list(returned)
        is_sorted = not entries
        while self._ticks and self._ticks[0] < current:
            slot = self._slots.pop(heappop(self._ticks))
            if slot.has_dead:
                self._bury(slot)
            self._placed -= len(slot.entries)
            entries += slot.entries
            is_sorted &= not slot.is_mixed
        # The tick that is on holds what is due a few milliseconds later too; that stays.
        on = self._slots.get(current)
        if on is not None and on.earliest <= self._rolled:
            entries += self._split(on, self._rolled)
        if entries:
            self._make_ready(entries if is_sorted else sorted(entries, key=_due))

    def oldest(self) -> int | None:
        """Return since when the first of the due ones is due, None if none is."""
        ready = self._ready
        while ready and ready[0].due == NOWHERE:
            ready.popleft()
            self._dead_ready -= 1
        return ready[0].due if ready else None

    def next_due(self) -> int | None:
        """Return when the first that is not yet due becomes so, None if there is none."""
        while self._ticks:
            slot = self._slots[self._ticks[0]]
            if slot.has_dead:
                self._bury(slot)
            if slot.entries:
                return slot.earliest
            del self._slots[heappop(self._ticks)]
        return None

    def take(self, limit: int, *, ahead: int) -> list[E]:
        """Take out up to *limit* due ones, then those due up to *ahead* milliseconds after the last `roll`."""
        ready = self._ready
        if len(ready) <= limit:
            taken = list(ready)
            ready.clear()
        else:
            taken = [ready.popleft() for _ in range(limit)]
        if self._dead_ready:
            taken = self._alive(taken, limit)
        if self.unseen:
            self.unseen -= [entry.looked_at for entry in taken].count(None)
        if ahead > 0 and len(taken) < limit:
            self._take_ahead(taken, limit, until=self._rolled + ahead)
        for entry in taken:
            entry.due = NOWHERE
        return taken

    def _alive(self, taken: list[E], limit: int) -> list[E]:
        alive = [entry for entry in taken if entry.due != NOWHERE]
        self._dead_ready -= len(taken) - len(alive)
        while self._ready and len(alive) < limit:
            entry = self._ready.popleft()
            if entry.due == NOWHERE:
                self._dead_ready -= 1
            else:
                alive.append(entry)
        return alive

    def _take_ahead(self, taken: list[E], limit: int, *, until: int) -> None:
        span = range(self._rolled >> _TICK_BITS, (until >> _TICK_BITS) + 1)
        # By whichever is shorter: the ticks there could be, or those there are.
        ticks = span if len(span) <= len(self._slots) else sorted(filter(span.__contains__, self._slots))
        for tick in ticks:
            slot = self._slots.get(tick)
            if slot is None or slot.earliest > until:
                continue
            taken += self._split(slot, until, limit - len(taken))
            if len(taken) >= limit:
                return

    def _split(self, slot: _Slot[E], until: int, most: int | None = None) -> list[E]:
        """Take out of *slot* what is due by *until*, the earliest first, at most so many."""
        if slot.has_dead:
            self._bury(slot)
        if not slot.is_mixed:
            found = slot.entries[:most]
            slot.entries = slot.entries[len(found) :]
        else:
            slot.entries.sort(key=_due)
            count = bisect_right(slot.entries, until, key=_due)
            found = slot.entries[: count if most is None else min(count, most)]
            slot.entries = slot.entries[len(found) :]
            slot.earliest = slot.entries[0].due if slot.entries else slot.earliest
        self._placed -= len(found)
        return found

    def _bury(self, slot: _Slot[E]) -> None:
        """Drop the dead of *slot*."""
        alive = [entry for entry in slot.entries if entry.due != NOWHERE]
        dead = len(slot.entries) - len(alive)
        self._placed -= dead
        self._dead -= dead
        slot.entries, slot.has_dead = alive, False
        slot.earliest = min(map(_due, alive), default=slot.earliest)

    def _sweep(self) -> None:
        """Drop all the dead; paid for by as many removals."""
        self._ready = deque(entry for entry in self._ready if entry.due != NOWHERE)
        self._dead_ready = 0
        for slot in self._slots.values():
            if slot.has_dead:
                self._bury(slot)
        self._slots = {tick: slot for tick, slot in self._slots.items() if slot.entries}
        self._ticks = list(self._slots)
        heapify(self._ticks)

    def _make_ready(self, entries: Sequence[E]) -> None:
        self.unseen += [entry.looked_at for entry in entries].count(None)
        self._ready.extend(entries)
