"""The credential reaches the gateway's own origin, and shows itself nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from mjwatch._runtime.aiohttp_transport import AiohttpTransport
from mjwatch._runtime.credential import is_in_the_clear
from mjwatch._wire.messages import Request
from mjwatch.errors import GatewayDenied, GatewayRefused
from mjwatch.gateways import Gateway
from mjwatch.testing.simloop import current_loop
from tests.runtime.carriers import LIST, LOOK, OK, TOKEN, answering, failure, opened, silent, told
from tests.runtime.rawserver import RawServer, serving


@pytest.mark.parametrize("path", ["/", "/mj/task/1/fetch", "//127.0.0.1/x"])
async def test_no_other_origin_gets_a_request(path: str) -> None:
    """Whoever used the session by mistake, for an image say, would take the credential along."""
    async with serving(answering(OK)) as other, serving(answering(OK)) as raw, opened(raw.port) as transport:
        for base in (f"http://127.0.0.1:{other.port}", f"http://localhost:{raw.port}"):
            with pytest.raises(GatewayRefused, match="own origin only"):
                await transport._session.get(base + path)

    assert (other.heads, raw.heads) == ([], [])


async def test_a_redirect_that_were_followed_would_end_at_the_door() -> None:
    """A second lock behind `allow_redirects=False`: it is asked again for every hop."""
    async with serving(answering(OK)) as other:
        away = f"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        async with serving(answering(away.encode())) as raw, opened(raw.port) as transport:
            with pytest.raises(GatewayRefused, match="own origin only"):
                await transport._session.get(f"http://127.0.0.1:{raw.port}/", allow_redirects=True)

    assert (len(raw.heads), other.heads) == (1, [])


async def headless(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce more than comes."""
    await raw.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    await reader.read()


@pytest.mark.parametrize("handler", [silent, headless], ids=["before the reply", "in the body"])
@pytest.mark.parametrize("request_", [LOOK, LIST], ids=["GET", "POST"])
async def test_a_request_that_is_called_off_shows_no_credential(
    handler: Callable[[RawServer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    request_: Request,
) -> None:
    """A host that prints tracebacks with their locals sees every frame that waited."""
    async with serving(handler) as raw, opened(raw.port) as transport:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                await transport.send(request_)

    assert TOKEN not in told(caught.value)


async def test_a_connection_that_is_called_off_shows_no_credential() -> None:
    """The same while it is being made."""
    current_loop().network.requests.is_blackhole = True
    async with opened(1) as transport:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(1):
                await transport.send(LIST)

    assert TOKEN not in told(caught.value)


def missing_file() -> str:
    """Look for a file that is not there."""
    raise FileNotFoundError(2, f"no file with {TOKEN}")


def shut_vault() -> str:
    """Ask a vault that says no."""
    raise ConnectionRefusedError(f"refused {TOKEN}")


def missing_key() -> str:
    """Look for a name that is not in the environment."""
    raise KeyError(TOKEN)


def lost_session() -> str:
    """Ask a client that is not what it was."""
    raise RuntimeError(f"no session {TOKEN}")


@pytest.mark.parametrize(
    "credential", [missing_file, shut_vault, missing_key, lost_session, lambda: f"{TOKEN}\n"]
)
async def test_a_credential_function_that_fails_is_denied(credential: Callable[[], str]) -> None:
    """Somebody must mend it: no outage, no broken watcher, and not a word of what it said or held."""
    async with serving(answering(OK)) as raw, opened(raw.port, credential=credential) as transport:
        error = await failure(transport)

    assert isinstance(error, GatewayDenied)
    assert error.__context__ is None
    assert (raw.heads, TOKEN in told(error)) == ([], False)


@pytest.mark.parametrize("status", ["200 OK", "401 No", "500 Oops"])
@pytest.mark.parametrize("padding", [0, 100_000], ids=["short", "long"])
async def test_a_reply_that_repeats_the_credential_is_masked(status: str, padding: int) -> None:
    """A debug page that shows the request's headers must not end up in an error's excerpt, and then in a chat."""
    body = json.dumps({"headers": {"Authorization": f"Bearer {TOKEN}"}, "message": f"bad {TOKEN}!"}).encode()
    body += b" " * padding
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    async with serving(answering(answer)) as raw, opened(raw.port) as transport:
        reply = await transport.send(LIST)

    assert TOKEN.encode() not in reply.body
    assert json.loads(reply.body)["message"] == f"bad {'*' * len(TOKEN)}!"


async def tardy(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Deny the credential of each request by name, the first one a second late."""
    await raw.read(reader)
    shown = raw.heads[-1].split(b"Bearer ")[1].split()[0]
    if shown == TOKEN.encode():
        await asyncio.sleep(1)
    body = b'{"description":"invalid token %s"}' % shown
    writer.write(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def test_a_credential_is_masked_though_there_is_another_one_by_now() -> None:
    """A function may have rotated it while the reply was under way."""
    credentials, bodies = [f"{TOKEN}-renewed", TOKEN], list[bytes]()

    async def ask(transport: AiohttpTransport) -> None:
        bodies.append((await transport.send(LOOK)).body)

    async with (
        serving(tardy) as raw,
        opened(raw.port, credential=credentials.pop) as transport,
        asyncio.TaskGroup() as both,
    ):
        both.create_task(ask(transport))
        await asyncio.sleep(0.5)
        both.create_task(ask(transport))

    assert [b"invalid token ***" in body for body in bodies] == [True, True]
    assert TOKEN.encode() not in b"".join(bodies)


async def test_a_short_credential_is_not_looked_for() -> None:
    """A home-made one may stand in an id by chance: a masked id would be a lost task."""
    body = b'{"id":"1234567"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with serving(answering(answer)) as raw, opened(raw.port, credential="1234567") as transport:
        assert (await transport.send(LIST)).body == body


async def test_a_short_credential_is_masked_in_an_error() -> None:
    """There is no task in one, and its words are told."""
    body = b'{"message":"secret hunter2 is wrong"}'
    answer = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with serving(answering(answer)) as raw, opened(raw.port, credential="hunter2") as transport:
        assert (await transport.send(LIST)).body == b'{"message":"secret ******* is wrong"}'


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://gateway.test", False),
        ("HTTPS://gateway.test", False),
        ("http://gateway.test", True),
        ("http://gateway.test:8080/api", True),
        ("http://10.0.0.7", True),  # a private network has others on it
        ("http://0.0.0.0:1", True),
        ("http://127.0.0.1.evil.test", True),
        ("http://localhost.evil.test", True),
        ("http://localhost:3000", False),
        ("http://LOCALHOST", False),
        ("http://127.0.0.1:8080", False),
        ("http://127.8.8.8", False),
        ("http://[::1]:8080", False),
        ("http://[2001:db8::1]", True),
    ],
)
def test_who_may_read_along(url: str, *, expected: bool) -> None:
    """TLS and this very machine are private; every other http:// shows the credential to the network."""
    assert is_in_the_clear(Gateway(name="sim", base_url=url, credential="x")) is expected
