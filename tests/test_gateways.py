"""A gateway is validated before anything is dialled, and its credential shows itself to nobody."""

from __future__ import annotations

import copy
import hmac
import json
import logging
import pickle
import pprint
import re
import string
import traceback
from collections.abc import Callable

import attrs
import msgspec
import pytest
import structlog
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from mjwatch import gateways
from mjwatch.gateways import Auth, DialectName, Gateway, Secret
from mjwatch.settings import Limits

CANARY = "sk-canary-3f9a1c7b"
BASE = "https://gateway.example"

# --- the credential


def texts_of(secret: Secret) -> list[str]:
    """Return every text that a program may make of *secret* by accident."""
    gateway = Gateway(name="g", base_url=BASE, credential=secret)
    bound = gateways.new_api(BASE, secret)
    return [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret!s:>40}",
        f"{secret:>40}",
        "%s %r" % (secret, secret),  # noqa: UP031 - people still write it
        "{0} {0!r}".format(secret),  # noqa: UP032 - and this
        string.Template("$secret").substitute(secret=secret),
        repr([secret]),
        repr({"credential": secret}),
        pprint.pformat({"credential": secret}),
        repr(gateway),
        str(bound),
        repr(attrs.asdict(gateway)),
        repr(attrs.astuple(gateway)),
        json.dumps(attrs.asdict(bound), default=repr),
        repr([
            getattr(secret, name, None) for name in dir(secret) if name != "reveal" and "__reveal" not in name
        ]),
    ]


@pytest.mark.parametrize("value", [CANARY, lambda: CANARY], ids=["text", "function"])
def test_a_secret_never_shows_itself(value: str | Callable[[], str]) -> None:
    """Whatever a program prints, formats or dumps, the credential is not in it."""
    shown = texts_of(Secret(value))

    assert not [text for text in shown if CANARY in text]
    assert shown[0] == "Secret(***)"


def crash(gateway: Gateway, secret: Secret) -> None:
    """Fail with both at hand."""
    raise RuntimeError(f"{gateway} {secret!r}")


def test_a_secret_is_not_in_a_traceback_with_locals() -> None:
    """Error reporters show the locals of every frame: the mask is all they find."""
    secret = Secret(CANARY[:])
    with pytest.raises(RuntimeError) as caught:
        crash(gateways.new_api(BASE, secret), secret)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    text = "".join(report.format())

    assert "secret = Secret(***)" in text
    assert CANARY not in text


BROKEN = f"{CANARY}\n"


def test_a_bad_rotated_credential_is_not_in_a_traceback_with_locals() -> None:
    """A function that returns a token with its line break is refused, without showing it."""
    secret = Secret(lambda: BROKEN)
    with pytest.raises(ValueError, match="line breaks") as caught:
        secret.reveal()
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    assert CANARY not in "".join(report.format())
    assert CANARY not in repr(caught.value)


def test_a_secret_is_not_logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither stdlib logging nor structlog's renderers print it."""
    secret = Secret(CANARY)
    event = {"event": "x", "credential": secret, "gateway": gateways.new_api(BASE, secret)}
    renderers: list[Callable[[object, str, dict[str, object]], str | bytes]] = [
        structlog.processors.JSONRenderer(),
        structlog.processors.KeyValueRenderer(),
        structlog.dev.ConsoleRenderer(colors=False),
    ]

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("host").info("%s %r", secret, secret, extra={"credential": secret})
    rendered = [str(render(None, "info", dict(event))) for render in renderers]
    print(secret, event)  # noqa: T201 - that is the test

    assert CANARY not in caplog.text
    assert not [line for line in rendered if CANARY in line]
    assert CANARY not in capsys.readouterr().out


@pytest.mark.parametrize(
    "take",
    [
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
        lambda secret: pickle.dumps(secret, protocol=0),
        lambda secret: pickle.dumps(gateways.new_api(BASE, secret)),
        lambda secret: copy.deepcopy(gateways.new_api(BASE, secret)),
        msgspec.json.encode,
        json.dumps,
        hash,
        vars,
    ],
)
def test_a_secret_is_not_taken_along(take: Callable[[Secret], object]) -> None:
    """Copying, pickling, encoding and hashing are refused, with a message that shows nothing."""
    with pytest.raises(TypeError) as caught:
        take(Secret(CANARY))

    assert CANARY not in str(caught.value)


def test_a_secret_has_no_place_for_more() -> None:
    """Nothing can be hung on it, and what it keeps has no plain name."""
    with pytest.raises(AttributeError):
        Secret(CANARY).value = CANARY  # type: ignore[attr-defined]  # that is the test


def test_equality_compares_what_is_revealed() -> None:
    """Two secrets are equal when they are the same credential, and a text is no secret."""
    assert Secret(CANARY) == Secret(lambda: CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY


def test_equality_takes_constant_time() -> None:
    """The comparison is hmac's, which does not stop at the first difference."""
    names = Secret.__eq__.__code__.co_names

    assert "compare_digest" in names
    assert gateways.hmac is hmac  # type: ignore[attr-defined]  # that is the test


def test_a_function_is_asked_each_time() -> None:
    """A credential may rotate without a restart."""
    tokens = iter(["one", "two"])
    secret = Secret(lambda: next(tokens))

    assert [secret.reveal(), secret.reveal()] == ["one", "two"]


def test_a_function_is_not_asked_before_it_is_needed() -> None:
    """Building a gateway reads no vault."""
    asked: list[str] = []

    def ask() -> str:
        asked.append("asked")
        return "token"

    gateway = gateways.new_api(BASE, ask)
    before = list(asked)
    gateway.credential.reveal()

    assert before == []
    assert asked == ["asked"]


HOSTILE_TOKENS = [
    "",
    " ",
    "\t",
    "tok\n",
    "\ntok",
    "a\r\nX-Evil: 1",
    "a\x00b",
    "a\x1b[0m",
    " tok",
    "tok ",
    "tök",
    "\ud800",
]


@pytest.mark.parametrize("token", HOSTILE_TOKENS, ids=ascii)
def test_a_hostile_token_is_refused(token: str) -> None:
    """What is empty, or could forge a header, is refused when it is given, and when a function returns it."""
    with pytest.raises(ValueError, match="the credential"):
        Secret(token)
    with pytest.raises(ValueError, match="the credential"):
        Secret(lambda: token).reveal()


@pytest.mark.parametrize("token", [None, 5, b"token", ["token"]])
def test_a_credential_that_is_no_text_is_a_type_error(token: object) -> None:
    """Bytes or None are no credential, given or returned."""
    with pytest.raises(TypeError, match=f"not {type(token).__name__}"):
        Secret(token)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(TypeError, match=f"not {type(token).__name__}"):
        Secret(lambda: token).reveal()  # type: ignore[arg-type, return-value]  # that is the test


@given(st.text())
def test_any_text_is_a_credential_or_a_value_error(token: str) -> None:
    """A text either stands in a header as it is, or is refused without being repeated."""
    said, kept = "", token
    try:
        kept = Secret(token).reveal()
    except ValueError as error:
        said = str(error)

    assert kept == token
    assert said or f"Bearer {token}".encode("ascii").decode().isprintable()


# --- the gateway

BAD_URLS = [
    "",
    "gateway.example",
    "//gateway.example",
    "ftp://gateway.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://",
    "https:///mj",
    "https://:8080",
    "https://[::1",
    "https://h:99999",
    "https://h:-1",
    "https://h:0",
    "https://h:port",
    f"https://user:{CANARY}@h",
    f"https://{CANARY}@h",
    f"ftp://user:{CANARY}@h",
    "https://@h",
    f"https://h/?token={CANARY}",
    "https://h/?",
    "https://h/#",
    f"https://h/#{CANARY}",
    "https://h/a b",
    "https://h\n",
    "https://h\r\nX: 1",
    "https://h\t/x",
    "https://h\\@evil.example",
    "https://bücher.example",
    "https://h\u2028",
    "https://h/\ud800",
    CANARY,
]


@pytest.mark.parametrize("url", BAD_URLS, ids=ascii)
def test_a_base_url_that_cannot_be_dialled_is_refused(url: str) -> None:
    """A base URL is https or http, a host, perhaps a port and a path; the error names it and repeats no secret."""
    with pytest.raises(ValueError, match="base_url") as caught:
        gateways.new_api(url, "token")

    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("url", [None, 5, b"https://h", URL("https://h")])
def test_a_base_url_that_is_no_text_is_a_type_error(url: object) -> None:
    """Other types than str are refused by name."""
    with pytest.raises(TypeError, match=f"base_url is a str, not {type(url).__name__}"):
        gateways.new_api(url, "token")  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h", "https://h"),
        ("https://h/", "https://h"),
        ("https://h//", "https://h"),
        ("https://h:8443/api/", "https://h:8443/api"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTPS://H", "HTTPS://H"),
    ],
)
def test_a_base_url_ends_without_a_slash(url: str, expected: str) -> None:
    """Paths are appended with one slash, however it was given."""
    gateway = gateways.new_api(url, "token")

    assert expected == gateway.base_url


@given(st.text(max_size=30).map(lambda tail: f"https://h{tail}"))
def test_any_accepted_base_url_makes_addresses(url: str) -> None:
    """A base URL that passes can be extended by a path; any other is a ValueError."""
    try:
        gateway = gateways.new_api(url, "token")
    except ValueError:
        return
    address = URL(f"{gateway.base_url}/mj/task/1/fetch", encoded=True)

    assert address.raw_path.endswith("/mj/task/1/fetch")
    assert address.user is None
    assert not address.query_string


@pytest.mark.parametrize("auth", ["", "Bearer", "basic", None, 5])
def test_an_unknown_auth_is_refused_with_the_choice(auth: object) -> None:
    """The error lists what there is."""
    with pytest.raises(ValueError, match="auth must be one of bearer, raw, mj-api-secret"):
        Gateway(name="g", base_url=BASE, credential="t", auth=auth)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("dialect", ["", "TrueAI", "openai", None])
def test_an_unknown_dialect_is_refused_with_the_choice(dialect: object) -> None:
    """The error lists what there is."""
    choice = "dialect must be one of midjourney-proxy, trueai, new-api, enveloped"
    with pytest.raises(ValueError, match=re.escape(choice)):
        Gateway(name="g", base_url=BASE, credential="t", dialect=dialect)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[0m", "x" * 129, "\ud800", "a\u202eb"], ids=ascii)
def test_a_name_that_would_forge_a_log_line_is_refused(name: str) -> None:
    """A name stands in every log line, so it is printable and short."""
    with pytest.raises(ValueError, match="name"):
        gateways.new_api(BASE, "t", name=name)


@pytest.mark.parametrize("name", [None, 5, b"g"])
def test_a_name_that_is_no_text_is_a_type_error(name: object) -> None:
    """Other types than str are refused by name."""
    with pytest.raises(TypeError, match="name is a str"):
        gateways.new_api(BASE, "t", name=name)  # type: ignore[arg-type]  # that is the test


def test_limits_are_limits() -> None:
    """A number is no Limits, and is refused at once instead of at the first request."""
    with pytest.raises(TypeError, match="limits"):
        Gateway(name="g", base_url=BASE, credential="t", limits=10)  # type: ignore[arg-type]  # that is the test


def test_a_gateway_does_not_change() -> None:
    """What was validated stays so."""
    gateway = gateways.new_api(BASE, "t")
    with pytest.raises(FrozenInstanceError):
        gateway.base_url = "https://evil.example"  # type: ignore[misc]  # that is the test

    assert gateway == gateways.new_api(BASE, "t")
    assert gateway != gateways.new_api(BASE, "u")


def test_a_gateway_takes_a_text_a_function_or_a_secret() -> None:
    """All three spell the same credential."""
    made = [gateways.new_api(BASE, one).credential for one in ("t", lambda: "t", Secret("t"))]

    assert [secret.reveal() for secret in made] == ["t", "t", "t"]


# --- the presets, against the documentation of the services

PRESETS: list[tuple[Gateway, str, Auth, DialectName]] = [
    # seed 001: GET https://www.geeknow.top/mj/task/{id}/fetch, Authorization: Bearer, list-by-condition
    (gateways.geeknow("t"), "https://www.geeknow.top", "bearer", "new-api"),
    # seed 003: POST https://api.quickrouter.ai/mj/task/list-by-condition, Authorization: Bearer
    (gateways.quickrouter("t"), "https://api.quickrouter.ai", "bearer", "new-api"),
    # seed 002: GET https://api.mjdjourney.cn/api/mj/task/<uuid>/fetch, mj-api-secret, {code, message, data}
    (gateways.mjdjourney("t"), "https://api.mjdjourney.cn/api", "mj-api-secret", "enveloped"),
    # seed 000: POST /mj/task/list-by-ids, Authorization: <api-key>
    (gateways.trueai(BASE, "t"), BASE, "raw", "trueai"),
    (gateways.midjourney_proxy(BASE, "t"), BASE, "mj-api-secret", "midjourney-proxy"),
    (gateways.new_api(BASE, "t"), BASE, "bearer", "new-api"),
]


@pytest.mark.parametrize(
    ("gateway", "base_url", "auth", "dialect"), PRESETS, ids=lambda one: getattr(one, "name", "")
)
def test_presets_say_what_the_documentation_says(
    gateway: Gateway, base_url: str, auth: Auth, dialect: DialectName
) -> None:
    """Address, header and family of each known service are as documented."""
    assert gateway.base_url == base_url
    assert gateway.auth == auth
    assert gateway.dialect == dialect
    assert gateway.limits == Limits()
    assert gateway.credential.reveal() == "t"


def test_presets_have_names_of_their_own() -> None:
    """Two services are told apart in events and logs without a word from the user."""
    names = {gateway.name for gateway, *_ in PRESETS}

    assert len(names) == len(PRESETS)
    assert gateways.trueai(BASE, "t", name="mine").name == "mine"
