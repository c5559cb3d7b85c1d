"""The ticks to come: rising chances, a window that moves with time and keeps its width."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.ticks import Ticks

WIDTH = 0.125
SIZE = 131
PERIOD = 15.25


def ticks_in(due: float, *, wide: int = 8, trust: float = 0.97) -> Ticks:
    """Return ticks of which the next comes in *due* seconds, give or take half of so many bins."""
    first = [0.0] * SIZE
    for number in range(wide):
        at = (due + (number - wide / 2) * WIDTH) % PERIOD
        first[int(at / WIDTH)] += 1 / wide
    return Ticks.of(first, WIDTH, trust=trust, period=PERIOD)


def _spread(parts: list[tuple[int, float]], floor: float) -> list[float]:
    first = [floor] * SIZE
    for index, chance in parts:
        first[index] += chance
    return first


chances = st.builds(
    _spread,
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.floats(0.1, 1)), min_size=1, max_size=6),
    st.sampled_from((0.0, 1e-6, 0.01)),
)
"""Any chances of the next tick, bin by bin."""


@settings(max_examples=50)
@given(chances, st.integers(0, 3), st.floats(-5, 60), st.floats(0, 30))
def test_the_chance_that_a_tick_has_come_rises(
    first: list[float], number: int, after: float, more: float
) -> None:
    """From nothing to certainty within a period; a later tick comes no sooner."""
    ticks = Ticks.of(first, WIDTH, trust=0.5, period=PERIOD)

    assert 0 <= ticks.come(number, after) <= ticks.come(number, after + more) <= 1
    assert ticks.come(number + 1, after) <= ticks.come(number, after)
    assert ticks.come(number, -0.01) == 0
    assert ticks.come(number, (number + 1) * PERIOD + 2) == 1


@settings(max_examples=50)
@given(chances, st.floats(-400, -0.001))
def test_a_tick_between_two_looks_lies_between_them(first: list[float], since: float) -> None:
    """Whatever is believed of the phase."""
    assert since <= Ticks.of(first, WIDTH, trust=0.5, period=PERIOD).between(since) <= 0


@pytest.mark.parametrize(
    ("due", "since", "expected"),
    [
        pytest.param(9, -8, -6.25, id="the last tick"),
        pytest.param(9, -3, -3, id="none: the edge nearest to one"),
        pytest.param(9, -22, (-6.25 - 21.5) / 2, id="the mean of two"),
    ],
)
def test_what_came_between_two_looks_came_on_a_tick(due: float, since: float, expected: float) -> None:
    """With several, in their middle."""
    assert ticks_in(due).between(since) == pytest.approx(expected, abs=0.2)


def test_a_window_lies_about_the_tick() -> None:
    """Whenever one looks: before it, within it, or long after the one before; and it is as wide as ever."""
    for quarter in range(1, 61):
        due = quarter / 4
        ticks = ticks_in(due)
        off = (due - ticks.middle + PERIOD / 2) % PERIOD - PERIOD / 2

        assert off == pytest.approx(0, abs=0.3)
        assert ticks.closes - ticks.opens == pytest.approx(1, abs=0.3)


@settings(max_examples=50)
@given(chances)
def test_a_window_is_less_than_a_lap_away(first: list[float]) -> None:
    """It may be past, or to come; it opens before it closes."""
    ticks = Ticks.of(first, WIDTH, trust=0.5, period=PERIOD)

    assert -SIZE * WIDTH <= ticks.opens < ticks.closes <= SIZE * WIDTH + 1e-9


def test_a_window_holds_nearly_all_of_the_chance() -> None:
    """Some hundredths are left out."""
    first = [0.0] * SIZE
    first[40:60] = [0.05] * 20
    first[100] = 0.005
    ticks = Ticks.of(first, WIDTH, trust=0.5, period=PERIOD)

    assert (ticks.opens, ticks.closes) == (40 * WIDTH, 60 * WIDTH)


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        pytest.param(ticks_in(7), True, id="trusted and narrow"),
        pytest.param(ticks_in(7, trust=0.4), False, id="not trusted"),
        pytest.param(ticks_in(7, wide=60), False, id="wide"),
    ],
)
def test_a_tick_is_locked_where_its_instant_is_known(ticks: Ticks, expected: bool) -> None:
    """That is, its window is less than a third of a period."""
    assert ticks.is_locked is expected


def test_between_windows_all_is_smooth_until_the_next() -> None:
    """Within one, for a part of it; never for less than the grid."""
    ticks = ticks_in(7)

    assert ticks.smooth_for(0.0, 0.1) == pytest.approx(ticks.opens)
    assert ticks.smooth_for(7.0, 0.1) == pytest.approx((ticks.closes - ticks.opens) / 8)
    assert ticks.smooth_for(7.0, 0.5) == ticks.smooth_for(ticks.opens - 0.01, 0.5) == 0.5
    assert ticks.smooth_for(8.0, 0.1) == pytest.approx(ticks.opens + PERIOD - 8)


def test_without_a_window_a_period_is_smooth() -> None:
    """Nothing is known of where it would rise."""
    assert ticks_in(7, wide=60).smooth_for(3.0, 0.1) == PERIOD
