"""Ids that spoil a request for the others: found by halves beside the pump, then looked at alone until they are well.

Rule: makes the requests of the search and keeps who is apart; who is suspected, how halves are chosen and how long one
stays apart stands in `poison.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio

from mjwatch._policy.governor import Exchange
from mjwatch._policy.poison import Bisection, Quarantine, Strikes, healed, struck
from mjwatch._policy.state import State
from mjwatch._runtime.coalescer import Coalescer
from mjwatch._runtime.context import Context
from mjwatch._store.contract import ClaimedRow, Store
from mjwatch.errors import GatewayError

PATIENCE: Final = 60.0
"""How long suspects are left alone while they are searched, seconds; the end of the search wakes them."""
SEARCH_EVERY: Final = 60.0
"""Seconds between two searches: each may cost as many requests as ids, and all must stay within a tenth of the looks."""
_ALL_BAD: Final = 3
"""So many ids that fail alone, where nothing went well since the search began: perhaps the gateway went down."""
_MOST: Final = 1000
"""Ids of which it is known that they were apart; the first that came goes first."""

Claimed = ClaimedRow[State]


class Ward:
    """Who is apart, of one gateway."""

    def __init__(
        self, context: Context, store: Store[State], coalescer: Coalescer, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._coalescer = coalescer
        self._wake = wake
        self._clock = context.clock
        self._rng = context.rng
        self._log = context.log
        self._strikes = Strikes()
        self._apart: dict[str, Quarantine] = {}
        self._sought: set[str] = set()  # the suspects of the search under way that are still watched
        self._free_at = float("-inf")

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._apart

    def __len__(self) -> int:
        return len(self._apart)

    def apart(self, rows: Sequence[Claimed]) -> list[Claimed]:
        """Return those of *rows* that must not ride with the others."""
        return [row for row in rows if row.id in self._apart] if self._apart else []

    def took(self, rows: Sequence[Claimed], exchange: Exchange) -> tuple[str, ...]:
        """Take in how a request for *rows* went; return the ids to `search`, () where there are none."""
        is_well = exchange.verdict.is_answer
        if is_well and self._strikes.is_clear:
            self._strikes.well_at = exchange.at  # nearly always: no list of ids for it
            return ()
        ids = [row.id for row in rows]
        self._strikes.took(ids, exchange.verdict, exchange.at)
        suspects = () if is_well or exchange.at < self._free_at else self._strikes.suspects(ids)
        if suspects:
            self._free_at = float("inf")  # one search at a time
        return suspects

    async def search(self, suspects: Sequence[str]) -> None:
        """Find out who of *suspects* spoils requests; at the end they are due, and the guilty ones apart."""
        self._sought = set(suspects)
        try:
            if not self._strikes.is_outage(suspects) or await self._is_well(suspects):
                self._accuse(await self._guilty(suspects))
        except GatewayError:
            pass  # left alone meanwhile: an outage after all
        finally:
            self._sought.clear()
            self._free_at = self._clock() + SEARCH_EVERY
            self._strikes.forget(suspects)
            with anyio.CancelScope(shield=True):
                await self._store.nudge(suspects)
                self._wake()

    def rest(self, task_id: str, *, is_well: bool) -> float | None:
        """Take in a look at one id alone; return for how long it stays apart, None where it is not."""
        before = self._apart.get(task_id)
        if before is None:
            return None
        after = healed(before, self._rng) if is_well else struck(before, self._rng)
        if after is None:
            del self._apart[task_id]
            return None
        self._apart[task_id] = after
        return after.look_in

    def ended(self, task_id: str) -> None:
        """Forget an id that is not looked at any more."""
        self._apart.pop(task_id, None)
        self._sought.discard(task_id)

    async def _guilty(self, suspects: Sequence[str]) -> list[str]:
        search = Bisection(tuple(suspects))
        has_gone_well = False
        while search.ask:
            ask = [task_id for task_id in search.ask if task_id in self._sought]
            if not ask:  # it may take long, and all of these have ended meanwhile
                search.tell(well=True)
                continue
            is_well = await self._coalescer.look_on_trial(ask)
            if is_well is None:
                return []
            search.tell(well=is_well)
            has_gone_well = has_gone_well or is_well
            if len(search.poison) >= _ALL_BAD and not has_gone_well:
                has_gone_well = await self._is_well(search.unresolved or suspects)
                if not has_gone_well:
                    return []
        guilty = [*search.poison, *search.unresolved]
        innocent = [task_id for task_id in suspects if task_id not in guilty]
        # A gateway that went down meanwhile fails whomever it is asked for. Where the search was given up there is
        # nobody who is known to be innocent, but most are.
        return guilty if guilty and await self._is_well(innocent or search.unresolved or suspects) else []

    async def _is_well(self, ids: Sequence[str]) -> bool:
        return await self._coalescer.look_on_trial((self._rng.choice(ids),)) is True

    def _accuse(self, guilty: Sequence[str]) -> None:
        for task_id in guilty:
            self._apart[task_id] = struck(self._apart.pop(task_id, None), self._rng)
        while len(self._apart) > _MOST:
            del self._apart[next(iter(self._apart))]
        if guilty:
            self._log.warning("batch.spoiled", by=len(guilty), first=guilty[0])
