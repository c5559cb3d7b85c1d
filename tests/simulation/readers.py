"""The consumers of a world: one function for each temper. What they get goes into their sessions, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NoReturn, TypeVar

import anyio
from attrs import define

from mjwatch import (
    Event,
    GatewayError,
    TaskFailed,
    TaskLost,
    Watcher,
    WatcherClosed,
    WatchTimeout,
)
from mjwatch.testing import SimLoop
from tests.simulation.history import Got, History, Session
from tests.simulation.plan import Reader

E = TypeVar("E", bound=Event)

AGAIN_AFTER: Final = 7.0
"""How long a host waits after a fault that somebody must mend, seconds."""


class Boom(Exception):
    """A bug of the host's, in the body of its loop."""


@define(eq=False)
class Seat:
    """What a reader needs: a watcher, a plan, and where to write."""

    watcher: Watcher
    reader: Reader
    history: History
    loop: SimLoop
    gateway: str
    life: int
    is_frozen: Callable[[], bool]

    def session(self, *ids: str, finals_only: bool = False, throttle: float | None = None) -> Session:
        """Begin a session."""
        reader = self.reader
        session = Session(
            self.gateway, self.life, reader.name, reader.temper, self.loop.time(), ids or reader.ids,
            deadline=reader.deadline, stays=reader.stays, finals_only=finals_only, throttle=throttle,
        )  # fmt: skip
        self.history.sessions.append(session)
        return session

    def take(self, session: Session, event: Event) -> None:
        """Write an event down."""
        if not self.is_frozen():
            session.got.append(Got.now(self.loop.time(), event, len(session.got)))

    def end(self, session: Session, how: str) -> None:
        """End a session."""
        if not self.is_frozen() and session.ended == "open":
            session.ended, session.ended_at = how, self.loop.time()

    async def all_of(self, session: Session, events: AsyncIterator[E], pause: float = 0.0) -> None:
        """Read to the end."""
        async for event in events:
            self.take(session, event)
            if pause:
                await anyio.sleep(pause)
        self.end(session, "end")


async def serve(seat: Seat) -> None:
    """Let a reader live, as often as it takes: a fault that somebody must mend is raised, and tried again."""
    temper = TEMPERS[seat.reader.temper]
    while True:
        begun = len(seat.history.sessions)
        try:
            await temper(seat)
        except GatewayError as error:
            for session in seat.history.sessions[begun:]:
                if session.reader == seat.reader.name and session.gateway == seat.gateway:
                    seat.end(session, "refused")
            seat.history.last_words.setdefault("refused", repr(error))
            if error.transient:
                raise
            await anyio.sleep(AGAIN_AFTER)
        except WatcherClosed:
            for session in seat.history.sessions[begun:]:
                if session.reader == seat.reader.name and session.gateway == seat.gateway:
                    seat.end(session, "closed")
            return
        else:
            return


async def _fast(seat: Seat) -> None:
    session = seat.session()
    await seat.all_of(session, seat.watcher.watch(*session.ids, deadline=seat.reader.deadline))


async def _slow(seat: Seat) -> None:
    session = seat.session()
    events = seat.watcher.watch(*session.ids, deadline=seat.reader.deadline)
    await seat.all_of(session, events, seat.reader.patience)


async def _stuck(seat: Seat) -> None:
    session = seat.session()
    async with seat.watcher.watch(*session.ids, deadline=seat.reader.deadline) as events:
        session.opened_at = seat.loop.time()
        await anyio.sleep(seat.reader.patience)
        await seat.all_of(session, events)


async def _throttled(seat: Seat) -> None:
    session = seat.session(throttle=seat.reader.patience)
    reader = seat.reader
    await seat.all_of(
        session, seat.watcher.watch(*session.ids, deadline=reader.deadline, throttle=reader.patience)
    )


async def _completing(seat: Seat) -> None:
    session = seat.session(finals_only=True)
    await seat.all_of(session, seat.watcher.as_completed(session.ids, deadline=seat.reader.deadline))


async def _adding_on(seat: Seat) -> None:
    """Begin with one task and add the others while the stream is open."""
    first, *others = seat.reader.ids
    session = seat.session(first)
    async with seat.watcher.watch(first, deadline=seat.reader.deadline) as events:
        for task_id in others:
            await events.add(task_id)
        session.ids = seat.reader.ids
        await seat.all_of(session, events)


async def _waiting(seat: Seat, at_most: float | None = None) -> None:
    """Wait for each task, one after the other, as simple programs do."""
    session = seat.session(finals_only=True)
    for task_id in session.ids:
        try:
            await seat.watcher.wait(task_id, timeout=at_most)
            outcome = "success"
        except TaskFailed:
            outcome = "failure"
        except TaskLost:
            outcome = "lost"
        except WatchTimeout as error:
            outcome = "timeout" if "not done after" in str(error) else "expired"
        except (GatewayError, WatcherClosed):
            raise
        except Exception as error:  # noqa: BLE001 - whatever else comes out of it is written down, and judged
            outcome = f"raised {type(error).__name__}"
        if not seat.is_frozen():
            session.outcomes[task_id] = outcome
    seat.end(session, "end")


async def _waiting_briefly(seat: Seat) -> None:
    await _waiting(seat, seat.reader.patience)


async def _some(seat: Seat, session: Session, events: AsyncIterator[Event]) -> None:
    """Read a few events."""
    async for event in events:
        seat.take(session, event)
        if len(session.got) == seat.reader.count:
            seat.end(session, "left")
            return
    seat.end(session, "end")


async def _leaving(seat: Seat) -> None:
    session = seat.session()
    await _some(seat, session, seat.watcher.watch(*session.ids))


async def _raising(seat: Seat) -> None:
    session = seat.session()
    try:
        async for event in seat.watcher.watch(*session.ids):
            seat.take(session, event)
            if len(session.got) == seat.reader.count:
                _break()
        seat.end(session, "end")
    except Boom:
        seat.end(session, "raised")


def _break() -> NoReturn:
    raise Boom


async def _cancelled(seat: Seat) -> None:
    session = seat.session()
    with anyio.move_on_after(seat.reader.patience) as scope:
        await seat.all_of(session, seat.watcher.watch(*session.ids))
    if scope.cancelled_caught:
        seat.end(session, "cancelled")


async def _resuming(seat: Seat) -> None:
    """Leave, and come back with the offset."""
    first = seat.session()
    events = seat.watcher.watch(*first.ids)
    await _some(seat, first, events)
    offset = events.offset
    await events.aclose()
    await anyio.sleep(seat.reader.patience)
    second = seat.session()
    second.temper = "resumed"
    await seat.all_of(second, seat.watcher.watch(*second.ids, after=offset))


async def _rewatching(seat: Seat) -> None:
    """Read to the end, twice."""
    await _fast(seat)
    await _fast(seat)


async def _discarding(seat: Seat) -> None:
    """Stop watching some tasks, for everybody."""
    session = seat.session()
    async with seat.watcher.watch(*session.ids) as events:
        with anyio.move_on_after(seat.reader.patience):
            await seat.all_of(session, events)
            return
        some = session.ids[: seat.reader.count]
        seat.history.discards |= {(seat.gateway, task_id) for task_id in some}
        await seat.watcher.discard(*some)
        await seat.all_of(session, events)


async def _looking_up(seat: Seat) -> None:
    """Look tasks up as two callers at once, of whom one gives up; write down what comes of the other, if it does not."""
    session = seat.session(finals_only=True)
    for number, task_id in enumerate(session.ids * seat.reader.count):
        # not in a task group: nobody but the library could cancel it, and that is what is looked for
        other = asyncio.create_task(_look(seat, task_id))  # noqa: TID251
        try:
            with anyio.move_on_after(seat.reader.patience) as scope:
                await _look(seat, task_id)
            seat.history.fired["lookup given up"] = (
                seat.history.fired.get("lookup given up", 0) + scope.cancelled_caught
            )
            both_give_up = scope.cancelled_caught and number % 3 == 2
            if both_give_up:
                other.cancel()  # the request is called off, a probe, too
            await asyncio.gather(other, return_exceptions=True)
        finally:
            other.cancel()
        if both_give_up:
            continue
        if other.cancelled():
            seat.end(session, "cancelled")
            return
        if not seat.is_frozen():
            session.outcomes[task_id] = other.result()
        await anyio.sleep(seat.reader.patience)
    seat.end(session, "end")


async def _look(seat: Seat, task_id: str) -> str:
    """Look a task up and return what that came to."""
    try:
        task = await seat.watcher.lookup(task_id)
    except TaskLost:
        return "not there"
    except GatewayError:
        return "refused"
    return f"shown: {task.status}"


TEMPERS: Final[dict[str, Callable[[Seat], Awaitable[None]]]] = {
    "fast": _fast,
    "slow": _slow,
    "stuck": _stuck,
    "throttled": _throttled,
    "completing": _completing,
    "adding_on": _adding_on,
    "waiting": _waiting,
    "waiting_briefly": _waiting_briefly,
    "leaving": _leaving,
    "raising": _raising,
    "cancelled": _cancelled,
    "resuming": _resuming,
    "rewatching": _rewatching,
    "discarding": _discarding,
    "looking_up": _looking_up,
}
