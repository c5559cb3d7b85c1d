"""What is known of the time left: learned at each milestone, believed from priors until then.

Rule: beliefs about tasks, no schedule and no gateway's clock. For each milestone two numbers are kept, the mean and the
spread of the logarithm of the time that was left there, as it became visible on this gateway. Old tasks are forgotten
exponentially. Where few were seen, what is known of the family of actions counts, and in the end the prior.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from math import exp, log
from typing import Final

from attrs import Factory, define, field
from msgspec import Struct

from mjwatch._policy.left import Belief, Left, Steady
from mjwatch._policy.moments import Learned, Moments, log_of, shape
from mjwatch._policy.priors import family, prior
from mjwatch._policy.state import State
from mjwatch._policy.trails import QUEUE, Mark, Trail, begun_at, first_mark, is_queued, octave
from mjwatch.observations import Watch
from mjwatch.tasks import Action, Mode, Status

MOST_TRAILS: Final = 1000
"""Tasks that are learned from at one time: enough to learn, and bounded."""
_QUIET: Final = 600.0
"""Seconds without a change after which a task may be given up for a new one: it was left, or nobody looks any more."""
_MOST_KEYS: Final = 400


_RUN: Final = 8.5
"""A run in eighths: behind the last one the final picture is uploaded."""
_STALLED: Final = 2.0
"""Spreads above the usual time of a step after which a task stalls."""
_ENOUGH: Final = 3.0
"""Tasks at a milestone before the next one is counted on."""


_PACE_SPREAD: Final = 0.5
"""How well a task's pace so far tells what is left, before that was seen: the spread of the logarithm of the error."""
_STEP: Final = (log(7.0), 0.35**2)
"""Progress moves in steps 6-8 s apart, before any were seen."""

_START: Final = 4.0
"""A task that has been queued for long stays queued for long: it starts at a rate of one in its age and this, seconds."""

_UNSEEN: Final = Steady(1 / 8)
"""An id that was not found yet: it was pasted early, or it is mistyped. News (or its loss) is worth knowing soon."""
_WINDOW: Final = Steady(1 / 450)
"""An open window waits for a person."""


class Outlook(Struct, frozen=True):
    """
    What is believed of one task now.

    Attributes:
        end: The time until its end becomes visible.
        step: The time until its next progress does (the start, while it is queued), None where none is to come.
    """

    end: Belief
    step: Belief | None = None


class _Milestone(Struct, frozen=True):
    """
    What is believed of all runs of a kind at one milestone.

    Attributes:
        left: The time from there to the end.
        pace: The error of what a task's own pace tells.
        step: Centre and spread of the time until the next step.
        stalls_after: Seconds without a step after which a task stalls.
        late_after: Seconds without a step after which it may be lost.
        share_ahead: How much of the time left passes before the next milestone.
    """

    left: Moments
    pace: Moments
    step: tuple[float, float]
    stalls_after: float
    late_after: float
    share_ahead: float


@define
class Forecast:
    """
    What one gateway has taught about its tasks.

    Attributes:
        table: By "kind/thing/milestone", where the kind is an action and a mode or a family and a mode.
        trails: Of the tasks under way, by id.
        refresh: Seconds between two moments at which the gateway seems to show anything; 0.0 where it shows all at once.
    """

    table: dict[str, Learned] = Factory(dict)
    trails: dict[str, Trail] = Factory(dict)
    refresh: float = 0.0
    _milestones: dict[tuple[Action, Mode, int], _Milestone] = field(
        init=False, factory=dict, eq=False, repr=False
    )

    def outlook(
        self, task_id: str, terms: Watch, state: State | None, now: float, at: float | None = None
    ) -> Outlook:
        """
        Return what is believed of a task.

        Args:
            task_id: Which.
            terms: What it is watched for.
            state: None before the first useful look.
            now: Epoch seconds, of the last look.
            at: When *state* became visible, where that is not taken in yet (`saw`), epoch seconds.
        """
        if state is None or state.seen_at is None:
            return Outlook(_UNSEEN)
        if state.status is Status.MODAL:
            return Outlook(_WINDOW)
        if is_queued(state):
            age = max(1.0, now - begun_at(state, terms, now))
            return Outlook(self._queued(state, age), Steady(1.0 / (age + _START)))
        trail = self.trails.get(task_id)
        if trail is None or not trail.marks:
            seen_at = state.seen_at if at is None else at
            return self._running(state, first_mark(state, terms, seen_at), now)
        return self._running(state, trail.mark(state.percent or 0, now if at is None else at), now)

    def learned_from(self, state: State | None) -> int:
        """Return how many ended tasks of its kind are remembered, at most `moments.MEMORY`."""
        if state is None:
            return 0
        kind = f"{state.action}/{state.mode}/left/"
        return int(max((seen.count for key, seen in self.table.items() if key.startswith(kind)), default=0.0))

    def saw(self, task_id: str, terms: Watch, state: State, at: float) -> None:
        """
        Take in a change.

        Args:
            task_id: Which task.
            terms: What it is watched for.
            state: What it became.
            at: When that became visible, as far as looks can tell, epoch seconds.
        """
        if state.final is not None:
            trail = self.trails.pop(task_id, None)
            if trail is not None and state.is_over:
                self.learn(state, trail, at)
            return
        trail = self.trails.pop(task_id, None)
        if trail is not None:
            trail.reach(state, at)
        elif self._has_room(at):
            trail = Trail.of(state, terms, at)
        if trail is not None:
            trail.seen_at = at
            self.trails[task_id] = (
                trail  # behind all others: the first is the one that was not seen for longest
            )

    def _has_room(self, now: float) -> bool:
        """Make room for one more task, if one of those that are followed has been quiet for long."""
        if len(self.trails) < MOST_TRAILS:
            return True
        # To give up one that is followed for one that is new would be to learn of none.
        quietest = next(iter(self.trails))
        if now - self.trails[quietest].seen_at < _QUIET:
            return False
        del self.trails[quietest]
        return True

    def restore(self, table: dict[str, Learned]) -> None:
        """Take over what was kept; what makes no sense is left out."""
        self._milestones.clear()
        sane = ((key, seen) for key, seen in table.items() if seen.is_sane)
        self.table = dict(islice(sane, _MOST_KEYS))

    def _queued(self, state: State, age: float) -> Left:
        known = prior(state.action, state.mode)
        whole = Left(known.centre, known.spread, age)
        middle, most = whole.quantile(0.5), whole.quantile(0.84)
        believed = (log(middle), log(most / middle) ** 2)
        return Left(*shape(self._believed(state.action, state.mode, "left", octave(age), believed)))

    def _running(self, state: State, mark: Mark, now: float) -> Outlook:
        here = self._milestone(state.action, state.mode, mark.milestone)
        mean, variance = here.left
        if mark.pace_left is not None:
            # Two opinions, each with the error it has shown: the mean leans to the better one.
            bias, error = here.pace
            mean += variance / (variance + error) * (log_of(mark.pace_left) + bias - mean)
            variance = min(variance, error)
        age = max(0.0, now - mark.at)
        step = Left(*here.step, age)
        if (
            here.stalls_after + self.refresh < age < here.late_after
        ):  # a step may have been made and not be shown yet
            # While it shows a milestone it is no nearer to its end than it will be at the next one. One that is late
            # may never get there: then its age speaks again, and it is looked at less and less.
            age = min(age, here.share_ahead * exp(mean))
        return Outlook(Left(*shape((mean, variance)), age), None if state.action.is_text else step)

    def _milestone(self, action: Action, mode: Mode, milestone: int) -> _Milestone:
        """Return what is believed at a milestone of a run. Kept until something is learned: 1 us, not 8."""
        key = (action, mode, milestone)
        found = self._milestones.get(key)
        if found is None:
            known = prior(action, mode)
            rest = (known.centre + log(1 - milestone / _RUN), known.spread**2)
            step = shape(self._believed(action, mode, "step", 0, _STEP))
            found = self._milestones[key] = _Milestone(
                left=self._believed(action, mode, "left", milestone, rest),
                pace=self._believed(action, mode, "pace", milestone, (0.0, _PACE_SPREAD**2)),
                step=step,
                stalls_after=exp(step[0] + _STALLED * step[1]),
                late_after=known.late_after,
                share_ahead=self._share_ahead(action, mode, milestone),
            )
        return found

    def _share_ahead(self, action: Action, mode: Mode, milestone: int) -> float:
        """Return how much of the time left passes before the next milestone; 1.0 where none is known to come."""
        here = self._seen(action, mode, milestone)
        for other in range(milestone + 1, QUEUE):
            there = self._seen(action, mode, other)
            if here is not None and there is not None:
                return min(1.0, max(0.0, 1.0 - exp(there.mean - here.mean)))
        # A percentage above the first has come in steps, and more of them will.
        return 1.0 / (_RUN - milestone) if here is None and 0 < milestone < QUEUE - 1 else 1.0

    def _seen(self, action: Action, mode: Mode, milestone: int) -> Learned | None:
        """Return what was seen of tasks at a milestone, if that is enough to go by."""
        for key in reversed(_keys(action, mode, "left", milestone)):
            seen = self.table.get(key)
            if seen is not None and seen.count >= _ENOUGH:
                return seen
        return None

    def _believed(self, action: Action, mode: Mode, thing: str, milestone: int, believed: Moments) -> Moments:
        for key in _keys(action, mode, thing, milestone):
            learned = self.table.get(key)
            if learned is not None:
                believed = learned.over(believed)
        return believed

    def learn(self, state: State, trail: Trail, ended_at: float) -> None:
        """Take in a task that ended: how much time was left at each of its milestones."""
        self._milestones.clear()
        queued = (trail.runs_from[1] if trail.runs_from else ended_at) - trail.begun_at
        age = 1.0
        while age < queued:
            at = trail.begun_at + (age + min(2 * age, queued)) / 2
            self._add(state, "left", octave(age), log_of(ended_at - at))
            age *= 2
        last = None
        for mark in trail.marks:
            self._add(state, "left", mark.milestone, log_of(ended_at - mark.at))
            if mark.pace_left is not None:
                error = log_of(ended_at - mark.at) - log_of(mark.pace_left)
                self._add(state, "pace", mark.milestone, error)
            if last is not None and mark.milestone == last.milestone + 1:
                self._add(state, "step", 0, log_of(mark.at - last.at))
            last = mark

    def _add(self, state: State, thing: str, milestone: int, value: float) -> None:
        for key in _keys(state.action, state.mode, thing, milestone):
            learned = self.table.pop(key, None) or Learned()
            learned.add(value)
            if len(self.table) >= _MOST_KEYS:
                del self.table[next(iter(self.table))]  # of which nothing was learned for longest
            self.table[key] = learned


@lru_cache(maxsize=4096)
def _keys(action: Action, mode: Mode, thing: str, milestone: int) -> tuple[str, str]:
    """Return under which keys something is kept, the widest first."""
    rest = f"{mode}/{thing}/{milestone}"
    return f"{family(action)}/{rest}", f"{action}/{rest}"
