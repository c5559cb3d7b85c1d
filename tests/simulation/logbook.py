"""A logger that keeps every line with its instant, as it would be printed at worst: with tracebacks and their locals."""

from __future__ import annotations

from collections.abc import Callable
from traceback import TracebackException
from typing import Self

from attrs import define, field

from tests.simulation.history import Line


@define(eq=False, repr=False)
class LogBook:
    """What `Watcher(logger=)` takes."""

    gateway: str
    clock: Callable[[], float]
    lines: list[Line]
    _was_traced: bool = field(init=False, default=False)

    def bind(self, **_keys: object) -> Self:
        """Return itself."""
        return self

    def info(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self._keep("info", event, keys)

    def warning(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self._keep("warning", event, keys)

    def error(self, event: str, **keys: object) -> None:
        """Keep a line."""
        self._keep("error", event, keys)

    def _keep(self, level: str, event: str, keys: dict[str, object]) -> None:
        error = keys.pop("exc_info", None)
        text = repr(keys)
        if isinstance(error, BaseException) and not self._was_traced:  # it is slow, and the same each time
            self._was_traced = True
            text += "".join(TracebackException.from_exception(error, capture_locals=True).format())
        self.lines.append(Line(self.clock(), self.gateway, level, event, text))
