"""The client's settings, each against what it is for: what a gateway or an environment must not be able to do."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import zlib
from pathlib import Path

import pytest

from mjwatch._runtime.transport import OverCap
from mjwatch._wire.messages import Request, Verb
from mjwatch.errors import GatewayBroken
from mjwatch.testing.scaledloop import run_scaled
from tests.runtime.carriers import LIST, LOOK, OK, TOKEN, answering, failure, opened
from tests.runtime.rawserver import Handler, RawServer, serving


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [LOOK, LIST], ids=["GET", "POST"])
def test_a_redirect_dials_nobody(status: int, request_: Request) -> None:
    """On real sockets: to another host, to the same one, or in a circle, one request is all that leaves."""

    async def main() -> None:
        other = RawServer(answering(OK))
        listener = await asyncio.start_server(other.serve, "127.0.0.2", 0)
        there = listener.sockets[0].getsockname()[1]
        for location in (f"http://127.0.0.2:{there}/", "/elsewhere", "", f"//127.0.0.2:{there}/"):
            away = f"HTTP/1.1 {status} Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            raw = RawServer(answering(away.encode()))
            server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
            async with opened(server.sockets[0].getsockname()[1]) as transport:
                assert (await transport.send(request_)).status == status
            assert len(raw.heads) == 1
            server.close()
            raw.hang_up()
        assert other.connections == 0
        listener.close()

    run_scaled(main, speed=10)


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy variable is dialled, in either spelling, and no .netrc adds or changes a credential."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def main() -> None:
        proxy = RawServer(answering(OK))
        listener = await asyncio.start_server(proxy.serve, "127.0.0.2", 0)
        for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy"):
            for spelled in (name, name.upper()):
                monkeypatch.setenv(spelled, f"http://127.0.0.2:{listener.sockets[0].getsockname()[1]}")
        raw = RawServer(answering(OK))
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
        async with opened(server.sockets[0].getsockname()[1], auth="mj-api-secret") as transport:
            await transport.send(LOOK)
        assert (proxy.connections, len(raw.heads)) == (0, 1)
        assert b"authorization" not in raw.heads[0].lower()
        assert base64.b64encode(b"mallory:hunter2") not in raw.heads[0]
        for one in (server, listener):
            one.close()
        raw.hang_up()

    run_scaled(main, speed=10)


async def test_no_cookie_is_kept_or_told(caplog: pytest.LogCaptureFixture) -> None:
    """Fifty of them, some illegal: nothing comes back to the gateway, and nothing stands in a log."""
    cookies = b"".join(
        b"Set-Cookie: a%d\x07=\x1b[2J%d; Path=/; Domain=127.0.0.1\r\n" % (n, n) for n in range(50)
    )
    cookies = cookies.replace(b"\x07", b"[").replace(b"\x1b", b"(")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + cookies + b"\r\n{}"
    with caplog.at_level(logging.DEBUG):
        async with serving(answering(answer)) as raw, opened(raw.port) as transport:
            await transport.send(LOOK)
            await transport.send(LOOK)

    assert [b"cookie" in head.lower() for head in raw.heads] == [False, False]
    assert [record.name for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_nothing_of_the_credential_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    """The loop's debug mode and aiohttp's own loggers included, for a good exchange, a bad one and one called off."""
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 0.0  # every callback is told of
    with caplog.at_level(logging.DEBUG):
        async with serving(answering(OK, b"SSH-2.0\r\n\r\n")) as raw, opened(raw.port) as transport:
            await transport.send(LOOK)
            await failure(transport)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.send(LOOK), 0.0001)
    asyncio.get_running_loop().set_debug(False)

    assert caplog.records
    assert TOKEN not in caplog.text
    assert base64.b64encode(TOKEN.encode()).decode() not in caplog.text


@pytest.mark.parametrize("request_", [LOOK, LIST], ids=["GET", "POST"])
@pytest.mark.parametrize("pause", [0.0, 0.5], ids=["at once", "later"])
async def test_a_second_reply_that_nobody_asked_for_answers_nothing(request_: Request, pause: float) -> None:
    """Two replies to one request: the connection is in no known state and is not used again."""
    twin = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"X"}'

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await raw.read(reader)
            writer.write(OK)
            await asyncio.sleep(pause)
            writer.write(twin)

    async with serving(handle) as raw, opened(raw.port) as transport:
        replies = []
        for _ in range(3):
            replies.append(await transport.send(request_))
            await asyncio.sleep(1)

    assert [reply.body for reply in replies] == [b"{}"] * 3
    assert raw.connections == 3


def head(*lines: str, body: bytes = b"") -> bytes:
    """Return an answer of *lines* and *body*."""
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def packed(times: int, body: bytes) -> bytes:
    """Return *body*, compressed so many times."""
    for _ in range(times):
        body = gzip.compress(body, mtime=0)
    return body


async def test_one_layer_of_compression_is_opened_and_no_more() -> None:
    """A reply that claims two is left as it is: bytes that are no JSON, under the same cap."""
    twice = packed(2, b'{"id":"1"}')
    once = gzip.compress(b'{"id":"1"}', mtime=0)
    answers = (
        head("Content-Encoding: gzip", body=once),
        head("Content-Encoding: gzip", body=twice),
        head("Content-Encoding: gzip, gzip", body=twice),
        head("Content-Encoding: x-gzip", body=once),
        head("Content-Encoding: rot13", body=once),
        head("Content-Encoding: deflate", body=zlib.compress(b'{"id":"1"}')),
    )
    got = []
    for answer in answers:
        async with serving(answering(answer)) as raw, opened(raw.port) as transport:
            got.append((await transport.send(LOOK)).body)

    assert got == [b'{"id":"1"}', once, twice, once, once, b'{"id":"1"}']


@pytest.mark.parametrize("encoding", ["br", "zstd"])
async def test_what_was_never_offered_is_a_fault(encoding: str) -> None:
    """Decoders that we did not ask for stay out of play, or end at the cap: no reply comes of this."""
    async with (
        serving(answering(head(f"Content-Encoding: {encoding}", body=b"\x28\xb5\x2f\xfd" * 9))) as raw,
        opened(raw.port) as transport,
    ):
        assert isinstance(await failure(transport), GatewayBroken)


@pytest.mark.parametrize(
    "reply_head",
    [
        b"HTTP/1.1 200 " + b"O" * 9_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"N" * 9_000 + b": x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 65 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: ２\r\n\r\n{}".encode(),  # noqa: RUF001 - a digit, but not one of HTTP
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
    ],
    ids=[
        "reason", "name", "count", "nul", "underscore", "plus", "fullwidth", "both", "negative", "huge",
    ],
)  # fmt: skip
async def test_heads_and_frames_are_bounded_and_strict(reply_head: bytes) -> None:
    """One broken exchange, and a new connection after it."""
    async with serving(answering(reply_head)) as raw, opened(raw.port) as transport:
        for _ in range(2):
            assert isinstance(await failure(transport), GatewayBroken)

    assert raw.connections == 2


def endless() -> Handler:
    """Never stop writing."""

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")  # until the connection ends, which it does not
        while not writer.is_closing():
            writer.write(b" " * 65_536)
            await writer.drain()

    return handle


@pytest.mark.parametrize("verb", [Verb.LOOK, Verb.SEED])
async def test_a_body_without_end_ends_at_the_cap(verb: Verb) -> None:
    """Without a length, and without a pause that a timeout could see."""
    async with serving(endless()) as raw, opened(raw.port) as transport:
        with pytest.raises(OverCap):
            await transport.send(Request(verb, "GET", "/mj"))
