"""What it costs to tell a thousand subscribers a burst of a hundred events, beside a deque and a future for each.

One reply changes a hundred tasks, in one turn of the loop. Four of five subscribers want all of these tasks' events,
the fifth only their ends, of which there are none: filters by task and by kind on both sides. The library's readers are
streams of a watcher with a gateway inside the process; the same look without any reader is measured, too, and taken
off. All three take turns, burst by burst, in one process.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from statistics import median
from typing import Final, Protocol, Self

from attrs import define, field

import mjwatch
from benchmarks.floors import children
from benchmarks.floors.inside import inside
from benchmarks.floors.jumps import JumpingLoop
from benchmarks.floors.payloads import Lot, ids_of
from benchmarks.floors.plan import Plan
from benchmarks.floors.rows import Bar, Row, compared

_TASKS = 100
_LOT = Lot(step_every=0.4, previews=1.0)
"""Each look at each task brings news."""
_WARM_UP = 3
_ENDS: Final = frozenset({"success", "failure", "lost", "expired"})
_ALL: Final = _ENDS | {"progress", "buttons", "input_required"}


@define
class _Count:
    """How many events were read."""

    read: int = 0


class _Stage(Protocol):
    """Something that takes bursts."""

    async def burst(self) -> None:
        """Take one burst, to the last delivery."""
        ...


def rows(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Measure both sides, in a process of its own."""
    said = children.result("delivery", readers=plan.readers, bursts=plan.bursts)
    tell(f"{len(said['ours'])} bursts told to {plan.readers} subscribers")
    return [
        compared(
            f"delivery to {plan.readers:,} subscribers, bursts of {_TASKS}",
            "deque + future each",
            "us",
            [(one - said["look"], other) for one, other in zip(said["ours"], said["yardstick"], strict=True)],
            Bar("at most", 1.3),
            look=said["look"],
        )
    ]


@define(eq=False)
class _Library:
    """
    A watcher, with streams or without.

    Attributes:
        done: How many deliveries there were; without streams, how many events were found.
        expected: How many there are in a burst.
    """

    done: Callable[[], int]
    expected: int

    async def burst(self) -> None:
        """Let the next look bring its news."""
        target = (self.done() // self.expected + 1) * self.expected
        while self.done() < target:  # noqa: ASYNC110 - time jumps
            await asyncio.sleep(0.05)
        assert self.done() == target, "not each look brought news of each task"


@asynccontextmanager
async def _library(readers: int) -> AsyncIterator[_Library]:
    ids, count = ids_of(_TASKS), _Count()
    wanting = readers - readers // 5
    async with inside(_LOT, _TASKS, mjwatch.Pacing.every(1)) as (watcher, _):
        streams = [
            watcher.watch(*ids) if number < wanting else watcher.as_completed(ids)
            for number in range(readers)
        ]
        with _reading([_read(stream, count) for stream in streams]):
            if readers:
                yield _Library(lambda: count.read, _TASKS * wanting)
            else:
                await watcher.add(*ids)
                yield _Library(lambda: watcher.stats().events, _TASKS)


@contextmanager
def _reading(readers: Iterable[Coroutine[None, None, None]]) -> Iterator[None]:
    """Run *readers*. In no task group: between two bursts the loop stands still, and nobody is inside of one."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(reader) for reader in readers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _read(stream: mjwatch.Subscription | mjwatch.Completed, count: _Count) -> None:
    async for _ in stream:
        count.read += 1


@define(eq=False)
class _Channel:
    """A subscriber by hand."""

    kinds: frozenset[str]
    unread: deque[mjwatch.Event] = field(factory=deque)
    _waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> mjwatch.Event:
        while not self.unread:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self.unread.popleft()


@define(eq=False)
class _ByHand:
    """Subscribers by hand, and who wants which task."""

    events: Sequence[mjwatch.Progress]
    readers_of: dict[str, list[_Channel]]
    channels: Sequence[_Channel]
    count: _Count
    expected: int

    async def burst(self) -> None:
        """Put the burst into the deques, wake the readers once each, and let them read."""
        target = self.count.read + self.expected
        for event in self.events:
            kind = event.kind
            for channel in self.readers_of[event.task_id]:
                if kind in channel.kinds:
                    channel.unread.append(event)
        for channel in self.channels:
            if channel.unread:
                channel.wake()
        while self.count.read < target:  # noqa: ASYNC110 - a turn or two
            await asyncio.sleep(0)


@asynccontextmanager
async def _by_hand(readers: int, events: Sequence[mjwatch.Progress]) -> AsyncIterator[_ByHand]:
    count, wanting = _Count(), readers - readers // 5
    channels = [_Channel(_ALL if number < wanting else _ENDS) for number in range(readers)]
    with _reading([_hear(channel, count) for channel in channels]):
        await asyncio.sleep(0)
        readers_of = {event.task_id: list(channels) for event in events}
        yield _ByHand(events, readers_of, channels, count, len(events) * wanting)


async def _hear(channel: _Channel, count: _Count) -> None:
    async for _ in channel:
        count.read += 1


async def _some_events() -> list[mjwatch.Progress]:
    """Return a burst as the library tells it."""
    async with (
        inside(_LOT, _TASKS, mjwatch.Pacing.every(1)) as (watcher, _),
        watcher.watch(*ids_of(_TASKS)) as stream,
    ):
        burst = [await anext(stream) for _ in range(_TASKS)]
    return [event for event in burst if isinstance(event, mjwatch.Progress)]


def measure(readers: int, bursts: int) -> dict[str, object]:
    """Let three stages take turns; return microseconds of CPU per delivery for each burst."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        events = runner.run(_some_events())
    deliveries = _TASKS * (readers - readers // 5)
    made: dict[str, AbstractAsyncContextManager[_Stage]] = {
        "ours": _library(readers),
        "look": _library(0),
        "yardstick": _by_hand(readers, events),
    }
    took: dict[str, list[float]] = {name: [] for name in made}
    with ExitStack() as stack:
        # A loop for each: while one runs, time stands still in the others.
        runners = {name: stack.enter_context(asyncio.Runner(loop_factory=JumpingLoop)) for name in made}
        stages = {name: runners[name].run(stage.__aenter__()) for name, stage in made.items()}
        names = (*made,)
        for turn in range(_WARM_UP + bursts):
            for name in names[turn % 3 :] + names[: turn % 3]:
                began_at = time.process_time()
                runners[name].run(stages[name].burst())
                took[name].append((time.process_time() - began_at) / deliveries * 1e6)
        for name, stage in made.items():
            runners[name].run(stage.__aexit__(None, None, None))
    measured = {name: some[_WARM_UP:] for name, some in took.items()}
    return {**measured, "look": median(measured["look"])}


def main() -> None:
    """Measure what this process was given."""
    children.pin(0)
    spec = children.given()
    print(json.dumps(measure(spec["readers"], spec["bursts"])))


if __name__ == "__main__":
    main()
