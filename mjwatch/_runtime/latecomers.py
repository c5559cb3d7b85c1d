"""Tasks that take longer than nearly all of their kind: told to the log once, and counted. Nothing else follows from it.

Asked of a few rows of each reply: a late task is looked at often, so it is noticed soon, and all the others cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mjwatch._policy.explanation import is_late
from mjwatch._policy.fold import Folded
from mjwatch._policy.state import State
from mjwatch._policy.trails import begun_at
from mjwatch._runtime.context import Context
from mjwatch._store.contract import ClaimedRow

_ASKED: Final = 8
"""Rows of one reply."""
_MOST: Final = 1000
"""Late tasks that are not told again; the first that was noticed is forgotten first."""
_LINES: Final = 10
_EVERY: Final = 600.0
"""So many lines in so many seconds; what comes beyond is only counted."""

Claimed = ClaimedRow[State]


class Latecomers:
    """
    The late tasks of one gateway.

    Attributes:
        count: How many were noticed.
    """

    def __init__(self, context: Context) -> None:
        self._rng = context.rng
        self._log = context.log
        self._known: dict[str, None] = {}
        self._since = float("-inf")
        self._lines = self._suppressed = 0
        self.count = 0

    def saw(self, rows: Sequence[Claimed], changed: Sequence[tuple[Claimed, Folded]], now: float) -> None:
        """Take in a reply about *rows*, and what *changed* by it."""
        over = {row.id for row, after in changed if after.state.final is not None}
        for row in rows if len(rows) <= _ASKED else self._rng.sample(rows, _ASKED):
            state = row.state
            if state is None or row.id in self._known or row.id in over or not is_late(row, now):
                continue
            self._known[row.id] = None
            if len(self._known) > _MOST:
                del self._known[next(iter(self._known))]
            self.count += 1
            self._tell(row.id, state, now - begun_at(state, row.terms, now), now)

    def _tell(self, task_id: str, state: State, after: float, now: float) -> None:
        if now - self._since >= _EVERY:
            self._since, self._lines = now, 0
        self._lines += 1
        if self._lines > _LINES:
            self._suppressed += 1
            return
        self._log.warning(
            "task.late",
            task_id=task_id,
            action=state.action.value,
            mode=state.mode.value,
            after=round(after),
            suppressed=self._suppressed,
        )
        self._suppressed = 0
