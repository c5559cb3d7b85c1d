"""What a result is: ours, its yardstick from the same run, the ratio, and the bar it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from attrs import asdict, frozen

Kind = Literal["at most", "less by", "more by at most", "below", "equal"]


@frozen
class Bar:
    """
    What a row has to reach.

    Attributes:
        kind: "at most" so many times the yardstick, "less by" so many times, "more by at most" so much in the
            row's unit, "below" so much in the row's unit, whatever the yardstick; "equal" to it.
        value: How many times, or how much.
    """

    kind: Kind
    value: float = 1.0

    def is_met(self, ours: float, yardstick: float, ratio: float) -> bool:
        """Hold a result against it."""
        match self.kind:
            case "at most":
                return ratio <= self.value
            case "less by":
                return ratio <= 1 / self.value
            case "more by at most":
                return ours - yardstick <= self.value
            case "below":
                return ours <= self.value
            case "equal":
                return ours <= yardstick * 1.005  # the window cuts a pass anywhere

    def said(self, unit: str) -> str:
        """Return it in words."""
        match self.kind:
            case "at most":
                return f"<= {self.value:g}x"
            case "less by":
                return f">= {self.value:g}x less"
            case "more by at most":
                return f"<= {self.value:g} {unit} more"
            case "below":
                return f"<= {self.value:g} {unit}"
            case "equal":
                return "equal"


@frozen
class Row:
    """
    One result.

    Attributes:
        name: What was measured.
        yard: Beside what.
        unit: Of both figures.
        ours, yardstick: Medians over the rounds.
        ratio: The median of the rounds' own ratios, so that a busy spell of the machine meets both sides.
        bar: What it is held against; None for a row that only informs.
        detail: The rounds, and whatever else helps to judge.
    """

    name: str
    yard: str
    unit: str
    ours: float
    yardstick: float
    ratio: float
    bar: Bar | None
    detail: Mapping[str, object]

    @property
    def is_met(self) -> bool | None:
        """True if the bar is reached, None without one."""
        return None if self.bar is None else self.bar.is_met(self.ours, self.yardstick, self.ratio)

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        bar = None if self.bar is None else self.bar.said(self.unit)
        return {**asdict(self), "bar": bar, "met": self.is_met}


def compared(
    name: str,
    yard: str,
    unit: str,
    rounds: Sequence[tuple[float, float]],
    bar: Bar | None,
    **more: object,
) -> Row:
    """Return the row of some rounds, each (ours, yardstick)."""
    ours, yardsticks = [one for one, _ in rounds], [other for _, other in rounds]
    ratios = [one / other if other else float("nan") for one, other in rounds]
    detail = {"ours": ours, "yardsticks": yardsticks, "ratios": ratios, **more}
    return Row(name, yard, unit, median(ours), median(yardsticks), median(ratios), bar, detail)


_HEAD = ("row", "ours", "yardstick", "", "", "ratio", "bar", "met")


def table(rows: Sequence[Row]) -> str:
    """Return *rows* as text."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = []
    for line in cells:
        aligned = [
            text.rjust(width) if column in {1, 2, 5} else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: "-"}[row.is_met]
    bar = "-" if row.bar is None else row.bar.said(row.unit)
    return (
        row.name,
        _figure(row.ours),
        _figure(row.yardstick),
        row.unit,
        row.yard,
        f"{1 / row.ratio:.1f}x less"
        if row.bar is not None and row.bar.kind == "less by"
        else f"{row.ratio:.2f}x",
        bar,
        met,
    )


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"
