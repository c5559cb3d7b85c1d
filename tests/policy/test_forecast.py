"""How likely news is: positive, finite, and never led astray by a gateway's clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.forecast import STEP_RATE, Prior, news_rate, prior
from mjwatch._policy.state import State
from mjwatch.observations import Watch
from mjwatch.tasks import Action, Mode, Status

NOW = 1_000_000.0
FAST = Prior.of(27, 45, 85)


def rate(state: State | None, *, age: float = 30.0, listens: bool = False, weight: float = 0.1) -> float:
    """Return the rate of news *age* seconds after the watch began."""
    wish = Watch("1", None, NOW - age, None, wants_progress=listens)
    return news_rate(state, wish, NOW, step_weight=weight)


def running(
    *,
    action: Action = Action.IMAGINE,
    status: Status = Status.IN_PROGRESS,
    percent: int | None = None,
    changed_at: float | None = NOW,
    started_at: float | None = None,
    submitted_at: float | None = None,
) -> State:
    """Return the state of a picture that was just seen."""
    return State(
        status=status,
        action=action,
        mode=Mode.FAST,
        percent=percent,
        seen_at=NOW,
        changed_at=changed_at,
        started_at=started_at,
        submitted_at=submitted_at,
    )


@settings(deadline=None)
@given(
    st.sampled_from(Action), st.sampled_from(Mode), st.floats(-1e9, 1e12) | st.sampled_from((0.0, math.inf))
)
def test_a_hazard_is_positive_and_finite_at_any_age(action: Action, mode: Mode, age: float) -> None:
    """So that a look always comes, and never at once."""
    assert 0 < prior(action, mode).hazard(age) < 10


@settings(deadline=None)
@given(st.sampled_from(Action), st.sampled_from(Mode), st.floats(1, 1e6))
def test_a_hazard_is_constant_beyond_the_last_sure_point(action: Action, mode: Mode, more: float) -> None:
    """Where only 1.5 % of the tasks are left, the belief says nothing more."""
    belief = prior(action, mode)
    edge = belief.median * math.exp(2.17 * belief.spread)

    assert belief.hazard(edge) == pytest.approx(belief.hazard(edge * more))


def test_a_belief_has_the_quantiles_it_was_built_from() -> None:
    """A tenth is done by p10, half by p50, nine tenths by p90: summed from the hazard itself."""
    left, shares = 1.0, {}
    for second in range(95):
        shares[second] = 1 - left
        left *= math.exp(-FAST.hazard(second + 0.5))

    assert shares[27] == pytest.approx(0.1, abs=0.03)
    assert shares[45] == pytest.approx(0.5, abs=0.03)
    assert shares[85] == pytest.approx(0.9, abs=0.03)


def test_an_unknown_mode_counts_as_fast() -> None:
    """And every action that has no belief of its own as a picture."""
    assert prior(Action.IMAGINE, Mode.UNKNOWN) == FAST
    assert prior(Action.UNKNOWN, Mode.FAST) == FAST
    assert prior(Action.VIDEO, Mode.TURBO) == prior(Action.VIDEO, Mode.FAST)
    assert prior(Action.IMAGINE, Mode.RELAX).median > prior(Action.IMAGINE, Mode.TURBO).median


def test_an_id_never_seen_is_worth_a_look_soon() -> None:
    """Whether nothing is known of it or it was only missing so far."""
    assert rate(None) == rate(State()) == 1 / 8


def test_an_open_window_waits_for_a_person() -> None:
    """Hardly anything happens before minutes."""
    assert rate(running(status=Status.MODAL), listens=True) < 1 / 300


def test_progress_counts_only_for_those_who_listen() -> None:
    """With its weight, on top of the end; words have no progress."""
    state = running()

    assert rate(state, listens=True) - rate(state) == pytest.approx(0.1 * STEP_RATE)
    assert rate(state, listens=True, weight=0) == rate(state)
    assert rate(running(action=Action.DESCRIBE), listens=True) == rate(running(action=Action.DESCRIBE))


def test_without_a_clock_the_age_counts_from_the_watch() -> None:
    """All that is known is how long it is watched; the future is as young as can be."""
    assert rate(running(), age=30) == FAST.hazard(30)
    assert rate(running(), age=-30) == FAST.hazard(0)


@pytest.mark.parametrize(
    ("started_in", "submitted_in", "age"),
    [
        pytest.param(-20, -25, 20, id="started"),
        pytest.param(None, -25, 25, id="submitted"),
        pytest.param(20, -25, 25, id="started in the future"),
        pytest.param(20, 25, 30, id="both in the future"),
        pytest.param(-100_000, None, 30, id="more than a day before the watch"),
        pytest.param(-NOW, -NOW, 30, id="at the beginning of time"),
    ],
)
def test_the_gateways_clock_is_believed_where_it_is_plausible(
    started_in: float | None, submitted_in: float | None, age: float
) -> None:
    """Not in our future, not more than a day before the watch; the start rather than the submission."""
    state = running(
        started_at=None if started_in is None else NOW + started_in,
        submitted_at=None if submitted_in is None else NOW + submitted_in,
    )

    assert rate(state, age=30) == pytest.approx(FAST.hazard(age))


def test_the_percent_says_how_far_a_task_is() -> None:
    """Better than any clock: so much of the median, and the time since it changed."""
    state = running(percent=60, changed_at=NOW - 9, started_at=NOW - 500)

    assert rate(state) == pytest.approx(FAST.hazard(27 + 9))


def test_a_percent_from_the_beginning_of_time_is_dated_too() -> None:
    """The epoch second zero is an instant like any other; without one the clock decides."""
    early = State(action=Action.IMAGINE, percent=60, seen_at=0, changed_at=0)
    wish = Watch("1", None, 0, None, wants_progress=False)

    assert news_rate(early, wish, 9, step_weight=0) == pytest.approx(FAST.hazard(27 + 9))
    assert rate(running(percent=60, changed_at=None)) == FAST.hazard(30)


@settings(deadline=None)
@given(
    st.sampled_from(Status),
    st.sampled_from(Action),
    st.none() | st.integers(0, 100),
    st.none() | st.floats(-1e15, 1e15),
    st.floats(-1e7, 1e7),
    st.booleans(),
)
def test_news_come_at_a_positive_and_finite_rate(
    status: Status, action: Action, percent: int | None, begun: float | None, age: float, listens: bool
) -> None:
    """Whatever the gateway says of its clock."""
    state = running(status=status, action=action, percent=percent, started_at=begun, submitted_at=begun)

    assert 0 < rate(state, age=age, listens=listens) < 10
