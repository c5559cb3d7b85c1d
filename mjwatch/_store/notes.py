"""The notes of the memory store: few and small, for whoever must remember something under a key."""

from __future__ import annotations

from attrs import Factory, define

from mjwatch.errors import StoreError

_MAX_NOTES = 1_000
_MAX_NOTE = 64 * 1024


@define(eq=False)
class Notes:
    """Bytes by key."""

    _notes: dict[str, bytes] = Factory(dict)

    def recall(self, key: str) -> bytes | None:
        """Return a note, or None."""
        return self._notes.get(key)

    def note(self, key: str, value: bytes) -> None:
        """
        Keep a note.

        Raises:
            StoreError: it is too large, or there are too many.
        """
        if len(value) > _MAX_NOTE:
            raise StoreError(f"note {key!r} has {len(value)} bytes, at most {_MAX_NOTE} are kept")
        if key not in self._notes and len(self._notes) >= _MAX_NOTES:
            raise StoreError(f"no room for note {key!r}: at most {_MAX_NOTES} are kept")
        self._notes[key] = value
