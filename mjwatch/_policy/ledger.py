"""What one reader was told of each task: no event twice, seqs that rise, and an honest `skipped` in each of them.

Numbers what is handed out and nothing else: what waits, and what is dropped on the way, is the mailbox's business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence, Sized

from attrs import define, evolve, field

from mjwatch.events import Progress, TaskEvent, with_skipped

# How many ended ids are remembered. A replay of one of them is dropped; an id forgotten here would be told again.
_ENDED = 10_000


@define(eq=False)
class Parcel:
    """
    Events of tasks on their way to several readers at once, in order.

    Attributes:
        events: As they stand in the log.
        told: As they are told to whoever follows the course that numbered them.
        ended: The last seqs of the tasks that end in it.
        going: The same of the others.
    """

    events: Sequence[TaskEvent]
    told: Sequence[TaskEvent] = ()
    ended: Mapping[str, int] = field(factory=dict)
    going: Mapping[str, int] = field(factory=dict)

    @property
    def is_flat(self) -> bool:
        """True if no two events are of one task, so that none can replace another."""
        return len({event.task.id for event in self.events}) == len(self.events)


@define(eq=False)
class Course:
    """
    What readers were told who keep up and stand alike: numbered once for all of them.

    A ledger that follows a course has the course's own dict. It must get each parcel before `advance`, or part.
    """

    last: dict[str, int] = field(factory=dict, init=False)
    is_new: bool = field(default=True, init=False)

    def number(self, events: Sequence[TaskEvent]) -> Parcel:
        """Return *events* as a parcel, which is told to nobody yet."""
        going: dict[str, int] = {}
        ended: dict[str, int] = {}
        told = list[TaskEvent]()
        for event in events:
            task_id, seq = event.task.id, event.seq
            last = going.get(task_id) or self.last.get(task_id)
            if last is None or seq <= last or task_id in ended:
                return Parcel(events)  # what a reader knows of it is its own matter
            (ended if event.final else going)[task_id] = seq
            told.append(with_skipped(event, seq - last - 1))
        return Parcel(events, told, ended, going)

    def advance(self, parcel: Parcel) -> None:
        """Stand behind *parcel*, which everybody got. Who followed and could not, has parted: begin anew."""
        if len(parcel.told) < len(parcel.events):
            self.last, self.is_new = {}, True
        self.last.update(parcel.going)
        for task_id in parcel.ended:
            del self.last[task_id]


@define(eq=False)
class Ledger:
    """
    The last seq that the reader was told of each task; of tasks that ended, only of the last so many.

    Args:
        undelivered: What was numbered and not taken yet.
    """

    _undelivered: Sized
    _last: dict[str, int] = field(factory=dict, init=False)
    _ended: OrderedDict[str, int] = field(factory=OrderedDict, init=False)
    # Tasks of which a Progress that told a restart was dropped; the next one has to tell it.
    _owed: set[str] = field(factory=set, init=False)
    _course: Course | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self._last) + len(self._ended)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._last or task_id in self._ended

    def knows(self, event: TaskEvent) -> bool:
        """Return True if *event* was told, or a later one of its task."""
        task_id = event.task.id
        return event.seq <= self._last.get(task_id, self._ended.get(task_id, 0))

    def expect(self, task_id: str) -> None:
        """Count a task from 0, unless more is known: readers that expect the same can share their work."""
        self.part()
        if task_id not in self._ended:
            self._last.setdefault(task_id, 0)

    def number(self, event: TaskEvent) -> TaskEvent | None:
        """Return *event* as it is told; None where that was done before, for replays overlap the log."""
        self._forget_some()
        if not self.knows(event):
            return self.tell(event)
        if event.task.id in self._ended:
            self._ended.move_to_end(event.task.id)
        return None

    def tell(self, event: TaskEvent) -> TaskEvent:
        """Return *event*, which is newer than all that was told of its task, as it is told."""
        self.part()
        self._forget_some()
        task_id, seq = event.task.id, event.seq
        last = self._last.pop(task_id, 0) or self._ended.pop(task_id, 0)
        (self._ended if event.final else self._last)[task_id] = seq
        if task_id in self._owed and isinstance(event, Progress):
            self._owed.discard(task_id)
            event = evolve(event, restarted=True)
        return with_skipped(event, seq - last - 1)

    def follow(self, course: Course) -> None:
        """Follow *course* from now on, if it stands where this ledger does, or nowhere."""
        if self._course is course or self._owed:
            return
        if course.is_new:
            course.last, course.is_new = dict(self._last), False
        if self._last == course.last:
            self._last, self._course = course.last, course

    def part(self) -> None:
        """Go on alone."""
        if self._course is not None:
            self._last, self._course = dict(self._last), None

    def number_all(self, parcel: Parcel) -> Sequence[TaskEvent]:
        """
        Return the events of *parcel* as they are told.

        Whoever follows its course has no more to do here: a look at each seq would cost as much as the delivery.
        """
        if self._course is not None and parcel.told:
            if parcel.ended:
                self._ended.update(parcel.ended)
                self._forget_some()
            return parcel.told
        self.part()
        last, owed, told = self._last, self._owed, list[TaskEvent]()
        for event in parcel.events:
            task_id, seq = event.task.id, event.seq
            if last.get(task_id) == seq - event.skipped - 1 and not event.final and not owed:
                last[task_id] = seq
                told.append(event)
            elif (numbered := self.number(event)) is not None:
                told.append(numbered)
        return told

    def rewind(self, event: TaskEvent) -> bool:
        """Take back that *event*, the last one told of its task, was told; True if the task ended without it."""
        self.part()
        task_id = event.task.id
        was_over = self._ended.pop(task_id, None) is not None
        self._last[task_id] = event.seq - event.skipped - 1
        return was_over and not event.final

    def owe(self, event: TaskEvent) -> None:
        """Note that *event* is never told: a restart that it tells is told by the next Progress."""
        if isinstance(event, Progress) and event.restarted and not self.knows(event):
            self.part()
            self._owed.add(event.task.id)

    def end(self, task_id: str) -> None:
        """Note that nothing follows of a task, or that the reader left it."""
        self.part()
        last = self._last.pop(task_id, 0) or self._ended.get(task_id, 0)
        if last or task_id in self._owed:
            self._ended[task_id] = last
        self._forget_some()

    def renew(self, task_id: str) -> None:
        """Let the seqs of a task count from 1 again."""
        self.part()
        self._last.pop(task_id, None)
        self._ended.pop(task_id, None)
        self._owed.discard(task_id)

    def _forget_some(self) -> None:
        """Forget the ids that ended first, but never one whose end may be undelivered."""
        while len(self._ended) > _ENDED and len(self._ended) > _ENDED + len(self._undelivered):
            task_id, _ = self._ended.popitem(last=False)
            self._owed.discard(task_id)
