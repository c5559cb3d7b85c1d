"""Replies to their verdict and their slices, for each kind of request."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mjwatch._wire import envelopes
from mjwatch._wire.messages import Opened, Reply
from mjwatch.observations import Verdict

V = Verdict
TASK = b'{"id":"1"}'
PAGE = b"<!DOCTYPE html><html></html>"


def seen(opened: Opened) -> tuple[Verdict, list[bytes]]:
    """Return what a row of a table compares."""
    return opened.verdict, [bytes(piece) for piece in opened.slices]


@pytest.mark.parametrize(
    ("status", "body", "verdict", "slices"),
    [
        (200, TASK, V.OK, [TASK]),
        (200, b"\xef\xbb\xbf " + TASK + b"\n", V.OK, [TASK]),
        (
            200,
            b'{"status":"SUCCESS"}',
            V.OK,
            [b'{"status":"SUCCESS"}'],
        ),  # newapi-task-success-no-urls-tuzi.json
        (201, TASK, V.OK, [TASK]),
        (200, b"", V.MISSING, []),  # A
        (204, b"", V.MISSING, []),  # B
        (200, b"null", V.MISSING, []),  # the TypeScript port
        (200, b"{}", V.CORRUPT, []),
        (200, b'{"code":1,"description":"","result":"1"}', V.CORRUPT, []),  # a submit's answer
        (200, b"[]", V.CORRUPT, []),
        (200, b'{"id":"1"', V.CORRUPT, []),
        (200, b'{"id":"\xff"}', V.CORRUPT, []),
        (200, b'{"x":"\xff","id":"1"}', V.CORRUPT, []),  # strict also where nothing is read
        pytest.param(200, b'{"id":' * 50_000, V.CORRUPT, [], id="nested without end"),
        (200, b"OK", V.CORRUPT, []),
        (200, PAGE, V.REFUSED, []),
    ],
)
def test_a_fetch_holds_one_task(status: int, body: bytes, verdict: Verdict, slices: list[bytes]) -> None:
    """A task has an id or a status; nothing is nothing."""
    opened = envelopes.open_task(Reply(status, body))

    assert (verdict, slices) == seen(opened)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "slices"),
    [
        (200, b"[" + TASK + b", null]", V.OK, [TASK, b"null"]),
        (200, b"[]\n", V.OK, []),  # newapi-list-empty.json
        (200, TASK, V.OK, [TASK]),  # QuickRouter's documentation (seed 003)
        (200, b"", V.MISSING, []),
        (204, b"", V.MISSING, []),
        (200, b"null", V.MISSING, []),
        (200, b"{}", V.CORRUPT, []),
        (200, b"[" + TASK, V.CORRUPT, []),
        (200, b"7", V.CORRUPT, []),
        pytest.param(200, b"[" * 50_000, V.CORRUPT, [], id="nested without end"),
        (200, PAGE, V.UNSUPPORTED, []),
        (400, b"", V.TOO_BIG, []),
    ],
)
def test_a_list_holds_many_tasks(status: int, body: bytes, verdict: Verdict, slices: list[bytes]) -> None:
    """Elements stay raw, whatever they are."""
    opened = envelopes.open_tasks(Reply(status, body), 2)

    assert (verdict, slices) == seen(opened)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "slices"),
    [
        (200, b'{"code":0,"message":"ok","data":{"taskId":"1"}}', V.OK, [b'{"taskId":"1"}']),
        (200, b'{"code":200,"data":{}}', V.OK, [b"{}"]),
        (200, b'{"code":0,"data":null}', V.MISSING, []),
        (200, b"", V.MISSING, []),
        (200, b'{"code":404,"message":"?"}', V.MISSING, []),
        (200, '{"code":-1,"message":"任务不存在","data":null}'.encode(), V.MISSING, []),
        (200, TASK, V.OK, [TASK]),  # a reseller without the envelope
        (200, b'{"code":0,"message":"ok"}', V.CORRUPT, []),
        (200, b"[]", V.CORRUPT, []),
        (200, b'{"code":500,"message":"?","data":{}}', V.BROKEN, []),
        pytest.param(200, b'{"data":' * 50_000, V.CORRUPT, [], id="nested without end"),
        (401, b"", V.DENIED, []),
    ],
)
def test_an_envelope_holds_its_data(status: int, body: bytes, verdict: Verdict, slices: list[bytes]) -> None:
    """`data` is the task, null is none."""
    opened = envelopes.open_wrapped(Reply(status, body))

    assert (verdict, slices) == seen(opened)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "seed"),
    [
        (
            200,
            b'{"code":1,"description":"","result":"636646138"}',
            V.OK,
            "636646138",
        ),  # plus-image-seed-1.json
        (200, b'{"code":1,"result":636646138}', V.OK, "636646138"),
        (200, b'{"code":1,"result":null}', V.CORRUPT, None),
        (200, b'{"code":1,"result":""}', V.CORRUPT, None),
        (200, b'{"code":1,"result":true}', V.CORRUPT, None),
        (200, b'{"code":1,"result":"a\\nb"}', V.CORRUPT, None),
        (200, b'{"code":1,"result":"' + b"1" * 200 + b'"}', V.CORRUPT, None),
        (200, b"[]", V.CORRUPT, None),
        (204, b"", V.MISSING, None),
        (400, b'{"code":4,"description":"task_no_found "}', V.MISSING, None),
        (200, b'{"code":9,"description":"?","result":null}', V.REJECTED, None),
    ],
)
def test_a_seed_is_a_result(status: int, body: bytes, verdict: Verdict, seed: str | None) -> None:
    """Text or number, but never nothing."""
    opened, found = envelopes.open_seed(Reply(status, body))

    assert (verdict, seed) == (opened.verdict, found)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"", V.OK),  # B's cancel
        (200, b"\x89PNG\r\n\x1a\n", V.OK),
        (200, PAGE, V.UNSUPPORTED),
        (400, b'{"error":"midjourney_task_not_found"}', V.MISSING),
        (500, b'{"error":"http_get_image_failed"}', V.BROKEN),
    ],
)
def test_what_is_no_error_is_done(status: int, body: bytes, verdict: Verdict) -> None:
    """A cancel or an image has no shape to check."""
    opened = envelopes.open_done(Reply(status, body))

    assert verdict is opened.verdict


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "status", "code", "data", "result", "error"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from([200, 201, 204, 400, 404, 500]),
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()),
)
@example(200, rb'{"id":"\ud83d"}')
def test_no_bytes_escape_as_an_exception(status: int, body: bytes) -> None:
    """Whatever arrives is a documented verdict, and only OK has slices."""
    reply = Reply(status, body)
    seen = (
        envelopes.open_task(reply),
        envelopes.open_tasks(reply, 1),
        envelopes.open_wrapped(reply),
        envelopes.open_seed(reply)[0],
        envelopes.open_done(reply),
    )

    assert all(not opened.slices or opened.verdict is Verdict.OK for opened in seen)
    assert all(opened.status == status for opened in seen)
