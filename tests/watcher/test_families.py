"""Every family of gateways, random tasks watched to their ends, against what is true of them."""

from __future__ import annotations

import pytest

from mjwatch import ButtonsAvailable, Event, Failure, Status, Success
from mjwatch.testing import Family
from tests.watcher.stage import EPOCH, check_contract, kinds, now, of_task, of_tasks, read, simulated, staged

ACTIONS = {
    Family.NOVICEZK: ("IMAGINE", "UPSCALE", "VARIATION", "DESCRIBE", "BLEND"),
    Family.PLUS: ("IMAGINE", "UPSCALE", "VARIATION", "DESCRIBE", "ZOOM"),
    Family.TRUEAI: ("IMAGINE", "UPSCALE", "REROLL", "DESCRIBE", "VIDEO"),
    Family.NEW_API: ("IMAGINE", "UPSCALE", "VARIATION", "SHORTEN", "VIDEO"),
    Family.ENVELOPED: ("VIDEO", "VIDEO", "VIDEO", "VIDEO", "VIDEO"),
}
LATE = 40.0  # seconds that an end may wait to be told: the longest interval, settling, and a little


@pytest.mark.parametrize("family", list(Family))
@simulated
async def test_20_random_tasks_end_once_and_rightly(family: Family) -> None:
    """One final each, of the right kind, soon after the gateway shows it; buttons before it; percent never falls."""
    async with staged(family) as (sim, watcher):
        wall = EPOCH - now()
        ids = [str(1_712_158_011_464_900 + n) for n in range(20)]
        for n, task_id in enumerate(ids):
            if n % 7 == 6:
                sim.task(task_id, action=ACTIONS[family][n % 5]).after(3).submitted().after(n * 4).failure(
                    "x"
                )
            else:
                sim.random_task(
                    task_id, action=ACTIONS[family][n % 5], mode=("FAST", "TURBO", "RELAX")[n % 3]
                )
        events: list[Event] = await read(watcher.watch(*ids))

        assert of_tasks(events) == events
        check_contract(events, *ids)
        for n, task_id in enumerate(ids):
            history = of_task(events, task_id)
            end = history[-1]
            shown = sim.shown_at(task_id)
            ended = sim.true_end(task_id)
            assert shown is not None
            assert ended is not None
            assert ended <= shown <= end.at - wall <= shown + LATE
            if n % 7 == 6:
                assert isinstance(end, Failure)
                assert end.reason == ("x" if family is not Family.ENVELOPED else end.reason)
                continue
            assert isinstance(end, Success)
            assert end.task.status is Status.SUCCESS
            assert bool(end.videos) == (ACTIONS[family][n % 5] == "VIDEO")
            shows = [event.buttons for event in history if isinstance(event, ButtonsAvailable)]
            assert (shows or [()])[-1] == end.task.buttons
            assert bool(shows) == (
                family in {Family.PLUS, Family.TRUEAI, Family.NEW_API} and bool(end.task.buttons)
            )
            if family in {Family.PLUS, Family.TRUEAI, Family.NEW_API} and ACTIONS[family][n % 5] in {
                "IMAGINE",
                "UPSCALE",
            }:
                assert kinds(history)[-2:] in (["buttons", "success"], ["progress", "success"])
                assert shows
