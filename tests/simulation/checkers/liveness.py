"""A2: when a reader is told. V1 to V7."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf

from mjwatch import Expired
from tests.simulation.checkers.politeness import holds
from tests.simulation.history import History, Session, Truth
from tests.simulation.promises import promise

WITHIN = 120.0
"""V5: how soon after everything healed, seconds."""
_FLIGHT = 25.0
"""The longest a look takes, and time to commit, seconds."""
_LOOKS = 65.0
"""The longest interval between two looks, and a flight."""
_SLOWEST = 5.0
"""Seconds between two requests where the budget is at its smallest."""
_ALONE = {"401", "403", "301", "302", "307", "308", "GatewayDenied", "GatewayRefused"}
_MOST_ALONE = 610.0
"""Who has to be mended is asked once in ten minutes at last."""


@promise("V5")
def told_after_healing(history: History) -> Iterator[str]:
    """When all has healed, every end that the gateway shows is told within 120 s."""
    for session in history.sessions:
        if session.ended in {"crashed", "refused", "closed"} or not session.stays or session.is_hook:
            continue
        if session.outcomes or session.temper == "waiting":
            continue  # it asks for one after the other
        for task_id in session.ids:
            due = due_at(history, session, history.truths[session.gateway, task_id])
            got = [one for one in session.of(task_id) if one.event.final]
            late = (got[0].at if got else inf) - due
            if due < inf and late > 0:
                yield (
                    f"{session.gateway}/{session.reader} ({session.temper}): the end of {task_id} was due at "
                    f"{due:.1f} and came at {due + late:.1f}"
                )


def due_at(history: History, session: Session, truth: Truth) -> float:
    """Return when the end of a task must have been told to a reader, infinity where that cannot be said."""
    plan = history.plan_of(session.gateway)
    begun_at = session.begun_at
    if session.temper in {"stuck", "slow"}:
        begun_at += history.plan.ends_by  # it reads when it likes: H1 and Q1 judge it
        return inf
    shown_at = truth.shown_at
    if shown_at is None or truth.kind == "unknown":
        return inf  # V7
    windows = 40.0 * len(truth.answers)  # a relay's single route shows the older row meanwhile
    shown_at += max(plan.replicas) + windows
    ready = max(history.healed_at, history.awake_at, shown_at, begun_at, truth.born_at)
    ready = max([
        ready,
        # what a reply asks for that was under way when all healed, too
        *(
            until
            for since, until in holds(history, session.gateway, session.life)
            if since <= ready + _FLIGHT
        ),
    ])
    ready = max(ready, alone_until(history, session.gateway, session.life, ready))
    return ready + WITHIN + plan.latency[1]


def alone_until(history: History, gateway: str, life: int, at: float) -> float:
    """Return until when a gateway is left alone at most that was refusing us at *at*."""
    until = at
    before = [sent for sent in history.sent_by(gateway, life) if sent.ended_at <= at]
    for sent in sorted(before, key=lambda sent: sent.ended_at):
        is_page = sent.outcome == "200" and sent.marks.startswith("<!DOCTYPE")
        if sent.outcome in _ALONE or is_page:
            until = max(at, sent.ended_at + _MOST_ALONE)
        elif sent.outcome in {"200", "204"}:
            until = at
    return until


@promise("V6")
def no_deadlock(history: History) -> Iterator[str]:
    """The loop never runs dry while something is waited for, and never runs in circles."""
    if history.error:
        yield history.error


@promise("V7")
def nothing_waits_for_ever(history: History) -> Iterator[str]:
    """Every watch has ended by its deadline and the longest interval."""
    for session in history.sessions:
        if (
            session.ended in {"crashed", "refused", "closed", "left", "raised", "cancelled"}
            or session.is_hook
        ):
            continue
        if session.temper in {"stuck", "slow", "waiting", "waiting_briefly", "rewatching", "looking_up"}:
            continue
        plan = history.plan_of(session.gateway)
        for task_id in session.ids:
            until = max(_last_deadline(history, session, task_id, plan.slow), history.awake_at) + _LOOKS
            ends = [got.at for got in session.of(task_id) if got.event.final]
            if (ends[0] if ends else inf) > until:
                yield f"{session.gateway}/{session.reader} ({session.temper}): {task_id} had to end by {until:.1f}: {ends}"
            for got in session.of(task_id):
                if (
                    isinstance(got.event, Expired)
                    and got.event.reason == "deadline"
                    and got.event.at < got.event.deadline
                ):
                    yield f"{session.gateway}/{session.reader}: {task_id} expired early"


@promise("V7 in time")
def deadlines_pass_while_it_is_down(history: History) -> Iterator[str]:
    """A deadline is told when it passes, whatever the gateway does; a look that is under way then may land first."""
    for session in history.sessions:
        for got in session.got:
            event = got.event
            if not isinstance(event, Expired) or event.reason != "deadline":
                continue
            passed_at = history.told_at(session, got) - (event.at - event.deadline)
            slept = any(
                at <= passed_at + _FLIGHT and passed_at <= at + lasted for at, lasted in history.suspensions
            )
            # until a first look tells its kind, a task has the time of the longest
            is_known = any(
                history.told_at(other, one) <= passed_at
                for other in history.sessions
                if (other.gateway, other.life) == (session.gateway, session.life)
                for one in other.of(event.task.id)
            )
            # a gateway that lists few at a time may be asked for them one after the other, in the smallest of budgets
            plan = history.plan_of(session.gateway)
            turn = (ceil(len(plan.tales) / plan.most_at_once) - 1) * _SLOWEST
            if event.at > event.deadline + _FLIGHT + turn and is_known and not slept:
                yield (
                    f"{session.gateway}/{session.reader} ({session.temper}): {event.task.id} expired "
                    f"{event.at - event.deadline:.1f} s after its deadline"
                )


def _last_deadline(history: History, session: Session, task_id: str, slow: float) -> float:
    """Return the latest deadline that any watch of this life can have asked for."""
    kept = bool(history.plan_of(session.gateway).hooks)
    watches = [
        max(other.begun_at, session.begun_at if kept else 0.0) + max(slow, other.deadline or 0.0)
        for other in history.sessions
        if other.gateway == session.gateway and other.life == session.life and task_id in other.ids
    ]
    return max(watches)
