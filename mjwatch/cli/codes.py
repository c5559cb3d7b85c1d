"""Exit codes, and which one wins where a command has several outcomes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import assert_never

from mjwatch.events import Expired, Failure, FinalEvent, Lost, Success


class Exit(IntEnum):
    """What a command tells the shell."""

    OK = 0
    """All succeeded."""
    FAILED = 1
    """A task failed, was cancelled, or was lost."""
    USAGE = 2
    """A mistake in the call or the configuration: denied, refused, a bad id, the extra not installed."""
    TIMED_OUT = 3
    """We stopped waiting: `--timeout`, or a deadline. The task may still run."""
    INTERRUPTED = 130
    """Ctrl-C."""
    PIPE = 141
    """Whoever read our output has gone, as in `mjwatch watch ... | head -1`."""


_BETTER_FIRST = (Exit.OK, Exit.TIMED_OUT, Exit.FAILED, Exit.USAGE, Exit.INTERRUPTED, Exit.PIPE)
"""A task that failed is over, one that timed out can be watched again: so FAILED is the worse of the two."""


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the code that wins: `OK < TIMED_OUT < FAILED < USAGE < INTERRUPTED`."""
    return max(codes, key=_BETTER_FIRST.index, default=Exit.OK)


def code_of(end: FinalEvent) -> Exit:
    """Return the code of one task's end."""
    match end:
        case Success():
            return Exit.OK
        case Failure() | Lost():
            return Exit.FAILED
        case Expired():
            return Exit.TIMED_OUT
        case _:
            assert_never(end)
