"""The table of verdicts: status and JSON error to a verdict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._wire.messages import Reply, Verb
from mjwatch._wire.verdicts import MAX_HOLD, judge
from mjwatch.observations import Verdict

PAGE = b'<!DOCTYPE html><html lang="zh-CN"><head></head></html>'  # newapi-fetch-html-200.html
V = Verdict


def body(**keys: object) -> bytes:
    """Return *keys* as a JSON object."""
    return json.dumps(keys, ensure_ascii=False).encode()


NO_FOUND = body(code=4, description="task_no_found ", type="upstream_error")
FAULT = body(code=4, description="do_request_failed ", type="upstream_error")
FALSE = body(success=False, code=-1, message="操作失败", timestamp="638900000000000000")


def verdict_of(status: int, text: bytes, verb: Verb, asked: int = 1) -> Verdict | None:
    """Return the verdict alone."""
    opened = judge(Reply(status, text), verb, asked)
    return None if opened is None else opened.verdict


# status, body, verdict on a fetch, on a list of one, on a list of many
TABLE: list[tuple[int, bytes, Verdict | None, Verdict | None, Verdict | None]] = [
    (200, b'{"id":"1"}', None, None, None),
    (200, b"[]", None, None, None),
    (200, b"", None, None, None),
    (204, b"", None, None, None),
    (200, b'{"id":"1","error":"x"}', None, None, None),  # a task with a word of its own
    # row 5
    (301, b"", V.REFUSED, V.REFUSED, V.REFUSED),
    (307, b"{}", V.REFUSED, V.REFUSED, V.REFUSED),
    # row 6
    (429, b"", V.THROTTLED, V.THROTTLED, V.THROTTLED),  # B's rate limit is empty
    (400, body(code=30, description="饱和"), V.THROTTLED, V.THROTTLED, V.THROTTLED),
    (200, body(code=23, description="队列已满"), V.THROTTLED, V.THROTTLED, V.THROTTLED),
    (200, body(code="23", msg="队列已满"), V.THROTTLED, V.THROTTLED, V.THROTTLED),
    (500, body(error={"code": 30, "message": "busy"}), V.THROTTLED, V.THROTTLED, V.THROTTLED),
    (200, body(code=429, message="slow down"), V.THROTTLED, V.THROTTLED, V.THROTTLED),
    # row 7
    (401, b"Authorization header missing.", V.DENIED, V.DENIED, V.DENIED),  # B: text, no JSON
    (401, b"", V.DENIED, V.DENIED, V.DENIED),  # A
    (403, PAGE, V.DENIED, V.DENIED, V.DENIED),
    (402, b"", V.DENIED, V.DENIED, V.DENIED),
    (200, body(error="Unauthorized"), V.DENIED, V.DENIED, V.DENIED),  # the TS port's words
    (400, body(error={"message": "无效的令牌"}), V.DENIED, V.DENIED, V.DENIED),
    (200, body(code=401, message="?"), V.DENIED, V.DENIED, V.DENIED),
    # row 8
    (404, b"", V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),  # a bare 404 is a wrong address
    (404, body(status=404, error="Not Found", path="/x"), V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),  # Spring
    (404, body(code=404, message="Not Found"), V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),
    (405, b"", V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),
    (501, b"", V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),
    (200, PAGE, V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),  # new-api's web app (protocol.md 0.1)
    (200, b"\xef\xbb\xbf\n" + PAGE, V.REFUSED, V.UNSUPPORTED, V.UNSUPPORTED),
    # row 9
    (413, b"", V.BROKEN, V.BROKEN, V.TOO_BIG),  # to one id nothing smaller is left
    (414, PAGE, V.BROKEN, V.BROKEN, V.TOO_BIG),
    (400, b"", V.REJECTED, V.REJECTED, V.TOO_BIG),
    (422, b"{}", V.REJECTED, V.REJECTED, V.TOO_BIG),
    (200, body(success=False, message="最大500条"), V.BROKEN, V.BROKEN, V.TOO_BIG),
    # row 10
    (400, NO_FOUND, V.MISSING, V.MISSING, V.TOO_BIG),
    (200, NO_FOUND, V.MISSING, V.MISSING, V.TOO_BIG),
    (500, NO_FOUND, V.MISSING, V.MISSING, V.TOO_BIG),
    (404, body(code=3, description="关联任务不存在或已失效"), V.MISSING, V.MISSING, V.TOO_BIG),  # B
    (404, body(code=3, description="?"), V.MISSING, V.MISSING, V.TOO_BIG),
    (
        400,
        body(code=3, description="无可用的账号实例"),
        V.REJECTED,
        V.REJECTED,
        V.TOO_BIG,
    ),  # 3 alone is no miss
    (200, body(code=404, message="?"), V.MISSING, V.MISSING, V.TOO_BIG),
    # row 11
    (500, FALSE, V.BROKEN, V.BROKEN, V.BROKEN),
    (502, PAGE, V.BROKEN, V.BROKEN, V.BROKEN),
    (503, b"", V.BROKEN, V.BROKEN, V.BROKEN),
    (503, body(error={"code": "model_not_found", "message": "无可用渠道"}), V.BROKEN, V.BROKEN, V.BROKEN),
    (524, b"", V.BROKEN, V.BROKEN, V.BROKEN),
    (408, b"", V.BROKEN, V.BROKEN, V.BROKEN),
    (425, b"", V.BROKEN, V.BROKEN, V.BROKEN),
    (400, FAULT, V.BROKEN, V.BROKEN, V.TOO_BIG),  # new-api: 400 for faults of its own
    (200, FALSE, V.BROKEN, V.BROKEN, V.BROKEN),  # B's LogicException: never a reason to give a task up
    (200, body(code=500, message="?"), V.BROKEN, V.BROKEN, V.BROKEN),
    # row 14
    (400, body(code=4, description="无效的加速模式"), V.REJECTED, V.REJECTED, V.TOO_BIG),  # one-hub
    (200, body(code=24, description="可能包含敏感词"), V.REJECTED, V.REJECTED, V.REJECTED),
    # the rest
    (418, b"", V.REFUSED, V.REFUSED, V.REFUSED),
    (101, b"", V.CORRUPT, V.CORRUPT, V.CORRUPT),
    (999, b"", V.CORRUPT, V.CORRUPT, V.CORRUPT),
]


@pytest.mark.parametrize(("status", "text", "one", "few", "many"), TABLE)
def test_replies_have_their_verdict(
    status: int, text: bytes, one: Verdict | None, few: Verdict | None, many: Verdict | None
) -> None:
    """A JSON error is read before the status; of many ids a refusal asks for fewer."""
    actual = (
        verdict_of(status, text, Verb.LOOK),
        verdict_of(status, text, Verb.LOOK_MANY),
        verdict_of(status, text, Verb.LOOK_MANY, 2),
    )

    assert (one, few, many) == actual


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (200, body(code=9, description="提交失败"), V.REJECTED),  # B: seedError under 200
        (200, body(code=3, description="未找到 seed"), V.REJECTED),
        (400, "演示模式，禁止操作".encode(), V.REJECTED),  # noqa: RUF001 - B's cancel without an admin's token
        (200, PAGE, V.UNSUPPORTED),
        (404, b"", V.UNSUPPORTED),
        (400, body(error="midjourney_task_not_found"), V.MISSING),  # C's image proxy
    ],
)
@pytest.mark.parametrize("verb", [Verb.SEED, Verb.CANCEL, Verb.IMAGE])
def test_other_verbs_may_just_not_be_there(status: int, text: bytes, expected: Verdict, verb: Verb) -> None:
    """A seed or a cancel that is refused says nothing about the gateway."""
    actual = verdict_of(status, text, verb)

    assert expected is actual


@pytest.mark.parametrize(("status", "expected"), [(400, V.REJECTED), (500, V.BROKEN), (200, None)])
def test_an_error_without_end_is_judged_by_its_status(status: int, expected: Verdict | None) -> None:
    """A complaint of more than 64 KiB is not read: its parts would fill the memory."""
    text = body(code=30, description="x" * (64 << 10))

    assert verdict_of(status, text, Verb.LOOK) is expected


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
AT = 784111777.0  # that instant


@pytest.mark.parametrize(
    ("header", "at", "expected"),
    [
        ("7", 0.0, 7.0),
        (" 7 ", 0.0, 7.0),
        ("0", 0.0, 0.0),
        ("1.5", 0.0, 1.5),
        ("86400", 0.0, 300.0),  # clamped: a mistaken header must not stop a watch for a day
        (DATE, AT - 20, 20.0),
        (DATE, AT + 20, 0.0),
        (DATE, 0.0, 300.0),
        ("Sun, 31 Feb 1994 08:49:37 GMT", AT, None),
        ("-1", 0.0, None),
        ("soon", 0.0, None),
        ("٧", 0.0, None),  # noqa: RUF001 - a digit, but not ours
        ("", 0.0, None),
        (None, 0.0, None),
    ],
)
def test_retry_after_is_digits_or_a_date(header: str | None, at: float, expected: float | None) -> None:
    """Both forms become seconds from the reply on, 300 at most."""
    opened = judge(Reply(429, b"", header, at), Verb.LOOK)

    assert opened is not None
    assert expected == opened.retry_after


@pytest.mark.parametrize(
    ("header", "text", "verdict", "after"),
    [
        ("7", b"", V.THROTTLED, 7.0),
        ("soon", b"", V.THROTTLED, None),
        (None, b"", V.BROKEN, None),
        # derived-trueai-yarp-503-maintenance.json has it in the body only
        (None, body(error="Service Unavailable", retryAfter=30), V.THROTTLED, 30.0),
        ("7", body(error="Service Unavailable", retryAfter=30), V.THROTTLED, 7.0),
        (None, body(error="Service Unavailable", retryAfter=-1), V.BROKEN, None),
        (None, body(error="Service Unavailable", retryAfter="30"), V.BROKEN, None),
    ],
)
def test_a_503_that_says_how_long_is_throttled(
    header: str | None, text: bytes, verdict: Verdict, after: float | None
) -> None:
    """In the header or in the body."""
    opened = judge(Reply(503, text, header), Verb.LOOK)

    assert opened is not None
    assert (verdict, after) == (opened.verdict, opened.retry_after)


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, NO_FOUND, "task_no_found"),
        (401, b"Invalid token.", "Invalid token."),
        (401, body(error={"message": "无效的令牌"}), "无效的令牌"),
        (200, PAGE, "a web page instead of JSON: check base_url"),
        (502, PAGE, "a web page"),
        (302, b"moved", "a redirect: check base_url: moved"),
        (404, b"", "404, no such route: check base_url"),
        (404, body(error={"message": "Invalid URL"}), "404, no such route: check base_url: Invalid URL"),
        (500, b"a\x00\r\nb", "a   b"),
        (500, b"\xff", "\ufffd"),
        (500, b"{", "{"),
        (500, b"x" * 5000, "x" * 255 + "…"),
        (500, b"", ""),
        pytest.param(500, b'{"error":' * 50_000, ('{"error":' * 50)[:255] + "…", id="nested without end"),
    ],
)
def test_details_are_short_and_printable(status: int, text: bytes, expected: str) -> None:
    """The gateway's own words, and what to do where the address is wrong."""
    opened = judge(Reply(status, text), Verb.LOOK)

    assert opened is not None
    assert (expected, status) == (opened.detail, opened.status)


KEYS = st.sampled_from([
    "id",
    "code",
    "error",
    "success",
    "message",
    "msg",
    "type",
    "description",
    "retryAfter",
    "status",
])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.binary(max_size=64) | st.dictionaries(KEYS, VALUES).map(lambda value: json.dumps(value).encode())


@given(
    st.integers(0, 1000), BODIES, st.none() | st.text(max_size=40), st.sampled_from(Verb), st.integers(1, 3)
)
def test_every_reply_has_a_verdict(
    status: int, text: bytes, header: str | None, verb: Verb, asked: int
) -> None:
    """No status, body or header raises, and only 2xx may pass."""
    opened = judge(Reply(status, text, header, 1e9), verb, asked)

    assert opened is not None or 200 <= status < 300
    assert opened is None or (opened.verdict is not Verdict.OK and len(opened.detail) <= 256)


HEADERS = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)


@given(HEADERS, st.sampled_from([429, 503]), st.floats(-1e12, 1e12))
def test_a_wish_for_patience_is_bounded_whatever_it_says(header: str, status: int, at: float) -> None:
    """No header makes a hold that is negative, endless, or longer than the cap."""
    opened = judge(Reply(status, b"", header, at), Verb.LOOK)

    assert opened is not None
    assert opened.retry_after is None or 0.0 <= opened.retry_after <= MAX_HOLD
