"""Fold: state + what was seen -> state + events. Elapse: state + time -> state + events.

Rule: every event of a task is born here, with its `seq`. Poll, batch item and push are the same to it. Pure.
"""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen

from mjwatch._policy import lifecycle, missing
from mjwatch._policy.state import Relapse, Settling, State, deadline_at, going_on, partial_task
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
from mjwatch.observations import Finding, Garbled, Missing, Observation, Unchanged, Watch, still
from mjwatch.settings import Deadlines
from mjwatch.tasks import FailureKind, Status, Task

RESTART_LOOKS = 3
RESTART_AFTER = 30.0
"""A lower value seen in so many looks over so many seconds is a real restart, not a lagging replica."""

SETTLE_LOOKS = 2
SETTLE_AFTER = 5.0
"""How long a success may stay without what it owes: so many more looks, so many seconds."""


@frozen
class Folded:
    """The new state, and what became known, in order."""

    state: State
    events: tuple[TaskEvent, ...] = ()


def fold(state: State | None, finding: Finding, watch: Watch, now: float, *, gateway: str) -> Folded:
    """
    Return what *finding* makes of *state*.

    Stale, repeated and meaningless findings (`?rand=`, key order, unknown fields) make no event.

    Args:
        state: None before the first look.
        finding: What one look found out about this id.
        watch: What it is watched for.
        now: Epoch seconds.
        gateway: Its name, for the events.
    """
    known = going_on(state)
    if known.is_over:
        return Folded(known)
    match finding:
        case Garbled():
            return Folded(known)
        case Unchanged():
            return Folded(known if known.misses is None else evolve(known, misses=None))
        case Missing(single=single):
            return _fold_missing(known, watch, now, gateway, single=single)
        case _:
            story = _Story(evolve(known, misses=None, seen_at=now), watch, now, gateway)
            story.see(finding)
            return story.told()


def elapse(
    state: State | None, watch: Watch, now: float, *, gateway: str, deadlines: Deadlines
) -> Folded | None:
    """
    Return what time alone makes of *state*: None while nothing falls due.

    Runs on every claimed row, also when the look failed, so deadlines fall due while the gateway is down.
    """
    known = going_on(state)
    if known.is_over:
        return None
    deadline = deadline_at(known, watch, deadlines)
    is_due = watch.is_discarded or now >= deadline
    story = _Story(known, watch, now, gateway)
    if known.settling is not None and (is_due or now >= known.settling.since + SETTLE_AFTER):
        story.succeed(known.settling.task)
        return story.told()
    if is_due:
        story.expire(now if watch.is_discarded else deadline)
        return story.told()
    return None


def _fold_missing(known: State, watch: Watch, now: float, gateway: str, *, single: bool) -> Folded:
    misses = missing.counted(known.misses, now, single=single)
    was_seen = known.seen_at is not None
    story = _Story(evolve(known, misses=misses), watch, now, gateway)
    if missing.is_lost(misses, was_seen=was_seen, watched_at=watch.watched_at, now=now):
        if known.settling is not None:
            story.succeed(known.settling.task)
        else:
            story.lose("the gateway no longer knows it" if was_seen else "the gateway does not know it")
    return story.told()


class _Story:
    """One fold under way: a state that changes, and the events told so far. Lives within one call."""

    def __init__(self, state: State, watch: Watch, now: float, gateway: str) -> None:
        self._state = state
        self._watch = watch
        self._now = now
        self._gateway = gateway
        self._events: list[TaskEvent] = []

    def told(self) -> Folded:
        return Folded(self._state, tuple(self._events))

    def see(self, seen: Observation) -> None:
        """Take in an observation: a numbered list of cases, the first that fits."""
        state, task = self._state, seen.task
        # 1. A success that owed something: the next look may bring it. The first end seen stands.
        if state.settling is not None:
            self._settle(seen, state.settling)
        # 2. An end.
        elif task.status is Status.SUCCESS and lifecycle.still_owes(seen):
            # Nothing is told yet, so what was told stands for late readers.
            settling = Settling(task, self._now, looks=0)
            self._state = evolve(state, settling=settling, relapse=None, digest=None)
        elif task.status is Status.SUCCESS:
            self.succeed(task)
        elif task.status.is_final:
            self._fail(task)
        # 3. Older than what we know, unless it stays so.
        elif self._is_behind(task):
            self._relapse(task)
        # 4. Onwards.
        else:
            self._advance(task, seen.digest)

    def succeed(self, task: Task) -> None:
        self._show_buttons(task)
        head = self._head(task)
        self._end(task, Success(*head, task.images, task.videos, task.text))

    def lose(self, reason: str) -> None:
        task = partial_task(self._state, self._watch.id)
        self._end(task, Lost(*self._head(task), reason))

    def expire(self, deadline: float) -> None:
        task = partial_task(self._state, self._watch.id)
        reason: Literal["deadline", "discarded"] = "discarded" if self._watch.is_discarded else "deadline"
        self._end(task, Expired(*self._head(task), deadline, reason))

    def _fail(self, task: Task) -> None:
        kind = task.fail_kind or FailureKind.UNKNOWN
        reason = task.fail_reason or task.description
        self._end(task, Failure(*self._head(task), reason, kind, kind.is_retryable))

    def _settle(self, seen: Observation, settling: Settling) -> None:
        looks = settling.looks + 1
        is_success = seen.task.status is Status.SUCCESS
        task = lifecycle.fuller(settling.task, seen.task) if is_success else settling.task
        is_whole = is_success and not lifecycle.still_owes(seen)
        if is_whole or looks >= SETTLE_LOOKS or self._now >= settling.since + SETTLE_AFTER:
            self.succeed(task)
        else:
            self._state = evolve(self._state, settling=Settling(task, settling.since, looks))

    def _is_behind(self, task: Task) -> bool:
        state = self._state
        return lifecycle.is_behind(
            task, status_rank=state.rank, percent=state.percent, was_answered=state.was_answered
        )

    def _relapse(self, task: Task) -> None:
        before = self._state.relapse or Relapse(0, self._now)
        relapse = Relapse(before.looks + 1, before.since)
        if relapse.looks < RESTART_LOOKS or self._now < relapse.since + RESTART_AFTER:
            # No digest: an equal reply must be decoded and counted, too.
            self._state = evolve(self._state, relapse=relapse, digest=None)
            return
        self._state = evolve(
            self._state,
            restarts=self._state.restarts + 1,
            rank=-1,
            percent=None,
            # A window left open by the run before may stay visible for ever (`protocol.md` 4.5).
            was_answered=self._state.was_answered and task.status is not Status.MODAL,
            relapse=None,
        )
        self._advance(task, None, restarted=True)

    def _advance(self, task: Task, digest: int | None, *, restarted: bool = False) -> None:
        state = self._state
        percent = task.percent if restarted else _higher(state.percent, task.percent)
        shown = (task.status_word, percent, still(task.image_url), task.note)
        is_news = restarted or state.told_seq == 0 or shown != self._shown()
        was_answered = state.was_answered or (
            state.status is Status.MODAL and task.status is not Status.MODAL
        )
        changed_at = self._now if is_news else state.changed_at
        self._keep(task, digest)
        self._state = evolve(self._state, was_answered=was_answered, changed_at=changed_at)
        if is_news and task.status is not Status.MODAL:
            # A run that began with a window shows its first number, which may be lower, only now.
            restarted = restarted or (state.status is Status.MODAL and state.has_restarted)
            more = (percent, task.image_url, task.note, None, restarted)
            self._tell(Progress(*self._head(task), *more), restarted=restarted)
        elif is_news and (restarted or state.status is not Status.MODAL):
            if state.told_seq and not restarted:
                # A window begins the task anew, so what follows it has ids of its own.
                self._state = evolve(self._state, restarts=self._state.restarts + 1)
            self._tell(InputRequired(*self._head(task)), restarted=restarted)
        self._show_buttons(task)

    def _shown(self) -> tuple[str, int | None, str | None, str | None]:
        state = self._state
        return state.word, state.percent, still(state.preview), state.note

    def _keep(self, task: Task, digest: int | None) -> None:
        """Make the state say what *task* says."""
        state = self._state
        self._state = evolve(
            state,
            status=task.status,
            word=task.status_word,
            rank=lifecycle.rank(task.status, max(state.rank, 0)),
            percent=_higher(state.percent, task.percent),
            preview=task.image_url,
            note=task.note,
            action=task.action,
            mode=task.mode,
            submitted_at=task.submitted_at,
            started_at=task.started_at,
            digest=digest,
            changed_at=self._now,
            relapse=None,
        )

    def _head(self, task: Task) -> tuple[Task, str, str | None, float, int, int, int]:
        """Return what the next event of the task begins with, its `seq` included."""
        state = self._state
        return task, self._gateway, self._watch.tag, self._now, state.seq + 1, state.restarts, 0

    def _tell(self, event: Progress | InputRequired, *, restarted: bool) -> None:
        self._events.append(event)
        self._state = evolve(
            self._state, seq=event.seq, told_seq=event.seq, told_at=event.at, has_restarted=restarted
        )

    def _show_buttons(self, task: Task) -> None:
        before = self._state.buttons
        if task.buttons and (before is None or before.buttons != task.buttons):
            event = ButtonsAvailable(*self._head(task), task.buttons)
            self._events.append(event)
            self._state = evolve(self._state, seq=event.seq, buttons=event)

    def _end(self, task: Task, event: Success | Failure | Lost | Expired) -> None:
        self._events.append(event)
        if not task.is_partial:
            self._keep(task, None)
        # No digest: a new watch must decode what it sees first, also if it is the reply of the last look.
        self._state = evolve(self._state, seq=event.seq, final=event, settling=None, misses=None, digest=None)


def _higher(one: int | None, other: int | None) -> int | None:
    """Return the higher number: percent never falls within a run."""
    return max((number for number in (one, other) if number is not None), default=None)
