"""Trails: when a running task reached its milestones.

Rule: remembers and measures; what follows for other tasks is learned in `forecast.py`. A milestone is an eighth of the
percentage while a task runs; while it is queued each doubling of its age is one ("queue octave").
"""

from __future__ import annotations

from math import log2
from typing import Final, NamedTuple

from attrs import Factory, define

from mjwatch._policy.state import State
from mjwatch.observations import Watch
from mjwatch.tasks import Status

QUEUE: Final = 8
"""The first queue octave, behind the eighths of a run (0 to 7)."""
_OCTAVES: Final = 16

_DAY: Final = 86_400.0
_QUEUED: Final = frozenset({Status.NOT_START, Status.SUBMITTED, Status.UNKNOWN})


class Mark(NamedTuple):
    """
    A milestone reached.

    Attributes:
        milestone: Which.
        at: When it became visible, as far as looks can tell, epoch seconds.
        pace_left: What is left at the pace of this very task so far, seconds; None where its pace is not known.
    """

    milestone: int
    at: float
    pace_left: float | None


@define
class Trail:
    """
    The way of one task so far.

    Attributes:
        begun_at: When it was submitted, as far as known, epoch seconds.
        runs_from: Percent and instant from which its pace is counted, None until it runs.
        marks: Its milestones, at most nine.
        seen_at: When it was last seen to change.
    """

    begun_at: float
    runs_from: tuple[int, float] | None = None
    marks: list[Mark] = Factory(list)
    seen_at: float = 0.0

    @classmethod
    def of(cls, state: State, terms: Watch, at: float) -> Trail:
        """Return the trail of a task of which nothing else is known than a *state* that became visible at *at*."""
        trail = cls(begun_at(state, terms, at))
        trail.reach(state, at)
        return trail

    def reach(self, state: State, at: float) -> None:
        """Take in a *state* that became visible at *at*."""
        if is_queued(state):
            return
        percent = state.percent or 0
        has_restarted = bool(self.marks) and percent * 8 // 101 < self.marks[-1].milestone
        if self.runs_from is None or has_restarted:
            begun = trusted(state.started_at, self.begun_at, at)
            self.runs_from = (percent, at) if begun is None else (0, begun)
            self.marks.clear()
        mark = self.mark(percent, at)
        if not self.marks or self.marks[-1] != mark:
            self.marks.append(mark)

    def mark(self, percent: int, now: float) -> Mark:
        """Return the last milestone reached: one that is first seen *now* is reached now."""
        milestone = percent * 8 // 101
        if self.marks and milestone <= self.marks[-1].milestone:
            return self.marks[-1]
        first, since = self.runs_from or (percent, now)
        return Mark(milestone, now, pace_left(percent, now, first, since))


def first_mark(state: State, terms: Watch, at: float) -> Mark:
    """Return the milestone of a running task of which nothing else is known than a *state* visible at *at*."""
    percent = state.percent or 0
    begun = trusted(state.started_at, begun_at(state, terms, at), at)
    return Mark(percent * 8 // 101, at, None if begun is None else pace_left(percent, at, 0, begun))


def pace_left(percent: int, at: float, first: int, since: float) -> float | None:
    """Return what is left of a task that has come from *first* to *percent* since then; None where that tells nothing."""
    if percent <= first or at <= since:
        return None
    return (at - since) * (100 - percent) / (percent - first)


def is_queued(state: State) -> bool:
    """Return True before it runs."""
    return state.status in _QUEUED and not state.percent


def octave(age: float) -> int:
    """Return the milestone of a task that has been queued for *age* seconds."""
    return QUEUE + min(_OCTAVES, int(log2(age)) if age >= 1.0 else 0)


def begun_at(state: State, terms: Watch, now: float) -> float:
    """Return since when the task is under way: by the gateway's clock where that is plausible, else by ours."""
    return trusted(state.submitted_at, terms.watched_at - _DAY, now) or terms.watched_at


def trusted(instant: float | None, earliest: float, latest: float) -> float | None:
    """Return an *instant* of the gateway's clock, which is data, if it is plausible against ours."""
    return instant if instant is not None and earliest < instant <= latest else None
