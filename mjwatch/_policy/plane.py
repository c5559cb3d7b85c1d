"""One poll plane: tasks as pacing sees them, and how they share requests.

Rule: what follows from sharing alone; when looks are worth it stands in `pacing.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, TypeVar

from attrs import frozen

from mjwatch._policy.state import State
from mjwatch.observations import Watch
from mjwatch.settings import Pacing

_COMPANY: Final = 0.25
"""Seconds that a first look waits for others to ride along."""


class Subject(Protocol):
    """One task as pacing sees it."""

    @property
    def id(self) -> str:
        """Which task."""
        ...

    @property
    def terms(self) -> Watch:
        """What it is watched for; whose id that is does not matter."""
        ...

    @property
    def state(self) -> State | None:
        """What is known of it, None before the first useful look."""
        ...


One = TypeVar("One", bound=Subject)


class Seen(NamedTuple):
    """A `Subject` with a state of its own."""

    id: str
    terms: Watch
    state: State | None


@frozen
class Plane:
    """
    How a gateway's tasks share requests.

    Attributes:
        watched: How many tasks are watched in all.
        room: How many ids fit into one request.
    """

    watched: int
    room: int

    @property
    def is_single(self) -> bool:
        """True where each task needs a request of its own."""
        return self.room == 1

    @property
    def is_shared(self) -> bool:
        """True where one request carries everybody."""
        return self.watched <= self.room and not self.is_single

    def is_partial(self, carried: int) -> bool:
        """
        Return True where a request that could have carried everybody carried only so few.

        The others were looked at a moment ago: what that look made of their wait still holds.
        """
        return self.is_shared and 2 * carried < self.watched


def wanted_in(wait: float, plane: Plane, carried: int, before: float, pacing: Pacing) -> float:
    """
    Return in how many seconds the next list request is wanted after one that carried so many and asks for *wait*.

    Before that one, the next was wanted in *before* seconds from now.
    """
    return min(wait, max(before, pacing.min_interval)) if plane.is_partial(carried) else wait


def company_in(plane: Plane, pacing: Pacing) -> float:
    """
    Return how soon after a list request one may go for a task that was never looked at: others may ride along.

    A moment that nobody notices, for a first look is promised at once, and the task may have ended long ago.
    """
    return 0.0 if plane.is_single else min(_COMPANY, closest(plane, pacing))


def closest(plane: Plane, pacing: Pacing) -> float:
    """Return the least distance between two list requests: none is looked at again within `min_interval`."""
    in_turn = 1.0 if plane.is_shared else plane.room / plane.watched
    return pacing.min_interval * in_turn
