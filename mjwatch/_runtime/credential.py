"""Who sees the credential: the gateway's own origin and nobody else.

It is put on a request at the last moment, by a middleware, so that no frame that waits holds it, and taken out of
replies that repeat it. Nothing here dials.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mjwatch.errors import GatewayDenied, GatewayRefused
from mjwatch.gateways import BadSecret, Gateway, Secret

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

REPEATED: Final = 20
"""A credential of so many characters is nothing that a reply holds by chance. Services give out 48 and more."""

_QUOTABLE, _QUOTED = 64 << 10, 4 << 10
"""No error is read from a longer reply, in bytes, and no more than its beginning is ever quoted: to look through
the list of 500 tasks would cost a tenth of its look."""

_SHORT: Final = 6
"""And this one, in an error: there is no task in it that could be spoiled."""

_FLAWS: Final = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What a user's function may raise where it has no credential to give. Anything else is a bug of it, and told as one."""


class Doorkeeper:
    """Puts the credential of *gateway* on its requests; see the top of the file."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._origin = origin(gateway.base_url)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Pass *request* on, with the credential. aiohttp calls this for every request, whoever makes it."""
        if origin(str(request.url)) != self._origin:
            raise GatewayRefused(
                "the credential goes to base_url's own origin only", gateway=self._gateway.name
            )
        name, value = self._header()
        request.headers[name] = value
        del value  # who waits here may be shown with its locals
        return await handler(request)

    def hide(self, body: bytes, sent: Mapping[str, str], status: int) -> bytes:
        """
        Return *body* with the credential masked that its request showed in the headers *sent*.

        Debug pages and some denials repeat it, and errors quote them. It may have been rotated meanwhile.
        """
        name = "mj-api-secret" if self._gateway.auth == "mj-api-secret" else "Authorization"
        shown = sent.get(name, "").removeprefix("Bearer ").encode()
        quoted = body if len(body) <= _QUOTABLE else body[:_QUOTED]
        least = REPEATED if status < 400 else _SHORT
        if len(shown) < least or shown not in quoted:
            return body
        return body.replace(shown, b"*" * len(shown))

    def _header(self) -> tuple[str, str]:
        secret = self._revealed()
        match self._gateway.auth:
            case "bearer":
                return "Authorization", f"Bearer {secret}"
            case "raw":
                return "Authorization", secret
            case "mj-api-secret":
                return "mj-api-secret", secret

    def _revealed(self) -> str:
        try:
            return self._gateway.credential.reveal()
        except BadSecret as error:
            message = f"no usable credential: {error}"
        except _FLAWS as error:
            # Its words are a stranger's, and may hold the secret itself.
            message = f"the credential function raised {type(error).__name__}"
        # Raised out here, so that the error, whose frames may hold the secret, is not even its context.
        raise GatewayDenied(message, gateway=self._gateway.name)


def present(credential: Secret) -> Secret | None:
    """Return the credential as it is now, None where its function has none to give."""
    try:
        return Secret(credential.reveal())
    except _FLAWS:
        return None


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of *url*."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_in_the_clear(gateway: Gateway) -> bool:
    """Return True where the credential crosses a network that anybody on the way may read."""
    scheme, host, _ = origin(gateway.base_url)
    if scheme == "https" or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
