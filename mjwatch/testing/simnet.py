"""
The network inside a `SimLoop`: sockets without descriptors, and transports whose bytes take virtual time.

One machine, TCP only: every name is 127.0.0.1 and a port is an address. Nothing here opens a real socket or reads a
real clock, and no dice but the loop's are thrown.
"""

# ruff: noqa: SLF001 - a socket and the two sides of its connection are one thing

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from mjwatch.testing.simloop import SimLoop

LOCALHOST = "127.0.0.1"
_FULL, _DRAINED = 64 * 1024, 16 * 1024  # asyncio's own marks for pausing and resuming a writer
_LARGEST = 64 * 1024  # what is read at once
_END = b""  # what travels in place of bytes when a side closes


@define(kw_only=True)
class Route:
    """
    How one direction of every connection carries bytes; may be changed while the loop runs.

    Attributes:
        latency: The shortest and longest time a chunk is under way.
        slice_probability: How likely a chunk is cut in two; asked again for the second half.
        reset_probability: How likely a write arrives in part only, with a reset for both sides after it.
        is_blackhole: Bytes vanish. TCP has no holes, so a connection that lost some stays silent for good.
    """

    latency: tuple[float, float] = (0.001, 0.005)
    slice_probability: float = 0.0
    reset_probability: float = 0.0
    is_blackhole: bool = False


@define(kw_only=True)
class Network:
    """
    The weather: small latencies and no faults, until a test says otherwise.

    Attributes:
        requests: From those who connect to those who listen.
        replies: The way back.
        connect_latency: The shortest and longest time to resolve a name, and to connect.
        connect_timeout: When the kernel gives up on a silent peer.
        work_latency: How long a job for an executor waits before it runs, and again before it is known.
        is_refusing: Every new connection is refused, as if nobody listened.
        unknown_hosts: Names that do not resolve.
    """

    requests: Route = Factory(Route)
    replies: Route = Factory(Route)
    connect_latency: tuple[float, float] = (0.001, 0.005)
    connect_timeout: float = 127.0  # Linux: six SYN retries
    work_latency: tuple[float, float] = (0.0, 0.002)
    is_refusing: bool = False
    unknown_hosts: frozenset[str] = frozenset()


def fault(code: int) -> OSError:
    """Build the error that the kernel would raise, of the right subclass."""
    return OSError(code, os.strerror(code))


class SimSocket(socket.socket):
    """A TCP socket that never had a descriptor: it knows its addresses and the transport behind it."""

    def __init__(self, port: int = 0, peer_port: int = 0) -> None:  # never calls up: that would open one
        self.port = port
        self.peer_port = peer_port
        self.transport: SimTransport | None = None

    @property
    def family(self) -> socket.AddressFamily:
        """Always IPv4."""
        return socket.AF_INET

    @property
    def type(self) -> socket.SocketKind:
        """Always a stream."""
        return socket.SOCK_STREAM

    def getsockname(self) -> tuple[str, int]:
        """Tell this side's address."""
        return LOCALHOST, self.port

    def getpeername(self) -> tuple[str, int]:
        """Tell the other side's address."""
        return LOCALHOST, self.peer_port

    def setblocking(self, flag: bool, /) -> None:
        """Do nothing: a virtual socket never blocks."""

    def setsockopt(self, *_options: object) -> None:
        """Do nothing: there is no kernel to tune."""

    def listen(self, backlog: int = 0, /) -> None:
        """Do nothing: the loop keeps the listeners."""

    def hand_over(self, protocol: asyncio.BaseProtocol) -> SimTransport:
        """Give the connection to its *protocol*."""
        if self.transport is None:
            raise fault(errno.ENOTCONN)
        self.transport._attach(protocol)
        return self.transport

    def close(self) -> None:
        """Abort a connection that nobody took over."""
        if self.transport is not None and not self.transport.is_attached:
            self.transport.abort()


class SimTransport(asyncio.Transport):
    """
    One side of a connection.

    What it sends waits in the other side's queue and is taken out in the order it was sent. A timer says only *that*
    something arrives, so nothing overtakes, whatever the dice say and asyncio's heap does with equal instants.
    """

    peer: SimTransport

    def __init__(self, loop: SimLoop, sock: SimSocket, *, is_client: bool) -> None:
        names = {"socket": sock, "sockname": sock.getsockname(), "peername": sock.getpeername()}
        super().__init__(names)
        self._protocol = asyncio.Protocol()  # nobody yet
        self.is_attached = False
        self._loop, self._sock, self._is_client = loop, sock, is_client
        self._coming: deque[bytes | None] = deque()  # under way to us; None is a reset
        self._unread: deque[bytes | None] = deque()  # arrived, not yet taken by the protocol
        self._unacknowledged = 0  # bytes we sent that the other side has not taken
        self._is_reading = self._is_full = self._has_ended = self._is_closing = self._is_lost = (
            self._is_cut
        ) = False
        sock.transport = self
        loop.open_transports[self] = None

    def __repr__(self) -> str:
        side = "client" if self._is_client else "server"
        return f"<SimTransport {side} {self._sock.port} -> {self._sock.peer_port}>"

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Tell who reads."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError(f"SimLoop knows no such protocol: {protocol!r}")
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Tell whether this side closed, or lost, the connection."""
        return self._is_closing

    def is_reading(self) -> bool:
        """Tell whether the protocol takes bytes."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Keep what arrives."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Give what was kept, and go on."""
        self._is_reading = True
        self._loop.call_soon(self._give)

    def get_write_buffer_size(self) -> int:
        """Tell how many bytes the other side has not taken."""
        return self._unacknowledged

    def can_write_eof(self) -> bool:
        """TCP can close one direction."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, in as many pieces as the dice want."""
        if self._is_closing or not data:
            return
        if self._has_ended:
            raise RuntimeError("written after write_eof()")
        route, dice, rest = self._route, self._loop.rng, bytes(data)
        is_torn = dice.random() < route.reset_probability
        if is_torn:
            rest = rest[: dice.randrange(len(rest))]
        while len(rest) > 1 and (dice.random() < route.slice_probability or len(rest) > _LARGEST):
            cut = dice.randrange(1, min(len(rest), _LARGEST))
            self._send(rest[:cut])
            rest = rest[cut:]
        if rest:
            self._send(rest)
        if is_torn:
            self._send(None)
            self.peer._send(None)
        if self._unacknowledged > _FULL and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """Close our direction only."""
        if not self._has_ended:
            self._has_ended = True
            self._send(_END)

    def close(self) -> None:
        """Close; the other side learns it after everything sent before."""
        if not self._is_closing:
            self._is_closing = True
            self.write_eof()
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """Reset."""
        if not self._is_lost:
            self._is_closing = True
            self._send(None)
            self._loop.call_soon(self._lose, None)

    def _attach(self, protocol: asyncio.BaseProtocol) -> None:
        self.is_attached = True
        self.set_protocol(protocol)
        self._loop.call_soon(protocol.connection_made, self)
        self.resume_reading()

    @property
    def _route(self) -> Route:
        return self._loop.network.requests if self._is_client else self._loop.network.replies

    def _send(self, chunk: bytes | None) -> None:
        route = self._route
        self._unacknowledged += len(chunk or _END)
        self._is_cut = self._is_cut or route.is_blackhole
        if not self._is_cut:
            self.peer._coming.append(chunk)
            self._loop.call_later(self._loop.rng.uniform(*route.latency), self.peer._arrive)

    def _arrive(self) -> None:
        chunk = self._coming.popleft()
        if not self._is_closing:
            self._unread.append(chunk)
            self._give()
        elif chunk:  # the kernel answers bytes for a closed socket with a reset
            self._send(None)

    def _give(self) -> None:
        while self._unread and self._is_reading and not self._is_closing:
            chunk = self._unread.popleft()
            if chunk is None:
                self._lose(fault(errno.ECONNRESET))
            elif not chunk:
                if not self._protocol.eof_received():
                    self.close()
            else:
                self._loop.note(self._is_client, self._sock.port, data=chunk)
                self.peer._taken(len(chunk))
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        try:
            self._protocol.data_received(chunk)
        except Exception:
            self.abort()  # as asyncio does: a protocol that raised is in no known state
            raise

    def _taken(self, count: int) -> None:
        self._unacknowledged -= count
        if self._is_full and self._unacknowledged <= _DRAINED:
            self._is_full = False
            self._protocol.resume_writing()

    def _lose(self, error: OSError | None) -> None:
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            del self._loop.open_transports[self]
            self._protocol.connection_lost(error)


def connect(loop: SimLoop, sock: SimSocket, *, port: int, peer_port: int) -> SimSocket:
    """Join *sock*, now at *port*, with whoever listens at *peer_port*; return the listener's side."""
    sock.port, sock.peer_port = port, peer_port
    accepted = SimSocket(peer_port, port)
    near, far = SimTransport(loop, sock, is_client=True), SimTransport(loop, accepted, is_client=False)
    near.peer, far.peer = far, near
    return accepted
