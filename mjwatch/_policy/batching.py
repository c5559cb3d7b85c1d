"""Which ids share a request: by which route, and how many.

No request is built here and no route is known by name; a route is whatever the caller numbers with it. What to do about
an id that spoils a request for the others stands in `poison.py`.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from attrs import evolve, field, frozen

from mjwatch.observations import Verdict

R = TypeVar("R")

GOOD_BEFORE_GROWTH: Final = 50
"""Full-size replies before the size is tried 10 % larger."""
UNSUPPORTED_FOR: Final = 3600.0
"""Seconds that a route is not tried again: relays get upgraded, but not every minute."""
AVOIDED_FOR: Final = 600.0
"""Seconds for which lists are not asked that failed for as long, while a single lookup went well."""


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
        case Verdict.BROKEN if batching.size == 1 and not batching.is_single:
            # Not even one id: it was never the size that it complained about.
            return evolve(batching, size=batching.ceiling, good=0)
        case Verdict.OK if not batching.is_single and asked >= batching.size < batching.ceiling:
            return _grown(batching)
        case _:
            return batching


def avoided(batching: Batching[R], now: float) -> Batching[R]:
    """Return *batching* without its lists for a while: they fail, and a single lookup goes well."""
    return evolve(batching, index=len(batching.routes) - 1, widest_at=now + AVOIDED_FOR, good=0)


def _grown(batching: Batching[R]) -> Batching[R]:
    if batching.good + 1 < GOOD_BEFORE_GROWTH:
        return evolve(batching, good=batching.good + 1)
    larger = batching.size + max(1, batching.size // 10)
    return evolve(batching, size=min(batching.ceiling, larger), good=0)
