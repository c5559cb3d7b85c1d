"""What must hold of any history: one pure function for each promise of A1 to A11, found by its name.

A checker returns what is wrong, in words; nothing where all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from tests.simulation.history import History

Checker = Callable[[History], Iterator[str]]

PROMISES: Final[dict[str, Checker]] = {}


@frozen
class Violation:
    """A promise that was broken."""

    promise: str
    words: str


def promise(*names: str) -> Callable[[Checker], Checker]:
    """Let a function be the checker of some promises."""

    def keep(checker: Checker) -> Checker:
        PROMISES["+".join(names)] = checker
        return checker

    return keep


def judge(history: History) -> list[Violation]:
    """Return all that is wrong with *history*."""
    from tests.simulation.checkers import (  # noqa: F401, PLC0415 - they register themselves
        closing,
        delivery,
        events,
        liveness,
        outages,
        politeness,
        restraint,
        secrecy,
    )

    return [Violation(name, words) for name, check in PROMISES.items() for words in check(history)]
