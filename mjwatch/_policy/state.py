"""What is kept of a task between looks, and what can be read from it without looking.

Rule: a value and its readers; nothing here changes a state (`fold.py` does) and nothing knows a gateway's words.

A million of these may be kept, so a state is as small as a few tricks make it: what many tasks have in common is one
shared `Phase`, what few have is an `Aside` that most do without, and two instants share one number.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from mjwatch._policy.missing import Misses
from mjwatch.events import (
    ButtonsAvailable,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Success,
    TaskEvent,
)
from mjwatch.observations import Watch
from mjwatch.settings import Deadlines
from mjwatch.tasks import Action, Mode, Status, Task


class Relapse(msgspec.Struct, frozen=True, gc=False):
    """A value behind what we know, seen *looks* times *since* then."""

    looks: int
    since: float


class Settling(msgspec.Struct, frozen=True):
    """A success that still owes something: its *task* as of the last look, first seen at *since*."""

    task: Task
    since: float
    looks: int


class Phase(msgspec.Struct, frozen=True, gc=False):
    """
    How far a task is, in words that it shares with many others. Made by `phase`, which keeps one of each.

    Attributes:
        status, word, rank: The last status, the gateway's word for it, and how far it is.
        percent, note: As last told.
        action, mode: For pacing and for deadlines.
    """

    status: Status = Status.UNKNOWN
    word: str = ""
    rank: int = -1
    percent: int | None = None
    note: str | None = None
    action: Action = Action.UNKNOWN
    mode: Mode = Mode.UNKNOWN


class Aside(msgspec.Struct, frozen=True):
    """
    What only few running tasks have.

    Attributes:
        restarts: How often its story began anew: the task restarted, a window opened, a new watch after Lost or
            Expired.
        has_restarted: Of the last Progress or InputRequired.
        was_answered: A window was shown, and is past.
        buttons, final: The last events of these kinds, for late readers.
        relapse, settling, misses: What is being watched for confirmation.
    """

    restarts: int = 0
    has_restarted: bool = False
    was_answered: bool = False
    buttons: ButtonsAvailable | None = None
    final: Success | Failure | Lost | Expired | None = None
    relapse: Relapse | None = None
    settling: Settling | None = None
    misses: Misses | None = None


class State(msgspec.Struct, frozen=True, gc=False):
    """
    What is kept of a task between looks; the whole Task only where an event of it may be told again.

    Attributes:
        seq: Of the last event, whatever it was.
        told_seq: Of the last Progress or InputRequired, for late readers; 0 is none.
        phase: How far it is.
        preview: As last told.
        begun: When it was submitted and when it began, as one number; `None` where neither is known.
        digest: Of the raw reply behind this state, None where the next look must be decoded.
        changed_at: When it was last seen to change and that was told, None before that.
        aside: What few tasks have, None where this one has nothing of it.
    """

    seq: int = 0
    told_seq: int = 0
    phase: Phase = Phase()
    preview: str | None = None
    begun: complex | None = None
    digest: int | None = None
    changed_at: float | None = None
    aside: Aside | None = None

    @property
    def known_by(self) -> int | None:
        """The digest of a reply that would tell nothing new; None where every reply must be decoded."""
        return self.digest if self.aside is None or self.aside.misses is None else None

    @property
    def status(self) -> Status:
        """The last status."""
        return self.phase.status

    @property
    def percent(self) -> int | None:
        """The highest number of this run."""
        return self.phase.percent

    @property
    def action(self) -> Action:
        """What the task does."""
        return self.phase.action

    @property
    def mode(self) -> Mode:
        """How fast it was paid for."""
        return self.phase.mode

    @property
    def submitted_at(self) -> float | None:
        """When it was submitted, by the gateway's clock."""
        return None if self.begun is None else _known(self.begun.real)

    @property
    def started_at(self) -> float | None:
        """When it began to run, by the gateway's clock."""
        return None if self.begun is None else _known(self.begun.imag)

    @property
    def seen_at(self) -> float | None:
        """When it was last seen to change, told or not; None if it never was seen in this watch."""
        if self.changed_at is not None:
            return self.changed_at
        return None if self.settling is None else self.settling.since

    @property
    def restarts(self) -> int:
        """How often its story began anew."""
        return 0 if self.aside is None else self.aside.restarts

    @property
    def buttons(self) -> ButtonsAvailable | None:
        """The last event of that kind."""
        return None if self.aside is None else self.aside.buttons

    @property
    def final(self) -> Success | Failure | Lost | Expired | None:
        """The end of the watch."""
        return None if self.aside is None else self.aside.final

    @property
    def settling(self) -> Settling | None:
        """A success that still owes something."""
        return None if self.aside is None else self.aside.settling

    @property
    def misses(self) -> Misses | None:
        """How often it was missed in a row."""
        return None if self.aside is None else self.aside.misses

    @property
    def is_over(self) -> bool:
        """True after Success and Failure, the task's own ends: a later watch only replays."""
        return isinstance(self.final, Success | Failure)


_UNKNOWN = float("-inf")

phase = lru_cache(maxsize=4096)(Phase)
"""The one `Phase` with these values. Positional arguments only: keywords would make another one."""


def begun(submitted_at: float | None, started_at: float | None) -> complex | None:
    """Return two instants as one number, which takes 32 bytes where two floats and their places take 80."""
    if submitted_at is None and started_at is None:
        return None
    return complex(
        _UNKNOWN if submitted_at is None else submitted_at, _UNKNOWN if started_at is None else started_at
    )


def _known(instant: float) -> float | None:
    return None if instant == _UNKNOWN else instant


def going_on(state: State | None) -> State:
    """
    Return the state to go on from: after Lost or Expired a new watch begins afresh, `seq` going on.

    Its events are others than those of the watch before, so `restarts`, which stands in their ids, rises.
    """
    if state is None:
        return State()
    if state.final is None or state.is_over:
        return state
    kind = phase(Status.UNKNOWN, "", -1, None, None, state.action, state.mode)
    return State(seq=state.seq, phase=kind, aside=Aside(restarts=state.restarts + 1))


def deadline_at(state: State | None, watch: Watch, deadlines: Deadlines) -> float:
    """Return until when *watch* goes on: as long as the most patient wish, or as the task's kind. Epoch seconds."""
    if watch.deadline_at is not None and not watch.is_by_kind:
        return watch.deadline_at
    known = Phase() if state is None else state.phase
    by_kind = watch.watched_at + deadlines.of(known.action, known.mode)
    return by_kind if watch.deadline_at is None else max(by_kind, watch.deadline_at)


def replay(state: State | None, watch: Watch, *, gateway: str) -> tuple[TaskEvent, ...]:
    """
    Return the present state as events with their original `seq`s, for a reader that comes late.

    A running task: its last progress (or the open window) and buttons. An ended one: buttons and the end, for an
    open window or half a picture is no news then. After Lost and Expired nothing: they ended a watch, not the task.
    """
    if state is None or (state.final is not None and not state.is_over):
        return ()
    events: list[TaskEvent] = [] if state.buttons is None else [state.buttons]
    if state.final is not None:
        return (*events, state.final)
    if state.told_seq and state.changed_at is not None:
        task = partial_task(state, watch.id)
        told = (task, gateway, watch.tag, state.changed_at, state.told_seq, state.restarts, 0)
        if state.status is Status.MODAL:
            events.append(InputRequired(*told))
        else:
            has_restarted = state.aside is not None and state.aside.has_restarted
            events.append(
                Progress(*told, state.percent, state.preview, state.phase.note, None, has_restarted)
            )
    return tuple(sorted(events, key=lambda event: event.seq))


def partial_task(state: State | None, task_id: str) -> Task:
    """Return the Task as far as *state* knows it; `is_partial` says so."""
    known = state or State()
    return Task(
        id=task_id,
        status=known.status,
        status_word=known.phase.word,
        action=known.action,
        mode=known.mode,
        percent=known.percent,
        note=known.phase.note,
        image_url=known.preview,
        buttons=() if known.buttons is None else known.buttons.buttons,
        submitted_at=known.submitted_at,
        started_at=known.started_at,
        is_partial=True,
    )
