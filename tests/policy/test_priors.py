"""What is believed of a kind of task before any was seen: broad, finite, and shared by families."""

from __future__ import annotations

import math

import pytest

from mjwatch._policy.left import Left
from mjwatch._policy.priors import Prior, family, prior
from mjwatch.tasks import Action, Mode

KINDS = [(action, mode) for action in Action for mode in Mode]


@pytest.mark.parametrize(
    ("action", "mode", "p50", "late_after"),
    [
        pytest.param(Action.IMAGINE, Mode.TURBO, 20, 90, id="picture, turbo"),
        pytest.param(Action.VARIATION, Mode.FAST, 45, 180, id="picture, fast"),
        pytest.param(Action.PAN, Mode.RELAX, 85, 300, id="picture, relax"),
        pytest.param(Action.UPSCALE, Mode.FAST, 9, 60, id="pick"),
        pytest.param(Action.UPSCALE_HD, Mode.FAST, 60, 180, id="enlarged"),
        pytest.param(Action.DESCRIBE, Mode.FAST, 9.5, 60, id="words"),
        pytest.param(Action.VIDEO, Mode.FAST, 75, 300, id="film, fast"),
        pytest.param(Action.VIDEO_EXTEND, Mode.RELAX, 210, 600, id="film, relax"),
    ],
)
def test_half_of_a_kind_is_done_by_its_median(
    action: Action, mode: Mode, p50: float, late_after: float
) -> None:
    """And from some time on a task of it is late."""
    known = prior(action, mode)

    assert math.exp(known.centre) == pytest.approx(p50)
    assert known.late_after == late_after


def test_a_belief_has_the_quantiles_it_was_built_from() -> None:
    """A tenth is done by p10, half by p50, nine tenths by p90."""
    known = Prior.of(20, 40, 80, 100)
    left = Left(known.centre, known.spread)

    assert [left.quantile(part) for part in (0.1, 0.5, 0.9)] == pytest.approx([20, 40, 80], rel=1e-3)


@pytest.mark.parametrize(("action", "mode"), KINDS)
def test_there_is_a_belief_about_every_kind(action: Action, mode: Mode) -> None:
    """None of them sharp, none of them late before nine in ten are done."""
    known = prior(action, mode)

    assert known.spread > 0.2
    assert Left(known.centre, known.spread).quantile(0.9) < known.late_after


def test_an_unknown_mode_counts_as_fast() -> None:
    """So does one that a kind does not have; an unknown action counts as a picture."""
    assert prior(Action.IMAGINE, Mode.UNKNOWN) == prior(Action.IMAGINE, Mode.FAST)
    assert prior(Action.VIDEO, Mode.TURBO) == prior(Action.VIDEO, Mode.FAST)
    assert prior(Action.DESCRIBE, Mode.RELAX) == prior(Action.DESCRIBE, Mode.FAST)
    assert prior(Action.UNKNOWN, Mode.RELAX) == prior(Action.IMAGINE, Mode.RELAX)


def test_who_pays_more_waits_less() -> None:
    """Turbo before fast before relax."""
    centres = [prior(Action.IMAGINE, mode).centre for mode in (Mode.TURBO, Mode.FAST, Mode.RELAX)]

    assert centres == sorted(centres)


@pytest.mark.parametrize("mode", Mode)
def test_a_family_shares_its_belief(mode: Mode) -> None:
    """And no two families have the same one."""
    beliefs = {(family(action), prior(action, mode)) for action in Action}

    assert len(beliefs) == len({family(action) for action in Action}) == 5
