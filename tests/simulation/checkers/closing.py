"""A5: closing and leaks. R1, R4."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.history import History
from tests.simulation.promises import promise

_SOON = 5.0


@promise("R1")
def closing_is_quick_and_clean(history: History) -> Iterator[str]:
    """A watcher closes within 5 s, and leaves nothing behind."""
    for closing in history.closings:
        if closing.took > _SOON:
            yield f"{closing.gateway}: closing took {closing.took:.3f} s"
        if closing.left:
            yield f"{closing.gateway}: left {closing.left}"


@promise("R4")
def closed_is_closed(history: History) -> Iterator[str]:
    """Who uses a closed watcher is told so at once."""
    for closing in history.closings:
        if closing.afterwards != "WatcherClosed":
            yield f"{closing.gateway}: using it after its end raises {closing.afterwards}"
