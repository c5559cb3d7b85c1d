"""A fleet: many tasks under way at once, a new one whenever the end of one was seen, and one budget of requests.

Rule: moves time, keeps the due queue and the budget as the library's store does, and counts. Who looks when is a crew's
business (`crews.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Final, NamedTuple, Protocol

from attrs import define, field

from .budget import Budget, check
from .gateways import Gateway, Sight
from .scores import Score
from .worlds import Life, World, draw

_PAUSE: Final = 2.0
"""Seconds until the next task of a slot is submitted, at most."""
_MET: Final = 1000
"""Tasks from which those that are met under way are drawn, the longer the likelier."""


class Plan(NamedTuple):
    """
    What a crew wants after a request.

    Attributes:
        next_in: When each task may be looked at again.
        wanted_in: The distance to the next request, given in how many seconds it was wanted before.
        company_in: The same for a task that was never looked at.
    """

    next_in: Sequence[float]
    wanted_in: Callable[[float], float]
    company_in: float = 0.0


class Crew(Protocol):
    """Decides when the tasks of a fleet are looked at."""

    room: int
    """Ids in one request."""
    ahead: float
    """How early a task may ride along, seconds."""
    is_prompt: bool
    """A new task does not wait for the pace, only for company."""

    def begin(self, number: int, sight: Sight, now: float) -> float:
        """Take up the task in slot *number*; return in how many seconds to look at it first."""
        ...

    def look(self, numbers: Sequence[int], watched: int, now: float) -> Plan:
        """Look at these slots by one request; *watched* are all under way. What has ended needs no plan."""
        ...


class _Due(NamedTuple):
    at: float
    number: int


@define(eq=False)
class Fleet:
    """
    A play of many tasks.

    Attributes:
        world, gateway: Where tasks come from, and what shows them.
        crew: Who looks.
        dice: The name of the dice, the same for all crews.
        size: Slots, each with one task at a time.
        starts_at: When the first look is, seconds.
    """

    world: World
    gateway: Gateway
    crew: Crew
    dice: str
    size: int
    starts_at: float
    budget: Budget = field(init=False, factory=Budget)
    score: Score = field(init=False, factory=Score)
    _rngs: list[Random] = field(init=False)
    _sights: list[Sight] = field(init=False, factory=list)
    _new: list[_Due] = field(init=False, factory=list)
    _known: list[_Due] = field(init=False, factory=list)
    _begins: list[float] = field(init=False, factory=list)
    _pace: float = field(init=False, default=0.0)
    _company_in: float = field(init=False, default=0.0)
    _wanted_at: float = field(init=False, default=0.0)

    @_rngs.default
    def _dice(self) -> list[Random]:
        return [Random(f"{self.dice}/{number}") for number in range(self.size)]

    def play(self, settle: float, measured: float) -> Score:
        """Let *settle* seconds pass that nobody counts, then count for so many seconds."""
        met_by = Random(f"{self.dice}/met")
        lives = [draw(self.world, met_by) for _ in range(_MET)]
        met = met_by.choices(lives, [life.lasts for life in lives], k=self.size)
        for number, (life, rng) in enumerate(zip(met, self._rngs, strict=True)):
            self._begin(number, life, self.starts_at - rng.uniform(0.0, life.lasts), self.starts_at)
        counted_from = self.starts_at + settle
        now = self.starts_at
        while (now := self._next_request(now)) < counted_from + measured:
            self._request(now, is_counted=now >= counted_from)
        check(self.budget.spent_at)
        return self.score

    def _begin(self, number: int, life: Life, begun_at: float, now: float) -> None:
        sight = Sight(self.gateway.show(life, begun_at))
        if number == len(self._sights):
            self._sights.append(sight)
        self._sights[number] = sight
        first = self.crew.begin(number, sight, now)
        heappush(self._new if self.crew.is_prompt else self._known, _Due(now + first, number))

    def _next_request(self, now: float) -> float:
        """Return when the next request goes: as soon as somebody is due, the budget allows it and the pace."""
        instants = []
        if self._new:
            instants.append(self.budget.opens_at(max(now, self._new[0].at), self._company_in))
        if self._known:
            instants.append(self.budget.opens_at(max(now, self._known[0].at), self._pace))
        return min(instants)

    def _request(self, now: float, *, is_counted: bool) -> None:
        numbers = self._taken(now)
        self.budget.spend(now)
        plan = self.crew.look(numbers, self._watched(now), now)
        self._pace = plan.wanted_in(self._wanted_at - now)
        self._wanted_at = now + self._pace
        self._company_in = min(self._pace, plan.company_in)
        for number, next_in in zip(numbers, plan.next_in, strict=True):
            sight = self._sights[number]
            if not sight.is_over:
                heappush(self._known, _Due(now + next_in, number))
                continue
            if is_counted:
                self.score.end(sight, now)
            rng = self._rngs[number]
            begun_at = now + rng.uniform(0.0, _PAUSE)
            heappush(self._begins, begun_at)
            self._begin(number, draw(self.world, rng), begun_at, begun_at)
        if is_counted:
            self.score.requests += 1
            self.score.looks += len(numbers)

    def _taken(self, now: float) -> list[int]:
        """Take the due ones, earliest first, and those that may ride along."""
        numbers: list[int] = []
        while len(numbers) < self.crew.room:
            is_new = bool(self._new) and self._new[0].at <= now
            is_known = bool(self._known) and self._known[0].at <= now + self.crew.ahead
            if is_new and is_known:
                is_new = self._new[0].at <= self._known[0].at
            if not is_new and not is_known:
                break
            numbers.append(heappop(self._new if is_new else self._known).number)
        return numbers

    def _watched(self, now: float) -> int:
        while self._begins and self._begins[0] <= now:
            heappop(self._begins)
        return self.size - len(self._begins)
