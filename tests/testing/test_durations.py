"""Random timelines are plausible, repeatable, and not what the library expects."""

from __future__ import annotations

from random import Random

import pytest

from mjwatch.testing.durations import STEPS, duration, random_timeline


def quantile(values: list[float], share: float) -> float:
    """Return the value below which *share* of *values* lie."""
    return sorted(values)[int(len(values) * share)]


@pytest.mark.parametrize(
    ("action", "mode", "expected"),
    [
        ("IMAGINE", "TURBO", 20),
        ("IMAGINE", None, 45),
        ("REROLL", "RELAX", 85),
        ("UPSCALE", "FAST", 9),
        ("UPSCALE_HD", "FAST", 60),
        ("DESCRIBE", "FAST", 9.5),
        ("VIDEO", "FAST", 75),
        ("VIDEO", "RELAX", 210),
    ],
)
def test_durations_are_a_fifth_to_a_third_off_the_priors(
    action: str, mode: str | None, expected: float
) -> None:
    """A benchmark on the library's own priors would prove nothing."""
    rng = Random(1)
    drawn = [duration(action, mode).draw(rng) for _ in range(4000)]

    off = quantile(drawn, 0.5) / expected
    assert 1.15 < max(off, 1 / off) < 1.4


def test_an_imagine_shows_its_steps_and_ends() -> None:
    """The percentages are Discord's, each once, in order."""
    timeline = random_timeline(Random(7), "IMAGINE", "FAST", 100.0)
    shown = [step.progress for step in timeline.steps if step.status == "IN_PROGRESS"]

    assert shown == [*(f"{percent}%" for percent in STEPS), "93%"]
    assert timeline.instants == sorted(timeline.instants)
    assert timeline.steps[-1].status == "SUCCESS"
    assert timeline.steps[-1].has_buttons


@pytest.mark.parametrize("action", ["UPSCALE", "DESCRIBE", "SHORTEN", "BLEND"])
def test_some_actions_jump_to_the_end(action: str) -> None:
    """They show no progress between 0 and 100."""
    timeline = random_timeline(Random(7), action, "FAST")

    assert [step.status for step in timeline.steps] == ["NOT_START", "SUBMITTED", "SUCCESS"]
    assert (timeline.steps[-1].image is None) == (action == "SHORTEN")


def test_the_same_dice_give_the_same_timeline() -> None:
    """Nothing but the seed decides."""
    first, second = (random_timeline(Random(7), "IMAGINE", "RELAX").instants for _ in range(2))

    assert first == second
