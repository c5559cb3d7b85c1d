"""What can be read from a state without looking: the deadline, the replay, the Task so far."""

from __future__ import annotations

import sys

import pytest
from attrs import evolve
from msgspec.structs import replace

from mjwatch._policy.fold import elapse
from mjwatch._policy.state import Relapse, State, deadline_at, going_on, partial_task, replay
from mjwatch.events import ButtonsAvailable, InputRequired, Progress, TaskEvent
from mjwatch.observations import Finding, Missing, Watch
from mjwatch.settings import Deadlines
from mjwatch.tasks import Action, Button, Mode, Status, Task
from tests.support.builders import GATEWAY, WATCH, run, seen, state_with

URL = "https://cdn.example/1.png"
BUTTONS = (Button("MJ::JOB::upsample::1"),)
HOUR = 3_600.0


def state_of(*looks: Finding, wish: Watch = WATCH) -> State:
    """Return the state after *looks*, ten seconds apart."""
    return run(*[(10.0 * n, look) for n, look in enumerate(looks)], wish=wish).state


def expired(state: State) -> State:
    """Return *state* after its watch was discarded."""
    wish = replace(WATCH, is_discarded=True)
    after = elapse(state, wish, 99, gateway=GATEWAY, deadlines=Deadlines())
    assert after is not None
    return after.state


def retold(state: State | None) -> list[tuple[str, int]]:
    """Return kind and seq of what a late reader gets."""
    return [(event.kind, event.seq) for event in replay(state, WATCH, gateway=GATEWAY)]


@pytest.mark.parametrize(
    ("state", "wish", "expected"),
    [
        pytest.param(None, WATCH, 6 * HOUR, id="nothing known"),
        pytest.param(state_with(action=Action.IMAGINE), WATCH, 2 * HOUR, id="picture"),
        pytest.param(state_with(action=Action.IMAGINE, mode=Mode.RELAX), WATCH, 6 * HOUR, id="relax"),
        pytest.param(state_with(action=Action.VIDEO, mode=Mode.FAST), WATCH, 6 * HOUR, id="video"),
        pytest.param(state_with(mode=Mode.FAST), WATCH, 6 * HOUR, id="unknown action"),
        pytest.param(None, replace(WATCH, watched_at=100), 6 * HOUR + 100, id="from the watch on"),
        pytest.param(None, replace(WATCH, deadline_at=60, is_by_kind=False), 60, id="as wished"),
        pytest.param(None, replace(WATCH, deadline_at=60), 6 * HOUR, id="the kind is more patient"),
        pytest.param(None, replace(WATCH, deadline_at=9 * HOUR), 9 * HOUR, id="the wish is more patient"),
    ],
)
def test_a_watch_lasts_as_wished_or_as_the_kind_asks_for(
    state: State | None, wish: Watch, expected: float
) -> None:
    """Two hours for a picture, six where it may be slow, counted from the watch; the most patient wish wins."""
    assert expected == deadline_at(state, wish, Deadlines())


def test_only_the_tasks_own_ends_are_an_end() -> None:
    """After Success and Failure the task is over; Lost and Expired ended a watch."""
    assert state_of(seen(Status.SUCCESS, image_url=URL)).is_over
    assert state_of(seen(Status.CANCEL)).is_over
    assert not state_of(seen(percent=40)).is_over
    assert not expired(state_with()).is_over


def test_a_new_watch_goes_on_from_what_stays_true() -> None:
    """The count and the kind survive the end of a watch, and its events get ids of their own."""
    old = expired(
        state_with(
            state_of(seen(percent=40, mode=Mode.FAST, buttons=BUTTONS)), restarts=3, relapse=Relapse(1, 0)
        )
    )

    assert going_on(old) == state_with(seq=3, restarts=4, action=Action.IMAGINE, mode=Mode.FAST)
    assert going_on(None) == state_with()


def test_a_running_or_ended_task_goes_on_as_it_is() -> None:
    """The very state, so that nothing needs to be written."""
    running, ended = state_of(seen(percent=40)), state_of(seen(Status.CANCEL))

    assert going_on(running) is running
    assert going_on(ended) is ended


def test_a_late_reader_gets_the_last_progress_as_it_was_told() -> None:
    """With its seq, its instant, and what is known of the task by now."""
    look = seen(percent=40, image_url=URL, note="fast", mode=Mode.FAST)
    wish = replace(WATCH, tag="mine")
    state = state_of(seen(percent=15), look, look, wish=wish)
    task = Task(
        id="1",
        status=Status.IN_PROGRESS,
        status_word="IN_PROGRESS",
        action=Action.IMAGINE,
        mode=Mode.FAST,
        percent=40,
        note="fast",
        image_url=URL,
        is_partial=True,
    )

    assert replay(state, wish, gateway=GATEWAY) == (
        Progress(task, GATEWAY, "mine", 10, 2, 0, 0, 40, URL, "fast", None, restarted=False),
    )


def test_a_restart_is_retold_as_one() -> None:
    """A late reader may have known the run before."""
    low = seen(percent=15)
    (event,) = replay(state_of(seen(percent=93), low, low, low, low), WATCH, gateway=GATEWAY)

    assert isinstance(event, Progress)
    assert (event.restarted, event.restarts, event.seq) == (True, 1, 2)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([], [], id="never seen"),
        pytest.param(
            [seen(percent=40, buttons=BUTTONS)], [("progress", 1), ("buttons", 2)], id="buttons last"
        ),
        pytest.param(
            [seen(percent=40, buttons=BUTTONS), seen(percent=93)],
            [("buttons", 2), ("progress", 3)],
            id="progress last",
        ),
        pytest.param([seen(), seen(Status.MODAL)], [("progress", 1)], id="frozen window"),
        pytest.param(
            [seen(Status.SUBMITTED), seen(Status.MODAL, buttons=BUTTONS)],
            [("input_required", 2), ("buttons", 3)],
            id="open window",
        ),
        pytest.param(
            [seen(percent=40), seen(Status.SUCCESS, 100)], [("progress", 1)], id="a success not yet told"
        ),
        pytest.param([seen(percent=40), seen(Status.FAILURE)], [("failure", 2)], id="failed"),
        pytest.param(
            [seen(percent=40), seen(Status.SUCCESS, image_url=URL, buttons=BUTTONS)],
            [("buttons", 2), ("success", 3)],
            id="done",
        ),
    ],
)
def test_a_late_reader_gets_the_present_state(looks: list[Finding], expected: list[tuple[str, int]]) -> None:
    """Running: progress or the open window, and buttons, by seq. Ended: buttons and the end."""
    assert expected == retold(state_of(*looks))


def test_what_is_not_yet_told_is_not_retold() -> None:
    """While a success waits to be whole, late readers get what the others got, under the same id."""
    (told,) = run((0, seen(percent=93))).events
    (again,) = replay(state_of(seen(percent=93), seen(Status.SUCCESS, 100)), WATCH, gateway=GATEWAY)

    assert again.id == told.id


def test_nothing_is_replayed_after_the_end_of_a_watch() -> None:
    """Lost and Expired say nothing about the task; nor does a state that does not exist."""
    assert retold(expired(state_of(seen(percent=40)))) == []
    assert retold(None) == []


def test_events_of_an_ended_task_are_the_very_ones() -> None:
    """Nothing is built anew for them."""
    done = run((0, seen(Status.SUCCESS, image_url=URL, buttons=BUTTONS)))

    assert done.events == replay(done.state, WATCH, gateway=GATEWAY)
    assert isinstance(done.events[0], ButtonsAvailable)


def test_an_open_window_is_retold_with_what_is_known() -> None:
    """As a partial Task, like any other."""
    (event,) = replay(state_of(seen(Status.MODAL)), WATCH, gateway=GATEWAY)

    assert isinstance(event, InputRequired)
    assert (event.task.status, event.task.is_partial) == (Status.MODAL, True)


def test_the_task_so_far_holds_what_is_known() -> None:
    """Of an id never seen that is the id alone."""
    shown: TaskEvent = run((0, seen(percent=40, buttons=BUTTONS, submitted_at=1.0, started_at=2.0))).events[0]
    state = state_of(seen(percent=40, buttons=BUTTONS, submitted_at=1.0, started_at=2.0))

    assert partial_task(state, "1") == evolve(shown.task, is_partial=True)
    assert partial_task(None, "7") == Task(id="7", is_partial=True)


def test_a_state_is_lean() -> None:
    """A hundred bytes beyond what it is about, and two instants, while a task runs: a million may be watched."""
    look = seen(percent=40, digest=2**60, image_url=URL, submitted_at=1.0, started_at=2.0, mode=Mode.FAST)
    state, other = state_of(look), state_of(look)

    assert sys.getsizeof(state) <= 80
    assert sys.getsizeof(state.begun) <= 32
    assert state.phase is other.phase
    assert state.aside is None


def test_half_known_instants_are_half_known() -> None:
    """A task that was submitted and has not begun."""
    state = state_of(seen(percent=40, submitted_at=1.0))

    assert (state.submitted_at, state.started_at) == (1.0, None)
    assert (State().submitted_at, State().started_at) == (None, None)


def test_a_task_was_seen_when_it_changed_or_while_its_success_is_not_whole() -> None:
    """Whoever was never seen is lost sooner."""
    assert state_of(seen(percent=40)).seen_at == 0
    assert state_of(seen(Status.SUCCESS)).seen_at == 0
    assert state_of(Missing(single=False)).seen_at is None


def test_a_state_is_known_by_its_digest_while_nothing_is_open() -> None:
    """A miss is taken back only by a look that is decoded."""
    state = state_of(seen(percent=40, digest=7))

    assert state.known_by == 7
    assert state_with(state, restarts=1).known_by == 7
    assert state_of(seen(percent=40, digest=7), Missing(single=False)).known_by is None
