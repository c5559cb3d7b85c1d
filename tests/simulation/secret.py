"""The credential of every simulated gateway: it may stand nowhere but in requests."""

from __future__ import annotations

from typing import Final

CANARY: Final = "sk-canary7Qx9"
