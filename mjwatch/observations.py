"""What was asked for and what was seen: the words that `_wire`, `_policy` and `_store` share.

They are strangers to each other, so what two of them must name stands here. No bytes and no decisions.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from mjwatch.tasks import Task


class Verdict(Enum):
    """What an exchange amounted to. Only OK and MISSING say anything about a task."""

    OK = "ok"
    MISSING = "missing"
    """The gateway is well and does not know the id."""
    THROTTLED = "throttled"
    DENIED = "denied"
    REFUSED = "refused"
    """A redirect, a web page where a reply belongs, a certificate: somebody must change something."""
    UNSUPPORTED = "unsupported"
    """The gateway has no such route: ask by another one."""
    TOO_BIG = "too_big"
    """Too many ids in one request, or a reply over the cap."""
    REJECTED = "rejected"
    """The gateway is well and rejects this very request."""
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    """A server error."""
    CORRUPT = "corrupt"
    """A reply that is cut, malformed, or of the wrong shape."""
    STALLED = "stalled"
    """Our own event loop stood still meanwhile: it says nothing of the gateway."""

    @property
    def is_answer(self) -> bool:
        """True where the gateway did its work, whatever it said."""
        return self in _ANSWERS

    @property
    def is_standing(self) -> bool:
        """True where waiting alone heals nothing."""
        return self in _STANDING


_ANSWERS = frozenset({Verdict.OK, Verdict.MISSING, Verdict.REJECTED})
_STANDING = frozenset({Verdict.DENIED, Verdict.REFUSED, Verdict.UNSUPPORTED})


class Observation(msgspec.Struct, frozen=True, gc=False):
    """
    What a gateway said about one task at one moment.

    Attributes:
        task: The task as the reply shows it.
        digest: Of the raw reply, without what changes on every read; equal digests mean nothing to decode. None
            where it was not taken.
        buttons_come_with_end: True where this gateway shows buttons no later than SUCCESS, so that a success
            without them is not yet whole (`protocol.md` 7.1: families A+ and B).
    """

    task: Task
    digest: int | None = None
    buttons_come_with_end: bool = False


class Missing(msgspec.Struct, frozen=True, gc=False):
    """
    The gateway is well, and does not know the id.

    Attributes:
        single: True where this very id was asked for alone, which counts for more than an absence from a list.
    """

    single: bool


class Unchanged(msgspec.Struct, frozen=True, gc=False):
    """The raw reply is the one of the last look: nothing was decoded."""


class Garbled(msgspec.Struct, frozen=True, gc=False):
    """The gateway answered about this id, but not in a form that can be read. Says nothing about the task."""


Finding = Observation | Missing | Unchanged | Garbled
"""What one look found out about one id."""


def still(url: str | None) -> str | None:
    """
    Return *url* without what new-api appends to previews anew on every read (`?rand=<nanoseconds>`).

    Two previews are the same picture when they are `still` the same (`protocol.md` 4.7).
    """
    return None if url is None else url.partition("?rand=")[0]


class Watch(msgspec.Struct, frozen=True, gc=False):
    """
    What the wishes for one id amount to; instants are the store's.

    Attributes:
        id: The task.
        tag: As given by whoever watches; comes back in every event.
        watched_at: Since when, for deadlines and for the grace of an id that is not known yet.
        deadline_at: Until when at least somebody wants it watched, None where nobody said.
        wants_progress: Somebody listens to progress.
        is_discarded: Somebody called `discard`: it ends at the next claim.
        is_by_kind: Somebody left the deadline to the task's kind, so it ends no earlier than that.
        is_kept: It goes on until its end, whether or not anybody reads it.
    """

    id: str
    tag: str | None
    watched_at: float
    deadline_at: float | None
    wants_progress: bool
    is_discarded: bool = False
    is_by_kind: bool = True
    is_kept: bool = False

    def named(self, task_id: str) -> Watch:
        """Return the watch of *task_id* on these terms: a store keeps one for all that share them, without an id."""
        return Watch(
            task_id,
            self.tag,
            self.watched_at,
            self.deadline_at,
            self.wants_progress,
            self.is_discarded,
            self.is_by_kind,
            self.is_kept,
        )
