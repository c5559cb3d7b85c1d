"""What is known of a gateway's budget is written down, read back, and never trusted."""

from __future__ import annotations

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._policy.batching import Batching, learned
from mjwatch._policy.breaker import Breaker
from mjwatch._policy.governor import Governor
from mjwatch._policy.memo import Memo, batching_of, governor_of, read, written
from mjwatch._policy.rate import LEAST, Rate
from mjwatch.observations import Verdict

NOW = 1.7e9
FAR = Batching(("wide", "narrow", "single"), 500)


def kept(governor: Governor | None = None, batching: Batching[str] = FAR, held: float = 0.0) -> Memo:
    """Return what is read of what was written."""
    memo = read(written(governor or Governor(), batching, held, NOW))
    assert memo is not None
    return memo


def test_a_gateway_that_is_well_begins_anew() -> None:
    """Nothing to go on with."""
    assert governor_of(kept(), NOW + 5) == Governor()
    assert batching_of(kept(), FAR, NOW + 5) == FAR


def test_a_hold_goes_on_and_ends_in_a_probe() -> None:
    """A restart is no reason to ask earlier than was asked for."""
    governor = governor_of(kept(held=120), NOW + 20)

    assert governor.breaker.probe_in(NOW + 20) == 100
    assert governor_of(kept(held=120), NOW + 200) == Governor()


def test_an_outage_goes_on_with_a_probe() -> None:
    """At once, if none was to be waited for any more."""
    governor = governor_of(kept(Governor(breaker=Breaker(is_open=True))), NOW)

    assert governor.breaker.is_open
    assert governor.breaker.probe_in(NOW) == 0


def test_the_rate_that_throttling_left_goes_on() -> None:
    """It rises from there."""
    assert governor_of(kept(Governor(rate=Rate(2.5))), NOW).rate.allowed == 2.5


def test_what_a_gateway_takes_is_known_again() -> None:
    """Its route for the rest of the hour, and how many ids."""
    batching = learned(FAR, Verdict.TOO_BIG, route="wide", asked=500, now=NOW)
    batching = learned(batching, Verdict.UNSUPPORTED, route="wide", asked=250, now=NOW)

    assert batching_of(kept(batching=batching), FAR, NOW + 60) == evolve(batching, good=0)


def test_a_note_is_short() -> None:
    """Two hundred bytes at most."""
    batching = evolve(FAR, index=2, widest_at=NOW + 3_600.123456, size=123)
    governor = Governor(rate=Rate(1.23456789), breaker=Breaker(is_open=True))

    assert len(written(governor, batching, 299.987654321, NOW)) <= 200


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"null",
        b"[2,0,false,null,0,500,null]",
        b"[" * 10_000,
        b"[1,1e999,0,0,0,0,0]",
    ],
)
def test_what_cannot_be_understood_is_nothing_known(note: bytes) -> None:
    """Another version wrote it, or nobody did."""
    assert read(note) is None


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Memo,
        st.just(1),
        numbers,
        st.booleans(),
        st.none() | numbers,
        st.integers(-9, 9),
        st.integers(),
        st.none() | numbers,
    )
)
def test_no_wish_in_a_note_is_believed_beyond_its_cap(memo: Memo) -> None:
    """It may have been written by a clock of another century."""
    again = read(msgspec.json.encode(memo))
    if again is None:
        return  # a number that does not fit
    governor, batching = governor_of(again, NOW), batching_of(again, FAR, NOW)

    assert governor.breaker.probe_in(NOW) <= 600
    assert governor.rate.allowed >= LEAST
    assert 1 <= batching.size <= FAR.ceiling
    assert batching.route in FAR.routes


@pytest.mark.parametrize(("route", "widest_at"), [(7, NOW + 60), (-1, NOW + 60), (1, None), (1, NOW + 1e9)])
def test_a_route_that_is_not_there_is_not_taken(route: int, widest_at: float | None) -> None:
    """And one is left for an hour at most."""
    batching = batching_of(Memo(1, 0.0, False, None, route, 500, widest_at), FAR, NOW)

    assert batching.index in {0, 1}
    assert batching.widest_at is None or batching.widest_at <= NOW + 3_600
