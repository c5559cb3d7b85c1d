"""Buttons and what they mean, against the one captured row of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mjwatch.testing.buttons import buttons, meaning

REPLIES = Path(__file__).parent.parent / "support" / "replies"


def test_a_grid_has_the_buttons_of_the_captured_reply() -> None:
    """Same customIds, same order, same keys."""
    captured = json.loads((REPLIES / "newapi-task-imagine-success-quickrouter.json").read_text("utf-8"))

    assert buttons("IMAGINE", "3785da15-4f70-4034-9128-f3ff1ac634fa") == captured["buttons"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("IMAGINE", {"UPSCALE", "REROLL", "VARIATION"}),
        ("DESCRIBE", {"PIC_READER"}),
        ("SHORTEN", {"SHORTEN"}),
        (
            "UPSCALE",
            {
                "UPSCALE_HD",
                "LOW_VARIATION",
                "HIGH_VARIATION",
                "INPAINT",
                "ZOOM",
                "CUSTOM_ZOOM",
                "PAN",
                "VIDEO",
            },
        ),
    ],
)
def test_every_button_has_a_meaning(action: str, expected: set[str]) -> None:
    """What a press asks for follows from its customId."""
    pressed = [button for button in buttons(action, "job") if isinstance(button, dict)]

    assert {meaning(str(button["customId"])) for button in pressed} == expected


def test_an_unknown_button_means_nothing() -> None:
    """Only the words of the table count."""
    assert meaning("MJ::BOOKMARK::job") is None
