"""Families A, B and C: one tongue, and a table of what differs."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._wire.messages import Malformed, Reply, Route
from mjwatch._wire.midjourney_proxy import MIDJOURNEY_PROXY, NEW_API, TRUEAI, MidjourneyProxyDialect, Traits
from mjwatch.observations import Verdict
from mjwatch.tasks import Action, FailureKind, Media, Mode, Status, Task

A, B, C = (MidjourneyProxyDialect(traits) for traits in (MIDJOURNEY_PROXY, TRUEAI, NEW_API))
PNG = "https://cdn.mj/1.png"
MP4 = "https://cdn.mj/1.mp4"


def raw(**keys: object) -> msgspec.Raw:
    """Return *keys* as a raw task."""
    return msgspec.Raw(json.dumps(keys).encode())


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        # the four ways to say that there are no pictures yet, and geeknow's list of addresses (seed 001)
        ({"id": "1", "imageUrls": []}, Task("1")),
        ({"id": "1", "imageUrls": None, "imageUrl": ""}, Task("1")),
        ({"id": "1", "imageUrls": [PNG]}, Task("1", images=(Media(PNG),))),
        ({"id": "1", "videoUrl": MP4}, Task("1", videos=(Media(MP4),))),
        (
            {"id": "1", "videoUrl": MP4, "videoUrls": [{"url": MP4 + "?2"}]},
            Task("1", videos=(Media(MP4 + "?2"),)),
        ),
        (
            # B at its end: all of protocol.md 3.2 that we read
            {
                "id": "1",
                "parentId": "0",
                "action": "UPSCALE",
                "status": "SUCCESS",
                "mode": "FAST",
                "progress": "100%",
                "imageUrl": PNG,
                "imageUrls": [{"url": PNG, "thumbnail": PNG + "?t"}],
                "seed": "636646138",
                "buttons": [],
                "useTime": "12.34 s",
            },
            Task(
                "1",
                Status.SUCCESS,
                "SUCCESS",
                Action.UPSCALE,
                Mode.FAST,
                100,
                image_url=PNG,
                images=(Media(PNG, PNG + "?t"),),
                parent_id="0",
                seed="636646138",
            ),
        ),
        (
            # C after an hour: a FAILURE with 100% and with a picture (protocol.md 4.5)
            {
                "id": "1",
                "status": "FAILURE",
                "progress": "100%",
                "imageUrl": PNG,
                "failReason": "上游任务超时",
            },
            Task(
                "1",
                Status.FAILURE,
                "FAILURE",
                percent=100,
                image_url=PNG,
                fail_reason="上游任务超时",
                fail_kind=FailureKind.TIMEOUT_AT_GATEWAY,
            ),
        ),
        (
            # B's cancel makes a FAILURE (protocol.md 3.7)
            {"id": "1", "status": "FAILURE", "progress": "", "failReason": "取消任务"},
            Task("1", Status.FAILURE, "FAILURE", fail_reason="取消任务", fail_kind=FailureKind.CANCELLED),
        ),
        (
            # A shows free text for a percentage, and a preview (protocol.md 1.5)
            {"id": "1", "status": "IN_PROGRESS", "progress": "paused", "imageUrl": PNG},
            Task("1", Status.IN_PROGRESS, "IN_PROGRESS", note="paused", image_url=PNG),
        ),
        (
            # the fields in no other row, and the flags of the prompt
            {
                "id": 1,
                "prompt": "p --relax",
                "promptEn": "e --turbo",
                "description": "d",
                "state": 5,
                "submitTime": 1e12,
            },
            Task(
                "1",
                mode=Mode.TURBO,
                prompt="p --relax",
                prompt_en="e --turbo",
                description="d",
                state="5",
                submitted_at=1e9,
            ),
        ),
    ],
)
def test_a_raw_task_becomes_a_task(keys: dict[str, object], expected: Task) -> None:
    """Every oddity of the families ends here."""
    actual = C.decode(raw(**keys)).task

    assert expected == actual


@pytest.mark.parametrize(
    ("dialect", "keys", "expected"),
    [
        (A, {"id": "1"}, False),  # A has no buttons at all
        (A, {"id": "1", "buttons": []}, True),  # A+ always writes the key
        (A, {"id": "1", "buttons": None}, True),
        (B, {"id": "1"}, True),
        (C, {"id": "1", "buttons": []}, False),  # C may show them never (protocol.md 0.13)
    ],
)
def test_who_shows_buttons_with_the_end(
    dialect: MidjourneyProxyDialect, keys: dict[str, object], expected: bool
) -> None:
    """What a success still owes depends on the family (protocol.md 7.1)."""
    actual = dialect.decode(raw(**keys)).buttons_come_with_end

    assert expected is actual


@pytest.mark.parametrize("dialect", [A, B, C])
@pytest.mark.parametrize(
    "piece", [b"null", b"7", b"{}", b"[]", b'{"id":"../x"}', b'{"status":"SUCCESS"}', b'{"id":""}']
)
def test_what_is_no_task_is_malformed(dialect: MidjourneyProxyDialect, piece: bytes) -> None:
    """No id that can be asked for, no task."""
    with pytest.raises(Malformed):
        dialect.decode(msgspec.Raw(piece))


RAND = '{"imageUrl":"https://x/mj/image/1?rand=%s","thumb":"https://x/t?rand=%s&a=1"}'


@pytest.mark.parametrize(
    ("traits", "expected"), [(MIDJOURNEY_PROXY, False), (TRUEAI, False), (NEW_API, True)]
)
def test_only_new_api_forgets_rand(traits: Traits, expected: bool) -> None:
    """What changes on every read is no change; a plain hash would decode each preview anew."""
    dialect = MidjourneyProxyDialect(traits)
    one, two = (msgspec.Raw((RAND % (n, n)).encode()) for n in (1735689600000000000, 1735689600000000007))

    assert expected is (dialect.digests([one]) == dialect.digests([two]))


def test_digests_see_what_is_beside_rand() -> None:
    """Only the digits are forgotten, and a task without them is hashed as it is."""
    one, two = (msgspec.Raw(b'{"u":"https://x/1?rand=12%s"}' % tail) for tail in (b"", b"&b=2"))

    assert C.digests([one]) != C.digests([two])
    assert C.digests([raw(a=1)]) == C.digests([raw(a=1)]) != C.digests([raw(a=2)])


def test_one_malformed_task_cannot_spoil_its_batch() -> None:
    """Its neighbours are decoded, whatever stands between them."""
    bad = [b"null", b"7", b"{}", b'{"id":"\xff"}', rb'{"id":"\ud800"}', b'{"id":1e999}', b'{"id":"a b"}']
    body = b"[" + b",".join(b'%s,{"id":"good-%d"}' % (piece, n) for n, piece in enumerate(bad)) + b"]"
    found = []

    for piece in C.open_list(Reply(200, body), 7).slices:
        try:
            found.append(C.decode(piece).task.id)
        except Malformed:
            continue

    assert found == [f"good-{n}" for n in range(7)]


def test_the_same_id_may_come_twice() -> None:
    """C lists an id twice after a modal (protocol.md 0.5): both rows are handed on."""
    opened = C.open_list(Reply(200, b'[{"id":"1","status":"MODAL"},{"id":"1","status":"SUCCESS"}]'), 1)

    assert [C.decode(piece).task.status for piece in opened.slices] == [Status.MODAL, Status.SUCCESS]


def test_requests_and_other_replies_are_those_of_all_families() -> None:
    """What is not a trait is shared."""
    opened, seed = B.read_seed(Reply(200, b'{"code":1,"result":"7"}'))

    assert B.list_tasks(["1"], Route.LIST_BY_IDS).path == "/mj/task/list-by-ids"
    assert (opened.verdict, seed) == (Verdict.OK, "7")
    assert B.read_done(Reply(200, b"")).verdict is Verdict.OK
    assert B.open_fetch(Reply(204, b"")).verdict is Verdict.MISSING


def test_the_verbs_and_traits_are_told() -> None:
    """A dialect says by which routes it asks, how many at once, and on which tick answers change."""
    asked = (C.fetch("1"), C.image_seed("1"), C.cancel("1"), C.image("1"))

    assert [request.path.rpartition("/")[2] for request in asked] == ["fetch", "image-seed", "cancel", "1"]
    assert (NEW_API.routes, 500, 15.0) == (C.routes, C.max_batch, C.refresh)


KEYS = st.sampled_from([
    "id",
    "status",
    "action",
    "mode",
    "progress",
    "prompt",
    "promptEn",
    "description",
    "state",
    "imageUrl",
    "imageUrls",
    "videoUrl",
    "videoUrls",
    "buttons",
    "failReason",
    "submitTime",
    "startTime",
    "finishTime",
    "parentId",
    "seed",
    "properties",
    "url",
    "customId",
    "finalPrompt",
])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, VALUES, max_size=8), st.sampled_from([A, B, C]))
def test_arbitrary_fields_decode_or_are_malformed(
    keys: dict[str, object], dialect: MidjourneyProxyDialect
) -> None:
    """Nothing but Malformed leaves decode, and what is decoded can be printed."""
    try:
        found = dialect.decode(raw(**keys), asked="42")
    except Malformed:
        return

    assert repr(found).encode()
    assert found.task.percent is None or 0 <= found.task.percent <= 100


@pytest.mark.parametrize(
    ("mode", "expected"), [("FAST", Mode.FAST), ("", Mode.RELAX), ("LIGHTSPEED", Mode.RELAX)]
)
def test_a_mode_that_is_said_outweighs_the_flags(mode: str, expected: Mode) -> None:
    """The prompt that was really asked is read only where the gateway does not say, or says a word we do not know."""
    piece = raw(id="1", mode=mode, status="IN_PROGRESS", properties={"finalPrompt": "a cat --relax"})

    assert MidjourneyProxyDialect(TRUEAI).decode(piece).task.mode is expected
