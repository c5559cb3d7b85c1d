"""V2, V3 and P6: how soon a gateway that is well is asked and heard, and that an outage has one beginning and one end."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from math import ceil, inf
from typing import Final

from mjwatch import InputRequired, Progress, Recovered, Success, Unreachable
from mjwatch.testing import Family
from tests.simulation.history import History, Session
from tests.simulation.plan import GatewayPlan
from tests.simulation.promises import promise

_ATTENTIVE: Final = {"fast", "rewatching", "adding_on"}
_SOON: Final = 1.0
_FLIGHT: Final = 25.0
"""The longest a look takes, and time to commit, seconds."""
_JITTER: Final = 1.1
_OWED: Final = 3
"""Looks until a success is told at last that lacks something."""


@promise("V3")
def an_outage_is_told_once(history: History) -> Iterator[str]:
    """The log has one line for the beginning of an outage and one for its end, and whoever reads is told of both."""
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            lines = [
                line
                for line in history.log
                if line.gateway == gateway.name
                and line.event in {"gateway.failing", "gateway.recovered"}
                and bisect_right(history.lives, line.at) - 1 == life
            ]
            sessions = [s for s in history.sessions if (s.gateway, s.life) == (gateway.name, life)]
            outages = list[tuple[float, float]]()
            for n, line in enumerate(lines):
                if (line.event == "gateway.failing") is not (n % 2 == 0):
                    yield f"{gateway.name}: {line.event} at {line.at:.3f}, for the second time"
                    return
                if n % 2 == 0:
                    ends_at = lines[n + 1].at if n + 1 < len(lines) else inf
                    outages.append((line.at, ends_at))
            for session in sessions:
                yield from _untold(history, session, outages)


def _untold(history: History, session: Session, outages: list[tuple[float, float]]) -> Iterator[str]:
    """Go through what a reader was told of outages: no news comes in one, and who heard of it hears of its end."""
    name = f"{session.gateway}/{session.reader} ({session.temper})"
    for began_at, ended_at in outages:
        if any(began_at - _FLIGHT <= at <= ended_at for at in history.wakes):
            continue  # nobody knows when it was told then
        for got in session.got:
            told_at = history.told_at(session, got)
            if (
                isinstance(got.event, Progress | InputRequired)
                and began_at + _SOON < told_at < ended_at - _SOON
            ):
                yield f"{name}: news at {told_at:.3f}, in an outage from {began_at:.3f} to {ended_at:.3f}"
                return
        if session.temper not in _ATTENTIVE or session.is_hook:
            continue
        heard = [
            got
            for got in session.got
            if isinstance(got.event, Unreachable) and began_at - _SOON < got.at < ended_at
        ]
        later = [got for got in session.got if got.at > ended_at + _SOON]
        if (
            heard
            and later
            and not any(
                isinstance(got.event, Recovered) and got.at >= ended_at - _SOON for got in session.got
            )
        ):
            yield f"{name}: never heard that the outage was over at {ended_at:.3f}"


def _is_calm(history: History, gateway: GatewayPlan) -> bool:
    """Return True for a gateway that nothing befalls, in a program that does not end early."""
    number = history.plan.gateways.index(gateway)
    troubles = [
        spell for spell in history.plan.spells if spell.gateway == number or spell.kind == "suspended"
    ]
    return (
        not troubles
        and not history.plan.crashes
        and not any(name == gateway.name for name, _ in history.discards)
    )


def _round(gateway: GatewayPlan) -> float:
    """Return how long it takes at most to ask for all tasks once, seconds: the budget of a minute is five a second."""
    return ceil(len(gateway.tales) / gateway.most_at_once) / 5.0 + 2 * gateway.latency[1] + _SOON


@promise("P6")
def the_first_look_is_at_once(history: History) -> Iterator[str]:
    """A gateway that is well is asked for a task as soon as somebody watches it."""
    for gateway in history.plan.gateways:
        if not _is_calm(history, gateway):
            continue
        asked: dict[str, float] = {}
        for sent in history.sent_by(gateway.name):
            for task_id in sent.ids:
                asked.setdefault(task_id, sent.at)
        for session in history.sessions:
            if (
                session.gateway != gateway.name
                or session.is_hook
                or session.ended in {"left", "raised", "cancelled"}
            ):
                continue
            is_in_turn = "waiting" in session.temper or session.temper == "looking_up"
            for task_id in session.ids[:1] if is_in_turn else session.ids:
                late = asked.get(task_id, inf) - session.begun_at - _round(gateway)
                if late > 0:
                    yield f"{session.gateway}/{session.reader} ({session.temper}): {task_id} was asked for {late:.3f} s late"


@promise("V2")
def the_well_are_heard_soon(history: History) -> Iterator[str]:
    """An end that a gateway shows, which is well, is known within one interval and a round trip; two looks more if it owes."""
    for gateway in history.plan.gateways:
        if not _is_calm(history, gateway) or gateway.every is None or max(gateway.replicas) > 0:
            continue
        for session in history.sessions:
            if session.gateway != gateway.name or session.temper not in _ATTENTIVE:
                continue
            for task_id in session.ids:
                truth = history.truths[gateway.name, task_id]
                ends = [got for got in session.of(task_id) if got.event.final]
                if truth.shown_at is None or truth.restarts or truth.answers or not ends:
                    continue
                looks = _OWED if isinstance(ends[0].event, Success) else 1
                shown_at = max(truth.shown_at, session.begun_at, truth.born_at)
                late = ends[0].at - shown_at - looks * (gateway.every * _JITTER + _round(gateway))
                if late > 0:
                    yield f"{session.gateway}/{session.reader} ({session.temper}): the end of {task_id} came {late:.3f} s late"


@promise("H2 whole")
def a_success_is_whole(history: History) -> Iterator[str]:
    """A gateway that is well and shows the end before its picture is asked again, and the success has it."""
    for session in history.sessions:
        gateway = history.plan_of(session.gateway)
        is_relay = gateway.family is Family.NEW_API  # it copies pictures when it likes
        if is_relay or not _is_calm(history, gateway) or max(gateway.replicas) > 0 or gateway.refresh:
            continue
        for task_id in [tale.id for tale in gateway.tales if tale.action != "SHORTEN"]:
            for got in session.of(task_id):
                event = got.event
                if isinstance(event, Success) and not (event.task.image_url or event.images or event.videos):
                    yield f"{session.gateway}/{session.reader} ({session.temper}): {task_id} succeeded without a picture"
