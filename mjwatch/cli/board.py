"""What the demo shows while it runs: a live table on a terminal, plain lines everywhere else.

Takes events and numbers, decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from attrs import define, field
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mjwatch.cli.lines import told
from mjwatch.events import Event, Failure, Final, InputRequired, Progress, Recovered, Success, Unreachable

_WIDTH = 60
"""Of what happened, in characters: addresses are long, and nobody can open the simulated ones."""


@define
class Figures:
    """The numbers below the table: virtual seconds since the start, and requests by each side."""

    seconds: float = 0.0
    requests: int = 0
    plain_requests: int = 0


class Screen(Protocol):
    """Where the demo shows what happens."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def take(self, event: Event, seconds: float) -> None:
        """Show *event*, which came *seconds* after the start."""
        ...

    def tick(self, figures: Figures) -> None:
        """Show that time passes."""
        ...


def screen_on(console: Console, labels: Mapping[str, str]) -> Screen:
    """Return the live table where *console* can show one, else plain lines."""
    is_live = console.is_terminal and not console.is_dumb_terminal
    return LiveTable(console, labels) if is_live else PlainLines(labels)


@define
class PlainLines:
    """One line an event."""

    labels: Mapping[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def take(self, event: Event, seconds: float) -> None:
        """Print *event*."""
        subject = event.gateway if isinstance(event, Unreachable | Recovered) else self.labels[event.task_id]
        said = told(event)
        said = said if len(said) <= _WIDTH else f"{said[: _WIDTH - 1]}…"
        print(f"{seconds:6.1f} s  {subject:<28} {said}", flush=True)

    def tick(self, figures: Figures) -> None:
        """Print nothing: a pipe is no clock."""


@define
class _Row:
    label: str
    percent: int = 0
    said: str = "submitted"
    style: str = "dim"


@define(eq=False)
class LiveTable:
    """A table that is redrawn in place: a row for each task."""

    console: Console
    labels: Mapping[str, str]
    _rows: dict[str, _Row] = field(init=False)
    _live: Live = field(init=False)
    _figures: Figures = field(init=False, factory=Figures)

    def __attrs_post_init__(self) -> None:
        self._rows = {task_id: _Row(label) for task_id, label in self.labels.items()}
        # drawn from the loop, at each tick: rich's own thread would race with the rows
        self._live = Live(console=self.console, auto_refresh=False, get_renderable=self._table)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def take(self, event: Event, seconds: float) -> None:  # noqa: ARG002 - a Screen; the clock ticks below the table
        """Change the row of *event*; the next tick draws it."""
        if isinstance(event, Unreachable | Recovered):
            return
        row = self._rows[event.task_id]
        row.said, row.style = told(event), _style(event)
        match event:
            case Progress(percent=int(percent)):
                row.percent = percent
            case Success():
                row.percent = 100
            case _:
                pass

    def tick(self, figures: Figures) -> None:
        """Draw the table as it is now."""
        self._figures = figures
        self._live.refresh()

    def _table(self) -> Table:
        now = self._figures
        table = Table(
            title="mjwatch demo: a simulated gateway, time runs 20 times faster",
            caption=(
                f"{now.seconds:.0f} virtual seconds   requests so far: "
                f"mjwatch {now.requests}, a plain loop {now.plain_requests}"
            ),
            expand=True,
        )
        table.add_column("task", no_wrap=True, width=28)
        table.add_column("", width=12)
        table.add_column("%", justify="right", width=3)
        table.add_column("last event", no_wrap=True, overflow="ellipsis", ratio=1)
        for row in self._rows.values():
            bar = ProgressBar(total=100, completed=row.percent, width=12)
            table.add_row(row.label, bar, str(row.percent), Text(row.said, style=row.style))
        return table


def _style(event: Event) -> str:
    match event:
        case Success():
            return "green"
        case Failure() | Final():
            return "red"
        case InputRequired():
            return "yellow"
        case _:
            return ""
