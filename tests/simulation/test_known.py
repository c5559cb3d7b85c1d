"""What seeds have found: as the smallest world that shows it, mended or not yet."""

from __future__ import annotations

import pytest
from attrs import evolve

from mjwatch import Event, Pacing, Success
from mjwatch.testing import Family, SimulatedGateway
from tests.watcher.stage import check_contract, preset, read, simulated, watcher_on


async def told(family: Family, lag: float, pace: float, *, is_finishing: bool = False) -> list[Event]:
    """Return what one reader is told of a task, by a gateway with a replica that lags."""
    async with (
        SimulatedGateway(family, replicas=(0.0, lag), refresh=5.0, seed=1) as sim,
        watcher_on(preset(sim), pacing=Pacing.every(1)) as watcher,
    ):
        script = sim.task("1").after(pace).submitted()
        for percent in (15, 31, 46, 62):
            script.after(pace).progress(percent)
        if is_finishing:
            script.after(pace).progress(93).after(pace).finishing()
        script.after(pace).success()
        return await read(watcher.watch("1"))


@simulated
async def test_a_replica_that_still_shows_the_first_row_of_a_relay_is_behind() -> None:
    """Family C writes a row without a status at submit: seen again, it tells nothing, and no event comes twice."""
    check_contract(await told(Family.NEW_API, 12.0, 10.0), "1")


@pytest.mark.xfail(
    reason="rows of family E have neither number nor time, so nothing shows which is the older one"
)
@simulated
async def test_a_replica_that_lags_makes_no_event_twice_on_family_e() -> None:
    """The previews of two replicas in turn are told once each."""
    check_contract(await told(Family.ENVELOPED, 12.0, 10.0), "1")


@pytest.mark.xfail(
    reason="NOT_START behind a window may be its answer or the past: only the next look tells which"
)
@simulated
async def test_a_replica_that_lags_closes_no_window() -> None:
    """A window that nobody answered is told once, whatever a replica still shows."""
    async with (
        SimulatedGateway(Family.PLUS, replicas=(0.0, 12.0), seed=1) as sim,
        watcher_on(preset(sim), pacing=Pacing.every(1)) as watcher,
    ):
        sim.task("1", action="INPAINT").after(10).modal().after(5).success()
        events = await read(watcher.watch("1", deadline=120))

    assert [event.kind for event in events] == ["progress", "input_required", "expired"]


@pytest.mark.xfail(
    reason="the same number with another picture: a state keeps one preview, so nothing shows a return"
)
@simulated
async def test_a_replica_that_lags_makes_no_preview_twice() -> None:
    """93 % with the last preview and 93 % with the final picture, in turn, are two events."""
    check_contract(await told(Family.PLUS, 12.0, 10.0, is_finishing=True), "1")


@simulated
async def test_a_picture_that_comes_late_is_seen_by_the_next_look() -> None:
    """Whoever asks every 6 s gets the picture that was there 2.5 s after the end: the next look is made for it."""
    async with (
        SimulatedGateway(Family.PLUS, seed=1) as sim,
        watcher_on(preset(sim), pacing=Pacing.every(6)) as watcher,
    ):
        script = sim.task("1").after(4).progress(46).after(7.5)
        ending = script.success()
        whole = script.timeline.steps[-1]
        ending.without_url()
        script.timeline.append(evolve(whole, at=whole.at + 2.5))
        events = await read(watcher.watch("1"))

    assert isinstance(events[-1], Success)
    assert events[-1].task.image_url
