"""One fold from within: a state taken apart, changed by what was seen, and put together again.

Rule: every event of a task is born here, with its `seq`. When a story begins, and with what, is `fold.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

from mjwatch._policy import lifecycle, missing
from mjwatch._policy.state import (
    Aside,
    Phase,
    Relapse,
    Settling,
    State,
    begun,
    partial_task,
    phase,
)
from mjwatch.events import (
    ButtonsAvailable,
    Eta,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Success,
    TaskEvent,
)
from mjwatch.observations import Observation, Watch, still
from mjwatch.tasks import FailureKind, Status, Task

RESTART_LOOKS = 3
RESTART_AFTER = 30.0
"""A lower value seen in so many looks over so many seconds is a real restart, not a lagging replica."""

_ACKNOWLEDGED = frozenset({"提交成功", "Submit success"})
"""What most families keep in `description` for good: the answer to the submit (protocol.md 4.2). It is no reason."""
SETTLE_LOOKS = 2
SETTLE_AFTER = 5.0
"""How long a success may stay without what it owes: so many more looks, so many seconds."""

_PLAIN = Aside()


class Folded(msgspec.Struct, frozen=True, gc=False):
    """The new state (the very same object where nothing changed), and what became known, in order."""

    state: State
    events: tuple[TaskEvent, ...] = ()


Forecasts = Callable[[State], Eta | None]
"""How long a task in this state may still take, None where there is nothing to say."""


class Story:
    """
    One fold under way: a state taken apart, and the events told so far. Lives within one call.

    A state is put together once, at the end: a copy for each change would cost more than all the rest.
    """

    __slots__ = (
        "_aside",
        "_begun",
        "_changed_at",
        "_digest",
        "_eta",
        "_events",
        "_gateway",
        "_now",
        "_phase",
        "_preview",
        "_seq",
        "_state",
        "_told_seq",
        "_watch",
    )

    def __init__(
        self, state: State, watch: Watch, now: float, gateway: str, eta: Forecasts | None = None
    ) -> None:
        self._eta = eta
        self._state = state
        self._watch = watch
        self._now = now
        self._gateway = gateway
        self._events: list[TaskEvent] = []
        self._seq = state.seq
        self._told_seq = state.told_seq
        self._phase = state.phase
        self._preview = state.preview
        self._begun = state.begun
        self._digest = state.digest
        self._changed_at = state.changed_at
        self._aside = state.aside or _PLAIN

    def told(self) -> Folded:
        state = State(
            self._seq,
            self._told_seq,
            self._phase,
            self._preview,
            self._begun,
            self._digest,
            self._changed_at,
            None if self._aside is _PLAIN or self._aside == _PLAIN else self._aside,
        )
        return Folded(self._state if state == self._state else state, tuple(self._events))

    def notice(self) -> None:
        """Take in that the gateway still shows it."""
        if self._aside.misses is not None:
            self._aside = replace(self._aside, misses=None)

    def miss(self, *, single: bool) -> None:
        """Take in that the gateway does not show it."""
        misses = missing.counted(self._aside.misses, self._now, single=single)
        self._aside = replace(self._aside, misses=misses)
        was_seen = self._state.seen_at is not None
        if missing.is_lost(misses, was_seen=was_seen, watched_at=self._watch.watched_at, now=self._now):
            if self._aside.settling is not None:
                self.succeed(self._aside.settling.task)
            else:
                self._lose("the gateway no longer knows it" if was_seen else "the gateway does not know it")

    def see(self, seen: Observation) -> None:
        """Take in an observation: a numbered list of cases, the first that fits."""
        self.notice()
        task = seen.task
        # 1. A success that owed something: the next look may bring it. The first end seen stands.
        if self._aside.settling is not None:
            self._settle(seen, self._aside.settling)
        # 2. An end.
        elif task.status is Status.SUCCESS and lifecycle.still_owes(seen):
            # Nothing is told yet, so what was told stands for late readers.
            self._aside = replace(self._aside, settling=Settling(task, self._now, 0))
            self._digest = None
        elif task.status is Status.SUCCESS:
            self.succeed(task)
        elif task.status.is_final:
            self._fail(task)
        # 3. Older than what we know, unless it stays so.
        elif lifecycle.is_behind(
            task,
            status_rank=self._phase.rank,
            percent=self._phase.percent,
            was_answered=self._aside.was_answered,
        ):
            self._relapse(task)
        # 4. Onwards.
        else:
            self._advance(task, seen.digest)

    def succeed(self, task: Task) -> None:
        self._show_buttons(task)
        head = self._head(task)
        self._end(task, Success(*head, task.images, task.videos, task.text))

    def expire(self, deadline: float) -> None:
        task = partial_task(self._state, self._watch.id)
        reason: Literal["deadline", "discarded"] = "discarded" if self._watch.is_discarded else "deadline"
        self._end(task, Expired(*self._head(task), deadline, reason))

    def _lose(self, reason: str) -> None:
        task = partial_task(self._state, self._watch.id)
        self._end(task, Lost(*self._head(task), reason))

    def _fail(self, task: Task) -> None:
        kind = task.fail_kind or FailureKind.UNKNOWN
        said = None if task.description in _ACKNOWLEDGED else task.description
        reason = task.fail_reason or said
        self._end(task, Failure(*self._head(task), reason, kind, kind.is_retryable))

    def _settle(self, seen: Observation, settling: Settling) -> None:
        looks = settling.looks + 1
        is_success = seen.task.status is Status.SUCCESS
        task = lifecycle.fuller(settling.task, seen.task) if is_success else settling.task
        is_whole = is_success and not lifecycle.still_owes(seen)
        if is_whole or looks >= SETTLE_LOOKS or self._now >= settling.since + SETTLE_AFTER:
            self.succeed(task)
        else:
            self._aside = replace(self._aside, settling=Settling(task, settling.since, looks))

    def _relapse(self, task: Task) -> None:
        before = self._aside.relapse or Relapse(0, self._now)
        relapse = Relapse(before.looks + 1, before.since)
        if relapse.looks < RESTART_LOOKS or self._now < relapse.since + RESTART_AFTER:
            # No digest: an equal reply must be decoded and counted, too.
            self._aside = replace(self._aside, relapse=relapse)
            self._digest = None
            return
        self._aside = replace(
            self._aside,
            restarts=self._aside.restarts + 1,
            # A window left open by the run before may stay visible for ever (`protocol.md` 4.5).
            was_answered=self._aside.was_answered and task.status is not Status.MODAL,
        )
        self._phase = replace(self._phase, rank=-1, percent=None)
        self._advance(task, None, restarted=True)

    def _advance(self, task: Task, digest: int | None, *, restarted: bool = False) -> None:
        before, aside = self._phase, self._aside
        percent = _higher(before.percent, task.percent)
        has_news = restarted or self._told_seq == 0 or is_news(before, self._preview, task, percent)
        was_window = before.status is Status.MODAL
        self._keep(task, digest)
        if was_window and task.status is not Status.MODAL and not aside.was_answered:
            self._aside = replace(self._aside, was_answered=True)
        if has_news and task.status is not Status.MODAL:
            # A run that began with a window shows its first number, which may be lower, only now.
            restarted = restarted or (was_window and aside.has_restarted)
            more = (percent, task.image_url, task.note, self._forecast(), restarted)
            self._tell(Progress(*self._head(task), *more), restarted=restarted)
        elif has_news and not was_window:
            if self._told_seq and not restarted:
                # A window begins the task anew, so what follows it has ids of its own.
                self._aside = replace(self._aside, restarts=aside.restarts + 1)
            self._tell(InputRequired(*self._head(task)), restarted=restarted)
        self._show_buttons(task)

    def _forecast(self) -> Eta | None:
        """Return how long the task may still take, as of what was just kept of it."""
        self._changed_at = self._now
        return None if self._eta is None else self._eta(self.told().state)

    def _keep(self, task: Task, digest: int | None) -> None:
        """Make the state say what *task* says."""
        before = self._phase
        parts = (
            task.status,
            task.status_word,
            lifecycle.rank(task.status, before.rank),
            _higher(before.percent, task.percent),
            task.note,
            task.action,
            task.mode,
        )
        if Phase(*parts) != before:  # mostly it is the same, and finding the shared one hashes seven values
            self._phase = phase(*parts)
        self._preview = task.image_url
        self._begun = begun(task.submitted_at, task.started_at)
        self._digest = digest
        if self._aside.relapse is not None:
            self._aside = replace(self._aside, relapse=None)

    def _head(self, task: Task) -> tuple[Task, str, str | None, float, int, int, int]:
        """Return what the next event of the task begins with, its `seq` included."""
        return task, self._gateway, self._watch.tag, self._now, self._seq + 1, self._aside.restarts, 0

    def _tell(self, event: Progress | InputRequired, *, restarted: bool) -> None:
        self._events.append(event)
        self._seq = self._told_seq = event.seq
        self._changed_at = self._now
        if restarted is not self._aside.has_restarted:
            self._aside = replace(self._aside, has_restarted=restarted)

    def _show_buttons(self, task: Task) -> None:
        before = self._aside.buttons
        if task.buttons and (before is None or before.buttons != task.buttons):
            event = ButtonsAvailable(*self._head(task), task.buttons)
            self._events.append(event)
            self._seq = event.seq
            self._aside = replace(self._aside, buttons=event)

    def _end(self, task: Task, event: Success | Failure | Lost | Expired) -> None:
        self._events.append(event)
        self._seq = event.seq
        if not task.is_partial:
            self._keep(task, None)
            self._changed_at = self._now
        # No digest: a new watch must decode what it sees first, also if it is the reply of the last look.
        self._digest = None
        self._aside = replace(self._aside, final=event, settling=None, misses=None)


def is_news(before: Phase, preview: str | None, task: Task, percent: int | None) -> bool:
    """Return True where *task* shows what was not told yet: a word, a number, a note, another picture."""
    return (
        percent != before.percent
        or task.status_word != before.word
        or task.note != before.note
        or (task.image_url != preview and still(task.image_url) != still(preview))
    )


def _higher(one: int | None, other: int | None) -> int | None:
    """Return the higher number: percent never falls within a run."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
