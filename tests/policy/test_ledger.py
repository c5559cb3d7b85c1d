"""What a reader was told: nothing twice, and `skipped` says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._policy.ledger import Course, Ledger, Parcel
from mjwatch.events import Event, TaskEvent
from tests.support.builders import buttons, expired, progress, success


def make(*expected: str) -> Ledger:
    """Return the ledger of a reader that has taken all it was told."""
    ledger = Ledger(())
    for task_id in expected:
        ledger.expect(task_id)
    return ledger


def numbered(ledger: Ledger, *events: TaskEvent) -> list[TaskEvent]:
    """Return what is told of *events*, one by one."""
    return [told for event in events if (told := ledger.number(event)) is not None]


def test_what_was_told_is_not_told_again() -> None:
    """Neither while the task goes on nor after its end."""
    ledger = make()
    told = numbered(ledger, progress(1), progress(1), buttons(3), progress(2), success(4), buttons(3))

    assert told == [progress(1), evolve(buttons(3), skipped=1), success(4)]
    assert ledger.knows(success(4))
    assert not ledger.knows(progress(5))


def test_events_that_are_taken_back_are_told_again() -> None:
    """As if they had not been told; also an end."""
    ledger = make()
    told = numbered(ledger, progress(1), progress(3), expired(4))
    for event in reversed(told[1:]):
        ledger.rewind(event)

    assert numbered(ledger, expired(4)) == [evolve(expired(4), skipped=2)]


def test_a_restart_is_owed_until_a_progress_tells_it() -> None:
    """Once, whatever comes between; of what was told before nothing is owed."""
    ledger = make()
    numbered(ledger, progress(1, restarted=True))
    ledger.owe(progress(1, restarted=True))
    before = numbered(ledger, progress(2))
    ledger.owe(progress(3, restarted=True))
    told = numbered(ledger, buttons(4), progress(5), progress(6))

    assert before == [progress(2)]
    assert told == [evolve(buttons(4), skipped=1), progress(5, restarted=True), progress(6)]


def test_what_is_owed_is_forgotten_with_its_task() -> None:
    """A task that comes back after ten thousand others ended begins with nothing."""
    ledger = make()
    ledger.owe(progress(1, restarted=True))
    ledger.end("1")
    numbered(ledger, *[success(1, task_id=f"other {number}") for number in range(10_001)])

    assert "1" not in ledger
    assert numbered(ledger, progress(1)) == [progress(1)]


def test_a_restart_that_is_owed_after_an_end_brings_the_end_back_to_nobody() -> None:
    """Whoever leaves a task that went on after its end was told that end."""
    ledger = make()
    numbered(ledger, progress(1), expired(2))
    ledger.owe(progress(3, restarted=True))
    ledger.end("1")

    assert numbered(ledger, expired(2)) == []
    assert numbered(ledger, progress(4)) == [evolve(progress(4), skipped=1, restarted=True)]


def test_only_so_many_ends_are_remembered() -> None:
    """Not counting those that the reader has still to take."""
    undelivered: list[Event] = []
    ledger = Ledger(undelivered)
    ends = [success(1, task_id=str(number)) for number in range(10_002)]
    for event in ends:
        undelivered.append(event)
        numbered(ledger, event)
    kept = len(ledger)
    undelivered.clear()
    ledger.end("0")

    assert (kept, len(ledger)) == (10_002, 10_000)
    assert "1" not in ledger
    assert "2" in ledger


def test_a_task_of_which_nothing_was_told_leaves_nothing() -> None:
    """Expected, left and renewed as often as one likes."""
    ledger = make("1", "2")
    ledger.end("1")
    ledger.end("3")
    ledger.renew("2")

    assert len(ledger) == 0


def test_what_is_expected_does_not_forget_what_is_known() -> None:
    """Neither of a task that goes on nor of one that ended."""
    ledger = make()
    numbered(ledger, progress(1), success(1, task_id="2"))
    ledger.expect("1")
    ledger.expect("2")

    assert numbered(ledger, progress(1), success(1, task_id="2")) == []


def test_who_stands_alike_gets_the_same_events() -> None:
    """Not equal ones: they were made once."""
    course, one, other = Course(), make("1", "2"), make("1", "2")
    for ledger in (one, other):
        ledger.follow(course)
    parcel = course.number([progress(2), success(3), progress(1, task_id="2")])
    first, second = one.number_all(parcel), other.number_all(parcel)
    course.advance(parcel)

    assert first == [evolve(progress(2), skipped=1), success(3), progress(1, task_id="2")]
    assert second is first
    assert (len(one), len(other)) == (2, 2)
    assert numbered(other, success(3), progress(1, task_id="2")) == []


def test_who_parts_keeps_what_it_was_told() -> None:
    """Whatever others are told from then on."""
    course, one, other = Course(), make("1"), make("1")
    for ledger in (one, other):
        ledger.follow(course)
    other.part()
    parcel = course.number([progress(1)])
    told = one.number_all(parcel)
    course.advance(parcel)

    assert told == [progress(1)]
    assert numbered(other, progress(1)) == [progress(1)]
    assert numbered(one, progress(1)) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ledger: ledger.part(), id="parts"),
        pytest.param(lambda ledger: ledger.end("1"), id="leaves"),
        pytest.param(lambda ledger: ledger.renew("1"), id="begins anew"),
        pytest.param(lambda ledger: ledger.expect("3"), id="expects more"),
        pytest.param(lambda ledger: ledger.tell(progress(2)), id="is told more"),
        pytest.param(lambda ledger: ledger.rewind(progress(1)), id="takes back"),
        pytest.param(lambda ledger: ledger.owe(progress(2, restarted=True)), id="owes"),
        pytest.param(lambda ledger: ledger.number_all(Parcel([progress(2)])), id="gets another parcel"),
    ],
)
def test_whatever_one_reader_does_the_others_stand_where_they_stood(
    change: Callable[[Ledger], object],
) -> None:
    """Its ledger is its own from then on: they are neither told twice nor told less."""
    course, one, other = Course(), make("1", "2"), make("1", "2")
    for ledger in (one, other):
        ledger.follow(course)
    first = course.number([progress(1)])
    for ledger in (one, other):
        ledger.number_all(first)
    course.advance(first)
    change(other)
    second = course.number([progress(2)])

    assert (len(one), "1" in one, "3" in one) == (2, True, False)
    assert one.number_all(second) is second.told
    assert other.number_all(second) is not second.told


def test_the_ends_of_a_parcel_are_remembered_as_ends() -> None:
    """So many of them, and no more, whoever numbered it."""
    ids = list(map(str, range(10_002)))
    course, followed, alone = Course(), make(*ids), make(*ids)
    followed.follow(course)
    parcel = course.number([success(1, task_id=one) for one in ids])
    for ledger in (followed, alone):
        ledger.number_all(parcel)
    course.advance(parcel)
    alone.end("0")

    assert len(followed) == len(alone) == 10_000


def test_a_renewed_task_owes_nothing() -> None:
    """A restart of its former life is none of the one that begins."""
    ledger = make()
    numbered(ledger, progress(1))
    ledger.owe(progress(2, restarted=True))
    ledger.renew("1")

    assert numbered(ledger, progress(1)) == [progress(1)]


@pytest.mark.parametrize(
    "events",
    [[progress(2)], [progress(1)], [progress(3), progress(3)], [success(3), progress(4)]],
    ids=["told", "older", "twice", "after its end"],
)
def test_a_course_numbers_no_parcel_that_its_readers_may_know(events: list[TaskEvent]) -> None:
    """What of it is news to a reader is the reader's own matter."""
    course = Course()
    course.advance(course.number([progress(1)]))
    course.last["1"] = 2

    assert course.number(events).told == ()


def test_a_parcel_is_flat_without_two_events_of_one_task() -> None:
    """Then none of them can replace another."""
    assert Parcel([progress(1), progress(1, task_id="2")]).is_flat
    assert not Parcel([progress(1), buttons(2)]).is_flat


class Maker(Protocol):
    """A builder of an event."""

    def __call__(self, seq: int, /, *, task_id: str) -> TaskEvent:
        """Return an event of a task."""
        ...


KINDS: dict[str, Maker] = {"p": progress, "b": buttons, "e": expired}
LOGS = st.lists(st.tuples(st.sampled_from("pppbe"), st.sampled_from("123")), max_size=24)
STARTS = st.lists(st.tuples(st.sets(st.sampled_from("123")), st.integers(0, 8)), min_size=2, max_size=4)


@given(LOGS, STARTS, st.integers(1, 5), st.sampled_from(["", "1", "12"]))
def test_a_parcel_is_what_its_events_are_one_by_one(
    log: list[tuple[str, str]], starts: list[tuple[set[str], int]], size: int, owed: str
) -> None:
    """For each of several readers, wherever in the log it begins, and whatever others found before it."""
    seqs = dict.fromkeys("123", 0)
    events: list[TaskEvent] = []
    for kind, task_id in log:
        seqs[task_id] += 1
        events.append(KINDS[kind](seqs[task_id], task_id=task_id))
    readers = [(make(*expected), make(), begins) for expected, begins in starts]
    for ledger, single, _ in readers[:1]:
        for task_id in owed:
            for one in (ledger, single):
                one.owe(progress(1, task_id=task_id, restarted=True))
    course = Course()
    for at in range(0, len(events), size):
        parcel = course.number(events[at : at + size])
        here = [(ledger, single) for ledger, single, begins in readers if at >= begins]
        for ledger, single in here:
            assert list(ledger.number_all(parcel)) == numbered(single, *parcel.events)
        course.advance(parcel)
        for ledger, _ in here:
            ledger.follow(course)
