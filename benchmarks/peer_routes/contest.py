"""
What a contestant is: a client that waits for the ends of some tasks and says when it has each answer in hand.

Knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from typing import Final

from attrs import frozen

TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway, and the only credential anybody gets

Told = Callable[[str], None]
"""Takes the id of a task whose answer the caller has in hand."""
Wait = Callable[[Sequence[str], Told], Coroutine[object, object, None]]
"""Waits for the ends of tasks that have been submitted; returns when it has told all of them."""


@frozen
class Urls:
    """
    Where one simulated gateway is found; all of it is 127.0.0.1.

    Attributes:
        gateway: The simulated gateway itself.
        peers: The same tasks on the paths of the peers.
    """

    gateway: str
    peers: str


@frozen
class Contestant:
    """
    One row of the table.

    Attributes:
        key: How the command line names it.
        name: How the table does.
        waiting: Opens a client and closes it again; what it yields waits. Opening asks for no task.
        distribution: What pip has to install, with its lower bound; None where nothing is missing.
        module: What Python then imports.
    """

    key: str
    name: str
    waiting: Callable[[Urls], AbstractAsyncContextManager[Wait]]
    distribution: str | None = None
    module: str = "mjwatch"

    @property
    def is_installed(self) -> bool:
        """Whether it can run here."""
        return find_spec(self.module) is not None
