"""The enveloped dialect: mjdjourney's video API."""

from __future__ import annotations

import json

import msgspec
import pytest

from mjwatch._wire.enveloped import EnvelopedDialect
from mjwatch._wire.messages import Malformed, Reply, Route
from mjwatch.observations import Verdict
from mjwatch.tasks import Action, FailureKind, Media, Status, Task

DIALECT = EnvelopedDialect()
MP4 = "https://cdn.mj/0.mp4"


def decoded(keys: dict[str, object], asked: str | None = None) -> Task:
    """Return *keys* as the dialect reads them."""
    return DIALECT.decode(msgspec.Raw(json.dumps(keys).encode()), asked=asked).task


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"taskId": "a-b", "status": "completed"}, Task("a-b", Status.SUCCESS, "completed")),
        ({"id": "1", "status": "failed"}, Task("1", Status.FAILURE, "failed", fail_kind=FailureKind.UNKNOWN)),
        ({"taskId": "1", "progress": 40}, Task("1", percent=40)),
        ({"taskId": "1", "video_url": MP4}, Task("1", action=Action.VIDEO, videos=(Media(MP4),))),
        (
            {"taskId": "1", "video_urls": [MP4], "width": 640, "height": 608},
            Task("1", action=Action.VIDEO, videos=(Media(MP4, None, 640, 608),)),
        ),
        ({"taskId": "1", "job_type": "vid_1.1_i2v_start"}, Task("1", action=Action.VIDEO)),
        ({"taskId": "1", "job_type": "v7_diffusion"}, Task("1")),
    ],
)
def test_a_job_becomes_a_task(keys: dict[str, object], expected: Task) -> None:
    """Keys in both spellings are read."""
    actual = decoded(keys)

    assert expected == actual


def test_the_asked_id_stands_in() -> None:
    """A reply without an id is about the id that was asked for."""
    actual = decoded({"status": "pending"}, "42")

    assert actual == Task("42", Status.NOT_START, "pending")


@pytest.mark.parametrize("piece", [b"{}", b"[]", b'{"taskId":"../x"}', b'{"status":"completed"}'])
def test_what_is_no_job_is_malformed(piece: bytes) -> None:
    """No id, no task."""
    with pytest.raises(Malformed):
        DIALECT.decode(msgspec.Raw(piece))


def test_there_are_no_lists() -> None:
    """Neither a request for one nor a reply to one."""
    with pytest.raises(ValueError, match="one by one"):
        DIALECT.list_tasks(["1"], Route.LIST_BY_IDS)

    assert DIALECT.open_list(Reply(200, b"[]"), 1).verdict is Verdict.UNSUPPORTED


def test_equal_bytes_have_equal_digests() -> None:
    """The digest is of the slice and nothing else."""
    one, two, other = (msgspec.Raw(text) for text in (b'{"a":1}', b'{"a":1}', b'{"a":2}'))

    assert DIALECT.digests([one]) == DIALECT.digests([two]) != DIALECT.digests([other])


def test_other_replies_are_read_as_everywhere() -> None:
    """Fetch, seed and cancel have the verdicts of the other families."""
    opened, seed = DIALECT.read_seed(Reply(200, b'{"code":1,"result":"7"}'))

    assert (opened.verdict, seed) == (Verdict.OK, "7")
    assert DIALECT.read_done(Reply(405, b"")).verdict is Verdict.UNSUPPORTED
    assert DIALECT.open_fetch(Reply(200, b'{"code":0,"data":{"taskId":"1"}}')).verdict is Verdict.OK


def test_the_verbs_and_traits_are_told() -> None:
    """A dialect says by which routes it asks, how many at once, and on which tick answers change."""
    asked = (DIALECT.fetch("1"), DIALECT.image_seed("1"), DIALECT.cancel("1"), DIALECT.image("1"))

    assert [request.path.rpartition("/")[2] for request in asked] == ["fetch", "image-seed", "cancel", "1"]
    assert (DIALECT.routes, DIALECT.max_batch, DIALECT.refresh) == ((Route.FETCH,), 1, None)
