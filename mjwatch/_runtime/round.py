"""One claim round without its waiting: what time, a reply and pacing make of the claimed rows.

It decides nothing: what a finding means stands in `fold`, when to look next in `pacing`. What concerns hundreds of rows
alike is asked once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from attrs import define, field, frozen

from mjwatch._policy import fold, missing, pacing
from mjwatch._policy.fold import Folded
from mjwatch._policy.plane import Plane, Seen, Subject, wanted_in
from mjwatch._policy.state import State, deadline_at, going_on
from mjwatch._runtime.client import Looked
from mjwatch._runtime.reading import Asked
from mjwatch._runtime.rules import Rules
from mjwatch._store.contract import Alike, Claim, ClaimedRow, Row
from mjwatch.observations import Finding, Garbled

DECODE_ANYWAY = 1000
"""
One unchanged look in so many is decoded all the same, in case two replies share a digest: of 64 bits, so once in 10^19
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
        terms = {id(row.terms): row.terms for row in rows}  # shared by those that were added together
        self.sure_until = fold.soonest_end(terms.values(), self.rules.deadlines)
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

    def doubted(self) -> Claimed | None:
        """Return an id that lists left out so often that it must be asked for alone."""
        for row in self.odd:
            misses = None if row.state is None else row.state.misses
            if misses is not None and missing.wants_single(misses, self.claim.now):
                return row
        return None

    def _elapse(self, row: Claimed, now: float) -> None:
        may_end = now >= self.sure_until and now >= fold.soonest_end([row.terms], self.rules.deadlines)
        if may_end or (row.state is not None and row.state.aside is not None):
            after = self.rules.elapsed(row, row.state, now)
            if after is not None:
                self.ended.append(_last(row, after, was_looked_at=False))


@frozen
class Moment:
    """
    When a claim was made and when its reply came, by the store's clock; and how tasks share requests then.

    Before *sure_until* time alone ends none of the rows.
    """

    claimed_at: float
    now: float
    plane: Plane
    sure_until: float = -math.inf


@define(eq=False)
class Harvest:
    """
    What one look makes of the rows it was made for.

    Attributes:
        is_whole: They are all that their claim still has.
        wait: When to look at them again, seconds, where that is decided elsewhere.
        news: Those about which something was found; each must be shown to `see`.
        changed: Those of them that are not as they were, with what became of them.
    """

    rules: Rules
    rows: Sequence[Claimed]
    looked: Looked
    moment: Moment
    is_whole: bool = field(default=False, kw_only=True)
    wait: float | None = field(default=None, kw_only=True)
    news: list[Claimed] = field(init=False)
    changed: list[tuple[Claimed, Folded]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        found = self.looked.findings
        self.news = [row for row in self.rows if row.id in found] if found else []

    def see(self, row: Claimed) -> None:
        """Fold what was found about a row."""
        after = self._folded(row, self.looked.findings[row.id])
        if after.state is not row.state:
            self.changed.append((row, after))

    def given_back(self) -> list[Back]:
        """Return how the rows come back: each with news, and all the others together."""
        together = self._together()
        if together is None:
            return self._by_wait()
        back: list[Back] = [self._row(row, after, together) for row, after in self.changed]
        if self.moment.now + together < self.moment.sure_until:
            ids = None if self.is_whole else [row.id for row in self._unchanged()]
            return [*back, Alike(ids, together, was_looked_at=self._is_answered)]
        return back + [self._row(row, self._elapsed(row), together) for row in self._unchanged()]

    @property
    def _is_answered(self) -> bool:
        return self.looked.exchange.error is None and self.looked.exchange.verdict.is_answer

    def learn(self) -> None:
        """Let the gateway teach: what it shows changed, and what it shows did not. A fault teaches nothing."""
        if self.rules.pacing.fixed is None and self._is_answered:
            changed = {row.id: after.state for row, after in self.changed if _was_shown(after)}
            self.rules.lessons.looked(self.rows, changed, self.moment.now, self.rules.rng)

    def pace(self, before: float) -> float:
        """Return the distance to the next list request, by what the last one carried and what was wanted *before*."""
        plane = self.moment.plane
        wait = self.rules.crowd.next_request(self._carried, plane, self.moment.now)
        return wanted_in(wait.seconds, plane, len(self.rows), before, self.rules.pacing)

    def _carried(self) -> list[Subject]:
        """Return what was carried and goes on; of a crowd a sample, and whatever waits to be confirmed."""
        if self.rules.pacing.fixed is not None:
            return []
        plane = self.moment.plane
        some = self.rows if plane.is_shared else pacing.sampled(self.rows, plane, self.rules.rng)
        rows = {row.id: row for row in some}
        rows |= {row.id: row for row, after in self.changed if after.state.aside is not None}
        changed = {row.id: Seen(row.id, row.terms, after.state) for row, after in self.changed}
        return [one for row in rows.values() if _goes_on(one := changed.get(row.id, row))]

    def _unchanged(self) -> list[Claimed]:
        changed = {row.id for row, _ in self.changed}
        return [row for row in self.rows if row.id not in changed]

    def _folded(self, row: Claimed, finding: Finding) -> Folded:
        """Return a row's state after this look: folded, then elapsed."""
        if isinstance(finding, Garbled):
            return self._elapsed(row)
        rules, now, eta = self.rules, self.moment.now, None
        if row.terms.wants_progress and rules.pacing.fixed is None:
            eta = partial(rules.lessons.forecast.eta, row.id, row.terms, now=now)
        after = fold.fold(row.state, finding, row.watch, now, gateway=rules.gateway, eta=eta)
        if after.state.aside is None and self.moment.now < self.moment.sure_until:
            return after
        if after.state.final is not None:
            return after
        later = self.rules.elapsed(row, after.state, self.moment.now)
        return after if later is None else Folded(later.state, after.events + later.events)

    def _elapsed(self, row: Claimed) -> Folded:
        """Return a row's state after a look that brought nothing new about it."""
        before = going_on(row.state)
        if before.final is not None or (before.aside is None and self.moment.now < self.moment.sure_until):
            return Folded(before)
        return self.rules.elapsed(row, before, self.moment.now) or Folded(before)

    def _row(self, row: Claimed, after: Folded, next_in: float) -> Row[State]:
        if after.state.aside is not None and after.state.final is not None:
            return _last(row, after)
        if self.moment.now + next_in >= self.moment.sure_until:
            left = deadline_at(after.state, row.terms, self.rules.deadlines) - self.moment.now
            next_in = max(0.0, min(next_in, left))
        state = None if after.state is row.state else after.state
        return Row(row.id, next_in, state, after.events, was_looked_at=self._is_answered)

    def _by_wait(self) -> list[Back]:
        """Return the rows of a crowd: of the unchanged, those that wait equally long come back together."""
        at, unchanged = self.moment, self._unchanged()
        back: list[Back] = []
        waits: dict[float, list[str]] = {}
        for row, next_in in zip(unchanged, self._next_looks(unchanged), strict=True):
            state = row.state
            if state is None or state.aside is not None or at.now + next_in >= at.sure_until:
                back.append(self._row(row, self._elapsed(row), next_in))
            else:
                waits.setdefault(next_in, []).append(row.id)
        back += [Alike(ids, next_in, was_looked_at=self._is_answered) for next_in, ids in waits.items()]
        subjects = [Seen(row.id, row.terms, after.state) for row, after in self.changed]
        nexts = self._next_looks(subjects)
        return back + [self._row(*one, next_in) for one, next_in in zip(self.changed, nexts, strict=True)]

    def _together(self) -> float | None:
        """Return when to look again at all that share a request, None where each has a time of its own."""
        at, rules = self.moment, self.rules
        if self.wait is not None or (rules.pacing.fixed is None and not at.plane.is_shared):
            return self.wait
        first = self.rows[0]
        wait = pacing.next_look(first, at.plane, at.now, rules.pacing, rules.lessons, rules.rng)
        return self._from_claim([wait.seconds])[0]

    def _next_looks(self, subjects: Sequence[Subject]) -> list[float]:
        """Return when to look again at each."""
        at, rules = self.moment, self.rules
        if at.plane.is_single:
            waits = [
                pacing.next_look(one, at.plane, at.now, rules.pacing, rules.lessons, rules.rng).seconds
                for one in subjects
            ]
        else:
            waits = rules.crowd.next_looks(subjects, at.plane, at.now)
        return self._from_claim(waits)

    def _from_claim(self, waits: Sequence[float]) -> list[float]:
        """Count from the claim, so that a slow reply does not stretch the rhythm."""
        late = self.moment.now - self.moment.claimed_at
        return [wait - late if wait > late else 0.0 for wait in waits]


def put_off(round_: Round, rows: Sequence[Claimed], now: float, wait: float) -> list[Back]:
    """Give rows back that nothing could be learned of: not before *wait* is over, unless their deadline comes first."""
    deadlines = round_.rules.deadlines
    lefts = [(row, fold.due_at(row.state, row.terms, deadlines) - now) for row in rows]
    return [Row(row.id, max(_MOMENT, min(wait, left)), was_looked_at=False) for row, left in lefts]


def undone(rows: Sequence[Claimed]) -> Alike:
    """Give rows back as if they had not been claimed."""
    return Alike([row.id for row in rows], 0.0, was_looked_at=False)


def told(rows: Sequence[Back]) -> int:
    """Count the events in *rows*."""
    return sum(len(row.events) for row in rows if isinstance(row, Row))


def _was_shown(after: Folded) -> bool:
    """Return True where the gateway has shown something new: time and absence tell of no tick and no milestone."""
    return bool(after.events) and (after.state.final is None or after.state.is_over)


def _goes_on(subject: Subject) -> bool:
    return subject.state is None or subject.state.aside is None or subject.state.final is None


def _last(row: Claimed, after: Folded, *, was_looked_at: bool = True) -> Row[State]:
    is_over = after.state.is_over
    return Row(row.id, None, after.state, after.events, is_over=is_over, was_looked_at=was_looked_at)


def _known_by(state: State | None) -> int | None:
    return None if state is None else state.known_by
