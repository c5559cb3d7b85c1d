"""Random interleavings of time, faults, readers and answers never break the contract of `Subscription`."""

from __future__ import annotations

from typing import Literal

import anyio
from anyio.abc import TaskGroup
from attrs import define, field, frozen
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mjwatch import Event, Pacing, Watcher
from mjwatch.testing import SATURATED, Answer, CutBody, Delay, Family, Reset, SimulatedGateway, simulate
from mjwatch.testing.faults import Fault
from tests.support.examples import examples
from tests.watcher.stage import check_contract, check_order, kinds, of_tasks, preset, watcher_on

IDS = ("1", "2", "3")
Kind = Literal["plain", "throttled", "slow", "ends"]


@frozen
class Join:
    """A reader comes."""

    ids: tuple[str, ...]
    kind: Kind


@frozen
class Leave:
    """The oldest reader leaves, in the middle of whatever it does."""


@frozen
class Pass:
    """Time goes by."""

    seconds: float


@frozen
class Befall:
    """Something befalls the gateway's next replies: also old replies that come late, and rows left out."""

    fault: Fault | Literal["omit", "twin"]
    times: int


@frozen
class Do:
    """Somebody looks a task up, answers its window, or discards it."""

    what: Literal["lookup", "answer", "discard", "add"]
    task_id: str


Step = Join | Leave | Pass | Befall | Do
ids = st.sampled_from(IDS)
faults = st.sampled_from([
    Reset(),
    Answer(502),
    SATURATED,
    Delay(4.0),
    Delay(25.0),
    CutBody(),
    "omit",
    "twin",
])
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        Join,
        st.lists(ids, min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from(["plain", "throttled", "slow", "ends"]),
    ),
    st.builds(Leave),
    st.builds(Pass, st.sampled_from([0.0, 0.003, 0.5, 2.0, 9.0, 40.0])),
    st.builds(Befall, faults, st.integers(1, 4)),
    st.builds(Do, st.sampled_from(["lookup", "answer", "discard", "add"]), ids),
)
# -2 is a step back to the start: seen for long enough it is a restart, else it is stale and nothing.
beats = st.tuples(st.sampled_from([0.0, 1.0, 6.0, 45.0]), st.sampled_from([0, 15, 31, 31, 62, 93, -2]))
# A window (-1) opens before the work begins, as at real gateways.
scripts = st.tuples(st.sampled_from([[], [], [(1.0, -1)]]), st.lists(beats, max_size=4)).map(
    lambda parts: parts[0] + parts[1]
)


@define(eq=False)
class Reader:
    """One reader and what it got."""

    join: Join
    got: list[Event] = field(factory=list)
    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    is_done: bool = False

    async def read(self, watcher: Watcher) -> None:
        """Read to the end, or until cancelled."""
        with self.scope:
            if self.join.kind == "ends":
                async for end in watcher.as_completed(self.join.ids):
                    self.got.append(end)
            else:
                throttle = 3.0 if self.join.kind == "throttled" else None
                async for event in watcher.watch(*self.join.ids, throttle=throttle):
                    self.got.append(event)
                    if self.join.kind == "slow":
                        await anyio.sleep(11)
            self.is_done = True


def write(sim: SimulatedGateway, task_id: str, script: list[tuple[float, int]]) -> None:
    """Add a task that does what *script* says (-1 a window, -2 back to the start), and ends."""
    task = sim.task(task_id).after(2).submitted()
    for seconds, what in script:
        later = task.after(seconds)
        task = later.modal() if what == -1 else later.submitted() if what == -2 else later.progress(what)
    if task_id == "2":
        task.after(3).failure("x")
    else:
        task.after(3).success()


async def play(scripts_of: list[list[tuple[float, int]]], played: list[Step]) -> None:
    """Play *played* on a whole watcher, let all come to its end, and check every reader's history."""
    async with SimulatedGateway(Family.PLUS) as sim:
        for task_id, script in zip(IDS, scripts_of, strict=True):
            write(sim, task_id, script)
        async with (
            watcher_on(preset(sim), pacing=Pacing.every(5)) as watcher,
            anyio.create_task_group() as group,
        ):
            readers: list[Reader] = []
            for step in played:
                await take(step, sim, watcher, readers, group)
            await anyio.sleep(5)
            for task_id in IDS:
                await act("answer", task_id, sim, watcher)
            give_up = anyio.current_time() + 1_500
            while not all(reader.is_done or reader.scope.cancel_called for reader in readers):
                assert anyio.current_time() < give_up, [
                    (reader.join, kinds(reader.got)) for reader in readers
                ]
                await anyio.sleep(10)
            group.cancel_scope.deadline = anyio.current_time() + 60
            while await watcher.watched():  # what was added without a reader
                assert anyio.current_time() < give_up
                await anyio.sleep(10)
            assert watcher.stats().tasks == 0
        await anyio.sleep(60)  # late replies of the gateway
    for reader in readers:
        check(reader)


def check(reader: Reader) -> None:
    """Check one reader's history."""
    is_whole = reader.is_done
    if reader.join.kind == "ends":
        ends = of_tasks(reader.got)
        assert all(event.final for event in ends)
        assert len({event.task_id for event in ends}) == len(ends)
        assert not is_whole or {event.task_id for event in ends} == set(reader.join.ids)
        return
    check_order(reader.got, *(reader.join.ids if is_whole else ()))
    if reader.join.kind == "plain":
        check_contract(reader.got)


async def take(
    step: Step, sim: SimulatedGateway, watcher: Watcher, readers: list[Reader], group: TaskGroup
) -> None:
    """Take one step."""
    match step:
        case Join():
            readers.append(Reader(step))
            group.start_soon(readers[-1].read, watcher)
        case Leave():
            here = [reader for reader in readers if not reader.is_done and not reader.scope.cancel_called]
            if here:
                here[0].scope.cancel()
        case Pass(seconds):
            await anyio.sleep(seconds)
        case Befall(fault="omit", times=times):
            sim.omit("1", times=times)
        case Befall(fault="twin"):
            sim.duplicate("3")
        case Befall(fault=fault, times=times):
            assert not isinstance(fault, str)
            sim.fault(fault, times=times)
        case Do(what="lookup", task_id=task_id):
            group.start_soon(look_up, watcher, task_id)
        case Do(what=what, task_id=task_id):
            await act(what, task_id, sim, watcher)


async def act(what: str, task_id: str, sim: SimulatedGateway, watcher: Watcher) -> None:
    """Do something to a task."""
    match what:
        case "answer":
            try:
                sim.answer(task_id)
            except ValueError:
                return
        case "discard":
            await watcher.discard(task_id)
        case _:
            await watcher.add(task_id, tag="kept")


async def look_up(watcher: Watcher, task_id: str) -> None:
    """Look a task up, whatever comes of it."""
    import mjwatch  # noqa: PLC0415 - for its errors

    try:
        task = await watcher.lookup(task_id)
    except (mjwatch.GatewayError, mjwatch.TaskLost):
        return
    assert task.id == task_id


@settings(
    max_examples=examples(25),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.tuples(scripts, scripts, scripts).map(list), st.lists(steps, min_size=3, max_size=25))
@example([[], [], []], [Join(("1",), "plain"), Pass(3), Do("discard", "1"), Join(("1",), "plain")])
@example(  # a first look that failed ended a new watch by the end of the old one
    [[], [], []],
    [Join(("1",), "plain"), Befall(Reset(), 1), Do("discard", "1"), Pass(0.003), Join(("1",), "plain")],
)
def test_no_interleaving_breaks_the_contract(
    scripts_of: list[list[tuple[float, int]]], played: list[Step]
) -> None:
    """Whoever joins, leaves, looks up or discards, whatever the gateway does: each reader's history holds."""
    simulate(lambda: play(scripts_of, played))
