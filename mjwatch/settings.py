"""Settings: frozen, validated once when they are built, each default with its reason.

Nothing here is read from the environment, and nothing changes after it was built.
"""

from __future__ import annotations

import sys
from typing import TypeVar

from attrs import Attribute, field, frozen

from mjwatch.tasks import Action, Mode

T = TypeVar("T")

_HOUR = 3_600.0
_DAY = 86_400.0


def check_positive(name: str, value: float | None) -> float | None:
    """
    Return *value* if it is None or a positive, finite number of seconds (or of things).

    Raises:
        TypeError: no number.
        ValueError: zero, negative, infinite or not a number at all.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} takes a number, not {type(value).__name__}")
    if not 0 < value <= sys.float_info.max:
        raise ValueError(f"{name}={value!r}: must be a positive number")
    return value


def given(value: T | None, kind: type[T]) -> T:
    """
    Return *value*, or the default of its *kind* for None.

    Raises:
        TypeError: it is of another kind.
    """
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__.lower()}= takes a {kind.__name__}(...), not {type(value).__name__}")
    return value


def _positive_or_none(owner: object, attribute: Attribute[float], value: float | None) -> None:
    check_positive(f"{type(owner).__name__}({attribute.name})", value)


def _positive(owner: object, attribute: Attribute[float], value: float) -> None:
    if value is None:
        raise TypeError(f"{type(owner).__name__}({attribute.name}) takes a number, not None")
    _positive_or_none(owner, attribute, value)


def _counted(owner: object, attribute: Attribute[int], value: int) -> None:
    name = f"{type(owner).__name__}({attribute.name})"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} takes a whole number, not {type(value).__name__}")
    check_positive(name, value)


@frozen(kw_only=True)
class Pacing:
    """
    When to look.

    Attributes:
        lag: The mean time, in seconds, that news may wait unseen. One number steers everything: the price of a
            look is `lag ** 2 / 6` (pacing by unseen waiting; Barlow, Hunter and Proschan 1963). 0.5 is the least
            that makes sense with `min_interval` of 1 s.
        min_interval: Never closer than this for one id, seconds. Gateways show changes every 3 to 15 s.
        max_interval: Never rarer than this for one id, seconds, as long as the gateway's budget allows it.
        max_interval_queued: The same while a relax task waits in its queue, seconds.
        fixed: Look every so many seconds instead, whatever is known. Built by `Pacing.every`.
    """

    lag: float = field(default=1.0, validator=_positive)
    min_interval: float = field(default=1.0, validator=_positive)
    max_interval: float = field(default=30.0, validator=_positive)
    max_interval_queued: float = field(default=60.0, validator=_positive)
    fixed: float | None = field(default=None, validator=_positive_or_none)

    def __attrs_post_init__(self) -> None:
        if not self.min_interval <= self.max_interval <= self.max_interval_queued <= _DAY:
            raise ValueError(
                "Pacing: min_interval <= max_interval <= max_interval_queued <= 86400 s must hold, not "
                f"{self.min_interval:g}, {self.max_interval:g}, {self.max_interval_queued:g}: give all that must change"
            )
        if self.lag > _HOUR:
            raise ValueError(
                f"Pacing(lag)={self.lag!r}: at most {_HOUR:g} s, and about 2 s at most make sense"
            )

    @classmethod
    def every(cls, seconds: float) -> Pacing:
        """
        Look at every task each *seconds*, whatever is known: for tests, benchmarks and people who insist.

        The other fields do not hold then; the gateway's `Limits` do.
        """
        if check_positive("Pacing.every(seconds)", seconds) is None:
            raise TypeError("Pacing.every(seconds) takes a number, not None; Pacing() adapts")
        return cls(fixed=seconds)


@frozen(kw_only=True)
class Limits:
    """
    What one gateway and one reader may cost.

    Attributes:
        rate: Requests a second, None switches the budget off. A common rule of trueai installs bans an address
            for a day above 30/s or 900/min, so the default stays at a third of it.
        per_minute: Requests a minute, spread with a burst of `burst`.
        burst: How many requests may go at once within `per_minute`.
        batch: Ids in one list request, at most. 500 is the documented ceiling of list-by-ids.
        flights: Requests under way at once.
        max_watches: Tasks watched at once; one more raises `TooManyWatches`. A chat user must not fill the memory.
        max_unread: Unread final events one reader may hold before new watches are refused.
    """

    rate: float | None = field(default=10.0, validator=_positive_or_none)
    per_minute: float = field(default=300.0, validator=_positive)
    burst: int = field(default=5, validator=_counted)
    batch: int = field(default=500, validator=_counted)
    flights: int = field(default=8, validator=_counted)
    max_watches: int = field(default=100_000, validator=_counted)
    max_unread: int = field(default=100_000, validator=_counted)


@frozen(kw_only=True)
class Deadlines:
    """
    When to stop watching a task that does not end. Stopping is told as `Expired`; the task may still run.

    Attributes:
        usual: For a task known to be neither video nor relax, seconds. No gateway keeps one longer than 1 h.
        slow: For video, relax, and where nothing is known, seconds: a paid task is never ended early.
    """

    usual: float = field(default=7_200.0, validator=_positive)
    slow: float = field(default=21_600.0, validator=_positive)

    def of(self, action: Action, mode: Mode) -> float:
        """Return how long a task of this *action* and *mode* is watched, in seconds."""
        if action is Action.UNKNOWN or action.is_video or mode is Mode.RELAX:
            return self.slow
        return self.usual
