"""Promises of `SimLoop`, its network, and `simulate`."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import aiohttp.connector
import anyio
import pytest
from aiohttp import web
from anyio.abc import TaskStatus

from mjwatch.testing.simloop import SimDeadlock, SimLeak, SimLoop, current_loop, simulate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hello(_: web.Request) -> web.Response:
    """Answer at once."""
    return web.Response(text="hello")


async def peer_port(request: web.Request) -> web.Response:
    """Answer with the number of the client's port: one port, one connection."""
    assert request.transport is not None
    return web.Response(text=str(request.transport.get_extra_info("peername")[1]))


@asynccontextmanager
async def served(handler: Handler, *, keepalive: float = 75.0) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve *handler* on a port of its own; yield a session whose base URL is there."""
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=keepalive)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:
            yield session
    finally:
        await runner.cleanup()


async def get(session: aiohttp.ClientSession) -> str:
    """Ask once."""
    async with session.get("/") as response:
        return await response.text()


class TestTime:
    def test_ten_minutes_take_milliseconds(self) -> None:
        """A sleep costs no real time, and exactly its virtual time."""

        async def main() -> float:
            started_at = current_loop().time()
            await asyncio.sleep(600)
            return current_loop().time() - started_at

        started_at = time.perf_counter()
        slept = simulate(main)

        assert slept == 600
        assert time.perf_counter() - started_at < 1

    async def test_weeks_are_exact(self) -> None:
        """A sleep longer than asyncio's longest wait ends when it should."""
        started_at = current_loop().time()
        await anyio.sleep(21 * 86_400)

        assert pytest.approx(21 * 86_400, abs=1e-6) == current_loop().time() - started_at

    async def test_anyio_deadlines_are_virtual(self) -> None:
        """A deadline of anyio passes in virtual time, under anyio's own test runner."""
        with anyio.move_on_after(3600) as scope:
            await anyio.sleep_forever()

        assert scope.cancelled_caught

    def test_hang_is_a_deadlock(self) -> None:
        """Waiting for what cannot happen raises, and tells who waits."""

        async def waits_in_vain() -> None:
            await asyncio.Event().wait()

        with pytest.raises(SimDeadlock, match=r"Task-1 in .*waits_in_vain:\d+ > Event.wait:\d+"):
            simulate(waits_in_vain)

    def test_libraries_are_given_back(self) -> None:
        """What is swapped in other libraries is swapped for the time of the run only."""

        async def main() -> bool:
            return aiohttp.connector.monotonic is time.monotonic  # type: ignore[attr-defined]

        inside = simulate(main)

        assert not inside
        assert time.monotonic is aiohttp.connector.monotonic  # type: ignore[attr-defined]


class TestWork:
    async def test_runs_inline_and_later(self) -> None:
        """A job for an executor runs in this thread, without a running loop, and costs virtual time."""
        started_at = current_loop().time()

        def work() -> int:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            return threading.get_ident()

        assert threading.get_ident() == await asyncio.to_thread(work)
        assert current_loop().time() > started_at

    async def test_error_comes_back(self) -> None:
        """What a job raises is raised where it is awaited."""
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)


class TestHttp:
    async def test_exchange(self) -> None:
        """The client and the server of aiohttp talk over a plain TCPConnector and a 127.0.0.1 URL."""

        async def slow(request: web.Request) -> web.Response:
            await asyncio.sleep(60)
            return web.Response(body=await request.read())

        async with served(slow) as session:
            started_at = current_loop().time()
            async with session.post("/", data=b"x" * 1_000_000) as response:
                body = await response.read()

        assert body == b"x" * 1_000_000
        assert 60 < current_loop().time() - started_at < 62

    async def test_opens_no_real_socket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No descriptor is ever made for a connection or a listener."""
        monkeypatch.setattr(socket.socket, "__init__", lambda *_, **__: pytest.fail("a real socket"))
        async with served(hello) as session:
            text = await get(session)

        assert text == "hello"

    async def test_connection_is_kept_alive(self) -> None:
        """Two requests within the keep-alive time share a connection."""
        async with served(peer_port) as session:
            first = await get(session)
            await asyncio.sleep(10)

            assert first == await get(session)

    async def test_connection_ages(self) -> None:
        """The client's pool forgets a connection after 15 virtual seconds."""
        async with served(peer_port) as session:
            first = await get(session)
            await asyncio.sleep(16)

            assert first != await get(session)

    async def test_server_ends_idle_connections(self) -> None:
        """The server's keep-alive time runs too, and the client learns that the connection is over."""
        async with served(hello, keepalive=5) as session:
            await get(session)
            await asyncio.sleep(7)

            assert list(current_loop().open_transports) == []

    async def test_names_resolve(self) -> None:
        """Every name is the one machine, unless the test says it is unknown."""
        async with served(hello) as session:
            assert session._base_url is not None
            port = session._base_url.port
            async with session.get(f"http://gateway.example:{port}/") as response:
                assert response.status == 200

            current_loop().network.unknown_hosts = frozenset({"other.example"})
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.get(f"http://other.example:{port}/")

    async def test_no_tls(self) -> None:
        """TLS is refused with a clear word."""
        async with served(hello) as session:
            assert session._base_url is not None
            with pytest.raises(NotImplementedError, match="TLS"):
                await session.get(f"https://127.0.0.1:{session._base_url.port}/")

    async def test_port_in_use(self) -> None:
        """A port has one listener at a time."""
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 8080)
        with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            await asyncio.start_server(lambda *_: None, "127.0.0.1", 8080)
        server.close()
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 8080)

        assert server.sockets[0].getsockname() == ("127.0.0.1", 8080)
        server.close()


class TestFaults:
    async def test_refused(self) -> None:
        """A network that refuses looks like nobody listening."""
        async with served(hello) as session:
            current_loop().network.is_refusing = True
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await get(session)

        assert caught.value.errno == errno.ECONNREFUSED

    async def test_reset_within_a_body(self) -> None:
        """A reset reaches a client that has read a part of the body."""

        async def half(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "2000"})
            await response.prepare(request)
            await response.write(b"x" * 1000)
            await asyncio.sleep(1)
            current_loop().network.replies.reset_probability = 1
            await response.write(b"x" * 1000)
            return response

        async with served(half) as session, session.get("/") as response:
            first = await response.content.readexactly(1000)
            with pytest.raises(aiohttp.ClientError):
                await response.content.readexactly(1000)

        assert first == b"x" * 1000

    @pytest.mark.parametrize("direction", ["requests", "replies"])
    async def test_silence_on_a_connection(self, direction: str) -> None:
        """Lost bytes end in the client's own timeout, in virtual time."""
        async with served(hello) as session:
            await get(session)
            getattr(current_loop().network, direction).is_blackhole = True
            started_at = current_loop().time()
            with pytest.raises(TimeoutError):
                await session.get("/", timeout=aiohttp.ClientTimeout(total=30))

        assert 30 <= current_loop().time() - started_at < 32

    async def test_silence_while_connecting(self) -> None:
        """A connection to a black hole times out: in the client if it asked for that, else in the kernel."""
        async with served(hello) as session:
            current_loop().network.requests.is_blackhole = True
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await session.get("/", timeout=aiohttp.ClientTimeout(sock_connect=4))
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get("/", timeout=aiohttp.ClientTimeout(total=None, sock_connect=None))

        assert caught.value.errno == errno.ETIMEDOUT

    @pytest.mark.parametrize("latency", [(0, 0), (0, 2)])
    async def test_slices_keep_their_order(self, latency: tuple[float, float]) -> None:
        """However the bytes are cut and delayed, the body is the same."""
        body = bytes(range(256)) * 1000

        async def echo(request: web.Request) -> web.Response:
            return web.Response(body=await request.read())

        async with served(echo) as session:
            for route in (current_loop().network.requests, current_loop().network.replies):
                route.slice_probability, route.latency = 0.9, latency
            async with session.post("/", data=body) as response:
                assert body == await response.read()

    async def test_slow_reader_pauses_the_writer(self) -> None:
        """A writer whose reader does not read has to wait."""
        pipes: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        server = await asyncio.start_server(lambda *pipe: pipes.append(pipe), "127.0.0.1", 8080)
        _, writer = await asyncio.open_connection("127.0.0.1", 8080)
        writer.write(b"x" * 1_000_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await writer.drain()
        async with asyncio.timeout(60):
            await pipes[0][0].readexactly(1_000_000)
            await writer.drain()
        for closing in (writer, pipes[0][1], server):
            closing.close()

    async def test_lost_bytes_are_never_skipped(self) -> None:
        """A connection that lost bytes stays silent when the black hole is gone."""
        network = current_loop().network
        pipes: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        server = await asyncio.start_server(lambda *pipe: pipes.append(pipe), "127.0.0.1", 8080)
        _, writer = await asyncio.open_connection("127.0.0.1", 8080)
        for network.requests.is_blackhole, words in ((False, b"heard"), (True, b"lost"), (False, b"late")):
            writer.write(words)
            await asyncio.sleep(1)

        assert await pipes[0][0].read(100) == b"heard"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await pipes[0][0].read(100)
        for closing in (writer, pipes[0][1], server):
            closing.close()

    async def test_reset_reaches_both_sides(self) -> None:
        """Who wrote into a reset learns of it as well."""
        pipes: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        server = await asyncio.start_server(lambda *pipe: pipes.append(pipe), "127.0.0.1", 8080)
        reader, writer = await asyncio.open_connection("127.0.0.1", 8080)
        current_loop().network.requests.reset_probability = 1
        writer.write(b"x")
        await asyncio.sleep(1)

        for side in (reader, pipes[0][0]):
            with pytest.raises(ConnectionResetError):
                await side.read()
        assert not current_loop().open_transports
        server.close()

    async def test_half_close(self) -> None:
        """A client that has said everything can still listen."""

        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(str(len(await reader.read())).encode())
            writer.close()

        server = await asyncio.start_server(count, "127.0.0.1", 8080)
        reader, writer = await asyncio.open_connection("127.0.0.1", 8080)
        writer.write(b"x" * 1000)
        writer.write_eof()

        assert await reader.read() == b"1000"
        with pytest.raises(RuntimeError, match="write_eof"):
            writer.write(b"more")
        writer.close()
        server.close()


class TestLeaks:
    def test_clean_program_passes(self) -> None:
        """A program that closes what it opened leaves nothing."""

        async def main() -> str:
            async with served(hello) as session:
                return await get(session)

        assert simulate(main) == "hello"

    def test_task(self) -> None:
        """An asyncio task that outlives the program is named."""
        tasks: list[asyncio.Task[None]] = []

        async def outlives() -> None:
            await asyncio.sleep(1)

        async def main() -> None:
            tasks.append(current_loop().create_task(outlives()))

        with pytest.raises(SimLeak, match="outlives"):
            simulate(main)

    def test_transport_and_listener(self) -> None:
        """A connection and a listener that were not closed are named."""

        async def main() -> None:
            await current_loop().create_server(asyncio.Protocol, "127.0.0.1", 8080)
            await current_loop().create_connection(asyncio.Protocol, "127.0.0.1", 8080)

        with pytest.raises(
            SimLeak, match=r"listener on port 8080\ntransport <SimTransport client 40000 -> 8080>"
        ):
            simulate(main)

    def test_timer(self) -> None:
        """A timer that is still armed is named."""

        async def main() -> None:
            current_loop().call_later(5, divmod, 1, 1)

        with pytest.raises(SimLeak, match="timer <TimerHandle"):
            simulate(main)

    def test_swallowed_error(self) -> None:
        """An error that only the loop's exception handler saw is an error."""

        async def main() -> None:
            current_loop().call_soon(divmod, 1, 0)
            await asyncio.sleep(1)

        with pytest.raises(SimLeak, match="ZeroDivisionError"):
            simulate(main)

    def test_protocol_that_raises(self) -> None:
        """A protocol's error is told, and ends its connection."""

        class Fussy(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                raise ValueError(data)

        async def main() -> None:
            server = await current_loop().create_server(Fussy, "127.0.0.1", 8080)
            transport, _ = await current_loop().create_connection(asyncio.Protocol, "127.0.0.1", 8080)
            transport.write(b"x")
            server.close()
            await asyncio.sleep(1)

        with pytest.raises(SimLeak, match=r"the end:\nuncaught: .*ValueError\(b'x'\)"):
            simulate(main)

    def test_error_of_the_program_wins(self) -> None:
        """A program's own error is not hidden by what it leaves."""

        async def main() -> None:
            current_loop().call_later(5, divmod, 1, 1)
            raise LookupError

        with pytest.raises(LookupError):
            simulate(main)


async def storm() -> str:
    """Many clients, many faults, cancellation in between; return the digest of all that happened."""
    loop = current_loop()

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(loop.rng.uniform(0, 2))
        try:
            return web.Response(body=await request.read() * 100)
        except ConnectionResetError:
            return web.Response(status=400)

    async def client(session: aiohttp.ClientSession, number: int, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        try:
            while True:
                try:
                    async with session.post(
                        "/", data=b"x" * number, timeout=aiohttp.ClientTimeout(1)
                    ) as response:
                        loop.note(number, await response.read())
                except (aiohttp.ClientError, TimeoutError) as error:
                    loop.note(number, type(error).__name__)
        finally:
            loop.note("cancelled", number)

    async with served(handler) as session:
        loop.network.replies.slice_probability = 0.5
        loop.network.replies.reset_probability = 0.05
        async with anyio.create_task_group() as group:
            for number in range(12):
                await group.start(client, session, number)
            await anyio.sleep(10)
            group.cancel_scope.cancel()
    return loop.digest()


class TestOneOrder:
    def test_same_seed_same_run(self) -> None:
        """In one process, a seed means one run; another seed another one."""
        digests = [simulate(storm, seed=seed) for seed in (1, 1, 2)]

        assert digests[0] == digests[1] != digests[2]

    def test_same_run_in_every_process(self) -> None:
        """A seed means the same run whatever the hash seed of the process is."""
        code = "import runpy, sys; names = runpy.run_path(sys.argv[1]); print(names['simulate'](names['storm'], seed=3))"
        processes = [
            subprocess.Popen(  # noqa: S603 - this file
                [sys.executable, "-c", code, __file__],
                env={**os.environ, "PYTHONHASHSEED": hash_seed},
                stdout=subprocess.PIPE,
                text=True,
            )
            for hash_seed in ("1", "2")
        ]
        digests = [process.communicate(timeout=30)[0].strip() for process in processes]

        assert digests == [simulate(storm, seed=3)] * 2

    def test_cancellation(self) -> None:
        """The children of a task group are cancelled in one order, in this process and all others."""

        async def main() -> list[int]:
            order: list[int] = []
            garbage = [object() for _ in range(current_loop().rng.randrange(1000))]  # moves the addresses

            async def child(number: int) -> None:
                try:
                    await anyio.sleep_forever()
                finally:
                    order.append(number)

            async with anyio.create_task_group() as group:
                for number in range(50):
                    group.start_soon(child, number)
                    garbage.append([number] * number)
                await anyio.sleep(1)
                group.cancel_scope.cancel()
            return order

        runs = [simulate(main, seed=seed) for seed in range(3)]

        assert sorted(runs[0]) == list(range(50))
        assert runs == [runs[0]] * 3

    def test_sets_of_tasks(self) -> None:
        """A set of asyncio tasks or futures has one order, in this process and all others."""

        async def main() -> list[str]:
            tasks = {current_loop().create_task(asyncio.sleep(1)) for _ in range(50)}
            futures: set[asyncio.Future[None]] = {current_loop().create_future() for _ in range(50)}
            await asyncio.gather(*tasks)
            return [task.get_name() for task in tasks] + [str(hash(future)) for future in futures]

        garbage, runs = [], []
        for number in range(3):
            runs.append(simulate(main))
            garbage.append([object() for _ in range(number * 1000)])

        assert runs == [runs[0]] * 3

    async def test_call_soon_is_fifo(self) -> None:
        """Callbacks that are due run in the order in which they were asked for."""
        order: list[int] = []
        for number in range(100):
            current_loop().call_soon(order.append, number)
        await asyncio.sleep(0)

        assert list(range(100)) == order

    def test_outside_of_a_loop(self) -> None:
        """`current_loop` answers inside of a SimLoop only."""

        async def main() -> SimLoop:
            return current_loop()

        assert isinstance(simulate(main), SimLoop)
        with pytest.raises(TypeError, match="not in a SimLoop"):
            asyncio.run(main())
