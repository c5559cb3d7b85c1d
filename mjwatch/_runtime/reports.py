"""What a watcher says of itself and of an end: frozen values, and the one place where an outcome becomes an error."""

from __future__ import annotations

from attrs import frozen

from mjwatch.errors import GatewayBroken, GatewayError, TaskFailed, TaskLost, WatchTimeout
from mjwatch.events import Expired, Failure, FinalEvent, Lost, Success
from mjwatch.observations import Finding, Garbled, Observation
from mjwatch.tasks import Task


@frozen
class Stats:
    """
    What was done since the watcher started.

    Attributes:
        requests: Requests that left, of every kind.
        looks: Ids asked about; several share a request.
        events: Task events told.
        faults: Requests that brought no useful answer.
        tasks: Tasks read or kept now.
        late: Tasks that took longer than nearly all of their kind, as far as noticed; their watches go on.
        apart: Ids that spoiled requests for others, and are looked at alone.
        look_every: Seconds between two looks at each of them, at the least that the gateway's limits and
            `Pacing.min_interval` allow: with 1,000 tasks and single lookups at 300 a minute, 200.
    """

    requests: int
    looks: int
    events: int
    faults: int
    tasks: int
    late: int
    apart: int
    look_every: float


@frozen
class Health:
    """
    How the gateway is.

    Attributes:
        gateway: Its name.
        is_reachable: False while an outage was told and its end was not.
        is_proven: It gave a useful answer.
        failures: Failed requests in a row.
        failing_since: When the first of them came back, epoch seconds; None while all is well.
        error: What the last one ran into.
    """

    gateway: str
    is_reachable: bool
    is_proven: bool
    failures: int
    failing_since: float | None
    error: GatewayError | None


@frozen
class Watched:
    """
    A task under watch.

    Attributes:
        task: What is known of it; `is_partial`, as no whole reply is kept.
        tag: As given to `Watcher.add`.
        due_in: Seconds until it is looked at, as things stand: 0.0 while it is; before the first look at the earliest.
    """

    task: Task
    tag: str | None
    due_in: float | None

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return self.task.id


def found(finding: Finding, task_id: str, gateway: str) -> Task:
    """
    Return the task of a lookup that found one; everything else raises.

    Raises:
        TaskLost: the gateway has no such id.
        GatewayBroken: what it said cannot be read.
    """
    if isinstance(finding, Observation):
        return finding.task
    if isinstance(finding, Garbled):
        raise GatewayBroken("its reply about this task cannot be read", gateway=gateway)
    raise TaskLost("the gateway does not know it", task_id=task_id, task=None)


def succeeded(end: FinalEvent, fault: GatewayError | None) -> Task:
    """
    Return the task of a `Success`; every other end raises, a timeout from the gateway's standing *fault*.

    Raises:
        TaskFailed, TaskLost, WatchTimeout: what it was instead.
    """
    match end:
        case Success(task=task):
            return task
        case Failure(reason=reason, reason_kind=kind, task=task):
            said = f"failed ({kind}): {reason}" if reason else f"failed ({kind})"
            raise TaskFailed(said, task_id=task.id, task=task, reason=reason, kind=kind)
        case Lost(reason=why, task=task):
            raise TaskLost(why, task_id=task.id, task=task)
        case Expired(reason=why, task=task):
            ended = "its deadline passed" if why == "deadline" else "it was discarded"
            raise WatchTimeout(f"{ended}; it may still run", task_id=task.id, task=task) from fault
