"""A6: what a gateway is asked, and how often. P1 to P6, and V4."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mjwatch import Limits
from tests.simulation.history import History, Sent
from tests.simulation.promises import promise
from tests.simulation.spells import FAR

CAP = 300.0
"""The longest that a Retry-After is obeyed, seconds."""
_DIGITS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_AT_ONCE = 1e-6
_SEARCHES = 900.0
"""How long after a failure a search for whoever spoiled the batch may go on, seconds."""
_LEASE = 30.0
_SPOILED = {"GatewayUnreachable", "GatewayBroken", "500", "502", "503", "504", "520", "408"}


def asked_for(sent: Sent) -> float | None:
    """Return how long a reply asks us to stay away, None where it does not."""
    if sent.outcome not in {"429", "503"}:
        return None
    if sent.retry_after == FAR:
        return CAP
    if not _DIGITS.fullmatch(sent.retry_after or ""):
        return None
    return min(max(float(sent.retry_after or 0), 1.0), CAP)


def holds(history: History, gateway: str, life: int) -> list[tuple[float, float]]:
    """Return from when until when a gateway must be left alone at most, as its replies asked for."""
    found = []
    for sent in history.sent_by(gateway, life):
        wait = asked_for(sent)
        if wait is not None:
            found.append((sent.ended_at, sent.ended_at + wait + min(5.0, wait / 10)))
        elif sent.outcome == "429":
            found.append((sent.ended_at, sent.ended_at + 60.0))
    return found


@promise("P1")
def retry_after_holds(history: History) -> Iterator[str]:
    """No request leaves while a Retry-After stands, whoever wants it and whatever for."""
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            wire = history.sent_by(gateway.name, life)
            for sent in wire:
                wait = asked_for(sent)
                if wait is None:
                    continue
                until = sent.ended_at + wait
                early = [other.at for other in wire if sent.ended_at + _AT_ONCE < other.at < until - _AT_ONCE]
                if early:
                    yield f"{gateway.name}: {len(early)} requests from {early[0]:.3f} on, held from {sent.ended_at:.3f} to {until:.3f}"


@promise("P2")
def the_budget_holds(history: History) -> Iterator[str]:
    """No window of time has more requests than rate and burst allow, and no more are under way than flights."""
    limits = Limits()
    assert limits.rate is not None
    windows = ((limits.rate, 1), (limits.per_minute / 60, limits.burst))
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            # what had passed the gate when the machine fell asleep leaves when it wakes up
            wire = [
                sent for sent in history.sent_by(gateway.name, life) if not _woke(history, sent.at, sent.at)
            ]
            for rate, burst in windows:
                yield from _over(gateway.name, [sent.at for sent in wire], rate, burst)
            most = _most_at_once(wire)
            if most > limits.flights + 2:  # a single look that confirms a loss, and one somebody asked for
                yield f"{gateway.name}: {most} requests at once"


def _woke(history: History, begun_at: float, ended_at: float) -> bool:
    """Return True if the machine woke up between two instants."""
    return any(begun_at - _AT_ONCE <= at <= ended_at + _AT_ONCE for at in history.wakes)


def _over(name: str, instants: list[float], rate: float, burst: int) -> Iterator[str]:
    """Go through the instants as a bucket would: it may be overdrawn by nobody."""
    tokens, before = float(burst), None
    for at in instants:
        if before is not None:
            tokens = min(float(burst), tokens + (at - before) * rate)
        before = at
        tokens -= 1
        if tokens < -0.05:
            yield f"{name}: more than {burst} and {rate:g}/s at {at:.3f}"
            return


def _most_at_once(wire: list[Sent]) -> int:
    marks = sorted([(sent.at, 1) for sent in wire] + [(sent.ended_at, -1) for sent in wire])
    now = most = 0
    for _, step in marks:
        now += step
        most = max(most, now)
    return most


@promise("P4")
def no_amplification(history: History) -> Iterator[str]:
    """What reaches a gateway is at most a tenth more than what was meant to be sent."""
    for gateway in history.plan.gateways:
        wire = history.sent_by(gateway.name)
        meant, arrived = len(wire), history.arrived.get(gateway.name, 0)
        # aiohttp itself sends a GET again whose connection was lost
        again = sum(sent.route == "fetch" and sent.outcome == "GatewayUnreachable" for sent in wire)
        if arrived > meant * 1.1 + again + 10:
            yield f"{gateway.name}: {arrived} requests arrived, {meant} were meant"


@promise("P5")
def each_id_once(history: History) -> Iterator[str]:
    """
    However many read a task, no two requests that ask for it are under way at once.

    But for a search for whoever spoils a batch: it asks for some that somebody else may just have asked for anew; for
    whoever looks a task up: a request that has left is not the look that was asked for; and for one that all have left
    meanwhile, and somebody watches anew.
    """
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            under_way: dict[str, Sent] = {}
            wire = history.sent_by(gateway.name, life)
            for sent in wire:
                for task_id in sent.ids:
                    before = under_way.get(task_id)
                    if before is not None and _is_double(history, wire, before, sent, task_id):
                        yield f"{gateway.name}: {task_id} was asked for twice at {sent.at:.3f}"
                        return
                    under_way[task_id] = sent


def _is_double(history: History, wire: list[Sent], before: Sent, sent: Sent, task_id: str) -> bool:
    if before.ended_at <= sent.at + _AT_ONCE or before.route != sent.route:
        return False
    # whoever slept longer than a lease lasts lets go of it
    if _woke(history, sent.at - _LEASE, sent.at):
        return False
    return not (
        is_looked_up(history, sent, task_id)
        or is_searched(wire, sent, task_id)
        or _is_watched_anew(history, before, sent, task_id)
    )


def _is_watched_anew(history: History, before: Sent, sent: Sent, task_id: str) -> bool:
    """Return True if nobody has wanted an id all the time between two requests."""
    return not history.plan_of(sent.gateway).hooks and not any(
        (session.gateway, session.life) == (sent.gateway, sent.life)
        and task_id in session.ids
        and session.begun_at <= before.at
        and sent.at <= session.ended_at
        for session in history.sessions
    )


def is_looked_up(history: History, sent: Sent, task_id: str) -> bool:
    """Return True if somebody may have asked for an id by himself, beside the polls."""
    return any(
        session.temper == "looking_up"
        and (session.gateway, session.life) == (sent.gateway, sent.life)
        and task_id in session.ids
        and session.begun_at <= sent.at <= session.ended_at
        for session in history.sessions
    )


def is_searched(wire: list[Sent], sent: Sent, task_id: str) -> bool:
    """Return True if a search for whoever spoils a batch may have asked for an id: a batch with it had failed before."""
    return any(
        task_id in one.ids
        and set(sent.ids) <= set(one.ids)
        and len(one.ids) > 1
        and one.outcome in _SPOILED
        and sent.at - _SEARCHES <= one.ended_at <= sent.at + _AT_ONCE
        for one in wire
    )


@promise("V4")
def an_outage_is_quiet(history: History) -> Iterator[str]:
    """While nothing but faults comes back, a gateway is asked ever more rarely: 12 times in the first minute at most."""
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            run: list[Sent] = []
            for sent in history.sent_by(gateway.name, life):
                run = [*run, sent] if _is_silence(sent) else []
                if len(run) > 40 and run[-1].at - run[0].at < 90.0:
                    yield f"{gateway.name}: {len(run)} requests in {run[-1].at - run[0].at:.1f} s of silence"
                    break


def _is_silence(sent: Sent) -> bool:
    # who says when to come again is no outage, however often it says so
    is_fault = sent.outcome in {
        "GatewayUnreachable",
        "GatewayBroken",
        "500",
        "502",
        "503",
        "504",
        "520",
        "408",
    }
    return is_fault and asked_for(sent) is None
