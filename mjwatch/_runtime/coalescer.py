"""Flights: concurrent lookups of any callers become shared batches.

A flight is a set of ids, one request, one reply future. The pump's batch is one; an ad-hoc lookup boards the flight
that is about to leave, or makes one; asked for after it left, it waits for the next. A caller that gives up harms
nobody; the last one out calls the flight off.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

import anyio
from attrs import define, evolve, field

from mjwatch._policy import batching
from mjwatch._policy.batching import Batching
from mjwatch._policy.governor import Exchange
from mjwatch._policy.poison import FAILURES
from mjwatch._policy.state import State
from mjwatch._runtime.client import GatewayClient, Looked
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate, again
from mjwatch._runtime.reading import Asked
from mjwatch._runtime.runner import Start
from mjwatch._store.contract import Claim
from mjwatch._wire.messages import Route
from mjwatch.errors import GatewayError, MjwatchError, WatcherClosed
from mjwatch.observations import Finding, Verdict

NONE_ALONG: Final = 60.0
"""Seconds for which nobody rides along after a request that failed with somebody aboard."""


@define(eq=False)
class _Flight:
    """Ids about to be looked up, and who waits for them."""

    landed: asyncio.Future[Looked | MjwatchError]
    asked: dict[str, None] = field(factory=dict)
    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    waiters: int = 0
    is_taken: bool = False

    def land(self, outcome: Looked | MjwatchError) -> None:
        """Tell all who wait, once."""
        if not self.landed.done():
            self.landed.set_result(outcome)


class Coalescer:
    """The departures of one gateway."""

    def __init__(
        self, context: Context, client: GatewayClient, gate: Gate, *, routes: tuple[Route, ...], ceiling: int
    ) -> None:
        self._client = client
        self._gate = gate
        self._clock = context.clock
        self.batching = Batching(routes, ceiling)
        self._boarding: _Flight | None = None
        self._start: Start | None = None
        self._is_single_well = False
        self._none_along_until = float("-inf")

    def open(self, start: Start) -> None:
        """Begin: flights without the pump are begun by *start*."""
        self._start = start

    @property
    def room(self) -> int:
        """How many ids fit into one request now."""
        self.batching = batching.refreshed(self.batching, self._clock())
        return self.batching.limit

    async def fly(self, asked: Asked) -> Looked:
        """Look up the pump's batch, which has passed the gate; whoever is boarding comes along if there is room."""
        flight = self._taken_along(asked)
        if flight is None:
            return await self._request(asked)
        try:
            looked = await self._request(asked.beside(flight.asked))
            flight.land(looked)
        finally:
            flight.land(_called_off(sys.exception()))
        if looked.exchange.verdict in FAILURES:
            # One of those who came along may have spoiled it: the batch is asked for again, without any.
            self._none_along_until = looked.exchange.at + NONE_ALONG
            nothing = evolve(looked.exchange, verdict=Verdict.STALLED, error=None)
            return Looked(nothing, looked.route, looked.asked)
        return looked

    async def look_alone(self, claim: Claim[State], task_id: str, *, is_apart: bool = False) -> Looked:
        """
        Ask for one id by the single route, as the request of a *claim*, which has passed the gate.

        Args:
            claim: Of the pump.
            task_id: Which.
            is_apart: It is known to spoil requests: that this one fails says nothing of the gateway.
        """
        looked = await self._client.look(Asked.anew([task_id]), Route.FETCH)
        exchange = looked.exchange
        # Lists work here. That the single route does not is no reason to leave the gateway alone.
        is_ours = exchange.verdict.is_standing and exchange.verdict is not Verdict.DENIED
        if is_ours or (is_apart and exchange.verdict in FAILURES):
            exchange = evolve(exchange, verdict=Verdict.UNSUPPORTED, error=None)
        await self._gate.settle(claim, (), self._gate.judge(claim, exchange))
        return looked

    async def look_on_trial(self, task_ids: Sequence[str]) -> bool | None:
        """
        Ask for ids of which one may spoil the request; return True where it went well, None where that says nothing.

        Raises:
            GatewayError: the gateway is left alone for now.
        """
        async with self._gate.enter() as claim:
            looked = await self._request(Asked.anew(task_ids))
            if looked.exchange.verdict in FAILURES:
                return False  # as was to be feared: held against nobody yet
            await self._gate.settle(claim, (), self._gate.judge(claim, looked.exchange))
            return True if looked.exchange.verdict.is_answer else None

    async def lookup(self, task_id: str) -> Finding:
        """
        Return what one look, now, finds out about an id, sharing the request with whoever else asks.

        Raises:
            GatewayError: there was no useful answer; at once while the gateway is left alone.
        """
        while True:
            looked = await self._boarded(task_id)
            if isinstance(looked, GatewayError):
                raise again(looked)
            if isinstance(looked, MjwatchError):
                # Anew: one that many callers raise would carry all their tracebacks.
                raise WatcherClosed(*looked.args) from looked.__cause__
            if looked.exchange.error is not None:
                raise again(looked.exchange.error)
            if not looked.is_for_nothing:
                return looked.findings[task_id]
            # By the next route, or in a smaller batch: both end, the last route and one id are always left. Or once
            # more, where our own loop stood still.

    async def _boarded(self, task_id: str) -> Looked | MjwatchError:
        flight = self._boarding
        if flight is None or (task_id not in flight.asked and len(flight.asked) >= self.room):
            flight = self._announced()
        flight.asked[task_id] = None
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.landed)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.is_taken and not flight.landed.done():
                # Nobody waits any more. A newcomer must not board a flight that is being called off.
                flight.scope.cancel()
                self._close_doors(flight)

    def _announced(self) -> _Flight:
        flight = _Flight(asyncio.get_running_loop().create_future())
        if self._start is None:
            raise RuntimeError("the coalescer is not open")
        self._boarding = flight
        self._start(partial(self._board, flight))
        return flight

    async def _board(self, flight: _Flight) -> None:
        """Wait for the gate, then leave with whoever is aboard."""
        try:
            with flight.scope:
                if flight.scope.cancel_called:
                    return  # taken along or called off before it began
                async with self._gate.enter() as claim:
                    self._close_doors(flight)
                    looked = await self._request(Asked.anew(flight.asked))
                    await self._gate.settle(claim, (), self._gate.judge(claim, looked.exchange))
                    flight.land(looked)
        except GatewayError as error:
            flight.land(error)
        finally:
            self._close_doors(flight)
            if not flight.is_taken:
                flight.land(_called_off(sys.exception()))

    def _close_doors(self, flight: _Flight) -> None:
        if self._boarding is flight:
            self._boarding = None

    def _taken_along(self, asked: Asked) -> _Flight | None:
        """Return the boarding flight if it fits into the pump's request; it needs no departure of its own then."""
        flight = self._boarding
        if flight is None or len(flight.asked.keys() | set(asked.ids)) > self.room:
            return None
        if self._clock() < self._none_along_until:
            return None
        self._close_doors(flight)
        flight.is_taken = True
        flight.scope.cancel()
        return flight

    async def _request(self, asked: Asked) -> Looked:
        route = self._route()
        if route is Route.FETCH and len(asked.ids) > 1:
            # The list routes went while these waited to leave: nothing is asked, and all ask again.
            now = self._clock()
            return Looked(Exchange(Verdict.TOO_BIG, None, now, now), route, len(asked.ids))
        looked = await self._client.look(asked, route)
        verdict, at = looked.exchange.verdict, looked.exchange.at
        if route is not self.batching.route:
            self._is_single_well = verdict.is_answer
        elif self._is_single_well:
            self._is_single_well = False
            if verdict in FAILURES:
                self.batching = batching.avoided(self.batching, at)
        self.batching = batching.learned(self.batching, verdict, route=route, asked=len(asked.ids), now=at)
        return looked

    def _route(self) -> Route:
        """Return by which route to ask: where lists have failed for long, a probe tries the single one, then a list."""
        since = self._gate.health.failing_since
        has_failed_for_long = since is not None and self._clock() - since >= batching.AVOIDED_FOR
        return Route.FETCH if self._gate.is_probing and has_failed_for_long else self.batching.route


def _called_off(bug: BaseException | None) -> MjwatchError:
    """Return what they get whose flight never lands: from the *bug* that brought it down, if one did."""
    why = WatcherClosed("the watcher was closed while the look was under way")
    why.__cause__ = bug if isinstance(bug, Exception) else None
    return why
