"""The whole watcher as a state machine on virtual time: whatever a program and a gateway do next, the contract holds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Literal, TypeVar

from attrs import define, evolve, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

import mjwatch
from mjwatch import Event, Final, Pacing, Watcher
from mjwatch.testing import (
    SATURATED,
    Answer,
    CutBody,
    Delay,
    Family,
    Network,
    Reset,
    SimLoop,
    SimulatedGateway,
)
from mjwatch.testing.faults import Fault
from tests.faults.tunnel import Lagging, passed_on, tunnelled
from tests.support.examples import IS_LONG, examples
from tests.watcher.stage import check_contract, check_order, kinds, of_tasks, preset, watcher_on

T = TypeVar("T")
Kind = Literal["plain", "throttled", "slow", "ends"]

UNKNOWN = "never-there"
FAULTS: list[Fault] = [
    Reset(),
    Answer(502),
    Answer(200, b"[", {"Content-Type": "application/json"}),
    Answer(429, b"", {"Retry-After": "7"}),
    SATURATED,
    Delay(4.0),
    Delay(25.0),
    CutBody(),
]


@define(eq=False)
class Reader:
    """A stream, what it gave, and why it ended."""

    ids: list[str]
    kind: Kind
    got: list[Event] = field(factory=list)
    task: asyncio.Task[None] | None = None
    has_left: bool = False
    was_closed: bool = False

    async def read(self, watcher: Watcher) -> None:
        """Read to the end, or until it is cancelled or closed."""
        try:
            if self.kind == "ends":
                async for end in watcher.as_completed(self.ids):
                    self.got.append(end)
                return
            throttle = 3.0 if self.kind == "throttled" else None
            async for event in watcher.watch(*self.ids, throttle=throttle):
                self.got.append(event)
                if self.kind == "slow":
                    await asyncio.sleep(7)
        except mjwatch.WatcherClosed:
            self.was_closed = True

    @property
    def is_done(self) -> bool:
        """True where nothing more comes."""
        return self.task is not None and self.task.done()

    def check(self) -> None:
        """Check what it got so far, or in the end."""
        ended = self.ids if self.is_done and not self.has_left and not self.was_closed else []
        if self.kind == "ends":
            ends = of_tasks(self.got)
            assert all(event.final for event in ends)
            assert len({event.task_id for event in ends}) == len(ends)
            assert {event.task_id for event in ends} >= set(ended)
        elif self.kind == "plain":
            check_contract(self.got, *ended)
        else:
            check_order(self.got, *ended)


class WholeWatcher(RuleBasedStateMachine):
    """A gateway, a watcher on it, and whoever reads; a rule is what one of them does next."""

    tasks = Bundle("tasks")
    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimLoop(0)
        self.errors: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(repr(context)))
        self.all: list[Reader] = []
        self.called: list[Event] = []
        self.count = 0
        self.sim = SimulatedGateway(Family.PLUS)
        self.run(self.sim.start())
        self.stack = AsyncExitStack()
        self.tunnel = self.run(self.stack.enter_async_context(tunnelled(self.sim.base_url)))
        self.watcher = self.open()

    def run(self, what: Coroutine[object, object, T]) -> T:
        """Run the world until *what* is done."""
        return self.loop.run_until_complete(what)

    def open(self) -> Watcher:
        """Open a watcher."""

        async def opened() -> Watcher:
            base_url = f"http://127.0.0.1:{self.tunnel.port}"
            gateway = evolve(preset(self.sim), base_url=base_url, limits=mjwatch.Limits(batch=3))
            # A plain schedule: it is not the forecast that is tried here.
            watcher = watcher_on(gateway, pacing=Pacing.every(5))
            watcher.on(Final, self.called.append)
            return await watcher.start()

        return self.run(opened())

    @initialize(target=tasks)
    def some_tasks(self) -> object:
        """There is one that ends soon, and an id that never was."""
        return multiple(self.new_task([(2.0, 31), (3.0, 62)], end="success"), UNKNOWN)

    @rule(
        target=tasks,
        story=st.lists(
            st.tuples(st.sampled_from([1.0, 6.0, 45.0]), st.sampled_from([0, 31, 31, 62, 93])), max_size=4
        ),
        end=st.sampled_from(["success", "failure"]),
    )
    def new_task(self, story: list[tuple[float, int]], end: str) -> str:
        """Somebody submits a task."""
        self.count += 1
        task_id = str(self.count)

        async def submitted() -> None:
            task = self.sim.task(task_id).after(1).submitted()
            for seconds, percent in story:
                task = task.after(seconds).progress(percent)
            task.after(2)
            _ = task.success() if end == "success" else task.failure("x")

        self.run(submitted())
        return task_id

    @rule(
        target=readers,
        ids=st.lists(tasks, min_size=1, max_size=3, unique=True),
        kind=st.sampled_from(["plain", "plain", "throttled", "slow", "ends"]),
    )
    def subscribe(self, ids: list[str], kind: Kind) -> Reader:
        """Somebody reads."""
        reader = Reader(ids, kind)

        async def begun() -> None:
            reader.task = asyncio.get_running_loop().create_task(reader.read(self.watcher))
            await asyncio.sleep(0)

        self.run(begun())
        self.all.append(reader)
        return reader

    @rule(reader=consumes(readers))
    def leave(self, reader: Reader) -> None:
        """A reader is cancelled in the middle of whatever it does."""
        if reader.task is not None and not reader.is_done:
            reader.has_left = True
            reader.task.cancel()
        self.advance(0.0)

    @rule(task_id=tasks, verb=st.sampled_from(["add", "discard", "lookup", "explain"]))
    def act(self, task_id: str, verb: str) -> None:
        """Somebody watches without a stream, stops a watch, looks once, or asks why."""

        async def acted() -> None:
            match verb:
                case "add":
                    await self.watcher.add(task_id, tag="kept")
                case "discard":
                    await self.watcher.discard(task_id)
                case "explain":
                    assert str(await self.watcher.explain(task_id))
                case _:
                    try:
                        assert (await self.watcher.lookup(task_id)).id == task_id
                    except (mjwatch.GatewayError, mjwatch.TaskLost):
                        return

        self.run(acted())

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 4))
    def befall(self, fault: Fault, times: int) -> None:
        """Something befalls the next replies."""

        async def befallen() -> None:
            self.sim.fault(fault, times=times)

        self.run(befallen())

    @rule(what=st.sampled_from(["refusing", "black hole", "well"]))
    def weather(self, what: str) -> None:
        """The network goes, or comes back."""
        self.loop.network = Network(is_refusing=what == "refusing")
        self.loop.network.replies.is_blackhole = what == "black hole"

    @rule(lag=st.sampled_from([0.0, 4.0, 11.0]))
    def lag(self, lag: float) -> None:
        """Every second reply comes from a replica that is behind, or none does any more."""
        self.tunnel.manner = Lagging(lag) if lag else passed_on

    @rule(task_id=tasks)
    def forget(self, task_id: str) -> None:
        """The gateway loses a task."""

        async def forgotten() -> None:
            if task_id != UNKNOWN:
                self.sim.forget(task_id)

        self.run(forgotten())

    @rule(seconds=st.sampled_from([0.0, 0.003, 0.5, 2.0, 9.0, 40.0]))
    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self.run(asyncio.sleep(seconds))

    @rule(is_killed=st.booleans())
    def begin_anew(self, *, is_killed: bool) -> None:
        """The watcher is closed, or its asyncio task is cancelled as at the end of a loop; another one opens."""

        async def ended() -> None:
            if is_killed:
                [runner] = [task for task in asyncio.all_tasks() if task.get_name() == "mjwatch"]
                runner.cancel()
            begun = asyncio.get_running_loop().time()
            await self.watcher.aclose()
            assert asyncio.get_running_loop().time() - begun <= 5
            await asyncio.sleep(0)

        self.run(ended())
        for reader in self.all:
            assert reader.is_done or reader.kind == "slow", kinds(reader.got)
        self.watcher = self.open()

    @invariant()
    def histories_hold(self) -> None:
        """Each reader's history is in order, and nothing was raised where nobody sees it."""
        assert self.errors == []
        for reader in self.all:
            reader.check()

    def teardown(self) -> None:
        """All is well again: every reader comes to its end, and closing leaves nothing."""
        try:
            self.heal()
        finally:
            for transport in list(self.loop.open_transports):
                transport.abort()
            self.loop.close()

    def heal(self) -> None:
        """Mend everything, and wait."""
        self.weather("well")
        self.tunnel.manner = passed_on
        self.sim.service.faults._rules.clear()
        give_up = self.loop.time() + 2_500
        while not all(reader.is_done for reader in self.all):
            assert self.loop.time() < give_up, [(one.ids, one.kind, kinds(one.got)) for one in self.all]
            self.advance(20)
        self.histories_hold()
        for reader in self.all:
            if reader.task is not None and not reader.has_left:
                reader.task.result()
        self.run(self.watcher.aclose())
        self.advance(60)  # late replies of the gateway
        self.run(self.stack.aclose())
        self.run(self.sim.aclose())
        self.advance(1)
        assert [left for left in self.loop.leftovers() if "Task" in left or "timer" in left] == []
        assert self.errors == []


TestWholeWatcher = WholeWatcher.TestCase
TestWholeWatcher.settings = settings(
    max_examples=examples(25),
    stateful_step_count=60 if IS_LONG else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
