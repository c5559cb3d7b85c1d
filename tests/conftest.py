"""What all tests share: they run in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from mjwatch.testing.simloop import SimLoop, sim_backend
from tests.support.examples import IS_LONG, MANY

# The same examples in every run, and no deadline per example: a shared machine has slow moments.
settings.register_profile("mjwatch", deadline=None, derandomize=True)
# A night's work: other examples in every run, and many of them (`tests/support/examples.py`).
settings.register_profile("long", deadline=None, max_examples=MANY, suppress_health_check=list(HealthCheck))
settings.load_profile("long" if IS_LONG else "mjwatch")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], SimLoop]]]:
    """Run each async test in a fresh `SimLoop`."""
    return sim_backend(seed=0)
