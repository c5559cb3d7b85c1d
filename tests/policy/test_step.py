"""The short way of a plain step: the same state and the same event as the Story's, or none."""

from __future__ import annotations

import pickle

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.fold import Folded, fold
from mjwatch._policy.state import State
from mjwatch._policy.step import step
from mjwatch._policy.story import Story
from mjwatch.events import Eta, Progress
from mjwatch.observations import Missing, Observation
from mjwatch.tasks import Action, Button, Mode, Status
from tests.support.builders import GATEWAY, WATCH, run, seen

URL = "https://cdn.example/1.png"
FIRST = run((0, seen(percent=31, image_url=URL, digest=1))).state


def stepped(state: State, look: Observation) -> Folded | None:
    """Let the short way take *look* in at second 5."""
    return step(state, look, WATCH, 5.0, GATEWAY, None)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (seen(percent=46, image_url=URL), (46, URL, None)),
        (seen(percent=31, image_url=URL + "2"), (31, URL + "2", None)),
        (seen(percent=31, image_url=None), (31, None, None)),
        (seen(percent=31, image_url=URL, note="fast"), (31, URL, "fast")),
        (seen(percent=31, image_url=URL, status_word="RUNNING"), (31, URL, None)),
    ],
)
def test_a_step_is_told(look: Observation, expected: tuple[int, str | None, str | None]) -> None:
    """A number, a picture, a note or a word more."""
    told = stepped(FIRST, look)

    assert told is not None
    (event,) = told.events
    assert isinstance(event, Progress)
    assert (event.percent, event.preview, event.note) == expected
    assert (event.seq, event.at, told.state.seq, told.state.changed_at) == (2, 5.0, 2, 5.0)


def test_the_first_number_is_a_step() -> None:
    """A task may run before the gateway shows a number."""
    told = stepped(run((0, seen())).state, seen(percent=0))

    assert told is not None
    assert told.state.percent == 0


@pytest.mark.parametrize(
    ("state", "look"),
    [
        (State(), seen(percent=46)),
        (run((0, seen(Status.SUBMITTED, 0))).state, seen(percent=46)),
        (run((0, seen(percent=31)), (1, Missing(single=False))).state, seen(percent=46)),
        (FIRST, seen(Status.SUCCESS, 100)),
        (FIRST, seen(percent=30)),
        (FIRST, seen()),
        (FIRST, seen(percent=46, buttons=(Button("1"),))),
        (FIRST, seen(percent=31, image_url=URL)),
        (FIRST, seen(percent=31, image_url=URL + "?rand=7")),
    ],
)
def test_what_is_more_or_less_than_a_step_is_left_to_the_story(state: State, look: Observation) -> None:
    """Beginnings, ends, relapses, buttons, and what is no news."""
    assert stepped(state, look) is None


def test_the_forecast_is_as_of_the_step() -> None:
    """The state that is forecast is the one that is kept."""
    asked: list[State] = []

    def eta(state: State) -> Eta:
        asked.append(state)
        return Eta(10.0, 20.0)

    told = fold(FIRST, seen(percent=46), WATCH, 5.0, gateway=GATEWAY, eta=eta)

    assert asked == [told.state]
    assert [getattr(event, "eta", None) for event in told.events] == [Eta(10.0, 20.0)]


def test_the_event_is_a_plain_one() -> None:
    """Frozen, and nobody sees how it was made."""
    told = stepped(FIRST, seen(percent=46))
    assert told is not None
    (event,) = told.events

    assert type(event) is Progress
    assert {event, pickle.loads(pickle.dumps(event))} == {event}  # noqa: S301 - our own
    with pytest.raises(FrozenInstanceError):
        event.percent = 100  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del event.percent


looks = st.builds(
    seen,
    st.sampled_from((Status.IN_PROGRESS,) * 6 + tuple(Status)),
    st.none() | st.sampled_from((0, 15, 31, 46, 62)),
    digest=st.just(7),
    status_word=st.sampled_from(("IN_PROGRESS", "RUNNING")),
    note=st.sampled_from((None, None, "paused")),
    image_url=st.sampled_from((None, URL, URL + "?rand=7", URL + "2")),
    buttons=st.sampled_from(((), (), (Button("1"),))),
    action=st.sampled_from((Action.IMAGINE, Action.VIDEO)),
    mode=st.sampled_from(Mode),
    submitted_at=st.sampled_from((None, 1.0)),
    started_at=st.sampled_from((None, 2.0)),
)


@settings(deadline=None)
@given(st.lists(looks | looks | st.just(Missing(single=False)), max_size=8), looks)
def test_both_ways_tell_the_same(past: list[Observation | Missing], look: Observation) -> None:
    """Whatever was before, the short way comes to the state and the events of the Story, or to none."""
    state = run(*enumerate(past)).state
    short = step(state, look, WATCH, 99.0, GATEWAY, None)
    story = Story(state, WATCH, 99.0, GATEWAY)
    story.see(look)

    assert short is None or short == story.told()
    assert short is None or repr(short) == repr(story.told())
