"""What tasks teach: time left, steps and pace; soon learned, soon forgotten, and bounded."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mjwatch._policy.forecast import MOST_TRAILS, Forecast, Outlook
from mjwatch._policy.left import Steady
from mjwatch._policy.moments import MEMORY, Learned
from mjwatch._policy.state import State
from mjwatch.events import Expired, Failure, Lost, Success
from mjwatch.observations import Watch
from mjwatch.tasks import Action, Mode, Status
from tests.support.builders import WATCH, expired, failure, lost, state_with, success

NOW = 1_000_000.0
STEPS = (0, 15, 31, 46, 62, 78, 93)


def watched(since: float) -> Watch:
    """Return a watch that began at *since*."""
    return replace(WATCH, watched_at=since)


def picture(
    percent: int | None = 0,
    *,
    action: Action = Action.IMAGINE,
    mode: Mode = Mode.FAST,
    status: Status = Status.IN_PROGRESS,
    seen_at: float | None = NOW,
    final: Success | Failure | Lost | Expired | None = None,
    started_at: float | None = None,
    submitted_at: float | None = None,
) -> State:
    """Return a picture that was just seen to change."""
    return state_with(
        action=action,
        mode=mode,
        percent=percent,
        status=status,
        seen_at=seen_at,
        final=final,
        started_at=started_at,
        submitted_at=submitted_at,
    )


def live(
    forecast: Forecast,
    seconds: float,
    *,
    times: int = 1,
    queued: float = 0.0,
    steps: tuple[int, ...] = STEPS,
    action: Action = Action.IMAGINE,
    mode: Mode = Mode.FAST,
    final: Success | Failure | Lost | Expired | None = None,
) -> Forecast:
    """Let *times* tasks live, each for so many *seconds* after a queue; even steps. Return the forecast."""
    terms = watched(NOW)
    for _ in range(times):
        if queued:
            forecast.saw("a", terms, picture(None, action=action, mode=mode, status=Status.SUBMITTED), NOW)
        begun = NOW + queued
        for percent in steps:
            state = picture(percent, action=action, mode=mode)
            forecast.saw("a", terms, state, begun + seconds * percent / 100)
        end = picture(100, action=action, mode=mode, final=final or success(1))
        forecast.saw("a", terms, end, begun + seconds)
    return forecast


def median(
    forecast: Forecast, state: State | None = None, *, after: float = 0.0, since: float = NOW
) -> float:
    """Return in how many seconds half of such tasks have ended; at their first look, or so long *after* it."""
    outlook = forecast.outlook("new", watched(since), state or picture(), NOW + after)
    return outlook.end.quantile(0.5)


def test_before_any_was_seen_the_prior_counts() -> None:
    """For the whole at 0 %, for the rest further on."""
    assert median(Forecast()) == pytest.approx(45)
    assert median(Forecast(), picture(62)) == pytest.approx(45 * (1 - 4 / 8.5))


def test_an_id_never_seen_is_worth_a_look_soon() -> None:
    """Whether nothing is known of it or it was only missing so far."""
    assert Forecast().outlook("1", WATCH, None, NOW) == Outlook(Steady(1 / 8))
    assert Forecast().outlook("1", WATCH, state_with(), NOW) == Outlook(Steady(1 / 8))


def test_an_open_window_waits_for_a_person() -> None:
    """Hardly anything happens before minutes."""
    assert median(Forecast(), picture(status=Status.MODAL)) > 300


def test_words_have_no_steps() -> None:
    """Pictures and films have."""
    assert Forecast().outlook("1", WATCH, picture(action=Action.DESCRIBE), NOW).step is None
    step = Forecast().outlook("1", watched(NOW), picture(), NOW).step
    assert step is not None
    assert step.quantile(0.5) == pytest.approx(7)


@pytest.mark.parametrize("seconds", [8, 20, 200, 900])
def test_a_few_tasks_teach_how_long_they_take(seconds: float) -> None:
    """At every milestone, not only at the first."""
    forecast = live(Forecast(), seconds, times=8)

    assert median(forecast) == pytest.approx(seconds, rel=0.15)
    assert median(forecast, picture(62)) == pytest.approx(seconds * 0.38, rel=0.15)


@pytest.mark.parametrize(("before", "after"), [(30, 120), (120, 30)])
def test_a_new_regime_wins_within_some_twenty_tasks(before: float, after: float) -> None:
    """What was true for long is forgotten all the same: soon it counts for less, then for nothing."""
    dice = random.Random(1)
    forecast = Forecast()
    for number in range(100):
        live(forecast, (before if number < 40 else after) * dice.lognormvariate(0, 0.3))
        if number == 62:
            assert abs(math.log(median(forecast) / after)) < abs(math.log(median(forecast) / before))

    assert median(forecast) == pytest.approx(after, rel=0.25)


@pytest.mark.parametrize("seconds", [4, 400])
def test_one_outlier_moves_little(seconds: float) -> None:
    """Ten times as fast or as slow as the others."""
    forecast = live(live(Forecast(), 40, times=20), seconds)

    assert median(forecast) == pytest.approx(40, rel=0.1)


def test_what_is_learned_of_one_action_helps_its_family() -> None:
    """Other families and other modes learn nothing from it."""
    forecast = live(Forecast(), 200, times=10)

    assert median(forecast, picture(action=Action.VARIATION)) == pytest.approx(200, rel=0.3)
    for other in (picture(action=Action.UPSCALE), picture(mode=Mode.RELAX)):
        assert median(forecast, other) == median(Forecast(), other)


def test_an_action_of_its_own_pace_is_told_from_its_family() -> None:
    """A few of its own count for more than many of the family."""
    forecast = live(live(Forecast(), 200, times=20), 50, times=10, action=Action.PAN)

    assert median(forecast, picture(action=Action.PAN)) == pytest.approx(50, rel=0.3)
    assert median(forecast, picture(action=Action.IMAGINE)) == pytest.approx(200, rel=0.3)


def test_a_failure_is_an_end_too() -> None:
    """It is waited for as much as a success."""
    assert median(live(Forecast(), 200, times=8, final=failure(1))) == pytest.approx(200, rel=0.15)


@pytest.mark.parametrize("final", [lost(1), expired(1)])
def test_the_end_of_a_watch_teaches_nothing(final: Lost | Expired) -> None:
    """The task went on, or never was; its trail is gone all the same."""
    assert live(Forecast(), 200, final=final) == Forecast()


def test_an_end_without_a_beginning_teaches_nothing() -> None:
    """Nobody knows how long it took."""
    assert live(Forecast(), 200, steps=()) == Forecast()


def test_who_is_followed_is_not_given_up_for_a_newcomer() -> None:
    """A thousand tasks of ten thousand are learned from to the end."""
    forecast = Forecast()
    for number in range(MOST_TRAILS + 5):
        forecast.saw(str(number), watched(NOW - 60), picture(), NOW)

    assert list(forecast.trails) == [str(number) for number in range(MOST_TRAILS)]


def test_trails_are_bounded() -> None:
    """Of those that were quiet for long the quietest goes; a task that is known already makes no room."""
    forecast = Forecast()
    for number in range(MOST_TRAILS):
        forecast.saw(str(number), WATCH, picture(), NOW)
    forecast.saw("0", WATCH, picture(50), NOW + 590)
    forecast.saw("early", WATCH, picture(), NOW + 590)
    for number in range(3):
        forecast.saw(f"late {number}", WATCH, picture(), NOW + 600)

    assert len(forecast.trails) == MOST_TRAILS
    assert {"0", "4", "late 2"} <= forecast.trails.keys()
    assert forecast.trails.keys().isdisjoint({"early", "1", "2", "3"})


def test_the_table_is_bounded() -> None:
    """What was learned of longest ago makes room for what comes new; what is known already goes on to be learned."""
    forecast = live(Forecast(), 60)
    known = set(forecast.table)
    forecast.table |= {f"{number}": Learned() for number in range(400 - len(known))}
    live(forecast, 60)
    assert {forecast.table[key].count for key in known if "/left/" in key} == {2}
    live(forecast, 60, action=Action.VIDEO)

    assert len(forecast.table) == 400
    assert known < forecast.table.keys()
    assert "0" not in forecast.table


def test_a_task_that_restarts_begins_its_trail_anew() -> None:
    """What it had reached before says nothing of how long the rest takes."""
    forecast, terms = Forecast(), watched(NOW)
    for after, percent in ((0, 0), (40, 80), (90, 0), (100, 40)):
        forecast.saw("a", terms, picture(percent), NOW + after)
    forecast.saw("a", terms, picture(100, final=success(1)), NOW + 120)

    learned = {
        milestone: math.exp(forecast.table[key].mean)
        for milestone in range(8)
        if (key := f"IMAGINE/FAST/left/{milestone}") in forecast.table
    }
    assert learned == pytest.approx({0: 30, 3: 20})


def test_steps_are_learned() -> None:
    """How long it takes from one to the next."""
    step = live(Forecast(), 200, times=10).outlook("b", watched(NOW), picture(), NOW).step

    assert step is not None
    assert step.quantile(0.5) == pytest.approx(31, rel=0.1)


@pytest.mark.parametrize("percent", [15, 46, 78])
@pytest.mark.parametrize("taught", [0, 10])
def test_a_stalled_task_is_not_near_its_end(percent: int, taught: int) -> None:
    """While it shows a number it is no nearer than it will be at the next one, however long that takes."""
    forecast = live(Forecast(), 60, times=taught)
    waits = [median(forecast, picture(percent), after=age) for age in (60, 100, 175)]

    assert min(waits) > 0.5 * 60 * (1 - percent / 100 - 1 / 8)
    assert waits[1] == pytest.approx(waits[2])


@pytest.mark.parametrize("percent", [0, 46, 93])
@pytest.mark.parametrize("taught", [0, 10])
def test_a_task_that_stands_still_for_long_is_waited_for_ever_more_patiently(
    percent: int, taught: int
) -> None:
    """Some stay at their number for ever (`protocol.md` 8): who is ten times as late has ten times as much left."""
    forecast = live(Forecast(), 60, times=taught)
    waits = [median(forecast, picture(percent), after=age) for age in (2_000, 20_000)]

    assert waits[0] > 10
    assert waits[1] == pytest.approx(10 * waits[0], rel=0.05)


def test_a_task_on_its_way_comes_nearer_to_its_end() -> None:
    """Up to the usual length of a step."""
    forecast = live(Forecast(), 60, times=10)
    waits = [median(forecast, picture(31), after=age) for age in (0, 3, 6, 9)]

    assert waits == sorted(waits, reverse=True)
    assert waits[0] - waits[-1] == pytest.approx(9, rel=0.2)


def test_a_task_that_never_shows_a_step_comes_nearer_too() -> None:
    """Its age is all there is to go by: learned as it is, nothing says that a step is missing."""
    forecast = live(Forecast(), 60, times=10, steps=(0,))

    assert median(forecast, picture(None), after=50) == pytest.approx(10, rel=0.3)


def test_a_skipped_milestone_is_no_gap() -> None:
    """Where the next one was never seen, the one behind it counts."""
    forecast = live(Forecast(), 80, times=10, steps=(0, 50))

    assert median(forecast, picture(0), after=170) == pytest.approx(40, rel=0.4)


def test_the_queue_is_learned_by_the_age_in_it() -> None:
    """Who waits for long has less left, where all wait alike."""
    forecast = live(Forecast(), 50, times=10, queued=100)
    queued = picture(None, status=Status.SUBMITTED)
    waits = [median(forecast, queued, after=age) for age in (6, 40, 90)]

    assert waits == pytest.approx([144, 102, 68], rel=0.15)


def test_an_unknown_queue_is_believed_to_take_what_is_left_of_the_whole() -> None:
    """At any age something is left."""
    queued = picture(None, status=Status.NOT_START)
    waits = [median(Forecast(), queued, after=age) for age in (0, 30, 300, 30_000)]

    assert waits[0] == pytest.approx(45, rel=0.1)
    assert waits[1] < waits[0]
    assert min(waits) > 5


def test_a_task_that_ends_in_the_queue_teaches_the_queue() -> None:
    """It never ran, as far as anybody saw."""
    forecast = live(Forecast(), 0, times=10, queued=40, steps=())

    assert median(forecast, picture(None, status=Status.SUBMITTED), after=10) == pytest.approx(28, rel=0.2)


def test_a_slow_task_is_believed_to_stay_slow() -> None:
    """Its own pace counts beside what is usual."""
    forecast, terms = live(Forecast(), 60, times=5), watched(NOW - 100)
    for after, percent in ((-100, 0), (0, 46)):
        forecast.saw("slow", terms, picture(percent), NOW + after)
    slow = forecast.outlook("slow", terms, picture(46), NOW).end.quantile(0.5)

    assert slow > 1.5 * median(forecast, picture(46))


def test_where_pace_says_nothing_that_is_learned_too() -> None:
    """Tasks that begin at different speeds and end together."""
    forecast = Forecast()
    for number in range(40):
        terms, slow = watched(NOW), 5 + number % 2 * 35
        for after, percent in ((0, 0), (slow, 46)):
            forecast.saw("a", terms, picture(percent), NOW + after)
        forecast.saw("a", terms, picture(100, final=success(1)), NOW + slow + 20)
    terms = watched(NOW - 40)
    for after, percent in ((-40, 0), (0, 46)):
        forecast.saw("slow", terms, picture(percent), NOW + after)

    assert forecast.outlook("slow", terms, picture(46), NOW).end.quantile(0.5) == pytest.approx(20, rel=0.25)


def test_the_gateways_clock_dates_a_task_that_was_found_under_way() -> None:
    """Its start tells the pace from the first look on."""
    state = picture(46, started_at=NOW - 100, submitted_at=NOW - 110)

    assert median(Forecast(), state, since=NOW) > 1.2 * median(Forecast(), picture(46))


@pytest.mark.parametrize(("tasks", "remembered"), [(0, 0), (3, 3), (50, MEMORY)])
def test_it_says_how_many_tasks_it_rests_on(tasks: int, remembered: int) -> None:
    """Of this kind; of an unknown one none."""
    forecast = live(Forecast(), 60, times=tasks)

    assert forecast.learned_from(picture()) == remembered
    assert forecast.learned_from(picture(action=Action.BLEND)) == forecast.learned_from(None) == 0


@given(st.lists(st.floats(-2, 12), min_size=1, max_size=60))
def test_what_was_seen_stays_within_what_was_seen(values: list[float]) -> None:
    """A mean between least and most, a spread no wider than that, a count that does not grow on."""
    seen = Learned()
    for value in values:
        seen.add(value)

    assert min(values) - 1e-9 <= seen.mean <= max(values) + 1e-9
    assert 0 <= seen.variance <= (max(values) - min(values)) ** 2 / 4 + 1e-9
    assert seen.count == min(len(values), MEMORY)


instants = st.none() | st.floats(allow_nan=True, allow_infinity=True)
hostile = st.builds(
    picture,
    st.none() | st.integers(0, 100),
    action=st.sampled_from(Action),
    mode=st.sampled_from(Mode),
    status=st.sampled_from(Status),
    started_at=instants,
    submitted_at=instants,
)


@given(hostile, st.floats(-1e7, 1e7), st.integers(0, 3))
def test_a_belief_is_sane_whatever_the_gateway_says_of_its_clock(
    state: State, age: float, taught: int
) -> None:
    """Finite, never certain, and never in the past; before and after such tasks were learned from."""
    forecast, terms = Forecast(), watched(NOW - age)
    end = state_with(state, final=success(1))
    for number in range(taught):
        forecast.saw("a", terms, state, NOW + number)
        forecast.saw("a", terms, end, NOW + 40 * number)

    outlook = forecast.outlook("1", terms, state, NOW)
    for belief in (outlook.end, outlook.step or outlook.end):
        assert 0 <= belief.quantile(0.5) <= belief.quantile(0.9) < math.inf
        assert 0 < belief.survive(1.0) <= 1
