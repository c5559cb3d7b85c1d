"""What to do about an id that spoils a request for the others: find it by halves, and keep it apart until it is well.

Rule: counts requests and names ids; who asks for them, and by which route, is the caller's business. Splitting during an
outage would multiply the load on a gateway that is down, so whoever searches makes sure first that it is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from attrs import Factory, define, field, frozen

from mjwatch.observations import Verdict

APART: Final = 1.0
"""Seconds between two failures of an id that count as two."""
SUSPECT_AFTER: Final = 2
"""Failures in a row, in whatever company, after which an id is suspected."""

MOST: Final = 100_000
"""Ids that something is held against; the first that failed is forgotten first."""

QUARANTINE_FIRST: Final = 30.0
QUARANTINE_MOST: Final = 300.0
GOOD_BEFORE_RELEASE: Final = 2

_Part = Literal["bad", "left", "right"]
"""Of which set the search knows what: known to be bad; half of a bad one, the left one being asked first."""

FAILURES: Final = frozenset({Verdict.CORRUPT, Verdict.BROKEN, Verdict.UNREACHABLE})
"""What one id among many may do to a request."""


@define(eq=False)
class Strikes:
    """
    Which ids were in requests that failed, and in none that went well since.

    Requests seldom carry the same ids twice, and that helps: who was in two that failed is one of few.

    Attributes:
        well_at: When the gateway last answered a request for several ids or for one, epoch seconds; None before.
    """

    well_at: float | None = None
    _failed: dict[str, tuple[int, float, float]] = Factory(dict)

    @property
    def is_clear(self) -> bool:
        """True where nothing is held against anybody."""
        return not self._failed

    def took(self, ids: Sequence[str], verdict: Verdict, now: float) -> None:
        """Take in how a request went."""
        if verdict.is_answer:
            self.well_at = now
            self.forget(ids)
        elif verdict in FAILURES and len(ids) > 1:
            for id_ in ids:
                count, first_at, last_at = self._failed.get(id_, (0, now, -APART))
                if now - last_at >= APART:
                    self._failed[id_] = (count + 1, first_at, now)
            while len(self._failed) > MOST:  # who was left after a failure is never acquitted
                del self._failed[next(iter(self._failed))]

    def suspects(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Return those of *ids* that may be what spoiled their requests."""
        return tuple(id_ for id_ in ids if self._failed.get(id_, (0,))[0] >= SUSPECT_AFTER)

    def is_outage(self, ids: Sequence[str]) -> bool:
        """Return True where the gateway was not seen to be well since any of *ids* first failed."""
        since = min((self._failed[id_][1] for id_ in ids if id_ in self._failed), default=float("inf"))
        return self.well_at is None or self.well_at < since

    def forget(self, ids: Sequence[str]) -> None:
        """Hold nothing against *ids* any more."""
        for id_ in ids:
            self._failed.pop(id_, None)


@define(eq=False)
class Bisection:
    """
    The search for the ids that spoil a batch: halves, depth first.

    `ask` says what to request next; how it went is told with `tell`. A request that says nothing about its ids (a
    throttled one) is not told but asked again; whoever sees the gateway go down meanwhile drops the search.

    A bad set whose left half is good has a bad right half, which is split without being asked. A single id is
    always asked itself: nothing is called poison by inference, so a batch that failed by chance ends with none.

    Attributes:
        ids: The batch.
        most: With more poison than this the search ends: asking each id alone is then cheaper.
        budget: With as many requests the search ends, for the same reason.
        ask: The ids to request next, () at the end.
        poison: The ids found so far that fail alone.
        requests: How many were told so far.
    """

    ids: tuple[str, ...]
    most: int = field(kw_only=True)
    budget: int = field(kw_only=True)
    ask: tuple[str, ...] = field(init=False, default=())
    poison: list[str] = field(init=False, factory=list)
    requests: int = field(init=False, default=0)
    _asked_as: _Part = field(init=False, default="bad")
    _open: list[tuple[tuple[str, ...], _Part]] = field(init=False)

    @most.default
    def _tenth(self) -> int:
        return max(1, len(self.ids) // 10)

    @budget.default
    def _one_each(self) -> int:
        return max(16, len(self.ids))

    def __attrs_post_init__(self) -> None:
        self._open = [(self.ids, "bad")]
        self._advance()

    @property
    def unresolved(self) -> tuple[str, ...]:
        """The ids of which nothing is known yet; at the end those that were given up: ask each alone."""
        return self.ask + tuple(task_id for ids, _ in reversed(self._open) for task_id in ids)

    def tell(self, *, well: bool) -> None:
        """Take in how the request for `ask` went, and put the next one there."""
        asked, self.ask = self.ask, ()
        self.requests += 1
        if well and self._asked_as == "left":
            right, _ = self._open.pop()
            self._open.append((right, "bad"))
        elif not well and len(asked) == 1:
            self.poison.append(asked[0])
        elif not well:
            self._open.append((asked, "bad"))
        self._advance()

    def _advance(self) -> None:
        while self._open and len(self.poison) <= self.most and self.requests < self.budget:
            ids, part = self._open.pop()
            if part != "bad" or len(ids) == 1:
                self.ask, self._asked_as = ids, part
                return
            half = len(ids) // 2
            self._open += [(ids[half:], "right"), (ids[:half], "left")]


@frozen
class Quarantine:
    """
    How a poison id is kept from the others: it is looked at alone, and rarely, until it is well again.

    Attributes:
        look_in: Seconds until its next look.
        strikes: How often it failed alone.
        good: How many looks in a row went well.
    """

    look_in: float
    strikes: int
    good: int = 0


def struck(before: Quarantine | None, rng: Random) -> Quarantine:
    """Return the quarantine of an id that failed alone, for the first time or again."""
    strikes = 1 if before is None else before.strikes + 1
    return Quarantine(_rest(strikes, rng), strikes)


def healed(before: Quarantine, rng: Random) -> Quarantine | None:
    """Return the quarantine of an id that was looked at and was well; None where it is over."""
    if before.good + 1 >= GOOD_BEFORE_RELEASE:
        return None
    return Quarantine(_rest(1, rng), before.strikes, before.good + 1)


def _rest(strikes: int, rng: Random) -> float:
    # Full jitter: poison tends to come in herds (one broken deployment), which must not return as one. 2 ** 16 is far
    # above the cap and keeps a very old strike count from becoming a very large number.
    longest = min(QUARANTINE_MOST, QUARANTINE_FIRST * 2 ** min(strikes - 1, 16))
    return max(1.0, rng.uniform(0.0, longest))
