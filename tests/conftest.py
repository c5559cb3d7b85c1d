"""What all tests share: they run in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from mjwatch.testing.simloop import SimLoop, sim_backend

# The same examples in every run, and no deadline per example: a shared machine has slow moments.
settings.register_profile("mjwatch", deadline=None, derandomize=True)
settings.load_profile("mjwatch")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], SimLoop]]]:
    """Run each async test in a fresh `SimLoop`."""
    return sim_backend(seed=0)
