"""What a gateway sends: tasks that run and never end, rendered once as templates and filled in for each reply.

Shaped by the simulated gateway of `mjwatch.testing`, at the size of real rows of family B: 1.2 KB. One in seven has a
preview. Each task makes a step after so many seconds, each at its own phase, so that a fixed share of them changes in
any second. Nothing is random: the same instant gives the same bytes, but for `?rand=`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final, Literal

from attrs import frozen

from mjwatch.testing import shapes
from mjwatch.testing.timeline import Step

FIRST_ID: Final = 1_735_689_600_000_000
PREVIEWS: Final = 0.14
"""The share of running tasks with a preview in the measured payload of the floors."""

_VARIETIES: Final = 50
_GOLDEN: Final = 0.6180339887498949
"""Multiples of it, less whole numbers, fill the unit evenly: the phases of the tasks."""
_ID: Final = "9999888877776666"
_PERCENTS: Final = [b"%d" % min(10 + step, 99) for step in range(90)]
_SUBJECTS: Final = (
    "a lighthouse in the fog",
    "an old tram at dawn",
    "two cats on a roof",
    "a paper boat",
    "moss",
)
_MANNERS: Final = (
    "oil on canvas",
    "soft light from behind, 35 mm",
    "ink and wash",
    "as a linocut",
    "in clay",
)

_NULLS: Final = frozenset((
    "state",
    "imageUrl",
    "videoUrl",
    "failReason",
    "finishTime",
    "parentId",
    "seed",
    "width",
    "height",
    "size",
))

Family = Literal["trueai", "new-api"]

_Filling = tuple[bytes, bytes, bytes, bytes]
_Template = tuple[bytes, Callable[[_Filling], tuple[bytes, ...]]]


@frozen(kw_only=True)
class Lot:
    """
    The tasks of one scene.

    Attributes:
        family: How they are spelled.
        step_every: Seconds from one change of a task to the next.
        previews: The share of tasks that have one.
        has_rand: True where each read writes a new `?rand=` into a preview (family C).
    """

    family: Family = "trueai"
    step_every: float = 20.0
    previews: float = PREVIEWS
    has_rand: bool = False


def ids_of(count: int, first: int = 0) -> list[str]:
    """Return the ids of *count* tasks."""
    return [f"{FIRST_ID + number}" for number in range(first, first + count)]


class Book:
    """All that a gateway knows of the tasks of a *lot*, which began at *now*."""

    def __init__(self, lot: Lot, now: float) -> None:
        self._lot = lot
        self._begun_at = now
        self._templates = [_template(lot, variety) for variety in range(_VARIETIES)]

    def reply(self, task_ids: Sequence[str], now: float) -> bytes:
        """Return the list reply about *task_ids*."""
        stamp = time.time_ns()
        steps = (now - self._begun_at) / self._lot.step_every
        rows = [self._row(int(one) - FIRST_ID, one, steps, stamp) for one in task_ids]
        return b"[%b]" % b",".join(rows)

    def one(self, task_id: str, now: float) -> bytes:
        """Return the reply about one task."""
        steps = (now - self._begun_at) / self._lot.step_every
        return self._row(int(task_id) - FIRST_ID, task_id, steps, time.time_ns())

    def _row(self, number: int, task_id: str, steps: float, stamp: int) -> bytes:
        step = int(steps + number * _GOLDEN % 1.0)
        template, places = self._templates[number % _VARIETIES]
        percent = _PERCENTS[step] if step < 90 else _PERCENTS[-1]
        return template % places((task_id.encode(), percent, b"%06d" % step, b"%d" % (stamp + number)))


def _template(lot: Lot, variety: int) -> _Template:
    """Return a row with places to fill in: id, percent, step, and what changes on every read."""
    # Spread over the varieties, so that each batch has its share.
    has_preview = (variety * 7) % _VARIETIES < round(lot.previews * _VARIETIES)
    subject, manner = _SUBJECTS[variety % 5], _MANNERS[variety // 5 % 5]
    submitted = time.time_ns() // 1_000_000 - 600 * variety
    facts = shapes.Facts(
        task_id=_ID,
        action="IMAGINE",
        mode="FAST",
        prompt=f"{subject}, {manner} --ar 16:9 --v 6.1 --seed {4_100 + variety}",
        base_url="https://cdn.gateway.example",
        job=f"6f1d4f58-2d0c-4a58-9d5e-0c7b1e2f{variety:04d}",
        step=Step(0.0, "IN_PROGRESS", "<1>%", "preview-<2>.webp" if has_preview else None),
        submitted=submitted,
        started=submitted + 900,
    )
    spelled = json.dumps(_spelled(lot, facts), separators=(",", ":")).replace("&", "\\u0026")
    text = spelled.replace("%", "%%").replace(_ID, "<0>")
    text = text.replace(shapes.RAND, "?rand=<3>" if lot.has_rand else "")
    # By place, for one tuple is filled in faster than many names.
    places = [int(place) for place in re.findall("<([0-3])>", text)]
    return re.sub("<[0-3]>", "%b", text).encode(), itemgetter(*places)


def _spelled(lot: Lot, facts: shapes.Facts) -> dict[str, object]:
    if lot.family == "new-api":
        return dict(shapes.new_api(facts))
    # All seventy keys make 2.2 KB, half of it nulls. Without most of those the rows are as long as the measured ones.
    row = shapes.trueai(facts)
    return {key: value for key, value in row.items() if key in _NULLS or value not in (None, False)}
