"""What must hold whatever a gateway sends: one oracle for all cases, and how a case is run."""

from __future__ import annotations

import gc
import json
import logging
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from random import Random
from urllib.parse import urlsplit

import anyio
from attrs import define, field

import mjwatch
from mjwatch import Event, GatewayError, Pacing, Task, Watcher, from_json
from mjwatch._runtime.client import Looked
from mjwatch._runtime.reading import Asked
from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Route
from mjwatch.gateways import Auth
from mjwatch.observations import Observation
from mjwatch.testing import current_loop, simulate
from tests.hostile.case import OURS, Case
from tests.hostile.gateway import TOKEN, HostileGateway
from tests.runtime.rawserver import serving
from tests.watcher.stage import EPOCH, check_order

STEP = 0.050
"""The longest that the loop may stand still, in seconds of this thread's own time: others share the machine."""
MEMORY = 32 << 20
LARGE = 100_000
"""Bytes of a reply from which on time and memory are worth a closer look."""
AUTHS: dict[str, Auth] = {
    "midjourney-proxy": "mj-api-secret",
    "enveloped": "mj-api-secret",
    "trueai": "raw",
    "new-api": "bearer",
}


@define
class History:
    """
    What one run came to.

    Attributes:
        events: What the reader got, over all its attempts.
        errors: What was raised to it: documented errors only, for others end the run.
        first: What the first look came to, in a word, for each case.
    """

    events: list[Event] = field(factory=list)
    errors: list[GatewayError] = field(factory=list)
    first: dict[str, str] = field(factory=dict)


async def live(cases: Mapping[str, Case], history: History, *, is_proven: bool) -> None:
    """Look once at each case; then watch both tasks through all of them to their ends, as a patient program would."""
    wires = [case.wire for case in cases.values()]
    wires *= max(1, 4 // len(wires))  # one fault alone is not even told
    async with staged(next(iter(cases.values()))) as (gateway, watcher):
        for name, case in cases.items():
            gateway.sicken(case.wire)
            history.first[name] = await first_look(case, watcher)
            await anyio.sleep(1)  # it hangs up behind each: the next look must not go out on that connection
        if not is_proven:
            gateway.sicken(*wires)
        ended: set[str] = set()
        while len(ended) < len(OURS):
            try:
                async for event in watcher.watch(*[one for one in OURS if one not in ended]):
                    history.events.append(event)
                    if event.final and not isinstance(event, mjwatch.Unreachable | mjwatch.Recovered):
                        ended.add(event.task_id)
                    elif is_proven and len(history.events) == 1:
                        gateway.sicken(*wires)
            except (
                GatewayError
            ) as error:  # documented: before the first useful answer a standing fault is raised
                history.errors.append(error)
                await anyio.sleep(60)


async def first_look(case: Case, watcher: Watcher) -> str:
    """Return what one look at the hostile reply amounts to, in a word."""
    engine = watcher._opened()
    route = Route.FETCH if case.is_single else make_dialect(case.dialect).routes[0]
    ids = OURS[:1] if case.is_single else OURS
    looked: Looked = await engine.client.look(Asked.anew(ids), route)
    if looked.exchange.error is not None:
        check_text(str(looked.exchange.error))
    word = looked.exchange.verdict.value
    if word != "ok":
        return word
    found = looked.findings[OURS[0]]
    if isinstance(found, Observation):
        check_task(found.task)
        check_text(str(found.task))
    return f"ok: {type(found).__name__.lower()}"


@asynccontextmanager
async def staged(case: Case) -> AsyncIterator[tuple[HostileGateway, Watcher]]:
    """Open a gateway for *case* and a watcher on it."""
    hostile = HostileGateway(case.dialect == "enveloped")
    async with serving(hostile.serve) as raw:
        gateway = mjwatch.Gateway(
            name="hostile",
            base_url=f"http://127.0.0.1:{raw.port}",
            credential=TOKEN,
            auth=AUTHS[case.dialect],
            dialect=case.dialect,
        )
        async with Watcher(gateway, pacing=Pacing.every(5), rng=Random(0), wall=lambda: EPOCH) as watcher:
            yield hostile, watcher


def run(cases: Mapping[str, Case], *, is_proven: bool) -> tuple[History, float]:
    """Run *cases* in one watch, and return what came of it and the longest step of the loop, in seconds of this thread's time."""
    history = History()
    longest = [0.0]

    async def main() -> None:
        with timing(longest):
            await live(cases, history, is_proven=is_proven)

    with frozen():
        simulate(main)
    return history, longest[0]


@contextmanager
def frozen() -> Iterator[None]:
    """Keep the collector away from what other tests left: it would be walked through in our time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def timing(longest: list[float]) -> Iterator[None]:
    """Keep the longest turn of the loop in *longest*."""
    loop = current_loop()
    run_once: Callable[[], None] = loop._run_once  # type: ignore[attr-defined]  # asyncio names it nowhere

    def timed() -> None:
        begun = time.thread_time()
        run_once()
        longest[0] = max(longest[0], time.thread_time() - begun)

    loop._run_once = timed  # type: ignore[attr-defined]
    try:
        yield
    finally:
        loop._run_once = run_once  # type: ignore[attr-defined]


def memory_of(case: Case) -> int:
    """Return how many bytes a look at the hostile reply takes at its worst, beyond what was there before."""

    async def main() -> int:
        async with staged(case) as (gateway, watcher):
            await first_look(case, watcher)  # a good one: what is made once is made now
            gateway.sicken(case.wire)
            gc.collect()
            tracemalloc.start()
            try:
                await first_look(case, watcher)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    with frozen():
        return simulate(main)


def check(history: History, records: list[logging.LogRecord]) -> None:
    """Check the whole promise on one history and on all that was logged meanwhile."""
    check_order(history.events, *OURS)
    for error in history.errors:
        assert not error.transient
        check_text(str(error))
        check_text(repr(error))
    for event in history.events:
        check_text(str(event))
        if isinstance(event, mjwatch.Unreachable):
            check_text(str(event.error))
            continue
        line = event.to_json()
        assert line.isprintable()
        assert TOKEN not in line
        assert from_json(line).id == event.id
        assert json.loads(line)["specversion"] == "1.0"
        if not isinstance(event, mjwatch.Recovered):
            assert event.task_id in OURS
            check_task(event.task)
    for record in records:
        assert TOKEN not in record.getMessage()
        if record.name == "mjwatch":
            check_text(record.getMessage())


def check_text(text: str) -> None:
    """Check what is printed: nothing that a terminal or a log would obey, no credential, no end of it out of sight."""
    assert text.isprintable(), ascii(text)
    assert TOKEN not in text
    assert len(text) < 100_000


def check_task(task: Task) -> None:
    """Check the bounds of everything that a program is handed."""
    addresses = [task.image_url] + [
        url for one in (*task.images, *task.videos) for url in (one.url, one.thumbnail)
    ]
    for address in filter(None, addresses):
        assert address.lower().startswith(("http://", "https://"))
        assert len(address) <= 2048
        assert address.isprintable()
        assert " " not in address
        assert urlsplit(address).netloc
    assert task.percent is None or 0 <= task.percent <= 100
    assert max(len(task.buttons), len(task.images), len(task.videos)) <= 64
    for instant in (task.submitted_at, task.started_at, task.finished_at):
        assert instant is None or 0 < instant < 253_402_300_800
    texts = (
        task.prompt,
        task.prompt_en,
        task.description,
        task.text,
        task.state,
        task.fail_reason,
        task.note,
    )
    for text in filter(None, (*texts, task.status_word, task.seed, task.parent_id)):
        assert len(text) <= 8192
        assert text.encode()  # no half of a character: it would break whoever writes it down
