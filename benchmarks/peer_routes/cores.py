"""How long a process stood ready to run and got no core: what tells a busy machine from a slow client."""

from __future__ import annotations

from pathlib import Path


def starved(*pids: int) -> float | None:
    """Return the seconds that the main threads of *pids* have waited for a core; None where no kernel says so."""
    try:
        texts = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii") for pid in pids]
    except OSError:
        return None
    return sum(int(text.split()[1]) for text in texts) / 1e9
