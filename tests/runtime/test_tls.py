"""Certificates are checked, on real sockets: no bad one gets a request, and nothing but the user's own context helps it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mjwatch.errors import GatewayError, GatewayRefused, GatewayUnreachable
from mjwatch.gateways import Gateway
from mjwatch.testing.scaledloop import run_scaled
from tests.runtime.carriers import LOOK, OK, TOKEN, answering, failure, opened, told
from tests.runtime.rawserver import RawServer

CERTIFICATES = Path(__file__).parent.parent / "support" / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"


def trusting() -> ssl.SSLContext:
    """Return what a user builds for a private authority."""
    return ssl.create_default_context(cafile=str(AUTHORITY))


@asynccontextmanager
async def serving_tls(name: str, *, most: ssl.TLSVersion | None = None) -> AsyncIterator[RawServer]:
    """Listen on loopback with the certificate *name*, speaking TLS up to *most*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    if most is not None:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = most
    raw = RawServer(answering(OK))
    # asyncio tells of each failed handshake
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", ssl=context)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        raw.hang_up()


def real(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run *main* on real sockets, ten times faster than its timeouts say."""
    run_scaled(main, speed=10)


async def failure_at(raw: RawServer, context: ssl.SSLContext | None) -> GatewayError:
    """Return the error that a request to *raw* runs into."""
    async with opened(raw.port, base_url=f"https://127.0.0.1:{raw.port}", ssl_context=context) as transport:
        return await failure(transport, LOOK)


@pytest.mark.parametrize("name", ["good", "expired", "other-host", "self-signed"])
def test_a_certificate_that_nobody_vouches_for_gets_no_request(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default, whatever the environment says: the credential stays here, and the error says what to do."""
    for variable in ("PYTHONHTTPSVERIFY", "CURL_INSECURE", "NODE_TLS_REJECT_UNAUTHORIZED"):
        monkeypatch.setenv(variable, "0")

    async def main() -> None:
        async with serving_tls(name) as raw:
            error = await failure_at(raw, None)
            assert type(error) is GatewayRefused
            assert "ssl_context" in str(error)
            assert (raw.heads, TOKEN in told(error)) == ([], False)

    real(main)


@pytest.mark.parametrize("name", ["expired", "other-host", "self-signed"])
def test_a_private_authority_weakens_nothing_else(name: str) -> None:
    """A context that trusts the authority still refuses what has expired, is for another host, or by nobody."""

    async def main() -> None:
        async with serving_tls(name) as raw:
            assert type(await failure_at(raw, trusting())) is GatewayRefused
            assert raw.heads == []

    real(main)


def test_a_private_authority_is_the_users_to_give() -> None:
    """`Gateway(ssl_context=...)` is used as it is."""

    async def main() -> None:
        async with (
            serving_tls("good") as raw,
            opened(raw.port, base_url=f"https://127.0.0.1:{raw.port}", ssl_context=trusting()) as transport,
        ):
            reply = await transport.send(LOOK)
            assert (reply.status, len(raw.heads)) == (200, 1)

    real(main)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the old server, which is the point
def test_old_tls_is_refused() -> None:
    """A gateway that can do no better than TLS 1.1 is none we talk to."""

    async def main() -> None:
        async with serving_tls("good", most=ssl.TLSVersion.TLSv1_1) as raw:
            assert isinstance(await failure_at(raw, trusting()), GatewayRefused | GatewayUnreachable)
            assert raw.heads == []

    real(main)


def test_https_to_a_server_that_has_none_never_falls_back() -> None:
    """Nothing is sent in the clear, whatever answers there."""

    async def plain(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw.heads.append(await reader.read(64))
        writer.write(b"HTTP/1.1 400 this is http\r\n\r\n")

    async def main() -> None:
        raw = RawServer(plain)
        server = await asyncio.start_server(raw.serve, "127.0.0.1")
        raw.port = server.sockets[0].getsockname()[1]
        error = await failure_at(raw, None)
        assert isinstance(error, GatewayRefused | GatewayUnreachable)
        assert raw.heads
        assert not any(b"HTTP" in head or TOKEN.encode() in head for head in raw.heads)
        server.close()
        raw.hang_up()

    real(main)


def test_a_handshake_that_stalls_is_given_up() -> None:
    """After the five seconds that a connection may take; a stall is silence, so it is unreachable."""

    async def mute(_raw: RawServer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        raw = RawServer(mute)
        server = await asyncio.start_server(raw.serve, "127.0.0.1")
        raw.port = server.sockets[0].getsockname()[1]
        begun = asyncio.get_running_loop().time()
        error = await failure_at(raw, None)
        took = asyncio.get_running_loop().time() - begun
        assert type(error) is GatewayUnreachable
        assert 4.9 <= took <= 15
        server.close()
        raw.hang_up()

    real(main)


@pytest.mark.parametrize("context", [False, True, 0, "none", object()])
def test_nothing_but_a_context_is_a_context(context: object) -> None:
    """To aiohttp False means "check nothing"; a gateway does not take it."""
    with pytest.raises(TypeError, match=r"an ssl\.SSLContext"):
        Gateway(name="sim", base_url="https://gateway.test", credential="x", ssl_context=context)  # type: ignore[arg-type]
