"""What of a gateway's budget outlives the process, as a note of some hundred bytes.

Rule: writes and reads; what the numbers mean stands in `rate.py`, `breaker.py` and `batching.py`. A note is data: one that
cannot be read, or that another version wrote, is nothing known, and no wish in it is believed beyond its cap.
"""

from __future__ import annotations

from math import isfinite
from typing import Final, TypeVar

import msgspec
from attrs import evolve

from mjwatch._policy.batching import UNSUPPORTED_FOR, Batching
from mjwatch._policy.breaker import Breaker
from mjwatch._policy.governor import HOLD_CAP, Governor
from mjwatch._policy.rate import LEAST, Rate

R = TypeVar("R")

VERSION: Final = 1
_LONGEST: Final = 2 * HOLD_CAP
"""The longest that a restart leaves a gateway alone, seconds: a probe of a standing fault is never further away."""


class Memo(msgspec.Struct, frozen=True, array_like=True):
    """
    A gateway's budget as it is kept.

    Attributes:
        version: Of this layout.
        held_until: Until when it is left alone, epoch seconds; 0.0 where it is not.
        is_open: Only probes may go.
        allowed: Requests a second, None where nothing but the user's limits holds.
        route: Which of the dialect's routes is used.
        size: Ids in one request.
        widest_at: When the widest route is tried again, epoch seconds; None while it is in use.
    """

    version: int
    held_until: float
    is_open: bool
    allowed: float | None
    route: int
    size: int
    widest_at: float | None


def written(governor: Governor, batching: Batching[R], held: float, now: float) -> bytes:
    """Return what is known at *now* as bytes; the gateway is left alone for *held* seconds more."""
    allowed = governor.rate.allowed
    return msgspec.json.encode(
        Memo(
            VERSION,
            round(now + held, 1) if held > 0.0 else 0.0,
            governor.breaker.is_open,
            round(allowed, 3) if isfinite(allowed) else None,
            batching.index,
            batching.size,
            batching.widest_at,
        )
    )


def read(note: bytes) -> Memo | None:
    """Return what a note keeps, None where it says nothing that can be understood."""
    try:
        memo = msgspec.json.decode(note, type=Memo)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return memo if memo.version == VERSION else None


def governor_of(memo: Memo, now: float) -> Governor:
    """Return where the budget goes on: a gateway that was left alone is, for the rest of that time, and probed then."""
    held = min(_LONGEST, max(0.0, memo.held_until - now))
    allowed = float("inf") if memo.allowed is None else max(LEAST, memo.allowed)
    if held == 0.0 and not memo.is_open:
        return Governor(rate=Rate(allowed))
    return Governor(rate=Rate(allowed), breaker=Breaker(is_open=True, opened_at=now, closed_for=held))


def batching_of(memo: Memo, batching: Batching[R], now: float) -> Batching[R]:
    """Return *batching* with what the gateway was known to take, as far as it still has such routes."""
    size = min(batching.ceiling, max(1, memo.size))
    if memo.widest_at is None or not 0 < memo.route < len(batching.routes):
        return evolve(batching, size=size)
    return evolve(batching, size=size, index=memo.route, widest_at=min(memo.widest_at, now + UNSUPPORTED_FOR))
