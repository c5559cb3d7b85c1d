"""The real client against a raw server: credentials, caps, timeouts, resends, and foreign errors made ours."""

from __future__ import annotations

import asyncio
import gzip
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._runtime.aiohttp_transport import RESENDS, user_agent
from mjwatch._runtime.transport import OverCap
from mjwatch._wire.messages import Reply, Request, Verb
from mjwatch.errors import GatewayBroken, GatewayDenied, GatewayError, GatewayRefused, GatewayUnreachable
from mjwatch.gateways import Auth
from mjwatch.testing.simloop import current_loop, simulate
from tests.runtime.carriers import LIST, LOOK, OK, TOKEN, answering, failure, opened, silent, told
from tests.runtime.rawserver import Handler, RawServer, serving
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ("bearer", f"authorization: bearer {TOKEN}"),
        ("raw", f"authorization: {TOKEN}"),
        ("mj-api-secret", f"mj-api-secret: {TOKEN}"),
    ],
)
async def test_the_credential_stands_in_one_header_only(auth: Auth, header: str) -> None:
    """`auth` says which header carries it, and no other place has it."""
    async with serving(answering(OK)) as raw, opened(raw.port, auth=auth) as transport:
        await transport.send(LOOK)
    lines = raw.heads[0].decode().lower().split("\r\n")

    assert [line for line in lines if TOKEN in line] == [header]


def test_a_copy_without_a_version_says_its_name() -> None:
    """A tree that was copied into another one was never installed, and works as well."""
    assert user_agent("a-package-that-nobody-installed") == "a-package-that-nobody-installed"
    assert user_agent().startswith("mjwatch/")


async def test_a_request_goes_out_as_it_was_built() -> None:
    """Method, path and body are the request's; who asks is mjwatch, and only gzip is offered."""
    async with serving(answering(OK)) as raw, opened(raw.port) as transport:
        reply = await transport.send(LIST)
    first, *lines = raw.heads[0].decode().split("\r\n")

    assert reply == Reply(200, b"{}", None, reply.at)
    assert first == "POST /mj/task/list-by-ids HTTP/1.1"
    assert {"Accept-Encoding: gzip", "Content-Type: application/json"} <= set(lines)
    assert any(line.startswith("User-Agent: mjwatch/") for line in lines)


async def test_a_reply_carries_its_status_and_patience() -> None:
    """Every status is a reply; Retry-After comes along as it was written."""
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"
    async with serving(answering(answer)) as raw, opened(raw.port) as transport:
        reply = await transport.send(LIST)

    assert (reply.status, reply.body, reply.retry_after) == (503, b"busy", "7")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    """The secret reaches no second server."""
    async with serving(answering(OK)) as other:
        away = (
            f"HTTP/1.1 {status} Away\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        )
        async with serving(answering(away.encode())) as raw, opened(raw.port) as transport:
            reply = await transport.send(LOOK)

    assert (reply.status, other.heads) == (status, [])


async def test_a_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy variable nor a .netrc decides who gets the credential."""
    async with serving(answering(OK)) as proxy, serving(answering(OK)) as raw, opened(raw.port) as transport:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await transport.send(LOOK)

    assert (len(proxy.heads), len(raw.heads)) == (0, 1)


async def test_a_rotated_credential_is_used_at_once() -> None:
    """A function is asked before each request."""
    tokens = iter(["first", "second"])
    credential = lambda: next(tokens)  # noqa: E731
    async with (
        serving(answering(OK)) as raw,
        opened(raw.port, credential=credential, auth="raw") as transport,
    ):
        await transport.send(LOOK)
        await transport.send(LOOK)

    assert [b"Authorization: first" in raw.heads[0], b"Authorization: second" in raw.heads[1]] == [True, True]


@pytest.mark.parametrize("value", ["", "two\nlines", None])
async def test_an_unusable_credential_is_denied_before_anything_is_sent(value: str | None) -> None:
    """What a function returns is checked each time, and never repeated in the error."""
    async with (
        serving(answering(OK)) as raw,
        opened(raw.port, credential=lambda: value) as transport,  # type: ignore[arg-type,return-value]
    ):
        error = await failure(transport)

    assert isinstance(error, GatewayDenied)
    assert "no usable credential" in str(error)
    assert (raw.heads, "two" in str(error)) == ([], False)


def chunked(body: bytes, *headers: bytes) -> bytes:
    """Return a chunked answer."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *headers, b"", body])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", GatewayUnreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", GatewayBroken),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", GatewayBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\n{", GatewayBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{", GatewayBroken),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", GatewayBroken),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n", GatewayBroken),
        (chunked(b"zz\r\n{}\r\n0\r\n\r\n"), GatewayBroken),
        (chunked(b"2\r\n{}X"), GatewayBroken),
        (chunked(b"2\r\n{}\r\n"), GatewayBroken),
        (chunked(b"2\r\n{}\r\n0\r\n\r\n", b"Content-Encoding: gzip"), GatewayBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", GatewayBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\n" + gzip.compress(b"{}" * 99)[:30], GatewayBroken),
    ],
    ids=[
        "nothing", "cut-body", "no-http", "two-lengths", "bad-length", "long-header", "many-headers",
        "bad-chunk-size", "bad-chunk-end", "cut-chunks", "chunks-no-gzip", "no-gzip", "cut-gzip",
    ],
)  # fmt: skip
async def test_what_is_no_whole_reply_is_one_of_our_errors(answer: bytes, kind: type[GatewayError]) -> None:
    """Nothing foreign passes, whatever a server writes, and nothing shows the credential."""
    async with serving(answering(answer)) as raw, opened(raw.port) as transport:
        error = await failure(transport)

    assert type(error) is kind
    assert str(error).startswith("sim: ")
    assert TOKEN not in told(error)
    assert b64encode(TOKEN.encode()).decode() not in told(error)
    assert error.__context__ is None


async def test_no_name_and_no_listener_are_unreachable() -> None:
    """What to check stands in the message."""
    current_loop().network.unknown_hosts = frozenset({"nowhere.test"})
    async with opened(1) as nobody, opened(1, base_url="http://nowhere.test") as nowhere:
        errors = [await failure(nobody), await failure(nowhere)]

    assert [type(error) for error in errors] == [GatewayUnreachable, GatewayUnreachable]
    assert ["no connection" in str(errors[0]), "no such host" in str(errors[1])] == [True, True]
    assert [TOKEN in told(error) for error in errors] == [False, False]


async def test_a_name_without_an_address_is_unreachable() -> None:
    """A resolver that answers with nothing is a fault of the network, not a bug that ends the watcher."""

    async def nothing(*_: object, **_options: object) -> list[object]:
        return []

    vars(current_loop())["getaddrinfo"] = nothing
    async with opened(1, base_url="http://nowhere.test") as nowhere:
        error = await failure(nowhere)

    assert type(error) is GatewayUnreachable
    assert "no such host" in str(error)


@pytest.mark.parametrize("host", ["gateway..test", f"{'g' * 64}.test"])
async def test_a_name_that_cannot_be_spelled_is_unreachable(host: str) -> None:
    """A slip in base_url is told like one, and is not a bug that ends the watcher."""

    async def spelled(host: str, *_: object, **_options: object) -> list[object]:
        host.encode("idna")  # as the socket module does it
        return []

    vars(current_loop())["getaddrinfo"] = spelled
    async with opened(1, base_url=f"http://{host}") as nowhere:
        error = await failure(nowhere)

    assert type(error) is GatewayUnreachable
    assert "check base_url" in str(error)


async def test_an_address_that_aiohttp_refuses_is_refused() -> None:
    """A base_url that makes no address is somebody's to mend."""
    async with opened(1, base_url="http://.") as transport:
        error = await failure(transport)

    assert isinstance(error, GatewayRefused | GatewayUnreachable)


@pytest.mark.parametrize(
    ("verb", "after"),
    [(Verb.LOOK, 10), (Verb.LOOK_MANY, 10), (Verb.SEED, 70), (Verb.CANCEL, 10), (Verb.IMAGE, 15)],
)
async def test_silence_ends_after_the_patience_of_the_verb(verb: Verb, after: float) -> None:
    """A seed may take a minute; nothing else may."""
    async with serving(silent) as raw, opened(raw.port) as transport:
        begun = asyncio.get_running_loop().time()
        error = await failure(transport, Request(verb, "POST", "/mj"))
        took = asyncio.get_running_loop().time() - begun

    assert (type(error), round(took)) == (GatewayUnreachable, after)
    assert "no answer in time" in str(error)


@pytest.mark.parametrize(("verb", "after"), [(Verb.LOOK, 20), (Verb.SEED, 75), (Verb.IMAGE, 120)])
async def test_a_dripping_body_ends_at_the_total(verb: Verb, after: float) -> None:
    """A byte now and then prolongs nothing for ever."""

    async def drip(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            await asyncio.sleep(3)
            writer.write(b"x")

    async with serving(drip) as raw, opened(raw.port) as transport:
        begun = asyncio.get_running_loop().time()
        error = await failure(transport, Request(verb, "GET", "/mj"))
        took = asyncio.get_running_loop().time() - begun

    assert (type(error), round(took)) == (GatewayUnreachable, after)


async def test_a_black_hole_ends_after_five_seconds() -> None:
    """A connection that is not made is given up soon."""
    current_loop().network.requests.is_blackhole = True
    async with opened(1) as transport:
        begun = asyncio.get_running_loop().time()
        error = await failure(transport)
        took = asyncio.get_running_loop().time() - begun

    assert (type(error), round(took)) == (GatewayUnreachable, 5)


@pytest.mark.parametrize(
    ("verb", "cap"),
    [(Verb.LOOK, 4 << 20), (Verb.LOOK_MANY, 8 << 20), (Verb.SEED, 64 << 10), (Verb.CANCEL, 64 << 10)],
)
async def test_a_gzip_bomb_is_not_read_to_its_end(verb: Verb, cap: int) -> None:
    """The cap is of decompressed bytes; the connection is not used again."""
    bomb = gzip.compress(bytes(cap + 1))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()

    async with serving(answering(head + bomb)) as raw, opened(raw.port) as transport:
        for _ in range(2):
            with pytest.raises(OverCap):
                await transport.send(Request(verb, "POST", "/mj"))

    assert raw.connections == 2


async def test_a_reply_as_large_as_its_cap_is_read() -> None:
    """The cap is a bound, not a promise of less."""
    body = bytes(64 << 10)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with serving(answering(head + body)) as raw, opened(raw.port) as transport:
        reply = await transport.send(Request(Verb.SEED, "GET", "/mj"))

    assert len(reply.body) == len(body)


def once_only(*, resets: bool = False) -> Handler:
    """Answer the first request of a connection, and hang up at the second."""

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        writer.write(OK)
        await raw.read(reader)
        if resets:
            writer.transport.abort()

    return handle


@pytest.mark.parametrize("request_", [LIST, LOOK], ids=["POST", "GET"])
@pytest.mark.parametrize("resets", [False, True], ids=["close", "reset"])
async def test_a_stale_connection_is_replaced_unseen(request_: Request, *, resets: bool) -> None:
    """A server may close an idle connection as we write to it: the request goes out once more."""
    async with serving(once_only(resets=resets)) as raw, opened(raw.port) as transport:
        replies = [await transport.send(request_), await transport.send(request_)]

    assert [reply.status for reply in replies] == [200, 200]
    assert (len(raw.heads), raw.connections) == (3, 2)


@pytest.mark.parametrize("request_", [LIST, LOOK], ids=["POST", "GET"])
async def test_a_server_that_closes_every_idle_connection_costs_a_tenth_more(request_: Request) -> None:
    """And no fault: where too many were stale, connections are used once only."""
    async with serving(once_only()) as raw, opened(raw.port) as transport:
        replies = [await transport.send(request_) for _ in range(300)]

    assert {reply.status for reply in replies} == {200}
    assert len(raw.heads) <= 1.1 * 300 + RESENDS


async def test_a_disconnect_on_a_fresh_connection_is_a_fault() -> None:
    """Only a connection that was used before can be stale."""
    async with serving(answering(b"")) as raw, opened(raw.port) as transport:
        error = await failure(transport, LIST)

    assert isinstance(error, GatewayUnreachable)
    assert "closed without an answer" in str(error)
    assert len(raw.heads) == 1


@pytest.mark.parametrize(("request_", "most"), [(LIST, 2), (LOOK, 2)], ids=["POST", "GET"])
async def test_a_gateway_that_only_disconnects_is_asked_once_more_at_most(
    request_: Request, most: int
) -> None:
    """After a stale connection a fresh one is the last word."""

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        if len(raw.heads) == 1:
            writer.write(OK)
            await raw.read(reader)

    async with serving(handle) as raw, opened(raw.port) as transport:
        await transport.send(request_)
        error = await failure(transport, request_)

    assert isinstance(error, GatewayUnreachable)
    assert len(raw.heads) - 1 == most


async def test_closing_leaves_no_connection() -> None:
    """After `aclose` and a moment the loop has no transport of ours."""
    async with serving(answering(OK)) as raw:
        async with opened(raw.port) as transport:
            await asyncio.gather(*(transport.send(LIST) for _ in range(20)))
        clients = [repr(one) for one in current_loop().open_transports if "client" in repr(one)]

    assert clients == []


async def test_a_cancelled_request_frees_its_connection() -> None:
    """A flight that is called off holds no slot."""
    async with serving(silent) as raw, opened(raw.port) as transport:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.send(LIST), 1)

    assert raw.connections == 10


WHOLE: list[bytes] = [
    b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nRetry-After: 3\r\n\r\n[{"id":"1"},{"id":1}',
    b"HTTP/1.1 204 No Content\r\n\r\n",
    chunked(b'5\r\n[{"id\r\n7\r\n":"1"}]\r\n0\r\n\r\n'),
    b"HTTP/1.1 429 Slow down\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
    % (len(gzip.compress(b"[]" * 99)), gzip.compress(b"[]" * 99)),
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{}",  # cut
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
]


def received(*pieces: bytes) -> tuple[object, ...]:
    """Return what becomes of an answer that comes in *pieces*: status, body and patience, or the error."""

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await raw.read(reader)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)

    async def ask() -> tuple[object, ...]:
        async with serving(handle) as raw, opened(raw.port) as transport:
            try:
                reply = await transport.send(LIST)
            except (GatewayError, OverCap) as error:
                return type(error), str(error)
            return reply.status, reply.body, reply.retry_after

    return simulate(ask)


@settings(max_examples=examples(40))
@given(st.sampled_from(WHOLE), st.lists(st.integers(1, 200), max_size=8))
def test_a_reply_does_not_depend_on_how_it_is_cut_into_packets(whole: bytes, cuts: list[int]) -> None:
    """Whatever the pieces, it is the same reply, or the same error."""
    places = sorted({cut for cut in cuts if cut < len(whole)})
    pieces = [whole[begin:end] for begin, end in pairwise([0, *places, len(whole)])]

    assert received(*pieces) == received(whole)


HEADS = st.sampled_from([
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    chunked(b""),
])


@settings(max_examples=examples(40))
@given(HEADS, st.lists(st.binary(max_size=30), max_size=4))
def test_whatever_a_server_writes_is_a_reply_or_one_of_our_errors(head: bytes, pieces: list[bytes]) -> None:
    """Bytes of any kind never raise anything else, and what they raise says nothing of the credential."""
    outcome = received(head, *pieces)

    assert len(outcome) == 3 or outcome[0] in {GatewayBroken, GatewayUnreachable}
    assert TOKEN not in str(outcome)
