"""The pacing benchmark is fair: nobody sees the future, nobody passes the budget, and no prior is the truth."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import exp
from pathlib import Path
from random import Random
from statistics import quantiles
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import pacing
from benchmarks.schedules import ablations, alone, budget, plots
from benchmarks.schedules.cells import ORACLE, OURS, ROUNDS, Cell, measure, shrunk
from benchmarks.schedules.crews import Library, Rounds, Sleepers
from benchmarks.schedules.fleet import Crew, Fleet
from benchmarks.schedules.gateways import GATEWAYS, Sight, gateway
from benchmarks.schedules.oracle import Oracle
from benchmarks.schedules.ours import Reader
from benchmarks.schedules.peers import FIXED, SCHEDULES
from benchmarks.schedules.scores import best_fixed
from benchmarks.schedules.worlds import KINDS, WORLDS, Life, World, draw
from mjwatch import Pacing
from mjwatch._policy.clock import Clock
from mjwatch._policy.priors import prior

ROOT = Path(__file__).parent.parent
TENTH = 1.2816
"""The 90 % point of a normal distribution."""

seeds = st.integers(0, 10**6)
names = st.sampled_from(GATEWAYS)
worlds = st.sampled_from(sorted(WORLDS))


def ours(seed: int) -> Crew:
    """Return the library with lists of ten."""
    return Library(Reader(Pacing(), None, Random(seed)), room=10)


CREWS: dict[str, Callable[[int], Crew]] = {
    "ours": ours,
    "a loop per task": lambda seed: Sleepers(SCHEDULES["fal"], Random(seed)),
    "a batch loop": lambda _: Rounds(0.1, room=10),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_worlds_are_not_what_the_library_believes(name: str) -> None:
    """Each kind's 10, 50 and 90 % points are at least 20 % off the priors."""
    kind = KINDS[name]
    known = prior(kind.action, kind.mode)
    believed = [exp(known.centre + z * known.spread) for z in (-TENTH, 0.0, TENTH)]
    rng = Random(1)

    lasted = quantiles([draw(World(name, ((name, 1.0),)), rng).lasts for _ in range(3000)], n=10)

    assert all(
        abs(real / prior_says - 1) >= 0.2
        for real, prior_says in zip((lasted[0], lasted[4], lasted[8]), believed, strict=True)
    )


def test_nothing_is_reported_by_the_dice_it_was_tuned_by() -> None:
    """The seeds of tuning and of reporting are disjoint."""
    assert set(pacing.TUNING).isdisjoint(pacing.REPORTING)


@given(seed=seeds, name=names, world=worlds, after=st.floats(0, 400))
def test_a_gateway_never_shows_what_is_not_yet_true(seed: int, name: str, world: str, after: float) -> None:
    """Whatever a look sees was true by then, and the last thing to be seen is the end."""
    life = draw(WORLDS[world], Random(seed))
    view = gateway(name, str(seed)).show(life, 100.0)

    seen = view.steps[view.index_at(100.0 + after)]

    assert 100.0 + seen.at <= 100.0 + after + 1e-6
    assert list(view.shown_at) == sorted(view.shown_at)
    assert view.steps[-1] is life.steps[-1]


@given(seed=seeds, name=names, after=st.floats(0, 100))
def test_a_look_sees_the_truth_of_one_instant(seed: int, name: str, after: float) -> None:
    """The two directions of a gateway agree: when a truth shows, and whose truth a look sees."""
    shown_by = gateway(name, str(seed))
    view = shown_by.show(draw(WORLDS["base"], Random(seed)), 100.0)

    true_at = shown_by.true_at(100.0 + after, view.phase)

    assert true_at <= 100.0 + after + 1e-5
    assert view.steps[view.index_at(100.0 + after)] == view.life.at(true_at + 1e-9 - 100.0)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, who=st.sampled_from(sorted(CREWS)), size=st.integers(1, 40))
def test_a_fleet_never_passes_the_budget(seed: int, who: str, size: int) -> None:
    """Not more than 10 requests in any second, nor 300 and a burst in any minute; whoever looks."""
    fleet = Fleet(
        WORLDS["turbo"], gateway("event-driven", str(seed)), CREWS[who](seed), str(seed), size, 1000.0
    )

    fleet.play(0.0, 70.0)

    spent = fleet.budget.spent_at
    assert spent
    for number, at in enumerate(spent):
        assert bisect_left(spent, at + 1.0 - 1e-3) - number <= 10
        assert bisect_left(spent, at + 60.0 - 1e-3) - number <= 304


def test_the_count_notices_who_passes_the_budget() -> None:
    """The count is no formality."""
    with pytest.raises(budget.OverBudgetError):
        budget.check([number * 0.05 for number in range(30)])
    with pytest.raises(budget.OverBudgetError):
        budget.check([number * 0.15 for number in range(600)])


@settings(max_examples=10, deadline=None)
@given(seed=seeds, name=names)
def test_the_oracle_does_not_know_the_future(seed: int, name: str) -> None:
    """Two tasks that have shown the same get the same next look, however they go on."""
    life = draw(WORLDS["fast"], Random(seed))
    later = Life(life.kind, life.queued, life.takes, (*life.steps[:-1], evolve(life.steps[-1], at=500.0)))

    def waits(one: Life) -> list[float]:
        shown_by = gateway(name, str(seed))
        view = shown_by.show(one, 100.0)
        mind = Oracle(WORLDS["fast"], shown_by, Pacing(), Random(seed), size=200).meet(view)
        sight, now, found = Sight(view), 100.0, []
        while not sight.is_over and now < 100.0 + life.lasts:
            sight.look(now)
            found.append(mind.next_in(sight, now))
            now += found[-1]
        return found

    assert waits(life)[:-1] == waits(later)[: len(waits(life)) - 1]


def test_the_best_fixed_interval_is_counted_right() -> None:
    """What x is measured against is what the loops themselves come to."""
    views = alone.one_by_one(WORLDS["day"], gateway("15 s + U(0, 2)", "1"), 40, Random(1))

    played = [alone.by_schedule(views, schedule, Random(1)).product for schedule in FIXED]

    assert best_fixed(views) == pytest.approx(min(played))


@pytest.mark.parametrize("policy", [OURS, ORACLE, ROUNDS, *SCHEDULES])
@pytest.mark.parametrize("name", GATEWAYS)
def test_everybody_plays_alone(policy: str, name: str) -> None:
    """Each policy sees every end, and never before it is shown."""
    row = measure(shrunk(Cell(world="day", gateway=name, policy=policy, seed=1)))

    assert row.ends == 2
    assert row.lag >= 0
    assert row.looks >= 1
    assert row.requests >= row.looks


@pytest.mark.parametrize("who", CREWS)
def test_everybody_plays_in_a_fleet(who: str) -> None:
    """A crew sees ends, and new tasks begin."""
    fleet = Fleet(WORLDS["turbo"], gateway("15 s + U(0, 0.5)", "1"), CREWS[who](1), "1", 12, 1000.0)

    score = fleet.play(10.0, 120.0)

    assert len(score.lags) > 12
    assert min(score.lags) >= 0
    assert score.looks >= score.requests > 0


def test_the_same_cell_is_the_same_row() -> None:
    """A row depends on its cell and on nothing else."""
    cell = shrunk(Cell(world="base", gateway="3 s, own phase", policy=OURS, seed=1))

    assert measure(cell) == measure(cell)


@pytest.mark.parametrize("refinement", ablations.REFINEMENTS)
def test_a_refinement_is_switched_off_for_one_cell(refinement: str) -> None:
    """The cell runs without it, and afterwards it is back."""
    cell = shrunk(Cell(world="base", gateway="15 s + U(0, 0.5)", policy=OURS, seed=1))
    before, trust = measure(cell), Clock.__dict__["trust"]

    without = measure(evolve(cell, without=refinement))

    assert without.ends == 2
    assert Clock.__dict__["trust"] is trust
    assert measure(cell) == before


def test_the_plots_are_drawings(tmp_path: Path) -> None:
    """Both files are XML that a browser shows, with a title, axes and every policy's name."""
    asked = plots.cells([101])
    rows = {cell: evolve(measure(shrunk(cell)), cell=cell) for cell in asked}

    drawn = plots.draw(rows, [101], tmp_path)

    texts = ["".join(ET.parse(path).getroot().itertext()) for path in drawn]  # noqa: S314 - our own
    assert all(name in texts[0] for name in ("looks per task", "mean lag", "azure", "mjwatch, warm"))
    assert "seconds after the submit" in texts[1]
