"""What two runs of one world must have in common: determinism, isolation, and what a reader or a clock may change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from tests.simulation.history import History
from tests.simulation.plan import Level, Plan, Reader, Spell, draw
from tests.simulation.world import run

ROOT = Path(__file__).parents[2]
SOME = range(3)
DIGESTS = """
from tests.simulation.plan import draw
from tests.simulation.world import run
for level, count in (("core", 8), ("http", 3)):
    print([run(draw(seed, level)).digest for seed in range(100, 100 + count)])
"""


def asked(history: History, gateway: str = "g0") -> list[tuple[float, str, tuple[str, ...], float, str]]:
    """Return what one gateway was asked, to the microsecond."""
    return [
        (round(sent.at, 6), sent.route, sent.ids, round(sent.ended_at, 6), sent.outcome)
        for sent in history.sent_by(gateway)
    ]


def read(history: History, readers: set[str]) -> list[tuple[str, float, str, str]]:
    """Return what some readers got, and when."""
    return [
        (session.reader, round(got.at, 6), got.event.kind, got.event.id)
        for session in history.sessions
        if session.reader in readers
        for got in session.got
    ]


def alone(seed: int) -> Plan:
    """Return a plan of one gateway, without what befalls all of them at once."""
    plan = draw(seed, "core")
    spells = tuple(spell for spell in plan.spells if spell.gateway == 0 and spell.kind != "suspended")
    return evolve(plan, gateways=plan.gateways[:1], spells=spells, crashes=(), wall_jumps=(0.0,))


def test_the_same_seed_is_the_same_run_in_every_process() -> None:
    """Two processes with different hash seeds send and tell the same at the same instants."""
    runs = [
        subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    printed = [one.communicate(timeout=50)[0].splitlines() for one in runs]

    assert [one.returncode for one in runs] == [0, 0]
    assert printed[0] == printed[1]
    assert len(printed[0]) == 2


@pytest.mark.parametrize("seed", [*SOME, 4, 7])
def test_one_gateway_knows_nothing_of_another(seed: int) -> None:
    """N3: beside a gateway that swallows everything, all requests and events of another one stay as they were."""
    plan = alone(seed)
    other = evolve(draw(seed + 50, "core").gateways[0], name="g1")
    swallowed = Spell(1, "black_hole", 0.0, plan.healed_at, 0.5)
    hole = evolve(plan, gateways=(*plan.gateways, other), spells=(*plan.spells, swallowed))
    readers = {reader.name for reader in plan.gateways[0].readers}

    before, beside = run(plan), run(hole)
    beside.sessions = [session for session in beside.sessions if session.gateway == "g0"]

    assert len(before.wire) > 3
    assert asked(beside) == asked(before)
    assert read(beside, readers) == read(before, readers)


@pytest.mark.parametrize("seed", SOME)
def test_a_stuck_reader_delays_nobody(seed: int) -> None:
    """Q3: with one more reader that never reads, everybody else gets the same at the same instants, at the same price."""
    plan = alone(seed)
    gateway = plan.gateways[0]
    first = gateway.readers[0]
    stuck = Reader(
        "stuck", "stuck", first.begins_at + 1e-9, first.ids, deadline=first.deadline, patience=200.0
    )
    crowded = evolve(plan, gateways=(evolve(gateway, readers=(*gateway.readers, stuck)),))
    readers = {reader.name for reader in gateway.readers}

    before, beside = run(plan), run(crowded)

    assert len(read(before, readers)) > 1
    assert asked(beside) == asked(before)
    assert read(beside, readers) == read(before, readers)


@pytest.mark.parametrize("seed", SOME)
def test_the_wall_clock_moves_no_look(seed: int) -> None:
    """T1: a day ahead or behind, every request leaves when it did."""
    plan = evolve(draw(seed, "core"), crashes=(), wall_jumps=(0.0,))
    spells = tuple(spell for spell in plan.spells if spell.kind != "429_hostile")  # one of them is a date
    # the library's own schedule goes by how old a gateway says its tasks are, and so by the distance of both clocks
    gateways = tuple(evolve(gateway, every=gateway.every or 4.0) for gateway in plan.gateways)
    plan = evolve(plan, spells=spells, gateways=gateways)

    before, ahead, behind = (run(evolve(plan, wall_jumps=(jump,))) for jump in (0.0, 86_400.0, -86_400.0))

    assert len(before.wire) > 3
    assert asked(ahead) == asked(before) == asked(behind)


@pytest.mark.parametrize("level", ["core", "http"])
def test_a_run_can_be_lived_again(level: Level) -> None:
    """One seed is one run, also twice in one process."""
    assert run(draw(11, level)).digest == run(draw(11, level)).digest
