"""The peers: when other libraries look, each restated as a generator of sleeps.

Rule: a schedule knows nothing but its own past; the first sleep comes before the first look. Sources and line numbers stand
beside each. Left out are the deadlines after which they give up: here they go on until the end is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count, cycle, repeat
from random import Random
from typing import Final

from attrs import frozen

Sleeps = Callable[[Random], Iterator[float]]


@frozen
class Schedule:
    """
    When somebody looks.

    Attributes:
        name: For the tables.
        sleeps: Seconds before each look.
        extra: Requests beside the looks: the last status again, the result.
    """

    name: str
    sleeps: Sleeps
    extra: int = 0


def every(seconds: float) -> Schedule:
    """Return the plain loop: look at once, then each so many *seconds*."""
    return Schedule(f"every {seconds:g} s", _at_once(lambda _: repeat(seconds)))


def _at_once(then: Sleeps) -> Sleeps:
    return lambda rng: chain((0.0,), then(rng))


def _jittered(low: float, high: float) -> Sleeps:
    return lambda rng: (rng.uniform(low, high) for _ in count())


def _full_jitter(factor: float, most: float) -> Sleeps:
    """Exponential back-off with full jitter: U(0, d), d = factor^n, at most so much."""
    return lambda rng: (rng.uniform(0.0, min(most, factor ** min(n, 60))) for n in count())


def _growing(first: float, factor: float, most: float) -> Sleeps:
    return lambda _: (min(most, first * factor ** min(n, 60)) for n in count())


def _new_api(rng: Random) -> Iterator[float]:
    """One tick for all rows of a gateway: a task meets it at any phase."""
    return chain((rng.uniform(0.0, 15.0),), repeat(15.0))


def _stamina(rng: Random) -> Iterator[float]:
    return (min(5.0, 0.1 * 2 ** min(n, 60) + rng.uniform(0.0, 1.0)) for n in count())


_DASHSCOPE: Final = (1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0)

PEERS: Final = (
    # fal-client client.py:1153, :1649; it iterates again and then fetches the result
    Schedule("fal", _at_once(lambda _: repeat(0.1)), extra=2),
    Schedule("replicate", lambda _: repeat(0.5)),  # prediction.py:148
    Schedule("openai", _at_once(lambda _: repeat(1.0))),  # resources/videos.py:598, without a hint
    Schedule("legnext", _at_once(lambda _: repeat(3.0))),  # resources/tasks.py:53
    Schedule("Dooy", _at_once(lambda _: repeat(5.0))),  # src/api/mjapi.ts:221
    Schedule("runway", _jittered(4.5, 7.5)),  # lib/polling.py:108
    Schedule("botocore", _at_once(lambda _: repeat(15.0))),  # 213 of its waiters
    Schedule("azure", _at_once(lambda _: repeat(30.0)), extra=1),  # base_polling.py:644, without a hint
    Schedule("new-api", _new_api),  # controller/midjourney.go:23
    Schedule("decart", lambda _: chain((0.5,), repeat(1.5))),
    Schedule("dashscope", _at_once(lambda _: chain(_DASHSCOPE, cycle((5.0,))))),  # client/base_api.py:223
    Schedule("comfy", _at_once(_growing(0.5, 1.5, 5.0))),  # jobs.py:223
    Schedule("stamina", _at_once(_stamina)),
    Schedule("google sync", _at_once(_full_jitter(1.5, 20.0))),  # future/polling.py:54
    Schedule("google async", _at_once(_full_jitter(2.0, 60.0))),  # future/async_future.py:85
)
FIXED: Final = tuple(every(seconds) for seconds in (1.0, 2.0, 3.0, 5.0))
"""The intervals among which the best one is what x compares with."""
SCHEDULES: Final = {schedule.name: schedule for schedule in (*FIXED, *PEERS)}
