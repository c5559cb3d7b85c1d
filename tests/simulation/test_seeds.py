"""Many seeded worlds: chaos, then healing, then every promise is demanded. `pytest -m simulation` runs thousands."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Final

import pytest

from tests.simulation import fleet, labels
from tests.simulation.fleet import Score
from tests.simulation.plan import Level
from tests.support.figures import FIGURES

FIXED: Final = {"core": (300, 2_000), "http": (40, 200)}
"""Seeds from 0 on: in every run of the tests, and in the long one."""
FRESH: Final = {"core": 500, "http": 50}
"""Seeds that nobody has seen yet, in the long run."""
TIMES: Final = float(os.environ.get("MJWATCH_SEEDS", "1"))
"""How many times as many seeds: below 1 on a slow machine, 10 for a night."""
IS_GATE: Final = "CI" in os.environ
"""What a new seed finds is no fault of the change that happened to meet it: a gate tells it and lets the change pass."""
_RARE_ONES_NEED: Final = 300
"""With fewer seeds than this a rare thing may stay away by chance."""


def shown(score: Score) -> str:
    """Return what broke, seed by seed, in words."""
    return "\n\n".join(["", *list(score.broken.values())[:3], f"{len(score.broken)} of {score.seeds} seeds"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("level", ["core", "http"])
def test_no_seed_breaks_a_promise(level: Level) -> None:
    """The seeds of every run: few faults or many, any readers, a crash now and then."""
    score = fleet.fly(level, 0, max(2, round(FIXED[level][0] * TIMES)))

    assert not score.broken, shown(score)


@pytest.mark.simulation
@pytest.mark.timeout(3_600)
def test_thousands_of_seeds_break_no_promise_and_reach_every_label(
    record_property: Callable[[str, object], None],
) -> None:
    """The long run: fixed seeds and fresh ones, on both levels; whatever a seed is run for has happened in some."""
    fixed, new = Score(), Score()
    unreached: list[str] = []
    levels: tuple[Level, ...] = ("core", "http")
    for level in levels:
        fresh = 1_000_000 + secrets.randbelow(10**9)
        known = fleet.fly(level, 0, round(FIXED[level][1] * TIMES))
        unknown = fleet.fly(level, fresh, round(FRESH[level] * TIMES))
        fixed.add(known)
        new.add(unknown)
        score = Score()
        score.add(known)
        score.add(unknown)
        wanted = labels.LABELS if level == "core" else labels.HTTP_ONLY
        if score.seeds >= _RARE_ONES_NEED or level == "http":
            unreached += [f"{level}: {label}" for label in fleet.missing(score, wanted)]
        record_property(FIGURES, f"{level}: fresh seeds from {fresh} on\n{score.told()}")
    if new.broken:
        record_property(FIGURES, f"broken by seeds that nobody had seen before:\n{shown(new)}")

    assert not fixed.broken, shown(fixed)
    assert not unreached, f"no seed reached: {unreached}"
    assert IS_GATE or not new.broken, shown(new)
