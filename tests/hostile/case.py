"""What a hostile case is, and the words to write one down with: bytes on the wire, and what a look at them amounts to."""

from __future__ import annotations

import json
from typing import Final

from attrs import frozen

from mjwatch.gateways import DialectName

OURS: Final = ("1", "2")
"""The ids under watch."""


@frozen
class Case:
    """
    A reply that no gateway should give.

    Attributes:
        wire: The whole response, as bytes.
        amounts_to: The verdict of the first look; where that is "ok", behind a colon, what was found about id "1".
        dialect: Whose manners the gateway is said to have.
        is_single: The first look asks for one id alone, not by a list.
    """

    wire: bytes
    amounts_to: str
    dialect: DialectName = "new-api"
    is_single: bool = False


def http(body: bytes | str, *headers: str, status: int = 200) -> bytes:
    """Return a well-formed response."""
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(raw)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + raw


def task(task_id: object = "1", **fields: object) -> dict[str, object]:
    """Return a running task with *fields* in it."""
    return {"id": task_id, "action": "IMAGINE", "status": "IN_PROGRESS", "progress": "10%", **fields}


def listed(*tasks: object) -> bytes:
    """Return a list's response."""
    return http(json.dumps(tasks))


def fetched(one: object) -> bytes:
    """Return a fetch's response."""
    return http(json.dumps(one))


def of(
    amounts_to: str, wires: dict[str, bytes], dialect: DialectName = "new-api", *, is_single: bool = False
) -> dict[str, Case]:
    """Return cases that amount to the same."""
    return {name: Case(wire, amounts_to, dialect, is_single) for name, wire in wires.items()}


def by(dialect: DialectName, cases: dict[str, Case]) -> dict[str, Case]:
    """Return the small list cases once more, as another family's."""
    return {
        name: Case(case.wire, case.amounts_to, dialect)
        for name, case in cases.items()
        if not case.is_single and len(case.wire) < 100_000
    }
