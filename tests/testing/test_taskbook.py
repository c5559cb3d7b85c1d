"""What a gateway shows of its tasks at an instant."""

from __future__ import annotations

import json
from random import Random

import pytest

from mjwatch.testing.families import Family
from mjwatch.testing.refresh import AtOnce, Copied
from mjwatch.testing.taskbook import TaskBook, refresh_of
from mjwatch.testing.timeline import Script

EPOCH = 1_735_689_600.0


def book_of(family: Family, *, gives_up_after: float | None = None) -> TaskBook:
    """Return an empty book of *family*, with ticks at 5, 20, 35 on family C."""
    refresh = refresh_of(family, Random(0), 0.0, period=None, spread=0.0)
    if isinstance(refresh, Copied):
        refresh.ticks = [-10.0]
    return TaskBook(family, refresh, EPOCH, Random(0), gives_up_after)


def add(book: TaskBook, task_id: str) -> Script:
    """Add a task and return its script."""
    script = Script()
    book.add(task_id, "IMAGINE", "FAST", "Cat", script.timeline)
    return script


def listed(book: TaskBook, *ids: str, now: float) -> list[tuple[str, str]]:
    """Return the ids and statuses of a list, as they stand there."""
    return [(row["id"], row["status"]) for row in json.loads(book.list(list(ids), now))]


def test_a_list_holds_what_is_known_in_no_order_of_the_request() -> None:
    """Unknown ids are left out."""
    book = book_of(Family.NOVICEZK)
    for i in range(20):
        add(book, str(i))
    asked = [str(i) for i in range(21)]
    first, second = (listed(book, *asked, now=1.0) for _ in range(2))

    assert sorted(first) == sorted(second) == sorted((str(i), "NOT_START") for i in range(20))
    assert [task_id for task_id, _ in first] != asked[:20]
    assert first != second


def test_a_list_of_nothing_is_empty() -> None:
    """`[]`, in every family."""
    assert book_of(Family.NEW_API).list([], 1.0) == b"[]"
    assert book_of(Family.NEW_API).fetch("1", 1.0) is None


def test_times_are_epoch_milliseconds() -> None:
    """From the virtual instants and the epoch."""
    book = book_of(Family.NOVICEZK)
    add(book, "1").after(2).submitted().after(5).success()
    shown = json.loads(book.fetch("1", 8.0) or b"")

    assert [shown[key] for key in ("submitTime", "startTime", "finishTime")] == [
        1735689600000,
        1735689602000,
        1735689607000,
    ]


def test_previews_of_new_api_differ_on_each_read_until_success() -> None:
    """Also within one instant; behind the end the URL stands still (protocol.md 4.7)."""
    book = book_of(Family.NEW_API)
    add(book, "1").after(1).progress(31).after(10).success()
    running, done = ([book.fetch("1", now) for _ in range(2)] for now in (6.0, 21.0))
    urls = [json.loads(row or b"")["imageUrl"] for row in running]

    assert urls[0] != urls[1]
    assert all(url.startswith("/mj/image/1?rand=17356896") for url in urls)
    assert done[0] == done[1]


def test_an_unchanged_row_is_spelled_once() -> None:
    """The very same bytes are shown again."""
    book = book_of(Family.TRUEAI)
    add(book, "1").after(1).submitted()

    assert book.fetch("1", 5.0) is book.fetch("1", 9.0)


def test_few_rows_are_kept() -> None:
    """A long run does not fill the memory."""
    book = book_of(Family.NOVICEZK)
    script = add(book, "1")
    for percent in range(50):
        script.after(1).progress(percent)
    for now in range(50):
        book.fetch("1", float(now))

    assert len(book.tasks["1"].spelled) <= 3


def test_an_omitted_id_is_missing_so_many_times() -> None:
    """Only from lists."""
    book = book_of(Family.NOVICEZK)
    add(book, "1")
    add(book, "2")
    book.omitted["1"] = 2
    seen = [sorted(task_id for task_id, _ in listed(book, "1", "2", now=1.0)) for _ in range(3)]

    assert seen == [["2"], ["2"], ["1", "2"]]
    assert book.fetch("1", 1.0) is not None


def test_an_answered_modal_stands_twice_in_the_list_of_new_api() -> None:
    """Fetch shows the older row (protocol.md 4.5)."""
    book = book_of(Family.NEW_API)
    add(book, "1").modal().after(10).progress(46).after(10).success()
    book.fetch("1", 8.0)
    book.tasks["1"].timeline.answer(9.0)

    assert sorted(listed(book, "1", now=20.0)) == [("1", "IN_PROGRESS"), ("1", "MODAL")]
    assert json.loads(book.fetch("1", 49.0) or b"")["status"] == "MODAL"
    assert sorted(listed(book, "1", now=50.0)) == [("1", "SUCCESS"), ("1", "SUCCESS")]


def test_a_forgotten_task_is_unknown() -> None:
    """To fetch and to lists."""
    book = book_of(Family.NEW_API)
    add(book, "1").after(5).forgotten()

    assert book.fetch("1", 4.0) is not None
    assert book.fetch("1", 5.0) is None
    assert listed(book, "1", now=5.0) == []


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        (Family.NOVICEZK, "任务超时"),
        (Family.TRUEAI, "执行超时 5 分钟"),
        (Family.NEW_API, "上游任务超时（超过1小时）"),  # noqa: RUF001
    ],
)
def test_a_gateway_may_give_up(family: Family, reason: str) -> None:
    """With its own words, at its own next refresh."""
    book = book_of(family, gives_up_after=300.0)
    add(book, "1").after(5).progress(31).forever()
    add(book, "2").after(5).success()
    book.fetch("1", 299.0)

    assert json.loads(book.fetch("1", 320.0) or b"")["failReason"] == reason
    assert json.loads(book.fetch("2", 320.0) or b"")["status"] == "SUCCESS"
    assert book.tasks["1"].timeline.ended_at() == 300


def test_a_gateway_waits_for_its_user() -> None:
    """MODAL never times out (protocol.md 3.5)."""
    book = book_of(Family.PLUS, gives_up_after=300.0)
    add(book, "1").modal()

    assert json.loads(book.fetch("1", 900.0) or b"")["status"] == "MODAL"


def test_when_an_end_is_shown() -> None:
    """The truth is at 21, the copy at 35."""
    book = book_of(Family.NEW_API)
    add(book, "1").after(2).submitted().after(19).success()

    assert book.noticed_at("1", None) == 35
    assert book.noticed_at("1", "SUBMITTED") == 5
    assert book.noticed_at("1", "FAILURE") is None


def test_an_id_is_added_once() -> None:
    """Two scripts of one task would contradict each other."""
    book = book_of(Family.NOVICEZK)
    add(book, "1")

    with pytest.raises(ValueError, match="has a task '1' already"):
        add(book, "1")


def test_families_a_and_e_show_the_truth() -> None:
    """Nothing else has a clock."""
    kinds = {
        family: type(refresh_of(family, Random(0), 0.0, period=2.0, spread=0.0)).__name__ for family in Family
    }

    assert kinds == {
        "novicezk": AtOnce.__name__,
        "plus": "AtOnce",
        "trueai": "Saved",
        "new-api": "Copied",
        "enveloped": "AtOnce",
    }
