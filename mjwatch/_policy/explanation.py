"""Why a task is looked at when it is, in numbers and in words.

Rule: says what pacing would decide now and from what; decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from attrs import frozen

from mjwatch._policy import pacing
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.news import News
from mjwatch._policy.pacing import Reason
from mjwatch._policy.plane import Plane, Subject
from mjwatch._policy.priors import prior
from mjwatch._policy.trails import begun_at
from mjwatch.events import Eta
from mjwatch.settings import Pacing
from mjwatch.tasks import Status


@frozen
class Tick:
    """
    The tick on which a gateway shows changes.

    Attributes:
        trust: The chance that there is one.
        period: Seconds from tick to tick.
        next_in: Seconds until the next one, at the middle of its window.
        width: Of that window, seconds.
    """

    trust: float
    period: float
    next_in: float
    width: float


Because = Reason | Literal["budget", "apart", "fault", "hold", "looking"]
"""What decides when a task is looked at."""

Oddity = Literal["unseen", "missing", "ended", "input"]
"""What is special about a task, so that no forecast is worth telling."""


@frozen
class Explanation:
    """
    When a task is looked at next, and why then. `str()` says it in words.

    Attributes:
        task_id: Which task.
        looked_at: When it was last looked at, epoch seconds; None before the first look.
        due_in: Seconds until it is looked at, as things stand: 0.0 while it is; before the first look at the earliest.
            None if it is not watched (any more).
        reason: What decides: `price` (unseen waiting has become worth a look), `tick` (the gateway shows nothing
            before), `min_interval`, `max_interval`, `fixed` (`Pacing.every`), `confirming` (an end or a loss waits
            to be sure), `budget` (the gateway's limits allow no more), `apart` (it spoiled the requests it rode in),
            `fault` (requests fail), `hold` (the gateway is left alone) or `looking` (a look is under way).
        wait: Seconds from its last look to the next; before the first, what pacing would wait.
        oddity: `unseen` (the gateway has not shown it so far), `missing` (it no longer does), `ended` (its success
            was seen, and still owes something), `input` (a window waits for a person); None for any other task.
        fault: What the gateway's last request ran into, None if all is well.
        news: The chance that the next look shows its end.
        price: What a look costs: so many seconds in which an end lies unseen for certain.
        eta: How long it may still take, None where there is nothing to say.
        is_late: It takes longer than such tasks do.
        learned_from: Ended tasks that the forecast rests on, up to some twenty; 0 where only priors speak.
        tick: The gateway's tick, None where it seems to have none.
    """

    task_id: str
    looked_at: float | None
    due_in: float | None
    reason: Because
    wait: float
    oddity: Oddity | None
    fault: str | None
    news: float
    price: float
    eta: Eta | None
    is_late: bool
    learned_from: int
    tick: Tick | None

    def __str__(self) -> str:
        """Say it in words."""
        if self.due_in is None:
            return f"{self.task_id}: not watched: it has ended, was left, or was never added"
        parts = [f"{self.task_id}: {self._next_look(self.due_in)}"]
        parts += [_ODD[self.oddity]] if self.oddity is not None else self._forecast()
        if self.tick is not None:
            period, next_in = _in_words(self.tick.period), _in_words(self.tick.next_in)
            parts.append(f"the gateway seems to refresh every {period}, next in {next_in}")
        if self.is_late:
            parts.append("it is late")
        return "; ".join(parts)

    def _next_look(self, due_in: float) -> str:
        if self.reason == "looking":
            return "a look is under way"
        fault = f" ({self.fault})" if self.fault is not None and self.reason in {"fault", "hold"} else ""
        if self.looked_at is not None:
            after = f"{_in_words(self.wait)} after the last"
            return f"next look in about {_in_words(due_in)}, {after}, because {_WORDS[self.reason]}{fault}"
        why = _FIRST.get(self.reason)
        return (
            "first look at once"
            if why is None
            else f"first look in {_in_words(due_in)} at the earliest, {why}{fault}"
        )

    def _forecast(self) -> list[str]:
        known = {0: "priors only", 1: "1 such task"}.get(self.learned_from, f"{self.learned_from} such tasks")
        parts = [f"that look shows the end with a chance of {self.news:.0%} (forecast from {known})"]
        if self.eta is not None:
            half, most = _in_words(self.eta.p50), _in_words(self.eta.p90)
            parts.append(f"half of such tasks end within {half}, nine in ten within {most}")
        return parts


@frozen
class Standing:
    """
    What decides beside the task and what is known of it.

    Attributes:
        plane: How tasks share requests.
        looked_at: When the task was last looked at, epoch seconds; None before the first look.
        due_in: Seconds until it is looked at, None if it is not watched.
        held: Seconds that the gateway is left alone, 0.0 if it is not.
        budget: The least seconds between two looks at each task that the limits allow.
        rng: The dice, as pacing throws them.
        is_apart: It spoiled requests for others, so it is looked at alone.
        is_leased: A look at it is under way.
        fault: What the gateway's last request ran into, None if all is well.
    """

    plane: Plane
    looked_at: float | None
    due_in: float | None
    held: float
    budget: float
    rng: Random
    is_apart: bool = False
    is_leased: bool = False
    fault: str | None = None

    def decides(self) -> Literal["apart", "fault", "hold", "looking"] | None:
        """Return what comes before all pacing, None where nothing does."""
        if self.is_leased:
            return "looking"
        if self.held > 0.0:
            return "hold"
        if self.fault is not None:
            return "fault"
        return "apart" if self.is_apart else None


_WORDS: Final = {
    "price": "by then something may have changed that is worth a look",
    "tick": "the gateway shows nothing new before",
    "min_interval": "one id is never asked for more often",
    "max_interval": "no id is asked for more rarely",
    "fixed": "the schedule is fixed",
    "confirming": "an end or a loss has to be made sure of",
    "budget": "the gateway's limits allow no more",
    "apart": "it spoiled the requests it rode in, so it is looked at alone",
    "fault": "requests fail",
    "hold": "the gateway is left alone for now",
}
_FIRST: Final[dict[str, str]] = {
    "budget": "when its turn has come: the gateway's limits allow no more",
    "hold": "for the gateway is left alone until then",
}
_ODD: Final[dict[Oddity, str]] = {
    "unseen": "the gateway has not shown it so far",
    "missing": "the gateway no longer shows it",
    "ended": "it has succeeded, and its picture or buttons are still awaited",
    "input": "a window waits for a person",
}


def explain(
    subject: Subject,
    others: Sequence[Subject],
    now: float,
    wishes: Pacing,
    lessons: Lessons,
    standing: Standing,
) -> Explanation:
    """
    Return why *subject* is looked at when it is, which was decided at its last look.

    Args:
        subject: The task.
        others: Some of the tasks that share its requests, itself included.
        now: Epoch seconds.
        wishes: The user's pacing.
        lessons: What the gateway has taught.
        standing: What else decides.
    """
    since = now if standing.looked_at is None else min(now, standing.looked_at)
    wait = pacing.next_look(subject, standing.plane, since, wishes, lessons, standing.rng)
    if not standing.plane.is_single and wishes.fixed is None:
        shared = pacing.next_request(others, standing.plane, since, wishes, lessons, standing.rng)
        wait = max(wait, shared, key=lambda one: one.seconds)
    seconds = max(wait.seconds, standing.budget)
    reason: Because = wait.reason if seconds == wait.seconds else "budget"
    until = seconds
    if standing.looked_at is not None and standing.due_in is not None:
        until = now - since + standing.due_in
    return Explanation(
        task_id=subject.id,
        looked_at=standing.looked_at,
        due_in=standing.due_in,
        reason=standing.decides() or reason,
        wait=until,
        oddity=_oddity(subject),
        fault=standing.fault,
        news=_news(subject, since, until, lessons),
        price=pacing.price(wishes),
        eta=lessons.eta_since(subject, now),
        is_late=is_late(subject, now),
        learned_from=lessons.forecast.learned_from(subject.state),
        tick=_tick(lessons, now),
    )


def is_late(subject: Subject, now: float) -> bool:
    """Return True where a task takes longer than nearly all of its action and mode; that is only told."""
    state = subject.state
    if state is None or state.final is not None or state.status is Status.MODAL:
        return False
    return now - begun_at(state, subject.terms, now) > prior(state.action, state.mode).late_after


def _oddity(subject: Subject) -> Oddity | None:
    state = subject.state
    if state is None or state.seen_at is None:
        return "unseen"
    if state.misses is not None:
        return "missing"
    if state.settling is not None:
        return "ended"
    return "input" if state.status is Status.MODAL else None


def _tick(lessons: Lessons, now: float) -> Tick | None:
    ticks = lessons.clock.ticks(now)
    if not ticks.is_locked:
        return None
    return Tick(ticks.trust, ticks.period, ticks.last + ticks.period, ticks.closes - ticks.opens)


def _news(subject: Subject, since: float, after: float, lessons: Lessons) -> float:
    """Return the chance that its end shows within *after* seconds from *since*, as pacing sees it."""
    news = News([(lessons.forecast.outlook(subject.id, subject.terms, subject.state, since).end, 1.0)])
    ticks = lessons.clock.ticks(since)
    return min(1.0, news.by(after, ticks, news.shown(ticks, after)))


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10.0 else f"{seconds:.1f} s"
