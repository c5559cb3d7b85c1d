"""A stall of our own event loop is told from a gateway that does not answer."""

from __future__ import annotations

import anyio
import pytest

from mjwatch._policy.governor import Governor
from mjwatch._runtime.pulse import BEAT, STILL, Pulse
from mjwatch._wire.messages import Reply, Request
from mjwatch.errors import GatewayUnreachable
from tests.runtime.rig import PlayedGateway, kinds, make_rig, read, running
from tests.support.stalls import stand_still

GONE = GatewayUnreachable("no answer in time", gateway="sim")


async def test_a_loop_that_turns_misses_no_beat() -> None:
    """However long the wait is."""
    pulse = Pulse()
    with pulse:
        await anyio.sleep(100)
        assert not pulse.has_missed


@pytest.mark.parametrize("begun", [0.0, 0.5, 30.2])
async def test_a_loop_that_stood_still_has_missed_one(begun: float) -> None:
    """It is known in the very turn in which the loop comes back, and from then on."""
    pulse = Pulse()
    with pulse:
        await anyio.sleep(begun)
        stand_still(BEAT + STILL + 0.1)
        assert pulse.has_missed
        await anyio.sleep(50)

    assert pulse.has_missed


async def test_a_short_step_is_no_stall() -> None:
    """Half a second happens."""
    pulse = Pulse()
    with pulse:
        await anyio.sleep(0.9)
        stand_still(0.5)
        await anyio.sleep(5)

    assert not pulse.has_missed


class Stalling(PlayedGateway):
    """A gateway whose first answers are awaited while the loop stands still."""

    stalls = 2

    async def send(self, request: Request) -> Reply:
        """Answer, or let the time-out fire."""
        if self.stalls:
            self.stalls -= 1
            stand_still(25)
            raise GONE
        return await super().send(request)


async def test_a_time_out_within_a_stall_is_held_against_nobody() -> None:
    """The watch asks again at once; no fault is counted, and the readers hear of none."""
    played = Stalling(takes=0.1)
    played.show("1")
    async with running(make_rig(played)) as rig:
        begun = rig.now()
        events = await read(rig.watch("1"), 1)

        assert kinds(events) == ["progress"]
        assert rig.now() - begun < 2 * 25 + 2
        assert rig.pump.tally.faults == 0
        assert rig.gate.health.failures == Governor().failures


async def test_whoever_asks_for_now_asks_again() -> None:
    """A lookup tries once more; a verb of the client says what happened."""
    played = Stalling(takes=0.1)
    played.show("1")
    async with running(make_rig(played), pump=False) as rig:
        finding = await rig.coalescer.lookup("1")
        played.stalls = 1
        with pytest.raises(GatewayUnreachable, match="event loop stood still"):
            await rig.client.fetch("1")

    assert finding is not None
