"""
Asyncio tasks, futures and cancel scopes that hash by number, and are described without addresses.

asyncio, anyio and programs keep them in sets. Hashed by address, such a set has another order in each process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterator
from types import CoroutineType
from typing import TypeVar

import anyio._backends._asyncio as anyio_asyncio

T = TypeVar("T")


class SimFuture(asyncio.Future[T]):
    """A future whose place in a set is known."""

    number: int

    def __hash__(self) -> int:
        return self.number


class SimTask(asyncio.Task[T]):
    """An asyncio task whose place in a set is known."""

    def __init__(
        self,
        coro: Coroutine[object, object, T],
        *,
        loop: asyncio.AbstractEventLoop,
        numbers: Iterator[int],
        **options: object,
    ) -> None:
        self.number = next(numbers)  # before asyncio puts the task into a set
        options["name"] = options.get("name") or f"Task-{self.number}"  # asyncio's own count is the process's
        super().__init__(coro, loop=loop, **options)  # type: ignore[arg-type]  # passed on as they came

    def __hash__(self) -> int:
        return self.number


class NumberedScope(anyio_asyncio.CancelScope):
    """anyio's scope; the place of a child's scope in its parent's set is the order of cancellation."""

    __slots__ = ("number",)

    def __init__(self, deadline: float = math.inf, shield: bool = False) -> None:
        self.number = hash(asyncio.get_running_loop().create_future())  # the next number of this loop
        super().__init__(deadline, shield)

    def __hash__(self) -> int:
        return self.number


def describe(task: asyncio.Task[T]) -> str:
    """Name *task* and the coroutines it is in, with their lines, innermost last."""
    chain: list[str] = []
    inside: object = task.get_coro()
    while isinstance(inside, CoroutineType):
        line = inside.cr_frame.f_lineno if inside.cr_frame else "ended"
        chain.append(f"{inside.__qualname__}:{line}")
        inside = inside.cr_await
    return f"{task.get_name()} in {' > '.join(chain)}"
