"""Who reads what: readers with the same terms form one audience, and what goes to it is chosen and bundled once.

Hands batches to inboxes; knows no store. Who is admitted, and what is watched for whom, is the router's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from itertools import chain, product

from attrs import define, field

from mjwatch._policy.ledger import Course, Parcel
from mjwatch._runtime.inbox import Inbox
from mjwatch.events import Event, Recovered, TaskEvent, Unreachable

_Terms = tuple[frozenset[str], Callable[[Event], bool] | None]
_GATEWAY_EVENTS = (Unreachable, Recovered)  # a tuple: a union is five times as slow to ask


@define(eq=False)
class _Audience:
    """
    Readers with the same terms.

    Attributes:
        wants: Which events they take, None for all.
        inboxes: Whose they are.
        reading: The tasks, each with the last `seq` before they came; empty for hooks, which read every task.
        terms: Under which others find it, None for whoever has changed its tasks: that one stays alone.
        chosen: What goes to the inboxes with the next `send`.
        ended: Tasks whose end came and is not wanted.
        course: What those of them were told who keep up.
        is_touched: An event of its tasks came since the last `send`.
    """

    wants: Callable[[Event], bool] | None
    inboxes: dict[Inbox, None]
    reading: dict[str, int] = field(factory=dict)
    terms: _Terms | None = None
    chosen: list[TaskEvent] = field(factory=list, init=False)
    ended: list[str] = field(factory=list, init=False)
    course: Course = field(factory=Course, init=False)
    is_touched: bool = field(default=False, init=False)

    def send(self, offset: int) -> None:
        """Put what was chosen of the log up to *offset* into every inbox, and wake the readers, once each."""
        is_shared = len(self.inboxes) > 1
        parcel = self.course.number(self.chosen) if is_shared else Parcel(self.chosen)
        for inbox in self.inboxes:
            inbox.put_all(parcel, offset)
        if is_shared:
            self.course.advance(parcel)
            for inbox in self.inboxes:
                inbox.mailbox.follow(self.course)
        if self.ended:
            for inbox, task_id in product(self.inboxes, self.ended):
                inbox.mailbox.end(task_id)
            self.ended = []
        self.chosen = []
        self.is_touched = False


class Audiences:
    """
    All readers of one router.

    Args:
        crowd: How many undelivered events make an inbox `crowded`.

    Attributes:
        hooks: Who reads everything.
        crowded: Inboxes that held so many when a final came; whoever looks into it takes out those that were read.
    """

    def __init__(self, crowd: int) -> None:
        self.hooks: dict[Inbox, _Audience] = {}
        self.crowded: set[Inbox] = set()
        self._crowd = crowd
        self._readers: dict[str, dict[_Audience, None]] = {}
        self._audiences: dict[Inbox, _Audience] = {}
        self._by_terms: dict[_Terms, _Audience] = {}
        self._late: dict[_Audience, int] = {}

    def __iter__(self) -> Iterator[Inbox]:
        return chain(self.hooks, (inbox for inbox, audience in self._audiences.items() if audience.reading))

    @property
    def tasks(self) -> KeysView[str]:
        """The tasks that somebody reads; hooks, which read every task, do not count."""
        return self._readers.keys()

    def reads(self, inbox: Inbox) -> list[str]:
        """Return which tasks *inbox* reads."""
        audience = self._audiences.get(inbox)
        return [] if audience is None else list(audience.reading)

    def subscribe(self, inbox: Inbox) -> None:
        """Let *inbox* have everything."""
        self.hooks[inbox] = _Audience(inbox.wants, {inbox: None})

    def join(self, inbox: Inbox, task_ids: Iterable[str]) -> None:
        """Let *inbox* have what the log brings of more tasks."""
        audience = self._own(inbox)
        for task_id in task_ids:
            audience.reading[task_id] = 0
            self._readers.setdefault(task_id, {})[audience] = None

    def told(self, inbox: Inbox, task_id: str, seq: int) -> None:
        """Note that *inbox* was told of a task by its present state: nothing up to *seq* goes there."""
        audience = self._audiences.get(inbox)
        if audience is not None and task_id in audience.reading:
            audience.reading[task_id] = seq

    def settle(self, inbox: Inbox, offset: int) -> None:
        """Let *inbox*, which is new, share the work of others with its terms as soon as the log is past *offset*."""
        audience = self._audiences.get(inbox)
        if audience is not None:
            self._late[audience] = offset

    def part(self, inbox: Inbox, task_ids: Iterable[str]) -> list[str]:
        """Let *inbox* have no more of *task_ids*; return those that it read."""
        reads = set(self.reads(inbox))
        parted = [task_id for task_id in dict.fromkeys(task_ids) if task_id in reads]
        if parted:
            audience = self._own(inbox)
            for task_id in parted:
                self._leave(audience, task_id)
            if not audience.reading:
                self._let_go(inbox)
        return parted

    def remove(self, inbox: Inbox) -> list[str]:
        """Let *inbox* have nothing more; return what it read."""
        self.hooks.pop(inbox, None)
        self.crowded.discard(inbox)
        parted = self.part(inbox, self.reads(inbox))
        self._let_go(inbox)
        return parted

    def hand_out(self, batch: Sequence[tuple[int, Event]]) -> None:
        """Put the events of *batch* wherever they belong, and wake their readers, once each."""
        if self._late:
            self._bring_together(batch[0][0])
        offset = batch[-1][0]
        touched: list[_Audience] = []
        for _, event in batch:
            if isinstance(event, _GATEWAY_EVENTS):
                self._send(touched, offset)
                for inbox in self:
                    inbox.put_outage(event, offset)
                    inbox.wake()
            else:
                self._choose(event, touched)
        self._send(touched, offset)

    def _choose(self, event: TaskEvent, touched: list[_Audience]) -> None:
        """Choose *event* for whoever wants it; *touched* has who gets something, and who might have."""
        task_id, seq = event.task.id, event.seq
        for audience in chain(tuple(self._readers.get(task_id, ())), self.hooks.values()):
            # Who came after an event was told of it by the present state, or it belongs to a watch before.
            if audience.reading.get(task_id, 0) >= seq:
                continue
            if audience.wants is None or audience.wants(event):
                audience.chosen.append(event)
            elif event.final:
                audience.ended.append(task_id)
            if not audience.is_touched:
                audience.is_touched = True
                touched.append(audience)
            if event.final and task_id in audience.reading:
                # Nothing comes after the end of a watch: a later watch of the id is another one.
                self._leave(audience, task_id)

    def _send(self, touched: list[_Audience], offset: int) -> None:
        for audience in touched:
            has_end = any(event.final for event in audience.chosen)
            audience.send(offset)
            if has_end:
                self.crowded.update(one for one in audience.inboxes if len(one.mailbox) >= self._crowd)
        touched.clear()

    def _bring_together(self, offset: int) -> None:
        """Let those whom all before *offset* has reached share their work with others on the same terms."""
        for audience, since in list(self._late.items()):
            [inbox] = audience.inboxes
            if since >= offset or inbox.is_opening:
                continue
            del self._late[audience]
            terms = (frozenset(audience.reading), audience.wants)
            host = self._by_terms.setdefault(terms, audience)
            host.terms = terms
            if host is not audience:
                host.inboxes[inbox] = None
                self._audiences[inbox] = host
                for task_id in audience.reading:
                    del self._readers[task_id][audience]

    def _own(self, inbox: Inbox) -> _Audience:
        """Return the audience of *inbox*, alone in it: it is about to change what it reads."""
        shared = self._audiences.get(inbox)
        if shared is not None and len(shared.inboxes) == 1:
            self._close(shared)
            return shared
        own = self._audiences[inbox] = _Audience(inbox.wants, {inbox: None})
        if shared is not None:
            del shared.inboxes[inbox]
            inbox.mailbox.part()
            own.reading.update(shared.reading)
            for task_id in own.reading:
                self._readers[task_id][own] = None
        return own

    def _let_go(self, inbox: Inbox) -> None:
        audience = self._audiences.pop(inbox, None)
        if audience is not None:
            del audience.inboxes[inbox]
            inbox.mailbox.part()
            self._late.pop(audience, None)

    def _leave(self, audience: _Audience, task_id: str) -> None:
        self._close(audience)
        readers = self._readers[task_id]
        del readers[audience], audience.reading[task_id]
        if not readers:
            del self._readers[task_id]

    def _close(self, audience: _Audience) -> None:
        """Let nobody join *audience* any more: its terms are not what they were."""
        if audience.terms is not None:
            del self._by_terms[audience.terms]
            audience.terms = None
