"""The hooks of a world: good ones, and those that raise, hang or block. What they are called with is a session, too."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

import anyio

import mjwatch
from mjwatch import Event, Watcher
from mjwatch.testing import SimLoop
from tests.simulation.history import Got, History, Session

TAG: Final = "kept"


class Mishap(Exception):
    """A bug of the host's, in a hook."""


# Each is made anew: one that is raised again and again keeps the frames of all the worlds before.
_ERRORS: Final[tuple[Callable[[], BaseException], ...]] = (
    lambda: Mishap("boom"),
    StopAsyncIteration,
    lambda: RecursionError("too deep"),
    lambda: ExceptionGroup("some", [ValueError("one"), TypeError("two")]),
    GeneratorExit,
    lambda: KeyError("missing"),
)


def hang(
    watcher: Watcher,
    temper: str,
    session: Session,
    history: History,
    loop: SimLoop,
    is_frozen: Callable[[], bool],
) -> None:
    """Register a hook of some *temper*, whose calls are written into *session*."""
    calls = count()

    def keep(event: Event) -> int:
        if not is_frozen():
            session.got.append(Got.now(loop.time(), event, len(session.got)))
        return next(calls)

    async def good(event: Event) -> None:
        keep(event)
        await anyio.sleep(0.2)

    async def raising(event: Event) -> None:
        anew = _ERRORS[keep(event) % len(_ERRORS)]
        raise anew()

    async def hanging(event: Event) -> None:
        keep(event)
        history.fired["hook hung"] = history.fired.get("hook hung", 0) + 1
        await anyio.sleep_forever()

    def blocking(event: Event) -> None:
        if keep(event) % 3 == 2:
            raise Mishap("in a thread")

    callbacks = {"good": good, "raising": raising, "hanging": hanging, "blocking": blocking, "many": good}
    kinds = mjwatch.Progress | mjwatch.ButtonsAvailable | mjwatch.InputRequired | mjwatch.Final
    watcher.on(kinds, callbacks[temper], tag=TAG, name=temper, concurrency=4 if temper == "many" else 1)
