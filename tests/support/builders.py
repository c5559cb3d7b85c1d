"""Values for tests: only what the test cares about is named, the rest is something ordinary."""

from __future__ import annotations

from typing import Any

import msgspec

from mjwatch._policy.fold import Folded, fold
from mjwatch._policy.state import Aside, Settling, State, begun
from mjwatch.errors import GatewayUnreachable
from mjwatch.events import (
    ButtonsAvailable,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Recovered,
    Success,
    Unreachable,
)
from mjwatch.observations import Finding, Observation, Watch
from mjwatch.tasks import Action, Button, FailureKind, Status, Task

GATEWAY = "sim"
WATCH = Watch("1", None, 0.0, None, wants_progress=True)
"""Task "1" is watched since the beginning of time."""


def task(task_id: str = "1", *, status: Status = Status.IN_PROGRESS, percent: int | None = None) -> Task:
    """Return a task that is under way."""
    return Task(id=task_id, status=status, status_word=status.value, percent=percent)


def progress(
    seq: int, percent: int | None = 40, *, task_id: str = "1", at: float = 0.0, restarted: bool = False
) -> Progress:
    """Return a Progress."""
    about = task(task_id, percent=percent)
    return Progress(about, GATEWAY, None, at, seq, 0, 0, percent, None, None, None, restarted)


def buttons(seq: int, *custom_ids: str, task_id: str = "1", at: float = 0.0) -> ButtonsAvailable:
    """Return a ButtonsAvailable; with one button unless *custom_ids* are given."""
    shown = tuple(Button(custom_id) for custom_id in custom_ids or ("MJ::JOB::upsample::1",))
    return ButtonsAvailable(task(task_id), GATEWAY, None, at, seq, 0, 0, shown)


def input_required(seq: int, *, task_id: str = "1", at: float = 0.0) -> InputRequired:
    """Return an InputRequired."""
    return InputRequired(task(task_id, status=Status.MODAL), GATEWAY, None, at, seq, 0, 0)


def success(seq: int, *, task_id: str = "1", at: float = 0.0) -> Success:
    """Return a Success without pictures."""
    done = task(task_id, status=Status.SUCCESS, percent=100)
    return Success(done, GATEWAY, None, at, seq, 0, 0, (), (), None)


def failure(seq: int, reason: str | None = None, *, task_id: str = "1", at: float = 0.0) -> Failure:
    """Return a Failure for an unknown reason."""
    failed = task(task_id, status=Status.FAILURE)
    return Failure(failed, GATEWAY, None, at, seq, 0, 0, reason, FailureKind.UNKNOWN, retryable=True)


def lost(seq: int, *, task_id: str = "1", at: float = 0.0) -> Lost:
    """Return a Lost."""
    return Lost(task(task_id, status=Status.UNKNOWN), GATEWAY, None, at, seq, 0, 0, "not_found")


def expired(seq: int, *, task_id: str = "1", at: float = 0.0, deadline: float = 7_200.0) -> Expired:
    """Return an Expired by its deadline."""
    return Expired(task(task_id), GATEWAY, None, at, seq, 0, 0, deadline, "deadline")


def unreachable(since: float = 0.0, *, at: float = 0.0) -> Unreachable:
    """Return an Unreachable."""
    return Unreachable(GATEWAY, at, GatewayUnreachable("no answer", gateway=GATEWAY), since, proven=True)


def recovered(since: float = 0.0, *, at: float = 60.0) -> Recovered:
    """Return a Recovered."""
    return Recovered(GATEWAY, at, at - since, since)


def seen(
    status: Status = Status.IN_PROGRESS,
    percent: int | None = None,
    *,
    digest: int = 0,
    buttons_come_with_end: bool = False,
    **fields: Any,
) -> Observation:
    """Return an observation of a picture being made; *fields* are the Task's own."""
    known = {"id": "1", "status": status, "status_word": status.value, "action": Action.IMAGINE}
    shown = Task(**{**known, "percent": percent, **fields})
    return Observation(shown, digest, buttons_come_with_end)


def state_with(before: State | None = None, **changes: Any) -> State:
    """
    Return a state (*before*, or an empty one) with *changes*, named as its readers name them.

    One that was seen and never changed is a success that is not yet whole.
    """
    state = before or State()
    seen_at = changes.pop("seen_at", None)
    if seen_at is not None and changes.setdefault("changed_at", seen_at) is None:
        changes["settling"] = Settling(Task("1"), seen_at, 0)
    began = {"submitted_at": state.submitted_at, "started_at": state.started_at}
    began |= {name: changes.pop(name) for name in began if name in changes}
    phase = _changed(state.phase, changes)
    aside = _changed(state.aside or Aside(), changes)
    if aside == Aside():
        aside = None
    return msgspec.structs.replace(state, phase=phase, aside=aside, begun=begun(**began), **changes)


def _changed(part: Any, changes: dict[str, Any]) -> Any:
    own = {name: changes.pop(name) for name in part.__struct_fields__ if name in changes}
    return msgspec.structs.replace(part, **own)


def run(*looks: tuple[float, Finding], state: State | None = None, wish: Watch = WATCH) -> Folded:
    """Fold each (instant, finding) in turn; return the last state and all that was told."""
    told = Folded(state or State())
    for now, finding in looks:
        after = fold(told.state, finding, wish, now, gateway=GATEWAY)
        told = Folded(after.state, told.events + after.events)
    return told
