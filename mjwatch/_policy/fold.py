"""Fold: state + what was seen -> state + events. Elapse: state + time -> state + events.

Rule: decides which story is to be told. Poll, batch item and push are the same to it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from mjwatch._policy.state import State, deadline_at, going_on
from mjwatch._policy.step import step
from mjwatch._policy.story import SETTLE_AFTER as SETTLE_AFTER  # noqa: PLC0414 - what pacing knows of it
from mjwatch._policy.story import SETTLE_LOOKS as SETTLE_LOOKS  # noqa: PLC0414
from mjwatch._policy.story import Folded as Folded  # noqa: PLC0414 - what a fold returns
from mjwatch._policy.story import Forecasts, Story
from mjwatch.observations import Finding, Missing, Observation, Unchanged, Watch
from mjwatch.settings import Deadlines


def fold(
    state: State | None,
    finding: Finding,
    watch: Watch,
    now: float,
    *,
    gateway: str,
    eta: Forecasts | None = None,
) -> Folded:
    """
    Return what *finding* makes of *state*.

    Stale, repeated and meaningless findings (`?rand=`, key order, unknown fields) make no event.

    Args:
        state: None before the first look.
        finding: What one look found out about this id.
        watch: What it is watched for; an observation says its id itself, so then it may be the terms alone.
        now: Epoch seconds.
        gateway: Its name, for the events.
        eta: For `Progress.eta`; None tells none.
    """
    if state is not None and isinstance(finding, Observation):
        onwards = step(state, finding, watch, now, gateway, eta)
        if onwards is not None:
            return onwards
    known = going_on(state)
    if known.aside is not None and known.is_over:
        return Folded(known)
    story = Story(known, watch, now, gateway, eta)
    if isinstance(finding, Observation):
        story.see(finding)
    elif isinstance(finding, Unchanged):
        story.notice()
    elif isinstance(finding, Missing):
        story.miss(single=finding.single)
    return story.told()


def soonest_end(watches: Iterable[Watch], deadlines: Deadlines) -> float:
    """Return before which instant time alone ends none of *watches*, whatever their tasks turn out to be."""
    least = min(deadlines.usual, deadlines.slow)
    return min(
        [
            float("-inf")
            if watch.is_discarded
            else (watch.watched_at + least if watch.deadline_at is None else watch.deadline_at)
            for watch in watches
        ],
        default=float("inf"),
    )


def due_at(state: State | None, watch: Watch, deadlines: Deadlines) -> float:
    """Return when time alone makes something of *state*: the watch's deadline, or the end of a settling success."""
    deadline = deadline_at(state, watch, deadlines)
    if state is None or state.settling is None:
        return deadline
    return min(deadline, state.settling.since + SETTLE_AFTER)


def elapse(
    state: State | None,
    watch: Watch,
    now: float,
    *,
    gateway: str,
    deadlines: Deadlines,
    is_looked_at: bool = False,
) -> Folded | None:
    """
    Return what time alone makes of *state*: None while nothing falls due.

    Runs on every claimed row that `soonest_end` or an open confirmation does not rule out, also when the look
    failed, so deadlines fall due while the gateway is down.

    Args:
        state: None before the first look.
        watch: What it is watched for.
        now: Epoch seconds.
        gateway: Its name, for the events.
        deadlines: How long tasks are watched.
        is_looked_at: A look is about to be made. It may bring what a settling success still owes, however late it
            comes, so time does not end that one.
    """
    known = going_on(state)
    if known.is_over:
        return None
    deadline = deadline_at(known, watch, deadlines)
    is_due = watch.is_discarded or now >= deadline
    story = Story(known, watch, now, gateway)
    settling = known.settling
    if settling is not None and (is_due or (now >= settling.since + SETTLE_AFTER and not is_looked_at)):
        story.succeed(settling.task)
        return story.told()
    if is_due:
        story.expire(now if watch.is_discarded else deadline)
        return story.told()
    return None
