"""A1: what a reader is told. H1 to H7, H9 to H11."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import mjwatch
from mjwatch import Expired, Failure, Lost, Progress, Success, TaskEvent
from mjwatch.events import Final
from mjwatch.testing import Family
from tests.simulation.history import Got, History, Session, Truth
from tests.simulation.promises import promise

_CONFIRMED = 45.0
"""How far apart the looks that find a loss may lie, seconds: two single ones, at most `max_interval` and a flight."""


_GRACE = 60.0
"""How long an id may be unknown: relays write it down late, people paste it early."""
_HAIR = 1e-4
"""What an epoch in seconds cannot tell apart."""


def _streams(history: History) -> Iterator[Session]:
    return (session for session in history.sessions if not session.is_hook)


def _name(session: Session, task_id: str) -> str:
    return f"{session.gateway}/{session.reader} ({session.temper}, life {session.life}) of {task_id}"


@promise("H1")
def one_final(history: History) -> Iterator[str]:
    """Every watch ends with exactly one final event; a stream that ended by itself has one for each task."""
    for session in history.sessions:
        if session.outcomes or session.ended in {"crashed", "refused"}:
            continue
        for task_id in session.ids:
            ends = sum(got.event.final for got in session.of(task_id))
            if session.is_hook:
                if (
                    session.stays
                    and session.ended == "end"
                    and not ends
                    and _was_added(history, session, task_id)
                ):
                    yield f"{_name(session, task_id)}: no end"
            elif ends > 1 or (ends == 0 and session.ended in {"end", "open"}):
                yield f"{_name(session, task_id)}: {ends} ends, {session.ended}"


def _was_added(history: History, session: Session, task_id: str) -> bool:
    """Return True if the program lived long enough in that life to add the task for its hooks."""
    begins = [
        reader.begins_at for reader in history.plan_of(session.gateway).readers if task_id in reader.ids
    ]
    return bool(begins) and history.begun_at + min(begins) < session.ended_at - 60.0


@promise("H2")
def nothing_after_the_end(history: History) -> Iterator[str]:
    """The final event is the last of its task."""
    for session in _streams(history):
        for task_id in session.ids:
            for before, after in pairwise(session.of(task_id)):
                if before.event.final:
                    yield f"{_name(session, task_id)}: {after.event.kind} after {before.event.kind}"


@promise("H3")
def seq_counts(history: History) -> Iterator[str]:
    """`seq` is that of the last event this reader got, plus one, plus `skipped`."""
    for session in _streams(history):
        for task_id in session.ids:
            last = 0
            for got in session.of(task_id):
                event = got.event
                assert isinstance(event, TaskEvent)
                if event.seq != last + 1 + event.skipped:
                    yield f"{_name(session, task_id)}: seq {event.seq} with {event.skipped} skipped after {last}"
                last = event.seq


@promise("H4")
def percent_rises(history: History) -> Iterator[str]:
    """The percent never falls, unless the task was really begun anew, and then it says so."""
    for session in history.sessions:
        for task_id in session.ids:
            truth = history.truths[session.gateway, task_id]
            best, restarts = -1, 0
            for got in session.of(task_id):
                event = got.event
                if isinstance(event, Final):
                    break  # whoever watches again begins again
                if not isinstance(event, Progress):
                    continue
                if event.restarted:
                    best = -1
                    restarts = max(restarts, event.restarts)
                if (event.percent or 0) < best:
                    yield f"{_name(session, task_id)}: {event.percent} % after {best} %"
                best = max(best, event.percent or 0)
                if event.restarted and not truth.restarts and not truth.answers:
                    yield f"{_name(session, task_id)}: told of a restart that never was"


@promise("H5")
def nothing_is_invented(history: History) -> Iterator[str]:
    """Every value that is told was true by then."""
    for session in history.sessions:
        for task_id in session.ids:
            truth = history.truths[session.gateway, task_id]
            for got in session.of(task_id):
                wrong = _invented(got, truth, history.told_at(session, got) + _HAIR)
                if wrong:
                    yield f"{_name(session, task_id)} at {got.at:.3f}: {wrong}"


def _invented(got: Got, truth: Truth, at: float) -> str:
    facts = truth.known_by(at)
    statuses = {fact.status for fact in facts}
    pictures = {fact.image for fact in facts}
    match got.event:
        case Progress(percent=percent, preview=preview, task=task):
            if percent is not None and percent not in {0, *(fact.percent for fact in facts)}:
                return f"{percent} %"
            if str(task.status) not in {"UNKNOWN", *statuses}:
                return f"status {task.status}"
            name = None if preview is None else preview.partition("?")[0].rpartition("/")[2]
            if name not in {None, truth.id, *pictures} or (
                preview is not None and f"/{truth.id}" not in preview
            ):
                return f"preview {preview}"
        case mjwatch.ButtonsAvailable() if not any(fact.has_buttons for fact in facts):
            return "buttons"
        case mjwatch.InputRequired() if "MODAL" not in statuses:
            return "a window"
    return ""


@promise("H6")
def the_end_is_true(history: History) -> Iterator[str]:
    """The final event is of the kind that was true; a loss was a loss, and no deadline passes early."""
    for session in history.sessions:
        for task_id in session.ids:
            truth = history.truths[session.gateway, task_id]
            for got in session.of(task_id):
                wrong = _misjudged(history, session, got, truth)
                if wrong:
                    yield f"{_name(session, task_id)} at {got.at:.3f}: {wrong}"
            outcome = session.outcomes.get(task_id)
            allowed = {"success": {"SUCCESS"}, "failure": {"FAILURE", "CANCEL"}}.get(outcome or "")
            if allowed and not allowed & {fact.status for fact in truth.facts}:
                yield f"{_name(session, task_id)}: waited for a {outcome} that never was"


def _misjudged(history: History, session: Session, got: Got, truth: Truth) -> str:
    told_at = history.told_at(session, got)
    statuses = {fact.status for fact in truth.known_by(told_at + _HAIR)}
    match got.event:
        case Success() if "SUCCESS" not in statuses:
            return "a success that never was"
        case Failure() if not statuses & {"FAILURE", "CANCEL"}:
            return "a failure that never was"
        case Lost() if not _was_away(truth, told_at):
            return f"lost, and was there: {truth.absences}"
        case Lost() if told_at + _HAIR < _watched_at(history, session, truth.id) + _GRACE:
            return "lost within the minute after somebody began to watch it"
        case Expired(reason="discarded") if (session.gateway, truth.id) not in history.discards:
            return "discarded by nobody"
        case Expired(reason="deadline", deadline=deadline, at=at) if at < deadline:
            return f"expired {deadline - at:.3f} s before its deadline"
        case Expired(reason="deadline") if told_at + _HAIR < _soonest_deadline(history, session, truth.id):
            return "expired before any deadline that anybody asked for"
    return ""


def _was_away(truth: Truth, at: float) -> bool:
    """Return True if the gateway did not know the id for a while before *at*."""
    return any(begun < at and ended > at - _CONFIRMED - 30.0 for begun, ended in truth.absences)


def _watched_at(history: History, session: Session, task_id: str) -> float:
    """Return when the first watch of this life began."""
    return min(
        other.begun_at
        for other in history.sessions
        if other.gateway == session.gateway and other.life == session.life and task_id in other.ids
    )


def _soonest_deadline(history: History, session: Session, task_id: str) -> float:
    """Return the earliest deadline that any watch of this life could have had."""
    plan = history.plan_of(session.gateway)
    watches = [
        (other.begun_at, other.deadline)
        for other in history.sessions
        if other.gateway == session.gateway and other.life == session.life and task_id in other.ids
    ]
    return min(begun + min(plan.usual, plan.slow, deadline or plan.usual) for begun, deadline in watches)


@promise("H7")
def one_cause_one_event(history: History) -> Iterator[str]:
    """No event comes twice to one reader, and nobody is told more steps than there were."""
    for session in history.sessions:
        for task_id in session.ids:
            events = session.of(task_id)
            truth = history.truths[session.gateway, task_id]
            is_blurred = _is_blurred(history, session, truth)
            if not session.is_hook and not is_blurred:
                twice = [name for name, times in Counter(got.event.id for got in events).items() if times > 1]
                if twice:
                    yield f"{_name(session, task_id)}: {len(twice)} events came twice"
            ends = sum(got.event.final for got in events)
            steps = sum(isinstance(got.event, Progress) for got in events)
            if not is_blurred and steps > (len(truth.facts) + 1) * (1 + max(ends - 1, 0)):
                yield f"{_name(session, task_id)}: {steps} steps of {len(truth.facts)}"


def _is_blurred(history: History, session: Session, truth: Truth) -> bool:
    """
    Return True where nothing that a gateway shows tells which of two rows is older: see `test_known.py`.

    Family E shows no number; and a replica that lags may show another picture with the same number, or the row before
    a window, which looks like the row behind it.
    """
    plan = history.plan_of(session.gateway)
    if plan.family is Family.ENVELOPED:
        return bool(truth.restarts or truth.answers)
    pictures: dict[tuple[str | None, int | None], set[str | None]] = {}
    for fact in truth.facts:
        pictures.setdefault((fact.status, fact.percent), set()).add(fact.image)
    is_doubtful = any(len(images) > 1 for images in pictures.values())
    return max(plan.replicas) > 0 and (is_doubtful or any(fact.status == "MODAL" for fact in truth.facts))


@promise("H9")
def only_what_was_asked_for(history: History) -> Iterator[str]:
    """Nobody gets an event of a task that it did not ask for."""
    for session in history.sessions:
        strange = {event.task_id for _, event in session.task_events} - set(session.ids)
        if strange:
            yield f"{_name(session, str(sorted(strange)))}: never asked for"


@promise("H10")
def events_do_not_change(history: History) -> Iterator[str]:
    """An event is the same at the end of the run as when it was told."""
    yield from history.changed


@promise("H11")
def ids_name_values(history: History) -> Iterator[str]:
    """An event's id stands for one state change of one task, in every reader and every life, and has no other name."""
    names: dict[str, tuple[object, ...]] = {}
    values: dict[tuple[object, ...], str] = {}
    for session in history.sessions:
        for _, event in session.task_events:
            value = (session.gateway, event.task_id, event.kind, event.restarts, *event._value())
            known = names.setdefault(event.id, value)
            if known != value:
                yield f"{event.id}: {known} and {value}"
            name = values.setdefault(value, event.id)
            if name != event.id:
                yield f"{value}: {name} and {event.id}"
