"""
`SimLoop`, an asyncio event loop with virtual time and a virtual network, the same in every process for one seed.

A sleep costs nothing, a hang is a `SimDeadlock`, and real aiohttp runs on both ends unchanged. No real socket, thread or
clock in here. While it runs, four names of libraries are swapped (`_swaps`), so run one loop at a time in a process;
`anyio.to_thread` starts threads of its own and is the one thing that must not be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import hashlib
import itertools
import random
import socket
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import NoReturn, TypeVar, TypeVarTuple

import aiohappyeyeballs
import aiohttp.connector
import aiohttp.web_response
import anyio._backends._asyncio as anyio_asyncio

from mjwatch.testing.simnet import LOCALHOST, Network, SimSocket, SimTransport, connect, fault
from mjwatch.testing.simorder import NumberedScope, SimFuture, SimTask, describe

P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class SimDeadlock(RuntimeError):
    """Nothing can ever run again: no callback is ready and no timer is armed."""


class SimLeak(RuntimeError):
    """The simulated program ended, and something of it did not."""


class _Clock:
    """What an event loop takes for a selector: it waits by moving the time."""

    def __init__(self, loop: SimLoop, now: float) -> None:
        self.loop = loop
        self.now = now  # small at first, so that a float still tells nanoseconds apart

    def select(self, timeout: float | None) -> list[object]:
        """Jump to the next timer."""
        if timeout is None:
            raise SimDeadlock("\n".join(["nothing can run again; still there:", *self.loop.leftovers()]))
        self.now += timeout
        return []


class SimLoop(asyncio.BaseEventLoop):
    """
    Run asyncio programs in virtual time.

    Attributes:
        numbers: Counts asyncio tasks, futures and cancel scopes, which would else hash by address.
        rng: The only dice; give it to what needs chance.
        network: The weather between the two ends of every connection.
        open_transports: Sides of connections that are not lost yet, oldest first.
    """

    def __init__(self, seed: int = 0, *, start: float = 1000.0) -> None:
        super().__init__()
        self._clock_resolution = 1e-9
        self._clock = self._selector = _Clock(self, start)
        self.numbers = itertools.count(1)
        self._ports = itertools.count(40_000)
        self._listeners: dict[int, Callable[[], asyncio.BaseProtocol]] = {}
        self._digest = hashlib.blake2b(digest_size=16)
        self.rng = random.Random(seed)
        self.network = Network()
        self.open_transports: dict[SimTransport, None] = {}
        self.set_task_factory(self._new_task)  # type: ignore[arg-type]  # asyncio's protocol hides the options

    def time(self) -> float:
        """Tell the virtual time."""
        return self._clock.now

    def run_forever(self) -> None:
        """Run, with the names of other libraries swapped that would break virtual time."""
        with contextlib.ExitStack() as stack:
            for module, name, value in self._swaps():
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
            super().run_forever()

    def _swaps(self) -> list[tuple[object, str, object]]:
        start_connection = aiohappyeyeballs.start_connection

        def start_virtual(*args: object, **options: object) -> object:
            options["socket_factory"] = lambda _: SimSocket()
            return start_connection(*args, **options)  # type: ignore[arg-type]  # passed on as they came

        return [
            (aiohappyeyeballs, "start_connection", start_virtual),  # TCPConnector makes its own sockets
            (aiohttp.connector, "monotonic", self.time),  # or pooled connections never age
            (aiohttp.web_response, "rfc822_formatted_time", lambda: formatdate(self._clock.now, usegmt=True)),
            (anyio_asyncio, "CancelScope", NumberedScope),
        ]

    def _process_events(self, events: list[object]) -> None:
        """No file descriptor is watched."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector, so nobody is to be woken."""

    def create_future(self) -> asyncio.Future[T]:
        """Create a future that hashes by number."""
        future: SimFuture[T] = SimFuture(loop=self)
        future.number = next(self.numbers)
        return future

    def _new_task(self, _: object, coro: Coroutine[object, object, T], **options: object) -> SimTask[T]:
        return SimTask(coro, loop=self, numbers=self.numbers, **options)

    def note(self, *values: object, data: bytes = b"") -> None:
        """Add *values* and the time to the digest, and *data* as it is. No `repr` may differ from process to process."""
        self._digest.update(repr((self._clock.now, *values, len(data))).encode())
        self._digest.update(data)

    def digest(self) -> str:
        """Sum up all that was noted, and every byte that was delivered."""
        return self._digest.hexdigest()

    def leftovers(self) -> list[str]:
        """Describe what is still there: asyncio tasks but the current one, listeners, transports, timers."""
        current = asyncio.current_task(self)
        tasks = sorted(asyncio.all_tasks(self) - {current}, key=hash)
        transports = [transport for transport in self.open_transports if not transport.is_closing()]
        armed = self._scheduled  # type: ignore[attr-defined]  # asyncio names it nowhere
        timers = [timer for timer in armed if not timer.cancelled() and not _is_delivery(timer)]
        return [
            *(f"asyncio task {describe(task)}" for task in tasks),
            *(f"listener on port {port}" for port in self._listeners),
            *(f"transport {transport!r}" for transport in transports),
            *(f"timer {timer!r}" for timer in sorted(timers)),
        ]

    async def getaddrinfo(  # type: ignore[override]  # one kind of address, of all that asyncio allows
        self, host: bytes | str | None, port: bytes | str | int | None, **_wishes: object
    ) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]:
        """Resolve: there is one machine."""
        await self._wait(self.network.connect_latency)
        if host in self.network.unknown_hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (LOCALHOST, int(port or 0)))]

    async def sock_connect(self, sock: socket.socket, address: tuple[str, int]) -> None:  # type: ignore[override]
        """Connect a `SimSocket` with whoever listens at the port."""
        if not isinstance(sock, SimSocket):
            raise TypeError(f"SimLoop opens no real socket, and connects none: {sock!r}")
        await self._wait(self.network.connect_latency)
        if self.network.requests.is_blackhole or self.network.replies.is_blackhole:
            await asyncio.sleep(self.network.connect_timeout)
            raise fault(errno.ETIMEDOUT)
        if self.network.is_refusing or (factory := self._listeners.get(address[1])) is None:
            raise fault(errno.ECONNREFUSED)
        accepted = connect(self, sock, port=next(self._ports), peer_port=address[1])
        accepted.hand_over(factory())

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: object = None,
        sock: socket.socket | None = None,
        **_tuning: object,
    ) -> tuple[asyncio.Transport, P]:
        """Connect to a listener of this loop, or take over what `sock_connect` has connected."""
        _refuse_tls(ssl)
        if sock is None:
            sock = SimSocket()
            [(*_, address)] = await self.getaddrinfo(host, port)
            await self.sock_connect(sock, address)
        return await super().create_connection(protocol_factory, sock=sock)

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: object = None,  # noqa: ARG002 - one machine, any address
        port: int | None = None,
        *,
        ssl: object = None,
        start_serving: bool = True,
        **_tuning: object,
    ) -> asyncio.Server:
        """Listen at *port*, or at the next free one."""
        _refuse_tls(ssl)
        sock = SimSocket(port or next(self._ports))
        if sock.port in self._listeners:
            raise fault(errno.EADDRINUSE)
        return await super().create_server(protocol_factory, sock=sock, start_serving=start_serving)

    async def create_datagram_endpoint(self, *_args: object, **_options: object) -> NoReturn:
        """Refuse: asyncio would open a real socket here."""
        raise NotImplementedError("SimLoop has no UDP")

    def _start_serving(
        self, factory: Callable[[], asyncio.BaseProtocol], sock: SimSocket, *_tuning: object, **_more: object
    ) -> None:
        self._listeners[sock.port] = factory

    def _stop_serving(self, sock: SimSocket) -> None:
        self._listeners.pop(sock.port, None)

    def _make_socket_transport(
        self, sock: SimSocket, protocol: asyncio.BaseProtocol, waiter: asyncio.Future[None], **_more: object
    ) -> SimTransport:
        transport = sock.hand_over(protocol)
        self.call_soon(_unless_cancelled, waiter, functools.partial(waiter.set_result, None))
        return transport

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 - no thread is started
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run *func* here, a little later; as with a thread, its outcome is known later still."""
        future: asyncio.Future[T] = self.create_future()
        latency = self.network.work_latency

        def work() -> None:
            if future.cancelled():
                return
            asyncio.events._set_running_loop(None)  # noqa: SLF001 - a thread has no loop
            try:
                settle = functools.partial(future.set_result, func(*args))
            except BaseException as error:  # noqa: BLE001 - so does concurrent.futures
                settle = functools.partial(future.set_exception, error)
            finally:
                asyncio.events._set_running_loop(self)  # noqa: SLF001
            self.call_later(self.rng.uniform(*latency), _unless_cancelled, future, settle)

        self.call_later(self.rng.uniform(*latency), work)
        return future

    async def _wait(self, span: tuple[float, float]) -> None:
        await asyncio.sleep(self.rng.uniform(*span))


def _unless_cancelled(future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not future.cancelled():
        settle()


def _refuse_tls(ssl: object) -> None:
    if ssl:
        raise NotImplementedError("SimLoop has no TLS: use http://")


def _is_delivery(timer: asyncio.TimerHandle) -> bool:
    """Tell whether *timer* belongs to the network, not to the program."""
    return isinstance(getattr(timer._callback, "__self__", None), SimTransport)  # type: ignore[attr-defined]  # noqa: SLF001


def current_loop() -> SimLoop:
    """Return the running `SimLoop`."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        raise TypeError(f"not in a SimLoop but in {loop!r}")
    return loop


def simulate(main: Callable[[], Coroutine[object, object, T]], *, seed: int = 0) -> T:
    """
    Run *main* in a fresh `SimLoop` and return what it returns.

    Raises:
        SimLeak: *main* left an asyncio task, listener, transport or timer, or an error that nobody has caught.
        SimDeadlock: *main* waits for what cannot happen.
    """
    errors: list[str] = []
    loop = SimLoop(seed)
    loop.set_exception_handler(lambda _, context: errors.append(f"uncaught: {context!r}"))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main())
        left = loop.leftovers()
        for transport in list(loop.open_transports):
            transport.abort()
    if left or errors:
        raise SimLeak("\n".join(["still there at the end:", *left, *errors]))
    return result


def sim_backend(*, seed: int = 0) -> tuple[str, dict[str, Callable[[], SimLoop]]]:
    """Return the value for anyio's `anyio_backend` fixture that runs each test in a `SimLoop`."""
    return "asyncio", {"loop_factory": functools.partial(SimLoop, seed)}
