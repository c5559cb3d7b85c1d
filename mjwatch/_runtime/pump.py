"""The pump: claim, look, fold, commit. It ends at commit; who reads is the router's business.

It decides nothing: what a finding means stands in `fold`, when to look next in `pacing`.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio
import anyio.lowlevel
from attrs import define, frozen

from mjwatch._policy import fold, missing, pacing
from mjwatch._policy.fold import Folded
from mjwatch._policy.pacing import Plane, Subject
from mjwatch._policy.state import State, deadline_at, going_on
from mjwatch._runtime.client import Looked
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.context import Context
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.runner import Guard
from mjwatch._store.contract import Claim, ClaimedRow, Idle, Row, Store
from mjwatch.errors import GatewayError
from mjwatch.observations import Finding, Garbled

DECODE_ANYWAY = 0.05
"""The share of unchanged looks that are decoded all the same, in case two replies share a digest."""

CLOSING_GRACE = 1.0
"""How long a flight under way may still take when the watcher closes, seconds."""


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
        store: Store[State],
        coalescer: Coalescer,
        gate: Gate,
        *,
        before_claim: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._coalescer = coalescer
        self._gate = gate
        self._gateway = context.name
        self._pacing = context.pacing
        self._deadlines = context.deadlines
        self._slots = anyio.Semaphore(context.gateway.limits.flights)
        self._clock = context.clock
        self._rng = context.rng
        self._before_claim = before_claim
        self._woken = anyio.Event()
        self._claiming = anyio.CancelScope()
        self._committing = anyio.Lock()
        self.tally = Tally()

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
            self._slots.release()

    async def _look(self, claim: Claim[State]) -> None:
        ended, going = self._elapsed(claim)
        await self._give_back(claim, ended)  # a deadline does not wait for a slow gateway
        if claim.held > 0:
            await self._give_back(claim, [self._put_off(row, claim) for row in going])
            return
        doubted = next((row for row in going if self._is_doubted(row, claim.now)), None)
        if doubted is None:
            await self._look_together(claim, going)
            return
        async with anyio.create_task_group() as looks:
            # Both at once: one after the other they would outlast the lease.
            looks.start_soon(self._look_alone, claim, doubted)
            await self._look_together(claim, [row for row in going if row is not doubted])

    async def _look_together(self, claim: Claim[State], rows: Sequence[ClaimedRow[State]]) -> None:
        if not rows:
            return
        begun = self._clock()
        try:
            looked = await self._coalescer.fly({row.watch.id: self._digest(row) for row in rows})
        except anyio.get_cancelled_exc_class():
            await self._give_back(claim, [_undone(row) for row in rows])
            raise
        moment = await self._moment(claim, begun)
        if looked.exchange.error is None and not looked.findings:
            # By the next route, or in smaller batches, as soon as the budget allows.
            self._gate.pace = 0.0
            await self._settle(claim, [_undone(row) for row in rows], looked)
            return
        folded = [(row, self._folded(row, looked.findings.get(row.watch.id), moment)) for row in rows]
        self._gate.pace = self._paced(folded, moment)
        await self._settle(claim, [self._row(row, after, moment) for row, after in folded], looked)

    async def _look_alone(self, claim: Claim[State], row: ClaimedRow[State]) -> None:
        """Look at an id that lists keep leaving out by the single route: only that proves it lost."""
        begun = self._clock()
        given_back = _undone(row)
        try:
            looked = await self._coalescer.look_alone(row.watch.id)
            moment = await self._moment(claim, begun)
            after = self._folded(row, looked.findings.get(row.watch.id), moment)
            given_back = self._row(row, after, moment)
        except GatewayError:
            pass  # left alone for now; told by whoever met the fault
        finally:
            await self._give_back(claim, [given_back])

    async def _moment(self, claim: Claim[State], begun: float) -> _Moment:
        watched = (await self._store.counts()).watched
        plane = Plane(watched, self._coalescer.room)
        return _Moment(claim.now, claim.now + self._clock() - begun, plane)

    async def _settle(self, claim: Claim[State], rows: Sequence[Row[State]], looked: Looked) -> None:
        """Commit what a request brought, also while all is being cancelled."""
        self.tally.looks += looked.asked
        self.tally.faults += looked.exchange.error is not None
        self.tally.events += sum(len(row.events) for row in rows)
        with anyio.CancelScope(shield=True):
            async with self._committing:
                await self._gate.settle(claim, rows, looked.exchange)
                self.wake()  # what was given back may be due before anything else
                # The router reads before the next flight commits: a burst never outruns the log.
                await anyio.lowlevel.checkpoint()

    async def _give_back(self, claim: Claim[State], rows: Sequence[Row[State]]) -> None:
        """Commit whatever happens to us: ids that are not given back would wait for their lease."""
        self.tally.events += sum(len(row.events) for row in rows)
        with anyio.CancelScope(shield=True):
            await self._gate.give_back(claim, rows)
            self.wake()

    def _elapsed(self, claim: Claim[State]) -> tuple[list[Row[State]], list[ClaimedRow[State]]]:
        """Split a claim into rows that time alone ends, and those to look at."""
        ended: list[Row[State]] = []
        going: list[ClaimedRow[State]] = []
        for row in claim.rows:
            after = self._elapse(row, row.state, claim.now)
            if after is None:
                going.append(row)
            else:
                ended.append(_last(row, after, was_looked_at=False))
        return ended, going

    def _elapse(self, row: ClaimedRow[State], state: State | None, now: float) -> Folded | None:
        return fold.elapse(state, row.watch, now, gateway=self._gateway, deadlines=self._deadlines)

    def _folded(self, row: ClaimedRow[State], finding: Finding | None, moment: _Moment) -> Folded:
        """Return the row's state after this look: folded if something was found, then elapsed."""
        before = Folded(going_on(row.state))
        if finding is not None and not isinstance(finding, Garbled):
            before = fold.fold(row.state, finding, row.watch, moment.now, gateway=self._gateway)
        if before.state.final is not None:
            return before
        after = self._elapse(row, before.state, moment.now)
        return before if after is None else Folded(after.state, before.events + after.events)

    def _row(self, row: ClaimedRow[State], after: Folded, moment: _Moment) -> Row[State]:
        if after.state.final is not None:
            return _last(row, after)
        subject = Subject(row.watch, after.state)
        look_in = pacing.next_look(subject, moment.plane, moment.now, self._pacing, self._rng)
        # Counted from the claim, so that a slow reply does not stretch the rhythm.
        look_in -= moment.now - moment.claimed_at
        left = deadline_at(after.state, row.watch, self._deadlines) - moment.now
        is_same = after.state is row.state
        return Row(row.watch.id, max(0.0, min(look_in, left)), None if is_same else after.state, after.events)

    def _put_off(self, row: ClaimedRow[State], claim: Claim[State]) -> Row[State]:
        """The gate is held: not before it opens, unless the deadline comes first."""
        left = deadline_at(row.state, row.watch, self._deadlines) - claim.now
        return Row(row.watch.id, max(0.0, min(claim.held, left)), was_looked_at=False)

    def _digest(self, row: ClaimedRow[State]) -> int | None:
        if row.state is None or self._rng.random() < DECODE_ANYWAY:
            return None
        return going_on(row.state).digest

    def _is_doubted(self, row: ClaimedRow[State], now: float) -> bool:
        """Return True for an id that lists left out so often that it must be asked for alone."""
        misses = None if row.state is None else row.state.misses
        return misses is not None and self._coalescer.room > 1 and missing.wants_single(misses, now)

    def _paced(self, folded: Sequence[tuple[ClaimedRow[State], Folded]], moment: _Moment) -> float:
        carried = [Subject(row.watch, after.state) for row, after in folded if after.state.final is None]
        return pacing.next_request(carried, moment.plane, moment.now, self._pacing, self._rng)


@frozen
class _Moment:
    """When a claim was made and when its reply came, by the store's clock; and how tasks share requests then."""

    claimed_at: float
    now: float
    plane: Plane


def _last(row: ClaimedRow[State], after: Folded, *, was_looked_at: bool = True) -> Row[State]:
    return Row(
        row.watch.id,
        None,
        after.state,
        after.events,
        is_over=after.state.is_over,
        was_looked_at=was_looked_at,
    )


def _undone(row: ClaimedRow[State]) -> Row[State]:
    """Give a row back as if it had not been claimed."""
    return Row(row.watch.id, 0.0, was_looked_at=False)
