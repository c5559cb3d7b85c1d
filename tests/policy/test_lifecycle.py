"""How far a status is, which rows are the past, and what a success still owes: tables."""

from __future__ import annotations

from functools import partial

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mjwatch._policy.lifecycle import fuller, is_behind, most_advanced, rank, still_owes
from mjwatch.observations import Observation
from mjwatch.tasks import Action, Button, Media, Mode, Status, Task
from tests.support.builders import seen, task

IN_ORDER = (Status.MODAL, Status.NOT_START, Status.SUBMITTED, Status.IN_PROGRESS, Status.SUCCESS)
BUTTON = Button("MJ::JOB::upsample::1")
URL = "https://cdn.example/1.png"
FILM = (Media("https://cdn.example/1.mp4"),)

done = partial(seen, Status.SUCCESS, 100)
owing = partial(done, buttons_come_with_end=True)
"""A success at a gateway that shows buttons with the end."""

statuses = st.sampled_from(Status)
percents = st.none() | st.integers(0, 100)
tasks = st.builds(task, status=statuses, percent=percents)


def test_ranks_follow_the_life_of_a_task() -> None:
    """A window is the lowest, the three ends are equally far."""
    ranks = [rank(status) for status in IN_ORDER]

    assert ranks == sorted(set(ranks))
    assert rank(Status.SUCCESS) == rank(Status.FAILURE) == rank(Status.CANCEL)


def test_an_unknown_word_is_as_far_as_asked_for() -> None:
    """It has no place of its own; without a wish it counts as not started."""
    assert rank(Status.UNKNOWN, 3) == 3
    assert rank(Status.UNKNOWN) == rank(Status.NOT_START)
    assert rank(Status.SUBMITTED, 3) == 2


def test_every_final_status_is_farther_than_all_others() -> None:
    """What is final and what has the highest rank are the same; a window is not final."""
    top = {status for status in Status if rank(status) == rank(Status.SUCCESS)}

    assert top == {status for status in Status if status.is_final}
    assert not Status.MODAL.is_final


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(task(status=Status.MODAL), task(status=Status.NOT_START), id="frozen window"),
        pytest.param(task(status=Status.MODAL, percent=90), task(percent=1), id="status before percent"),
        pytest.param(task(percent=10), task(percent=20), id="percent"),
        pytest.param(task(), task(percent=0), id="a number before none"),
        pytest.param(task(percent=99), task(status=Status.FAILURE), id="end"),
        pytest.param(task(status=Status.MODAL), task(status=Status.UNKNOWN), id="unknown word"),
    ],
)
def test_the_most_advanced_of_two_rows_wins(one: Task, other: Task) -> None:
    """A list may show an id twice, in any order."""
    assert most_advanced(one, other) is other
    assert most_advanced(other, one) is other


def test_the_first_of_two_equal_rows_wins() -> None:
    """The choice is stable."""
    first, second = task(percent=10), task(percent=10)

    assert most_advanced(first, second) is first


@pytest.mark.parametrize(
    ("status", "was_answered", "before", "expected"),
    [
        pytest.param(Status.MODAL, False, -1, False, id="first look"),
        pytest.param(Status.MODAL, False, rank(Status.NOT_START), False, id="after not started"),
        pytest.param(Status.MODAL, False, rank(Status.SUBMITTED), False, id="after submitted"),
        pytest.param(Status.MODAL, False, rank(Status.MODAL), False, id="still open"),
        pytest.param(Status.MODAL, False, rank(Status.IN_PROGRESS), True, id="after work began"),
        pytest.param(Status.MODAL, True, rank(Status.NOT_START), True, id="answered"),
        pytest.param(Status.MODAL, True, rank(Status.MODAL), True, id="answered by an unknown word"),
        pytest.param(Status.SUBMITTED, False, rank(Status.IN_PROGRESS), True, id="back to the queue"),
        pytest.param(Status.NOT_START, True, rank(Status.MODAL), False, id="answered just now"),
        pytest.param(Status.SUCCESS, True, rank(Status.IN_PROGRESS), False, id="end"),
    ],
)
def test_a_status_further_back_is_behind(
    status: Status, was_answered: bool, before: int, expected: bool
) -> None:
    """A window is news before work began and until it was answered; afterwards it is a frozen row."""
    behind = is_behind(task(status=status), status_rank=before, percent=None, was_answered=was_answered)

    assert expected is behind


@pytest.mark.parametrize(
    ("percent", "note", "before", "expected"),
    [
        pytest.param(39, None, 40, True, id="lower"),
        pytest.param(40, None, 40, False, id="equal"),
        pytest.param(41, None, 40, False, id="higher"),
        pytest.param(None, None, 40, False, id="no number"),
        pytest.param(None, "Waiting to start", 40, True, id="the words of the beginning"),
        pytest.param(None, "Waiting to start", 0, False, id="words after nothing"),
        pytest.param(0, None, None, False, id="first number"),
    ],
)
def test_a_lower_number_of_the_same_status_is_behind(
    percent: int | None, note: str | None, before: int | None, expected: bool
) -> None:
    """So are the words of the beginning where there was a number; silence about the number is not."""
    look = seen(Status.IN_PROGRESS, percent, note=note).task

    assert expected is is_behind(look, status_rank=3, percent=before, was_answered=False)


def test_a_lower_number_of_a_later_status_is_not_behind() -> None:
    """The status counts first: a submitted task may show 100 % and begin at 0."""
    assert not is_behind(task(percent=0), status_rank=2, percent=100, was_answered=False)


@pytest.mark.parametrize(
    ("before", "percent", "expected"),
    [
        pytest.param(rank(Status.NOT_START), 0, True, id="a relay's first row, once there was another"),
        pytest.param(rank(Status.IN_PROGRESS), None, True, id="nothing at all"),
        pytest.param(-1, 0, False, id="first look"),
        pytest.param(rank(Status.MODAL), 0, False, id="the row that an answered window begins"),
        pytest.param(rank(Status.IN_PROGRESS), 7, False, id="a number shows that it goes on"),
    ],
)
def test_a_row_without_a_status_is_behind_one_that_had_it(
    before: int, percent: int | None, expected: bool
) -> None:
    """A relay writes a row at submit and copies later, so a lagging replica shows an empty status again."""
    look = evolve(task(status=Status.UNKNOWN, percent=percent), status_word="")

    assert expected is is_behind(look, status_rank=before, percent=None, was_answered=False)


@settings(deadline=None)
@given(st.integers(-1, 3), percents, st.booleans())
def test_an_unknown_word_never_looks_like_a_relapse(
    status_rank: int, percent: int | None, was_answered: bool
) -> None:
    """Whatever was known before, the word alone says nothing."""
    look = task(status=Status.UNKNOWN, percent=percent)

    assert not is_behind(look, status_rank=status_rank, percent=percent, was_answered=was_answered)


@settings(deadline=None)
@given(tasks, tasks, tasks)
def test_the_most_advanced_does_not_depend_on_the_grouping(one: Task, two: Task, three: Task) -> None:
    """Rows can be merged one by one."""
    left = most_advanced(most_advanced(one, two), three)

    assert left is most_advanced(one, most_advanced(two, three))


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param(done(image_url=URL), False, id="A, whole"),
        pytest.param(done(), True, id="A and C, no address"),
        pytest.param(done(images=(Media(URL),)), False, id="C, single pictures"),
        pytest.param(done(buttons=(BUTTON,)), True, id="C, buttons without address"),
        pytest.param(owing(image_url=URL), True, id="B, no buttons"),
        pytest.param(owing(image_url=URL, buttons=(BUTTON,)), False, id="B, whole"),
        pytest.param(owing(buttons=(BUTTON,)), True, id="B, no address"),
        pytest.param(owing(image_url=URL, action=Action.UPSCALE), True, id="B, upscale"),
        pytest.param(owing(image_url=URL, action=Action.SWAP_FACE), False, id="B, no buttons ever"),
        pytest.param(owing(image_url=URL, action=Action.UNKNOWN), False, id="B, unknown action"),
        pytest.param(owing(action=Action.DESCRIBE), False, id="describe"),
        pytest.param(owing(action=Action.SHORTEN), False, id="shorten"),
        pytest.param(done(image_url=URL, action=Action.VIDEO), True, id="video, cover only"),
        pytest.param(owing(videos=FILM, action=Action.VIDEO), False, id="video"),
        pytest.param(done(action=Action.VIDEO_EXTEND), True, id="video, nothing"),
    ],
)
def test_a_success_owes_only_what_can_still_come(look: Observation, expected: bool) -> None:
    """An address everywhere, buttons where they come with the end, a film for a film, nothing for words."""
    assert expected is still_owes(look)


def test_a_later_success_without_its_result_does_not_hide_it() -> None:
    """The later look counts, unless it lacks what the earlier one had."""
    bare = seen(Status.SUCCESS).task
    whole = seen(Status.SUCCESS, image_url=URL).task
    later = seen(Status.SUCCESS, image_url=URL, mode=Mode.FAST).task

    assert fuller(whole, bare) is whole
    assert fuller(bare, whole) is whole
    assert fuller(whole, later) is later
    assert fuller(bare, seen(Status.SUCCESS).task) is not bare
