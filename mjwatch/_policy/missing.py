"""When an id that the gateway does not know is really lost.

An absence alone proves nothing: a relay writes a task down late, a replica lags, a page of a list is half filled.
Only misses are judged here; a look that brought no usable reply is no miss.
"""

from __future__ import annotations

from typing import Final

import msgspec

GRACE: Final = 60.0
"""Seconds after the watch began in which an id may be unknown: relays insert late, users paste early."""
APART: Final = 10.0
"""Seconds between two single lookups that count as two: closer ones may hit the same lagging replica."""
SINGLES: Final = 2
"""How many single lookups must agree with the lists."""
ABSENCES: Final = 3
"""Absences from lists before a single lookup is worth a request."""
NEVER_SEEN: Final = 5
"""Misses it takes for an id that the gateway never showed."""
SEEN: Final = 10
"""Misses it takes for an id that it did show: a task that somebody paid for, so a restart or a fail-over of the
gateway must have the time to end."""
SEEN_FOR: Final = 600.0
"""Seconds that those misses must span."""


class Misses(msgspec.Struct, frozen=True, gc=False):
    """
    The misses of one id since it was last seen. Whoever sees it starts again with None.

    Attributes:
        count: How many.
        since: When the first was, epoch seconds.
        singles: How many of them were single lookups, `APART` seconds apart.
        last_single_at: When the last of those was, None without one.
    """

    count: int
    since: float
    singles: int = 0
    last_single_at: float | None = None


def counted(misses: Misses | None, now: float, *, single: bool) -> Misses:
    """Return *misses* and one more, at *now*; *single* where this id was asked for alone."""
    before = misses or Misses(0, now)
    count = before.count + 1
    if single and _is_apart(before, now):
        return Misses(count, before.since, before.singles + 1, now)
    return Misses(count, before.since, before.singles, before.last_single_at)


def wants_single(misses: Misses, now: float) -> bool:
    """
    Return True where the next look at the id should ask for it alone.

    No more often than is needed for the judgement: where a gateway forgot all its tasks at once, hundreds of ids
    want this together, and each one costs a whole request.
    """
    return misses.count >= ABSENCES and misses.singles < SINGLES and _is_apart(misses, now)


def is_lost(misses: Misses, *, was_seen: bool, watched_at: float, now: float) -> bool:
    """
    Return True where the id is gone for good, judged at the moment of a miss.

    A miss is itself an answer of a gateway that is well, so there is no need to ask here whether it is.
    """
    if now - watched_at < GRACE or misses.singles < SINGLES:
        return False
    if was_seen:
        return misses.count >= SEEN and now - misses.since >= SEEN_FOR
    return misses.count >= NEVER_SEEN


def next_look(misses: Misses, now: float) -> float:
    """
    Return in how many seconds to look again while the id is neither seen nor lost.

    A quarter of the time it has been missing: a verdict then comes at most a quarter later than it could, and the
    number of looks grows with the logarithm of the wait. At least 3 s, so that an id which is only late is found
    soon and the looks of the grace suffice for a verdict; at most 30 s, as for any other task.
    """
    return min(30.0, max(3.0, (now - misses.since) / 4))


def _is_apart(misses: Misses, now: float) -> bool:
    return misses.last_single_at is None or now - misses.last_single_at >= APART
