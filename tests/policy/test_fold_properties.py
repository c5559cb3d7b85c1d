"""Whatever is seen, and whenever: the contract of the events holds."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from attrs import evolve, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mjwatch._policy.fold import Folded, elapse, fold
from mjwatch._policy.state import State, replay
from mjwatch.events import (
    ButtonsAvailable,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Success,
    TaskEvent,
)
from mjwatch.observations import Finding, Garbled, Missing, Observation, Unchanged, Watch, still
from mjwatch.settings import Deadlines
from mjwatch.tasks import Action, Button, FailureKind, Mode, Status, Task
from tests.support.builders import GATEWAY, WATCH
from tests.support.examples import examples

URLS = ("https://cdn.example/1.png", "https://cdn.example/1.png?rand=7", "https://cdn.example/2.png")
MISSED = (Missing(single=False), Missing(single=True))

lives = st.sampled_from((Status.IN_PROGRESS,) * 4 + tuple(Status))
tasks = st.builds(
    lambda status, spelled, **fields: Task("1", status, status.value + spelled, **fields),
    lives,
    st.sampled_from(("", "", "", "_NOW")),
    action=st.sampled_from((Action.IMAGINE, Action.VIDEO, Action.DESCRIBE, Action.UNKNOWN)),
    mode=st.sampled_from(Mode),
    percent=st.none() | st.integers(0, 100),
    note=st.sampled_from((None, None, "Waiting to start")),
    image_url=st.sampled_from((None, *URLS)),
    buttons=st.sampled_from(((), (Button("1"),), (Button("1"), Button("2")))),
    description=st.sampled_from((None, "described")),
    fail_reason=st.sampled_from((None, "banned")),
    fail_kind=st.none() | st.sampled_from(FailureKind),
)
looks = st.builds(Observation, tasks, st.just(7), st.booleans())
findings = looks | looks | st.sampled_from((*MISSED, Unchanged(), Garbled()))


@frozen
class Step:
    """*finding* is seen *times*, each *after* so many seconds; None is a look that failed."""

    finding: Finding | None
    after: float
    times: int = 1


steps = st.lists(
    st.builds(
        Step,
        st.none() | findings,
        st.sampled_from((0.0, 1.0, 1.0, 6.0, 16.0, 70.0, 4_000.0)),
        st.sampled_from((1, 1, 1, 3, 12)),
    ),
    max_size=12,
)


@frozen
class Session:
    """All that happened in one watch."""

    seen: tuple[Task, ...]
    events: tuple[TaskEvent, ...]
    first_seq: int


def live(state: State | None, finding: Finding | None, wish: Watch, now: float) -> Folded:
    """Take in what one look brought, if anything, and then the time."""
    told = Folded(state or State())
    if finding is not None:
        told = fold(state, finding, wish, now, gateway=GATEWAY)
    if any(event.final for event in told.events):
        return told
    after = elapse(told.state, wish, now, gateway=GATEWAY, deadlines=Deadlines())
    return told if after is None else Folded(after.state, told.events + after.events)


def check_replay(state: State, wish: Watch, events: tuple[TaskEvent, ...]) -> None:
    """Fail unless a late reader would get the newest of what was told, under the same ids."""
    told = {event.seq: event.id for event in events}
    again = replay(state, wish, gateway=GATEWAY)

    assert {event.seq: event.id for event in again}.items() <= told.items()
    assert [event.seq for event in again] == sorted({event.seq for event in again})
    if state.final is None:
        newest = [event.seq for event in events if isinstance(event, Progress | InputRequired)][-1:]
        assert newest == [event.seq for event in again if isinstance(event, Progress | InputRequired)]


def sessions(story: list[Step], wish: Watch) -> list[Session]:
    """Live through *story*; a new watch begins whenever one ended that was not the task's own end."""
    now, state = 0.0, State()
    done: list[Session] = []
    current = Session((), (), 1)
    for look in [step for step in story for _ in range(step.times)]:
        now += look.after
        told = live(state, look.finding, wish, now)
        state = told.state
        current = evolve(current, events=current.events + told.events)
        if isinstance(look.finding, Observation):
            current = evolve(current, seen=(*current.seen, look.finding.task))
        check_replay(state, wish, current.events)
        if any(event.final for event in told.events) and not state.is_over:
            done.append(current)
            current = Session((), (), told.events[-1].seq + 1)
            wish = replace(wish, watched_at=now, is_discarded=False)
    return [*done, current]


def lived(story: list[Step], *, is_discarded: bool = False) -> list[Session]:
    """Live through *story* and a day without a look."""
    return sessions([*story, Step(None, 86_400.0)], replace(WATCH, is_discarded=is_discarded))


RESTART = [Step(Observation(Task("1", Status.IN_PROGRESS, percent=percent)), 16.0, 3) for percent in (93, 15)]
WINDOWS = [
    Step(Observation(Task("1", status, status.value)), 16.0, 3)
    for status in (Status.MODAL, Status.UNKNOWN, Status.MODAL, Status.SUBMITTED, Status.MODAL)
]
AGAIN = [
    *RESTART[:1],
    Step(Observation(Task("1", Status.MODAL, "MODAL")), 16.0, 3),
    Step(Observation(Task("1", Status.SUBMITTED, "SUBMITTED", percent=0)), 1.0),
]
LOST = [
    Step(Observation(Task("1")), 0.0),
    Step(Missing(single=True), 70.0, 12),
    Step(Observation(Task("1")), 1.0),
]
OWING = [Step(Observation(Task("1", Status.SUCCESS)), 1.0, 3), Step(Missing(single=True), 1.0)]


@settings(deadline=None, max_examples=examples(60))
@given(steps, st.booleans())
@example(LOST, False)
@example(OWING, False)
def test_each_watch_has_one_end_and_it_comes_last(story: list[Step], is_discarded: bool) -> None:
    """Every watch ends in the end, with exactly one final event; the count has no gap, also across watches."""
    watches = lived(story, is_discarded=is_discarded)
    if not watches[-1].events:
        watches.pop()

    assert watches
    for watch in watches:
        assert [event.final for event in watch.events] == [False] * (len(watch.events) - 1) + [True]
        seqs = [event.seq for event in watch.events]
        assert seqs == list(range(watch.first_seq, watch.first_seq + len(seqs)))


@settings(deadline=None, max_examples=examples(60))
@given(steps)
@example(RESTART)
@example(WINDOWS)
@example(AGAIN)
def test_the_percent_never_falls_within_a_run(story: list[Step]) -> None:
    """A lower one comes with `restarted`, also where a window began the run."""
    for watch in lived(story):
        progress = [event for event in watch.events if isinstance(event, Progress)]
        for before, after in pairwise(progress):
            assert after.restarted or _height(before) <= _height(after)
            assert after.restarts >= before.restarts
        assert all(event.restarts > 0 for event in progress if event.restarted)


def _height(event: Progress) -> int:
    return -1 if event.percent is None else event.percent


@settings(deadline=None, max_examples=examples(60))
@given(steps)
@example(RESTART)
@example(WINDOWS)
def test_nothing_is_told_twice(story: list[Step]) -> None:
    """No two equal Progress or ButtonsAvailable in a row, and each window under a restart number of its own."""
    for watch in lived(story):
        going = [event for event in watch.events if isinstance(event, Progress | InputRequired)]
        shown = [event for event in watch.events if isinstance(event, ButtonsAvailable)]
        windows = [event.id for event in going if isinstance(event, InputRequired)]

        assert all(one.id != two.id for one, two in pairwise(going))
        assert all(one.buttons != two.buttons for one, two in pairwise(shown))
        assert len(windows) == len(set(windows))


@settings(deadline=None, max_examples=examples(60))
@given(steps)
@example(OWING)
def test_nothing_is_invented(story: list[Step]) -> None:
    """Every value of every event was seen in this very watch; a percent may be the highest of its run."""
    for watch in lived(story):
        for event in watch.events:
            _check_seen(event, watch.seen)


def _check_seen(event: TaskEvent, seen: tuple[Task, ...]) -> None:
    match event:
        case Progress(task=task, percent=percent):
            assert task in seen
            assert percent in {one.percent for one in seen}
            assert percent == task.percent or _height(event) > (task.percent or -1)
            assert (event.preview, event.note) == (task.image_url, task.note)
        case ButtonsAvailable(task=task) | InputRequired(task=task):
            assert task in seen
            assert not isinstance(event, ButtonsAvailable) or event.buttons == task.buttons
        case Success(task=task) | Failure(task=task):
            assert task in seen
            assert isinstance(event, Success) is (task.status is Status.SUCCESS)
            assert task.status.is_final
        case Lost(task=task) | Expired(task=task):
            assert task.is_partial
            assert task.status in {Status.UNKNOWN, *(one.status for one in seen)}
            assert task.percent in {None, *(one.percent for one in seen)}
            assert still(task.image_url) in {None, *(still(one.image_url) for one in seen)}


@settings(deadline=None, max_examples=examples(60))
@given(steps, looks)
def test_an_equal_observation_tells_nothing(story: list[Step], look: Observation) -> None:
    """Unless it was the one that confirmed a restart or ended a wait."""
    state: State | None = None
    for now, step in enumerate(story):
        if step.finding is not None:
            state = fold(state, step.finding, WATCH, now, gateway=GATEWAY).state
    once = fold(state, look, WATCH, 99, gateway=GATEWAY).state
    twice = fold(once, look, WATCH, 99, gateway=GATEWAY)

    open_ = once.aside is not None and (once.aside.settling or once.aside.relapse)
    assert not twice.events or open_ or (once.final and not once.is_over)


ends = st.sampled_from((Status.SUCCESS, Status.FAILURE, Status.CANCEL))


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(tasks, max_size=6), ends, st.randoms(use_true_random=False))
def test_whatever_the_order_the_end_is_the_one_that_was_shown(
    seen: list[Task], end: Status, dice: Random
) -> None:
    """Looks that come in any order end the watch in the same kind, if the gateway shows one kind of end."""
    shown = [evolve(task, status=Status.IN_PROGRESS) if task.status.is_final else task for task in seen]
    shown.append(Task("1", end, end.value, image_url=URLS[0], buttons=(Button("1"),)))
    kinds = set[str]()
    for _ in range(4):
        dice.shuffle(shown)
        story = [Step(Observation(task, 7), 1.0) for task in shown]
        kinds |= {event.kind for watch in lived(story) for event in watch.events if event.final}

    assert kinds == {"success" if end is Status.SUCCESS else "failure"}
