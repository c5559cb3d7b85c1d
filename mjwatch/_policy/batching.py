"""Which ids share a request: by which route, how many, and what to do about one that spoils it for the others.

No request is built here and no route is known by name; a route is whatever the caller numbers with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from attrs import define, evolve, field, frozen

from mjwatch.observations import Verdict

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Sequence

R = TypeVar("R")

GOOD_BEFORE_GROWTH: Final = 50
"""Full-size replies before the size is tried 10 % larger."""
UNSUPPORTED_FOR: Final = 3600.0
"""Seconds that a route is not tried again: relays get upgraded, but not every minute."""
QUARANTINE_FIRST: Final = 30.0
QUARANTINE_MOST: Final = 300.0
GOOD_BEFORE_RELEASE: Final = 2

_Part = Literal["bad", "left", "right"]
"""Of which set the search knows what: known to be bad; half of a bad one, the left one being asked first."""

_POISONED = frozenset({Verdict.CORRUPT, Verdict.BROKEN, Verdict.UNREACHABLE})


def split(ids: Sequence[str], size: int, *, alone: Collection[str] = ()) -> list[tuple[str, ...]]:
    """
    Return *ids* in batches of at most *size*, in their order.

    Those in *alone* get a batch each, after the others: they are slow and likely to fail.
    """
    shared = [task_id for task_id in ids if task_id not in alone]
    batches = [tuple(shared[start : start + size]) for start in range(0, len(shared), size)]
    return batches + [(task_id,) for task_id in ids if task_id in alone]


@frozen
class Batching(Generic[R]):
    """
    By which route a gateway is asked, and for how many ids at once.

    Attributes:
        routes: The widest first. The last one looks a single id up, and is never left.
        ceiling: The most ids that may ever be in one request.
        size: The most that go into one now, on a route that takes several.
        good: Full-size replies since `size` last changed.
        index: Which of the routes is used.
        widest_at: When the widest route is tried again, epoch seconds; None while it is in use.
    """

    routes: tuple[R, ...]
    ceiling: int
    size: int = field()
    good: int = 0
    index: int = 0
    widest_at: float | None = None

    @size.default
    def _ceiling(self) -> int:
        return self.ceiling

    @property
    def route(self) -> R:
        """The route to ask by."""
        return self.routes[self.index]

    @property
    def is_single(self) -> bool:
        """True where only one id fits into a request."""
        return self.index == len(self.routes) - 1

    @property
    def limit(self) -> int:
        """How many ids fit into one request."""
        return 1 if self.is_single else self.size


def refreshed(batching: Batching[R], now: float) -> Batching[R]:
    """Return *batching* as it holds at *now*: what was unsupported an hour ago is tried again."""
    if batching.widest_at is None or now < batching.widest_at:
        return batching
    return evolve(batching, index=0, widest_at=None)


def learned(batching: Batching[R], verdict: Verdict, *, route: R, asked: int, now: float) -> Batching[R]:
    """
    Return *batching* after a request for *asked* ids by *route* came to *verdict*.

    Several requests are under way at once, so a reply may be to a route or a size that was given up meanwhile:
    it must not push further.
    """
    if route != batching.route:
        return batching
    match verdict:
        case Verdict.UNSUPPORTED if not batching.is_single:
            widest_at = batching.widest_at or now + UNSUPPORTED_FOR
            return evolve(batching, index=batching.index + 1, widest_at=widest_at, good=0)
        case Verdict.TOO_BIG:
            return evolve(batching, size=min(batching.size, max(1, asked // 2)), good=0)
        case Verdict.BROKEN if asked == 1 and not batching.is_single:
            # Not even one id: it was never the size that it complained about.
            return evolve(batching, size=batching.ceiling, good=0)
        case Verdict.OK if not batching.is_single and asked >= batching.size < batching.ceiling:
            return _grown(batching)
        case _:
            return batching


def _grown(batching: Batching[R]) -> Batching[R]:
    if batching.good + 1 < GOOD_BEFORE_GROWTH:
        return evolve(batching, good=batching.good + 1)
    larger = batching.size + max(1, batching.size // 10)
    return evolve(batching, size=min(batching.ceiling, larger), good=0)


@frozen
class Spoiled:
    """
    How often the very same ids failed together.

    Attributes:
        ids: Which.
        count: How often in a row.
        first_at, last_at: When for the first and the last time, epoch seconds.
    """

    ids: frozenset[str]
    count: int
    first_at: float
    last_at: float


def spoiled(before: Spoiled | None, ids: Collection[str], verdict: Verdict, now: float) -> Spoiled | None:
    """Return what is held against *ids* after a request for them came to *verdict*; None where nothing is."""
    if verdict.is_answer or len(ids) == 1:
        return None
    if verdict not in _POISONED:
        return before
    together = frozenset(ids)
    if before is None or before.ids != together:
        return Spoiled(together, 1, now, now)
    return Spoiled(together, before.count + 1, before.first_at, now)


def is_suspect(batch: Spoiled, *, interval: float, well_at: float | None) -> bool:
    """
    Return True where one of the ids seems to spoil the reply for all: time to look for it with `Bisection`.

    Only where the gateway was well in the meantime (*well_at*: its last answer to another request). Else it is
    an outage, and splitting would multiply the load on a gateway that is down.
    """
    is_standing = batch.count > 1 and batch.last_at - batch.first_at >= interval
    return is_standing and well_at is not None and well_at >= batch.first_at


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
        self._open = [(self.ids, "bad")] if self.ids else []
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
    strikes: int = 1
    good: int = 0


def struck(before: Quarantine | None, rng: random.Random) -> Quarantine:
    """Return the quarantine of an id that failed alone, for the first time or again."""
    strikes = 1 if before is None else before.strikes + 1
    return Quarantine(_rest(strikes, rng), strikes)


def healed(before: Quarantine, rng: random.Random) -> Quarantine | None:
    """Return the quarantine of an id that was looked at and was well; None where it is over."""
    if before.good + 1 >= GOOD_BEFORE_RELEASE:
        return None
    return Quarantine(_rest(1, rng), before.strikes, before.good + 1)


def _rest(strikes: int, rng: random.Random) -> float:
    # Full jitter: poison tends to come in herds (one broken deployment), which must not return as one. 2 ** 16 is far
    # above the cap and keeps a very old strike count from becoming a very large number.
    longest = min(QUARANTINE_MOST, QUARANTINE_FIRST * 2 ** min(strikes - 1, 16))
    return max(1.0, rng.uniform(0.0, longest))
