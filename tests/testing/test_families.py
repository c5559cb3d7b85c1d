"""Routes, credentials and errors of each family, against protocol.md and the real replies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mjwatch.testing import families
from mjwatch.testing.families import Family, Reply, Target

REPLIES = Path(__file__).parent.parent / "support" / "replies"
A, PLUS, B, C, E = Family.NOVICEZK, Family.PLUS, Family.TRUEAI, Family.NEW_API, Family.ENVELOPED


def real(name: str) -> object:
    """Return a real reply."""
    value: object = json.loads((REPLIES / name).read_text("utf-8"))
    return value


@pytest.mark.parametrize(
    ("family", "method", "path", "expected"),
    [
        (A, "GET", "/mj/task/1/fetch", Target("fetch", "1")),
        (A, "POST", "/mj/task/list-by-condition", Target("list")),
        (A, "GET", "/mj/task/1/image-seed", Target("other")),
        (A, "POST", "/mj/submit/action", Target("other")),
        (A, "GET", "/mj-fast/mj/task/1/fetch", Target("other")),
        (PLUS, "GET", "/mj/task/1/image-seed", Target("seed", "1")),
        (B, "POST", "/mj/task/list-by-ids", Target("list")),
        (B, "POST", "/mj-relax/mj/submit/imagine", Target("submit", "imagine", "RELAX")),
        (B, "GET", "/fast/mj/task/1/fetch", Target("other")),
        (B, "POST", "/mj/task/1/cancel", Target("cancel", "1")),
        (B, "GET", "/mj/image/1", Target("other")),
        (C, "POST", "/mj/task/list-by-ids", Target("other")),
        (C, "GET", "/anything/mj/task/1/fetch", Target("fetch", "1")),
        (C, "POST", "/mj-turbo/mj/submit/video", Target("submit", "video", "TURBO")),
        (C, "POST", "/mj/task/1/cancel", Target("other")),
        (C, "GET", "/mj/image/1", Target("image", "1")),
        (C, "HEAD", "/mj/task/1/fetch", Target("other")),
        (E, "GET", "/api/mj/task/42a28dda/fetch", Target("fetch", "42a28dda")),
        (E, "POST", "/api/mj/task/list-by-condition", Target("other")),
        (E, "GET", "/mj/task/1/fetch", Target("other")),
        (C, "GET", "/attachments/1/final.png", Target("attachment", "1")),
        (C, "POST", "/attachments/1/final.png", Target("other")),
    ],
)
def test_routes(family: Family, method: str, path: str, expected: Target) -> None:
    """Each family knows its own routes and prefixes."""
    assert families.target(family, method, path) == expected


@pytest.mark.parametrize(
    ("family", "headers", "is_let_in"),
    [
        (A, {"mj-api-secret": "sk-a"}, True),
        (A, {"Authorization": "sk-a"}, False),
        (PLUS, {"mj-api-secret": "Bearer sk-a"}, False),
        (B, {"Authorization": "sk-a"}, True),
        (B, {"mj-api-secret": "sk-a"}, True),
        (B, {"Authorization": "Bearer sk-a"}, False),
        (B, {"Authorization": "", "mj-api-secret": "sk-a"}, False),
        (C, {"Authorization": "Bearer sk-a"}, True),
        (C, {"Authorization": "sk-a"}, True),
        (C, {"Authorization": "a"}, True),
        (C, {"Authorization": "Bearer sk-a-12"}, True),
        (C, {"mj-api-secret": "sk-a"}, True),
        (C, {"Authorization": "midjourney-proxy", "mj-api-secret": "sk-a"}, True),
        (C, {"Authorization": "Bearer wrong", "mj-api-secret": "sk-a"}, False),
        (E, {"mj-api-secret": "sk-a"}, True),
        (E, {"Authorization": "Bearer sk-a"}, True),
        (E, {}, False),
    ],
)
def test_credentials(family: Family, headers: dict[str, str], *, is_let_in: bool) -> None:
    """Which header counts, and what is stripped from it, differs (protocol.md 7.3)."""
    assert (families.refusal(family, headers, "sk-a") is None) == is_let_in


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (A, Reply(401, b"", None)),
        (B, Reply(401, b"Authorization header missing.", None)),
    ],
)
def test_refusals_that_are_no_json(family: Family, expected: Reply) -> None:
    """Two families answer without any JSON (protocol.md 1.3, 3.3)."""
    assert families.refusal(family, {}, "sk-a") == expected


def test_new_api_refuses_with_an_error_object() -> None:
    """replies/newapi-error-401-invalid-token.json is cut; the real one names its type."""
    refused = families.refusal(C, {}, "sk-a")
    assert refused is not None

    assert json.loads(refused.body)["error"]["message"].startswith("无效的令牌")
    assert (refused.status, json.loads(refused.body)["error"]["type"]) == (401, "new_api_error")


def test_unknown_ids_have_four_spellings() -> None:
    """protocol.md 0.3, and a guess for family E."""
    assert families.unknown_task(A) == Reply(200, b"", None)
    assert families.unknown_task(B) == Reply(204, b"", None)
    assert families.unknown_task(C).status == 400
    assert json.loads(families.unknown_task(C).body) == real("newapi-error-400-task-no-found.json")
    assert json.loads(families.unknown_task(E).body)["data"] is None


def test_unknown_routes() -> None:
    """Family C answers with its web app and HTTP 200 (protocol.md 4.1)."""
    assert families.unknown_route(C, "POST", "/mj/task/list-by-ids") == Reply(
        200, (REPLIES / "newapi-fetch-html-200.html").read_bytes().strip(), "text/html; charset=utf-8"
    )
    assert families.unknown_route(C, "GET", "/mj/task/1/fetch/").location == "/mj/task/1/fetch"
    assert families.unknown_route(A, "GET", "/nowhere").status == 404
    assert families.unknown_route(A, "DELETE", "/mj/task/1/fetch").status == 405
    assert families.unknown_route(B, "GET", "/nowhere") == Reply(404, b"", None)


def test_bodies_that_cannot_be_read() -> None:
    """protocol.md 1.3, 3.3, 4.3."""
    bad = families.bad_body(C, "/mj/task/list-by-condition")

    assert (bad.status, bad.content_type) == (400, "text/plain; charset=utf-8")
    assert json.loads(bad.body) == real("newapi-error-400-list-bad-body.json")
    assert json.loads(families.bad_body(A, "/x").body)["error"] == "Bad Request"
    assert families.bad_body(B, "/x").status == 200
    assert json.loads(families.bad_body(B, "/x").body) == real("derived-trueai-error-internal-500.json")


@pytest.mark.parametrize(
    ("family", "body", "expected"),
    [
        (A, b'{"ids":["1","1","2"]}', ["1", "2"]),
        (A, b'{"ids":[1,"2"]}', ["1", "2"]),
        (A, b'{"ids":null}', []),
        (A, b"{}", []),
        (B, b'{"ids":[" 1 ","1",""]}', ["1"]),
        (B, b'{"ids":[1]}', None),
        (C, b'{"ids":[]}', []),
        (C, b'{"ids":[1]}', None),
        (C, b"", None),
        (C, b'["1"]', None),
        (C, b"\xff", None),
    ],
)
def test_ids_of_a_list(family: Family, body: bytes, expected: list[str] | None) -> None:
    """Repeats collapse everywhere; numbers only pass in Java."""
    assert families.read_ids(family, body) == expected


@pytest.mark.parametrize(
    ("family", "expected"),
    [(A, '{"a":"é&"}'.encode()), (B, b'{"a":"\\u00e9\\u0026"}'), (C, '{"a":"é\\u0026"}'.encode())],
)
def test_json_is_escaped_as_each_language_does(family: Family, expected: bytes) -> None:
    """.NET escapes all that is not ASCII, Go the ampersand."""
    assert families.encode(family, {"a": "é&"}) == expected


def test_submit_answers_have_the_keys_of_the_real_ones() -> None:
    """A 21 of family A+ has no properties; C forgets the content type."""
    modal = families.submit_reply(PLUS, 21, "窗口等待", "14001929738841620")
    accepted = families.submit_reply(C, 1, "Submit success", "1", discordChannelId="1", discordInstanceId="2")

    assert json.loads(modal.body) == real("plus-submit-21-modal.json")
    assert set(json.loads(accepted.body)) == set(real("newapi-submit-key4u.json"))  # type: ignore[call-overload]
    assert accepted.content_type == "text/plain; charset=utf-8"


def test_trueai_has_no_parent_with_404() -> None:
    """replies/derived-trueai-action-404-parent.json."""
    refused = families.submit_reply(B, 3, "关联任务不存在或已失效", None)

    assert refused.status == 404
    assert json.loads(refused.body) == real("derived-trueai-action-404-parent.json")
