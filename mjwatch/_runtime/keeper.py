"""What a gateway has taught, kept in the store: read at the start, written now and then and at the end.

A note is worth nothing while it is open: a store that cannot keep it costs a log line, never a watch.
"""

from __future__ import annotations

import anyio

from mjwatch._policy.lessons import Lessons
from mjwatch._policy.state import State
from mjwatch._runtime.context import Context
from mjwatch._store.contract import Store
from mjwatch.errors import StoreError

KEEP_EVERY = 60.0
"""Seconds between two notes: a worker that is killed forgets a minute."""


class Keeper:
    """Keeps the lessons of one gateway."""

    def __init__(self, context: Context, store: Store[State], lessons: Lessons) -> None:
        self._store = store
        self._lessons = lessons
        self._key = f"lessons/{context.name}"
        self._log = context.log
        self._kept = b""

    async def recall(self) -> None:
        """Take over what was kept, so that a watcher that starts warm is warm at once."""
        note = await self._store.recall(self._key)
        if note is not None and not self._lessons.read_note(note):
            self._log.warning("lessons.unreadable", key=self._key)

    async def run(self) -> None:
        """Keep a note now and then, until cancelled."""
        while True:
            await anyio.sleep(KEEP_EVERY)
            await self.keep()

    async def keep(self) -> None:
        """Keep a note, if there is anything new in it."""
        note = self._lessons.to_note()
        if note == self._kept:
            return
        try:
            await self._store.note(self._key, note)
        except StoreError as error:
            self._log.warning("lessons.not_kept", key=self._key, reason=str(error))
        else:
            self._kept = note
