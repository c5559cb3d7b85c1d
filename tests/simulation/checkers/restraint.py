"""E1, E2 and P3 of `reliability.md`: what a gateway is spared that failed, denied, or asked for less. And R5: what nobody reads.

Read off the wire alone: a reply counts from the instant it came, and requests that left before it are forgiven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Final

from tests.simulation.checkers.politeness import asked_for, is_looked_up, is_searched
from tests.simulation.history import History, Sent
from tests.simulation.promises import promise

_HAIR: Final = 1e-3
_DENIED: Final = {"401", "403", "302"}
_AT_LEAST: Final = 30.0
"""How long nobody goes near a gateway that denied us, seconds: then its credential may be another one."""
_ALONE: Final = 60.0
"""And how long where nothing else came back since: the credential of a world is always the same."""
_IN_A_ROW: Final = 5
_PROBES: Final = (5.0, 30.0)
"""(first, longest) pause before a probe; half of it by the dice."""
_FAULTS: Final = {"GatewayUnreachable", "GatewayBroken", "500", "502", "503", "504", "520", "408"}
_SEARCHES: Final = 60.0
"""How long a search for whoever spoils a batch may go on, seconds."""
_NO_ROUTE: Final = {"404", "405"}
_NO_ROUTE_FOR: Final = 3_600.0
_GROWS_AFTER: Final = 40
"""Fifty good ones, of which some were under way."""
_LEFT: Final = 1.0
"""How soon a task that its last reader left is asked for no more, seconds."""


def _wires(history: History) -> Iterator[tuple[str, list[Sent]]]:
    """Go through what was sent to each gateway in each life."""
    for gateway in history.plan.gateways:
        for life in range(len(history.lives)):
            yield gateway.name, history.sent_by(gateway.name, life)


@promise("E1.7")
def who_denies_is_left_alone(history: History) -> Iterator[str]:
    """After 401, 403 or a redirect nobody asks for half a minute, and for a minute unless a good answer came meanwhile."""
    for name, wire in _wires(history):
        denied_at = 0.0
        for sent in sorted(wire, key=lambda one: one.ended_at):
            if sent.outcome not in _DENIED or sent.at < denied_at:
                continue  # of the same round: it counts from the first
            if sent.outcome == "302" and sent.route == "fetch" and _had_a_list(wire, sent):
                continue  # lists work: that the single route leads elsewhere says nothing of the gateway
            denied_at = sent.ended_at
            good_at = min(
                (one.ended_at for one in wire if one.outcome == "200" and one.ended_at >= sent.ended_at),
                default=inf,
            )
            since = sent.ended_at
            early = [one.at for one in wire if since + _HAIR < one.at < since + _ALONE - _HAIR]
            early = [at for at in early if at < max(since + _AT_LEAST - _HAIR, good_at)]
            if early:
                yield f"{name}: {sent.outcome} at {since:.3f}, and asked again at {early[0]:.3f}"


def _had_a_list(wire: list[Sent], sent: Sent) -> bool:
    """Return True if the last list before a request was a good one."""
    lists = [one for one in wire if one.route != "fetch" and one.ended_at <= sent.at]
    return bool(lists) and max(lists, key=lambda one: one.ended_at).outcome == "200"


@promise("E1.8")
def a_missing_route_is_left(history: History) -> Iterator[str]:
    """A list that a gateway does not have is not asked for again within the hour."""
    for name, wire in _wires(history):
        missing: dict[str, float] = {}
        for sent in sorted(wire, key=lambda one: one.at):
            since = missing.get(sent.route)
            if since is not None and since + _HAIR < sent.at < since + _NO_ROUTE_FOR - _HAIR:
                yield f"{name}: {sent.route} was missing at {since:.3f}, and asked for at {sent.at:.3f}"
                break
            if sent.outcome in _NO_ROUTE and sent.route != "fetch":
                missing[sent.route] = min(missing.get(sent.route, sent.ended_at), sent.ended_at)


@promise("E1.9")
def a_batch_too_big_is_halved(history: History) -> Iterator[str]:
    """After 413 no batch is larger than half of it, until fifty went well, or one id alone failed: it was not the size then."""
    for name, wire in _wires(history):
        for sent in wire:
            if sent.outcome != "413" or len(sent.ids) < 2:
                continue
            alone = [one for one in wire if len(one.ids) == 1 and one.outcome in {*_FAULTS, "413"}]
            until = min((one.ended_at for one in alone if one.ended_at > sent.ended_at), default=inf)
            later = [one for one in wire if sent.ended_at + _HAIR < one.at][:_GROWS_AFTER]
            later = [one for one in later if one.at < until]
            large = [one for one in later if len(one.ids) > len(sent.ids) // 2 and one.route != "fetch"]
            if large:
                yield f"{name}: {len(sent.ids)} ids were too many, and {len(large[0].ids)} were sent at {large[0].at:.3f}"


@promise("P3")
def an_outage_is_probed(history: History) -> Iterator[str]:
    """After five failures in a row requests go one by one, and the more rarely the more of them fail."""
    for name, wire in _wires(history):
        yield from _Breaker(name, history).judged(wire)


class _Breaker:
    """What the wire shows of a breaker: it may have opened sooner and closed later, never the other way round."""

    def __init__(self, name: str, history: History) -> None:
        self._name = name
        self._history = history
        self._woke = history.wakes
        self._in_a_row = 0
        self._counted_at = 0.0
        self._opened_at: float | None = None
        self._not_before = 0.0
        self._failed = 0
        self._probe: Sent | None = None
        self._spoilt: list[tuple[float, set[str]]] = []

    def judged(self, wire: list[Sent]) -> Iterator[str]:
        """Go through departures and replies as they were."""
        marks: list[tuple[float, int, Sent]] = [(sent.ended_at, 0, sent) for sent in wire]
        marks += [(sent.at, 1, sent) for sent in wire]
        acts: tuple[Callable[[Sent], str], ...] = (self._came, self._left)
        for _, which, sent in sorted(marks, key=lambda mark: mark[:2]):
            wrong = acts[which](sent)
            if wrong:
                yield f"{self._name}: {wrong}"
                return

    def _left(self, sent: Sent) -> str:
        if self._opened_at is None or sent.at <= self._opened_at + _HAIR:
            return ""
        if self._probe is not None and self._probe.ended_at > sent.at + _HAIR:
            return f"two probes at once at {sent.at:.3f}"
        if sent.at < self._not_before - _HAIR:
            return f"a probe at {sent.at:.3f}, not due before {self._not_before:.3f}: {self._failed} failed"
        self._probe = sent
        return ""

    def _came(self, sent: Sent) -> str:
        is_fault = sent.outcome in _FAULTS and asked_for(sent) is None
        slept = any(sent.at - _HAIR <= at <= sent.ended_at + _HAIR for at in self._woke)
        if sent.outcome == "cancelled" or (
            self._opened_at is not None and sent.at < self._opened_at and is_fault
        ):
            return ""
        if not is_fault or slept:
            self._in_a_row, self._opened_at, self._failed = 0, None, 0
            return ""
        # what fails for a caller beside polls that go well is held against nobody: it may ask for whatever spoils a request
        if self._opened_at is None and any(is_looked_up(self._history, sent, one) for one in sent.ids):
            return ""
        # a search for whoever spoils a batch asks for a part of it, and what it finds is held against nobody
        if self._opened_at is None and any(
            set(sent.ids) < ids and sent.at < at + _SEARCHES for at, ids in self._spoilt
        ):
            return ""
        if self._opened_at is None and sent.at < self._counted_at:
            return ""  # of the same round as the last one
        self._counted_at = sent.ended_at
        self._spoilt.append((sent.ended_at, set(sent.ids)))
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            first, longest = _PROBES
            self._not_before = sent.ended_at + min(longest, first * 2.0 ** min(self._failed, 10)) / 2
            self._failed += 1
            self._opened_at = sent.ended_at
        return ""


@promise("R5")
def what_nobody_reads_is_not_asked_for(history: History) -> Iterator[str]:
    """A task that its last reader left, and no hook keeps, is polled no more, but for a search that has it in hand."""
    for gateway in history.plan.gateways:
        if gateway.hooks:
            continue
        for life in range(len(history.lives)):
            spans = [
                (session.begun_at, session.ended_at, set(session.ids))
                for session in history.sessions
                if (session.gateway, session.life) == (gateway.name, life)
            ]
            wire = history.sent_by(gateway.name, life)
            for sent in wire:
                orphans = [
                    task_id
                    for task_id in sent.ids
                    if not any(b <= sent.at <= e + _LEFT and task_id in ids for b, e, ids in spans)
                    and not is_searched(wire, sent, task_id)
                ]
                if orphans:
                    yield f"{gateway.name}: {orphans} asked for at {sent.at:.3f}, and nobody reads them"
                    break
