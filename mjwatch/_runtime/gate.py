"""Where all requests of a gateway pass: the governor's rulings meet the store's gate here, and nowhere else.

The governor decides (`_policy/governor.py`), the store enforces; this file waits.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from attrs import evolve

from mjwatch._policy import governor, pacing
from mjwatch._policy.breaker import Breaker
from mjwatch._policy.governor import Exchange, Governor, Ruling
from mjwatch._policy.poison import FAILURES
from mjwatch._policy.state import State
from mjwatch._runtime.context import Context
from mjwatch._runtime.credential import present
from mjwatch._runtime.transport import LOOK_TIMEOUT
from mjwatch._store.contract import Alike, Claim, Gap, Idle, Row, Store
from mjwatch.cloudevents import ErrorData
from mjwatch.errors import GatewayBusy, GatewayError, WatcherClosed
from mjwatch.events import GatewayEvent, Recovered, Unreachable
from mjwatch.gateways import Secret
from mjwatch.observations import Verdict

LEASE = LOOK_TIMEOUT + 5.0
"""How long claimed ids are ours, seconds: the longest look, and time to commit."""


_NOBODY: Claim[State] = Claim(0, 0.0, 0.0, (), 0)
"""Who commits a hold and no ids."""

HAIR = 1e-3
"""Holds that differ by less than this, seconds, are one."""


RECHECK = 30.0
"""A credential that was denied may be another one so many seconds later: its function is asked again, the gateway is not."""

COURTESY = 0.002
"""How much longer than the pump a caller waits for the same opening, seconds: the watches go first."""

FIRST = 4
"""So often, while a caller waits. Where the budget is all used up, it would wait for ever."""


class Gate:
    """
    One gateway's gate, as this process sees it.

    Args:
        context: Of the watcher.
        store: Enforces gaps and holds.
        wake: Called when the pump has reason to claim again.
    """

    def __init__(self, context: Context, store: Store[State], wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._name = context.name
        self._ahead = pacing.ahead(context.pacing)
        self._limits = context.gateway.limits
        self._clock = context.clock
        self._rng = context.rng
        self._log = context.log
        self._held_until = float("-inf")
        self._polled_at = self._was_wanted_at = float("-inf")
        self._line = anyio.Lock()
        # Between the look at the breaker and the claim nobody else may go.
        self._asking = anyio.Lock(fast_acquire=True)
        self._is_polling = self._is_pump_waiting = self._is_caller_waiting = False
        self._passed_by = 0
        self._probe: int | None = None
        self._is_closed = False
        self._credential = context.gateway.credential
        self._denied: Secret | None = None
        self.health = Governor()
        self.pace = 0.0
        """The distance to the last list request that pacing wants, seconds."""
        self.company = 0.0
        """The same for an id that was never looked at."""

    @property
    def held_for(self) -> float:
        """Seconds that the gateway is left alone from now, 0.0 if it is not."""
        return max(0.0, self._held_until - self._clock())

    @property
    def opens_in(self) -> float:
        """Seconds until the gateway is asked again, as things stand, 0.0 if it may be now."""
        return max(self.held_for, self.health.breaker.probe_in(self._clock()))

    @property
    def is_probing(self) -> bool:
        """True while one request finds out how the gateway is, and no other may go."""
        return self._probe is not None

    @property
    def next_poll_in(self) -> float:
        """Seconds until pacing wants the next list request, 0.0 if none is waited for."""
        return max(0.0, self._polled_at + self.pace - self._clock())

    async def claim(self, limit: int) -> Claim[State] | Idle:
        """Take up to *limit* due ids, if a request may go now; one, where a probe may. Who has claimed must `leave`."""
        async with self._asking:
            if self._probe is not None or self._passed_by >= FIRST:
                return Idle(math.inf)  # whoever brings the probe back, or goes first, wakes the pump
            breaker = self._breaker()
            await self._shut(min(RECHECK, breaker.probe_in(self._clock())))
            may_probe = breaker.is_open and not self.held_for
            claim = await self._store.claim(
                1 if may_probe else limit,
                LEASE,
                ahead=self._ahead,
                linger=0.0,
                gaps=self._gaps(),
                pace=self.pace,
                company=self.company,
            )
            if isinstance(claim, Idle):
                self._is_polling = self._is_pump_waiting = math.isfinite(claim.wait)
                return claim
            if breaker.is_open and claim.held <= 0:
                self._probe = claim.stamp
        self._is_pump_waiting, self._is_polling = False, True
        self._passed_by += self._is_caller_waiting
        self._was_wanted_at = self._polled_at + self.pace
        self._polled_at = claim.now
        return claim

    def _breaker(self) -> Breaker:
        """Return the breaker as it is now: whoever was denied may try another credential at once."""
        if self._denied is not None and present(self._credential) != self._denied:
            self._denied = None
            self.health = governor.renewed(self.health)
        return self.health.breaker

    async def _shut(self, seconds: float) -> None:
        """Let the store hold everybody for so long, unless it does: a lost probe, or a breaker that was kept."""
        until = self._clock() + seconds
        if seconds > 0.0 and until > self._held_until + HAIR:
            self._held_until = until
            await self._store.commit(_NOBODY, (), hold=seconds)

    def _gaps(self) -> list[Gap]:
        budget = governor.windows(self._limits, self.health, self._clock())
        return [Gap(interval, burst) for interval, burst in budget]

    def leave(self, claim: Claim[State]) -> None:
        """Let go of a claim, whatever became of it: a probe that was not judged, for it was called off, proves nothing."""
        if claim.stamp == self._probe:
            self._probe = None
            self.health = governor.lost(self.health, self._clock(), self._rng)
            self._wake()

    @property
    def wanted_before(self) -> float:
        """How long after the last list request the next one was wanted before that, seconds; negative if it was late."""
        return self._was_wanted_at - self._polled_at

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Claim[State]]:
        """
        Wait until one request that is no poll may go.

        Raises:
            GatewayError: the gateway is left alone for now. At once: whoever asks for now gets no answer later.
            WatcherClosed: it was closed.
        """
        # One at a time, first come first served: a crowd of callers must not keep the pump from its turn.
        async with self._line:
            claim = await self._enter()
        try:
            yield claim
        finally:
            self.leave(claim)

    async def _enter(self) -> Claim[State]:
        try:
            while True:
                async with self._asking:
                    claim = await self._entering()
                if isinstance(claim, Claim):
                    return claim
                self._is_caller_waiting = True
                await anyio.sleep(claim.wait + (COURTESY if self._is_pump_waiting else 0.0))
        finally:
            self._is_caller_waiting = False
            if self._passed_by >= FIRST:
                self._wake()
            self._passed_by = 0

    async def _entering(self) -> Claim[State] | Idle:
        if self._is_closed:
            raise WatcherClosed("the watcher was closed")
        probe_in = self._breaker().probe_in(self._clock())
        # A probe shuts everybody else out, and a seed may take a minute: where tasks are polled, a poll is the probe.
        is_in_the_way = self.health.breaker.is_open and self._is_polling
        if self._probe is not None or probe_in > 0 or is_in_the_way:
            raise self._held_error(probe_in)
        claim = await self._store.claim(0, LEASE, ahead=0.0, linger=0.0, gaps=self._gaps(), pace=0.0)
        if isinstance(claim, Claim):
            if claim.held > 0:
                raise self._held_error(claim.held)
            if self.health.breaker.is_open:
                self._probe = claim.stamp
        return claim

    def judge(self, claim: Claim[State], exchange: Exchange) -> Ruling:
        """Take in how the request of a claim went; the ruling is for `settle`."""
        if exchange.error is None and not exchange.verdict.is_answer:
            # No such route, too large a batch, or our own loop stood still: neither a fault nor a proof.
            return Ruling(self.health)
        is_only_a_callers = self._is_polling and not claim.rows and not self.health.failures
        if is_only_a_callers and exchange.verdict in FAILURES:
            # A stranger may ask for whatever spoils a request. Whether the gateway is well, the polls find out; once
            # they fail, it is spared the strangers, too.
            return Ruling(self.health)
        ruling = governor.judge(self.health, exchange, self._rng)
        self.health = ruling.governor
        if claim.stamp == self._probe:
            self._probe = None
            self._wake()
        self._denied = present(self._credential) if exchange.verdict is Verdict.DENIED else None
        if self._denied is not None:
            ruling = evolve(ruling, hold=min(RECHECK, ruling.hold))
        if ruling.hold:
            self._held_until = max(self._held_until, exchange.at + ruling.hold)
        return ruling

    def close(self) -> None:
        """Let nobody in any more; what is still under way outside the watcher ends without a word to the store."""
        self._is_closed = True

    async def settle(self, claim: Claim[State], rows: Sequence[Row[State] | Alike], ruling: Ruling) -> None:
        """Give a claim back after a request that was judged: shut the gate if need be, tell the readers."""
        if self._is_closed:
            return
        told = () if ruling.told is None else (ruling.told,)
        # A caller that gives up takes no Retry-After and no news with it.
        with anyio.CancelScope(shield=True):
            await self._store.commit(claim, rows, hold=ruling.hold, told=told)
        if ruling.told is not None and ruling.is_new:
            self._tell(ruling.told, ruling.hold)

    async def give_back(self, claim: Claim[State], rows: Sequence[Row[State] | Alike]) -> None:
        """Give claimed ids back without a request."""
        if rows:
            await self._store.commit(claim, rows)

    def standing(self) -> Unreachable | None:
        """
        Return what a new reader must know first: an outage under way, or a fault that somebody must mend.

        A fault from before the first useful answer stands only while the gate is shut for it; then the next
        reader's look may try again.
        """
        health = self.health
        if health.error is None or health.failing_since is None or not health.is_told:
            return None
        if not health.is_proven and not health.error.transient and self._clock() >= self._held_until:
            return None
        return Unreachable(self._name, health.failed_at, health.error, health.failing_since, health.is_proven)

    def _held_error(self, held: float) -> GatewayError:
        if self.health.error is None:
            return GatewayBusy(f"left alone for {held:.0f} s more", gateway=self._name, retry_after=held)
        return again(self.health.error)

    def _tell(self, told: GatewayEvent, hold: float) -> None:
        match told:
            case Unreachable(error=error):
                self._log.warning(
                    "gateway.failing",
                    error=type(error).__name__,
                    status=error.status,
                    why=error.message,
                    hold=round(hold, 1),
                )
            case Recovered(outage=outage):
                self._log.info("gateway.recovered", outage=round(outage, 3))


def again(error: GatewayError) -> GatewayError:
    """Return *error* anew: one that is raised in several readers would carry all their tracebacks."""
    return ErrorData.of(error).build(error.gateway)
