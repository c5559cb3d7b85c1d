"""When an unknown id is lost: never on one look, never within the grace, always in the end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.missing import Misses, counted, is_lost, next_look, wants_single

LONG_AGO = -100_000.0


def run(*looks: tuple[float, bool]) -> Misses:
    """Count one miss for each (instant, single)."""
    misses = None
    for now, single in looks:
        misses = counted(misses, now, single=single)
    assert misses is not None
    return misses


def test_the_first_miss_begins_the_count() -> None:
    """The first absence is one miss, and no single lookup."""
    assert Misses(count=1, since=7, singles=0, last_single_at=None) == run((7, False))


def test_singles_count_only_when_they_are_apart() -> None:
    """A second single lookup soon after the first proves nothing new; measured from the last one that counted."""
    soon = run((0, True), (9, True))
    apart = run((0, True), (5, True), (10, True))

    assert Misses(count=2, since=0, singles=1, last_single_at=0) == soon
    assert Misses(count=3, since=0, singles=2, last_single_at=10) == apart


@pytest.mark.parametrize(
    ("misses", "now", "expected"),
    [
        pytest.param(Misses(2, 0), 20, False, id="too few absences"),
        pytest.param(Misses(3, 0), 20, True, id="a few absences"),
        pytest.param(Misses(4, 0, 1, 20), 29, False, id="a single just now"),
        pytest.param(Misses(4, 0, 1, 20), 30, True, id="a single ten seconds ago"),
        pytest.param(Misses(5, 0, 2, 20), 90, False, id="two are enough"),
    ],
)
def test_a_single_lookup_is_wanted_while_it_would_prove_something(
    misses: Misses, now: float, expected: bool
) -> None:
    """After a few absences, at most one in 10 s, and no more than the judgement needs."""
    assert expected is wants_single(misses, now)


@pytest.mark.parametrize(
    ("misses", "watched_at", "now", "expected"),
    [
        pytest.param(Misses(5, 0, 2, 10), 0, 60, True, id="all conditions"),
        pytest.param(Misses(5, 0, 2, 10), 0, 59, False, id="within the grace"),
        pytest.param(Misses(4, 0, 2, 10), 0, 60, False, id="too few misses"),
        pytest.param(Misses(9, 0, 1, 0), 0, 60, False, id="one single only"),
        pytest.param(Misses(9, 0, 0), 0, 600, False, id="lists alone"),
    ],
)
def test_an_id_never_seen_is_lost_after_its_grace(
    misses: Misses, watched_at: float, now: float, expected: bool
) -> None:
    """60 s after the watch began, five misses, two of them by single lookup."""
    assert expected is is_lost(misses, was_seen=False, watched_at=watched_at, now=now)


@pytest.mark.parametrize(
    ("misses", "watched_at", "now", "expected"),
    [
        pytest.param(Misses(10, 0, 2, 10), LONG_AGO, 600, True, id="all conditions"),
        pytest.param(Misses(10, 0, 2, 10), LONG_AGO, 599, False, id="too short"),
        pytest.param(Misses(10, 5_000, 2, 5_010), LONG_AGO, 5_599, False, id="too short, and late"),
        pytest.param(Misses(9, 0, 2, 10), LONG_AGO, 600, False, id="too few misses"),
        pytest.param(Misses(10, 0, 1, 10), LONG_AGO, 600, False, id="one single only"),
        pytest.param(Misses(10, 0, 2, 10), 550, 600, False, id="watched anew"),
    ],
)
def test_an_id_seen_before_needs_ten_minutes(
    misses: Misses, watched_at: float, now: float, expected: bool
) -> None:
    """Ten misses over ten minutes: a restart of the gateway must not cost a paid task."""
    assert expected is is_lost(misses, was_seen=True, watched_at=watched_at, now=now)


@pytest.mark.parametrize(("now", "expected"), [(0, 3), (12, 3), (40, 10), (120, 30), (5_000, 30)])
def test_looks_spread_out_the_longer_an_id_is_missing(now: float, expected: float) -> None:
    """A quarter of the time it has been missing, within 3 and 30 s."""
    assert expected == next_look(Misses(1, 0), now) == next_look(Misses(1, 5_000), 5_000 + now)


def looked_until_lost(*, was_seen: bool, only_single: bool) -> tuple[float, int, int]:
    """Follow `next_look` and `wants_single` from 0: when was it lost, after how many looks, how many single."""
    now, misses, looks, singles = 0.0, None, 0, 0
    while True:
        single = only_single or (misses is not None and wants_single(misses, now))
        looks, singles = looks + 1, singles + single
        misses = counted(misses, now, single=single)
        if is_lost(misses, was_seen=was_seen, watched_at=0.0, now=now):
            return now, looks, singles
        now += next_look(misses, now)


@pytest.mark.parametrize("only_single", [True, False])
def test_a_forgotten_id_is_told_soon_after_its_grace(only_single: bool) -> None:
    """The looks that are asked for here suffice for a verdict within 75 s, whatever routes there are."""
    lost_at, looks, _ = looked_until_lost(was_seen=False, only_single=only_single)

    assert 60 <= lost_at <= 75
    assert looks <= 15


@pytest.mark.parametrize("only_single", [True, False])
def test_a_vanished_id_is_told_soon_after_ten_minutes(only_single: bool) -> None:
    """So it is for an id that was seen, with no more than two single lookups where lists exist."""
    lost_at, _, singles = looked_until_lost(was_seen=True, only_single=only_single)

    assert 600 <= lost_at <= 630
    assert only_single or singles == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=40), st.booleans())
def test_no_run_is_lost_before_its_conditions_hold(looks: list[tuple[int, bool]], was_seen: bool) -> None:
    """Whatever the run of misses: grace, number, span and confirmation hold for each verdict; singles are apart."""
    now, misses, confirmed = 0.0, None, list[float]()
    for wait, single in looks:
        now += wait
        misses = counted(misses, now, single=single)
        if single and (not confirmed or now - confirmed[-1] >= 10):
            confirmed.append(now)

        assert len(confirmed) == misses.singles
        if is_lost(misses, was_seen=was_seen, watched_at=0.0, now=now):
            assert now >= 60
            assert len(confirmed) >= 2
            assert misses.count >= (10 if was_seen else 5)
            assert not was_seen or now - misses.since >= 600
