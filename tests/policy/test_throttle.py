"""One Progress of a task in so many seconds, the newest; how a mailbox uses it stands in test_mailbox.py."""

from __future__ import annotations

from mjwatch._policy.throttle import Throttle
from tests.support.builders import buttons, progress


def told(throttle: Throttle, *task_ids: str, now: float = 0.0) -> None:
    """Tell the first Progress of some tasks."""
    for task_id in task_ids:
        throttle.came(progress(1, task_id=task_id))
        throttle.told(progress(1, task_id=task_id), now)


def test_what_was_told_makes_the_next_one_early() -> None:
    """Of its own task, until its time."""
    throttle = Throttle(10)
    told(throttle, "1", now=5)

    assert throttle.is_early(progress(2), 14)
    assert not throttle.is_early(progress(2), 15)
    assert not throttle.is_early(progress(2, task_id="2"), 5)


def test_only_progress_makes_the_next_one_early() -> None:
    """Buttons are no reason to hold it back."""
    throttle = Throttle(10)
    throttle.came(buttons(1))
    throttle.told(buttons(1), 0)

    assert not throttle.is_early(progress(2), 1)


def test_only_the_newest_of_a_task_rests() -> None:
    """Where a newer one waits in the queue, the older is not needed."""
    throttle = Throttle(10)
    told(throttle, "1")
    for seq in (2, 3):
        throttle.came(progress(seq))

    assert throttle.is_replay(progress(2))
    assert not throttle.rest(progress(2))
    assert throttle.rest(progress(3))
    assert (len(throttle), list(throttle.tasks)) == (1, ["1"])


def test_what_rests_gives_way_to_what_comes() -> None:
    """And nothing is left of its turn."""
    throttle = Throttle(10)
    told(throttle, "1")
    throttle.came(progress(2))
    throttle.rest(progress(2))

    assert throttle.came(buttons(3)) == progress(2)
    assert (len(throttle), throttle.ready_in(0), throttle.pop(20)) == (0, None, None)


def test_turns_come_in_order_of_time() -> None:
    """Each when it is free, and not before."""
    throttle = Throttle(10)
    told(throttle, "1", now=0)
    told(throttle, "2", now=4)
    for task_id in ("2", "1"):
        throttle.came(progress(2, task_id=task_id))
        throttle.rest(progress(2, task_id=task_id))

    assert (throttle.ready_in(3), throttle.pop(9)) == (7, None)
    assert throttle.pop(10) == progress(2)
    assert throttle.ready_in(10) == 4


def test_a_task_that_is_left_takes_its_progress_along() -> None:
    """And one that has none leaves nothing; should its reader come back, it is no replay."""
    throttle = Throttle(10)
    told(throttle, "1")
    throttle.came(progress(2))
    throttle.rest(progress(2))

    assert throttle.forget("1") == progress(2)
    assert throttle.forget("2") is None
    assert len(throttle) == 0
    assert not throttle.is_replay(progress(2))


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
