"""What is kept of a task between looks, and what can be read from it without looking.

Rule: a value and its readers; nothing here changes a state (`fold.py` does) and nothing knows a gateway's words.
"""

from __future__ import annotations

from attrs import frozen

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


@frozen
class Relapse:
    """A value behind what we know, seen *looks* times *since* then."""

    looks: int
    since: float


@frozen
class Settling:
    """A success that still owes something: its *task* as of the last look, first seen at *since*."""

    task: Task
    since: float
    looks: int


@frozen
class State:
    """
    What is kept of a task between looks; the whole Task only where an event of it may be told again.

    Attributes:
        seq: Of the last event, whatever it was.
        restarts: How often its story began anew: the task restarted, a window opened, a new watch after Lost or
            Expired.
        status, word, rank: The last status, the gateway's word for it, and how far it is.
        percent, preview, note: As last told.
        action, mode, submitted_at, started_at: For pacing and for deadlines.
        digest: Of the raw reply behind this state, None where the next look must be decoded.
        seen_at: When it was last seen at all, None if it never was in this watch.
        changed_at: When it was last seen to change.
        told_seq, told_at, has_restarted: Of the last Progress or InputRequired, for late readers; 0 is none.
        was_answered: A window was shown, and is past.
        buttons, final: The last events of these kinds, for late readers.
        relapse, settling, misses: What is being watched for confirmation.
    """

    seq: int = 0
    restarts: int = 0
    status: Status = Status.UNKNOWN
    word: str = ""
    rank: int = -1
    percent: int | None = None
    preview: str | None = None
    note: str | None = None
    action: Action = Action.UNKNOWN
    mode: Mode = Mode.UNKNOWN
    submitted_at: float | None = None
    started_at: float | None = None
    digest: int | None = None
    seen_at: float | None = None
    changed_at: float | None = None
    told_seq: int = 0
    told_at: float = 0.0
    has_restarted: bool = False
    was_answered: bool = False
    buttons: ButtonsAvailable | None = None
    final: Success | Failure | Lost | Expired | None = None
    relapse: Relapse | None = None
    settling: Settling | None = None
    misses: Misses | None = None

    @property
    def is_over(self) -> bool:
        """True after Success and Failure, the task's own ends: a later watch only replays."""
        return isinstance(self.final, Success | Failure)


def going_on(state: State | None) -> State:
    """
    Return the state to go on from: after Lost or Expired a new watch begins afresh, `seq` going on.

    Its events are others than those of the watch before, so `restarts`, which stands in their ids, rises.
    """
    if state is None:
        return State()
    if state.final is None or state.is_over:
        return state
    return State(seq=state.seq, restarts=state.restarts + 1, action=state.action, mode=state.mode)


def deadline_at(state: State | None, watch: Watch, deadlines: Deadlines) -> float:
    """Return until when *watch* goes on: as long as the most patient wish, or as the task's kind. Epoch seconds."""
    if watch.deadline_at is not None and not watch.is_by_kind:
        return watch.deadline_at
    known = state or State()
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
    if state.told_seq:
        task = partial_task(state, watch.id)
        told = (task, gateway, watch.tag, state.told_at, state.told_seq, state.restarts, 0)
        if state.status is Status.MODAL:
            events.append(InputRequired(*told))
        else:
            more = (state.percent, state.preview, state.note, None, state.has_restarted)
            events.append(Progress(*told, *more))
    return tuple(sorted(events, key=lambda event: event.seq))


def partial_task(state: State | None, task_id: str) -> Task:
    """Return the Task as far as *state* knows it; `is_partial` says so."""
    known = state or State()
    return Task(
        id=task_id,
        status=known.status,
        status_word=known.word,
        action=known.action,
        mode=known.mode,
        percent=known.percent,
        note=known.note,
        image_url=known.preview,
        buttons=() if known.buttons is None else known.buttons.buttons,
        submitted_at=known.submitted_at,
        started_at=known.started_at,
        is_partial=True,
    )
