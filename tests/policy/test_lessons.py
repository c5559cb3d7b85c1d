"""What looks teach, and the note that keeps it: read back as it was written, and never trusted."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mjwatch._policy.clock import Clock
from mjwatch._policy.forecast import Forecast
from mjwatch._policy.lessons import SAMPLE, Lessons
from mjwatch._policy.moments import Learned
from mjwatch._policy.pacing import Wait, next_look
from mjwatch._policy.plane import Plane, Seen
from mjwatch._policy.state import State
from mjwatch.events import Eta
from mjwatch.observations import Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Mode, Status
from tests.support.builders import WATCH, state_with, success

NOW = 1.7e9
TERMS = replace(WATCH, watched_at=NOW - 30)


class Looked(NamedTuple):
    """A task as it was known before a look."""

    id: str
    terms: Watch
    state: State | None
    looked_at: float | None


def ticking() -> Lessons:
    """Return the lessons of a gateway that was seen to tick every 15.2 s, last at NOW."""
    lessons = Lessons(clock=Clock.hinted(15.0))
    for number in range(-40, 0):
        tick = NOW + number * 15.2
        lessons.clock.saw(tick - 0.3, tick + 0.3, lambda _: 0.5, changed=True)
    lessons.clock.saw(NOW - 0.3, NOW, lambda _: 0.5, changed=True)
    return lessons


def picture(
    percent: int | None, *, action: Action = Action.IMAGINE, ended: bool = False, queued: bool = False
) -> State:
    """Return a picture that was just seen to change."""
    return state_with(
        status=Status.SUBMITTED if queued else Status.IN_PROGRESS,
        action=action,
        mode=Mode.FAST,
        percent=percent,
        seen_at=NOW,
        final=success(1) if ended else None,
    )


def live(lessons: Lessons, seconds: float, *, action: Action = Action.IMAGINE, at: float = NOW) -> None:
    """Let a task live for so many *seconds*, looked at each quarter."""
    terms, dice = replace(TERMS, watched_at=at), random.Random(0)
    before, since = None, None
    for quarter in range(5):
        now = at + seconds * quarter / 4
        state = picture(25 * quarter, action=action, ended=quarter == 4)
        lessons.looked([Looked("a", terms, before, since)], {"a": state}, now, dice)
        before, since = state, now


def look_in(lessons: Lessons, state: State | None = None, *, now: float = NOW) -> Wait:
    """Return the next look at a task alone."""
    look = Looked("1", TERMS, state or picture(31), None)
    return next_look(look, Plane(1, 1), now, Pacing(), lessons, random.Random(0))


def reread(lessons: Lessons) -> Lessons:
    """Return fresh lessons that read the note of *lessons*."""
    fresh = Lessons()
    assert fresh.read_note(lessons.to_note())
    return fresh


def altered(**changes: object) -> bytes:
    """Return a note in which something else stands."""
    kept = msgspec.json.decode(Lessons().to_note())
    return msgspec.json.encode({**kept, **changes})


def of_any_kind(**changes: float) -> dict[str, dict[str, float]]:
    """Return a table in which the same is kept of all that a picture may ask for."""
    seen = {"count": 5.0, "mean": 3.0, "variance": 0.1, **changes}
    things = ("left", "pace", "step")
    kinds = ("picture", "IMAGINE")
    return {
        f"{kind}/FAST/{thing}/{milestone}": seen
        for kind in kinds
        for thing in things
        for milestone in range(25)
    }


def test_a_change_teaches_the_forecast() -> None:
    """Some ends later such tasks are known."""
    lessons = Lessons()
    for number in range(10):
        live(lessons, 200, at=NOW + number)

    assert lessons.forecast.learned_from(picture(0)) == 10
    left = lessons.forecast.outlook("b", TERMS, picture(0), NOW).end.quantile(0.5)
    assert left == pytest.approx(175, rel=0.25)


def test_a_change_is_dated_between_the_looks() -> None:
    """In their middle, where nothing is known of a tick; at the look itself, where it was the first."""
    lessons = Lessons()
    dice = random.Random(0)
    lessons.looked([Looked("a", TERMS, None, None)], {"a": picture(0)}, NOW, dice)
    lessons.looked([Looked("a", TERMS, picture(0), NOW)], {"a": picture(50)}, NOW + 10, dice)

    assert [mark.at for mark in lessons.forecast.trails["a"].marks] == [NOW, NOW + 5]


@pytest.mark.parametrize(("refresh", "has_stalled"), [(None, True), (15.0, False)])
def test_a_step_that_may_be_made_and_not_shown_is_no_stall(refresh: float | None, has_stalled: bool) -> None:
    """Nineteen seconds at a number say that a task stands still, but not where only a tick shows what it does."""
    lessons, dice = Lessons(clock=Clock.hinted(refresh)), random.Random(0)
    lessons.looked([Looked("a", TERMS, None, None)], {"a": picture(46)}, NOW, dice)
    waits = []
    for after in (17.0, 19.0):
        lessons.looked([Looked("a", TERMS, picture(46), NOW)], {}, NOW + after, dice)
        waits.append(lessons.forecast.outlook("a", TERMS, picture(46), NOW + after).end.quantile(0.5))

    assert (waits[0] == pytest.approx(waits[1])) is has_stalled


def test_a_change_is_dated_on_the_tick() -> None:
    """Where the gateway has one."""
    clock = Clock.hinted(15.0)
    for number in range(200):
        at = NOW - 3_000 + number * 15.0
        clock.saw(at - 7, at - 0.5, lambda _: 0.9, changed=False)
        clock.saw(at - 0.5, at + 0.5, lambda _: 0.9, changed=True)
    lessons = Lessons(clock=clock)
    assert clock.ticks(NOW).is_locked
    looks = [Looked("a", TERMS, picture(0), NOW - 12)]
    lessons.looked(looks, {"a": picture(50)}, NOW + 2, random.Random(0))

    assert lessons.forecast.trails["a"].marks[0].at == pytest.approx(NOW, abs=1)


def test_looks_without_a_change_teach_the_clock_alone() -> None:
    """They say where no tick was."""
    lessons = Lessons()
    lessons.looked([Looked("a", TERMS, picture(0), NOW - 5)], {}, NOW, random.Random(0))

    assert lessons.forecast == Forecast()
    assert lessons.clock != Clock()


def test_first_looks_say_nothing_of_a_tick() -> None:
    """Nobody knows what was there before."""
    lessons = Lessons()
    lessons.looked([Looked("a", TERMS, None, None)], {"a": picture(0)}, NOW, random.Random(0))
    lessons.looked([], {}, NOW, random.Random(0))

    assert lessons.clock == Clock()


def test_tasks_looked_at_together_are_one_look_at_the_clock() -> None:
    """The greater part of them decides; who was looked at another time is left out."""
    dice = random.Random(0)
    group = [Looked(name, TERMS, picture(0), NOW - 5) for name in "ab"]
    odd = Looked("c", TERMS, picture(0), NOW - 9)
    lessons, other = Lessons(), Lessons()
    lessons.looked([odd, *group], {}, NOW, dice)
    other.looked(group, {}, NOW, dice)

    assert lessons == other


def test_in_a_batch_some_are_new_and_some_stay_as_they_were() -> None:
    """Who was never looked at says nothing of a tick, and who did not change leaves no trail."""
    looks = [Looked("a", TERMS, picture(0), NOW - 5), Looked("b", TERMS, picture(0), NOW - 5)]
    lessons, other = Lessons(), Lessons()
    new = Looked("c", TERMS, None, None)
    lessons.looked([*looks, new], {"a": picture(50)}, NOW, random.Random(0))
    other.looked(looks, {"a": picture(50)}, NOW, random.Random(0))

    assert lessons == other
    assert list(lessons.forecast.trails) == ["a"]


def test_words_teach_the_clock_by_their_end_alone() -> None:
    """They have no steps that could be missed: a quiet look is weaker evidence."""
    dice = random.Random(0)
    words, pictures = Lessons(), Lessons()
    words.looked([Looked("a", TERMS, picture(0, action=Action.DESCRIBE), NOW - 2)], {}, NOW, dice)
    pictures.looked([Looked("a", TERMS, picture(0), NOW - 2)], {}, NOW, dice)

    assert words.clock != Clock()
    assert words.clock.odds >= pictures.clock.odds


def test_a_full_batch_teaches_by_a_sample() -> None:
    """The clock by some, the forecast by all that changed."""
    looks = [Looked(str(number), TERMS, picture(0), NOW - 5) for number in range(10 * SAMPLE)]
    lessons = Lessons()
    lessons.looked(looks, {look.id: picture(50) for look in looks}, NOW, random.Random(0))

    assert len(lessons.forecast.trails) == len(looks)
    assert lessons.clock.looked_at == NOW


def test_a_clock_that_is_ruled_out_is_asked_now_and_then() -> None:
    """Of a hundred looks a few, by the dice."""
    dice = random.Random(0)
    asked = 0
    for _ in range(100):
        lessons = Lessons(clock=Clock(odds=-5.0))
        lessons.looked([Looked("a", TERMS, picture(0), NOW - 5)], {}, NOW, dice)
        asked += lessons.clock.looked_at is not None

    assert 1 <= asked <= 12


def taught() -> Lessons:
    """Return lessons from some pictures and films on a gateway that ticks."""
    lessons = Lessons()
    for number, action in enumerate((Action.IMAGINE, Action.VIDEO, Action.PAN) * 6):
        live(lessons, 40 + number, action=action, at=NOW - 2_000 + number * 90)
    return lessons


def test_a_note_keeps_what_was_learned() -> None:
    """A process that starts with it decides as the one that wrote it."""
    lessons = taught()
    fresh = reread(lessons)

    for state in (picture(0), picture(31), picture(None, queued=True), picture(78, action=Action.REROLL)):
        for after in (0.0, 7.0, 400.0):
            wait, before = (look_in(known, state, now=NOW + after) for known in (fresh, lessons))
            assert wait.seconds == pytest.approx(before.seconds, rel=0.02)
            assert wait.reason == before.reason
    assert fresh.forecast.table == lessons.forecast.table


def test_a_note_keeps_no_tasks_under_way() -> None:
    """Only what is true of all."""
    lessons = Lessons()
    lessons.looked([Looked("secret", TERMS, None, None)], {"secret": picture(0)}, NOW, random.Random(0))

    assert b"secret" not in lessons.to_note()
    assert reread(lessons).forecast.trails == {}


def test_a_note_stays_small() -> None:
    """After thirty kinds of tasks it still is a row in a table, not a file."""
    lessons = Lessons()
    for action in list(Action)[:15]:
        for seconds in (30, 60):
            live(lessons, seconds, action=action)
    size = len(lessons.to_note())

    assert size < 60_000


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an object without anything"),
        pytest.param(b"\x00\xff\xfe", id="bytes"),
        pytest.param(taught().to_note()[:-9], id="cut"),
        pytest.param(altered(version=2), id="another version"),
        pytest.param(altered(version="1"), id="a version in words"),
        pytest.param(altered(table=[]), id="a table of another shape"),
        pytest.param(altered(table={"a": {"count": "many"}}), id="a count in words"),
        pytest.param(altered(rows=[["a"]]), id="rows of words"),
        pytest.param(altered(odds=None), id="no odds"),
        pytest.param(altered().replace(b"-2.0", b"NaN"), id="no number"),
        pytest.param(altered().replace(b"-2.0", b"1e999"), id="beyond all numbers"),
        pytest.param(altered().replace(b'"table":{}', b'"table":{"\xff":{}}'), id="no text"),
        pytest.param(b'{"x":' + b"[" * 100_000, id="deep"),
    ],
)
def test_a_note_that_cannot_be_understood_says_nothing(note: bytes | None) -> None:
    """Nothing is taken over, nothing is raised."""
    lessons = Lessons()

    assert lessons.read_note(note) is False
    assert lessons == Lessons()


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(altered(table=of_any_kind(mean=1e300)), id="an endless mean"),
        pytest.param(altered(table=of_any_kind(mean=800)), id="a mean beyond all seconds"),
        pytest.param(altered(table=of_any_kind(mean=-1e300)), id="a mean of nothing"),
        pytest.param(altered(table=of_any_kind(variance=1e300)), id="an endless spread"),
        pytest.param(altered(table=of_any_kind(variance=1e6)), id="a spread beyond all seconds"),
        pytest.param(altered(table=of_any_kind(variance=-1)), id="a negative spread"),
        pytest.param(altered(table=of_any_kind(count=-2)), id="fewer tasks than none"),
        pytest.param(altered(table=of_any_kind(count=-1)), id="one task fewer than none"),
        pytest.param(altered(table=of_any_kind(count=1e308)), id="more tasks than there are"),
        pytest.param(altered(odds=1e308), id="endless odds"),
        pytest.param(altered(looked_at=1e308), id="a look at the end of time"),
        pytest.param(altered(looked_at=-1e308), id="a look at its beginning"),
        pytest.param(altered(looked_at=-1e160), id="a look long before it"),
        pytest.param(altered(rows=[]), id="no rows"),
        pytest.param(altered(rows=[[1e308] * 120] * 13), id="endless chances"),
        pytest.param(altered(rows=[[1e300] * 120] * 13), id="huge chances"),
        pytest.param(altered(rows=[[-0.5] * 120] * 13), id="negative chances"),
        pytest.param(altered(rows=[[1.0] * 7] * 13), id="rows cut short"),
        pytest.param(altered(rows=[[1.0] + [0.0] * 119] + [[]] * 12), id="a single chance"),
    ],
)
def test_a_hostile_note_harms_nothing(note: bytes) -> None:
    """Read or refused: the looks that follow keep their limits, and go on to learn."""
    lessons = Lessons()
    lessons.read_note(note)

    for state in (picture(None), picture(31), picture(78), picture(None, queued=True)):
        for after in (0.0, 40.0, 4_000.0):
            assert 1 <= look_in(lessons, state, now=NOW + after).seconds <= 30
    live(lessons, 60)
    assert 1 <= look_in(lessons, now=NOW + 61).seconds <= 30
    assert reread(lessons).clock.ticks(NOW).first[-1] == pytest.approx(1)


def test_a_note_of_a_million_kinds_does_not_fill_the_memory() -> None:
    """The table keeps its bound, or the note is refused."""
    lessons = Lessons()
    lessons.read_note(altered(table={f"{number}": {"count": 1.0} for number in range(20_000)}))

    assert len(lessons.forecast.table) <= 2_000


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(("", "a", "1"))
    | st.lists(st.lists(st.floats(-1, 1), max_size=3), max_size=3)
    | st.dictionaries(st.sampled_from(("", "a", "1")), st.integers(), max_size=3)
)


@settings(max_examples=30)
@given(st.sampled_from(("version", "table", "odds", "looked_at", "rows")), values)
def test_any_value_in_any_place_is_read_or_refused(place: str, value: object) -> None:
    """And the next look comes within its limits."""
    lessons = Lessons()
    lessons.read_note(altered(**{place: value}))

    assert 1 <= look_in(lessons).seconds <= 30


@settings(max_examples=30)
@given(st.builds(Learned, *[st.floats(allow_nan=False, allow_infinity=False)] * 3))
def test_any_number_learned_is_read_or_refused(seen: Learned) -> None:
    """Also those that no task could have taught."""
    lessons = Lessons()
    lessons.read_note(altered(table=of_any_kind(count=seen.count, mean=seen.mean, variance=seen.variance)))

    for after in (0.0, 100.0):
        assert 1 <= look_in(lessons, now=NOW + after).seconds <= 30
    assert math.isfinite(look_in(lessons, picture(None, queued=True)).seconds)


def test_an_eta_is_the_median_and_the_last_but_one_in_ten() -> None:
    """Of the same belief that pacing has."""
    end = Lessons().forecast.outlook("a", TERMS, picture(46), NOW).end

    assert Lessons().eta_since(Seen("a", TERMS, picture(46)), NOW) == Eta(
        end.quantile(0.5), end.quantile(0.9)
    )


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(None, id="nothing known"),
        pytest.param(state_with(), id="never seen"),
        pytest.param(state_with(status=Status.MODAL, seen_at=NOW), id="a person's turn"),
        pytest.param(picture(100, ended=True), id="over"),
    ],
)
def test_there_is_no_eta_where_there_is_nothing_to_say(state: State | None) -> None:
    """None is better than a number made up."""
    assert Lessons().eta_since(Seen("a", TERMS, state), NOW) is None


def test_a_change_just_seen_came_between_two_looks() -> None:
    """Its task is faster than if it had come right now, and as fast as it is believed to be once that is taken in."""
    lessons = Lessons()
    look = Looked("a", TERMS, picture(0), NOW - 20)
    lessons.looked([look], {"a": picture(0)}, NOW - 20, random.Random(0))
    rarely = Looked("a", TERMS, picture(0), NOW - 10)
    told = lessons.eta(rarely, picture(31), NOW)
    lessons.looked([rarely], {"a": picture(31)}, NOW, random.Random(0))

    assert told == lessons.eta_since(Seen("a", TERMS, picture(31)), NOW)
    assert told is not None
    at_once = lessons.eta(Looked("b", TERMS, picture(0), NOW), picture(31), NOW)
    assert at_once is not None
    assert told.p50 < at_once.p50


def test_an_end_shows_on_a_tick() -> None:
    """What was just seen came with the last one, so its end comes with the next at the earliest."""
    lessons = ticking()
    look = Looked("a", TERMS, picture(0), NOW - 1)
    for percent in (15, 46, 93):
        eta = lessons.eta(look, picture(percent), NOW)
        assert eta is not None
        for seconds in (eta.p50, eta.p90):
            ticks = seconds / 15.2
            assert ticks == pytest.approx(round(ticks), abs=0.08)
            assert round(ticks) >= 1
        assert eta.p50 <= eta.p90
    nearly = lessons.eta_since(Seen("a", TERMS, picture(93)), NOW + 10)
    assert nearly is not None
    assert nearly.p50 == pytest.approx(5.2, abs=1)


@pytest.mark.parametrize("percent", [0, 46, 93])
@pytest.mark.parametrize("after", [0.5, 4.0, 9.0, 14.0])
@pytest.mark.parametrize("gap", [None, 3.0, 20.0, 40.0, 75.0, 3600.0])
def test_an_end_shows_on_a_tick_to_come_however_long_nobody_looked(
    percent: int, after: float, gap: float | None
) -> None:
    """Also at the first look, and after an outage."""
    lessons, now = ticking(), NOW + after
    since = None if gap is None else now - gap
    eta = lessons.eta(Looked("a", TERMS, picture(0), since), picture(percent), now)
    assert eta is not None
    assert 15.2 - after - 0.5 < eta.p50 <= eta.p90
    is_recent = since is not None and since > NOW  # then the look says that a tick came where none was due
    if not is_recent:
        for seconds in (eta.p50, eta.p90):
            ticks = (seconds + after) / 15.2
            assert ticks == pytest.approx(round(ticks), abs=0.05)
