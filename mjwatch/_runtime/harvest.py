"""What one look makes of the claimed rows: what a reply and pacing make of them, without the waiting.

It decides nothing: what a finding means stands in `fold`, when to look next in `pacing`. What concerns hundreds of rows
alike is asked once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from attrs import define, field, frozen

from mjwatch._policy import fold, pacing
from mjwatch._policy.fold import Folded
from mjwatch._policy.plane import Plane, Seen, Subject, wanted_in
from mjwatch._policy.state import State, deadline_at, going_on
from mjwatch._runtime.client import Looked
from mjwatch._runtime.round import Back, Claimed, last
from mjwatch._runtime.rules import Rules
from mjwatch._store.contract import Alike, Row
from mjwatch.observations import Finding, Garbled, Observation


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
        is_answered: The gateway did its work, whatever it said.
        news: Those about which something was found; each must be shown to `see`.
        changed: Those of them that are not as they were, with what became of them.
    """

    rules: Rules
    rows: Sequence[Claimed]
    looked: Looked
    moment: Moment
    is_whole: bool = field(default=False, kw_only=True)
    wait: float | None = field(default=None, kw_only=True)
    is_answered: bool = field(init=False)
    news: list[Claimed] = field(init=False)
    changed: list[tuple[Claimed, Folded]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        found, exchange = self.looked.findings, self.looked.exchange
        self.is_answered = exchange.error is None and exchange.verdict.is_answer
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
            return [*back, Alike(ids, together, was_looked_at=self.is_answered)]
        return back + [self._row(row, self._elapsed(row), together) for row in self._unchanged()]

    def learn(self) -> None:
        """Let the gateway teach: what it shows changed, and what it shows did not. A fault teaches nothing."""
        if self.rules.pacing.fixed is None and self.is_answered:
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
            eta = partial(rules.lessons.eta, row, now=now)
        # What was seen says its id itself; to put it into the terms would cost a microsecond.
        watch = row.terms if isinstance(finding, Observation) else row.watch
        after = fold.fold(row.state, finding, watch, now, gateway=rules.gateway, eta=eta)
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
            return last(row, after)
        if self.moment.now + next_in >= self.moment.sure_until:
            left = deadline_at(after.state, row.terms, self.rules.deadlines) - self.moment.now
            next_in = max(0.0, min(next_in, left))
        state = None if after.state is row.state else after.state
        return Row(row.id, next_in, state, after.events, was_looked_at=self.is_answered)

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
        back += [Alike(ids, next_in, was_looked_at=self.is_answered) for next_in, ids in waits.items()]
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


def _was_shown(after: Folded) -> bool:
    """Return True where the gateway has shown something new: time and absence tell of no tick and no milestone."""
    return bool(after.events) and (after.state.final is None or after.state.is_over)


def _goes_on(subject: Subject) -> bool:
    return subject.state is None or subject.state.aside is None or subject.state.final is None
