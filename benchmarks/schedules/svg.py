"""SVG by hand: shapes on a canvas, axes, and labels that keep out of each other's way.

Rule: knows pixels and nothing of pacing. Colours are classes, so that a page may be light or dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from math import log10
from typing import Final

from attrs import define, field, frozen

_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
.small { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px } .dim { fill: #59636e } .back { fill: #ffffff } .grid { stroke: #d1d9e0; fill: none }
.axis { stroke: #59636e; fill: none } .a { stroke: #0969da; fill: #0969da } .b { stroke: #1a7f37; fill: #1a7f37 }
.c { stroke: #bc4c00; fill: #bc4c00 } .d { stroke: #818b98; fill: #818b98 } .open { fill: none; stroke-width: 2 }
.ta { fill: #0969da } .tb { fill: #1a7f37 } .tc { fill: #bc4c00 } .td { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { stroke: #0d1117 } .dim { fill: #9198a1 } .back { fill: #0d1117 } .grid { stroke: #3d444d }
.axis { stroke: #9198a1 } .a { stroke: #4493f8; fill: #4493f8 } .b { stroke: #3fb950; fill: #3fb950 }
.c { stroke: #f0883e; fill: #f0883e } .d { stroke: #9198a1; fill: #9198a1 } .open { fill: none }
.ta { fill: #4493f8 } .tb { fill: #3fb950 } .tc { fill: #f0883e } .td { fill: #9198a1 }
}
"""
_LETTER: Final = 6.2
"""About how wide a letter is, pixels."""
_LINE: Final = 13.0
_PARTS: Final = 24
"""Of a stretch of a curve that labels keep clear of."""

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@frozen
class Log:
    """A logarithmic scale from values to pixels."""

    least: float
    most: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where *value* lies; values beyond the ends lie there."""
        share = log10(min(max(value, self.least), self.most) / self.least) / log10(self.most / self.least)
        return self.begin + share * (self.end - self.begin)

    def marks(self) -> list[float]:
        """Return the values to mark: 1, 2 and 5 of each decade."""
        decades = range(-3, 6)
        values = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        return [value for value in values if self.least <= value <= self.most]


@define
class Canvas:
    """A drawing."""

    width: int
    height: int
    title: str
    _shapes: list[str] = field(init=False, factory=list)
    _taken: list[Box] = field(init=False, factory=list)

    def line(self, points: Sequence[Point], kind: str) -> None:
        """Draw a line through *points*."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polyline points="{path}" class="{kind}"/>')

    def curve(self, points: Sequence[Point], kind: str) -> None:
        """Draw a line through *points*, which labels keep clear of."""
        self.line(points, kind)
        for (x1, y1), (x2, y2) in pairwise(points):
            for part in range(_PARTS + 1):
                x, y = x1 + (x2 - x1) * part / _PARTS, y1 + (y2 - y1) * part / _PARTS
                self._taken.append((x - 1, y - 1, x + 1, y + 1))

    def dot(self, at: Point, kind: str, radius: float = 3.5) -> None:
        """Draw a dot, which labels keep clear of."""
        x, y = at
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"/>')
        self._taken.append((x - radius, y - radius, x + radius, y + radius))

    def text(self, at: Point, words: str, kind: str = "", *, anchor: str = "start", turn: int = 0) -> None:
        """Write *words*."""
        x, y = at
        turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{turned}>{escape(words)}</text>'
        )

    def label(self, at: Point, words: str, kind: str) -> None:
        """Write *words* beside a point, where there is room."""
        x, y = at
        width = _LETTER * len(words)
        places = [
            (x + dx if dx > 0 else x + dx - width, y + dy)
            for far in (8.0, 20.0, 34.0, 50.0)
            for dx, dy in (
                (far, 4.0),
                (far, -far * 0.7),
                (far, far),
                (-far, 4.0),
                (-far, far),
                (-far, -far * 0.7),
            )
        ]
        boxes = [(left, low - _LINE + 3, left + width, low + 3) for left, low in places]
        fitting = [
            number
            for number, box in enumerate(boxes)
            if box[0] > 0 and box[2] < self.width and not any(_overlap(box, other) for other in self._taken)
        ]
        number = fitting[0] if fitting else 0
        self._taken.append(boxes[number])
        left, low = places[number]
        if number >= 6:
            end = left if left > x else left + width
            self.line([(x, y), (end, low - 4)], "grid")
        self.text((left, low), words, f"small {kind}")

    def svg(self) -> str:
        """Return the drawing as a file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">'
        )
        back = f'<rect width="{self.width}" height="{self.height}" class="back"/>'
        return "\n".join([
            head, f"<title>{escape(self.title)}</title>", f"<style>{_STYLE}</style>", back,
            f'<text x="20" y="28" class="title">{escape(self.title)}</text>', *self._shapes, "</svg>", "",
        ])  # fmt: skip


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
