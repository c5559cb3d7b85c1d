"""The words that the floors share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mjwatch.observations import Garbled, Missing, Observation, Unchanged, Verdict, Watch, still
from mjwatch.tasks import Task


def test_answers_are_what_a_gateway_in_health_says() -> None:
    """Good news, no such task, and a rejection: in all three the gateway did its work."""
    actual = {verdict for verdict in Verdict if verdict.is_answer}

    assert {Verdict.OK, Verdict.MISSING, Verdict.REJECTED} == actual


def test_standing_verdicts_are_those_that_somebody_must_mend() -> None:
    """Waiting heals no wrong credential, no wrong address and no missing route."""
    actual = {verdict for verdict in Verdict if verdict.is_standing}

    assert {Verdict.DENIED, Verdict.REFUSED, Verdict.UNSUPPORTED} == actual


@pytest.mark.parametrize("verdict", Verdict)
def test_no_answer_stands(verdict: Verdict) -> None:
    """A gateway that did its work needs no mending."""
    assert not (verdict.is_answer and verdict.is_standing)


PICTURE = "https://cdn.example/1.png"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("", ""),
        (PICTURE, PICTURE),
        (f"{PICTURE}?rand=1735689600000000001", PICTURE),  # new-api, until SUCCESS
        (
            f"{PICTURE}?ex=6728831f&is=6727319f",
            f"{PICTURE}?ex=6728831f&is=6727319f",
        ),  # quickrouter: that is a new one
    ],
)
def test_the_same_picture_is_still_the_same(url: str | None, expected: str | None) -> None:
    """What a gateway appends anew on every read is not part of the address; everything else is."""
    actual = still(url)

    assert expected == actual


def test_still_is_idempotent() -> None:
    """What is still stays so."""
    once = still(f"{PICTURE}?rand=1?rand=2")

    assert still(once) == once == PICTURE


VALUES: list[Callable[[], object]] = [
    lambda: Observation(Task("1")),
    lambda: Missing(single=True),
    Unchanged,
    Garbled,
    lambda: Watch("1", None, 0.0, None, wants_progress=True),
]


@pytest.mark.parametrize("build", VALUES)
def test_findings_are_values(build: Callable[[], object]) -> None:
    """Two equal findings are equal, and neither can be changed."""
    assert build() == build()
    with pytest.raises(AttributeError):
        setattr(build(), "single", False)  # noqa: B010 - that is the test
