"""What is known of a gateway, kept in the store: read at the start, written now and then and at the end.

A note is worth nothing while it is open: a store that cannot keep it costs a log line, never a watch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import anyio

from mjwatch._policy.state import State
from mjwatch._runtime.context import Context
from mjwatch._store.contract import Store
from mjwatch.errors import StoreError

KEEP_EVERY = 60.0
"""Seconds between two notes: a worker that is killed forgets a minute."""


class Kept(Protocol):
    """What can be kept."""

    def to_note(self) -> bytes:
        """Return it as bytes."""
        ...

    def read_note(self, note: bytes) -> bool:
        """Take over what a note keeps; return False where it says nothing that can be understood."""
        ...


class Keeper:
    """Keeps what is known of one gateway, a note for each name."""

    def __init__(self, context: Context, store: Store[State], kept: Mapping[str, Kept]) -> None:
        self._store = store
        self._kept = {f"{name}/{context.name}": one for name, one in kept.items()}
        self._written: dict[str, bytes] = {}
        self._log = context.log

    async def recall(self) -> None:
        """Take over what was kept, so that a watcher that starts warm is warm at once."""
        for key, one in self._kept.items():
            note = await self._store.recall(key)
            if note is not None and not one.read_note(note):
                self._log.warning("note.unreadable", key=key)

    async def run(self) -> None:
        """Keep notes now and then, until cancelled."""
        while True:
            await anyio.sleep(KEEP_EVERY)
            await self.keep()

    async def keep(self) -> None:
        """Keep a note of whatever there is anything new of."""
        for key, one in self._kept.items():
            note = one.to_note()
            if note == self._written.get(key):
                continue
            try:
                await self._store.note(key, note)
            except StoreError as error:
                self._log.warning("note.not_kept", key=key, reason=str(error))
            else:
                self._written[key] = note
