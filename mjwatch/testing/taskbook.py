"""The tasks a simulated gateway has, and the bytes it shows of them at an instant.

Pure but for what it keeps: instants and dice are arguments. Spelled rows are kept as bytes, for a benchmark reads
the same unchanged row thousands of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from itertools import count
from random import Random
from typing import Final
from uuid import UUID

from attrs import define, evolve, field

from .families import Family, spell
from .refresh import FRESH, AtOnce, Copied, Refresh, Saved
from .shapes import RAND, Facts
from .timeline import Status, Timeline

_SPELLED: Final = 3
"""Rows kept per task: the present step, and an older row with the same id."""
_TOO_LATE: Final[Mapping[Family, str]] = {
    Family.NOVICEZK: "任务超时",
    Family.PLUS: "任务超时",
    Family.TRUEAI: "执行超时 5 分钟",
    Family.NEW_API: "上游任务超时（超过1小时）",  # noqa: RUF001
    Family.ENVELOPED: "timeout",
}


@define(eq=False)
class SimulatedTask:
    """One task: what was asked for and what is true of it."""

    task_id: str
    action: str
    mode: str | None
    prompt: str
    timeline: Timeline
    phase: float
    job: str
    spelled: dict[int, tuple[bytes, bytes]] = field(factory=dict)
    """Step to its JSON, cut where the nanoseconds of `?rand=` belong."""


@define(eq=False)
class TaskBook:
    """All tasks of one gateway."""

    family: Family
    refresh: Refresh
    epoch: float
    """The wall time of instant 0."""
    rng: Random
    gives_up_after: float | None = None
    """When the gateway itself declares a task failed; None for never."""
    base_url: str = ""
    tasks: dict[str, SimulatedTask] = field(init=False, factory=dict)
    omitted: Counter[str] = field(init=False, factory=Counter)
    """Ids that lists leave out, and how many times still."""
    twins: dict[str, bytes] = field(init=False, factory=dict)
    """Second rows that stand still."""
    _reads: count[int] = field(init=False, factory=count)

    def add(
        self, task_id: str, action: str, mode: str | None, prompt: str, timeline: Timeline
    ) -> SimulatedTask:
        """Keep a new task. Its job id and the phase of its saves follow from its id."""
        if task_id in self.tasks:
            raise ValueError(f"the gateway has a task {task_id!r} already")
        digest = blake2b(task_id.encode(), digest_size=16).digest()
        phase = int.from_bytes(digest[:4]) / 2**32 * 3.0
        task = SimulatedTask(task_id, action, mode, prompt, timeline, phase, str(UUID(bytes=digest)))
        self.tasks[task_id] = task
        return task

    def find(self, task_id: str, now: float) -> SimulatedTask | None:
        """Return the task, or None if the gateway does not know it (any more)."""
        task = self.tasks.get(task_id)
        if task is None or not task.timeline.knows(now):
            return None
        if self.gives_up_after is not None:
            self._give_up(task.timeline, task.timeline.begun_at + self.gives_up_after, now)
        return task

    def fetch(self, task_id: str, now: float) -> bytes | None:
        """Return the JSON of one task, its oldest row (protocol.md 4.5), or None."""
        task = self.find(task_id, now)
        if task is None:
            return None
        return self._row(task, self.refresh.rows(task.timeline, task.phase, now)[0], now)

    def list(self, ids: list[str], now: float) -> bytes:
        """Return the JSON of many: unknown ids are left out, and the order is the database's, not the request's."""
        rows: list[bytes] = []
        for task_id in ids:
            task = self.find(task_id, now)
            if task is None or (self.omitted and self._omits(task_id)):
                continue
            shown = self.refresh.rows(task.timeline, task.phase, now)
            rows.extend([self._row(task, index, now) for index in shown])
            if task_id in self.twins:
                rows.append(self.twins[task_id])
        if (
            len(rows) > 1
        ):  # turned and cut rather than shuffled: a shuffle of 500 costs as much as all the rest
            cut = self.rng.randrange(len(rows))
            rows.reverse()
            rows = rows[cut:] + rows[:cut]
        return b"[" + b",".join(rows) + b"]"

    def noticed_at(self, task_id: str, status: Status | None) -> float | None:
        """Return when a list could first show *status* (None: any end) of the task, or None if it never does."""
        timeline, phase = self.tasks[task_id].timeline, self.tasks[task_id].phase
        wanted = {status} if status is not None else {"SUCCESS", "FAILURE", "CANCEL"}
        seen = (
            self.refresh.noticed_at(timeline, phase, i)
            for i, step in enumerate(timeline.steps)
            if step.status in wanted
        )
        return next((at for at in seen if at is not None), None)

    def _give_up(self, timeline: Timeline, at: float, now: float) -> None:
        """Let a task fail that has not ended at *at* and does not wait for its user (protocol.md 1.5, 3.5, 4.5)."""
        ended = timeline.ended_at()
        if now < at or (ended is not None and ended <= at):
            return
        here = timeline.steps[timeline.index_at(at)]
        if here.status != "MODAL":
            timeline.cut(at, evolve(here, status="FAILURE", progress="", fail_reason=_TOO_LATE[self.family]))

    def _omits(self, task_id: str) -> bool:
        if self.omitted[task_id] <= 0:
            return False
        self.omitted[task_id] -= 1
        return True

    def _row(self, task: SimulatedTask, index: int, now: float) -> bytes:
        kept = task.spelled.get(index)
        if kept is None:
            kept = self._spell(task, index)
            if len(task.spelled) >= _SPELLED:
                task.spelled.clear()
            task.spelled[index] = kept
        head, tail = kept
        if not tail:
            return head
        # two reads in one instant of virtual time must differ as well (protocol.md 4.7)
        return b"%b%d%b" % (head, int((self.epoch + now) * 1e9) + next(self._reads), tail)

    def _spell(self, task: SimulatedTask, index: int) -> tuple[bytes, bytes]:
        timeline = task.timeline
        is_fresh = index == FRESH
        body = spell(
            self.family,
            Facts(
                task_id=task.task_id,
                action=task.action,
                mode=task.mode,
                prompt=task.prompt,
                base_url=self.base_url,
                job=task.job,
                step=None if is_fresh else timeline.steps[index],
                submitted=self._epoch_ms(timeline.begun_at),
                started=None if is_fresh else self._maybe_ms(timeline.started_at(index)),
                finished=None if is_fresh else self._maybe_ms(timeline.ended_at(index)),
            ),
        )
        head, mark, tail = body.partition(f"{task.task_id}{RAND}".encode())
        return (head + mark[:-1], tail) if mark else (body, b"")

    def _epoch_ms(self, at: float) -> int:
        return round((self.epoch + at) * 1000)

    def _maybe_ms(self, at: float | None) -> int | None:
        return None if at is None else self._epoch_ms(at)


def refresh_of(family: Family, rng: Random, now: float, *, period: float | None, spread: float) -> Refresh:
    """Return how *family* notices changes, with its usual period if *period* is None (protocol.md 7.2)."""
    match family:
        case Family.TRUEAI:
            return Saved(period or 3.0)
        case Family.NEW_API:
            return Copied(rng, now, period or 15.0, spread)
        case Family.NOVICEZK | Family.PLUS | Family.ENVELOPED:
            return AtOnce()
