"""What the demo shows: the table on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mjwatch import Failure, FailureKind, Media, Progress, Success, Task
from mjwatch.cli.board import Figures, LiveTable, PlainLines, screen_on

LABELS = {"1": "one", "2": "two"}
HEAD = ("g", None, 0.0, 1, 0, 0)


def test_a_terminal_gets_a_table() -> None:
    """A row for each task, redrawn with its newest event, and the figures below."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30, color_system=None)
    with screen_on(console, LABELS) as screen:
        screen.take(Progress(Task("1"), *HEAD, 46, None, None, None, False), 3.0)
        screen.take(Success(Task("1"), *HEAD, (Media("http://a"),), (), None), 8.0)
        screen.take(Failure(Task("2"), *HEAD, "no", FailureKind.QUOTA, False), 9.0)
        screen.tick(Figures(12.0, 7, 31))
    last = out.getvalue().rpartition("last event")[2]

    assert isinstance(screen, LiveTable)
    assert "100" in last
    assert "done: http://a" in last
    assert "The quota is used up." in last
    assert "12 virtual seconds" in last
    assert "mjwatch 7, a plain loop 31" in last


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Cut to a width, and nothing for the passing of time."""
    with screen_on(Console(file=io.StringIO()), LABELS) as screen:
        screen.take(Success(Task("1"), *HEAD, (Media("http://a/" + "x" * 99),), (), None), 8.0)
        screen.tick(Figures())
    said = capsys.readouterr().out

    assert isinstance(screen, PlainLines)
    assert said.startswith("   8.0 s  one")
    assert said.endswith("x…\n")
    assert said.count("\n") == 1
