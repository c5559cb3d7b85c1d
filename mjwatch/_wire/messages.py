"""What travels: a request for one of the gateway's verbs, and the reply, still bytes.

Nothing here knows a dialect or a host.
"""

from __future__ import annotations

from enum import Enum

import msgspec
from attrs import frozen

from mjwatch.observations import Verdict


class Verb(Enum):
    """What a request is for; the transport takes timeouts and size caps from it."""

    LOOK = "look"
    LOOK_MANY = "look_many"
    SEED = "seed"
    CANCEL = "cancel"
    IMAGE = "image"


class Route(Enum):
    """By which route tasks are looked up, the widest first."""

    LIST_BY_IDS = "list-by-ids"
    LIST_BY_CONDITION = "list-by-condition"
    FETCH = "fetch"


@frozen
class Request:
    """
    One request.

    Attributes:
        verb: What it is for.
        method: "GET" or "POST".
        path: After the gateway's base URL; ids in it have passed `check_task_id`.
        body: JSON, or None.
    """

    verb: Verb
    method: str
    path: str
    body: bytes | None = None


@frozen
class Reply:
    """
    What came back.

    Attributes:
        status: The HTTP status.
        body: Decompressed, under the verb's cap.
        retry_after: That header as it came, None without.
        at: When it came, epoch seconds; an HTTP date in `retry_after` is measured from here.
    """

    status: int
    body: bytes
    retry_after: str | None = None
    at: float = 0.0


@frozen
class Opened:
    """
    A reply after its envelope was read, its tasks still raw.

    Attributes:
        verdict: What the exchange amounted to.
        slices: The raw tasks, in the reply's order; empty unless the verdict is OK.
        detail: What the gateway said where the verdict is an error: a short, printable excerpt.
        retry_after: Seconds the gateway asked us to wait, None where it did not.
        status: The HTTP status, for the error.
    """

    verdict: Verdict
    slices: tuple[msgspec.Raw, ...] = ()
    detail: str = ""
    retry_after: float | None = None
    status: int | None = None


class Malformed(ValueError):
    """
    A raw task that is no task. The others of its batch are not harmed.

    Attributes:
        task_id: Which task it is about, None where even that cannot be read.
    """

    def __init__(self, message: str, *, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id
