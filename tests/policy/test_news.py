"""V, the worth of news: sums over tasks, in steps where a gateway ticks, always a mixture of both."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.left import Left, Steady
from mjwatch._policy.news import News
from mjwatch._policy.ticks import Ticks

ONE = News([(Steady(0.1), 1.0)])
beliefs = st.lists(
    st.tuples(
        st.builds(Left, st.floats(1, 6), st.floats(0.1, 1), st.floats(0, 100))
        | st.builds(Steady, st.floats(0.01, 1)),
        st.floats(0.1, 20),
    ),
    min_size=1,
    max_size=4,
)


def ticks_in(due: float, *, trust: float = 0.97, period: float = 15.0) -> Ticks:
    """Return ticks of which the next comes within a second after *due*."""
    first = [1.0 if due <= number / 8 < due + 1 else 0.0 for number in range(131)]
    return Ticks.of(first, 0.125, trust=trust, period=period)


def test_without_a_clock_news_come_at_any_time() -> None:
    """The chance of each, times its worth."""
    assert ONE.by(7.0, None, []) == pytest.approx(-math.expm1(-0.7))
    assert News([(Steady(0.1), 2.0), (Steady(1.0), 0.5)]).by(7.0, None, []) == pytest.approx(
        -2 * math.expm1(-0.7) - 0.5 * math.expm1(-7.0)
    )


def test_nothing_is_worth_nothing() -> None:
    """Nobody is watched, or no time has passed."""
    assert News([]).by(7.0, None, []) == 0
    assert ONE.by(0.0, None, []) == 0


def test_on_a_tick_news_come_with_it() -> None:
    """Hardly anything before, and then all that happened; the rest is doubt about the clock."""
    ticks = ticks_in(6)
    shown = ONE.shown(ticks, 30)
    before, after = (ONE.by(at, ticks, shown) for at in (5.9, 7.1))

    assert before == pytest.approx(-0.03 * math.expm1(-0.59))
    assert after == pytest.approx(0.97 * shown[0] - 0.03 * math.expm1(-0.71))


def test_who_doubts_the_clock_sees_less_of_a_step() -> None:
    """The mixture goes by trust."""
    certain, doubtful = (ticks_in(6, trust=trust) for trust in (0.97, 0.2))
    shown = ONE.shown(certain, 30)
    plain = ONE.by(5.0, None, [])

    assert ONE.by(5.0, certain, shown) < ONE.by(5.0, doubtful, shown) < plain


@pytest.mark.parametrize("due", [0.5, 6, 14])
def test_each_tick_shows_what_happened_since_the_one_before(due: float) -> None:
    """The first one most, for an end comes once."""
    shown = ONE.shown(ticks_in(due), 60)

    assert len(shown) >= 5
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) == pytest.approx(1, abs=0.01)


@settings(max_examples=40)
@given(beliefs, st.floats(0, 14.9), st.floats(0.02, 0.97), st.floats(0, 40), st.floats(0, 20))
def test_news_only_ever_gather(
    told: list[tuple[Left | Steady, float]], due: float, trust: float, after: float, more: float
) -> None:
    """V never falls, and never exceeds what all is worth."""
    news, ticks = News(told), ticks_in(due, trust=trust)
    shown = news.shown(ticks, 60)

    now, later = news.by(after, ticks, shown), news.by(after + more, ticks, shown)
    assert 0 <= now <= later + 1e-9
    assert later <= sum(worth for _, worth in told) * (1 + 1e-9)
