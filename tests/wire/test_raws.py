"""Raw tasks: what is read, and what is malformed."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mjwatch._wire import raws
from mjwatch._wire.messages import Malformed

BAD = [
    b"",
    b"null",
    b"7",
    b'"x"',
    b"[]",
    b'{"id":',
    b'{"id":NaN}',
    b'{"id":1e400}',
    b'{"id":"\xff"}',
    pytest.param(b'{"id":' + b"9" * 5000 + b"}", id="a number without end"),
    pytest.param(b'{"x":' + b"[" * 50_000, id="nested without end"),
]


@pytest.mark.parametrize("piece", BAD)
def test_what_is_no_task_is_malformed(piece: bytes) -> None:
    """One error for all that a slice may be instead of a task."""
    with pytest.raises(Malformed):
        raws.read_task(msgspec.Raw(piece))
    with pytest.raises(Malformed):
        raws.read_job(msgspec.Raw(piece))


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (b'{"id":"1","prompt":"\xff"}', "1"),
        (b'{"id":7,"progress":1e400}', "7"),
        (b'{"taskId":"a-b","prompt":"\xff"}', "a-b"),
        (b'{"id":"../x","prompt":"\xff"}', None),
        (b'{"id":"\xff"}', None),
        (b"null", None),
    ],
)
def test_a_malformed_task_is_named_where_it_can_be(piece: bytes, expected: str | None) -> None:
    """So that its absence is not taken for a miss."""
    with pytest.raises(Malformed) as of_task:
        raws.read_task(msgspec.Raw(piece))
    with pytest.raises(Malformed) as of_job:
        raws.read_job(msgspec.Raw(piece))

    assert (expected, expected) == (of_task.value.task_id, of_job.value.task_id)


def test_the_last_of_duplicate_keys_stands() -> None:
    """As in every other JSON reader a gateway's author has tried."""
    actual = raws.read_task(msgspec.Raw(b'{"status":"SUBMITTED","status":"SUCCESS","else":[{}]}')).status

    assert actual == "SUCCESS"


@given(st.binary())
@example(b"{}")
def test_slices_are_read_or_malformed(piece: bytes) -> None:
    """No bytes raise anything else."""
    try:
        found = raws.read_task(msgspec.Raw(piece))
    except Malformed:
        return

    assert found.id is None or piece


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (b'{"id":"1","properties":{"finalPrompt":"a cat"}}', "a cat"),
        (b'{"id":"1","properties":{"finalPrompt":null}}', None),
        (b'{"id":"1","properties":{}}', None),
        (b'{"id":"1","properties":null}', None),
        (b'{"id":"1","properties":"a cat"}', None),
        (b'{"id":"1"}', None),
        (b'{"id":"1","properties":{"finalPrompt":"\xff"}}', None),
    ],
)
def test_properties_are_read_when_they_are_asked_for(piece: bytes, expected: object) -> None:
    """They may be anything, and what is broken in there spoils nothing else of the task."""
    assert raws.read_final_prompt(raws.read_task(msgspec.Raw(piece))) == expected


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (b'{"id":"1","status":"SUBMITTED","submitTime":1735689600000,"prompt":null}', True),
        (b'{"id":1,"status":"SUBMITTED"}', False),
        (b'{"id":"1","submitTime":"1735689600000"}', False),
    ],
)
def test_an_odd_task_is_no_usual_one(piece: bytes, expected: bool) -> None:
    """Where a number stands for a text, or a text for a number, it is read all the same."""
    actual = raws.read_task(msgspec.Raw(piece))

    assert expected is isinstance(actual, raws.UsualTask)
    assert actual.id in {"1", 1}


PICTURE = b"A" * raws.LARGE


def test_a_picture_in_a_task_does_not_cost_the_task() -> None:
    """What makes a task large is left out, and the rest is read as ever, also where it is odd."""
    usual = raws.read_task(
        msgspec.Raw(b'{"id":"1","status":"SUCCESS","prompt":"' + PICTURE + b'","base64":"' + PICTURE + b'"}')
    )
    odd = raws.read_task(msgspec.Raw(b'{"id":7,"imageUrls":["' + PICTURE + b'"],"progress":50}'))
    job = raws.read_job(msgspec.Raw(b'{"taskId":"1","video_url":"u","imageUrl":"' + PICTURE + b'"}'))

    assert (usual.id, usual.status, usual.prompt, usual.buttons) == ("1", "SUCCESS", None, msgspec.UNSET)
    assert (odd.id, odd.image_urls, odd.progress) == (7, None, 50)
    assert (job.task_id, job.video_url, job.image_url) == ("1", "u", None)


def test_a_large_task_that_is_none_is_malformed() -> None:
    """Also where it is so large that it is cut first; its id is told where that can be read."""
    with pytest.raises(Malformed) as caught:
        raws.read_task(msgspec.Raw(b'{"id":"1","base64":"' + PICTURE + b'","progress":}'))

    assert caught.value.task_id is None
    with pytest.raises(Malformed) as caught:
        raws.read_task(msgspec.Raw(b'{"id":"1","prompt":"\xff","base64":"' + PICTURE + b'"}'))

    assert caught.value.task_id == "1"


@pytest.mark.parametrize("key", [b"buttons", b"id", b"taskId", b"imageUrls", b"properties"])
@pytest.mark.parametrize("unit", [b"[]", b"{}", b"0", b'{"a":[0]}'])
def test_four_megabytes_in_a_field_are_never_made_into_values(key: bytes, unit: bytes) -> None:
    """A list of a million empty lists would come to 90 MB."""
    many = (unit + b",") * ((4 << 20) // (len(unit) + 1))
    piece = msgspec.Raw(b'{"status":"IN_PROGRESS","' + key + b'":[' + many + b"0]}")
    tracemalloc.start()
    try:
        read = raws.read_task(piece), raws.read_job(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert [one.status for one in read] == ["IN_PROGRESS", "IN_PROGRESS"]
    assert peak < 2 << 20
