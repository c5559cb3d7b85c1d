"""Pacing, end to end: it learns the gateway's tick and its tasks, says how long it takes, and why it looks when it does."""

from __future__ import annotations

import anyio
import pytest

from mjwatch import Pacing, Progress, Watcher
from mjwatch.testing import Family, SimulatedGateway
from tests.watcher.stage import now, preset, read, simulated, staged, watcher_on


async def run_tasks(
    sim: SimulatedGateway, watcher: Watcher, count: int, *, first: int = 0
) -> tuple[float, float]:
    """Wait for *count* tasks, one after the other; return the looks each took and the mean lag."""
    lags: list[float] = []
    before = watcher.stats().looks
    for number in range(first, first + count):
        task_id = sim.random_task(f"{number}")
        await watcher.wait(task_id)
        shown_at = sim.shown_at(task_id)
        assert shown_at is not None
        lags.append(now() - shown_at)
        await anyio.sleep(3.7)
    return (watcher.stats().looks - before) / count, sum(lags) / count


@simulated
async def test_a_warm_watcher_pays_less_than_a_cold_one() -> None:
    """Looks times waiting: of one that has come to know its gateway, beside as many that each meet it anew."""
    cold = []
    async with staged() as (sim, watcher):
        await run_tasks(sim, watcher, 60)
        looks, lag = await run_tasks(sim, watcher, 40, first=60)
        for number in range(100, 140):
            async with watcher_on(preset(sim)) as fresh:
                cold.append(await run_tasks(sim, fresh, 1, first=number))
    cold_looks, cold_lag = (sum(column) / len(cold) for column in zip(*cold, strict=True))
    assert looks * lag < 0.8 * cold_looks * cold_lag


@simulated
async def test_the_tick_of_a_gateway_is_found() -> None:
    """Family C copies every 15 s and a little: looks come right after."""
    async with staged(Family.NEW_API) as (sim, watcher):
        await run_tasks(sim, watcher, 25)
        looks, lag = await run_tasks(sim, watcher, 25, first=25)
        sim.random_task("last")
        await watcher.add("last")
        await anyio.sleep(20)
        why = await watcher.explain("last")
    assert why.tick is not None
    assert 15.0 <= why.tick.period <= 15.6
    assert why.tick.trust > 0.8
    assert why.learned_from == 20
    # a fixed interval of 1 s would take some fifty looks for a mean lag of half a second
    assert looks < 12
    assert lag < 2.5


@simulated
async def test_progress_says_how_long_it_may_still_take() -> None:
    """An honest guess: half of the tasks, nine in ten."""
    async with staged() as (sim, watcher):
        sim.task("1").after(2).submitted().after(6).progress(31).after(6).progress(78).after(5).success()
        events = await read(watcher.watch("1"))
    guesses = [event.eta for event in events if isinstance(event, Progress)]
    assert len(guesses) >= 2
    for guess in guesses:
        assert guess is not None
        assert 0 < guess.p50 < guess.p90
    assert guesses[-1].p50 < guesses[0].p50  # type: ignore[union-attr]  # none is None, see above


@pytest.mark.parametrize("family", [Family.NEW_API, Family.TRUEAI])
@simulated
async def test_guesses_are_as_good_as_they_say(family: Family) -> None:
    """Half of the tasks end within the one, nine in ten within the other, but for the wait until a look sees it."""
    unseen = 1.5 if family is Family.NEW_API else 0.5
    within_p50, within_p90 = [], []
    async with staged(family) as (sim, watcher):
        for number in range(85):
            *before, end = await read(watcher.watch(sim.random_task(f"{number}")))
            for event in before if number >= 25 else ():
                if isinstance(event, Progress) and event.eta is not None:
                    left = end.at - event.at - unseen
                    within_p50.append(left <= event.eta.p50)
                    within_p90.append(left <= event.eta.p90)
    half, most = (sum(within) / len(within) for within in (within_p50, within_p90))
    assert len(within_p50) > 100
    # Ticks are 15 s apart: the first by which half have ended may well have shown three in four.
    assert 0.42 < half < (0.9 if family is Family.NEW_API else 0.6)
    assert 0.87 < most < (1.0 if family is Family.NEW_API else 0.98)


@simulated
async def test_a_fixed_schedule_forecasts_nothing() -> None:
    """`Pacing.every` neither learns nor guesses."""
    async with staged(pacing=Pacing.every(2)) as (sim, watcher):
        sim.task("1").after(2).submitted().after(6).progress(31).after(6).success()
        async with watcher.watch("1") as stream:
            events = [await anext(stream), await anext(stream)]
            why = await watcher.explain("1")
    assert [event.eta for event in events if isinstance(event, Progress)] == [None, None]
    assert why.reason == "fixed"
    assert why.wait == pytest.approx(2.0, abs=0.05)


@simulated
async def test_a_watcher_explains_itself_without_a_request() -> None:
    """Also of an id that it does not watch."""
    async with staged() as (sim, watcher):
        sim.task("1").submitted().after(60).success()
        await watcher.add("1")
        await anyio.sleep(3)
        asked = len(sim.requests)
        why, unknown = await watcher.explain("1"), await watcher.explain("2")
        assert len(sim.requests) == asked
    assert why.task_id == "1"
    assert why.due_in is not None
    assert why.wait > 1.0
    assert why.eta is not None
    assert str(unknown).startswith("2: not watched: ")


@pytest.mark.parametrize("family", [Family.NEW_API, Family.TRUEAI, Family.ENVELOPED])
@simulated
async def test_a_look_comes_when_it_was_said_to_come(family: Family) -> None:
    """Whether the task has a time of its own, or rides with the next list request."""
    async with staged(family) as (sim, watcher):
        sim.task("1").submitted().after(300).success()
        await watcher.add("1")
        await anyio.sleep(5)
        for _ in range(5):
            asked, why = len(sim.requests), await watcher.explain("1")
            assert why.due_in is not None
            await anyio.sleep(why.due_in - 0.3)
            before = len(sim.requests)
            await anyio.sleep(0.7)  # of which some are the gateway's
            assert (before, len(sim.requests)) == (asked, asked + 1)


@simulated
async def test_an_explanation_says_the_same_whenever_it_is_asked_for() -> None:
    """Between two ticks: it tells of the look to come, as it was decided at the last one."""
    async with staged(Family.NEW_API) as (sim, watcher):
        await run_tasks(sim, watcher, 25)
        sim.task("last").submitted().after(300).success()
        await watcher.add("last")
        await anyio.sleep(40)
        while True:
            first = await watcher.explain("last")
            assert first.due_in is not None
            if first.due_in > 10.0:
                break
            await anyio.sleep(0.4)
        for _ in range(4):
            await anyio.sleep(first.due_in / 5)
            why = await watcher.explain("last")
            assert why.reason == first.reason == "tick"
            assert why.wait == pytest.approx(first.wait, abs=0.1)
            assert why.news == pytest.approx(first.news, abs=0.02)
            assert why.due_in is not None
            assert why.tick is not None
            assert why.eta is not None
            assert why.due_in == pytest.approx(why.tick.next_in, abs=why.tick.width / 2 + 0.2)
            assert why.eta.p50 > why.tick.next_in - 0.1
            (watched,) = await watcher.watched()
            assert watched.due_in == why.due_in


@simulated
async def test_stats_say_what_the_limits_allow() -> None:
    """A thousand single lookups at 300 a minute are one look in 200 s."""
    async with staged(Family.ENVELOPED) as (_, watcher):
        assert watcher.stats().look_every == 1.0
        await watcher.add(*(f"{number}" for number in range(1_000)))
        assert watcher.stats().look_every == 200.0
        why = await watcher.explain("last")
    assert (why.reason, why.wait) == ("budget", 200.0)
