"""One claim round before its look: what time makes of the claimed rows, and what is asked for.

It decides nothing: what time means stands in `fold`. What concerns hundreds of rows alike is asked once. What a look makes
of the rows stands in `harvest.py`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from operator import attrgetter

from attrs import define, field

from mjwatch._policy import fold, missing
from mjwatch._policy.fold import Folded
from mjwatch._policy.state import State
from mjwatch._runtime.reading import Asked
from mjwatch._runtime.rules import Rules
from mjwatch._store.contract import Alike, Claim, ClaimedRow, Row

DECODE_ANYWAY = 1000
"""
One unchanged look in so many is decoded all the same, in case two replies share a digest: of 60 bits, so once in 10^18
changes. At one in 20, this alone would cost more than all the rest of an unchanged look.
"""

_MOMENT = 1e-3
"""Seconds; what comes back for less may be due before any time has passed."""

Claimed = ClaimedRow[State]
Back = Row[State] | Alike
"""How a row comes back to the store."""


@define(eq=False)
class Round:
    """
    The rows of a claim, sorted by what time does to them until the claim.

    Attributes:
        ended: Those that it ended, as they come back.
        going: Those to look at.
        odd: Which of these are no plain running tasks, or may be ended by time alone.
        sure_until: Before then time alone ends none of them.
    """

    rules: Rules
    claim: Claim[State]
    ended: list[Back] = field(factory=list, init=False)
    going: Sequence[Claimed] = field(init=False)
    odd: list[Claimed] = field(init=False)
    sure_until: float = field(default=math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        """
        Sort the rows.

        Nearly always time does nothing, and their terms tell as much: 0.2 us a row, where asking `fold.elapse` for
        each costs 2 us.
        """
        rows, now = self.claim.rows, self.claim.now
        self.going = rows
        self.odd = [row for row in rows if (state := row.state) is not None and state.aside is not None]
        terms = list(map(attrgetter("terms"), rows))
        shared = dict(zip(map(id, terms), terms, strict=True))  # by those that were added together
        self.sure_until = fold.soonest_end(shared.values(), self.rules.deadlines)
        if now >= self.sure_until:
            self.odd = list(rows)
        for row in self.odd:
            self._elapse(row, now)
        if self.ended:
            gone = {row.id for row in self.ended if isinstance(row, Row)}
            self.going = [row for row in rows if row.id not in gone]
            self.odd = [row for row in self.odd if row.id not in gone]

    def asked(self, rows: Sequence[Claimed]) -> Asked:
        """Return the ids to ask for, each with the digest by which a reply tells that nothing has changed."""
        digests = [
            # The property asks the same, but calling it for each row costs twice as much.
            state.digest if (state := row.state) is not None and state.aside is None else _known_by(state)
            for row in rows
        ]
        # One throw of the dice for all: each row is as likely, and 500 throws would cost more than the decoding.
        for place in range(self.rules.rng.randrange(DECODE_ANYWAY), len(rows), DECODE_ANYWAY):
            digests[place] = None
        return Asked([row.id for row in rows], digests)

    def doubted(self, *, but: Container[str] = ()) -> Claimed | None:
        """Return an id that lists left out so often that it must be asked for alone, none of *but*."""
        for row in self.odd:
            misses = None if row.state is None else row.state.misses
            if misses is not None and row.id not in but and missing.wants_single(misses, self.claim.now):
                return row
        return None

    def _elapse(self, row: Claimed, now: float) -> None:
        may_end = now >= self.sure_until and now >= fold.soonest_end([row.terms], self.rules.deadlines)
        if may_end or (row.state is not None and row.state.aside is not None):
            after = self.rules.elapsed(row, row.state, now, is_looked_at=not self.claim.held)
            if after is not None:
                self.ended.append(last(row, after, was_looked_at=False))


def put_off(round_: Round, rows: Sequence[Claimed], now: float, wait: float) -> list[Back]:
    """Give rows back that nothing could be learned of: not before *wait* is over, unless their deadline comes first."""
    back: list[Back] = []
    for row in rows:
        after = round_.rules.elapsed(row, row.state, now)
        if after is None:
            left = fold.due_at(row.state, row.terms, round_.rules.deadlines) - now
            back.append(Row(row.id, max(_MOMENT, min(wait, left)), was_looked_at=False))
        else:
            back.append(last(row, after, was_looked_at=False))
    return back


def undone(rows: Sequence[Claimed]) -> Alike:
    """Give rows back as if they had not been claimed."""
    return Alike([row.id for row in rows], 0.0, was_looked_at=False)


def told(rows: Sequence[Back]) -> int:
    """Count the events in *rows*."""
    return sum(len(row.events) for row in rows if isinstance(row, Row))


def last(row: Claimed, after: Folded, *, was_looked_at: bool = True) -> Row[State]:
    """Give a row back that has ended."""
    is_over = after.state.is_over
    return Row(row.id, None, after.state, after.events, is_over=is_over, was_looked_at=was_looked_at)


def _known_by(state: State | None) -> int | None:
    return None if state is None else state.known_by
