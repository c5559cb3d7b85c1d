"""The store's contract: what the pump, the router and the watcher may count on, whichever store it is.

Pacing and the governor decide, the store enforces: every request of a gateway passes its gate, here. Only durations
cross this border inwards; all instants are the store's own. Nothing here knows what a state is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec
from attrs import frozen

from mjwatch.events import Event, GatewayEvent, TaskEvent
from mjwatch.observations import Watch as Watch  # noqa: PLC0414 - part of the contract

S = TypeVar("S")


@frozen
class Wish:
    """
    One caller's share in a watch. Wishes for one id merge upwards: the later deadline, progress if anybody wants it.

    Attributes:
        id: The task.
        tag: Comes back in every event; the last one given wins, None leaves the present one.
        deadline_in: Watch it this long from now, seconds; None leaves it to the task's kind. Of several wishes the
            most patient counts.
        wants_progress: False where only the end matters, which makes looks rarer.
        is_kept: Watch it until its end, whether or not anybody reads it.
    """

    id: str
    tag: str | None = None
    deadline_in: float | None = None
    wants_progress: bool = True
    is_kept: bool = False


@frozen
class Known(Generic[S]):
    """
    What the store knows of an id.

    Attributes:
        watch: What it is wished for; also of an id that is no longer watched.
        state: What is known of the task, None before the first useful look.
        is_watched: It stands in the due queue.
        due_in: Seconds until it is due, 0.0 while it is under way, None if it is not watched.
        looked_at: Its last commit after a look, None before the first and if it is not watched.
        is_leased: It is under way.
    """

    watch: Watch
    state: S | None
    is_watched: bool
    due_in: float | None
    looked_at: float | None = None
    is_leased: bool = False


class ClaimedRow(Protocol[S]):
    """
    A claimed id, to be read until it is given back. A store may hand out what it keeps itself: no look copies anything.

    Attributes:
        id: The task.
        terms: What it is watched for; a `Watch` without an id, which thousands may share.
        state: What is known of the task, None before the first useful look.
        looked_at: Its last commit (an unchanged look writes no state), None before the first.
        watch: The terms, under its own id.
    """

    id: str
    terms: Watch
    state: S | None
    looked_at: float | None

    @property
    def watch(self) -> Watch: ...


@frozen
class Claim(Generic[S]):
    """
    Due ids, ours until the lease runs out.

    Attributes:
        stamp: The proof; strictly rises from claim to claim. A commit under a stale stamp is refused, row by row.
        now: The store's clock.
        held: Seconds the gate stays shut (Retry-After, open breaker). Above zero: elapse the rows, ask nothing.
        rows: The ids, earliest due first.
        watched: How many ids are watched in all.
    """

    stamp: int
    now: float
    held: float
    rows: Sequence[ClaimedRow[S]]
    watched: int


@frozen
class Idle:
    """Nothing may be asked now. Come back after *wait* seconds (inf: when something is watched or nudged)."""

    wait: float


@frozen
class Gap:
    """One window of the gateway's budget: a request each *interval* seconds, *burst* at once. One float in the gate."""

    interval: float
    burst: int = 1


class Row(msgspec.Struct, Generic[S], frozen=True, gc=False):
    """
    A claimed id, given back.

    Attributes:
        id: The task.
        next_in: Seconds until it may be looked at again; None takes it out of the due queue.
        state: The new state; None keeps the old one (an unchanged look).
        events: What became known, in order; they enter the log in the same step.
        is_over: With `next_in` None: True after Success and Failure, so that a later watch only replays; False
            after Lost and Expired, so that a later watch looks again.
        was_looked_at: False where no request was made for it, so that `looked_at` stays.
    """

    id: str
    next_in: float | None
    state: S | None = None
    events: tuple[TaskEvent, ...] = ()
    is_over: bool = False
    was_looked_at: bool = True


class Alike(msgspec.Struct, frozen=True, gc=False):
    """
    Claimed ids, given back together: there is nothing to write about them.

    What was looked at and did not change comes back like this, by the hundred.

    Attributes:
        ids: The tasks; None for all that the claim still has, but those that are given back beside it.
        next_in: Seconds until they may be looked at again.
        was_looked_at: As in `Row`.
    """

    ids: Sequence[str] | None
    next_in: float
    was_looked_at: bool = True


@frozen
class Committed:
    """
    How many rows were kept, and which ids were refused: nothing of those was kept, no event of theirs was told.

    Refused is what this claim no longer has: its lease ran out and somebody else claimed it, or it was unwatched
    meanwhile (also if it was watched again). A lease that ran out unnoticed is kept.
    """

    kept: int
    refused: tuple[str, ...] = ()


@frozen
class Counts:
    """How much the store holds: watched ids, ids under way, finished ids, events in the log, the newest offset."""

    watched: int
    leased: int
    finished: int
    logged: int
    offset: int


class EventLog(Protocol):
    """An async iterator over batches of (offset, event), oldest first; offsets rise by one. Ends at `aclose`."""

    def __aiter__(self) -> AsyncIterator[Sequence[tuple[int, Event]]]:
        """Return the iterator."""

    async def __anext__(self) -> Sequence[tuple[int, Event]]:
        """
        Wait for the next batch. A cancelled wait loses nothing.

        Raises:
            OffsetExpired: the log was trimmed past what this reader had read, or never came so far (a memory store
                begins anew at each start).
            RuntimeError: somebody waits on this log already; each reader opens its own.
            StopAsyncIteration: this log was closed, or the store was and nothing is left to read.
        """

    async def aclose(self) -> None:
        """Stop reading."""


class Store(Protocol[S]):
    """
    The due queue, the state of each task, the event log and the notes of one gateway.

    What each costs, however many ids are watched: `watch`, `unwatch`, `discard` and `nudge` O(1) per id that is named;
    `claim` O(1) per row (O(log) in a store that keeps its queue sorted) and nothing for what is not due; `commit` O(1)
    per id, of `Alike` ids a few writes. Only `known` without ids looks at all.
    """

    async def watch(self, wishes: Sequence[Wish]) -> list[Known[S]]:
        """
        Watch ids, or add a wish to watches; return what is known of each, in order.

        A new id is due at once. A finished one (`Row.is_over`) is not watched again: its state is the answer. One
        that was lost, expired, or left by its last reader is due at once, with its old state and tag, deadline anew.

        Raises:
            TooManyWatches: the bound would be passed; nothing was watched.
        """

    async def unwatch(self, ids: Iterable[str]) -> list[str]:
        """Stop watching ids silently, but not those that are kept; return which. Their state stays like a finished one's."""

    async def discard(self, ids: Iterable[str]) -> list[str]:
        """Mark ids as discarded and due now, so that the pump ends them; return which were watched."""

    async def nudge(self, ids: Iterable[str]) -> None:
        """Make ids due now, or right after the flight that holds them. Unwatched ids are ignored."""

    async def claim(
        self,
        limit: int,
        lease: float,
        *,
        ahead: float,
        linger: float,
        gaps: Sequence[Gap],
        pace: float,
        company: float = 0.0,
    ) -> Claim[S] | Idle:
        """
        Pass the gate with up to *limit* due ids, earliest due first.

        Also takes what is due within *ahead* seconds, if something is due; waits for a full batch until the oldest
        has been due for *linger* seconds. Every one of *gaps* must be open; *pace* is the distance to the last
        poll that pacing wants. A due id that was nudged opens it early; one that was never looked at *company* seconds
        after that poll, so that others can ride along, or at once where such ids fill a batch. `limit=0` passes the gate
        for a request that is no poll: a claim without rows. While a hold shuts the gate, due rows are handed out
        with `held` above zero and no gap is spent; with `limit=0` the claim is empty and `held` says how long.
        """

    async def commit(
        self,
        claim: Claim[S],
        rows: Sequence[Row[S] | Alike],
        *,
        hold: float = 0.0,
        told: Sequence[GatewayEvent] = (),
    ) -> Committed:
        """
        Give claimed ids back: states, due times and events in one step, fenced by the claim's stamp.

        *hold* shuts the gate for so many seconds (never opens it earlier); *told* enters the log before the rows'
        events. These get the tag of the watch as it is now: one that was given during the lease counts. A nudge or `discard` that came during the lease makes the id due now, unless the row ends it.
        """

    def events(self, after: int | None = None) -> EventLog:
        """Read the log from after an offset, or from now on. `OffsetExpired` comes from the first `__anext__`."""

    async def recall(self, key: str) -> bytes | None:
        """Return a note, or None."""

    async def note(self, key: str, value: bytes) -> None:
        """
        Keep a note: pacing, governor, hook offsets. A few kB each.

        Raises:
            StoreError: it is too large, or there are too many.
        """

    async def known(
        self, ids: Sequence[str] | None = None, *, tag: str | None = None, limit: int = 1000
    ) -> list[Known[S]]:
        """Return what is known, of *ids* (without those that are not) or of the watched ones. Reads only."""

    async def counts(self) -> Counts:
        """Return how much the store holds."""

    async def aclose(self) -> None:
        """Close the store; its event logs end. From then on all but this raises StoreError."""
