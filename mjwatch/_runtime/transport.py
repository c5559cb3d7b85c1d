"""The seam to the network: a request goes in, a reply comes out, and nothing foreign passes.

The real one is `aiohttp_transport.py`; a test may bring its own.
"""

from __future__ import annotations

from typing import Final, Protocol

from mjwatch._wire.messages import Reply, Request

LOOK_TIMEOUT: Final = 20.0
"""The longest a look takes, seconds: a lease is derived from it."""


class OverCap(Exception):
    """The reply is larger than its verb may be. It was not read to the end."""


class Transport(Protocol):
    """Who carries requests."""

    async def send(self, request: Request) -> Reply:
        """
        Send *request* and return the reply, whatever its status.

        Raises:
            GatewayError: there is no whole reply.
            OverCap: the reply is too large.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
