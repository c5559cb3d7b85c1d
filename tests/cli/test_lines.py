"""Events as plain lines."""

from __future__ import annotations

import pytest

from mjwatch import (
    Button,
    ButtonKind,
    ButtonsAvailable,
    Event,
    Expired,
    Failure,
    FailureKind,
    GatewayUnreachable,
    InputRequired,
    Lost,
    Media,
    Progress,
    Recovered,
    Status,
    Success,
    Task,
    Unreachable,
)
from mjwatch.cli.lines import line
from mjwatch.events import Eta

RUNNING = Task("1", status=Status.IN_PROGRESS, status_word="IN_PROGRESS")
HEAD = (RUNNING, "g", None, 0.0, 1, 0, 0)
REROLL = Button("x", emoji="🔄", kind=ButtonKind.REROLL)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Progress(*HEAD, 31, None, None, None, False), "1  in progress 31 %"),
        (Progress(*HEAD, None, None, "paused", None, False), "1  in progress (paused)"),
        (
            Progress(*HEAD, 5, None, None, Eta(8.4, 30), True),
            "1  started again: in progress 5 %, about 8 s left",
        ),
        (ButtonsAvailable(*HEAD, (Button("y", label="U1"), REROLL)), "1  buttons: U1, reroll"),
        (InputRequired(*HEAD), "1  the gateway waits for your input"),
        (Success(*HEAD, (Media("http://a"), Media("http://b")), (), None), "1  done: http://a http://b"),
        (Success(*HEAD, (), (), "a cat"), "1  done: a cat"),
        (Success(*HEAD, (), (), None), "1  done: without a result"),
        (Failure(*HEAD, None, FailureKind.QUOTA, False), "1  failed: The quota is used up."),
        (Failure(*HEAD, "q\x1b[2J", FailureKind.QUOTA, False), "1  failed: The quota is used up. (q [2J)"),
        (Lost(*HEAD, "gone"), "1  lost: gone"),
        (Expired(*HEAD, 7.0, "deadline"), "1  not done by its deadline; it may still run"),
        (Expired(*HEAD, 7.0, "discarded"), "1  no longer watched; it may still run"),
        (
            Unreachable("g", 0.0, GatewayUnreachable("no answer", gateway="g"), 0.0, True),
            "g  does not answer; the watch goes on: no answer",
        ),
        (Recovered("g", 0.0, 12.3, 0.0), "g  answers again after 12 s"),
    ],
)
def test_each_event_is_one_line(event: Event, expected: str) -> None:
    """Printable, whatever the gateway wrote."""
    assert line(event) == expected
