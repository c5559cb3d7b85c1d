"""The gateway's side: a process that costs little, answers raw HTTP, and ends when its input does.

An asyncio Protocol that knows just enough HTTP for keep-alive clients. `POST /begin` opens a scene in the place of the
last one, `GET /counts` says what was asked in it; all other POSTs are list requests, all other GETs single lookups.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

import orjson

from benchmarks.floors.children import pin
from benchmarks.floors.payloads import Book, Lot

_HEAD_ENDS: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Desk:
    """The present scene, and what was asked in it."""

    def __init__(self) -> None:
        self._book = Book(Lot(), time.monotonic())
        self.requests = 0
        self.asked = 0

    def answer(self, is_post: bool, path: bytes, body: bytes) -> bytes:
        """Return the body of a reply."""
        now = time.monotonic()
        if path == b"/begin":
            self._book = Book(Lot(**orjson.loads(body)), now)
            self.requests = self.asked = 0
            return b"{}"
        if path == b"/counts":
            return orjson.dumps({"requests": self.requests, "asked": self.asked})
        self.requests += 1
        if is_post:
            ids = orjson.loads(body)["ids"]
            self.asked += len(ids)
            return self._book.reply(ids, now)
        self.asked += 1
        return self._book.one(path.split(b"/")[3].decode(), now)


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._unread = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._unread += data
        while (end := self._unread.find(_HEAD_ENDS)) >= 0:
            head = bytes(self._unread[:end])
            until = end + len(_HEAD_ENDS) + _length(head)
            if len(self._unread) < until:
                return
            body = bytes(self._unread[end + len(_HEAD_ENDS) : until])
            del self._unread[:until]
            method, path, _ = head.split(b" ", 2)
            reply = self._desk.answer(method == b"POST", path, body)
            assert self._transport is not None
            self._transport.write(_HEAD % len(reply) + reply)


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(_LENGTH)
    return 0 if start < 0 else int(lowered[start + len(_LENGTH) :].split(b"\r\n", 1)[0])


async def serve() -> None:
    """Say the port, and answer until the input ends."""
    loop = asyncio.get_running_loop()
    desk = Desk()
    server = await loop.create_server(lambda: Line(desk), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)  # nothing is ever written there: readable means closed
    await ended.wait()
    loop.remove_reader(sys.stdin)
    server.close()


if __name__ == "__main__":
    pin(1)
    asyncio.run(serve())
