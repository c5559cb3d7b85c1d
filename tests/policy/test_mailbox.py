"""A mailbox is small whatever comes, and never without the newest progress, the buttons and the end."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mjwatch._policy.ledger import Course, Parcel
from mjwatch._policy.mailbox import Mailbox
from mjwatch.events import ButtonsAvailable, Event, InputRequired, Progress, Recovered, TaskEvent, Unreachable
from tests.support.builders import (
    buttons,
    expired,
    input_required,
    lost,
    progress,
    recovered,
    success,
    unreachable,
)


def filled(*events: Event, throttle: float | None = None) -> Mailbox:
    """Return a mailbox into which *events* came."""
    mailbox = Mailbox(throttle=throttle)
    for event in events:
        mailbox.put(event)
    return mailbox


def taken(mailbox: Mailbox, now: float = 0.0) -> list[Event]:
    """Take all that may be delivered at *now*."""
    return list(iter(lambda: mailbox.take(now), None))


def told_one(first: TaskEvent, *others: Event) -> Mailbox:
    """Return a mailbox with a throttle of 10 s of which *first* was taken at 0, before *others* came."""
    mailbox = filled(first, throttle=10)
    mailbox.take(0)
    for event in others:
        mailbox.put(event)
    return mailbox


def seqs(events: Iterable[Event]) -> list[int]:
    """Return the seqs of the events of tasks among *events*."""
    return [event.seq for event in events if not isinstance(event, Unreachable | Recovered)]


def test_events_are_taken_in_the_order_in_which_they_came() -> None:
    """A reader that keeps up gets every one of them, untouched."""
    came: list[Event] = [
        progress(1),
        progress(1, task_id="2"),
        unreachable(),
        buttons(2),
        recovered(),
        success(3),
    ]
    mailbox = filled(*came)

    assert len(mailbox) == 6
    assert came == taken(mailbox)
    assert mailbox.take(0) is None


def test_an_event_that_came_before_is_dropped() -> None:
    """The replay of the present state and the live log may overlap."""
    mailbox = filled(progress(1), progress(2), progress(1), progress(2), progress(3))

    assert seqs(taken(mailbox)) == [1, 2, 3]


@pytest.mark.parametrize("throttle", [None, 10])
@pytest.mark.parametrize("came", [[progress(1), success(2)], [progress(1), buttons(2)]])
def test_a_replay_of_what_was_taken_is_dropped(came: list[TaskEvent], throttle: float | None) -> None:
    """After the final nothing follows; while the task goes on nothing comes twice."""
    mailbox, before = Mailbox(throttle=throttle), list[Event]()
    for event in came:
        mailbox.put(event)
        before += taken(mailbox)
    for event in came:
        mailbox.put(event)

    assert before == came
    assert taken(mailbox, now=100) == []


def test_a_task_watched_anew_after_its_end_goes_on() -> None:
    """After Expired or Lost the seqs rise further, and so does what this reader gets."""
    mailbox = filled(progress(1), expired(2), progress(3))
    before = taken(mailbox)
    mailbox.put(lost(5))

    assert seqs(before) == [1, 2, 3]
    assert [evolve(lost(5), skipped=1)] == taken(mailbox)


def others_end(mailbox: Mailbox, number: int) -> None:
    """Let *number* other tasks end, and take that."""
    for other in range(number):
        mailbox.put(success(1, task_id=f"other {other}"))
        mailbox.take(0)


def test_only_so_many_ended_ids_are_remembered() -> None:
    """A hook lives for weeks: of 10,001 ended ids the least recently used one is forgotten, its replay told again."""
    mailbox = Mailbox()
    others_end(mailbox, 10_000)
    mailbox.put(success(1, task_id="other 0"))  # a replay, which keeps it known
    mailbox.put(success(1))
    mailbox.take(0)
    for task_id in ("other 0", "other 1", "other 2"):
        mailbox.put(success(1, task_id=task_id))

    assert taken(mailbox) == [success(1, task_id="other 1")]


@pytest.mark.parametrize("is_taken_between", [True, False])
def test_an_id_watched_anew_is_no_longer_an_ended_one(is_taken_between: bool) -> None:
    """It is remembered as long as it is under way, however many end meanwhile."""
    mailbox = filled(expired(1))
    if is_taken_between:
        mailbox.take(0)
    mailbox.put(progress(2))
    taken(mailbox)
    others_end(mailbox, 10_001)
    mailbox.put(progress(2))

    assert taken(mailbox) == []


def test_a_new_reader_counts_what_came_before_it_as_skipped() -> None:
    """The first event says how many there were before, the next one none."""
    mailbox = filled(progress(3), success(4))

    assert [evolve(progress(3), skipped=2), success(4)] == taken(mailbox)


def test_a_crowded_mailbox_keeps_the_newest_of_each_kind() -> None:
    """Newest progress, newest buttons and the final of a task, and the gateway's last word; in order of arrival."""
    many = [progress(seq) for seq in range(1, 251)]
    last: list[Event] = [buttons(251), unreachable(), buttons(252), progress(253), recovered(), success(254)]
    mailbox = filled(*many, *last, progress(1, task_id="2"))

    assert [
        evolve(buttons(252), skipped=251),
        progress(253),
        recovered(),
        success(254),
        progress(1, task_id="2"),
    ] == taken(mailbox)


@pytest.mark.parametrize("replayed", [1, 2])
def test_a_replay_in_a_crowd_takes_nobodys_place(replayed: int) -> None:
    """What overlaps the log is older than what it comes after, or the very same."""
    crowd = [progress(1, task_id=f"other {number}") for number in range(800)]
    waiting = filled(*crowd[:400], progress(1), progress(2), crowd[400], progress(replayed), *crowd[401:])

    assert taken(waiting) == [*crowd[:400], evolve(progress(2), skipped=1), *crowd[400:]]


def test_input_required_and_progress_replace_each_other() -> None:
    """They share a slot: the reader needs to know where the task is now."""
    waiting = filled(*map(progress, range(1, 257)), input_required(257))
    answered = filled(*map(input_required, range(1, 257)), progress(257))

    assert [evolve(input_required(257), skipped=256)] == taken(waiting)
    assert [evolve(progress(257), skipped=256)] == taken(answered)


def test_a_restart_is_told_by_whatever_survives_it() -> None:
    """A percent that falls must be told as a restart, also where the event that said so was conflated; once."""
    crowded = filled(progress(1, 90), progress(2, 5, restarted=True), *map(progress, range(3, 258)))
    survivor = taken(crowded)
    crowded.put(progress(258))

    assert [evolve(progress(257), skipped=256, restarted=True)] == survivor
    assert [progress(258)] == taken(crowded)


def test_unread_finals_are_counted() -> None:
    """Whoever holds too many of them gets no new watches."""
    mailbox = filled(success(1), lost(1, task_id="2"), expired(1, task_id="3"), progress(1, task_id="4"))

    assert mailbox.unread_finals == 3
    mailbox.take(0)
    assert mailbox.unread_finals == 2


def test_the_bound_follows_the_tasks_that_have_unread_events() -> None:
    """Twice three slots each and one for the gateway, and never less than a few."""
    mailbox = Mailbox()
    for number in range(100):
        mailbox.put(success(1, task_id=str(number)))

    assert mailbox.bound == 602
    taken(mailbox)
    assert mailbox.bound == 256


def test_what_rests_counts_for_the_bound() -> None:
    """A hundred tasks have an unread event each, though none of them may be told yet."""
    mailbox = Mailbox(throttle=10)
    for seq in (1, 2):
        for number in range(100):
            mailbox.put(progress(seq, task_id=str(number)))
        taken(mailbox)

    assert (len(mailbox), mailbox.bound) == (100, 602)


@pytest.mark.parametrize("throttle", [None, 10])
def test_a_mailbox_that_was_mostly_read_shrinks_to_its_tasks(throttle: float | None) -> None:
    """The room that a thousand tasks needed is not left to one of them."""
    mailbox = filled(*[progress(1, task_id=str(number)) for number in range(1_000)], throttle=throttle)
    for seq in range(1, 1_001):
        mailbox.put(input_required(seq, task_id="late"))
    sizes = set[bool]()
    while mailbox.take(0) is not None:
        sizes.add(len(mailbox) <= mailbox.bound)

    assert {True} == sizes


def test_a_mailbox_whose_tasks_were_mostly_left_shrinks_to_the_rest() -> None:
    """The same, where its reader did not read but leave: at once, and from then on."""
    mailbox = filled(*[progress(1, task_id=str(number)) for number in range(1_000)])
    for seq in range(2, 800):
        mailbox.put(progress(seq, task_id="0"))
    mailbox.forget(*map(str, range(1, 1_000)))
    sizes = {len(mailbox) <= mailbox.bound}
    for seq in range(800, 1_801):
        mailbox.put(progress(seq, task_id="0"))
        sizes.add(len(mailbox) <= mailbox.bound)

    assert {True} == sizes


def test_what_gave_way_before_its_time_leaves_no_room() -> None:
    """The same, where six hundred Progress came too soon and others took their place."""
    mailbox, rounds = Mailbox(throttle=10), list[list[Maker]]([[progress], [progress, buttons]])
    for makers in rounds:
        for seq, make in enumerate(makers, len(makers)):
            for number in range(600):
                mailbox.put(make(seq, task_id=str(number)))
        taken(mailbox)
    sizes = set[bool]()
    for seq in range(4, 1_004):
        mailbox.put(input_required(seq, task_id="0"))
        sizes.add(len(mailbox) <= mailbox.bound)

    assert {True} == sizes


def test_parcels_are_bounded_like_events() -> None:
    """What came by one is no reason to keep more of what comes after it, be it single events or parcels."""
    single, whole, sizes = Mailbox(), Mailbox(), set[bool]()
    single.put_all(Parcel([progress(seq) for seq in range(1, 201)]))
    for seq in range(201, 601):
        single.put(progress(seq))
        whole.put_all(Parcel([progress(seq, task_id=str(number)) for number in range(20)]))
        sizes |= {len(one) <= one.bound for one in (single, whole)}

    assert {True} == sizes


def test_readers_that_keep_up_share_the_work() -> None:
    """They get the very same events, which were numbered once; whoever is behind or throttled gets its own."""
    course, parcels = Course(), [[progress(2)], [progress(4)]]
    keen, other, behind, throttled = Mailbox(), Mailbox(), Mailbox(), Mailbox(throttle=10)
    mailboxes = [behind, throttled, keen, other]
    for mailbox in mailboxes:
        mailbox.expect("1")
    for number in range(300):
        behind.put(progress(1, task_id=f"other {number}"))
    for mailbox in mailboxes:
        mailbox.follow(course)
    for events in parcels:
        parcel = course.number(events)
        for mailbox in mailboxes:
            mailbox.put_all(parcel)
        course.advance(parcel)

    shared = taken(keen)
    assert shared == [evolve(progress(2), skipped=1), evolve(progress(4), skipped=1)]
    assert all(one is same for one, same in zip(shared, taken(other), strict=True))
    assert taken(behind)[-2:] == shared
    assert taken(throttled) == [evolve(progress(4), skipped=3)]


def test_readers_that_share_the_work_get_a_large_parcel_each() -> None:
    """What is too much to be numbered for all at once is conflated, and told, by each of them."""
    course, mailboxes = Course(), (Mailbox(), Mailbox())
    for mailbox in mailboxes:
        mailbox.expect("1")
        mailbox.follow(course)
    parcel = course.number([progress(seq) for seq in range(1, 301)])
    for mailbox in mailboxes:
        mailbox.put_all(parcel)
    course.advance(parcel)

    assert taken(mailboxes[0]) == taken(mailboxes[1]) == [evolve(progress(300), skipped=299)]


def test_a_reader_that_parted_is_not_told_for() -> None:
    """What those that go on together got without it is still new to it."""
    course, mailboxes = Course(), (Mailbox(), Mailbox())
    for mailbox in mailboxes:
        mailbox.expect("1")
        mailbox.follow(course)
    mailboxes[1].part()
    parcel = course.number([progress(1)])
    mailboxes[0].put_all(parcel)
    course.advance(parcel)
    mailboxes[1].put(progress(1))

    assert taken(mailboxes[0]) == taken(mailboxes[1]) == [progress(1)]


def test_a_reader_that_never_reads_keeps_few_events_per_task() -> None:
    """Two hundred tasks with a hundred changes each leave twice two hundred, not twenty thousand."""
    mailbox = Mailbox()
    largest = 0
    for seq in range(1, 101):
        for number in range(200):
            mailbox.put(progress(seq, task_id=str(number)))
            largest = max(largest, len(mailbox))

    assert largest == 400  # not less: looking for what to drop has to pay


def test_a_forgotten_id_leaves_nothing_behind() -> None:
    """What is undelivered of it goes, all else stays; an unknown id is nothing to forget."""
    mailbox = filled(progress(1), success(1, task_id="2"), recovered(), success(2))
    mailbox.forget("1", "3")

    assert (len(mailbox), mailbox.unread_finals) == (2, 1)
    assert [success(1, task_id="2"), recovered()] == taken(mailbox)


def test_a_reader_that_comes_back_gets_what_it_left_unread() -> None:
    """Its seqs go on rising: what it got before is dropped from the replay, what it did not get is let in."""
    mailbox = filled(progress(1), progress(2), buttons(3), progress(4, restarted=True), progress(5))
    mailbox.take(0)
    mailbox.forget("1")
    for event in (progress(1), buttons(3), progress(5)):
        mailbox.put(event)

    assert [evolve(buttons(3), skipped=1), evolve(progress(5), skipped=1, restarted=True)] == taken(mailbox)


def test_an_empty_mailbox_has_nothing_to_wait_for() -> None:
    """Nor has one that was emptied."""
    assert Mailbox(throttle=5).ready_in(0) is None
    assert filled(progress(1)).ready_in(0) == 0


def test_progress_that_comes_too_soon_is_delivered_in_its_time() -> None:
    """The first at once, then the newest of each throttle."""
    mailbox = told_one(progress(1), progress(2), progress(3))

    assert taken(mailbox) == []
    assert (len(mailbox), mailbox.ready_in(2)) == (1, 8)
    mailbox.put(progress(4))
    assert taken(mailbox, now=9) == []
    assert [evolve(progress(4), skipped=2)] == taken(mailbox, now=10)
    assert mailbox.ready_in(10) is None


def test_a_throttled_reader_that_was_busy_gets_the_newest_at_once() -> None:
    """What piled up meanwhile is not told one by one, however long ago its time came."""
    mailbox = told_one(progress(1), *map(progress, range(2, 100)))

    assert mailbox.ready_in(500) == 0
    assert [evolve(progress(99), skipped=97)] == taken(mailbox, now=500)
    assert (len(mailbox), mailbox.ready_in(500)) == (0, None)


@pytest.mark.parametrize("after", [success, buttons, input_required])
def test_a_throttled_reader_that_was_busy_is_told_no_progress_from_before(
    after: Callable[[int], TaskEvent],
) -> None:
    """What came after it says more; and of the progress after that, the newest."""
    mailbox = told_one(progress(1), progress(2), progress(3), after(4), progress(5), progress(6))

    assert [evolve(after(4), skipped=2), evolve(progress(6), skipped=1)] == taken(mailbox, now=500)


def test_what_takes_the_place_of_a_progress_is_told_in_its_turn() -> None:
    """Not behind what came after the first."""
    others: list[Event] = [progress(1, task_id="2"), unreachable(), success(1, task_id="3")]
    mailbox = filled(progress(1), *others, progress(2), throttle=10)

    assert [evolve(progress(2), skipped=1), *others] == taken(mailbox)


def test_tasks_that_change_faster_than_they_are_read_take_turns() -> None:
    """Five tasks change at each look, of which the reader takes one event: each of them gets its share."""
    mailbox, got = Mailbox(throttle=2), list[str]()
    for seq in range(1, 101):
        for number in range(5):
            mailbox.put(progress(seq, task_id=str(number)))
        event = mailbox.take(5.0 * seq)
        assert isinstance(event, Progress)
        assert event.seq == seq
        got.append(event.task.id)

    assert got == ["0", "1", "2", "3", "4"] * 20


def test_asking_when_is_as_good_as_taking() -> None:
    """A queue that holds only Progress before its time is not ready."""
    mailbox = told_one(progress(1), progress(2))

    assert mailbox.ready_in(0) == 10
    assert mailbox.ready_in(11) == 0


def test_throttles_of_tasks_do_not_touch_each_other() -> None:
    """Each task rests by its own last Progress; the one whose time comes first is next."""
    mailbox = filled(progress(1), throttle=10)
    mailbox.take(0)
    mailbox.put(progress(1, task_id="2"))
    mailbox.take(4)
    mailbox.put(progress(2, task_id="2"))
    mailbox.put(progress(2))

    assert taken(mailbox, now=5) == []
    assert mailbox.ready_in(5) == 5
    assert [progress(2)] == taken(mailbox, now=10)
    assert mailbox.ready_in(10) == 4
    assert [progress(2, task_id="2")] == taken(mailbox, now=14)


@pytest.mark.parametrize("after", [success, buttons, input_required])
@pytest.mark.parametrize("is_looked_between", [True, False])
def test_a_deferred_progress_yields_to_whatever_comes_after(
    after: Callable[[int], TaskEvent], is_looked_between: bool
) -> None:
    """Only Progress is throttled: the rest comes at once, and seq must rise."""
    mailbox = told_one(progress(1), progress(2))
    if is_looked_between:
        mailbox.take(0)
    mailbox.put(after(3))

    assert [evolve(after(3), skipped=1)] == taken(mailbox, now=1)
    assert (len(mailbox), mailbox.ready_in(1)) == (0, None)


@pytest.mark.parametrize("is_looked_between", [True, False])
def test_a_throttled_restart_is_not_lost(is_looked_between: bool) -> None:
    """A newer Progress takes the place of the one that said so, and says so."""
    mailbox = told_one(progress(1, 90), progress(2, 5, restarted=True))
    if is_looked_between:
        mailbox.take(0)
    mailbox.put(progress(3, 6))

    assert [evolve(progress(3, 6), skipped=1, restarted=True)] == taken(mailbox, now=10)
    mailbox.put(progress(4, 7))
    assert [progress(4, 7)] == taken(mailbox, now=20)


@pytest.mark.parametrize("is_looked_between", [True, False])
@pytest.mark.parametrize("now", [0, 10])
@pytest.mark.parametrize("between", [buttons, input_required])
def test_a_throttled_restart_is_told_after_what_came_between(
    between: Callable[[int], TaskEvent], now: float, is_looked_between: bool
) -> None:
    """Other kinds do not tell a restart; the next Progress does, be it early or late."""
    mailbox = told_one(progress(1, 90), progress(2, 5, restarted=True))
    if is_looked_between:
        mailbox.take(0)
    mailbox.put(between(3))
    overtaker = mailbox.take(now)
    mailbox.put(progress(4, 6))

    assert overtaker == evolve(between(3), skipped=1)
    assert [progress(4, 6, restarted=True)] == taken(mailbox, now=10)


def test_a_busy_queue_does_not_hold_back_a_progress_that_rested() -> None:
    """It goes first once its time has come."""
    mailbox = told_one(progress(1), progress(2))
    mailbox.take(0)
    mailbox.put(progress(1, task_id="2"))

    assert [progress(2), progress(1, task_id="2")] == taken(mailbox, now=10)


def test_what_takes_the_place_of_a_progress_that_rested_goes_as_early() -> None:
    """Not behind the queue that came before it."""
    mailbox = told_one(progress(1), progress(2))
    taken(mailbox)
    mailbox.put(progress(1, task_id="2"))
    mailbox.put(progress(3))

    assert [evolve(progress(3), skipped=1), progress(1, task_id="2")] == taken(mailbox, now=10)


@pytest.mark.parametrize("is_looked_between", [True, False])
def test_a_deferred_progress_of_a_forgotten_id_goes_too(is_looked_between: bool) -> None:
    """The reader left: nothing comes later either, unless it comes back."""
    mailbox = told_one(progress(1), progress(2))
    if is_looked_between:
        mailbox.take(0)
    mailbox.forget("1")

    assert (len(mailbox), mailbox.ready_in(0), taken(mailbox, now=10)) == (0, None, [])
    mailbox.put(progress(2))
    assert taken(mailbox, now=10) == [progress(2)]


@pytest.mark.parametrize("is_looked_between", [True, False])
@pytest.mark.parametrize("more", [[], [progress(3, 6)]])
def test_a_deferred_restart_of_a_forgotten_id_is_told_if_it_comes_back(
    more: list[TaskEvent], is_looked_between: bool
) -> None:
    """Whoever left before its time was not told that the percent fell."""
    mailbox = told_one(progress(1, 90), progress(2, 5, restarted=True))
    if is_looked_between:
        taken(mailbox)
    for event in more:
        mailbox.put(event)
    mailbox.forget("1")
    mailbox.put(progress(4, 7))

    assert taken(mailbox, now=10) == [evolve(progress(4, 7), skipped=2, restarted=True)]


def test_to_leave_one_task_restarts_no_other() -> None:
    """What waits of another tells its own restart, and not before."""
    crowd = [progress(1, task_id=f"other {number}") for number in range(256)]
    others = [progress(1, 90, task_id="2"), progress(2, 5, task_id="2", restarted=True)]
    mailbox = filled(*crowd, progress(1), *others)
    throttled = filled(progress(1), others[0], throttle=10)
    for one in (mailbox, throttled):
        one.forget("1")
    got = taken(throttled)
    throttled.put(others[1])

    assert taken(mailbox) == [*crowd, *others]
    assert [*got, *taken(throttled, now=10)] == others


def test_a_crowd_is_left_like_anything_else() -> None:
    """Both what was numbered already and what was not; others keep their place."""
    mailbox = filled(*map(progress, range(1, 200)), progress(1, task_id="2"), *map(buttons, range(200, 257)))
    for number in range(200):
        mailbox.put(progress(1, task_id=f"other {number}"))
    mailbox.take(0)
    mailbox.put(buttons(257))
    mailbox.forget("1", "2")
    got = taken(mailbox)
    mailbox.put(progress(300))

    assert {event.task.id for event in got if isinstance(event, Progress)} == {
        f"other {n}" for n in range(200)
    }
    assert len(got) == 200
    assert [evolve(progress(300), skipped=100)] == taken(mailbox)


def test_a_crowd_is_made_ready_in_parts() -> None:
    """What may be taken before the rest is looked at again; what is left goes from both."""
    mailbox = filled(*[progress(1, task_id=str(number)) for number in range(400)])
    wait = mailbox.ready_in(0)
    sizes = len(mailbox.ready), len(mailbox)
    mailbox.forget("0", "399")

    assert (wait, sizes) == (0, (114, 400))
    assert [progress(1, task_id=str(number)) for number in range(1, 399)] == taken(mailbox)


def test_a_crowd_that_has_become_few_is_told_one_by_one() -> None:
    """Of what is left 256 or fewer are never conflated: after 129 of these, so many wait, and none is ready."""
    crowd = [progress(1, task_id=str(number)) for number in range(257)]
    changes = [progress(seq, task_id="256") for seq in range(2, 130)]

    assert taken(filled(*crowd, *changes)) == [*crowd, *changes]


def test_alternating_kinds_do_not_pile_up_within_a_throttle() -> None:
    """Each Progress that is deferred and replaced leaves nothing that grows."""
    mailbox = filled(progress(1), progress(1, task_id="2"), throttle=3_600)
    taken(mailbox)
    mailbox.put(progress(2, task_id="2"))
    for seq in range(2, 2_000, 2):
        mailbox.put(progress(seq))
        mailbox.take(0)
        mailbox.put(buttons(seq + 1))
        mailbox.take(0)

    assert mailbox._throttle is not None
    assert len(mailbox._throttle._turns) <= 258
    assert [progress(2, task_id="2")] == taken(mailbox, now=3_600)


def test_an_old_turn_does_not_hide_who_is_next() -> None:
    """A Progress that was deferred twice within one throttle leaves nothing that misleads about the next one."""
    mailbox = told_one(progress(1), progress(2))
    taken(mailbox)
    for event in (buttons(3), progress(4), progress(1, task_id="2")):
        mailbox.put(event)
    taken(mailbox, now=5)
    mailbox.put(progress(2, task_id="2"))
    mailbox.take(10)
    mailbox.put(progress(5))

    assert mailbox.ready_in(10) == 5


def test_an_old_turn_brings_nothing_forward() -> None:
    """Where the one that rested gave way, the next Progress is told behind what it gave way to."""
    mailbox = told_one(progress(1), progress(2))
    taken(mailbox)
    for event in (buttons(3), progress(4)):
        mailbox.put(event)

    assert [evolve(buttons(3), skipped=1), progress(4)] == taken(mailbox, now=10)


class Maker(Protocol):
    """A builder of an event."""

    def __call__(self, seq: int, /, *, task_id: str) -> TaskEvent:
        """Return an event of a task."""
        ...


class Model:
    """An unbounded mailbox: it keeps everything that was put, and what the reader got, and when."""

    def __init__(self, throttle: float | None) -> None:
        self.throttle = throttle
        self.progress_at = dict[str, float]()
        self.put = defaultdict[str, list[TaskEvent]](list)
        self.got = defaultdict[str, list[tuple[float, TaskEvent]]](list)
        self.gateway: Event | None = None
        self.gateway_got: Event | None = None

    def take(self, event: Event, now: float) -> None:
        """Note what the reader got."""
        if isinstance(event, Unreachable | Recovered):
            self.gateway_got = event
        else:
            self.got[event.task.id].append((now, event))
            if isinstance(event, Progress):
                self.progress_at[event.task.id] = now

    def may_be_told(self, event: Event, now: float) -> bool:
        """Return True unless a throttle forbids *event*: a Progress that is early, or not the newest of its task."""
        if self.throttle is None or not isinstance(event, Progress):
            return True
        newest = self.put[event.task.id][-1].seq
        return event.seq == newest and now >= self.progress_at.get(event.task.id, -math.inf) + self.throttle

    def is_behind(self, now: float) -> bool:
        """Return True if the newest of a task was not got, though it may be told."""
        return any(
            self.may_be_told(put[-1], now)
            for task_id, put in self.put.items()
            if not self.got[task_id] or self.got[task_id][-1][1].seq < put[-1].seq
        )


Step = tuple[str, int, int, bool] | tuple[int, int] | str
MAKERS: dict[str, Maker] = {
    "p": progress,
    "r": progress,
    "b": buttons,
    "i": input_required,
    "s": success,
    "e": expired,
}
PUTS = st.tuples(
    st.text("pppbirse", min_size=1, max_size=4),
    st.sampled_from([1, 1, 1, 20, 80]),
    st.integers(1, 2),
    st.booleans(),
)
TAKES = st.tuples(st.sampled_from([0, 1, 4, 300]), st.integers(0, 7))
STEPS = st.lists(PUTS | TAKES | st.just("gateway"), max_size=8)


PARCELS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("pppbirse"), st.integers(1, 3)), max_size=6),
        st.sampled_from([1, 1, 1, 20, 80]),
        st.sampled_from([0, 0, 1, 40, 1_000]),
        st.booleans(),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(PARCELS)
def test_lazy_conflation_ends_where_eager_slots_would(
    parcels: list[tuple[list[tuple[str, int]], int, int, bool]],
) -> None:
    """Of what was put since it was read last each slot's newest event is told, in order, and of the rest only some."""
    mailbox, course, seqs, put = Mailbox(), Course(), defaultdict[str, int](int), list[TaskEvent]()
    for kinds, times, takes, is_shared in parcels:
        events = list[TaskEvent]()
        for kind, number in kinds * times:
            seqs[str(number)] += 1
            events.append(MAKERS[kind](seqs[str(number)], task_id=str(number)))
        put += events
        parcel = course.number(events) if is_shared else Parcel(events)
        mailbox.put_all(parcel)
        if is_shared:
            course.advance(parcel)
            mailbox.follow(course)
        else:
            mailbox.part()
            course = Course()
        assert len(mailbox) <= mailbox.bound
        read = [one for _ in range(takes) if isinstance(one := mailbox.take(0), TaskEvent)]
        assert len(mailbox) <= mailbox.bound
        if read:
            put = put[put.index(evolve(read[-1], skipped=0)) + 1 :]
    rest = [evolve(event, skipped=0) for event in taken(mailbox) if isinstance(event, TaskEvent)]
    slots = {(event.task.id, _slot(event)): event for event in put}
    newest = [event for event in put if slots[event.task.id, _slot(event)] is event]

    assert [event for event in rest if event in newest] == newest
    assert [event for event in put if event in rest] == rest


def put_run(mailbox: Mailbox, model: Model, kinds: str, tasks: int, *, is_replayed: bool) -> None:
    """Put one event of each of *kinds* for *tasks* tasks, some of them twice."""
    for kind in kinds:
        for number in range(tasks):
            known = model.put[str(number)]
            event = MAKERS[kind](known[-1].seq + 1 if known else 1, task_id=str(number))
            if kind == "r" and isinstance(event, Progress):
                event = evolve(event, restarted=True)
            mailbox.put(event)
            if is_replayed and known:
                mailbox.put(known[-1])
                mailbox.put(event)
            known.append(event)

            assert len(mailbox) <= mailbox.bound


def take_run(mailbox: Mailbox, model: Model, number: int, now: float) -> None:
    """Take up to *number* events; the mailbox knows beforehand whether there is one, and what a throttle lets by."""
    for _ in range(number):
        is_ready = mailbox.ready_in(now) == 0
        event = mailbox.take(now)

        assert is_ready is (event is not None)
        assert len(mailbox) <= mailbox.bound
        if event is None:
            assert not model.is_behind(now)
            return
        assert model.may_be_told(event, now)
        model.take(event, now)


def played(steps: list[Step], throttle: float | None) -> Model:
    """Play *steps* on a mailbox, read it to its end, and return what was put and got."""
    mailbox, model, now = Mailbox(throttle=throttle), Model(throttle), 0.0
    for step in steps:
        match step:
            case (str(kinds), int(times), int(tasks), bool(is_replayed)):
                put_run(mailbox, model, kinds * times, tasks, is_replayed=is_replayed)
            case (int(number), int(seconds)):
                now += seconds
                take_run(mailbox, model, number, now)
            case _:
                model.gateway = unreachable(now)
                mailbox.put(model.gateway)
    while (wait := mailbox.ready_in(now)) is not None:
        now += wait
        take_run(mailbox, model, 100_000, now)

    assert (len(mailbox), mailbox.unread_finals, mailbox.bound) == (0, 0, 256)
    return model


EXAMPLE: list[Step] = [
    ("pppppb", 40, 2, False),
    "gateway",
    (300, 1),
    ("rpe", 40, 3, True),
    (4, 3),
    ("pps", 1, 3, False),
]


@settings(deadline=None)
@given(STEPS, st.sampled_from([None, 3]))
@example(EXAMPLE, None)
@example(EXAMPLE, 3)
def test_a_reader_gets_what_an_unbounded_mailbox_would_end_with(
    steps: list[Step], throttle: float | None
) -> None:
    """The same last final and last buttons, the same last state, rising seqs, and honest `skipped`."""
    model = played(steps, throttle)

    assert model.gateway == model.gateway_got
    for task_id, put in model.put.items():
        got = [event for _, event in model.got[task_id]]
        last = {_slot(event): event.seq for event in put}
        last_got = {_slot(event): event.seq for event in got}

        assert put[-1].seq == got[-1].seq
        assert last.get("final") == last_got.get("final")
        assert last.get("buttons") == last_got.get("buttons")
        assert throttle is not None or last == last_got
        assert [0, *seqs(got)][:-1] == [event.seq - event.skipped - 1 for event in got]
        assert all(event.skipped >= 0 for event in got)


@settings(deadline=None)
@given(STEPS, st.sampled_from([None, 3]))
@example(EXAMPLE, 3)
def test_no_two_progress_are_closer_than_the_throttle_and_each_restart_is_told(
    steps: list[Step], throttle: float | None
) -> None:
    """A Progress says `restarted` exactly where one it stands for did, itself or one that was skipped since."""
    model = played(steps, throttle)

    for task_id, put in model.put.items():
        got = [(now, event) for now, event in model.got[task_id] if isinstance(event, Progress)]
        times, before = [now for now, _ in got], 0
        for _, event in got:
            stands_for = [old for old in put[before : event.seq] if isinstance(old, Progress)]
            before = event.seq

            assert event.restarted is any(old.restarted for old in stands_for)
        assert all(later - sooner >= (throttle or 0) for sooner, later in pairwise(times))


def _slot(event: TaskEvent) -> str:
    if event.final:
        return "final"
    match event:
        case ButtonsAvailable():
            return "buttons"
        case Progress() | InputRequired():
            return "state"
        case _:
            raise AssertionError(event)


def test_an_end_that_is_not_wanted_lets_go_of_the_task() -> None:
    """A hook for progress alone lives for weeks, and remembers no more ended tasks than any other."""
    mailbox = Mailbox()
    for number in range(12_000):
        mailbox.put(progress(1, task_id=str(number)))
        if number % 2:
            taken(mailbox)
        mailbox.end(str(number))
    taken(mailbox)
    mailbox.end("never heard of")

    assert len(mailbox._ledger) == 10_000


def test_a_reader_that_leaves_again_and_again_remembers_few() -> None:
    """As many of the tasks that it left as of those that ended."""
    mailbox = Mailbox()
    for number in range(10_500):
        mailbox.put(progress(1, task_id=str(number)))
        taken(mailbox)
        mailbox.forget(str(number))

    assert len(mailbox._ledger) == 10_000


def test_a_reader_that_is_always_behind_lets_go_of_what_is_over() -> None:
    """Its queue never runs empty, and yet the tasks of which nothing waits need not be known."""
    mailbox = filled(*[progress(1, task_id=f"first {number}") for number in range(400)])
    for number in range(13_000):
        mailbox.put(progress(1, task_id=str(number)))
        mailbox.end(str(number))
        mailbox.take(0)

    assert len(mailbox) == 400
    assert len(mailbox._ledger) <= 10_000 + 4 * 400


def test_a_throttled_reader_remembers_few_ends() -> None:
    """Its events are told when their time comes, and count as those of any other."""
    mailbox = Mailbox(throttle=10)
    for number in range(12_000):
        mailbox.put(success(1, task_id=str(number)))
        mailbox.take(0)

    assert len(mailbox._ledger) <= 10_001


def test_what_was_over_and_is_watched_anew_is_under_way() -> None:
    """However many end meanwhile, it is not forgotten, so that nothing of it is told twice."""
    mailbox = filled(*[progress(1, task_id=str(number)) for number in range(300)])
    mailbox.end("0")
    taken(mailbox)
    mailbox.put(progress(2, task_id="0"))
    taken(mailbox)
    others_end(mailbox, 10_001)
    mailbox.put(progress(2, task_id="0"))

    assert taken(mailbox) == []


def test_what_its_keeper_forgot_counts_from_one_again() -> None:
    """A task that comes back after its state was dropped is no replay."""
    mailbox = filled(progress(1), progress(2), success(3))
    taken(mailbox)
    mailbox.renew("1", "2")
    mailbox.put(success(1))

    assert seqs(taken(mailbox)) == [1]


def test_who_comes_and_goes_leaves_nothing_behind_a_reader_that_is_stuck() -> None:
    """Ids of which it has nothing are not remembered; the end of one of which it has something is told all the same."""
    mailbox = filled(*[success(1, task_id=f"waits {number}") for number in range(300)])
    for number in range(20_000):
        mailbox.end(f"passes {number}")
    mailbox.end("waits 299")

    assert len(mailbox._over) <= 1_024
    assert len(taken(mailbox)) == 300


def test_what_its_keeper_forgot_is_not_delivered() -> None:
    """Of the task's former life nothing comes before, or after, what is told of it now."""
    mailbox = filled(progress(1), progress(2))
    mailbox.renew("1")
    mailbox.put(progress(1, 5))

    assert taken(mailbox) == [progress(1, 5)]


def test_a_parcel_is_put_like_its_events() -> None:
    """Into an empty mailbox, behind what waits, where a throttle is, and in a crowd."""
    parcel = Parcel([progress(seq) for seq in range(1, 4)])
    empty, waiting, throttled = Mailbox(), filled(progress(1)), Mailbox(throttle=10)
    for mailbox in (empty, waiting, throttled):
        mailbox.put_all(parcel)

    assert seqs(taken(empty)) == seqs(taken(waiting)) == [1, 2, 3]
    assert [evolve(progress(3), skipped=2)] == taken(throttled)


def test_a_large_parcel_of_many_tasks_is_not_looked_through() -> None:
    """None of its events can replace another, so all are ready at once; of one task, they conflate."""
    tasks, task = Mailbox(), Mailbox()
    tasks.put_all(Parcel([progress(1, task_id=str(number)) for number in range(500)]))
    task.put_all(Parcel([progress(seq) for seq in range(1, 501)]))

    assert len(tasks.ready) == 500
    assert [evolve(progress(500), skipped=499)] == taken(task)


def test_what_is_ready_may_be_taken_without_asking() -> None:
    """It is numbered; and what comes later follows it, also if many others come between."""
    outage = unreachable()
    mailbox = filled(progress(2), outage)
    ready = mailbox.ready
    got: list[Event] = [ready.popleft(), ready.popleft()]
    for seq in range(3, 300):
        mailbox.put(progress(seq))

    assert got == [evolve(progress(2), skipped=1), outage]
    assert mailbox.ready is ready
    assert [evolve(progress(259), skipped=256), *map(progress, range(260, 300))] == taken(mailbox)


def test_a_crowd_that_is_over_is_let_go() -> None:
    """Also where the end, which the reader does not want, came while much was unread, or was conflated away."""
    mailbox = Mailbox()
    for number in range(300):
        mailbox.put(progress(1, task_id=str(number)))
    mailbox.end("299")
    mailbox.end("0")
    taken(mailbox)
    mailbox.put(progress(1, task_id="299"))

    assert taken(mailbox) == []
    assert set(mailbox._ledger._ended) == {"0", "299"}


def test_a_mailbox_knows_what_its_reader_was_told() -> None:
    """Or is about to be; a task that is expected begins with nothing."""
    mailbox = filled(progress(1))
    mailbox.expect("2")

    assert mailbox.knows(progress(1))
    assert not mailbox.knows(progress(2))
    assert not mailbox.knows(progress(1, task_id="2"))


def test_forgetting_what_never_came_changes_nothing() -> None:
    """A stream that is left without an event costs its mailbox nothing."""
    mailbox = filled(progress(1))
    mailbox.forget("2")

    assert seqs(taken(mailbox)) == [1]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its own memory from /proc")
@pytest.mark.timeout(600)
def test_a_reader_that_never_reads_costs_few_megabytes() -> None:
    """
    10,000 tasks, however many updates: at most two events of each slot that is in use, and 30 MB at the highest.

    20 updates of each fill it to its mark more than once; `MJWATCH_LONG=1` makes that 1,000, in two minutes.
    """
    updates = "1000" if os.environ.get("MJWATCH_LONG") else "20"
    command = [sys.executable, "-m", "tests.policy.stuck_reader", "10000", updates]

    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])  # noqa: S603 - our own
    megabytes, length, finals = done.stdout.split()

    assert float(megabytes) <= 30
    assert int(length) <= 2 * (3 * 10_000 + 1)
    assert int(finals) == 10_000
