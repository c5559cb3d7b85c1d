"""What is believed of each kind of task before any was seen.

Rule: one table of priors, labelled as such; what a gateway shows replaces them (`forecast.py`). They rest on some thirty
single observations in public samples and logs, so they are broad on purpose.
"""

from __future__ import annotations

from math import log
from typing import Final

from attrs import frozen

from mjwatch.tasks import Action, Mode


@frozen
class Prior:
    """
    How long a task of one kind runs: a lognormal.

    Attributes:
        centre: The mean of the logarithm of seconds.
        spread: The standard deviation of that logarithm.
        late_after: From when on a task is worth telling as late, seconds.
    """

    centre: float
    spread: float
    late_after: float

    @classmethod
    def of(cls, p10: float, p50: float, p90: float, late_after: float) -> Prior:
        """Return the belief with these quantiles, in seconds."""
        return cls(log(p50), log(p90 / p10) / (2 * 1.2816), late_after)


_PICTURE: Final = {
    Mode.TURBO: Prior.of(12, 20, 35, 90),
    Mode.FAST: Prior.of(27, 45, 85, 180),
    Mode.RELAX: Prior.of(35, 85, 260, 300),
}
_FILM: Final = {Mode.FAST: Prior.of(48, 75, 120, 300), Mode.RELAX: Prior.of(125, 210, 350, 600)}
_PICK: Final = {Mode.FAST: Prior.of(2, 9, 14, 60)}
_ENLARGED: Final = {Mode.FAST: Prior.of(25, 60, 130, 180)}
_WORDS: Final = {Mode.FAST: Prior.of(5, 9.5, 15, 60)}

_BY_ACTION: Final = {
    Action.UPSCALE: ("pick", _PICK),
    Action.UPSCALE_HD: ("enlarged", _ENLARGED),
    Action.DESCRIBE: ("words", _WORDS),
    Action.SHORTEN: ("words", _WORDS),
    Action.PIC_READER: ("words", _WORDS),
    Action.VIDEO: ("film", _FILM),
    Action.VIDEO_EXTEND: ("film", _FILM),
    Action.SWAP_VIDEO_FACE: ("film", _FILM),
}
_OTHERWISE: Final = ("picture", _PICTURE)


def prior(action: Action, mode: Mode) -> Prior:
    """Return what is believed of tasks of this kind; an unknown mode counts as fast."""
    _, by_mode = _BY_ACTION.get(action, _OTHERWISE)
    return by_mode.get(mode, by_mode[Mode.FAST])


def family(action: Action) -> str:
    """Return the name of the actions that share a prior: what is learned of one helps the others."""
    return _BY_ACTION.get(action, _OTHERWISE)[0]
