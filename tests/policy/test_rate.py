"""How often a gateway is asked: less after a wish for patience, more again while that goes well, bounded always."""

from __future__ import annotations

from math import exp, inf

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.rate import LEAST, Rate, counted, cut, interrupted, raised, recovered, windows
from mjwatch.settings import Limits


def busy(a_second: float, seconds: float = 120.0, *, since: float = 0.0) -> Rate:
    """Return a rate after so many exchanges a second."""
    rate = Rate()
    for number in range(round(a_second * seconds)):
        at = since + number / a_second
        rate = counted(rate, at, at)
    return rate


def test_the_budget_has_a_window_a_second_and_one_a_minute() -> None:
    """The second bounds the rate, the minute allows a burst; without a rate there is none."""
    assert windows(Limits(), Rate(), 0) == ((0.1, 1), (0.2, 5))
    assert windows(Limits(rate=4, per_minute=60, burst=2), Rate(), 0) == ((0.25, 1), (1, 2))
    assert windows(Limits(rate=None), Rate(), 0) == ()


@pytest.mark.parametrize("a_second", [0.5, 2, 8])
@pytest.mark.parametrize("seconds", [10, 120])
@pytest.mark.parametrize("since", [0, 1e6])
def test_the_rate_is_measured_as_it_is(a_second: float, seconds: float, since: float) -> None:
    """From the first seconds on, whenever they were; where nothing was sent there is none."""
    rate = busy(a_second, seconds, since=since)

    assert rate.measured(since + seconds) == pytest.approx(a_second, rel=0.1)
    assert Rate().measured(5) == 0


def test_what_was_sent_within_a_second_counts_as_one_seconds_worth() -> None:
    """The very first exchange is no infinite rate, and no half of one."""
    assert counted(Rate(), 7, 7).measured(7) == pytest.approx(1, rel=0.1)
    assert counted(counted(Rate(), 7, 7), 7.5, 7.5).measured(7.5) == pytest.approx(2, rel=0.1)


def test_what_was_measured_fades() -> None:
    """After half a minute without an exchange a third is left; a clock that goes back changes nothing."""
    rate = busy(4, 300)

    assert rate.measured(330) / rate.measured(300) == pytest.approx(exp(-1), rel=1e-3)
    once = counted(Rate(), 1e6, 1e6)
    assert once.measured(0) == once.measured(1e6)


def test_a_wish_for_patience_halves_what_was_used() -> None:
    """Half of the limit would cut nothing for who stays far below it."""
    slower = cut(busy(4), 119.9, 120)

    assert slower.allowed == pytest.approx(2, rel=0.05)
    assert windows(Limits(), slower, 120)[0][0] == pytest.approx(0.5, rel=0.05)
    [(interval, burst)] = windows(Limits(rate=None), slower, 120)
    assert interval == pytest.approx(0.5, rel=0.05)
    assert burst == 1


def test_replies_of_one_round_trip_cut_once() -> None:
    """What left before the cut was no answer to it; what left at once or later was, and halves the half."""
    slower = cut(busy(4), 119.9, 120)

    assert cut(slower, 119.95, 120.5) == slower
    assert cut(slower, 120, 120.5).allowed == slower.allowed / 2
    assert cut(slower, 121, 122).allowed == slower.allowed / 2


def test_it_is_never_cut_to_nothing() -> None:
    """One request in five seconds finds out that the gateway has patience again."""
    rate = busy(1)
    for at in range(130, 200, 10):
        rate = cut(rate, at, at)

    assert rate.allowed == LEAST == 0.2


def test_it_rises_again_while_it_is_used() -> None:
    """A little with each good answer, until nothing holds requests back any more."""
    rate = cut(busy(4), 119.9, 120)
    now, rises = 120.0, [rate.allowed]
    while rate.allowed < 10:
        now += 1 / rate.allowed
        rate = raised(counted(rate, now, now + 0.2))
        rises.append(rate.allowed)

    assert rises == sorted(rises)
    assert now < 120 + 300


def test_after_a_long_rest_it_rises_from_the_second_answer_on() -> None:
    """A gateway that was left alone for minutes answers as well as one that was not."""
    rate = Rate(allowed=LEAST)
    for number in range(9):
        at = 900.0 + number / LEAST
        rate = raised(counted(rate, at, at + 1))
        assert rate.allowed == (LEAST if number == 0 else pytest.approx(0.25))
        rate = evolve(rate, allowed=LEAST)


@pytest.mark.parametrize(
    ("allowed", "more"), [(4.0, 4.05), (98.96, 99.01), (99.94, 99.99), (99.95, inf), (99.96, inf)]
)
def test_it_rises_by_a_twentieth_of_a_request_up_to_a_hundred(allowed: float, more: float) -> None:
    """From a hundred requests a second on there is no limit of ours."""
    assert raised(evolve(busy(100), allowed=allowed)).allowed == pytest.approx(more, abs=1e-9)


def test_who_sends_little_has_proven_nothing() -> None:
    """The limit stays where requests are far below it."""
    rate = evolve(busy(0.5), allowed=4.0)

    assert raised(rate) == rate
    assert raised(counted(Rate(), 0, 0)) == counted(Rate(), 0, 0)
    assert raised(busy(8)) == busy(8)


def test_a_reply_that_was_overtaken_raises_nothing() -> None:
    """It left before the last one, and says nothing of how soon that followed."""
    rate = counted(counted(Rate(allowed=0.2), 0, 0.1), 15, 15.1)
    overtaken = counted(rate, 0.5, 20)

    assert raised(rate) == rate
    assert overtaken.gap == 15
    assert raised(overtaken) == overtaken


def test_after_an_outage_it_is_ramped() -> None:
    """A quarter, a half, all; also where the clock went back."""
    rate = recovered(Rate(), 100)
    intervals = [windows(Limits(), rate, at)[0][0] for at in (50, 100, 104.9, 105, 110, 1e9)]

    assert intervals == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.1, 0.1])


@pytest.mark.parametrize(("a_second", "interval"), [(4, 0.2), (1, 0.8), (0.01, 1.6)])
def test_after_an_outage_it_is_hardly_more_than_before(a_second: float, interval: float) -> None:
    """For a minute; who asked little may still ask for what fell due."""
    rate = recovered(interrupted(busy(a_second, 300), 300), 900)

    assert windows(Limits(), rate, 930)[0][0] == pytest.approx(interval, rel=0.1)
    assert windows(Limits(), rate, 960)[0][0] == 0.1


moves = st.lists(
    st.tuples(st.sampled_from(["counted", "cut", "raised", "interrupted", "recovered"]), st.floats(0, 50))
)


@settings(deadline=None, max_examples=100)
@given(moves)
def test_it_stays_within_bounds(history: list[tuple[str, float]]) -> None:
    """Never below the least, never above the user's limit, whatever the gateway says."""
    rate, now = Rate(), 0.0
    for move, wait in history:
        now += wait
        match move:
            case "counted":
                rate = counted(rate, now - wait / 2, now)
            case "cut":
                rate = cut(counted(rate, now, now), now, now)
            case "raised":
                rate = raised(rate)
            case "interrupted":
                rate = interrupted(rate, now)
            case _:
                rate = recovered(rate, now)
        assert rate.allowed >= LEAST
        assert rate.measured(now) >= 0
        for (interval, burst), (least, own) in zip(
            windows(Limits(), rate, now), windows(Limits(), Rate(), 0), strict=True
        ):
            assert least <= interval <= 1 / LEAST / 0.25
            assert burst == own
