"""What may stand in a log line, how many there are, and where they go by default.

The library never configures structlog; an unconfigured one would print debug lines to the user's stdout. What a line
holds is made safe here and not by a renderer, for which of them is used is the host's choice: structlog's own prints
line breaks and terminal escapes as they came.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from typing import Final, Self

import structlog
from attrs import define, evolve, field

from mjwatch._runtime.context import Logger

MOST: Final = 8_192
"""How much of a value is told, in characters: a traceback fits, a reply does not."""
FRAMES: Final = 64
"""How many frames of a traceback are told, the innermost: a runaway recursion has a thousand."""
LINES, MINUTE = 10, 60.0
"""So many lines of one event a minute; the next one says how many were suppressed."""


def default_logger() -> Logger:
    """Return a logger that the host's `logging` set-up decides on."""
    logger: Logger = structlog.wrap_logger(
        logging.getLogger("mjwatch"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            # repr keeps a record on one line, whatever a gateway wrote.
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
    )
    return logger


def sanitize(value: object) -> object:
    """
    Return *value* so that any renderer puts it on one line: numbers as they are, all else as printable text.

    Line breaks, escapes, bidirectional marks and halves of a character become what Python would write for them.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) > MOST:
        text = f"{text[: MOST // 2]} ... {text[-MOST // 2 :]}"
    return text if text.isprintable() else _ODD.sub(_printable, text)


_ODD: Final = re.compile(r"[^ -~]")


def _printable(found: re.Match[str]) -> str:
    char = found[0]
    return char if char.isprintable() else char.encode("unicode_escape").decode()


@define
class _Count:
    """Lines of one event in this minute."""

    since: float
    lines: int = 0
    suppressed: int = 0


@define(eq=False)
class CleanLogger:
    """
    A logger in front of the host's: sanitizes, and bounds how often one event is told.

    Attributes:
        clock: Seconds.
    """

    clock: Callable[[], float]
    _logger: Logger = field(repr=False)
    _counts: dict[str, _Count] = field(factory=dict, repr=False)

    def bind(self, **keys: object) -> Self:
        """Return a logger whose lines carry *keys*; lines are counted together."""
        return evolve(self, logger=self._logger.bind(**_clean(keys)))

    def info(self, event: str, **keys: object) -> None:
        """Tell a transition."""
        if self._admits(event, keys):
            self._logger.info(event, **_clean(keys))

    def warning(self, event: str, **keys: object) -> None:
        """Tell a transition to the worse."""
        if self._admits(event, keys):
            self._logger.warning(event, **_clean(keys))

    def error(self, event: str, **keys: object) -> None:
        """Tell somebody's bug."""
        if self._admits(event, keys):
            self._logger.error(event, **_clean(keys))

    def _admits(self, event: str, keys: dict[str, object]) -> bool:
        """Return True where one more line may be told, with the number of those before it that were not."""
        now = self.clock()
        count = self._counts.setdefault(event, _Count(now))
        if now >= count.since + MINUTE:
            count.since, count.lines = now, 0
        if count.lines >= LINES:
            count.suppressed += 1
            return False
        count.lines += 1
        if count.suppressed:
            before = keys.get("suppressed", 0)
            keys["suppressed"] = count.suppressed + (before if isinstance(before, int) else 0)
            count.suppressed = 0
        return True


def _clean(keys: dict[str, object]) -> dict[str, object]:
    """
    Return *keys* as safe values; an exception as its traceback, without the locals that a host may like to see.

    Not under `exception`, which structlog's ConsoleRenderer prints on lines of its own.
    """
    error = keys.pop("exc_info", None)
    if isinstance(error, BaseException):
        keys["trace"] = "".join(traceback.TracebackException.from_exception(error, limit=-FRAMES).format())
    return {key: sanitize(value) for key, value in keys.items()}
