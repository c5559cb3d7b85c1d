"""What a dialect must be able to say, and which one a gateway speaks.

A new dialect is one file beside this one and a table of replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from mjwatch._wire.messages import Opened, Reply, Request, Route
from mjwatch.observations import Observation


class Dialect(Protocol):
    """How a family of gateways spells requests and replies."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """By which routes tasks can be looked up, the widest first; FETCH is always the last."""
        ...

    @property
    def max_batch(self) -> int:
        """Ids in one list request, at most; 1 where there is no list route."""
        ...

    @property
    def refresh(self) -> float | None:
        """Seconds between two updates on the gateway's side, before any was measured; None without a tick."""
        ...

    def fetch(self, task_id: str) -> Request:
        """Ask for one task."""
        ...

    def list_tasks(self, task_ids: Sequence[str], route: Route) -> Request:
        """Ask for many tasks by a list *route*."""
        ...

    def image_seed(self, task_id: str) -> Request:
        """Ask for a task's seed; the gateway may hold this request for a minute."""
        ...

    def cancel(self, task_id: str) -> Request:
        """Ask the gateway to stop a task."""
        ...

    def image(self, task_id: str) -> Request:
        """Ask for the picture through the gateway's image proxy."""
        ...

    def open_fetch(self, reply: Reply) -> Opened:
        """Read the envelope of a fetch reply: one slice, MISSING, or an error."""
        ...

    def open_list(self, reply: Reply, asked: int) -> Opened:
        """Read the envelope of a list reply; MISSING where it says that it knows none of the *asked* ids."""
        ...

    def digests(self, pieces: Sequence[msgspec.Raw]) -> list[int]:
        """Return a hash of each raw task, without what changes on every read; good within this process."""
        ...

    def decode(
        self, piece: msgspec.Raw, *, asked: str | None = None, digest: int | None = None
    ) -> Observation:
        """
        Return what a raw task says.

        Args:
            piece: The raw task.
            asked: The id of a fetch, for replies that leave it out.
            digest: Of the piece, by `digests`.

        Raises:
            Malformed: it is no task.
        """
        ...

    def read_seed(self, reply: Reply) -> tuple[Opened, str | None]:
        """Return the verdict on an image-seed reply, and the seed where it is OK."""
        ...

    def read_done(self, reply: Reply) -> Opened:
        """Return the verdict on a reply that carries no task (cancel, image)."""
        ...
