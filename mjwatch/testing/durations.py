"""How long simulated tasks take: random timelines, drawn with the dice they are given.

The quantiles are those of public samples times 0.78 or 1.25. They differ on purpose from what the library assumes
before it has learned anything: a benchmark on the library's own priors would prove nothing.
"""

from __future__ import annotations

from math import log
from random import Random
from typing import Final

from attrs import frozen

from .timeline import Script, Timeline

STEPS: Final = (0, 15, 31, 46, 62, 78, 93)
"""The percentages Discord shows, one each 6-7 s (protocol.md 1.5)."""


@frozen
class Duration:
    """A lognormal: its median in seconds and the spread of its logarithm."""

    median: float
    spread: float

    def draw(self, rng: Random) -> float:
        """Return one duration."""
        return rng.lognormvariate(log(self.median), self.spread)


def _off(factor: float, p10: float, p50: float, p90: float) -> Duration:
    """Return the duration with these quantiles, all of them off by *factor*."""
    return Duration(p50 * factor, log(p90 / p10) / 2.563)


_TURBO: Final = _off(1.25, 12, 20, 35)
_FAST: Final = _off(0.78, 27, 45, 85)
_RELAX: Final = _off(1.25, 35, 85, 260)
_PICK: Final = _off(1.25, 2, 9, 14)
_UPSCALE: Final = _off(0.78, 25, 60, 130)
_TEXT: Final = _off(0.78, 5, 9.5, 15)
_VIDEO: Final = _off(0.78, 48, 75, 120)
_VIDEO_RELAX: Final = _off(1.25, 125, 210, 350)

JUMPS: Final = frozenset({"UPSCALE", "DESCRIBE", "SHORTEN", "BLEND"})
"""Actions that go from 0 to 100 in one step."""


def duration(action: str, mode: str | None) -> Duration:
    """Return how long *action* takes in *mode*."""
    match action, mode:
        case "UPSCALE", _:
            return _PICK
        case "UPSCALE_HD", _:
            return _UPSCALE
        case (("DESCRIBE" | "SHORTEN"), _):
            return _TEXT
        case (("VIDEO" | "VIDEO_EXTEND"), "RELAX"):
            return _VIDEO_RELAX
        case (("VIDEO" | "VIDEO_EXTEND"), _):
            return _VIDEO
        case _, "TURBO":
            return _TURBO
        case _, "RELAX":
            return _RELAX
        case _:
            return _FAST


def random_timeline(rng: Random, action: str, mode: str | None, begun_at: float = 0.0) -> Timeline:
    """Return a timeline of *action* that ends well, as long as such tasks take."""
    script = Script(Timeline(begun_at))
    run(script, rng, action, mode)
    return script.timeline


def run(script: Script, rng: Random, action: str, mode: str | None) -> None:
    """Let *script* go on with a queue, a run and a SUCCESS. The queue is counted apart, as startTime does."""
    queued = rng.uniform(0.9, 2.9) if mode != "RELAX" else rng.expovariate(1 / 20)
    seconds = duration(action, mode).draw(rng)
    script.after(queued).submitted()
    if action in JUMPS:
        ending = script.after(seconds).success()
        if action == "SHORTEN":  # replies/plus-task-shorten-details-partial.json
            ending.without_url()
        return
    # the last tenth is the upload of the final picture, which shows no percentage of its own
    gap = seconds * 0.9 / len(STEPS)
    passed = 0.0
    for percent in STEPS:
        wait = gap * rng.uniform(0.8, 1.2)
        passed += wait
        script.after(wait).progress(percent)
    left = max(seconds - passed, gap / 2)
    script.after(left * 0.8).finishing().after(left * 0.2).success()
