"""How large a run is: the one place where its counts and durations stand."""

from __future__ import annotations

from typing import Final

from attrs import frozen

BATCH: Final = 500
"""Ids in one list request: the documented ceiling, and what the library asks for."""


@frozen(kw_only=True)
class Plan:
    """
    One run's counts, and durations in seconds.

    Attributes:
        rounds: How often each way is measured, in rotating order; medians count.
        is_crammed: All ways in one process, to save time; not for figures that anybody reads.
        tasks: How many tasks the library and the batch loops watch.
        alone: How many the loop per task watches.
        period: Seconds of a pass.
        step_every: Seconds from one change of a task to the next: 5 % change in each second.
        window: How long is measured.
        settling: How long the adaptive schedule runs before it is measured: at first all tasks are new, and ride together.
        adaptive_window: How long it is measured; it asks less often.
        adaptive_step_every: Seconds from one change to the next with which a pass each second finds as much news as it.
        crowd: The large number of tasks.
        crowd_period: Seconds of a pass over them.
        crowd_step_every: The same for the crowd: 28 % of its tasks change from look to look.
        crowd_rounds: How often the crowd is measured.
        rand_rounds: How often family C is.
        growth: Numbers of tasks, of which the second is the yardstick.
        slice_looks: Looks measured at once while growing.
        growth_rounds: How often.
        memory: Numbers of tasks whose memory is measured.
        memory_before: How many were watched before.
        readers: Subscribers.
        bursts: How many bursts they get.
        imports: How often each import is timed.
    """

    rounds: int = 5
    is_crammed: bool = False
    tasks: int = 10_000
    alone: int = 1_000
    period: float = 1.0
    step_every: float = 20.0
    window: float = 3.0
    settling: float = 10.0
    adaptive_window: float = 15.0
    adaptive_step_every: float = 6.0
    crowd: int = 100_000
    crowd_period: float = 10.0
    crowd_step_every: float = 35.0
    crowd_rounds: int = 2
    rand_rounds: int = 3
    growth: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    slice_looks: int = 100_000
    growth_rounds: int = 7
    memory: tuple[int, ...] = (100_000, 1_000_000)
    memory_before: int = 10_000
    readers: int = 1_000
    bursts: int = 25
    imports: int = 25


FULL: Final = Plan()
SMOKE: Final = Plan(
    rounds=1,
    is_crammed=True,
    tasks=200,
    alone=50,
    period=0.2,
    step_every=4.0,
    window=0.3,
    settling=0.1,
    adaptive_window=2.0,
    crowd=1_000,
    crowd_period=0.4,
    crowd_step_every=1.4,
    crowd_rounds=1,
    rand_rounds=1,
    growth=(100, 200),
    slice_looks=400,
    growth_rounds=1,
    memory=(5_000,),
    memory_before=200,
    readers=20,
    bursts=2,
    imports=1,
)
