"""What time makes of claimed rows before their look, and of those that a look brought nothing for."""

from __future__ import annotations

import pytest

from mjwatch._policy.lessons import Lessons
from mjwatch._policy.state import State
from mjwatch._runtime.round import Round, put_off
from mjwatch._runtime.rules import Rules
from mjwatch._store.contract import Claim, Row
from mjwatch._store.record import Record
from mjwatch.events import Expired, Success
from mjwatch.observations import Watch
from tests.runtime.rig import make_context
from tests.support.builders import state_with

NOW = 1_000_000.0
SETTLING = Record[State](
    "1", Watch("", None, NOW - 60, None, wants_progress=True), state_with(seen_at=NOW, changed_at=None)
)
"""A success that owes its picture since NOW."""


def claimed(at: float, *, held: float = 0.0) -> Round:
    """Return the round of a claim made *at* seconds after NOW."""
    return Round(Rules.of(make_context(), Lessons()), Claim(1, NOW + at, held, [SETTLING], 1))


def events(rows: list[object]) -> list[type[object]]:
    """Return the classes of what *rows* tell."""
    return [type(event) for row in rows if isinstance(row, Row) for event in row.events]


async def test_what_a_success_still_owes_may_come_with_the_look() -> None:
    """However late it is made: a schedule of 6 s must not end it a moment before its picture."""
    round_ = claimed(6)

    assert round_.ended == []
    assert list(round_.going) == [SETTLING]


async def test_where_no_look_is_made_a_success_is_told_as_it_is() -> None:
    """A gateway that is left alone for minutes must not hold an end up."""
    assert events([*claimed(6, held=200).ended]) == [Success]
    assert claimed(4, held=200).ended == []


async def test_a_look_that_brings_nothing_ends_it_too() -> None:
    """Once its time is over; before, it is put off until then at most."""
    round_ = claimed(3)
    [soon] = put_off(round_, round_.going, NOW + 3, 30.0)

    assert isinstance(soon, Row)
    assert soon.next_in == pytest.approx(2)
    assert events([*put_off(round_, round_.going, NOW + 6, 30.0)]) == [Success]


async def test_a_deadline_passes_with_the_look_that_brings_nothing() -> None:
    """It is told then, and not by the claim after it."""
    wish = Watch("", None, NOW, NOW + 10, wants_progress=True, is_by_kind=False)
    running = Record[State]("1", wish, state_with(percent=4))
    round_ = Round(Rules.of(make_context(), Lessons()), Claim(1, NOW, 0.0, [running], 1))
    [soon] = put_off(round_, round_.going, NOW + 3, 30.0)

    assert isinstance(soon, Row)
    assert soon.next_in == pytest.approx(7)
    assert events([*put_off(round_, round_.going, NOW + 10, 30.0)]) == [Expired]
