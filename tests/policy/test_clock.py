"""The refresh clock: locks on a gateway that ticks, leaves one that does not, and forgets what it does not see."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.clock import NOMINAL, Clock
from mjwatch._policy.ticks import Ticks

EPOCH = 1.7e9
SEEDS = range(4)


class Ticking:
    """A gateway that shows on a tick what happened before it; it is watched at random instants."""

    def __init__(self, seed: int) -> None:
        """Begin anywhere within a period."""
        self.dice = random.Random(seed)
        self.now = EPOCH
        self.tick = EPOCH + self.dice.uniform(0, NOMINAL)

    @staticmethod
    def news(after: float) -> float:
        """Return the chance that something happened: nine in ten within a period."""
        return -math.expm1(-after * math.log(10) / NOMINAL)

    def changed(self, now: float) -> bool:
        """Return True where something new is shown *now*."""
        seen = False
        while self.tick <= now:
            seen |= self.dice.random() < 0.9
            self.tick += NOMINAL + self.dice.uniform(0, 0.5)
        return seen

    def watch(self, clock: Clock, looks: int) -> Ticks:
        """Let *clock* see so many looks; return the ticks to come after the last."""
        for _ in range(looks):
            since, self.now = self.now, self.now + self.dice.uniform(1, 6)
            clock.saw(since, self.now, self.news, changed=self.changed(self.now))
        return clock.ticks(self.now)

    def is_foreseen_by(self, ticks: Ticks) -> bool:
        """Return True where the tick that comes next lies in a window."""
        into = (self.tick - self.now - ticks.opens) % ticks.period
        return into <= ticks.closes - ticks.opens

    def sleep(self, seconds: float) -> None:
        """Let time pass unseen."""
        self.now += seconds
        self.changed(self.now)


class Eventful(Ticking):
    """A gateway that shows everything at once."""

    def changed(self, now: float) -> bool:
        """Return True where something happened since the last look; it is four seconds old, more or less."""
        return self.dice.random() < self.news(now - self.last)

    def watch(self, clock: Clock, looks: int) -> Ticks:
        """As above."""
        for _ in range(looks):
            self.last, self.now = self.now, self.now + self.dice.uniform(1, 6)
            clock.saw(self.last, self.now, self.news, changed=self.changed(self.now))
        return clock.ticks(self.now)


def width(ticks: Ticks) -> float:
    """Return how wide the window is."""
    return ticks.closes - ticks.opens


def total(clock: Clock) -> float:
    """Return the sum of all chances."""
    return sum(map(sum, clock.rows))


def test_before_any_look_nothing_is_known_of_the_phase() -> None:
    """A hint says that there is a clock; how sure it is stays open, and so does when it ticks."""
    assert Clock.hinted(None) == Clock()
    assert Clock().trust < 0.2
    assert 0.5 < Clock.hinted(15.0).trust < 0.9
    assert Clock.hinted(60.0).period == pytest.approx(62.4)
    assert not Clock.hinted(15.0).ticks(EPOCH).is_locked


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gateway_that_ticks_is_found_out(seed: int) -> None:
    """Where it was hinted at within some dozens of looks, else a little later."""
    gateway, clock = Ticking(seed), Clock.hinted(15.0)

    assert gateway.watch(clock, 70).is_locked
    assert gateway.watch(clock, 30).trust > 0.8
    assert Ticking(seed).watch(Clock(), 130).is_locked


def test_the_next_tick_comes_within_its_window() -> None:
    """Nearly always, and that window is narrow."""
    foreseen, widths = 0, 0.0
    for seed in SEEDS:
        gateway, clock = Ticking(seed), Clock.hinted(15.0)
        gateway.watch(clock, 80)
        for _ in range(40):
            ticks = gateway.watch(clock, 1)
            foreseen += gateway.is_foreseen_by(ticks)
            widths += width(ticks)

    assert foreseen / 40 / len(SEEDS) > 0.93
    assert widths / 40 / len(SEEDS) < 3


def test_the_period_is_learned() -> None:
    """It is the nominal one and what the gateway's own loop takes."""
    clock = Clock.hinted(15.0)
    Ticking(1).watch(clock, 120)

    assert clock.period == pytest.approx(15.25, abs=0.1)


def test_a_silence_speaks_for_a_clock_between_two_ticks_and_against_it_beyond() -> None:
    """Much was due of many: a clock explains why nothing came, until it should have. One alone may stand still."""
    clock = Clock.hinted(15.0)
    tick = EPOCH
    for _ in range(40):
        tick += 15.0
        clock.saw(tick - 10.0, tick - 0.5, lambda _: 0.9, changed=False)
        clock.saw(tick - 0.5, tick + 0.5, lambda _: 0.9, changed=True)
    clock.odds = 1.0
    missed = deepcopy(clock)

    alone = deepcopy(clock)
    alone.saw(tick + 0.5, tick + 12.5, lambda after: 1.0 - math.exp(-after / 5.0), changed=False)
    clock.saw(
        tick + 0.5, tick + 12.5, lambda after: 1.0 - math.exp(-after / 5.0), changed=False, is_pooled=True
    )
    missed.saw(tick + 13.5, tick + 16.5, lambda after: 1.0 - math.exp(-after / 5.0), changed=False)

    assert clock.odds > 1.1
    assert alone.odds <= 1.0
    assert missed.odds < 0.5


def test_what_is_impossible_by_all_that_was_believed_begins_anew() -> None:
    """A change that no task could have brought, over more than a period: no phase explains it."""
    clock = Clock.hinted(3.0)
    clock.saw(0.0, 4.0, lambda _: 0.0, changed=True)

    assert clock.rows == Clock.hinted(3.0).rows


def test_a_look_from_the_future_is_forgotten_with_all_that_was_learned() -> None:
    """A wall clock was put back between two runs: what is believed of the phase is about no time that will come."""
    clock = Clock.hinted(15.0)
    clock.restore(5.0, 1e12, [[0.0] * 30 + [1.0 / 13] + [0.0] * 89] * 13)
    clock.saw(EPOCH - 2.0, EPOCH, lambda _: 0.5, changed=True)

    assert clock.looked_at == EPOCH
    assert clock.odds < 3.0
    assert not clock.ticks(EPOCH).is_locked


@pytest.mark.parametrize("chance", [-9e-10, 5e-324, 1e300, math.nan, math.inf])
def test_a_note_that_is_no_belief_is_left(chance: float) -> None:
    """Chances are not negative, and come to one."""
    clock = Clock.hinted(15.0)
    before = deepcopy(clock)
    clock.restore(5.0, EPOCH, [[chance] + [0.0] * 119] + [[]] * 12)
    clock.restore(5.0, EPOCH, [[1.0, chance] + [0.0] * 118] + [[]] * 12 if chance < 0 else [[]] * 13)

    assert clock == before


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hint", [None, 15.0])
def test_a_gateway_that_does_not_tick_is_not_believed_to(seed: int, hint: float | None) -> None:
    """A wrong hint is found out, too, and then for good."""
    clock = Clock.hinted(hint)

    assert Eventful(seed).watch(clock, 60).trust < 0.1
    assert clock.is_ruled_out or clock.trust < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gateway_that_was_restarted_ticks_anew(seed: int) -> None:
    """Its phase jumps: the lock is lost, and found again within a quarter of an hour."""
    gateway, clock = Ticking(seed), Clock.hinted(15.0)
    gateway.watch(clock, 80)
    gateway.tick += 7
    gateway.watch(clock, 300)
    foreseen = sum(gateway.is_foreseen_by(gateway.watch(clock, 1)) for _ in range(30))

    assert clock.ticks(gateway.now).is_locked
    assert foreseen >= 25


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_idle_minutes_make_it_less_sure(seed: int) -> None:
    """The window widens and the odds fall; both recover."""
    gateway, clock = Ticking(seed), Clock.hinted(15.0)
    before, odds = gateway.watch(clock, 110), clock.odds
    gateway.sleep(600)
    idle = gateway.watch(clock, 1)
    assert width(idle) > width(before)
    assert clock.odds < odds - 0.5

    assert width(gateway.watch(clock, 80)) < 4
    assert clock.odds > 3


def test_a_day_without_a_look_forgets_all() -> None:
    """Only that there may be a clock is left."""
    gateway, clock = Ticking(0), Clock.hinted(15.0)
    gateway.watch(clock, 80)
    gateway.sleep(86_400)
    clock.saw(gateway.now - 1, gateway.now, gateway.news, changed=False)

    assert clock.odds == pytest.approx(clock.home, abs=0.5)
    assert width(clock.ticks(gateway.now)) > NOMINAL / 3


def test_a_look_that_took_no_time_says_nothing() -> None:
    """Nor does one from before the last, where a clock was set back."""
    clock = Clock()
    clock.saw(EPOCH, EPOCH, Ticking.news, changed=True)
    clock.saw(EPOCH, EPOCH - 9, Ticking.news, changed=True)

    assert clock == Clock()


def test_quiet_looks_alone_rule_nothing_out() -> None:
    """Where nothing is expected, nothing seen is no evidence."""
    clock = Clock.hinted(15.0)
    for number in range(50):
        clock.saw(EPOCH + number, EPOCH + number + 1, lambda _: 0.0, changed=False)

    assert clock.odds > 0.5


def _come(rate: float, after: float) -> float:
    return -math.expm1(-rate * after)


looks = st.tuples(
    st.floats(0.001, 30) | st.floats(30, 1e5) | st.sampled_from((-5.0, 0.0, 1e-9, 1.0)),
    st.booleans(),
    st.sampled_from((0.0, 1e-6, 0.01, 0.3, 50.0)),
)


@settings(max_examples=25)
@given(st.lists(looks, min_size=1, max_size=20), st.sampled_from((None, 3.0, 15.0, 60.0)), st.floats(0, 2e9))
def test_chances_stay_chances(
    seen: list[tuple[float, bool, float]], hint: float | None, start: float
) -> None:
    """Under any looks: they sum to one, the odds keep their bounds, and there are ticks to come."""
    clock, now = Clock.hinted(hint), start
    for span, changed, rate in seen:
        before = clock.odds
        clock.saw(now, now + span, partial(_come, rate), changed=changed)
        now += max(0.0, span)

        assert total(clock) == pytest.approx(1)
        assert min(map(min, filter(None, clock.rows))) > -1e-9
        # A look moves them by 2; and time, towards where they began.
        assert min(before, clock.home) - 2.001 <= clock.odds <= max(before, clock.home) + 2.001
        assert -5 <= clock.odds <= 6
        assert clock.ticks(now).first[-1] == pytest.approx(1)
        assert 0 < clock.trust <= 0.97


def test_a_belief_can_be_kept() -> None:
    """What was restored foresees the same ticks."""
    gateway, clock, other = Ticking(2), Clock(), Clock()
    gateway.watch(clock, 60)
    other.restore(clock.odds, clock.looked_at, clock.rows)

    assert other.looked_at == clock.looked_at
    assert other.ticks(gateway.now).first == pytest.approx(clock.ticks(gateway.now).first)


EVEN = 1 / 1560
FLAT = [[EVEN] * 120 for _ in range(13)]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="nothing"),
        pytest.param(FLAT[1:], id="a period too few"),
        pytest.param([*FLAT, []], id="a period too many"),
        pytest.param([*FLAT[1:], [EVEN] * 119], id="a phase too few"),
        pytest.param([[]] * 13, id="all ruled out"),
        pytest.param([[0.0] * 120] * 13, id="no chance at all"),
        pytest.param([*FLAT[1:], [-0.1, *[EVEN] * 119]], id="less than no chance"),
        pytest.param([*FLAT[1:], [math.nan, *[EVEN] * 119]], id="no number"),
        pytest.param([*FLAT[1:], [math.inf, *[EVEN] * 119]], id="more than any number"),
        pytest.param([[1e308] * 120] * 13, id="a sum beyond all numbers"),
    ],
)
def test_what_makes_no_sense_is_not_restored(rows: list[list[float]]) -> None:
    """The belief stays as it was."""
    clock = Clock()
    clock.restore(6.0, EPOCH, rows)

    assert clock == Clock()


@pytest.mark.parametrize("odds", [-1e308, 1e308, math.inf])
def test_restored_odds_keep_their_bounds(odds: float) -> None:
    """However sure it was."""
    clock = Clock()
    clock.restore(odds, None, FLAT)

    assert clock.odds == (6 if odds > 0 else -5)
    assert total(clock) == pytest.approx(1)


@pytest.mark.parametrize("looked_at", [-1e308, -1e200, 1e308])
def test_a_restored_instant_leads_nothing_astray(looked_at: float) -> None:
    """However long ago it was, or will be."""
    clock = Clock()
    clock.restore(0.0, looked_at, FLAT)
    clock.saw(EPOCH, EPOCH + 3, Ticking.news, changed=True)

    assert total(clock) == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_looks_narrow_the_window(seed: int) -> None:
    """From a whole period to some seconds."""
    gateway, clock = Ticking(seed), Clock.hinted(15.0)

    assert width(clock.ticks(gateway.now)) > 12
    assert width(gateway.watch(clock, 100)) < 5
