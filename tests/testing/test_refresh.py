"""Timelines in, the rows a gateway shows out."""

from __future__ import annotations

from random import Random

import pytest

from mjwatch.testing.refresh import FRESH, AtOnce, Copied, Saved
from mjwatch.testing.timeline import Script, Timeline


@pytest.fixture
def ticks() -> Copied:
    """A family C that copies at 5, 20, 35, 50, ... sharp."""
    copied = Copied(Random(0), 0.0, 15.0, 0.0)
    copied.ticks = [-10.0]
    return copied


def imagine() -> Timeline:
    """Submitted at 2, 31 % at 7, success at 21 with its buttons at 24."""
    script = Script()
    script.after(2).submitted().after(5).progress(31).after(14).success().buttons_after(3)
    return script.timeline


def test_at_once_shows_the_truth() -> None:
    """Family A is event driven."""
    timeline = imagine()

    assert [AtOnce().rows(timeline, 0.0, now) for now in (1, 2, 21, 24)] == [(0,), (1,), (3,), (4,)]
    assert AtOnce().noticed_at(timeline, 0.0, 3) == 21


def test_a_step_that_was_passed_over_is_never_shown() -> None:
    """Two steps at one instant: only the later one is seen."""
    script = Script()
    script.after(2).submitted().progress(0)

    assert AtOnce().noticed_at(script.timeline, 0.0, 1) is None
    assert AtOnce().noticed_at(script.timeline, 0.0, 2) == 2


def test_saves_come_every_three_seconds_with_a_phase_of_their_own() -> None:
    """A read between two saves is as old as the last one."""
    timeline = imagine()

    # saves at 1, 4, 7, 10, 13, 16, 19, 22, 25
    assert [Saved().rows(timeline, 1.0, now)[0] for now in (0, 3, 4, 6.9, 7, 21, 22, 25)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        4,
    ]
    assert [Saved().noticed_at(timeline, 1.0, i) for i in range(5)] == [0, 4, 7, 22, 25]


def test_a_submit_is_saved_at_once() -> None:
    """The row is written before the answer to the submit."""
    script = Script(Timeline(2.0))
    script.modal().after(1).submitted()
    script.timeline.answer(3.0)

    assert Saved().rows(script.timeline, 1.0, 3.1) == (2,)
    assert Saved().noticed_at(script.timeline, 1.0, 2) == 3


def test_a_new_row_is_fresh_until_the_first_tick(ticks: Copied) -> None:
    """Before the first copy there is only what family C wrote itself."""
    assert [ticks.rows(imagine(), 0.0, now) for now in (0, 4.9, 5)] == [(FRESH,), (FRESH,), (1,)]


def test_nothing_changes_between_two_ticks(ticks: Copied) -> None:
    """31 % is true at 7 and shown at 20."""
    timeline = imagine()

    assert [ticks.rows(timeline, 0.0, now)[0] for now in (19.9, 20, 34.9, 35)] == [1, 2, 2, 4]
    assert [ticks.noticed_at(timeline, 0.0, i) for i in range(5)] == [None, 5, 20, None, 35]


def test_what_comes_after_a_hundred_percent_is_lost(ticks: Copied) -> None:
    """The buttons come at 36, after the copy of 35 has seen the end: they are never shown."""
    script = Script()
    script.after(30).success().buttons_after(6)

    assert ticks.rows(script.timeline, 0.0, 500) == (1,)
    assert ticks.noticed_at(script.timeline, 0.0, 2) is None


def test_an_answered_modal_is_two_rows_and_the_older_one_stands_still(ticks: Copied) -> None:
    """Fetch shows MODAL through the whole run, and the end one tick late (protocol.md 4.5)."""
    script = Script()
    script.after(1).modal().after(2).submitted().after(10).progress(46).after(20).success()
    timeline = script.timeline
    assert ticks.rows(timeline, 0.0, 8) == (1,)
    timeline.answer(10)

    # the truth: submitted at 12, 46 % at 22, success at 42; ticks at 20, 35, 50, 65
    assert [ticks.rows(timeline, 0.0, now) for now in (11, 20, 35, 50, 64.9, 65)] == [
        (1, FRESH),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 5),
        (5, 5),
    ]
    assert ticks.noticed_at(timeline, 0.0, 5) == 50
    assert ticks.noticed_at(timeline, 0.0, 1) == 5


def test_a_modal_answered_before_the_first_tick_leaves_a_fresh_row(ticks: Copied) -> None:
    """The older row was never copied."""
    script = Script()
    script.modal().after(2).submitted()
    script.timeline.answer(3)

    assert ticks.rows(script.timeline, 0.0, 6) == (FRESH, 3)
    assert ticks.noticed_at(script.timeline, 0.0, 1) is None
    assert Copied(Random(0), 0.0).noticed_at(Timeline(), 0.0, 0) is not None


def test_what_nobody_has_answered_is_never_noticed(ticks: Copied) -> None:
    """Behind an open MODAL there is nothing yet."""
    script = Script()
    script.modal().success()

    for refresh in (AtOnce(), Saved(), ticks):
        assert refresh.noticed_at(script.timeline, 0.0, 3) is None


def test_ticks_are_fifteen_seconds_apart_and_a_little() -> None:
    """The loop's own time comes on top."""
    copied = Copied(Random(3), 1000.0)
    copied.rows(Timeline(1000.0), 0.0, 5000.0)
    gaps = [after - before for before, after in zip(copied.ticks, copied.ticks[1:], strict=False)]

    assert 985 <= copied.ticks[0] <= 1000
    assert 15 <= min(gaps) < max(gaps) <= 15.5
