"""Weeks of watching in minutes, and one real minute under load: does anything grow? `python -m tests.soak`.

`core` (14 virtual days, no sockets) and `http` (one virtual day, real aiohttp) print what is there every so many hours: tasks
that come and go, faults that are weak, readers of several kinds. `load` holds 10,000 open tasks against a gateway in
another process for 60 real seconds. Exits with 1 if something grew, or an end was lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.soak import load, weeks

_DAYS = {"core": 14.0, "http": 1.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*_DAYS, "load", []], help="all, if none is given")
    parser.add_argument("--days", type=float, help="virtual days, instead of 14 and 1")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load")
    parser.add_argument("--tasks", type=int, default=10_000, help="under load")
    given = parser.parse_args(arguments)
    is_well = True
    for part in given.parts or [*_DAYS, "load"]:
        if part == "load":
            is_well &= load.run(given.tasks, given.seconds)
        else:
            is_well &= weeks.run(given.days or _DAYS[part], is_http=part == "http")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
