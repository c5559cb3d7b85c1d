"""Time that passes while nothing runs, as where a callback keeps a real loop busy."""

from __future__ import annotations

from mjwatch.testing import current_loop


def stand_still(seconds: float) -> None:
    """Let time pass at once: what falls due meanwhile runs late, in its order."""
    current_loop()._clock.now += seconds
