"""What a submit answers and begins."""

from __future__ import annotations

import json
from random import Random

import pytest

from mjwatch.testing.families import Family, Reply
from mjwatch.testing.submits import Submits
from mjwatch.testing.taskbook import TaskBook, refresh_of
from mjwatch.testing.timeline import Script

A, PLUS, B, C, E = Family.NOVICEZK, Family.PLUS, Family.TRUEAI, Family.NEW_API, Family.ENVELOPED


def desk_of(family: Family) -> Submits:
    """Return a gateway with a finished task "p", an unfinished one "q", and an open modal "m"."""
    refresh = refresh_of(family, Random(0), 0.0, period=None, spread=0.0)
    submits = Submits(TaskBook(family, refresh, 1_735_689_600.0, Random(0)), Random(0))
    for task_id, script in (("p", Script().success().script), ("q", Script()), ("m", Script().modal())):
        submits.book.add(task_id, "IMAGINE", "RELAX", "Cat", script.timeline)
    return submits


def said(reply: Reply) -> tuple[int, object]:
    """Return the HTTP status and the code, or the description where there is none of use."""
    body = json.loads(reply.body)
    return reply.status, body["description"] if reply.status == 400 else body["code"]


@pytest.mark.parametrize(
    ("verb", "body", "action"),
    [
        ("imagine", b'{"prompt":"Cat","botType":"MID_JOURNEY"}', "IMAGINE"),
        ("describe", b'{"base64":"data:image/png;base64,AA=="}', "DESCRIBE"),
        ("video", b'{"prompt":"Cat","motion":"low"}', "VIDEO"),
    ],
)
@pytest.mark.parametrize("family", [B, C, E])
def test_a_submit_begins_a_task(family: Family, verb: str, body: bytes, action: str) -> None:
    """The answer names it."""
    submits = desk_of(family)
    reply = json.loads(submits.answer(verb, body, "TURBO", 5.0).body)
    task = submits.book.tasks[reply["result"]]

    assert (reply["code"], task.action, task.mode) == (1, action, "TURBO")
    assert task.timeline.begun_at == 5.0


def test_ids_are_milliseconds_and_dice() -> None:
    """Sixteen digits, each once; a UUID on family E."""
    submits = desk_of(A)
    made = {submits.begin("IMAGINE", None, "Cat", 5.0).task_id for _ in range(1500)}

    assert len(made) == 1500
    assert all(len(task_id) == 16 and task_id.startswith("17356896") for task_id in made)
    assert len(desk_of(E).begin("VIDEO", None, "Cat", 5.0).task_id) == 36


@pytest.mark.parametrize(
    ("family", "verb", "body", "expected"),
    [
        (A, "imagine", b"{}", (200, 4)),
        (C, "imagine", b"{}", (400, "prompt_is_required ")),
        (B, "describe", b"{}", (200, 4)),
        (C, "imagine", b"<", (400, "do_request_failed ")),
        (B, "action", b'{"taskId":"x","customId":"MJ::JOB::upsample::1::j"}', (404, 3)),
        (PLUS, "action", b'{"taskId":"x","customId":"MJ::JOB::upsample::1::j"}', (200, 3)),
        (C, "action", b'{"taskId":"x","customId":"MJ::JOB::upsample::1::j"}', (400, "task_not_found ")),
        (
            C,
            "action",
            b'{"taskId":"q","customId":"MJ::JOB::upsample::1::j"}',
            (400, "task_status_not_success "),
        ),
        (B, "action", b'{"taskId":"q","customId":"MJ::JOB::upsample::1::j"}', (200, 4)),
        (B, "modal", b'{"taskId":"x"}', (404, 3)),
        (B, "modal", b'{"taskId":"p"}', (200, 4)),
        (B, "modal", b'{"taskId":"m"}', (200, 1)),
        (PLUS, "action", b'{"taskId":"p","customId":"MJ::CustomZoom::j"}', (200, 21)),
        (B, "action", b'{"taskId":"p","customId":"MJ::Inpaint::1::j::SOLO"}', (200, 21)),
        (B, "action", b'{"taskId":"p","customId":"MJ::JOB::upsample::1::j"}', (200, 1)),
    ],
)
def test_answers(family: Family, verb: str, body: bytes, expected: tuple[int, object]) -> None:
    """Each family says no in its own way (protocol.md 1.4, 3.4, 4.3)."""
    assert said(desk_of(family).answer(verb, body, None, 5.0)) == expected


def test_new_api_does_not_pass_on_what_it_does_not_know() -> None:
    """PicReader, animate_ and BOOKMARK (protocol.md 4.3)."""
    refused = desk_of(C).answer("action", b'{"taskId":"p","customId":"MJ::BOOKMARK::j"}', None, 5.0)

    assert refused.status == 400
    assert json.loads(refused.body) == {
        "error": {"message": "Invalid request, unknown_action:MJ::BOOKMARK::j"}
    }


def test_a_modal_keeps_the_id_and_runs_on() -> None:
    """21, then MODAL, then submit/modal with a new prompt (protocol.md 3.4)."""
    submits = desk_of(B)
    opened = json.loads(
        submits.answer("action", b'{"taskId":"p","customId":"MJ::CustomZoom::j"}', None, 5.0).body
    )
    task = submits.book.tasks[opened["result"]]
    assert task.timeline.steps[task.timeline.index_at(50.0)].status == "MODAL"
    body = json.dumps({"taskId": task.task_id, "prompt": "Dog"}).encode()
    accepted = json.loads(submits.answer("modal", body, None, 60.0).body)

    assert (accepted["code"], accepted["result"]) == (1, task.task_id)
    assert (task.prompt, task.mode) == ("Dog", "RELAX")
    assert task.timeline.ended_at() is not None


@pytest.mark.parametrize(
    ("family", "task_id", "expected"),
    [
        (C, "x", (400, "task_no_found ")),
        (B, "x", (404, 3)),
        (B, "q", (400, "关联任务状态错误")),
        (PLUS, "q", (200, 4)),
        (PLUS, "p", (200, 1)),
    ],
)
def test_seeds(family: Family, task_id: str, expected: tuple[int, object]) -> None:
    """Only a finished task has a seed."""
    assert said(desk_of(family).seed(task_id, 5.0)) == expected


def test_a_seed_is_a_string_of_digits() -> None:
    """replies/plus-image-seed-1.json, and the same each time."""
    first, second = (json.loads(desk_of(PLUS).seed("p", 5.0).body)["result"] for _ in range(2))

    assert first == second
    assert first.isdigit()
