"""Where log lines go by default: through structlog's stdlib processors to the stdlib logger `mjwatch`.

The library never configures structlog; an unconfigured one would print debug lines to the user's stdout.
"""

from __future__ import annotations

import logging

import structlog

from mjwatch._runtime.context import Logger


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
