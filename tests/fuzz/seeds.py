"""What the fuzzer begins with: real replies and the hostile corpus."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.bodies import BODIES
from tests.hostile.fields import ENDS, GROUPS
from tests.hostile.frames import FRAMES

SUPPORT = Path(__file__).parent.parent / "support" / "replies"
SMALL = 16_384
"""Longer inputs only slow the search down."""


def bodies() -> list[bytes]:
    """Return bodies: each real reply alone and as a list, and each of the corpus."""
    real = [path.read_bytes() for path in sorted(SUPPORT.iterdir())]
    listed = [b"[" + one.strip() + b"]" for one in real if one.strip().startswith(b"{")]
    return _small([*real, *listed, *(wire.partition(b"\r\n\r\n")[2] for wire in _wires())])


def streams() -> list[bytes]:
    """Return whole responses."""
    real = [path.read_bytes() for path in sorted(SUPPORT.iterdir())]
    framed = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(one), one) for one in real]
    chunked = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(one), one)
        for one in real[:8]
    ]
    return _small([*framed, *chunked, *_wires()])


def _wires() -> list[bytes]:
    groups = [BODIES, FRAMES, ENDS, *GROUPS.values()]
    return [case.wire for group in groups for case in group.values()]


def _small(inputs: list[bytes]) -> list[bytes]:
    return sorted({one for one in inputs if len(one) <= SMALL})
