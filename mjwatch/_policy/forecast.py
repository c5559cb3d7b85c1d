"""What is known of the time left: how likely news is, second by second.

Rule: beliefs only, no schedule. For now the beliefs are priors; what a gateway shows will replace them.

The priors rest on some thirty single observations in public samples and logs, so they are broad on purpose.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import frozen

from mjwatch._policy.state import State
from mjwatch.observations import Watch
from mjwatch.tasks import Action, Mode, Status

STEP_RATE: Final = 1 / 7
"""Progress moves in steps about 7 s apart (0, 15, 31, 46, 62, 78, 93 %), whatever the gateway."""

_UNSEEN_RATE: Final = 1 / 8
"""An id that was not found yet: it was pasted early, or it is mistyped. News (or its loss) is worth knowing soon."""

_WINDOW_RATE: Final = 1 / 450
"""An open window waits for a person."""

_DAY: Final = 86_400.0


@frozen
class Prior:
    """
    A lognormal belief of how long a task runs, in seconds.

    Attributes:
        median: Half of the tasks are done by then.
        spread: The standard deviation of the logarithm.
    """

    median: float
    spread: float

    @classmethod
    def of(cls, p10: float, p50: float, p90: float) -> Prior:
        """Return the belief with these quantiles."""
        return cls(p50, math.log(p90 / p10) / (2 * 1.2816))

    def hazard(self, age: float) -> float:
        """Return the chance per second that a task of this *age* ends now; constant beyond the 98.5 % point."""
        age = min(max(age, 0.05), self.median * math.exp(2.17 * self.spread))
        z = math.log(age / self.median) / self.spread
        left = 0.5 * math.erfc(z / math.sqrt(2))
        return math.exp(-z * z / 2) / (math.sqrt(2 * math.pi) * self.spread * age * left)


_PICTURE: Final = {
    Mode.TURBO: Prior.of(12, 20, 35),
    Mode.FAST: Prior.of(27, 45, 85),
    Mode.RELAX: Prior.of(35, 85, 260),
}
_FILM: Final = {Mode.FAST: Prior.of(48, 75, 120), Mode.RELAX: Prior.of(125, 210, 350)}
_PICK: Final = {Mode.FAST: Prior.of(2, 9, 14)}
_ENLARGED: Final = {Mode.FAST: Prior.of(25, 60, 130)}
_WORDS: Final = {Mode.FAST: Prior.of(5, 9.5, 15)}

_PRIORS: Final = {
    Action.UPSCALE: _PICK,
    Action.UPSCALE_HD: _ENLARGED,
    Action.DESCRIBE: _WORDS,
    Action.SHORTEN: _WORDS,
    Action.PIC_READER: _WORDS,
    Action.VIDEO: _FILM,
    Action.VIDEO_EXTEND: _FILM,
    Action.SWAP_VIDEO_FACE: _FILM,
}


def prior(action: Action, mode: Mode) -> Prior:
    """Return what is believed of tasks of this kind before any was seen; an unknown mode counts as fast."""
    of_action = _PRIORS.get(action, _PICTURE)
    return of_action.get(mode, of_action[Mode.FAST])


def news_rate(state: State | None, watch: Watch, now: float, *, step_weight: float) -> float:
    """
    Return how much worth knowing becomes visible per second: the end, and a weighted share of progress.

    Args:
        state: None before the first useful look.
        watch: What it is watched for; progress counts only if somebody listens to it.
        now: Epoch seconds; may lie a little in the future.
        step_weight: What a progress step is worth, in ends.
    """
    if state is None or state.seen_at is None:
        return _UNSEEN_RATE
    if state.status is Status.MODAL:
        return _WINDOW_RATE
    end = prior(state.action, state.mode).hazard(_age(state, watch, now))
    steps = step_weight * STEP_RATE if watch.wants_progress and not state.action.is_text else 0.0
    return end + steps


def _age(state: State, watch: Watch, now: float) -> float:
    """Return how far into its run a task is, in seconds: by its percent where there is one, else by the clock."""
    if state.percent and state.changed_at is not None:
        done = prior(state.action, state.mode).median * state.percent / 100
        return done + now - state.changed_at
    # The gateway's clock is data: believed only where it is plausible against ours.
    for begun in (state.started_at, state.submitted_at):
        if begun is not None and watch.watched_at - _DAY < begun <= now:
            return now - begun
    return now - watch.watched_at
