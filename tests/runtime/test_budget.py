"""A watcher that begins anew is as polite as the one before."""

from __future__ import annotations

import anyio
import pytest

from mjwatch._policy.governor import Exchange
from mjwatch._runtime.budget import Budget
from mjwatch._wire.messages import Route
from mjwatch.errors import GatewayBusy
from mjwatch.observations import Verdict
from tests.runtime.rig import PlayedGateway, Rig, make_rig, running


def budget(rig: Rig) -> Budget:
    """Return the budget of *rig*."""
    return Budget(rig.gate, rig.coalescer, rig.now)


async def held(rig: Rig, seconds: float) -> None:
    """Let the gateway ask for patience."""
    error = GatewayBusy("busy", gateway="sim", retry_after=seconds)
    async with rig.gate.enter() as claim:
        exchange = Exchange(Verdict.THROTTLED, error, rig.now(), rig.now())
        await rig.gate.settle(claim, (), rig.gate.judge(claim, exchange))


async def test_a_hold_outlives_its_watcher() -> None:
    """The next one asks nothing until it is over, and then for one id."""
    before = make_rig(PlayedGateway())
    await held(before, 100)
    note = budget(before).to_note()
    await anyio.sleep(30)
    after = make_rig(PlayedGateway(takes=0.1))
    for number in range(9):
        after.played.show(str(number))
    assert budget(after).read_note(note)
    async with running(after):
        begun = after.now()
        await after.router.keep(map(str, range(9)))
        with pytest.raises(GatewayBusy, match="left alone"):
            await after.coalescer.lookup("1")
        await anyio.sleep(120)

    first, *_ = after.played.sent
    assert 70 <= first[0] - begun <= 82
    assert [len(ids) for _, _, ids in after.played.sent[:3]] == [1, 1, 9]


async def test_what_a_gateway_takes_is_not_tried_again() -> None:
    """Its route is known from the start."""
    before = make_rig(PlayedGateway())
    before.coalescer.batching = type(before.coalescer.batching)(
        before.coalescer.batching.routes, 500, index=1, widest_at=before.now() + 1_000
    )
    after = make_rig(PlayedGateway())
    budget(after).read_note(budget(before).to_note())

    assert after.coalescer.batching.route is Route.LIST_BY_CONDITION


async def test_a_note_that_cannot_be_read_changes_nothing() -> None:
    """It is said so, for the log."""
    rig = make_rig(PlayedGateway())
    health = rig.gate.health

    assert not budget(rig).read_note(b"{}")
    assert rig.gate.health is health
