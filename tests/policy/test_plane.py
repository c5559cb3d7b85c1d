"""How tasks share requests: what follows from that alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._policy.plane import Plane, company_in, wanted_in
from mjwatch.settings import Pacing

ALONE = Plane(watched=1, room=1)
SHARED = Plane(watched=10, room=500)
CROWD = Plane(watched=2_000, room=500)


def test_a_plane_is_single_or_shared_or_neither() -> None:
    """One id a request; all ids in one request; more ids than a request takes."""
    assert (ALONE.is_single, ALONE.is_shared) == (True, False)
    assert (SHARED.is_single, SHARED.is_shared) == (False, True)
    assert (Plane(500, 500).is_shared, CROWD.is_single, CROWD.is_shared) == (True, False, False)


@pytest.mark.parametrize(
    ("plane", "expected"), [(ALONE, 0), (SHARED, 0.25), (CROWD, 0.25), (Plane(10_000, 500), 0.05)]
)
def test_a_new_task_waits_for_company(plane: Plane, expected: float) -> None:
    """A moment, however patient the user is; without a list route nobody rides."""
    assert company_in(plane, Pacing()) == expected
    assert company_in(SHARED, Pacing(min_interval=10)) == 0.25


@pytest.mark.parametrize(("plane", "carried"), [(SHARED, 5), (SHARED, 10), (CROWD, 7), (ALONE, 0)])
def test_a_request_stands_for_all(plane: Plane, carried: int) -> None:
    """Unless it could have carried everybody, and carried few; of a crowd, a request never carries all."""
    assert not plane.is_partial(carried)
    assert SHARED.is_partial(4)


@given(st.floats(0, 60), st.floats(-60, 60))
def test_who_was_not_carried_waits_no_longer_for_it(wait: float, before: float) -> None:
    """The request that was wanted for them comes when it was wanted, or as soon as it may; one for all counts anew."""
    assert wanted_in(wait, SHARED, 10, before, Pacing()) == wait
    assert wanted_in(wait, SHARED, 1, before, Pacing()) == min(wait, max(1.0, before))
