"""Lives a plan: gateways, weather, watchers, consumers, and a program that is dropped and begun anew. Returns its history.

A crash drops the event loop with all that runs in it, without a finalizer; only the gateways go on. What is left of a
dropped loop is buried when the run is over and its history written.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from random import Random
from typing import Final

import anyio
from attrs import evolve

from mjwatch import Deadlines, Gateway, Limits, Pacing, Watcher, WatcherClosed
from mjwatch._runtime import engine
from mjwatch._runtime.transport import Transport
from mjwatch.testing import SimDeadlock, SimulatedGateway
from mjwatch.testing.families import root_of
from tests.simulation import callbacks, readers, tales
from tests.simulation.history import Closing, History, Session
from tests.simulation.logbook import LogBook
from tests.simulation.plan import GatewayPlan, Plan
from tests.simulation.secret import CANARY
from tests.simulation.spells import Caster
from tests.simulation.turns import Overrun, TurnLoop
from tests.simulation.wire import InnerTransport, Recorder, Weather
from tests.watcher.stage import EPOCH, preset

START: Final = 1000.0


_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nobody speaks TLS here, and reading the certificates of the system takes longer than a seed."""
_HOOK_READERS = 5.0


def run(plan: Plan) -> History:
    """Live *plan*."""
    world = World(plan)
    with world.seam():
        world.live()
    return world.history


class World:
    """One run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.history = History(plan, START)
        self.sims = [
            SimulatedGateway(
                one.family,
                token=CANARY,
                seed=one.seed,
                latency=one.latency,
                refresh=one.refresh,
                replicas=one.replicas,
            )
            for one in plan.gateways
        ]
        self.fired: Counter[str] = Counter()
        self.weather = [Weather(fired=self._count) for _ in plan.gateways]
        self._absences: list[list[tuple[float, float]]] = [[] for _ in plan.gateways]
        self._done: set[tuple[str, str]] = set()
        self._buried: list[TurnLoop] = []
        self._life = 0

    # --- lives

    def live(self) -> None:
        """Live all lives."""
        starts = START
        for life, until in enumerate((*self.plan.crashes, inf)):
            self._life = life
            loop = TurnLoop(self.plan.seed, start=starts)
            self.history.lives.append(starts)
            loop.set_exception_handler(functools.partial(self._uncaught, self._life))
            is_over = self._run(loop, START + until)
            starts = loop.time()
            self.history.most_turns = max(self.history.most_turns, loop.most)
            if is_over:
                break
            self._crash(loop)
        self._write_down(starts)
        self._bury()

    def _run(self, loop: TurnLoop, until: float) -> bool:
        """Run until the program ends, or crashes; return True where it ended."""
        asyncio.set_event_loop(loop)
        main = loop.create_task(self._main(loop))

        def stop(_: object) -> None:
            if crash is not None:
                crash.cancel()
            loop.stop()

        main.add_done_callback(stop)
        crash = loop.call_at(until, loop.stop) if until < inf else None
        self._buried.append(loop)
        try:
            loop.run_forever()
        except (SimDeadlock, Overrun) as error:
            self.history.error = f"{type(error).__name__}: {error}"
            return True
        if not main.done():
            main.remove_done_callback(stop)
            return False
        main.result()
        return True

    def _crash(self, loop: TurnLoop) -> None:
        self.fired["crash"] += 1
        for caster in self.casters:
            caster.heal()
        for session in self.history.sessions:
            if session.ended == "open":
                session.ended, session.ended_at = "crashed", loop.time()

    def _bury(self) -> None:
        """Take down what crashed, when nobody looks any more."""
        self._life = -1
        for loop in self._buried:
            loop.set_exception_handler(lambda *_: None)
            left = sorted(asyncio.all_tasks(loop), key=hash)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            for transport in list(loop.open_transports):
                transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        asyncio.set_event_loop(None)

    # --- one life

    async def _main(self, loop: TurnLoop) -> None:
        life = self._life
        is_frozen = lambda: self._life != life  # noqa: E731 - what a dropped life does is not told
        self.casters = [
            Caster(sim, weather, loop.suspend, absences)
            for sim, weather, absences in zip(self.sims, self.weather, self._absences, strict=True)
        ]
        loop.slept = self.history.suspensions
        watchers = [await self._open(loop, number) for number in range(len(self.sims))]
        async with anyio.create_task_group() as nature:
            nature.start_soon(self._births)
            nature.start_soon(self._spells)
            with anyio.move_on_after(START + self.plan.ends_by - loop.time()):
                async with anyio.create_task_group() as consumers:
                    for number, watcher in enumerate(watchers):
                        self._seat(consumers.start_soon, loop, number, watcher, is_frozen)
            nature.cancel_scope.cancel()
        for number, watcher in enumerate(watchers):
            await self._close(loop, number, watcher)
        for sim in self.sims:
            await sim.aclose()
        # a crash that came too late is no leak
        left = [one for one in loop.leftovers() if "BaseEventLoop.stop" not in one]
        if not any(
            "RequestHandler" in one for one in left
        ):  # the server may still be busy with a stalled reply
            self.history.uncaught += [f"left: {one}" for one in left]

    async def _open(self, loop: TurnLoop, number: int) -> Watcher:
        sim, plan = self.sims[number], self.plan.gateways[number]
        sim._open()  # its ticks begin with the world
        if self.plan.level == "http":
            await sim.start(port=20_000 + number)
        else:
            # the book puts it before its pictures: without a host they would be no addresses
            sim._book.base_url = f"http://127.0.0.1:{20_000 + number}"
            sim.base_url = sim._book.base_url + root_of(sim.family)
        jump = self.plan.wall_jumps[self._life]
        wall = EPOCH + loop.time() - START + jump
        watcher = Watcher(
            gateway_of(plan, sim),
            pacing=None if plan.every is None else Pacing.every(plan.every),
            deadlines=Deadlines(usual=plan.usual, slow=plan.slow),
            logger=LogBook(plan.name, loop.time, self.history.log),
            rng=Random(plan.seed),
            wall=lambda: wall,
        )
        self.history.fired["wall jump"] = self.history.fired.get("wall jump", 0) + bool(jump)
        life = self._life
        for temper in plan.hooks:
            session = self._session(loop, plan, f"hook {temper}")
            callbacks.hang(watcher, temper, session, self.history, loop, lambda: self._life != life)
        return await watcher.start()

    def _session(self, loop: TurnLoop, plan: GatewayPlan, temper: str) -> Session:
        ids = tuple(tale.id for tale in plan.tales)
        stays = temper != "hook hanging"
        session = Session(plan.name, self._life, temper, temper, loop.time(), ids, stays=stays)
        self.history.sessions.append(session)
        return session

    def _seat(
        self,
        start: Callable[..., object],
        loop: TurnLoop,
        number: int,
        watcher: Watcher,
        is_frozen: Callable[[], bool],
    ) -> None:
        plan = self.plan.gateways[number]
        for reader in plan.readers:
            if (plan.name, reader.name) not in self._done:
                seat = readers.Seat(watcher, reader, self.history, loop, plan.name, self._life, is_frozen)
                start(self._read, seat)
        if plan.hooks:
            start(self._keep, loop, plan, watcher)

    async def _read(self, seat: readers.Seat) -> None:
        begins_at = START + seat.reader.begins_at
        await anyio.sleep(max(0.0, begins_at - seat.loop.time()))
        await readers.serve(seat)
        if not seat.is_frozen():
            self._done.add((seat.gateway, seat.reader.name))

    async def _keep(self, loop: TurnLoop, plan: GatewayPlan, watcher: Watcher) -> None:
        """Watch all tasks for the hooks, each from when the first reader wants it; wait until they have ended."""
        wanted: dict[str, float] = {}
        for reader in sorted(plan.readers, key=lambda one: one.begins_at):
            for task_id in reader.ids:
                wanted.setdefault(task_id, reader.begins_at)
        for task_id, at in wanted.items():
            await anyio.sleep(max(0.0, START + at - loop.time()))
            await watcher.add(task_id, tag=callbacks.TAG)
        while await watcher.watched():  # noqa: ASYNC110 - a host looks from time to time
            await anyio.sleep(_HOOK_READERS)
        await anyio.sleep(60.0 if "good" in plan.hooks else 1.0)

    async def _close(self, loop: TurnLoop, number: int, watcher: Watcher) -> None:
        plan = self.plan.gateways[number]
        stats, health, began_at = watcher.stats(), watcher.health(), loop.time()
        self.history.last_words[plan.name] = f"{watcher!r} {stats!r} {health!r} {self.sims[number].family}"
        await watcher.aclose()
        took = loop.time() - began_at
        try:
            watcher.watch("t0")
            afterwards = "nothing"
        except WatcherClosed:
            afterwards = "WatcherClosed"
        is_last = number == len(self.sims) - 1
        left = tuple(one for one in loop.leftovers() if is_last and "mjwatch" in one)
        self.history.closings.append(
            Closing(plan.name, self._life, began_at, took, left, afterwards, stats.requests)
        )
        for session in self.history.sessions:
            if session.is_hook and session.gateway == plan.name and session.ended == "open":
                session.ended, session.ended_at = "end", loop.time()

    # --- nature

    async def _births(self) -> None:
        loop = asyncio.get_running_loop()
        births = [
            (tale, sim)
            for plan, sim in zip(self.plan.gateways, self.sims, strict=True)
            for tale in plan.tales
        ]
        for tale, sim in sorted(births, key=lambda one: one[0].born_at):
            if tale.born_at == inf or tale.id in sim._book.tasks:
                continue
            await anyio.sleep(max(0.0, START + tale.born_at - loop.time()))
            if tale.id not in sim._book.tasks:
                tales.tell(tale, sim)

    async def _spells(self) -> None:
        loop = asyncio.get_running_loop()
        async with anyio.create_task_group() as group:
            for plan, sim in zip(self.plan.gateways, self.sims, strict=True):
                for tale in plan.tales:
                    if tale.kind in {"modal", "modal_twice"}:
                        group.start_soon(self._answer, tale.id, sim, tale.answered_after)
            for spell in self.plan.spells:
                begins_at, ends_at = START + spell.begins_at, START + spell.ends_at
                if loop.time() < ends_at:
                    await anyio.sleep(max(0.0, begins_at - loop.time()))
                    group.start_soon(self.casters[spell.gateway].cast, spell, max(0.0, ends_at - loop.time()))
            await anyio.sleep(max(0.0, self.history.healed_at - loop.time()))
            for caster in self.casters:
                caster.heal()

    async def _answer(self, task_id: str, sim: SimulatedGateway, after: float) -> None:
        """Answer the windows of a task, as its user does."""
        for _ in range(600):
            task = sim._book.tasks.get(task_id)
            timeline = None if task is None else task.timeline
            now = asyncio.get_running_loop().time()
            if timeline is not None and timeline.steps[timeline.index_at(now)].status == "MODAL":
                await anyio.sleep(after)
                timeline.answer(asyncio.get_running_loop().time())
            await anyio.sleep(5.0)

    # --- surroundings

    @contextmanager
    def seam(self) -> Iterator[None]:
        """Let watchers build the transports of this world."""
        real = engine.AiohttpTransport  # type: ignore[attr-defined]  # whoever builds it imports it there
        numbers = {plan.name: number for number, plan in enumerate(self.plan.gateways)}

        def make(gateway: Gateway, clock: Callable[[], float]) -> Transport:
            number = numbers[gateway.name]
            weather = self.weather[number]
            is_core = self.plan.level == "core"
            inner: Transport = (
                InnerTransport(self.sims[number], gateway, clock, weather)
                if is_core
                else real(gateway, clock)
            )
            return Recorder(inner, gateway.name, self._life, self.history.wire, weather)

        engine.AiohttpTransport = make  # type: ignore[assignment, attr-defined]  # the seam
        try:
            yield
        finally:
            engine.AiohttpTransport = real  # type: ignore[attr-defined]

    def _uncaught(self, life: int, _loop: object, context: dict[str, object]) -> None:
        if life == self._life:
            self.history.uncaught.append(repr(context))

    def _count(self, kind: str) -> None:
        self.fired[kind] += 1

    # --- the end

    def _write_down(self, ended_at: float) -> None:
        history = self.history
        history.ended_at = ended_at
        for number, (plan, sim, absences) in enumerate(
            zip(self.plan.gateways, self.sims, self._absences, strict=True)
        ):
            history.arrived[plan.name] = len(sim.requests)
            # nothing, in a good reply, is how some families say that they do not know an id
            absences += [
                (START + spell.begins_at, START + spell.ends_at)
                for spell in self.plan.spells
                if spell.gateway == number and spell.kind in {"empty", "204", "null"}
            ]
            for tale in plan.tales:
                born_at = START + tale.born_at
                truth = tales.truth_of(tale, plan.name, sim, absences, born_at)
                history.truths[plan.name, tale.id] = truth
        for kind, times in self.fired.items():
            history.fired[kind] = history.fired.get(kind, 0) + times
        photographed = [got for session in history.sessions for got in session.got if got.text]
        history.changed = [got.text for got in photographed if got.event.to_json() != got.text]
        history.last_words["events"] = "".join(got.text for got in photographed)
        history.digest = digest(history)


def gateway_of(plan: GatewayPlan, sim: SimulatedGateway) -> Gateway:
    """Return how a watcher sees a gateway."""
    limits = Limits(batch=plan.batch)
    return evolve(preset(sim), name=plan.name, credential=CANARY, limits=limits, ssl_context=_NO_TLS)


def digest(history: History) -> str:
    """Sum up all that was sent and told, with its instants."""
    book = hashlib.blake2b(digest_size=16)
    for sent in history.wire:
        book.update(repr((sent.at, sent.gateway, sent.route, sent.ids, sent.ended_at, sent.outcome)).encode())
    for session in history.sessions:
        book.update(repr((session.reader, session.begun_at, session.ended, session.ended_at)).encode())
        for got in session.got:
            book.update(repr((got.at, got.event.kind, got.event.id, getattr(got.event, "seq", 0))).encode())
    return book.hexdigest()
