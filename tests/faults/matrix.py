"""
The fault matrix: which (fault, endpoint, phase) are played, and which are not, and why.

Both together are all that the specification's table marks for fetch, the two lists, image-seed and image.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from tests.faults.rows import FAULTS, Fault

PHASES = {
    "a": "before the first snapshot",
    "b": "while it runs",
    "c": "between the end at the gateway and its first sight",
    "d": "while a success settles",
    "e": "while the watcher closes",
    "f": "right after a restart: a new watcher on the same gateway",
}

MARKED: dict[int, str] = {
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 20, 21, 28, 29), "FICSG"),
    8: "FICS",
    9: "FIC",
    **dict.fromkeys((13, 14, 15, 16), "IC"),
    **dict.fromkeys((17, 18), "FIC"),
    19: "FICS",
    22: "FICSG",
    23: "FICG",
}
"""Row to endpoints, as the table of faults marks them. 24 to 27 have none of these endpoints."""


@frozen
class LeftOut:
    """Cells that are not played: of the faults whose names begin like this, on these endpoints, in these phases."""

    faults: str
    endpoints: str
    phases: str
    reason: str

    def has(self, name: str, endpoint: str, phase: str) -> bool:
        """Return True where the cell is left out."""
        return name.startswith(self.faults) and endpoint in self.endpoints and phase in self.phases


LEFT_OUT = (
    LeftOut("22-", "FICSG", "abcdef", "virtual sockets have no TLS: played on real sockets, elsewhere"),
    LeftOut("17a-", "FIC", "bcde", "an id that was seen is not unknown at first: see 17c"),
    LeftOut("17b-", "FIC", "bcde", "an id that was seen was not always unknown: see 17c"),
    LeftOut("17b-", "FIC", "f", "a new watcher has seen nothing: the same as 17b in phase a"),
    LeftOut("17c-", "FIC", "a", "what was never there cannot vanish: see 17b"),
    LeftOut("17c-", "FIC", "f", "a new watcher has seen nothing: see 17b"),
    LeftOut("17c-", "FIC", "de", "the same as 19 in these phases"),
    LeftOut("19-", "FIC", "a", "the same as 17b"),
    LeftOut(
        "23a-",
        "G",
        "acdef",
        "a picture's cap is 64 MiB, a second of unpacking each: b plays it, and 23b the rest",
    ),
    LeftOut("18-", "FIC", "a", "a replica cannot lag behind what has not happened"),
)


@frozen
class Cell:
    """One fault, met by one endpoint, in one phase."""

    fault: Fault
    endpoint: str
    phase: str

    def __str__(self) -> str:
        return f"{self.fault.name}-{self.endpoint}-{self.phase}"


def reason_to_leave_out(name: str, endpoint: str, phase: str) -> str | None:
    """Return why a cell is not played, None where it is."""
    return next((one.reason for one in LEFT_OUT if one.has(name, endpoint, phase)), None)


def cells() -> Iterator[Cell]:
    """Go through all cells that are played."""
    for fault in FAULTS:
        for endpoint in fault.endpoints:
            for phase in PHASES:
                if reason_to_leave_out(fault.name, endpoint, phase) is None:
                    yield Cell(fault, endpoint, phase)
