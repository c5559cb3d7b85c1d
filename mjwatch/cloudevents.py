"""How an event travels: one line of JSON with the attribute names of CloudEvents 1.0.

Knows the envelope only; what events there are stands in `events.py`.
"""

from __future__ import annotations

import builtins
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Self, TypeVar

import msgspec

from mjwatch import errors
from mjwatch.errors import GatewayError

T = TypeVar("T")


def name(*said: object) -> str:
    """Return a stable hash of what was said, the `id` of an event: 32 hexadecimal digits."""
    return hashlib.blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()


def write(
    *,
    source: str,
    id: str,
    type: str,
    at: float,
    data: dict[str, object],
    subject: str | None = None,
) -> str:
    """Return the envelope around *data* on one line; *at* is epoch seconds."""
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    envelope = {"specversion": "1.0", "id": id, "source": source, "type": type}
    about = {} if subject is None else {"subject": subject}
    line = msgspec.json.encode({**envelope, **about, "time": time, "data": data}).decode()
    # JSON allows them, but a terminal obeys some, and `splitlines` ends a line at others.
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class Envelope(msgspec.Struct):
    """A line, opened: `data` is still bytes."""

    source: str
    type: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: msgspec.Raw

    @property
    def at(self) -> float:
        """When it was, in epoch seconds."""
        return self.time.timestamp()

    def data_as(self, cls: builtins.type[T], **more: object) -> T:
        """Return the data as a *cls*, with *more* fields that stand in the envelope."""
        raw = msgspec.json.decode(self.data, type=dict[str, msgspec.Raw])
        raw |= {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in more.items()}
        return msgspec.json.decode(msgspec.json.encode(raw), type=cls)


def read(line: str | bytes) -> Envelope:
    """
    Open *line*.

    Raises:
        ValueError: it is no CloudEvents envelope.
    """
    try:
        return msgspec.json.decode(line, type=Envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(f"not an event of mjwatch: {error}") from None


class ErrorData(msgspec.Struct):
    """A `GatewayError` on its way: class name, status and message."""

    type: str
    message: str
    status: int | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, error: GatewayError) -> Self:
        """Return what travels of *error*."""
        wait = error.retry_after if isinstance(error, errors.GatewayBusy) else None
        return cls(type(error).__name__, error.message, error.status, wait)

    def build(self, gateway: str) -> GatewayError:
        """
        Return the error again.

        Raises:
            KeyError: a class this release does not know.
        """
        if self.type == "GatewayBusy":
            return errors.GatewayBusy(
                self.message, gateway=gateway, status=self.status, retry_after=self.retry_after
            )
        return _CLASSES[self.type](self.message, gateway=gateway, status=self.status)


class UnreachableData(msgspec.Struct):
    """The data of `Unreachable`; the gateway's name stands in the envelope."""

    since: float
    proven: bool
    error: ErrorData


class RecoveredData(msgspec.Struct):
    """The data of `Recovered`."""

    since: float
    outage: float


_CLASSES: dict[str, type[GatewayError]] = {
    cls.__name__: cls
    for cls in (
        errors.GatewayUnreachable,
        errors.GatewayBroken,
        errors.GatewayDenied,
        errors.GatewayRefused,
    )
}
