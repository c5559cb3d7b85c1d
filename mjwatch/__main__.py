"""`python -m mjwatch`."""

from __future__ import annotations

import sys

from mjwatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
