"""What is true of a simulated task, second by second, and the words to script it.

Values and arithmetic only: no clock, no dice, no sockets, no JSON. When a gateway *notices* a truth is `refresh`'s
business, how it spells it is `shapes`'.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import Final, Literal

from attrs import define, evolve, field, frozen

FINAL: Final = frozenset({"SUCCESS", "FAILURE", "CANCEL"})
_RUNNING: Final = frozenset({"SUBMITTED", "IN_PROGRESS"}) | FINAL

Status = Literal["NOT_START", "SUBMITTED", "MODAL", "IN_PROGRESS", "SUCCESS", "FAILURE", "CANCEL"]


@frozen
class Step:
    """One thing that becomes true, in the words of families A and B (protocol.md 1.5, 3.5)."""

    at: float
    """Seconds after the part of the timeline it belongs to began."""
    status: Status | None
    """None: from here on the gateway has forgotten the id."""
    progress: str | None = None
    image: str | None = None
    """The file name of the picture, or None where there is none yet."""
    has_buttons: bool = False
    fail_reason: str | None = None
    part: int = 0
    """0 until a MODAL is answered, then the number of answers."""

    @property
    def is_settled(self) -> bool:
        """Whether family C stops copying here: it goes by the progress, not by the status (protocol.md 4.5)."""
        return self.status in FINAL or self.progress == "100%"


@define(eq=False)
class Timeline:
    """The steps of one task. What follows a MODAL begins when `answer` is called."""

    begun_at: float = 0.0
    steps: list[Step] = field(init=False, factory=list)
    instants: list[float] = field(init=False, factory=list)
    """When each step becomes true; infinity behind a MODAL that nobody has answered."""
    answers: list[float] = field(init=False, factory=list)
    settled: int | None = field(init=False, default=None)
    """The first step at which family C stops copying."""
    gone: int | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.append(Step(0.0, "NOT_START"))

    def append(self, step: Step) -> None:
        """Add *step* at the end."""
        index = len(self.steps)
        self.steps.append(step)
        self.instants.append(self._part_began(step.part) + step.at)
        if self.settled is None and step.is_settled:
            self.settled = index
        if self.gone is None and step.status is None:
            self.gone = index

    def replace_last(self, step: Step) -> None:
        """Put *step* in the place of the last one."""
        self._rewrite([*self.steps[:-1], step])

    def index_at(self, now: float) -> int:
        """Return which step is in force at *now*; the first one for any time before the beginning."""
        return max(bisect_right(self.instants, now) - 1, 0)

    def knows(self, now: float) -> bool:
        """Tell whether the gateway still has the task at *now*."""
        return self.gone is None or self.instants[self.gone] > now

    def answer(self, now: float) -> bool:
        """Answer the MODAL that stands open at *now*; tell whether there was one."""
        step = self.steps[self.index_at(now)]
        if step.status != "MODAL" or step.part != len(self.answers):
            return False
        self.answers.append(now)
        self._rewrite(self.steps)
        return True

    def cut(self, now: float, step: Step) -> None:
        """Make *step* true at *now* and drop what was to come: a cancel, or a gateway that gives up."""
        keep = self.index_at(now) + 1
        part = self.steps[keep - 1].part
        last = evolve(step, at=now - self._part_began(part), part=part)
        self._rewrite([*self.steps[:keep], last])

    def began(self) -> tuple[float, ...]:
        """Return when the task was submitted and when each of its MODALs was answered."""
        return (self.begun_at, *self.answers)

    def started_at(self, index: int) -> float | None:
        """Return when the run began that step *index* belongs to, or None."""
        for i in range(index + 1):
            if self.steps[i].status in _RUNNING:
                return self.instants[i]
        return None

    def ended_at(self, index: int | None = None) -> float | None:
        """Return when the task reached its end, as far as step *index*, or None."""
        last = len(self.steps) - 1 if index is None else index
        for i in range(last + 1):
            if self.steps[i].status in FINAL:
                return self.instants[i] if self.instants[i] < inf else None
        return None

    def _part_began(self, part: int) -> float:
        return self.began()[part] if part <= len(self.answers) else inf

    def _rewrite(self, steps: list[Step]) -> None:
        self.steps, self.instants, self.settled, self.gone = [], [], None, None
        for step in steps:
            self.append(step)


@define(eq=False)
class Script:
    """
    Writes a `Timeline`, so that a test reads like a sentence.

    `gateway.task("1").after(2).submitted().after(5).progress(31).after(8).success()`. Each `after` counts from the
    step before, the first one from the submit; behind a `modal` it counts from the answer.
    """

    timeline: Timeline = field(factory=Timeline)
    _at: float = field(default=0.0, alias="at")
    _part: int = field(default=0, alias="part")

    def after(self, seconds: float) -> Script:
        """Let *seconds* pass before the next step."""
        if seconds < 0:
            raise ValueError(f"time runs forward: after({seconds})")
        self._at += seconds
        return self

    def submitted(self) -> Script:
        """Discord has accepted it; behind progress this is a restart (a video extend, protocol.md 3.5)."""
        return self._step("SUBMITTED", "0%")

    def progress(self, percent: int, *, preview: str | None = "{percent}.webp") -> Script:
        """It runs and shows *percent* and a picture of that name; None for the accounts without previews."""
        picture = None if preview is None else preview.format(percent=percent)
        return self._step("IN_PROGRESS", f"{percent}%", image=picture)

    def note(self, text: str) -> Script:
        """It runs and shows *text* in the place of the percentage: "Waiting to start", "paused" (protocol.md 1.5)."""
        return self._step("IN_PROGRESS", text)

    def finishing(self) -> Script:
        """The final picture and its buttons are there, the status is not (protocol.md 1.2, 3.5)."""
        return self._step("IN_PROGRESS", "93%", image="final.png", has_buttons=True)

    def modal(self) -> Script:
        """Wait for the user. What follows counts from the answer, with the same id (protocol.md 3.4)."""
        self._step("MODAL", None)
        self._at = 0.0
        self._part += 1
        return self._step("NOT_START", None)

    def success(self) -> Ending:
        """It ends well, with a picture (or videos) and buttons."""
        self._step("SUCCESS", "100%", image="final.png", has_buttons=True)
        return Ending(self)

    def failure(self, reason: str = "任务超时") -> Ending:
        """It fails; the last preview stays (protocol.md 1.2: fail() leaves the picture alone)."""
        self._step("FAILURE", "", image=self.timeline.steps[-1].image, fail_reason=reason)
        return Ending(self)

    def cancelled(self) -> Ending:
        """It is cancelled; family B calls that a FAILURE (protocol.md 3.7)."""
        self._step("CANCEL", self.timeline.steps[-1].progress, image=self.timeline.steps[-1].image)
        return Ending(self)

    def forgotten(self) -> None:
        """The gateway loses the id: a restart of an in-memory store, or its retention."""
        self.timeline.append(Step(self._at, None, part=self._part))

    def forever(self) -> None:
        """Nothing more happens, ever."""

    def _step(
        self,
        status: Status,
        progress: str | None,
        *,
        image: str | None = None,
        has_buttons: bool = False,
        fail_reason: str | None = None,
    ) -> Script:
        self.timeline.append(Step(self._at, status, progress, image, has_buttons, fail_reason, self._part))
        return self


@define(eq=False)
class Ending:
    """What may be odd about an end. `after` goes on with the script: some gateways do not stop there."""

    script: Script

    def after(self, seconds: float) -> Script:
        """Let *seconds* pass; then the task may be forgotten, or contradict itself."""
        return self.script.after(seconds)

    def buttons_after(self, seconds: float) -> Ending:
        """The buttons come *seconds* late; family C may never see them (protocol.md 4.5)."""
        full = self._last
        self.without_buttons()
        self.script.after(seconds)
        self.script.timeline.append(evolve(full, at=full.at + seconds, has_buttons=True))
        return self

    def without_buttons(self) -> Ending:
        """There are no buttons."""
        self.script.timeline.replace_last(evolve(self._last, has_buttons=False))
        return self

    def without_url(self) -> Ending:
        """There is no picture: SHORTEN has none, and family C has shown `""` (protocol.md 7.1)."""
        self.script.timeline.replace_last(evolve(self._last, image=None))
        return self

    def with_progress(self, text: str | None) -> Ending:
        """It shows *text* as progress: SUCCESS with "93%" is real on family A (protocol.md 1.2)."""
        self.script.timeline.replace_last(evolve(self._last, progress=text))
        return self

    @property
    def _last(self) -> Step:
        return self.script.timeline.steps[-1]
