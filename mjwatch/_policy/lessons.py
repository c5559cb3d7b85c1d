"""What one gateway has taught: forecast and clock together, and the note that keeps them.

Rule: what a look means for both is said here, once; what is believed stands in `forecast.py` and `clock.py`. The note is
a few kB in the store, so that a watcher that starts warm is warm at once. A note is data: one that cannot be read, or
that another version wrote, is nothing learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Protocol

import msgspec
from attrs import Factory, define

from mjwatch._policy.clock import Clock
from mjwatch._policy.forecast import Forecast
from mjwatch._policy.moments import Learned
from mjwatch._policy.plane import Subject
from mjwatch._policy.state import State
from mjwatch._policy.ticks import Ticks
from mjwatch.events import Eta
from mjwatch.tasks import Status

VERSION: Final = 1

SAMPLE: Final = 24
"""So many looks of a full batch teach the clock."""
_APART: Final = 0.9
"""Seconds between two looks that teach the clock: of a crowd that is asked about many times a second, one is enough."""
_MANY: Final = 8
"""Tasks whose common silence says something of a clock; that of one says more of what was forecast for it."""
_STILL: Final = 60.0
"""Seconds without a change after which a task tells nothing of the clock: it stands still, wherever the clock is."""
_SECOND_CHANCE: Final = 0.05
"""The share of looks that a clock still learns from once it is ruled out."""


class Look(Subject, Protocol):
    """A task as it was known before a look."""

    @property
    def looked_at(self) -> float | None:
        """When it was last looked at, epoch seconds; None before the first."""
        ...


class _Note(msgspec.Struct, frozen=True):
    version: int
    table: dict[str, Learned]
    odds: float
    looked_at: float | None
    rows: list[list[float]]


@define
class Lessons:
    """
    What is known of a gateway's tasks and of its tick.

    Attributes:
        forecast: The time left at each milestone.
        clock: The tick on which changes show.
    """

    forecast: Forecast = Factory(Forecast)
    clock: Clock = Factory(Clock)

    def looked(self, looks: Sequence[Look], changed: Mapping[str, State], now: float, rng: Random) -> None:
        """
        Take in the looks that one request brought.

        Args:
            looks: The tasks as they were known before.
            changed: What became of those that were seen to change, by id.
            now: Epoch seconds.
            rng: The dice, for a sample of a full batch.
        """
        is_new = self.clock.looked_at is None or not 0.0 <= now - self.clock.looked_at < _APART
        if is_new and (not self.clock.is_ruled_out or rng.random() < _SECOND_CHANCE):
            self._teach_clock(looks if len(looks) <= SAMPLE else rng.sample(looks, SAMPLE), changed, now)
        self.forecast.refresh = self.clock.period if self._is_ticking else 0.0
        if not changed:
            return
        ticks = self._ticks(now)
        for look in looks:
            state = changed.get(look.id)
            if state is not None:
                self.forecast.saw(look.id, look.terms, state, _shown_at(look.looked_at, now, ticks))

    def eta(self, look: Look, state: State, now: float) -> Eta | None:
        """
        Return how long a task may still take that a look has just shown.

        None where it was not seen, waits for a person, or is over.

        Args:
            look: The task as it was known before.
            state: What became of it.
            now: Epoch seconds.
        """
        ticks = self._ticks(now)
        return self._left(look, state, now, _shown_at(look.looked_at, now, ticks), ticks)

    def eta_since(self, subject: Subject, now: float) -> Eta | None:
        """Return the same between two looks, of a task whose state was taken in."""
        return (
            None if subject.state is None else self._left(subject, subject.state, now, None, self._ticks(now))
        )

    def _left(
        self, subject: Subject, state: State, now: float, at: float | None, ticks: Ticks | None
    ) -> Eta | None:
        if state.seen_at is None or state.status is Status.MODAL or state.final is not None:
            return None
        end = self.forecast.outlook(subject.id, subject.terms, state, now, at).end
        half, most = end.quantile(0.5), end.quantile(0.9)
        if ticks is None or not ticks.is_locked:
            return Eta(half, most)
        # An end shows on a tick, and no earlier than on the next. What was just seen came with the last one, even if
        # its window seems to be still ahead.
        last = ticks.last if at is None or at == now else max(ticks.last, at - now)
        return Eta(ticks.nearest(half, last), ticks.nearest(most, last))

    @property
    def _is_ticking(self) -> bool:
        return self.clock.trust > 0.5

    def _ticks(self, now: float) -> Ticks | None:
        return self.clock.ticks(now) if self._is_ticking else None

    def _teach_clock(self, looks: Sequence[Look], changed: Mapping[str, State], now: float) -> None:
        """Show the clock those that were last looked at together: one look, at which something changed or nothing."""
        together: dict[float, list[Look]] = {}
        for look in looks:
            if look.looked_at is not None and (look.id in changed or not _is_still(look, now)):
                together.setdefault(look.looked_at, []).append(look)
        if not together:
            return
        since, group = max(together.items(), key=lambda item: len(item[1]))
        outlooks = [self.forecast.outlook(look.id, look.terms, look.state, since) for look in group]

        def news(after: float) -> float:
            none = 1.0
            for outlook in outlooks:
                none *= outlook.end.survive(after)
                if outlook.step is not None:
                    none *= outlook.step.survive(after)
            return 1.0 - none

        is_changed = any(look.id in changed for look in group)
        self.clock.saw(since, now, news, changed=is_changed, is_pooled=len(group) >= _MANY)

    def to_note(self) -> bytes:
        """Return everything learned as bytes; trails of tasks under way are not kept."""
        clock = self.clock
        rows = [] if clock.looked_at is None else [[round(chance, 5) for chance in row] for row in clock.rows]
        return msgspec.json.encode(_Note(VERSION, self.forecast.table, clock.odds, clock.looked_at, rows))

    def read_note(self, note: bytes | None) -> bool:
        """Take over what a note keeps; return False where it says nothing that can be understood."""
        if note is None:
            return False
        try:
            kept = msgspec.json.decode(note, type=_Note)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        if kept.version != VERSION:
            return False
        self.forecast.restore(kept.table)
        self.clock.restore(kept.odds, kept.looked_at, kept.rows)
        return True


def _shown_at(looked_at: float | None, now: float, ticks: Ticks | None) -> float:
    """Return when a change became visible that was not there at the look before, as far as looks can tell."""
    since = now if looked_at is None else looked_at
    return (since + now) / 2 if ticks is None else now + ticks.between(since - now)


def _is_still(look: Look, now: float) -> bool:
    changed_at = None if look.state is None else look.state.changed_at
    return changed_at is not None and now - changed_at > _STILL
