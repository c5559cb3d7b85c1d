"""What an exchange means for a gateway's budget: told once, held within bounds, never a task's failure."""

from __future__ import annotations

import random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.breaker import Breaker
from mjwatch._policy.governor import Exchange, Governor, Ruling, judge, lost, renewed, windows
from mjwatch.errors import (
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
)
from mjwatch.events import GatewayEvent, Recovered, Unreachable
from mjwatch.observations import Verdict
from mjwatch.settings import Limits
from tests.support.builders import GATEWAY

DOWN = GatewayUnreachable("no answer", gateway=GATEWAY)
BROKEN = GatewayBroken("502", gateway=GATEWAY)
DENIED = GatewayDenied("401", gateway=GATEWAY)
REFUSED = GatewayRefused("a redirect", gateway=GATEWAY)
BUSY = GatewayBusy("429", gateway=GATEWAY)
ANSWERS = [verdict for verdict in Verdict if verdict.is_answer]
FAULTS = {
    Verdict.UNREACHABLE: DOWN,
    Verdict.BROKEN: BROKEN,
    Verdict.CORRUPT: BROKEN,
    Verdict.THROTTLED: BUSY,
    Verdict.DENIED: DENIED,
    Verdict.REFUSED: REFUSED,
    Verdict.UNSUPPORTED: REFUSED,
}


class Highest(random.Random):
    """Dice that always show the most."""

    def uniform(self, a: float, b: float) -> float:
        """Return the higher end."""
        return max(a, b)


class Lowest(random.Random):
    """Dice that always show the least."""

    def uniform(self, a: float, b: float) -> float:
        """Return the lower end."""
        return min(a, b)


class Middle(random.Random):
    """Dice that always show what is neither."""

    def uniform(self, a: float, b: float) -> float:
        """Return the middle."""
        return (a + b) / 2


def fault(at: float, verdict: Verdict = Verdict.UNREACHABLE, *, departed_at: float | None = None) -> Exchange:
    """Return a failed request that came back at once."""
    return Exchange(verdict, FAULTS[verdict], at if departed_at is None else departed_at, at)


def throttled(at: float, retry_after: float | None) -> Exchange:
    """Return a request that was asked for patience."""
    return Exchange(Verdict.THROTTLED, GatewayBusy("429", gateway=GATEWAY, retry_after=retry_after), at, at)


def well(at: float, verdict: Verdict = Verdict.OK) -> Exchange:
    """Return a request without a fault."""
    return Exchange(verdict, None, at, at)


def after(*exchanges: Exchange, governor: Governor | None = None, rng: random.Random | None = None) -> Ruling:
    """Return the ruling on the last of *exchanges*."""
    ruling = Ruling(governor or Governor())
    for exchange in exchanges:
        ruling = judge(ruling.governor, exchange, rng or random.Random(0))
    return ruling


def told(*exchanges: Exchange) -> list[GatewayEvent]:
    """Return all that the readers were told."""
    rulings = [after(*exchanges[: end + 1]) for end in range(len(exchanges))]
    return [ruling.told for ruling in rulings if ruling.told is not None]


def test_a_useful_answer_changes_nothing_where_all_is_well() -> None:
    """It only proves the gateway, and is counted."""
    healthy = after(well(5)).governor

    assert (healthy.failures, healthy.is_told, healthy.is_proven) == (0, False, True)
    assert not healthy.breaker.is_open
    assert windows(Limits(), healthy, 5) == windows(Limits(), Governor(), 0)


@pytest.mark.parametrize("verdict", Verdict)
def test_only_a_useful_answer_proves_a_gateway(verdict: Verdict) -> None:
    """An unsupported route or a batch that is too big is no fault, and no proof of the right address either."""
    assert after(well(5, verdict)).governor.is_proven is verdict.is_answer


@pytest.mark.parametrize("verdict", [Verdict.UNSUPPORTED, Verdict.TOO_BIG])
def test_another_way_to_ask_ends_no_outage(verdict: Verdict) -> None:
    """A proxy's 413 or 404 says nothing about the gateway behind it."""
    failing = after(fault(0), fault(10)).governor

    ruling = after(well(20, verdict), governor=failing)

    assert evolve(ruling.governor, rate=failing.rate) == failing
    assert (ruling.hold, ruling.retry_in, ruling.told) == (0, 0, None)


def test_an_outage_is_told_at_the_second_failure_in_a_row() -> None:
    """Once, with the time of the first one."""
    events = told(fault(5), fault(10), fault(20), fault(40))

    assert events == [Unreachable(GATEWAY, 10, DOWN, 5, proven=False)]


def test_a_single_failure_is_not_told() -> None:
    """A useful answer in between begins the count anew."""
    assert told(fault(5), well(10), fault(20), well(30), fault(40)) == []


@pytest.mark.parametrize("verdict", [Verdict.DENIED, Verdict.REFUSED, Verdict.UNSUPPORTED])
def test_a_standing_fault_is_told_at_once(verdict: Verdict) -> None:
    """Waiting alone heals nothing."""
    assert told(well(0), fault(5, verdict), fault(70, verdict)) == [
        Unreachable(GATEWAY, 5, FAULTS[verdict], 5, proven=True)
    ]


@pytest.mark.parametrize("verdict", ANSWERS)
def test_a_recovery_is_told_once_with_the_outages_length(verdict: Verdict) -> None:
    """From the first failure to the first useful answer."""
    events = told(fault(5), fault(10), well(65, verdict), well(70), well(80))

    assert events[1:] == [Recovered(GATEWAY, 65, 60, 5)]


def test_each_outage_is_told_anew() -> None:
    """The second begins at its own first failure."""
    events = told(fault(5), fault(10), well(20), fault(50), fault(60), well(70))

    assert [event.since for event in events] == [5, 5, 50, 50]


def test_the_last_error_is_kept_for_new_readers() -> None:
    """Also where it differs from the one that was told."""
    governor = after(fault(5), fault(10), fault(20, Verdict.DENIED)).governor

    assert (governor.failures, governor.error, governor.failing_since, governor.failed_at) == (
        3,
        DENIED,
        5,
        20,
    )


def test_failures_of_one_round_count_once() -> None:
    """Eight requests under way that all fail are one failure; the next round is the second."""
    round_ = [fault(10 + n, departed_at=n) for n in range(8)]
    ruling = after(*round_)

    assert (ruling.governor.failures, ruling.hold) == (1, 0)
    assert told(*round_) == []
    assert len(told(*round_, fault(30))) == 1


def test_what_left_when_a_failure_came_back_is_the_next_round() -> None:
    """It could not know of it, but neither was it under way beside it."""
    assert after(fault(10), fault(12, departed_at=9.9)).governor.failures == 1
    assert after(fault(10), fault(12, departed_at=10)).governor.failures == 2


def test_the_log_tells_of_each_outage_once() -> None:
    """Before the first useful answer each reader is told of a standing fault anew; that is no news for the log."""
    denied = [fault(5, Verdict.DENIED), fault(15, Verdict.DENIED, departed_at=4), fault(70, Verdict.DENIED)]
    history = [*denied, well(140, Verdict.TOO_BIG), well(140), well(150), fault(160), fault(170)]
    rulings = [after(*history[: end + 1]) for end in range(len(history))]

    assert [ruling.told is not None for ruling in rulings] == [
        *(True, False, True),
        *(False, True, False, False, True),
    ]
    assert [ruling.is_new for ruling in rulings] == [
        *(True, False, False),
        *(False, True, False, False, True),
    ]


def test_throttled_requests_of_one_round_count_once_but_are_honoured() -> None:
    """The longest wish for patience may come last."""
    late = evolve(throttled(12, 60), departed_at=1)
    ruling = after(throttled(10, 5), late, rng=Lowest())

    assert (ruling.governor.failures, ruling.hold, ruling.told) == (1, 60, None)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        pytest.param(0, 1, 1.1, id="at once"),
        pytest.param(0.5, 1, 1.1, id="under a second"),
        pytest.param(20, 20, 22, id="20 s"),
        pytest.param(120, 120, 125, id="two minutes"),
        pytest.param(86_400, 300, 305, id="a day"),
        pytest.param(float("inf"), 300, 305, id="for ever"),
        pytest.param(float("nan"), 1, 1.1, id="not a number"),
    ],
)
def test_retry_after_is_honoured_within_reason(asked: float, least: float, most: float) -> None:
    """Never earlier than asked for, a little later, at most five minutes."""
    assert after(throttled(0, asked), rng=Lowest()).hold == least
    assert after(throttled(0, asked), rng=Highest()).hold == pytest.approx(most)


def test_without_a_wish_of_its_own_a_throttled_gateway_is_left_alone_ever_longer() -> None:
    """Full jitter, doubling up to a minute."""
    wishes = [throttled(n, None) for n in range(7)]

    assert [after(*wishes[: n + 1], rng=Highest()).hold for n in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert after(*wishes, rng=Middle()).hold == 30
    assert after(*wishes, rng=Lowest()).hold == 1


@pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.BROKEN, Verdict.CORRUPT])
def test_a_failure_puts_off_its_own_rows_only(verdict: Verdict) -> None:
    """One of them may be poison: the gate stays open for all others, until there are five in a row."""
    failures = [fault(n, verdict) for n in range(8)]
    rulings = [after(*failures[: n + 1], rng=Highest()) for n in range(8)]

    assert [ruling.retry_in for ruling in rulings] == [5, 10, 20, 30, 30, 30, 30, 30]
    assert [ruling.hold for ruling in rulings] == [0, 0, 0, 0, 5, 10, 20, 30]
    assert after(failures[0], rng=Middle()).retry_in == 2.5
    assert after(failures[0], rng=Lowest()).retry_in == 1


def test_a_probe_that_is_asked_for_patience_has_found_a_gateway() -> None:
    """It is alive: the hold counts, the outage does not go on."""
    opened = after(*[fault(n) for n in range(5)]).governor
    first = after(throttled(40, 20), governor=opened, rng=Lowest())
    second = after(well(70), governor=first.governor)

    assert opened.breaker.is_open
    assert first.hold == 20
    assert not second.governor.breaker.is_open


def test_a_wish_for_patience_lowers_the_rate() -> None:
    """Beyond the hold: to half of what was used, once for each round."""
    used = after(*[well(n / 4) for n in range(480)], throttled(120, 5)).governor
    again = after(evolve(throttled(121, 5), departed_at=119), governor=used).governor

    assert windows(Limits(), used, 120)[0][0] == pytest.approx(0.5, rel=0.1)
    assert windows(Limits(), again, 121) == windows(Limits(), used, 121)


def test_a_wish_for_patience_among_failures_is_neither() -> None:
    """The five failures in a row are in a row all the same, and it is none of them."""
    wish = throttled(4, 1)
    failures = [fault(n) for n in range(4)]

    assert not after(*failures, wish).governor.breaker.is_open
    assert after(*failures, wish, fault(6)).governor.breaker.is_open


def test_a_probe_that_was_called_off_proves_nothing() -> None:
    """Another one goes a few seconds later."""
    opened = after(*[fault(n) for n in range(5)]).governor
    again = lost(opened, 60, Highest())

    assert again.breaker.probe_in(60) == 5
    assert again.failures == opened.failures
    assert lost(Governor(), 60, Highest()) == Governor()


def test_the_rate_is_ramped_after_an_outage() -> None:
    """A quarter at first, and hardly more than before the outage for a minute."""
    down = [fault(n) for n in range(5)]
    healthy = after(*down, well(20), well(30)).governor
    intervals = [windows(Limits(), healthy, at)[0][0] for at in (30, 36, 89, 90)]

    assert intervals == pytest.approx([0.7, 0.7, 0.7, 0.1], rel=0.1)


def test_what_is_usual_is_measured_before_the_outage() -> None:
    """Neither the probes in it nor a single failure after it change that."""
    steady = [well(n / 4) for n in range(480)]
    outage = [fault(120), fault(121), fault(122), fault(123), fault(124), fault(150), fault(200)]
    one = after(*steady, *outage, well(240)).governor
    healthy = after(well(245), fault(246), governor=one).governor

    assert one.breaker.is_open
    assert windows(Limits(), one, 240) == windows(Limits(), Governor(), 0)
    assert windows(Limits(), healthy, 256)[0][0] == pytest.approx(0.2, rel=0.2)


def test_failures_that_pass_do_not_lengthen_the_wait_for_a_standing_fault() -> None:
    """The first redirect after a night of outages is probed in a minute, as any first one."""
    passing = [fault(at) for at in range(0, 400, 40)]
    ruling = after(*passing, fault(400, Verdict.DENIED))

    assert ruling.hold == 60


def test_another_credential_may_be_tried_at_once() -> None:
    """Whoever corrects a key waits for no probe; all else stands."""
    denied = after(well(0), fault(5, Verdict.DENIED)).governor
    again = renewed(denied)

    assert denied.breaker.probe_in(6) == 59
    assert again.breaker.probe_in(5) == 0
    assert evolve(again, breaker=denied.breaker) == denied
    assert again.breaker.is_open


@pytest.mark.parametrize("verdict", [Verdict.DENIED, Verdict.REFUSED, Verdict.UNSUPPORTED])
def test_a_standing_fault_is_probed_ever_more_rarely(verdict: Verdict) -> None:
    """Once a minute at first, once in ten minutes at last, by no dice."""
    failures = [fault(n, verdict) for n in range(6)]

    holds = [after(*failures[: n + 1]).hold for n in range(6)]
    assert holds == [60, 120, 240, 480, 600, 600]
    assert after(fault(3, verdict), fault(10, verdict, departed_at=2)).hold == 0
    assert after(fault(3, verdict), fault(10, verdict, departed_at=3)).hold == 120


exchanges = st.builds(
    lambda case, departed_at, took: Exchange(case[0], case[1], departed_at, departed_at + took),
    st.one_of(
        st.tuples(st.sampled_from(Verdict), st.none()),
        st.sampled_from(sorted(FAULTS.items(), key=str)),
        st.tuples(
            st.just(Verdict.THROTTLED),
            st.builds(
                lambda wait: GatewayBusy("429", gateway=GATEWAY, retry_after=wait), st.none() | st.floats()
            ),
        ),
    ),
    st.integers(0, 1_000).map(float),
    st.integers(0, 20).map(float),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(exchanges, max_size=12), st.integers())
def test_a_gateway_is_left_alone_within_bounds_and_never_told_of_twice(
    history: list[Exchange], seed: int
) -> None:
    """A hold of nothing, of 1 to 305 s, or of the standing schedule; outage and recovery take turns."""
    governor, rng = Governor(), random.Random(seed)
    events: list[GatewayEvent] = []
    for exchange in history:
        ruling = judge(governor, exchange, rng)
        governor = ruling.governor
        # Before the first useful answer each probe tells a standing fault anew: the same event, by its id.
        if ruling.told is not None and not (events and events[-1].id == ruling.told.id):
            events.append(ruling.told)
        standing: GatewayError | None = (
            None if exchange.error is None or exchange.error.transient else exchange.error
        )

        assert ruling.hold == 0 or 1 <= ruling.hold <= 305 or (standing and 60 <= ruling.hold <= 600)
        assert exchange.error is not None or ruling.hold == ruling.retry_in == 0
        assert exchange.error is None or 30 >= ruling.retry_in >= max(1, min(30, ruling.hold))

    assert [event.kind for event in events[::2]] == ["unreachable"] * len(events[::2])
    assert [event.kind for event in events[1::2]] == ["recovered"] * len(events[1::2])
    assert governor.is_told is (len(events) % 2 == 1)
    assert governor.is_proven is any(one.error is None and one.verdict.is_answer for one in history)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.sampled_from(list(FAULTS)), st.integers())
def test_a_long_outage_breaks_no_bound(failures: int, verdict: Verdict, seed: int) -> None:
    """However many failures in a row there were."""
    governor = Governor(failures, patience=failures, breaker=Breaker(reopened=failures, in_a_row=failures))
    ruling = after(fault(5, verdict), governor=governor, rng=random.Random(seed))

    assert ruling.hold <= 600
    assert max(1, min(30, ruling.hold)) <= ruling.retry_in <= 30
