"""What is fuzzed. Each target takes any bytes; whatever it raises, and whatever takes too long, is a finding."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import Callable
from typing import Final

from mjwatch._policy.fold import fold
from mjwatch._policy.state import State
from mjwatch._runtime.aiohttp_transport import AiohttpTransport
from mjwatch._runtime.transport import OverCap
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Malformed, Reply, Request, Verb
from mjwatch.errors import GatewayError
from mjwatch.gateways import DialectName, Gateway
from mjwatch.observations import Observation, Watch
from mjwatch.testing import simulate
from tests.hostile.gateway import TOKEN
from tests.hostile.oracle import check_task, check_text
from tests.runtime.rawserver import serving

FAMILIES: Final[tuple[DialectName, ...]] = ("midjourney-proxy", "trueai", "new-api", "enveloped")
STATUSES: Final = (200, 200, 200, 204, 400, 401, 404, 429, 500, 503, 302)
SLOW: Final = {
    "replies": 0.050,
    "streams": 1.0,
}  # a stream is mostly the virtual network's own work, byte by byte
MEMORY: Final = 64 << 10
"""KiB that the process may grow by within one input: 64 MiB."""

Target = Callable[[bytes], None]


class TooSlow(Exception):
    """An input took longer than `SLOW`, three times."""


class TooMuch(Exception):
    """An input made the process grow by more than `MEMORY`."""


def replies(data: bytes) -> None:
    """Bytes of a reply: wire, decode, fold. The first two bytes choose family, route and status."""
    if len(data) < 2:
        return
    dialect = make_dialect(FAMILIES[data[0] % 4])
    reply = Reply(STATUSES[data[1] % len(STATUSES)], data[2:], at=1.7e9)
    opened = dialect.open_fetch(reply) if data[0] & 4 else dialect.open_list(reply, 1 + (data[0] >> 3))
    check_text(opened.detail)
    assert opened.retry_after is None or 0 <= opened.retry_after <= 300
    states: dict[str, State | None] = {}
    watch = Watch("1", None, 1.7e9, None, wants_progress=True)
    for place, (piece, digest) in enumerate(zip(opened.slices, dialect.digests(opened.slices), strict=True)):
        try:
            seen = dialect.decode(piece, asked="1", digest=digest)
        except Malformed as error:
            check_id(error.task_id)
            continue
        task_id = seen.task.id
        states[task_id] = folded(states.get(task_id), watch.named(task_id), seen, 1.7e9 + place)
    read_seed(dialect, reply)


def folded(state: State | None, watch: Watch, seen: Observation, now: float) -> State | None:
    """Fold *seen*, and check what is told of it."""
    check_task(seen.task)
    check_id(seen.task.id)
    step = fold(state, seen, watch, now, gateway="fuzz")
    for event in step.events:
        check_text(str(event))
        assert event.to_json().isprintable()
    return step.state


def read_seed(dialect: Dialect, reply: Reply) -> None:
    """Read *reply* as the two other kinds, too."""
    _, seed = dialect.read_seed(reply)
    check_text(seed or "")
    check_text(dialect.read_done(reply).detail)


def check_id(task_id: str | None) -> None:
    """Check that an id may be asked for."""
    assert task_id is None or (task_id.isascii() and ".." not in task_id and "/" not in task_id)


def streams(data: bytes) -> None:
    """Send a raw response to the real client, in pieces that the first bytes choose. Over the in-memory network."""
    simulate(lambda: exchange(data))


async def exchange(data: bytes) -> None:
    """Ask once, and be answered *data*."""
    sizes, wire = [1 + size for size in data[:4]] or [1], data[4:]

    async def answer(_raw: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        at = turn = 0
        while at < len(wire) and not writer.is_closing():
            size = sizes[turn % 4 % len(sizes)]
            writer.write(wire[at : at + size])
            at, turn = at + size, turn + 1
            if turn % 16 == 0:
                await asyncio.sleep(0)

    async with serving(answer) as raw:
        gateway = Gateway(name="fuzz", base_url=f"http://127.0.0.1:{raw.port}", credential=TOKEN)
        transport = AiohttpTransport(gateway, asyncio.get_running_loop().time)
        try:
            with contextlib.suppress(OverCap):
                reply = await transport.send(Request(Verb.LOOK, "GET", "/mj/task/1/fetch"))
                dialect = make_dialect("new-api")
                for piece in dialect.open_fetch(reply).slices:
                    with contextlib.suppress(Malformed):
                        check_task(dialect.decode(piece, asked="1").task)
        except GatewayError as error:
            check_text(str(error))
            check_alone(error)
        finally:
            await transport.aclose()


def check_alone(error: GatewayError) -> None:
    """Check that no foreign error comes along: aiohttp's hold the request."""
    assert error.__context__ is error.__cause__ is None


def bounded(name: str) -> Target:
    """Return the target *name* with the contract around it: fast, and small."""
    target, slow = TARGETS[name], SLOW[name]

    def run(data: bytes) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.thread_time()
        target(data)
        took = time.thread_time() - begun
        if took > slow:
            for _ in range(2):  # best of three: a machine has slow moments, and coverage a first time
                begun = time.thread_time()
                target(data)
                took = min(took, time.thread_time() - begun)
            if took > slow:
                raise TooSlow(f"{took:.3f} s")
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > before + MEMORY:
            raise TooMuch

    return run


TARGETS: Final[dict[str, Target]] = {"replies": replies, "streams": streams}
