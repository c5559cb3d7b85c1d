"""What every way of watching is given and what it tells: a gateway with tasks, and how much was looked at."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from typing import Final

from attrs import asdict, define, field, frozen

from benchmarks.floors.payloads import Family, Lot, ids_of

TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway
_LISTS: Final[dict[Family, str]] = {
    "trueai": "/mj/task/list-by-ids",
    "new-api": "/mj/task/list-by-condition",
}


@frozen
class Scene:
    """A gateway on loopback, and which of its tasks to watch, a pass each *period* seconds."""

    port: int
    lot: Lot
    count: int
    period: float

    @property
    def base_url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def list_url(self) -> str:
        """Where lists are asked for."""
        return self.base_url + _LISTS[self.lot.family]

    @property
    def ids(self) -> list[str]:
        """Which tasks."""
        return ids_of(self.count)

    def begin(self) -> None:
        """Let the gateway open it."""
        self.ask("POST", "/begin", json.dumps(asdict(self.lot)))

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        """Ask the gateway something, outside of what is measured."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as line:
            line.request(method, path, body)
            return line.getresponse().read()


@define
class Tally:
    """
    What one way of watching did so far.

    Attributes:
        looked: Ids asked about, for a way that counts them itself.
        changed: Changes it saw.
        looks: Says how many ids were asked about.
    """

    looked: int = 0
    changed: int = 0
    looks: Callable[[], int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.looks = lambda: self.looked


Way = Callable[[Scene], AbstractAsyncContextManager[Tally]]
"""Watches a scene while it is entered."""
