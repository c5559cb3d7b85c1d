"""The tick on which a gateway shows changes: its period, its phase, and how sure we are that there is one.

Rule: one belief about one gateway, moved by looks and by time alone. A gateway of family C copies its upstream every 15 s
plus the time its own loop takes (`protocol.md` 4.5); between ticks nothing can change. The belief is a histogram over
periods and phases, kept where it matters: Bayes' rule at each look, a little blur at each tick. It starts flat, finds
its phase within a few looks, and flattens by itself while nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from math import exp, log, sqrt
from typing import Final

from attrs import Factory, define, field

from mjwatch._policy.ticks import Ticks

NOMINAL: Final = 15.0
"""The period of the one family that has a clock, seconds."""
_LONGEST: Final = 1.08
"""Times the nominal period: what the gateway's own loop takes comes on top."""
_PERIODS: Final = 13
_BINS: Final = 120
"""Of a phase; an eighth of a second at 15 s."""

_HINTED: Final = 1.0
_UNKNOWN: Final = -2.0
"""Log-odds that there is a clock, before any look: where the dialect says so, and where it does not."""
_ODDS: Final = (-5.0, 6.0)
_BET: Final = 2.0
"""The most that one look moves the log-odds."""
_SILENCE: Final = 0.1
_MISSED: Final = 0.5
"""How much a look that saw nothing counts, for a clock (where many tasks were silent) and against it.

No more, for forecasts are too sure of themselves: a task that stands still would soon be the proof of a clock.
"""
_FORGET: Final = 120.0
"""Ticks without evidence after which the log-odds have come two thirds of the way back: phases blur far sooner."""

_WANDER: Final = 0.577
"""How much a tick wanders, in what the gateway's own loop takes: the spread of U(0, s) beside its mean."""
_LEAST_WANDER: Final = 0.04
_BESIDE: Final = 0.1
"""The true period lies between two that are tried: what a phase shifts by in a tick, in distances between them."""
_BLURRED: Final = 8 / 6
"""The least blur worth applying, in bins squared."""
_LONG: Final = 1e4
"""Ticks unseen, above which more make no difference."""
_STRAY: Final = 0.02
"""The chance of a change beside the tick, though there is a clock."""
_NOTHING: Final = 1e-7
_AHEAD_OF_TIME: Final = 60.0
"""Seconds by which a look of the past may lie in the future before all is forgotten."""
_SURE: Final = 0.97
"""The most that a clock is ever believed, so that its absence is found out."""

Row = list[float]
"""The chances of the phases of one period; [] for a period that is ruled out."""


def _flat() -> list[Row]:
    return [[1.0 / _PERIODS / _BINS] * _BINS for _ in range(_PERIODS)]


@define
class Clock:
    """
    What is believed of a gateway's tick.

    Attributes:
        nominal: The least period, seconds.
        home: The log-odds before any look.
        odds: The log-odds now.
        looked_at: Of the last look taken in, epoch seconds; None before the first.
        rows: The chance of each phase, for each period.
    """

    nominal: float = NOMINAL
    home: float = _UNKNOWN
    odds: float = field()
    looked_at: float | None = None
    rows: list[Row] = Factory(_flat)
    _strays: int = field(init=False, default=0)
    _ticks: tuple[float, Ticks] | None = field(init=False, default=None)
    _blur: list[float] = field(init=False, factory=lambda: [0.0] * _PERIODS)

    @odds.default
    def _at_home(self) -> float:
        return self.home

    @classmethod
    def hinted(cls, refresh: float | None) -> Clock:
        """Return the belief before any look, where a dialect is known to refresh every so many seconds, or is not."""
        return cls() if refresh is None else cls(refresh, _HINTED)

    @property
    def trust(self) -> float:
        """The chance that there is a clock at all."""
        return min(_SURE, 1.0 / (1.0 + exp(-self.odds)))

    @property
    def is_ruled_out(self) -> bool:
        """True where looks have shown that there is none."""
        return self.odds <= _ODDS[0] + 0.5

    @property
    def period(self) -> float:
        """The mean period believed in, seconds."""
        return sum(self._period(number) * sum(row) for number, row in enumerate(self.rows))

    def saw(
        self,
        since: float,
        now: float,
        news: Callable[[float], float],
        *,
        changed: bool,
        is_pooled: bool = False,
    ) -> None:
        """
        Take in a look.

        Args:
            since: The look before, epoch seconds.
            now: This look, epoch seconds.
            news: The chance that, were there no clock, a change would be visible so many seconds after *since*.
            changed: One was seen.
            is_pooled: Many tasks were looked at, so that seeing no change is no matter of one forecast.
        """
        span = now - since
        if span <= 0.0:
            return
        self._ticks = None
        self._drift(now)
        without = min(0.98, max(0.002, news(span)))
        shown = self._shown(span, news)
        rows = enumerate(self.rows)
        after = [self._seen(number, row, now, span, shown, without, changed) for number, row in rows]
        with_clock = sum(map(sum, after))
        self._bet(with_clock, without, changed=changed, is_pooled=is_pooled)
        if changed:
            is_stray = with_clock < 0.05 * without
            self._strays = self._strays + 1 if is_stray else max(0, self._strays - 1)
        if self._strays > 1:
            self._strays = 0
            after = self._anew(now, span, [1.0] * len(shown))
            with_clock = sum(map(sum, after))
        if with_clock < _NOTHING**3:  # impossible by all that was believed
            self.rows = _flat()
            return
        self.rows = [
            [chance / with_clock for chance in row] if sum(row) > _NOTHING * with_clock else []
            for row in after
        ]

    def ticks(self, now: float) -> Ticks:
        """Return the ticks to come; asked again for the same instant, the same ones."""
        if self._ticks is None or self._ticks[0] != now:
            self._ticks = (now, self._ticks_from(now))
        return self._ticks[1]

    def _ticks_from(self, now: float) -> Ticks:
        width = self.nominal / _BINS
        first = [0.0] * (int(self.nominal * _LONGEST / width) + 2)
        for number, row in enumerate(self.rows):
            if row:
                here, rest = self._place(number, now)
                bin_width = self._period(number) / _BINS
                # the phase that ticks next comes first
                for ahead, chance in enumerate(row[here + 1 :] + row[: here + 1]):
                    first[int((ahead + 1.0 - rest) * bin_width / width)] += chance
        return Ticks.of(first, width, trust=self.trust, period=self.period)

    def restore(self, odds: float, looked_at: float | None, rows: list[Row]) -> None:
        """Take over a belief that was kept; one that makes no sense is left."""
        total = sum(map(sum, rows))
        is_sane = len(rows) == _PERIODS and all(len(row) in {0, _BINS} for row in rows) and 0.5 < total < 2.0
        if is_sane and min(map(min, filter(None, rows))) >= 0.0:
            self.odds = min(_ODDS[1], max(_ODDS[0], odds))
            self.looked_at = looked_at
            self._ticks = None
            self.rows = [[chance / total for chance in row] for row in rows]

    def _seen(
        self,
        number: int,
        row: Row,
        now: float,
        span: float,
        shown: list[float],
        without: float,
        changed: bool,
    ) -> Row:
        """Return a row after Bayes' rule: a look over *span* seconds that saw a change, or none."""
        if not row:
            return row
        here, _ = self._place(number, now)
        bin_width = self._period(number) / _BINS
        inside = min(_BINS, max(1, int(span / bin_width + 0.5)))
        stray = _STRAY * without if changed else 1.0
        after = row[:] if stray == 1.0 else [chance * stray for chance in row]
        last = len(shown) - 1
        for back in range(inside):
            phase = here - back  # may be negative: it goes round
            seen = shown[int(max(0.0, 1.0 - back * bin_width / span) * last)]
            after[phase] = row[phase] * (seen if changed else 1.0 - seen)
        return after

    def _anew(self, now: float, span: float, sure: list[float]) -> list[Row]:
        """Begin anew from one change alone: twice one was nowhere near where a tick was due."""
        return [self._seen(number, row, now, span, sure, 0.0, True) for number, row in enumerate(_flat())]

    def _shown(self, span: float, news: Callable[[float], float]) -> list[float]:
        """Return the chance to see a change, by where in the look's *span* the last tick fell."""
        shown: list[float] = []
        for i in range(9):
            # A tick shows what happened since the one before: a whole period's news at least.
            reach = span * i / 8 + self.nominal / 2
            none = (1.0 - min(0.999, news(reach))) ** max(1.0, self.nominal / reach)
            shown.append(min(0.95, 1.0 - none))
        return shown

    def _bet(self, with_clock: float, without: float, *, changed: bool, is_pooled: bool) -> None:
        if changed:
            step = log(max(with_clock, 1e-9) / without)
        else:
            step = log(max(with_clock, 1e-9) / (1.0 - without))
            step *= _MISSED if step < 0.0 else _SILENCE * is_pooled
        low, high = _ODDS
        self.odds = min(high, max(low, self.odds + min(_BET, max(-_BET, step))))

    def _drift(self, now: float) -> None:
        """Let time pass: ticks wander, and what was not confirmed for long is believed less."""
        if self.looked_at is not None and self.looked_at > now + _AHEAD_OF_TIME:
            # The wall clock was put back since: what is known of the phase is of a time that will not come.
            self.odds, self.looked_at, self.rows = self.home, None, _flat()
        before, self.looked_at = self.looked_at, max(now, self.looked_at or now)
        ticks = 0.0 if before is None else min(_LONG, max(0.0, now - before) / self.nominal)
        self.odds = self.home + (self.odds - self.home) * exp(-ticks / _FORGET)
        beside = _BESIDE * self.nominal * (_LONGEST - 1.0) / (_PERIODS - 1)
        for number, row in enumerate(self.rows):
            if row:
                own = self._period(number) - self.nominal
                wander = (_WANDER * own + _LEAST_WANDER) ** 2 * ticks + (beside * ticks) ** 2
                self._blur[number] += wander * (_BINS / self.nominal) ** 2
                if self._blur[number] >= _BLURRED:
                    self.rows[number], self._blur[number] = _blurred(row, self._blur[number])

    def _period(self, number: int) -> float:
        return self.nominal * (1.0 + (_LONGEST - 1.0) * number / (_PERIODS - 1))

    def _place(self, number: int, now: float) -> tuple[int, float]:
        """Return the phase that ticks at *now*, as a bin and the part of it that is past."""
        period = self._period(number)
        place = (now % period) / period * _BINS
        return min(_BINS - 1, int(place)), place % 1.0


def _blurred(row: Row, variance: float) -> tuple[Row, float]:
    """Return *row* with its chances spread by so many bins squared, and what is left to spread."""
    if variance > (_BINS / 5) ** 2:
        return [sum(row) / _BINS] * _BINS, 0.0
    reach = int((sqrt(6.0 * variance + 1.0) - 1.0) / 2.0)
    for _ in range(2):  # two boxes of 2 reach + 1 bins make a hat
        row = _boxed(row, reach)
    return row, variance - ((2 * reach + 1) ** 2 - 1) / 6.0


def _boxed(row: Row, reach: int) -> Row:
    size = 2 * reach + 1
    sums = [0.0, *accumulate(row[-reach:] + row + row[:reach])]
    return [(high - low) / size for low, high in zip(sums, sums[size:], strict=False)]
