"""How many examples a property test tries: few in the usual run, 20,000 at random where `MJWATCH_LONG` is set."""

from __future__ import annotations

import os

IS_LONG = bool(os.environ.get("MJWATCH_LONG"))
MANY = 20_000


def examples(few: int) -> int:
    """Return *few*, or many in a long run."""
    return MANY if IS_LONG else few
