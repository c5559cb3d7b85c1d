"""From what was said on the command line and in the environment to a `Gateway`. No I/O but the token file.

The token comes from the environment or a file, never from argv, where every process of the machine can read it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import evolve

from mjwatch import gateways
from mjwatch.gateways import Auth, Credential, DialectName, Gateway

_SERVICES: Final[dict[str, Callable[[Credential], Gateway]]] = {
    "geeknow": gateways.geeknow,
    "quickrouter": gateways.quickrouter,
    "mjdjourney": gateways.mjdjourney,
}
_FAMILIES: Final = ("trueai", "midjourney-proxy", "new-api")
_MOST: Final = 8_192


class UsageError(Exception):
    """The call cannot work as it stands; says what to change."""


def chosen(
    where: str | None, *, auth: Auth | None, dialect: DialectName | None, token_file: Path | None
) -> Gateway:
    """
    Return the gateway that the user means.

    Args:
        where: The name of a service, or a base URL.
        auth: The header of the token, if not the usual one.
        dialect: The family behind a URL; new-api if None, as most resellers are.
        token_file: Where the token is, if not in MJWATCH_TOKEN.

    Raises:
        UsageError: something is missing or malformed.
    """
    if not where:
        raise UsageError(
            f"which gateway? --gateway (or MJWATCH_GATEWAY) takes {', '.join(_SERVICES)}, or a URL"
        )
    token = _token(token_file)
    try:
        gateway = _gateway(where, dialect, token)
        return gateway if auth is None else evolve(gateway, auth=auth)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _gateway(where: str, dialect: DialectName | None, token: str) -> Gateway:
    if where in _SERVICES:
        gateway = _SERVICES[where](token)
        return gateway if dialect is None else evolve(gateway, dialect=dialect)
    if where in _FAMILIES:
        raise UsageError(
            f"{where} runs in many places: say which, as in --gateway https://... --dialect {where}"
        )
    if "://" not in where:
        raise UsageError(f"no such service: {where[:80]!r}. --gateway takes {', '.join(_SERVICES)}, or a URL")
    url = where.rstrip("/").removesuffix("/mj")
    name = urlsplit(url).hostname or "gateway"
    match dialect:
        case "trueai":
            return gateways.trueai(url, token, name=name)
        case "midjourney-proxy":
            return gateways.midjourney_proxy(url, token, name=name)
        case "enveloped":
            return Gateway(
                name=name, base_url=url, credential=token, auth="mj-api-secret", dialect="enveloped"
            )
        case "new-api" | None:
            return gateways.new_api(url, token, name=name)


def _token(token_file: Path | None) -> str:
    if token_file is None:
        token = os.environ.get("MJWATCH_TOKEN", "")
        if not token:
            raise UsageError("no token: set MJWATCH_TOKEN, or give --token-file")
        return token
    try:
        with token_file.open(encoding="utf-8") as file:
            return file.read(_MOST).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"cannot read the token file {str(token_file)!r}: {why}") from None
