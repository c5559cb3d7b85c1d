"""How an end becomes a task or an error."""

from __future__ import annotations

import pytest

from mjwatch._runtime.reports import succeeded
from mjwatch.errors import TaskError, TaskFailed, TaskLost, WatchTimeout
from mjwatch.events import FinalEvent
from tests.support.builders import expired, failure, lost, success


def test_a_success_is_its_task() -> None:
    """As of the event."""
    end = success(3)

    assert succeeded(end, None) is end.task


@pytest.mark.parametrize(
    ("end", "kind", "says"),
    [
        (failure(1), TaskFailed, "failed (unknown)"),
        (failure(1, "banned"), TaskFailed, "failed (unknown): banned"),
        (lost(1), TaskLost, "not_found"),
        (expired(1), WatchTimeout, "its deadline passed"),
    ],
)
def test_every_other_end_is_an_error(end: FinalEvent, kind: type[TaskError], says: str) -> None:
    """It carries the task, and says what is the case."""
    with pytest.raises(kind) as caught:
        succeeded(end, None)

    assert says in str(caught.value)
    assert (caught.value.task_id, caught.value.task) == ("1", end.task)
