"""A10: secrets and logs. X1 to X3."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from tests.simulation.history import History
from tests.simulation.promises import promise
from tests.simulation.secret import CANARY

_SPELLINGS = (CANARY, b64encode(CANARY.encode()).decode().rstrip("="))


@promise("X1")
def the_credential_stays_in_requests(history: History) -> Iterator[str]:
    """The canary is in no log line, no error, no event, and in nothing else that a program prints."""
    texts = {f"log {line.event} at {line.at:.3f}": line.text for line in history.log}
    texts |= {f"repr of {name}": text for name, text in history.last_words.items()}
    for where, text in texts.items():
        if any(spelling in text for spelling in _SPELLINGS):
            yield f"the credential stands in {where}"


@promise("X2")
def one_line_is_one_line(history: History) -> Iterator[str]:
    """What a gateway says cannot break a log line."""
    for line in history.log:
        words = line.text.partition("Traceback")[0]
        if any(not letter.isprintable() for letter in words):
            yield f"{line.event} at {line.at:.3f}: {words!r}"


@promise("X3")
def logs_are_bounded(history: History) -> Iterator[str]:
    """A line per transition: at most ten a minute of one gateway and kind."""
    for gateway in history.plan.gateways:
        by_kind: dict[str, list[float]] = {}
        for line in history.log:
            if line.gateway == gateway.name and line.event.startswith("gateway."):
                by_kind.setdefault(line.event, []).append(line.at)
        for kind, instants in by_kind.items():
            for first, eleventh in zip(instants, instants[10:], strict=False):
                if eleventh < first + 60.0:
                    yield f"{gateway.name}: eleven lines {kind} from {first:.1f} to {eleventh:.1f}"
                    break
