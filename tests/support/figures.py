"""Figures that a long test reports: whatever it records under this name is printed at the end, also by several processes."""

from __future__ import annotations

from typing import Final

FIGURES: Final = "figures"
