"""The library's own decisions, driven without sockets: fold, lessons and pacing, as the pump drives them.

Rule: no decision is made here. One `Reader` is one watcher of one gateway; what it has learned stays with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from attrs import define, field

from mjwatch._policy import fold, pacing
from mjwatch._policy.clock import Clock
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.plane import Plane, Seen
from mjwatch._policy.state import State
from mjwatch.observations import Observation, Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Button, ButtonKind, Media, Status, Task

from .gateways import Sight

_BUTTONS: Final = (Button("MJ::JOB::upsample::1::x", "U1", None, ButtonKind.UPSCALE, 1),)
_VIDEOS: Final = (Media("https://cdn.invalid/1.mp4"),)
ALONE: Final = Plane(watched=1, room=1)


@define(eq=False)
class Watching:
    """One task under watch: what looks have seen of it, and what the library keeps of that."""

    sight: Sight
    watch: Watch
    state: State | None = None
    looked_at: float | None = None

    @property
    def subject(self) -> Seen:
        """The task as pacing sees it."""
        return Seen(self.watch.id, self.watch, self.state)


class Before(NamedTuple):
    """A task as it was known before a look."""

    id: str
    terms: Watch
    state: State | None
    looked_at: float | None


@define(eq=False)
class Reader:
    """
    A watcher of one gateway.

    Attributes:
        pacing: The user's wishes.
        refresh: What the dialect says of the gateway's tick.
        rng: The dice.
        wants_progress: It listens to progress too, not to ends alone.
        has_instants: The gateway sends submitTime and startTime.
        lessons: What the gateway has taught.
    """

    pacing: Pacing
    refresh: float | None
    rng: Random
    wants_progress: bool = False
    has_instants: bool = False
    lessons: Lessons = field()

    @lessons.default
    def _fresh(self) -> Lessons:
        return Lessons(clock=Clock.hinted(self.refresh))

    def watch(self, sight: Sight, name: str, now: float) -> Watching:
        """Take up a task."""
        return Watching(sight, Watch(name, None, now, None, wants_progress=self.wants_progress))

    def look(self, tasks: Sequence[Watching], now: float) -> list[Watching]:
        """Look at *tasks* by one request at *now*; return those that go on."""
        before = [Before(task.watch.id, task.watch, task.state, task.looked_at) for task in tasks]
        changed = {task.watch.id: self._folded(task, now) for task in tasks if task.sight.look(now)}
        for task in tasks:
            task.looked_at = now
            task.state = changed.get(task.watch.id, task.state)
        self.lessons.looked(before, changed, now, self.rng)
        return [task for task in tasks if task.state is not None and not task.state.is_over]

    def next_look(self, task: Watching, plane: Plane, now: float) -> float:
        """Return when a task may be looked at again, in seconds."""
        return pacing.next_look(task.subject, plane, now, self.pacing, self.lessons, self.rng).seconds

    def next_request(self, tasks: Sequence[Watching], plane: Plane, now: float) -> float:
        """Return when the next list request may go, in seconds."""
        subjects = [task.subject for task in tasks]
        return pacing.next_request(subjects, plane, now, self.pacing, self.lessons, self.rng).seconds

    def _folded(self, task: Watching, now: float) -> State:
        """Return the state after a look that saw a change."""
        finding = Observation(_task(task, has_instants=self.has_instants), task.sight.index or 0)
        return fold.fold(task.state, finding, task.watch, now, gateway="g").state


def _task(task: Watching, *, has_instants: bool) -> Task:
    view = task.sight.view
    step = view.steps[task.sight.index or 0]
    has_begun = has_instants and step.status is not Status.NOT_START
    is_success = step.status is Status.SUCCESS
    return Task(
        id=task.watch.id,
        status=step.status,
        status_word=step.status.value,
        action=view.life.kind.action,
        mode=view.life.kind.mode,
        percent=step.percent,
        image_url="https://cdn.invalid/1.png" if is_success else None,
        videos=_VIDEOS if is_success and view.life.kind.action.is_video else (),
        buttons=_BUTTONS if is_success else (),
        submitted_at=view.begun_at if has_instants else None,
        started_at=view.begun_at + view.life.steps[1].at if has_begun else None,
    )
