"""Scripts in, truths out."""

from __future__ import annotations

from math import inf

import pytest

from mjwatch.testing.timeline import Script, Step, Timeline


def told(timeline: Timeline) -> list[tuple[float, str | None, str | None]]:
    """Return when each status and progress becomes true."""
    return [
        (at, step.status, step.progress) for at, step in zip(timeline.instants, timeline.steps, strict=True)
    ]


def test_a_script_counts_each_step_from_the_one_before() -> None:
    """`after` adds up, the first from the submit."""
    script = Script(Timeline(100.0))
    script.after(2).submitted().after(5).progress(31).after(6).note("paused").after(8).success()

    assert told(script.timeline) == [
        (100, "NOT_START", None),
        (102, "SUBMITTED", "0%"),
        (107, "IN_PROGRESS", "31%"),
        (113, "IN_PROGRESS", "paused"),
        (121, "SUCCESS", "100%"),
    ]


def test_a_step_is_in_force_from_its_instant_on() -> None:
    """The instant itself belongs to the step."""
    script = Script(Timeline(100.0))
    script.after(5).progress(31)

    assert [script.timeline.index_at(now) for now in (0, 100, 104, 105, 900)] == [0, 0, 0, 1, 1]


def test_what_follows_a_modal_waits_for_its_answer() -> None:
    """Behind a MODAL, time counts from the answer."""
    script = Script()
    script.after(1).modal().after(3).submitted().after(4).success()
    timeline = script.timeline

    assert timeline.instants[2:] == [inf, inf, inf]
    assert timeline.ended_at() is None
    assert timeline.answer(50)
    assert timeline.instants[2:] == [50, 53, 57]
    assert timeline.ended_at() == 57
    assert timeline.began() == (0, 50)


@pytest.mark.parametrize("now", [0.5, 60])
def test_only_an_open_modal_can_be_answered(now: float) -> None:
    """Before it opens, and after it was answered, there is nothing to answer."""
    script = Script()
    script.after(1).modal().after(30).success()
    if now > 50:
        assert script.timeline.answer(50)

    assert not script.timeline.answer(now)


def test_a_forgotten_task_is_unknown_from_then_on() -> None:
    """`forgotten` is a step like any other, also behind an end."""
    script = Script()
    script.after(5).success().after(10).forgotten()

    assert [script.timeline.knows(now) for now in (14, 15)] == [True, False]


def test_a_cut_drops_what_was_to_come() -> None:
    """A cancel ends a task before its script does, also behind a MODAL."""
    script = Script(Timeline(10.0))
    script.modal().after(3).submitted().after(20).success()
    script.timeline.answer(50)
    script.timeline.cut(60, Step(0.0, "CANCEL"))

    assert told(script.timeline)[-2:] == [(53, "SUBMITTED", "0%"), (60, "CANCEL", None)]
    assert script.timeline.ended_at() == 60


def test_the_first_end_counts() -> None:
    """Late buttons do not move the end, and a contradiction neither."""
    script = Script()
    script.after(5).success().buttons_after(3).after(5).failure("changed its mind")

    assert script.timeline.ended_at() == 5
    assert [step.has_buttons for step in script.timeline.steps] == [False, False, True, False]


def test_start_and_end_are_told_as_far_as_they_have_come() -> None:
    """A row knows its start and end only once they are there."""
    script = Script()
    script.after(2).submitted().after(5).progress(31).after(5).failure("x")
    timeline = script.timeline

    assert [timeline.started_at(i) for i in range(4)] == [None, 2, 2, 2]
    assert [timeline.ended_at(i) for i in range(4)] == [None, None, None, 12]


def test_ends_can_be_odd() -> None:
    """An end may lack its buttons, its picture, or its hundred percent."""
    script = Script()
    script.success().without_buttons().without_url().with_progress("93%")

    assert script.timeline.steps[-1] == Step(0.0, "SUCCESS", "93%")


def test_a_failure_keeps_the_last_preview() -> None:
    """The picture stays where it was (protocol.md 1.2)."""
    script = Script()
    script.progress(31).after(1).failure("任务超时")

    assert script.timeline.steps[-1].image == "31.webp"
    assert script.timeline.steps[-1].fail_reason == "任务超时"


def test_the_copying_stops_at_a_hundred_percent_whatever_the_status() -> None:
    """Family C goes by the progress (protocol.md 4.5)."""
    script = Script()
    script.progress(100).after(9).cancelled()

    assert script.timeline.settled == 1


def test_pictures_may_be_missing_or_there_before_the_end() -> None:
    """Some accounts send no previews; the final picture comes before the status."""
    script = Script()
    script.progress(31, preview=None).finishing().forever()

    assert [step.image for step in script.timeline.steps] == [None, None, "final.png"]


def test_time_runs_forward() -> None:
    """A step cannot come before the one before it."""
    with pytest.raises(ValueError, match="time runs forward"):
        Script().after(-1)
