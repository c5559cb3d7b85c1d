"""The life of a task as a table: how far each status is, what is an end, what a success still owes.

Rule: whatever is compared by "further" or "behind" is compared here, and nowhere else. What follows from it (events,
restarts) is `fold.py`'s business.

    MODAL  <  NOT_START  <  SUBMITTED  <  IN_PROGRESS  <  SUCCESS = FAILURE = CANCEL

MODAL is the lowest although it may come after NOT_START, because a relay shows a frozen MODAL row beside the live one
for as long as the task runs (`protocol.md` 4.5): once a window was answered, MODAL is the past.
"""

from __future__ import annotations

from typing import Final

from mjwatch.observations import Observation
from mjwatch.tasks import Action, Status, Task

_RANK: Final = {
    Status.MODAL: 0,
    Status.NOT_START: 1,
    Status.SUBMITTED: 2,
    Status.IN_PROGRESS: 3,
    Status.SUCCESS: 4,
    Status.FAILURE: 4,
    Status.CANCEL: 4,
}

_GRID: Final = frozenset({
    Action.IMAGINE,
    Action.BLEND,
    Action.UPSCALE,
    Action.VARIATION,
    Action.HIGH_VARIATION,
    Action.LOW_VARIATION,
    Action.REROLL,
    Action.ZOOM,
    Action.CUSTOM_ZOOM,
    Action.PAN,
    Action.INPAINT,
})
"""Actions whose result has buttons under it."""


def rank(status: Status, otherwise: int = 1) -> int:
    """Return how far *status* is; a word we do not know is as far as *otherwise*, so it never looks like a relapse."""
    return _RANK.get(status, otherwise)


def most_advanced(one: Task, other: Task) -> Task:
    """
    Return the one that is further: a list may show an id twice, one row frozen (`protocol.md` 4.5).

    Further is the higher rank, then the higher percent; the first of two equals.
    """
    return other if _advance(other) > _advance(one) else one


def _advance(task: Task) -> tuple[int, int]:
    return rank(task.status), -1 if task.percent is None else task.percent


def is_behind(task: Task, *, status_rank: int, percent: int | None, was_answered: bool) -> bool:
    """
    Return True where *task* is older than what we know: a lagging replica, a frozen row, or a restart.

    Args:
        task: What was just seen.
        status_rank: How far the task was when last seen.
        percent: The highest number seen in this run.
        was_answered: A window was shown and then answered.
    """
    # 0. The row as a relay wrote it at submit (`protocol.md` 4.4), from a replica that lags. Behind a window it is news:
    #    the answer wrote it.
    if not task.status_word and not task.percent:
        return status_rank > _RANK[Status.MODAL]
    # 1. A window is news until it was answered or the work began: "" or SUBMITTED may come before MODAL.
    if task.status is Status.MODAL:
        return was_answered or status_rank >= _RANK[Status.IN_PROGRESS]
    # 2. A status further back.
    if rank(task.status, status_rank) < status_rank:
        return True
    # 3. The same status with a lower number, or with the words of the beginning ("Waiting to start").
    if not percent or rank(task.status, status_rank) > status_rank:
        return False
    return task.percent < percent if task.percent is not None else task.note is not None


def fuller(before: Task, task: Task) -> Task:
    """Return *task*, the later look at a success, unless it lacks the result that *before* had."""
    return task if _has_result(task) or not _has_result(before) else before


def _has_result(task: Task) -> bool:
    return bool(task.image_url or task.images or task.videos)


def still_owes(seen: Observation) -> bool:
    """
    Return True where a SUCCESS is shown before it is whole.

    Only what this gateway and this action can still bring is waited for: a result address (a relay shows SUCCESS with
    `imageUrl: ""`, `protocol.md` 7.1), or buttons where the gateway shows them no later than the end. Late buttons
    of new-api never come, novicezk has none, and describe and shorten end in words.
    """
    task = seen.task
    if task.action.is_text:
        return False
    if not _has_result(task):
        return True
    if task.action.is_video:
        return not task.videos
    return seen.buttons_come_with_end and task.action in _GRID and not task.buttons
