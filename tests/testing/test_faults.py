"""Which fault is due when."""

from __future__ import annotations

import pytest

from mjwatch.testing.faults import Answer, CutBody, Delay, FaultPlan, Reset

BROKEN = Answer(503)


def test_without_a_plan_nothing_goes_wrong() -> None:
    """The usual case."""
    assert FaultPlan().due("fetch", 0.0) == (0.0, None)


def test_a_fault_befalls_the_next_request_once() -> None:
    """Without limits it is the next request."""
    plan = FaultPlan()
    plan.add(BROKEN, None, None, None)

    assert [plan.due("fetch", 0.0)[1] for _ in range(2)] == [BROKEN, None]


def test_faults_come_in_the_order_they_were_asked_for() -> None:
    """Each as often as it was asked for."""
    plan = FaultPlan()
    plan.add(BROKEN, None, 2, None)
    plan.add(Reset(), None, 1, None)

    assert [plan.due("list", 0.0)[1] for _ in range(4)] == [BROKEN, BROKEN, Reset(), None]


def test_a_fault_may_last_until_an_instant() -> None:
    """From the end on it is gone."""
    plan = FaultPlan()
    plan.add(BROKEN, None, None, 10.0)

    assert [plan.due("list", now)[1] for now in (0.0, 9.9, 10.0)] == [BROKEN, BROKEN, None]


def test_a_fault_may_concern_one_route() -> None:
    """Requests on other routes do not use it up."""
    plan = FaultPlan()
    plan.add(BROKEN, "list", None, None)

    assert [plan.due("fetch", 0.0)[1], plan.due("list", 0.0)[1]] == [None, BROKEN]


def test_delays_add_up_and_let_one_other_fault_pass() -> None:
    """A slow gateway may also cut the body."""
    plan = FaultPlan()
    plan.add(Delay(2), None, None, None)
    plan.add(Delay(3), None, 2, None)
    plan.add(CutBody(), None, None, None)

    assert [plan.due("fetch", 0.0) for _ in range(3)] == [(5, CutBody()), (3, None), (0, None)]


def test_a_fault_has_one_kind_of_limit() -> None:
    """Times and seconds together would be a riddle."""
    with pytest.raises(ValueError, match="not both"):
        FaultPlan().add(BROKEN, None, 1, 2.0)


def test_all_that_was_planned_can_be_called_off() -> None:
    """A gateway is well again from one instant to the next."""
    plan = FaultPlan()
    plan.add(BROKEN, None, 5, None)
    plan.add(Delay(3.0), None, None, 100.0)
    plan.clear()

    assert plan.due("fetch", 0.0) == (0.0, None)
