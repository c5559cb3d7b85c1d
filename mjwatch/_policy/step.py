"""The plain step of a running task: one more number, one more preview, told as the Story would tell it.

Rule: says nothing of its own. Whatever is more than a step is left to `story.py`.
"""

from __future__ import annotations

from typing import Final

from mjwatch._policy import lifecycle
from mjwatch._policy.state import State, begun, phase
from mjwatch._policy.story import Folded, Forecasts, is_news
from mjwatch.drafts import draft_of
from mjwatch.events import Progress
from mjwatch.observations import Observation, Watch
from mjwatch.tasks import Status

_RANK: Final = lifecycle.rank(Status.IN_PROGRESS)
_Draft: Final = draft_of(Progress)


def step(
    state: State, seen: Observation, watch: Watch, now: float, gateway: str, eta: Forecasts | None
) -> Folded | None:
    """
    Return what a look at a running task makes of *state*, None where it is no plain step onwards.

    Nine of ten looks that tell anything are one. A Story takes them in in 6 us, which take apart what stays as it is
    and put it together again; this takes 2.
    """
    before, task = state.phase, seen.task
    percent = task.percent
    if (
        state.aside is not None
        or before.status is not Status.IN_PROGRESS
        or task.status is not Status.IN_PROGRESS
        or percent is None
        or (before.percent is not None and percent < before.percent)
        or task.buttons
        or not is_news(before, state.preview, task, percent)
    ):
        return None
    word, note, preview, seq = task.status_word, task.note, task.image_url, state.seq + 1
    onwards = State(
        seq,
        seq,
        phase(Status.IN_PROGRESS, word, _RANK, percent, note, task.action, task.mode),
        preview,
        begun(task.submitted_at, task.started_at),
        seen.digest,
        now,
    )
    left = None if eta is None else eta(onwards)
    event = _Draft(task, gateway, watch.tag, now, seq, 0, 0, percent, preview, note, left, restarted=False)
    return Folded(onwards, (event,))
