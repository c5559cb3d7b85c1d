"""Settings are validated once, when they are built, and say which field is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from attrs import evolve, fields
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from mjwatch.settings import Deadlines, Limits, Pacing, check_positive
from mjwatch.tasks import Action, Mode

Build = Callable[..., Pacing | Limits | Deadlines]
NUMBERS: list[tuple[Build, str]] = [
    (cls, field.name) for cls in (Pacing, Limits, Deadlines) for field in fields(cls)
]
COUNTS = ["burst", "batch", "flights", "max_watches", "max_unread"]
NO_NUMBERS: list[object] = ["5", b"5", True, False, [5], 5j]
NOT_POSITIVE = [0, 0.0, -0.0, -1, -0.5, math.inf, -math.inf, math.nan, 10**400, -(10**400)]


@pytest.mark.parametrize(("build", "name"), NUMBERS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_a_type_error_that_names_the_field(
    build: Build, name: str, value: object
) -> None:
    """A text or a boolean is no setting, and the error says of which field."""
    with pytest.raises(TypeError, match=rf"\({name}\)"):
        build(**{name: value})


@pytest.mark.parametrize(("build", "name"), NUMBERS)
@pytest.mark.parametrize("value", NOT_POSITIVE, ids=lambda value: f"{value!r:.8}")
def test_what_is_not_positive_and_finite_is_an_error_that_names_the_field(
    build: Build, name: str, value: float
) -> None:
    """Zero, less, infinity and no-number-at-all are refused for every field, with its name."""
    with pytest.raises((ValueError, TypeError), match=rf"\({name}\)"):
        build(**{name: value})


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [2.5, 500.0])
def test_counts_are_whole_numbers(name: str, value: float) -> None:
    """Half a task cannot be asked for, and a float that happens to be whole is no count."""
    with pytest.raises(TypeError, match=rf"Limits\({name}\) takes a whole number, not float"):
        Limits(**{name: value})  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize(
    ("build", "name"), [one for one in NUMBERS if one[1] not in {"rate", "fixed"}], ids=str
)
def test_what_must_be_set_is_not_none(build: Build, name: str) -> None:
    """Only the rate and the fixed interval can be left out."""
    with pytest.raises(TypeError, match=rf"\({name}\) takes a (whole )?number, not None"):
        build(**{name: None})


def test_the_defaults_are_the_documented_ones() -> None:
    """The defaults belong together, and are those of the documentation."""
    pacing, limits, deadlines = Pacing(), Limits(), Deadlines()

    assert (pacing.min_interval, pacing.max_interval, pacing.max_interval_queued) == (1, 30, 60)
    assert (limits.rate, limits.per_minute, limits.batch, limits.flights) == (10, 300, 500, 8)
    assert (limits.max_watches, limits.max_unread) == (100_000, 100_000)
    assert (deadlines.usual, deadlines.slow) == (2 * 3_600, 6 * 3_600)


def test_no_rate_switches_the_budget_off() -> None:
    """None is the one value of the rate that is no number."""
    assert Limits(rate=None).rate is None


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_interval": 31.0},
        {"max_interval": 0.5},
        {"max_interval": 61.0},
        {"max_interval_queued": 29.0},
    ],
)
def test_intervals_out_of_order_are_refused(bounds: dict[str, float]) -> None:
    """The least interval is not above the largest, nor that above the one for queued tasks; the error names them."""
    with pytest.raises(ValueError, match="min_interval <= max_interval <= max_interval_queued"):
        Pacing(**bounds)


def test_equal_intervals_are_allowed() -> None:
    """The bounds may meet."""
    pacing = Pacing(min_interval=5, max_interval=5, max_interval_queued=5)

    assert pacing.min_interval == pacing.max_interval_queued


def test_every_takes_a_number() -> None:
    """None is no schedule, and not silently the adaptive one."""
    with pytest.raises(TypeError, match=r"Pacing\(\) adapts"):
        Pacing.every(None)  # type: ignore[arg-type]


def test_every_is_a_fixed_schedule() -> None:
    """`Pacing.every(5)` looks every 5 s, whatever is known."""
    assert Pacing.every(5).fixed == 5
    assert Pacing.every(5) == Pacing(fixed=5)
    assert Pacing().fixed is None


@pytest.mark.parametrize("cls", [Pacing, Limits, Deadlines])
def test_settings_are_built_by_name_only(cls: Callable[..., object]) -> None:
    """A bare number does not say what it is."""
    with pytest.raises(TypeError, match="positional"):
        cls(1.0)


@pytest.mark.parametrize("settings", [Pacing(), Limits(), Deadlines()])
def test_settings_do_not_change(settings: Pacing | Limits | Deadlines) -> None:
    """What was validated once stays valid, because nothing can change it."""
    with pytest.raises(FrozenInstanceError):
        settings.lag = 2.0  # type: ignore[union-attr,misc]  # that is the test

    assert not hasattr(settings, "__dict__")


def test_a_changed_copy_is_validated_again() -> None:
    """`attrs.evolve` is no way around the rules."""
    with pytest.raises(ValueError, match=r"Limits\(batch\)"):
        evolve(Limits(), batch=-1)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.integers(1, 10**300))
def test_any_positive_number_is_returned_unchanged(value: float) -> None:
    """A positive, finite number passes untouched."""
    assert check_positive("timeout", value) is value


@given(st.floats() | st.integers() | st.text() | st.booleans() | st.none() | st.binary())
def test_check_positive_is_total(value: object) -> None:
    """Anything is a positive number, None, a ValueError or a TypeError, and the error names the argument."""
    said = ""
    actual: float | None = 1.0
    try:
        actual = check_positive("timeout", value)  # type: ignore[arg-type]  # that is the test
    except (TypeError, ValueError) as error:
        said = str(error)

    assert said.startswith("timeout") or not said
    assert actual is None or 0 < actual < math.inf


@pytest.mark.parametrize(
    ("action", "mode", "is_slow"),
    [
        (Action.IMAGINE, Mode.FAST, False),
        (Action.IMAGINE, Mode.TURBO, False),
        (Action.IMAGINE, Mode.UNKNOWN, False),
        (Action.IMAGINE, Mode.RELAX, True),
        (Action.DESCRIBE, Mode.FAST, False),
        (Action.VIDEO, Mode.FAST, True),
        (Action.VIDEO_EXTEND, Mode.UNKNOWN, True),
        (Action.UNKNOWN, Mode.FAST, True),
        (Action.UNKNOWN, Mode.UNKNOWN, True),
    ],
)
def test_what_may_take_long_has_the_slow_deadline(action: Action, mode: Mode, is_slow: bool) -> None:
    """Films, relax and whatever nothing is known of are watched longer: a paid task is never ended early."""
    deadlines = Deadlines(usual=100, slow=500)

    assert deadlines.of(action, mode) == (500 if is_slow else 100)
