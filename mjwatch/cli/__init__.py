"""
The command line, extra `cli`.

Only the entry point lives here: it must work, and say what is missing, where the extra is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_EXTRA = {"cyclopts", "rich"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `mjwatch.cli.codes`)."""
    try:
        import rich  # noqa: F401, PLC0415 - cyclopts would miss it only later, in the middle of a message

        from mjwatch.cli.app import run  # noqa: PLC0415 - the extra may not be here

        return run(sys.argv[1:] if argv is None else list(argv))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print("mjwatch: the command line needs its extra: pip install 'mjwatch[cli]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
