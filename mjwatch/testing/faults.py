"""What can go wrong between a simulated gateway and its client: a closed set of values, and the plan they stand in.

Pure: whether a fault is due is asked with the instant; `gateway` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final, TypeAlias

from attrs import Factory, define, field, frozen

from .families import HTML, Route


@frozen
class Answer:
    """Answer with this instead."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = Factory(dict)


@frozen
class Delay:
    """Keep the reply, as it was true when the request came, for so many seconds. The next fault still applies."""

    seconds: float


@frozen
class CutBody:
    """Announce the whole body, send only this share of it, and close."""

    keep: float = 0.5


@frozen
class Reset:
    """Reset the connection instead of an answer."""


Fault: TypeAlias = Answer | Delay | CutBody | Reset

WEB_APP: Final = Answer(200, HTML, {"Content-Type": "text/html; charset=utf-8"})
"""The page of a web app with HTTP 200, which is how family C says "no such route" (protocol.md 4.1)."""
SATURATED: Final = Answer(
    429,
    '{"code":30,"description":" 当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。","type":"upstream_error"}'.encode(),  # noqa: RUF001
    {"Content-Type": "application/json"},
)
"""Family C when its upstream is full: 429 without Retry-After (replies/derived-newapi-error-429.json)."""


@define
class _Rule:
    fault: Fault
    route: Route | None
    times: float
    until: float


@define(eq=False)
class FaultPlan:
    """The faults that wait for their requests, in the order they were asked for."""

    _rules: list[_Rule] = field(init=False, factory=list)

    def add(self, fault: Fault, route: Route | None, times: int | None, until: float | None) -> None:
        """
        Plan *fault* for the next *times* requests, or for all until the instant *until*, on *route* or on any.

        Raises:
            ValueError: both limits were given.
        """
        if times is not None and until is not None:
            raise ValueError("a fault ends after so many times or after so many seconds, not both")
        left = 1 if times is None and until is None else times
        self._rules.append(
            _Rule(fault, route, inf if left is None else left, inf if until is None else until)
        )

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self._rules.clear()

    def due(self, route: Route, now: float) -> tuple[float, Answer | CutBody | Reset | None]:
        """Return what befalls a request that comes at *now*: the sum of its delays, and at most one more fault."""
        if not self._rules:
            return 0.0, None
        self._rules = [rule for rule in self._rules if rule.times > 0 and now < rule.until]
        delay = 0.0
        for rule in self._rules:
            if rule.route not in {None, route}:
                continue
            rule.times -= 1
            if not isinstance(rule.fault, Delay):
                return delay, rule.fault
            delay += rule.fault.seconds
        return delay, None
