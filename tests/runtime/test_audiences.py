"""Who gets what, and that readers on the same terms share the work without noticing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from mjwatch._runtime.audiences import Audiences
from mjwatch._runtime.inbox import Inbox
from mjwatch.events import Event, TaskEvent
from tests.support.builders import buttons, expired, progress, recovered, success, unreachable


def ends(event: Event) -> bool:
    """Want ends."""
    return event.final


def joined(audiences: Audiences, *task_ids: str, told: int = 0, offset: int = 0) -> Inbox:
    """Return an inbox that was told of its tasks, when the log had reached *offset*."""
    inbox = Inbox()
    audiences.join(inbox, task_ids)
    audiences.settle(inbox, offset)
    for task_id in task_ids:
        inbox.mailbox.expect(task_id)
        audiences.told(inbox, task_id, told)
    return inbox


def hand_out(audiences: Audiences, *events: Event, offset: int = 1) -> None:
    """Hand out *events* as one batch that begins at *offset*."""
    audiences.hand_out(list(enumerate(events, offset)))


def got(inbox: Inbox) -> list[str]:
    """Take all there is, as short words."""
    taken: Iterable[Event] = iter(lambda: inbox.mailbox.take(0), None)
    return [f"{event.task.id}:{event.seq}" if isinstance(event, TaskEvent) else event.kind for event in taken]


async def test_everybody_gets_the_events_of_its_tasks() -> None:
    """In the order of the log; what the gateway says goes to all, between them."""
    audiences = Audiences(100)
    one, both, hook = joined(audiences, "1"), joined(audiences, "1", "2"), Inbox(ends)
    audiences.subscribe(hook)
    down = unreachable()
    hand_out(audiences, progress(1), down, progress(1, task_id="2"), recovered(), success(2), progress(9))

    assert got(one) == ["1:1", "unreachable", "recovered", "1:2"]
    assert got(both) == ["1:1", "unreachable", "2:1", "recovered", "1:2"]
    assert got(hook) == ["1:2"]
    assert set(audiences) == {hook, both}
    assert set(audiences.tasks) == {"2"}


async def test_an_end_that_a_hook_does_not_want_is_forgotten() -> None:
    """It would remember the task for ever."""
    audiences, hook = Audiences(100), Inbox(lambda event: not event.final)
    audiences.subscribe(hook)
    hand_out(audiences, progress(1), success(2))

    assert got(hook) == ["1:1"]
    assert len(hook.mailbox._ledger._ended) == 1


async def test_readers_on_the_same_terms_get_the_same_events() -> None:
    """Not equal ones, also where `skipped` was filled in: from the second batch on it is worked out once."""
    audiences = Audiences(100)
    inboxes = [joined(audiences, "1", "2") for _ in range(3)]
    other = joined(audiences, "1")
    for offset in (1, 4):
        hand_out(audiences, progress(2 * offset), progress(offset, task_id="2"), offset=offset)
    taken = [[inbox.mailbox.take(0) for _ in range(4)][2:] for inbox in inboxes]

    assert all(a is b for some in zip(*taken, strict=True) for a, b in pairwise(some))
    assert got(other) == ["1:2", "1:8"]


async def test_a_newcomer_is_not_told_what_it_knows() -> None:
    """The log brings what was in the present state already, or an end of the watch before."""
    audiences = Audiences(100)
    early = joined(audiences, "1")
    hand_out(audiences, progress(1))
    late = joined(audiences, "1", told=3, offset=3)
    hand_out(audiences, progress(2), expired(3), progress(4), offset=2)
    hand_out(audiences, progress(5), offset=5)
    newest = joined(audiences, "1", told=5, offset=5)
    hand_out(audiences, progress(6), offset=6)

    assert got(early) == ["1:1", "1:2", "1:3"]
    assert got(late) == ["1:4", "1:5", "1:6"]
    assert got(newest) == ["1:6"]


async def test_whoever_is_being_opened_shares_nothing_yet() -> None:
    """What comes meanwhile is kept for after the present state."""
    audiences = Audiences(100)
    first, second = joined(audiences, "1"), Inbox()
    second.hold(["1"])
    audiences.join(second, ["1"])
    audiences.settle(second, 0)
    hand_out(audiences, progress(2))
    second.catch_up("1", [progress(1)])
    audiences.told(second, "1", 1)
    hand_out(audiences, progress(3), offset=2)

    assert got(first) == ["1:2", "1:3"]
    assert got(second) == ["1:1", "1:2", "1:3"]


async def test_who_changes_its_tasks_leaves_its_audience() -> None:
    """The others notice nothing; nor does who leaves altogether."""
    audiences = Audiences(100)
    stays, adds, discards, leaves = (joined(audiences, "1", "2") for _ in range(4))
    hand_out(audiences, progress(1))
    audiences.join(adds, ["3"])
    parted = audiences.part(discards, ["2", "9", "2"])
    left = audiences.remove(leaves)
    events = [progress(seq, task_id=task_id) for seq, task_id in ((2, "1"), (1, "2"), (1, "3"))]
    hand_out(audiences, *events, offset=2)

    assert (parted, left) == (["2"], ["1", "2"])
    assert got(stays) == ["1:1", "1:2", "2:1"]
    assert got(adds) == ["1:1", "1:2", "2:1", "3:1"]
    assert got(discards) == ["1:1", "1:2"]
    assert got(leaves) == ["1:1"]


async def test_nothing_is_left_of_who_left() -> None:
    """Whether it had found others, had not yet, or had nothing more to read; and of hooks."""
    audiences = Audiences(1)
    inboxes = [joined(audiences, "1"), joined(audiences, "1")]
    hand_out(audiences, progress(1), success(2))
    inboxes += [joined(audiences, "1"), joined(audiences, "1", offset=99), Inbox()]
    audiences.subscribe(inboxes[-1])
    hand_out(audiences, buttons(3), offset=3)
    for inbox in inboxes:
        audiences.remove(inbox)
        audiences.remove(inbox)
    audiences.told(inboxes[0], "1", 1)
    audiences.settle(inboxes[0], 1)

    assert list(audiences) == []
    assert not any([
        audiences.tasks,
        audiences.crowded,
        audiences._audiences,
        audiences._late,
        audiences._by_terms,
    ])


async def test_an_inbox_that_a_final_finds_full_is_crowded() -> None:
    """A hundred events that are no ends do not make it so."""
    audiences = Audiences(2)
    reader, idle = joined(audiences, "1", "2"), joined(audiences, "2")
    hand_out(audiences, progress(1), progress(2), progress(1, task_id="2"))
    before = set(audiences.crowded)
    hand_out(audiences, success(3), offset=4)

    assert (before, audiences.crowded) == (set(), {reader})
    assert len(idle.mailbox) == 1
