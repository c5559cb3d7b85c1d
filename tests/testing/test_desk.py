"""Requests in, replies out, without a server."""

from __future__ import annotations

import json
from random import Random

import pytest

from mjwatch.testing.desk import PNG, Desk
from mjwatch.testing.families import Family, Reply
from mjwatch.testing.submits import Submits
from mjwatch.testing.taskbook import TaskBook, refresh_of
from mjwatch.testing.timeline import Script

A, PLUS, B, C = Family.NOVICEZK, Family.PLUS, Family.TRUEAI, Family.NEW_API


def ask(
    family: Family, method: str, path: str, body: bytes = b"", *, token: str = "t", desk: Desk | None = None
) -> Reply:
    """Ask a gateway with a running task "1" at second 10."""
    desk = desk or desk_of(family)
    wanted, _ = desk.look(method, path, body)
    return desk.reply(method, path, {"mj-api-secret": token}, body, wanted, 10.0)


def desk_of(family: Family) -> Desk:
    """Return a gateway with a running task "1"."""
    book = TaskBook(family, refresh_of(family, Random(0), 0.0, period=1.0, spread=0.0), 0.0, Random(0))
    script = Script()
    script.after(1).progress(31).after(60).success()
    book.add("1", "IMAGINE", "FAST", "Cat", script.timeline)
    return Desk(family, "t", book, Submits(book, Random(0)))


@pytest.mark.parametrize("family", list(Family))
def test_a_known_task_is_told(family: Family) -> None:
    """With the right credential only."""
    prefix = "/api" if family is Family.ENVELOPED else ""

    assert json.loads(ask(family, "GET", f"{prefix}/mj/task/1/fetch").body)
    assert ask(family, "GET", f"{prefix}/mj/task/1/fetch", token="x").status == 401


def test_a_request_tells_its_ids() -> None:
    """For the log."""
    desk = desk_of(C)

    assert desk.look("POST", "/mj/task/list-by-condition", b'{"ids":["1","2"]}')[1] == ("1", "2")
    assert desk.look("GET", "/mj/task/1/fetch", b"")[1] == ("1",)
    assert desk.look("POST", "/mj/submit/imagine", b"{}")[1] == ()


def test_lists() -> None:
    """A readable body gets a list, another one the family's error."""
    assert [
        row["id"]
        for row in json.loads(ask(C, "POST", "/mj/task/list-by-condition", b'{"ids":["1","x"]}').body)
    ] == ["1"]
    assert ask(C, "POST", "/mj/task/list-by-condition", b"").status == 400


def test_trueai_takes_five_hundred_ids() -> None:
    """As its documentation says."""
    bodies = [json.dumps({"ids": [str(i) for i in range(count)]}).encode() for count in (500, 501)]
    few, many = (json.loads(ask(B, "POST", "/mj/task/list-by-ids", body).body) for body in bodies)

    assert len(few) == 1
    assert many["success"] is False


def test_cancel() -> None:
    """Family B answers the same whether the task exists or not; a finished one is left alone."""
    desk = desk_of(B)

    assert ask(B, "POST", "/mj/task/1/cancel", desk=desk) == Reply(200, b"", None)
    assert ask(B, "POST", "/mj/task/x/cancel", desk=desk) == Reply(200, b"", None)
    shown = json.loads(desk.book.fetch("1", 12.0) or b"")
    assert (shown["status"], shown["failReason"]) == ("FAILURE", "取消任务")
    ask(B, "POST", "/mj/task/1/cancel", desk=desk)
    assert desk.book.tasks["1"].timeline.ended_at() == 10
    assert json.loads(ask(PLUS, "POST", "/mj/task/1/cancel").body)["code"] == 1


def test_pictures_need_no_credential() -> None:
    """Whoever knows the id sees them (protocol.md 4.7)."""
    assert ask(C, "GET", "/mj/image/1", token="").body == PNG
    assert ask(C, "GET", "/attachments/1/31.webp", token="").content_type == "image/webp"
    assert ask(C, "GET", "/attachments/1/0.mp4", token="").content_type == "video/mp4"
    missing = ask(C, "GET", "/mj/image/x")
    assert (missing.status, json.loads(missing.body)) == (400, {"error": "midjourney_task_not_found"})


def test_seed_submit_and_the_rest_go_where_they_belong() -> None:
    """One request each."""
    assert json.loads(ask(PLUS, "GET", "/mj/task/1/image-seed").body)["code"] == 4
    assert json.loads(ask(A, "POST", "/mj/submit/imagine", b'{"prompt":"Cat"}').body)["code"] == 1
    assert ask(C, "POST", "/mj/task/list-by-ids").content_type == "text/html; charset=utf-8"
