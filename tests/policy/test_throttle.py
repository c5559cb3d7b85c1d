"""The newest Progress of a task, and one in so many seconds; how a mailbox uses it stands in test_mailbox.py."""

from __future__ import annotations

import pytest

from mjwatch._policy.throttle import Throttle
from mjwatch.events import TaskEvent
from tests.support.builders import buttons, input_required, progress, success


def told(throttle: Throttle, *task_ids: str, now: float = 0.0) -> None:
    """Tell the first Progress of some tasks."""
    for task_id in task_ids:
        throttle.came(progress(1, task_id=task_id))
        throttle.told(progress(1, task_id=task_id), now)


def resting(*task_ids: str) -> Throttle:
    """Return a throttle of 10 s where a Progress of each task rests, of which the first was told at 0."""
    throttle = Throttle(10)
    told(throttle, *task_ids)
    for task_id in task_ids:
        throttle.came(progress(2, task_id=task_id))
        throttle.rest(progress(2, task_id=task_id), 0)
    return throttle


def test_what_was_told_makes_the_next_one_early() -> None:
    """Of its own task, until its time."""
    throttle = Throttle(10)
    told(throttle, "1", now=5)
    for event in (progress(2), progress(2, task_id="2")):
        throttle.came(event)

    assert not throttle.rest(progress(2), 15)
    assert not throttle.rest(progress(2, task_id="2"), 5)
    assert len(throttle) == 0
    assert throttle.rest(progress(2), 14)
    assert len(throttle) == 1


def test_only_progress_makes_the_next_one_early() -> None:
    """Buttons are no reason to hold it back."""
    throttle = Throttle(10)
    throttle.came(buttons(1))
    throttle.told(buttons(1), 0)
    throttle.came(progress(2))

    assert not throttle.rest(progress(2), 1)


def test_a_newer_progress_takes_the_place_of_the_one_that_waits() -> None:
    """In the queue, where it is told at the place of the first, and where one rests."""
    queued, rests = Throttle(10), resting("1")
    queued.came(progress(1))
    overtaken = [queued.came(progress(2)), queued.came(progress(3)), rests.came(progress(3))]

    assert overtaken == [progress(1), progress(2), progress(2)]
    assert not queued.is_void(progress(1))
    assert queued.at(progress(1)) == progress(3)
    assert (len(queued), list(queued.tasks), len(rests), list(rests.tasks)) == (0, ["1"], 1, ["1"])
    assert (rests.rested(9), rests.rested(10)) == (None, progress(3))


@pytest.mark.parametrize("after", [buttons(2), input_required(2), success(2)])
def test_what_is_no_progress_makes_the_place_of_one_void(after: TaskEvent) -> None:
    """It stands behind it in the queue, and the next Progress behind both."""
    throttle = Throttle(10)
    throttle.came(progress(1))
    overtaken = [throttle.came(after), throttle.came(progress(3))]

    assert overtaken == [progress(1), None]
    assert throttle.is_void(progress(1))
    assert not throttle.is_void(progress(3))


def test_what_waits_or_is_older_is_a_replay() -> None:
    """Until it is told: from then on it is the ledger's business."""
    throttle = Throttle(10)
    throttle.came(progress(1))
    throttle.came(buttons(2))
    waiting = [throttle.is_replay(event) for event in (progress(1), buttons(2), progress(3))]
    throttle.told(buttons(2), 0)

    assert waiting == [True, True, False]
    assert not throttle.is_replay(buttons(2))


def test_what_rests_gives_way_to_what_comes() -> None:
    """And nothing is left of its turn."""
    throttle = resting("1")

    assert throttle.came(buttons(3)) == progress(2)
    assert (len(throttle), throttle.ready_in(0), throttle.rested(20)) == (0, None, None)


def test_turns_come_in_order_of_time() -> None:
    """Each when it is free, and not before."""
    throttle = Throttle(10)
    told(throttle, "1", now=0)
    told(throttle, "2", now=4)
    for task_id in ("2", "1"):
        throttle.came(progress(2, task_id=task_id))
        throttle.rest(progress(2, task_id=task_id), 4)

    assert (throttle.ready_in(3), throttle.rested(9)) == (7, None)
    assert throttle.rested(10) == progress(2)
    throttle.told(progress(2), 10)
    assert throttle.ready_in(10) == 4


def test_turns_of_what_gave_way_do_not_pile_up() -> None:
    """Those of what rests stay; what is in the queue gets none."""
    throttle = resting("1", "2")
    throttle.came(progress(1, task_id="new"))
    for seq in range(3, 1_003, 2):
        throttle.came(buttons(seq))
        throttle.came(progress(seq + 1))
        throttle.rest(progress(seq + 1), 0)

    assert len(throttle) == 2
    assert len(throttle._turns) <= 260
    first = throttle.rested(10)
    assert first is not None
    throttle.told(first, 10)
    assert {first, throttle.rested(10)} == {progress(2, task_id="2"), progress(1_002)}


def test_turns_are_in_order_also_after_they_were_tidied_up() -> None:
    """Whoever may be told first goes first, in whatever order they came to rest."""
    throttle = Throttle(10)
    ids = [str(number) for number in range(40)]
    for at, task_id in enumerate(reversed(ids)):
        told(throttle, task_id, now=at / 10)
    for seq in range(2, 20):  # each but the last is made void by buttons: so many entries are tidied up
        for task_id in ids:
            throttle.came(buttons(2 * seq, task_id=task_id))
            throttle.told(buttons(2 * seq, task_id=task_id), 4)
            throttle.came(progress(2 * seq + 1, task_id=task_id))
            assert throttle.rest(progress(2 * seq + 1, task_id=task_id), 4)

    order = []
    for now in range(100, 140):
        place = throttle.rested(now / 10)
        assert place is not None
        throttle.told(place, now / 10)
        order.append(place.task.id)

    assert order == list(reversed(ids))


def test_a_task_that_is_left_takes_its_progress_along() -> None:
    """And one that has none leaves nothing; should its reader come back, it is no replay."""
    throttle, queued = resting("1"), Throttle(10)
    queued.came(progress(2))

    assert (throttle.forget("1"), queued.forget("1")) == (progress(2), progress(2))
    assert throttle.forget("2") is None
    assert len(throttle) == len(queued) == 0
    assert not throttle.is_replay(progress(2))
    assert queued.is_void(progress(2))


def test_times_that_are_past_are_forgotten() -> None:
    """A stream of a hundred thousand tasks does not remember when each of them was told last."""
    throttle = Throttle(10)
    for number in range(10_000):
        told(throttle, str(number), now=float(number))

    assert len(throttle._free_at) <= 512
    assert not throttle._newest


def test_times_to_come_are_seldom_looked_through() -> None:
    """Where many tasks were just told, none can be forgotten: looking at each of them each time would take for ever."""
    throttle, looks = Throttle(10), 0
    for number in range(2_000):
        before = throttle._free_at
        told(throttle, str(number))
        looks += throttle._free_at is not before

    assert looks <= 4
