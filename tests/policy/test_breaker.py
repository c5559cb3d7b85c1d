"""Whether a gateway is asked at all: opened by failures, found out by one probe, never stuck."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.breaker import IN_A_ROW, Breaker, failed, lost, tripped, went_well

DICE = random.Random(0)


def after(outcomes: str, *, every: float = 1.0, breaker: Breaker | None = None) -> Breaker:
    """
    Return a breaker after exchanges that failed ("x") or went well ("."), one each second or so.

    Up to where it opens: what comes then are probes.
    """
    breaker = breaker or Breaker()
    for number, outcome in enumerate(outcomes):
        at = number * every
        breaker = failed(breaker, at, at, DICE) if outcome == "x" else went_well(breaker, at)
        if breaker.is_open:
            break
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "is_open"),
    [
        pytest.param("x" * (IN_A_ROW - 1), False, id="four in a row"),
        pytest.param("x" * IN_A_ROW, True, id="five in a row"),
        pytest.param(".xxxx", False, id="four after a good one"),
        pytest.param(".xxxxx", True, id="five after a good one"),
        pytest.param("xxxx.xxxx.xxxx", False, id="interrupted, and too few"),
        pytest.param(".xx" * 12, True, id="two of three of many"),
        pytest.param("..x" * 20, False, id="one of three of many"),
        pytest.param("." * 100, False, id="all is well"),
    ],
)
def test_it_opens_on_five_in_a_row_or_half_of_many(outcomes: str, *, is_open: bool) -> None:
    """A batch that fails for ever among good ones opens nothing."""
    assert after(outcomes).is_open is is_open


CLOSED_AT_ONCE = went_well(went_well(tripped(Breaker(), 0, 60), 0), 0)


@pytest.mark.parametrize("breaker", [None, CLOSED_AT_ONCE])
@pytest.mark.parametrize("every", [0.0, -60.0])
@pytest.mark.parametrize(
    ("outcomes", "is_open"),
    [
        pytest.param(".x" * 9 + "x", False, id="ten of nineteen"),
        pytest.param(".x" * 10, True, id="ten of twenty"),
        pytest.param(".." + ".x" * 9, False, id="nine of twenty"),
    ],
)
def test_many_are_twenty(outcomes: str, every: float, breaker: Breaker | None, *, is_open: bool) -> None:
    """At once, or where the clock goes back: nothing is long ago then. What was before it closed does not count."""
    assert after(outcomes, every=every, breaker=breaker).is_open is is_open


def test_what_is_long_ago_does_not_count() -> None:
    """Half of twenty in an hour is no outage."""
    assert not after(".x" * 30, every=60.0).is_open


def test_an_exchange_of_half_a_minute_ago_counts_a_third() -> None:
    """Whether it failed or went well."""
    breaker = failed(went_well(Breaker(), 100), 100, 100, DICE)
    later = went_well(breaker, 130)

    assert (breaker.well, breaker.failed) == (1, 1)
    assert (later.well, later.failed) == pytest.approx((1 + exp(-1), exp(-1)))


def test_a_probe_may_go_after_a_while() -> None:
    """Between two and a half and five seconds at first."""
    breaker = after("x" * IN_A_ROW)
    at = IN_A_ROW - 1

    assert 2.5 <= breaker.probe_in(at) <= 5
    assert breaker.probe_in(at + 5) == 0
    assert after("x").probe_in(0) == 0


def test_probes_that_fail_go_ever_more_rarely() -> None:
    """Twice as rarely each time, up to half a minute."""
    breaker, now, waits = after("x" * IN_A_ROW), 10.0, []
    for _ in range(6):
        breaker = failed(breaker, now, now, DICE)
        waits.append(breaker.probe_in(now))
        now += 40

    for wait, most in zip(waits, [10, 20, 30, 30, 30, 30], strict=True):
        assert most / 2 <= wait <= most


def test_it_may_be_down_for_a_day() -> None:
    """However many probes failed: the next may go within half a minute."""
    breaker = after("x" * IN_A_ROW)
    for probe in range(3_000):
        breaker = failed(breaker, 10 + 30 * probe, 10 + 30 * probe, DICE)

    assert 15 <= breaker.probe_in(10 + 30 * 2_999) <= 30


def test_one_that_is_known_to_be_open_is_like_one_that_has_just_opened() -> None:
    """As where a store says so: two good probes close it, and those that fail begin with ten seconds."""
    known = Breaker(is_open=True, opened_at=0, closed_for=60)

    assert known.probe_in(10) == 50
    assert went_well(known, 60).is_open
    assert not went_well(went_well(known, 60), 61).is_open
    assert 5 <= failed(known, 60, 60, DICE).probe_in(60) <= 10
    assert failed(known, 60, 60, DICE).reopened == 1


def test_two_probes_that_go_well_close_it() -> None:
    """The second may go at once; then all is forgotten."""
    one = went_well(after("x" * IN_A_ROW), 20)
    two = went_well(one, 21)

    assert one.is_open
    assert one.probe_in(20) == 0
    assert two == Breaker(counted_at=21)


def test_a_good_reply_lets_a_probe_go_at_once() -> None:
    """Also where it comes before the first probe was due: it left before the gateway went down."""
    assert went_well(after("x" * IN_A_ROW), 4.5).probe_in(4.5) == 0


@pytest.mark.parametrize(
    "interrupted",
    [
        pytest.param(lambda breaker: failed(breaker, 21, 21, DICE), id="failed"),
        pytest.param(lambda breaker: lost(breaker, 21, DICE), id="called off"),
        pytest.param(lambda breaker: tripped(breaker, 21, 60), id="tripped"),
    ],
)
def test_a_probe_that_fails_after_a_good_one_begins_anew(interrupted: Callable[[Breaker], Breaker]) -> None:
    """Two in a row, not two in all."""
    breaker = interrupted(went_well(after("x" * IN_A_ROW), 20))

    assert went_well(breaker, 60).is_open
    assert not went_well(went_well(breaker, 60), 61).is_open


def test_replies_from_before_it_opened_change_nothing() -> None:
    """Eight requests were under way when the gateway went down; what left since then is news."""
    breaker = after("x" * IN_A_ROW)

    assert failed(breaker, 1, 12, DICE) == breaker
    assert failed(breaker, 4, 12, DICE).reopened == 1


def test_a_lost_probe_is_followed_by_another() -> None:
    """A cancellation cannot lose it for good; where none is out there is none to lose."""
    breaker = lost(after("x" * IN_A_ROW), 100, DICE)

    assert 2.5 <= breaker.probe_in(100) <= 5
    assert lost(Breaker(), 100, DICE) == Breaker()


def test_it_can_be_tripped_at_once() -> None:
    """By a fault that somebody must mend; probes that fail after that go as after any opening."""
    long_down = failed(after("x" * IN_A_ROW), 10, 10, DICE)
    mended = failed(failed(tripped(long_down, 50, 60), 110, 110, DICE), 130, 130, DICE)

    assert tripped(Breaker(), 10, 60).probe_in(10) == 60
    assert long_down.reopened == 1
    assert mended.reopened == 2


events = st.lists(
    st.tuples(st.sampled_from(["failed", "well", "lost"]), st.floats(0, 100), st.floats(0, 30)), max_size=60
)


@settings(deadline=None, max_examples=100)
@given(events, st.integers())
def test_it_is_never_stuck(history: list[tuple[str, float, float]], seed: int) -> None:
    """From wherever it is, a probe may go within half a minute, and two good ones close it."""
    breaker, now, rng = Breaker(), 0.0, random.Random(seed)
    for outcome, wait, took in history:
        departed_at, now = now + wait, now + wait + took
        match outcome:
            case "failed":
                breaker = failed(breaker, departed_at, now, rng)
            case "well":
                breaker = went_well(breaker, now)
            case _:
                breaker = lost(breaker, now, rng)
        assert 0 <= breaker.probe_in(now) <= 30
        assert breaker.is_open or breaker.probe_in(now) == 0
        assert not went_well(went_well(breaker, now), now).is_open
