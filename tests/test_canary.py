"""The check at the end of every test session sees what it is for."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from tests.support.canary import CANARY, is_leaked

TOKEN = f"{CANARY}7d1e"


@pytest.mark.parametrize("before", ["", "a", "Bearer ", "user:"])
def test_a_token_is_seen_in_every_form(before: str) -> None:
    """As it is, in JSON, in a URL, and in base64 with anything before it."""
    said = before + TOKEN

    assert is_leaked(f"x {said} y")
    assert is_leaked(json.dumps({"a": said}))
    assert is_leaked(quote(said, safe=""))
    assert is_leaked(b64encode(said.encode()).decode())


def test_other_texts_are_no_leak() -> None:
    """Neither another token, nor base64 of something else."""
    assert not is_leaked("sk-simulated Secret(***) " + b64encode(b"sk-simulated sk-can").decode())
