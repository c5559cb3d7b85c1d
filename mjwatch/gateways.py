"""Which gateway, and how it wants to be spoken to: `Gateway`, `Secret`, and a preset for each known service.

No I/O and no dialect rules: a preset only fills in what the service's documentation says.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NoReturn, get_args
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import instance_of

from mjwatch.settings import Limits

if TYPE_CHECKING:
    import ssl

    import aiohttp

Auth = Literal["bearer", "raw", "mj-api-secret"]
"""Which header carries the credential: `Authorization: Bearer x`, `Authorization: x`, or `mj-api-secret: x`."""

DialectName = Literal["midjourney-proxy", "trueai", "new-api", "enveloped"]
"""Which family of gateways it is, and so how replies are spelled."""


class BadSecret(ValueError):
    """A credential that no header can carry. Its message never repeats it."""


class BadSecretType(BadSecret, TypeError):
    """A credential that is no text."""


class Secret:
    """
    A credential that shows itself to nobody by accident.

    repr, str, format, `attrs.asdict` and traceback locals show a mask; pickling is refused. `reveal` is the only
    way in, and only the transport calls it.
    """

    __slots__ = ("__reveal",)

    def __init__(self, value: str | Callable[[], str]) -> None:
        if callable(value):
            self.__reveal: Callable[[], str] = value
            return
        flaw = _flaw_of(value)
        if flaw is not None:
            del value  # a traceback may be shown with its locals
            raise flaw
        kept = value
        self.__reveal = lambda: kept

    def reveal(self) -> str:
        """
        Return the credential as it is now: a function is asked each time, so that it may rotate.

        Raises:
            TypeError, ValueError: the function returned what cannot stand in a header.
        """
        value = self.__reveal()
        flaw = _flaw_of(value)
        if flaw is not None:
            del value  # a traceback may be shown with its locals
            raise flaw
        return value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret is a hint of it

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: give the other process its own credential")


def _flaw_of(value: str) -> BadSecret | None:
    """Return why *value* would break or forge a header, without repeating it; None where it would not."""
    if not isinstance(value, str):
        return BadSecretType(
            f"a credential is a str or a function that returns one, not {type(value).__name__}"
        )
    if not value.strip():
        return BadSecret("the credential is empty: set the token that the gateway gave you")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        return BadSecret("the credential has spaces around it, line breaks or characters no header can carry")
    return None


def _bare_url(url: str) -> str:
    if not isinstance(url, str):
        raise TypeError(f"base_url is a str, not {type(url).__name__}")
    return url.rstrip("/")


def _hosts(pairs: Mapping[str, str]) -> Mapping[str, str]:
    """Keep a copy, so that nobody changes it later."""
    for host in (*pairs.keys(), *pairs.values()):
        if not host or any(c in host for c in "/@?# \\"):
            raise ValueError(f"rewrite_host takes {{old host: new host}}, not {host!r}")
    return MappingProxyType(dict(pairs))


def _secret(value: str | Secret | Callable[[], str]) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _check_url(_owner: object, _attribute: Attribute[str], value: str) -> None:
    # No message repeats it: who mixes up two arguments gives the token here.
    try:
        parts = urlsplit(value)
        is_dialable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("base_url names a host or port that cannot be") from None
    if parts.scheme not in {"http", "https"} or not is_dialable:
        raise ValueError("base_url must begin with https:// (or http://) and name a host")
    if "@" in parts.netloc or any(c in value for c in "?#"):
        raise ValueError(
            "base_url must carry no user, password, query or fragment: give the token as credential"
        )
    if not value.isascii() or not value.isprintable() or any(c in value for c in " \\"):
        raise ValueError("base_url must be plain ASCII without spaces or backslashes")


def _one_of(words: tuple[str, ...]) -> Callable[[object, Attribute[str], str], None]:
    def check(_owner: object, attribute: Attribute[str], value: str) -> None:
        if value not in words:
            raise ValueError(f"{attribute.name} must be one of {', '.join(words)}, not {value!r}")

    return check


def _check_name(_owner: object, _attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"a gateway's name is a str, not {type(value).__name__}")
    if not value or len(value) > 128 or not value.isprintable():
        raise ValueError("a gateway's name has 1 to 128 printable characters")


def _check_context(
    _owner: object, _attribute: Attribute[ssl.SSLContext | None], value: ssl.SSLContext | None
) -> None:
    if value is None:
        return
    import ssl  # noqa: PLC0415 - whoever has a context has it loaded

    # aiohttp takes False and a fingerprint as well, and then checks no certificate.
    if not isinstance(value, ssl.SSLContext):
        raise TypeError(f"ssl_context is an ssl.SSLContext, not {type(value).__name__}")


@frozen(kw_only=True)
class Gateway:
    """
    One remote service: where it is, who we are there, how it talks, and what it may be asked.

    Attributes:
        name: Stands in every event and log line, and keeps tasks of two gateways apart.
        base_url: Up to, but without, `/mj`.
        credential: A text, a `Secret`, or a function asked before each request (rotation without a restart).
        auth: The header that carries it.
        dialect: The family of gateways.
        limits: What it may be asked.
        rewrite_host: Result hosts to replace, as {"cdn.discordapp.com": "cdn.example.net"}, for regions that
            cannot reach the gateway's own.
        ssl_context: For a private certificate authority. Nothing else can weaken the check of certificates.
        trace_configs: aiohttp trace configurations, for instrumentation.

    Raises:
        TypeError, ValueError: a field breaks its rule; nothing was dialled.
    """

    name: str = field(validator=_check_name)
    base_url: str = field(converter=_bare_url, validator=_check_url)
    credential: Secret = field(converter=_secret)
    auth: Auth = field(default="bearer", validator=_one_of(get_args(Auth)))
    dialect: DialectName = field(default="new-api", validator=_one_of(get_args(DialectName)))
    limits: Limits = field(factory=Limits, validator=instance_of(Limits))
    rewrite_host: Mapping[str, str] = field(factory=dict, converter=_hosts)
    ssl_context: ssl.SSLContext | None = field(default=None, validator=_check_context)
    trace_configs: tuple[aiohttp.TraceConfig, ...] = ()


Credential = str | Secret | Callable[[], str]


def geeknow(token: Credential) -> Gateway:
    """Return GeekNow (docs.geeknow.top): new-api family, Bearer, list-by-condition."""
    return Gateway(name="geeknow", base_url="https://www.geeknow.top", credential=token)


def quickrouter(token: Credential) -> Gateway:
    """Return QuickRouter (doc.quickrouter.ai): new-api family, Bearer, list-by-condition."""
    return Gateway(name="quickrouter", base_url="https://api.quickrouter.ai", credential=token)


def mjdjourney(secret: Credential) -> Gateway:
    """Return mjdjourney.cn's video API: enveloped replies, UUID ids, single lookups only."""
    return Gateway(
        name="mjdjourney",
        base_url="https://api.mjdjourney.cn/api",
        credential=secret,
        auth="mj-api-secret",
        dialect="enveloped",
    )


def trueai(base_url: str, token: Credential, *, name: str = "trueai") -> Gateway:
    """Return a trueai-org/midjourney-proxy (docs.huanwangai.com): list-by-ids, raw Authorization."""
    return Gateway(name=name, base_url=base_url, credential=token, auth="raw", dialect="trueai")


def midjourney_proxy(base_url: str, secret: Credential, *, name: str = "midjourney-proxy") -> Gateway:
    """Return a novicezk/midjourney-proxy or a -plus: mj-api-secret, list-by-condition."""
    return Gateway(
        name=name, base_url=base_url, credential=secret, auth="mj-api-secret", dialect="midjourney-proxy"
    )


def new_api(base_url: str, token: Credential, *, name: str = "new-api") -> Gateway:
    """Return any new-api or one-api reseller: Bearer, list-by-condition."""
    return Gateway(name=name, base_url=base_url, credential=token)
