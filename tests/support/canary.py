"""Whether a credential got out: tokens that tests make up for it begin alike, and are looked for in all that was captured."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

CANARY: Final = "sk-canary-"
"""How the tokens begin: URL-quoted and in JSON they look the same."""


def _in_base64() -> set[str]:
    """Return what is always there of it in base64, wherever in a group of three bytes it begins."""
    found = set()
    for before in range(3):
        coded = b64encode(b"\0" * before + CANARY.encode()).decode().rstrip("=")
        found.add(coded[(0, 2, 3)[before] : len(coded) - 1])
    return found


NEEDLES: Final = frozenset({CANARY, *_in_base64()})


def is_leaked(text: str) -> bool:
    """Return True where *text* holds a canary token, as it is or in base64."""
    return any(needle in text for needle in NEEDLES)
