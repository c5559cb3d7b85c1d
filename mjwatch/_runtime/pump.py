"""The pump: claim, look, fold, commit. It ends at commit; who reads is the router's business.

It waits, and nothing else: what is made of the rows meanwhile stands in `round.py`.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio
import anyio.lowlevel
from attrs import define

from mjwatch._policy.governor import Ruling
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.plane import Plane, company_in
from mjwatch._policy.state import State
from mjwatch._runtime.client import Looked
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.harvest import Harvest, Moment
from mjwatch._runtime.latecomers import Latecomers
from mjwatch._runtime.reading import BREATH
from mjwatch._runtime.round import Back, Round, put_off, told, undone
from mjwatch._runtime.rules import Rules
from mjwatch._runtime.runner import Guard
from mjwatch._runtime.ward import PATIENCE, Ward
from mjwatch._store.contract import Claim, ClaimedRow, Idle, Row

CLOSING_GRACE = 1.0
"""How long a flight under way may still take when the watcher closes, seconds."""
LISTS_AFTER = 30.0
"""
Seconds for which an id that lists leave out is asked for in lists all the same, after its single lookup failed: where
the single route never works, a list that shows it again is all there is.
"""


@define(eq=False)
class Tally:
    """What the pump has done so far."""

    looks: int = 0
    events: int = 0
    faults: int = 0


class Pump:
    """One poll plane for all tasks of a gateway."""

    def __init__(
        self,
        context: Context,
        coalescer: Coalescer,
        gate: Gate,
        lessons: Lessons,
        ward: Ward,
        *,
        before_claim: Callable[[], Awaitable[None]],
    ) -> None:
        self._coalescer = coalescer
        self._gate = gate
        self._ward = ward
        self._rules = Rules.of(context, lessons)
        self._slots = anyio.Semaphore(context.gateway.limits.flights, fast_acquire=True)
        self._clock = context.clock
        self._before_claim = before_claim
        self._was_alone = False
        self._in_vain: dict[str, float] = {}  # whose single lookup failed: until when lists are asked
        self._woken = anyio.Event()
        self._claiming = anyio.CancelScope()
        self._committing = anyio.Lock(fast_acquire=True)
        self.tally = Tally()
        self.latecomers = Latecomers(context)

    def wake(self) -> None:
        """Something was watched or given back: do not sleep on."""
        self._woken.set()

    def stop(self) -> None:
        """Claim no more; `run` ends when the flights under way have landed, or after a moment."""
        self._claiming.cancel()

    async def run(self, guard: Guard) -> None:
        """Pump until stopped; a flight that breaks is told through *guard*."""
        async with anyio.create_task_group() as flights:
            with self._claiming:
                while True:
                    await self._slots.acquire()
                    claim = await self._next_claim()
                    flights.start_soon(guard, partial(self._serve, claim))
            flights.cancel_scope.deadline = anyio.current_time() + CLOSING_GRACE

    async def _next_claim(self) -> Claim[State]:
        while True:
            self._woken = anyio.Event()
            await self._before_claim()
            claim = await self._gate.claim(self._coalescer.room)
            if not isinstance(claim, Idle):
                return claim
            with anyio.move_on_after(claim.wait if math.isfinite(claim.wait) else None):
                await self._woken.wait()

    async def _serve(self, claim: Claim[State]) -> None:
        """Take one claim round; whatever happens, its ids come back to the store."""
        try:
            await self._look(claim)
        finally:
            self._gate.leave(claim)
            self._slots.release()

    async def _look(self, claim: Claim[State]) -> None:
        round_ = Round(self._rules, claim)
        await self._give_back(claim, round_.ended)  # a deadline does not wait for a slow gateway
        if claim.held > 0:
            await self._give_back(claim, put_off(round_, round_.going, claim.now, claim.held))
            return
        alone = self._alone(round_)
        if not alone:
            await self._look_together(round_, round_.going)
            return
        await self._look_apart(round_, alone)

    async def _look_apart(self, round_: Round, alone: Sequence[ClaimedRow[State]]) -> None:
        """
        Look at one of *alone*, or at the others if it is their turn; the rest comes next.

        The claim has passed the gate once, so one request goes with it. To wait for another pass while we hold ids
        could outlast their lease: where the budget is small, nothing that was found would ever be kept.
        """
        claim, ids = round_.claim, {row.id for row in alone}
        others = [row for row in round_.going if row.id not in ids]
        is_alone = not others or not self._was_alone
        first, *more = alone
        rest = [*more, *others] if is_alone else alone
        if others:
            self._was_alone = is_alone
        if rest:
            await self._give_back(claim, [undone(rest)])
            self._gate.pace = 0.0  # they are due, and must not wait for the next round
        if is_alone:
            await self._look_alone(round_, first)
            return
        await self._look_together(round_, others)
        self._gate.pace = 0.0

    def _alone(self, round_: Round) -> list[ClaimedRow[State]]:
        """Return who is asked for alone: who spoils lists, and one whom lists leave out."""
        # A probe has one id, and no other request may go beside it.
        if self._coalescer.room == 1 or self._gate.is_probing:
            return []
        alone = self._ward.apart(round_.going)
        now = self._clock()
        self._in_vain = {task_id: until for task_id, until in self._in_vain.items() if until > now}
        doubted = round_.doubted(but=self._in_vain)
        return alone if doubted is None or doubted in alone else [*alone, doubted]

    async def _look_together(self, round_: Round, rows: Sequence[ClaimedRow[State]]) -> None:
        if not rows:
            return
        claim, begun = round_.claim, self._clock()
        try:
            looked = await self._coalescer.fly(round_.asked(rows))
        except anyio.get_cancelled_exc_class():
            await self._give_back(claim, [undone(rows)])
            raise
        suspects = self._ward.took(rows, looked.exchange)
        with anyio.CancelScope(shield=True):  # a reply that came is committed
            ruling = self._gate.judge(claim, looked.exchange)
            if looked.is_for_nothing:
                # By the next route, or in smaller batches, as soon as the budget allows.
                self._gate.pace = 0.0
                back: Sequence[Back] = [undone(rows)]
            elif looked.exchange.error is not None:
                wait = max(ruling.retry_in, PATIENCE if suspects else 0.0)
                back = put_off(round_, rows, self._now(claim, begun), wait)
            else:
                back = await self._harvested(round_, rows, looked, begun)
            await self._settle(claim, back, looked, ruling)
        if suspects:
            await self._ward.search(suspects)

    async def _harvested(
        self, round_: Round, rows: Sequence[ClaimedRow[State]], looked: Looked, begun: float
    ) -> Sequence[Back]:
        """Return what an answer makes of the rows, and let the gate know when to ask next."""
        moment = self._moment(round_.claim, begun, round_.sure_until)
        harvest = Harvest(self._rules, rows, looked, moment, is_whole=rows is round_.going)
        for number, row in enumerate(harvest.news, start=1):
            harvest.see(row)
            if number % BREATH == 0:
                await anyio.lowlevel.checkpoint()
        harvest.learn()
        self.latecomers.saw(rows, harvest.changed, moment.now)
        self._gate.pace = harvest.pace(self._gate.wanted_before)
        self._gate.company = company_in(moment.plane, self._rules.pacing)
        return harvest.given_back()

    async def _look_alone(self, round_: Round, row: ClaimedRow[State]) -> None:
        """Look at an id by the single route: lists keep leaving it out, or it spoils them."""
        claim, begun = round_.claim, self._clock()
        given_back: Sequence[Back] = [undone([row])]
        try:
            looked = await self._coalescer.look_alone(claim, row.id, is_apart=row.id in self._ward)
            is_well = looked.exchange.error is None
            rest = self._ward.rest(row.id, is_well=is_well)
            if not is_well and rest is None:
                self._in_vain[row.id] = self._clock() + LISTS_AFTER
            elif not is_well and rest is not None:
                given_back = put_off(round_, [row], self._now(claim, begun), rest)
                return
            harvest = Harvest(self._rules, [row], looked, self._moment(claim, begun, claim.now), wait=rest)
            for found in harvest.news:
                harvest.see(found)
            harvest.learn()
            given_back = harvest.given_back()
        finally:
            await self._give_back(claim, given_back)

    def _moment(self, claim: Claim[State], begun: float, sure_until: float) -> Moment:
        plane = Plane(claim.watched, self._coalescer.room)
        return Moment(claim.now, self._now(claim, begun), plane, sure_until)

    def _now(self, claim: Claim[State], begun: float) -> float:
        """Return the present by the store's clock, of which only the claim's instant is known."""
        return claim.now + self._clock() - begun

    async def _settle(
        self, claim: Claim[State], rows: Sequence[Back], looked: Looked, ruling: Ruling
    ) -> None:
        """Commit what a request brought."""
        self.tally.looks += looked.asked
        self.tally.faults += looked.exchange.error is not None
        self.tally.events += told(rows)
        async with self._committing:
            await self._gate.settle(claim, rows, ruling)
            self.wake()  # what was given back may be due before anything else
            # The router reads before the next flight commits: a burst never outruns the log.
            await anyio.lowlevel.checkpoint()

    async def _give_back(self, claim: Claim[State], rows: Sequence[Back]) -> None:
        """Commit whatever happens to us: ids that are not given back would wait for their lease."""
        if not rows:
            return
        self.tally.events += told(rows)
        for row in rows:
            if isinstance(row, Row) and row.next_in is None:
                self._ward.ended(row.id)
        with anyio.CancelScope(shield=True):
            await self._gate.give_back(claim, rows)
            self.wake()
