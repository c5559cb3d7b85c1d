"""The time left is a proper belief: it falls from 1, forgets what is past, and never gives up in its tail."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.left import Left, Steady

CENTRES = st.floats(math.log(2), math.log(900))
SPREADS = st.floats(0.08, 1.2)
AGES = st.just(0.0) | st.floats(0.1, 5_000)
WAITS = st.floats(0.01, 2_000)
PARTS = st.floats(0.02, 0.95)
beliefs = st.builds(Left, CENTRES, SPREADS, AGES) | st.builds(Steady, st.floats(0.001, 2))


def edge(belief: Left) -> float:
    """Return where even the broad tail has nothing more to say: its 98.5 % point."""
    return math.exp(belief.centre + 2.17 * max(1.0, 3 * belief.spread))


@settings(max_examples=60)
@given(beliefs, WAITS, st.floats(0, 2_000))
def test_the_chance_that_nothing_happened_falls_from_one(
    belief: Left | Steady, wait: float, more: float
) -> None:
    """It stays a chance, and time never gives any of it back."""
    assert belief.survive(0.0) == belief.survive(-wait) == 1.0
    assert 1.0 >= belief.survive(wait) >= belief.survive(wait + more) >= 0.0


@settings(max_examples=60)
@given(st.builds(Left, CENTRES, SPREADS, AGES), st.floats(0.01, 300))
def test_there_is_always_something_to_wait_for(belief: Left, wait: float) -> None:
    """It never becomes certain that all is past."""
    assert belief.survive(wait) > 0.0


@settings(max_examples=60)
@given(CENTRES, SPREADS, st.floats(0.1, 500), st.floats(0.1, 500))
def test_who_waited_knows_what_he_would_have_known(
    centre: float, spread: float, waited: float, more: float
) -> None:
    """To wait twice is to wait once for both: the age is all there is to the past."""
    whole = Left(centre, spread).survive(waited + more)

    assert whole == pytest.approx(
        Left(centre, spread).survive(waited) * Left(centre, spread, waited).survive(more)
    )


@settings(max_examples=60)
@given(st.floats(0.001, 2), WAITS, WAITS)
def test_something_steady_has_no_past(rate: float, waited: float, more: float) -> None:
    """The same chance each second."""
    steady = Steady(rate)

    assert steady.survive(waited + more) == pytest.approx(steady.survive(waited) * steady.survive(more))


@settings(max_examples=60)
@given(st.floats(0.001, 2), PARTS)
def test_the_quantile_of_something_steady_is_exact(rate: float, part: float) -> None:
    """By then it has happened with that chance."""
    assert Steady(rate).survive(Steady(rate).quantile(part)) == pytest.approx(1 - part)


@settings(max_examples=60)
@given(CENTRES, SPREADS, PARTS, st.floats(0, 1))
def test_a_quantile_is_when_so_much_has_happened(
    centre: float, spread: float, part: float, aged: float
) -> None:
    """Give or take the broad tail, which it leaves out; up to the median age that is a twelfth at most."""
    belief = Left(centre, spread, aged * math.exp(centre))

    assert 1 - belief.survive(belief.quantile(part)) == pytest.approx(part, abs=0.083)


@settings(max_examples=60)
@given(CENTRES, SPREADS, st.floats(0, 1e7), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_quantile_is_never_in_the_past(
    centre: float, spread: float, age: float, one: float, other: float
) -> None:
    """At any age; a later one is not sooner."""
    belief = Left(centre, spread, age)
    low, high = sorted((one, other))

    assert 0.0 <= belief.quantile(low) <= belief.quantile(high) < math.inf


@settings(max_examples=60)
@given(CENTRES, SPREADS, st.floats(1.05, 1_000), st.floats(1.05, 1_000))
def test_beyond_the_last_sure_point_the_time_left_grows_with_the_age(
    centre: float, spread: float, one: float, other: float
) -> None:
    """Where only 1.5 % of the tasks are left, who is twice as late has twice as much before it."""
    last = math.exp(centre + 2.17 * spread)

    half = Left(centre, spread, last * one).quantile(0.5) / one
    assert half == pytest.approx(Left(centre, spread, last * other).quantile(0.5) / other)
    assert half > 0


@settings(max_examples=60)
@given(CENTRES, SPREADS, st.floats(1, 20), st.floats(1, 20))
def test_the_chance_does_not_fall_to_nothing(centre: float, spread: float, one: float, other: float) -> None:
    """However late a task is, it may end in the next tenth of its age as in the one before: looks go on."""
    far = edge(Left(centre, spread))
    chances = [1 - Left(centre, spread, far * times).survive(far * times / 10) for times in (one, other)]

    assert chances[0] == pytest.approx(chances[1], rel=0.01)
    assert chances[0] > 0.02


def test_what_was_never_seen_before_happens_too() -> None:
    """One in some hundred is still out where a lognormal alone would have given up."""
    assert 0.005 < Left(math.log(40), 0.1).survive(80) < 0.02
