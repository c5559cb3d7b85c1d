"""A throttled mailbox against its rule, on a list that is searched anew at each question."""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, evolve, field
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mjwatch._policy.mailbox import Mailbox
from mjwatch.events import ButtonsAvailable, Progress, TaskEvent
from tests.support.builders import buttons, expired, input_required, progress, unreachable

THROTTLE = 3.0


@define
class Model:
    """What waits, in order; of each task what was told last, when its last Progress was, and if a restart is owed."""

    waiting: list[TaskEvent] = field(factory=list)
    last: dict[str, int] = field(factory=dict)
    told_at: dict[str, float] = field(factory=dict)
    owed: set[str] = field(factory=set)

    def wait(self, event: TaskEvent, now: float) -> float | None:
        """Return in how many seconds *event* may be told; None for never, as a newer one of its task waits."""
        if not isinstance(event, Progress):
            return 0.0
        if any(one.task_id == event.task_id and one.seq > event.seq for one in self.waiting):
            return None
        return max(0.0, self.told_at.get(event.task_id, -math.inf) + THROTTLE - now)

    def ready_in(self, now: float) -> float | None:
        """Return in how many seconds anything may be told."""
        waits = (self.wait(event, now) for event in self.waiting)
        return min((one for one in waits if one is not None), default=None)

    def drop(self, is_dropped: Callable[[TaskEvent], bool]) -> None:
        """Let what waits go untold."""
        self.owed |= {
            e.task_id for e in self.waiting if is_dropped(e) and isinstance(e, Progress) and e.restarted
        }
        self.waiting = [event for event in self.waiting if not is_dropped(event)]

    def tell(self, event: TaskEvent, now: float) -> TaskEvent:
        """Take *event* out, and what it overtook; return it as it is told."""
        task_id, seq = event.task_id, event.seq
        self.waiting.remove(event)
        self.drop(lambda one: one.task_id == task_id and one.seq < seq)
        skipped = seq - self.last.get(task_id, 0) - 1
        self.last[task_id] = seq
        if isinstance(event, Progress):
            self.told_at[task_id] = now
            event = evolve(event, restarted=event.restarted or task_id in self.owed)
            self.owed.discard(task_id)
        return evolve(event, skipped=skipped)

    def conflate(self) -> None:
        """Keep the newest of each slot."""
        newest = {(event.task_id, slot(event)): event.seq for event in self.waiting}
        self.drop(lambda event: newest[event.task_id, slot(event)] > event.seq)


def slot(event: TaskEvent) -> str:
    """Name what *event* is the news of."""
    return "end" if event.final else "buttons" if isinstance(event, ButtonsAvailable) else "state"


@define
class Play:
    """A mailbox and its model, which live through the same."""

    mailbox: Mailbox = field(factory=lambda: Mailbox(throttle=THROTTLE))
    model: Model = field(factory=Model)
    log: dict[str, list[TaskEvent]] = field(factory=lambda: {"1": [], "2": []})
    now: float = 0.0

    def put(self, task_id: str, kind: str) -> None:
        """Let an event come."""
        log = self.log[task_id]
        seq = len(log) + 1
        match kind:
            case "p" | "r":
                log.append(progress(seq, task_id=task_id, restarted=kind == "r"))
            case "b":
                log.append(buttons(seq, task_id=task_id))
            case "i":
                log.append(input_required(seq, task_id=task_id))
            case _:
                log.append(expired(seq, task_id=task_id))
        self.mailbox.put(log[-1])
        self.model.waiting.append(log[-1])

    def replay(self, task_id: str) -> None:
        """Let all that ever came of a task come again: what waits or was told is known."""
        newest = max([
            self.model.last.get(task_id, 0),
            *(e.seq for e in self.model.waiting if e.task_id == task_id),
        ])
        for event in self.log[task_id]:
            self.mailbox.put(event)
            if event.seq > newest:
                self.model.waiting.append(event)

    def forget(self, task_id: str) -> None:
        """Leave a task."""
        self.mailbox.forget(task_id)
        self.model.drop(lambda event: event.task_id == task_id)

    def renew(self, task_id: str) -> None:
        """Let a task begin anew."""
        self.mailbox.renew(task_id)
        self.model.drop(lambda event: event.task_id == task_id)
        self.model.last.pop(task_id, None)
        self.model.owed.discard(task_id)
        self.log[task_id].clear()

    def crowd(self) -> None:
        """Let the gateway say so much that the mailbox conflates, once; no play conflates without it."""
        size = -1
        while len(self.mailbox) > size:
            size = len(self.mailbox)
            self.mailbox.put(unreachable())
        self.model.conflate()

    def take(self) -> bool:
        """Take one event: the model must allow it, and allow none where none comes; False then."""
        wait = self.mailbox.ready_in(self.now)
        event = self.mailbox.take(self.now)
        assert (wait == 0) is (event is not None)
        if not isinstance(event, TaskEvent):
            assert event is not None or wait == self.model.ready_in(self.now)
            return event is not None
        may = [one for one in self.model.waiting if self.model.wait(one, self.now) == 0]
        [meant] = [one for one in may if (one.task_id, one.seq) == (event.task_id, event.seq)]
        assert not any(one.task_id == meant.task_id and one.seq < meant.seq for one in may)
        assert event == self.model.tell(meant, self.now)
        return True


TASKS = st.sampled_from(["1", "2"])
STEPS = st.lists(
    st.tuples(st.just("put"), TASKS, st.text("pppprrbbie", min_size=1, max_size=6))
    | st.tuples(st.sampled_from(["replay", "forget", "renew", "crowd"]), TASKS, st.just(""))
    | st.tuples(st.just("take"), st.integers(0, 7), st.sampled_from([1, 1, 2, 1_000])),
    max_size=20,
)
Step = tuple[str, str, str] | tuple[str, int, int]


@settings(deadline=None)
@given(STEPS)
@example([
    ("put", "1", "p"),
    ("take", 0, 1),
    ("put", "1", "prbp"),
    ("crowd", "1", ""),
    ("take", 1, 1),
    ("put", "1", "p"),
])
def test_a_throttled_reader_gets_the_newest_progress_in_its_time_and_all_else_at_once(
    steps: list[Step],
) -> None:
    """Whatever is put, put again, left, begun anew or conflated: each take is one that the rule allows."""
    play = Play()
    for step in steps:
        match step:
            case "take", int(seconds), int(times):
                play.now += seconds
                any(not play.take() for _ in range(times))
            case "put", str(task_id), str(kinds):
                for kind in kinds:
                    play.put(task_id, kind)
            case "replay", str(task_id), _:
                play.replay(task_id)
            case "forget", str(task_id), _:
                play.forget(task_id)
            case "renew", str(task_id), _:
                play.renew(task_id)
            case _:
                play.crowd()
    while (wait := play.mailbox.ready_in(play.now)) is not None:
        play.now += wait
        play.take()

    assert (len(play.mailbox), play.model.ready_in(play.now)) == (0, None)
