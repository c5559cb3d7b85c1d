"""The JSON of each family against the real replies, key by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from mjwatch.testing import shapes
from mjwatch.testing.buttons import Json
from mjwatch.testing.shapes import RAND, Facts
from mjwatch.testing.timeline import Step

REPLIES = Path(__file__).parent.parent / "support" / "replies"

FACTS = Facts(
    task_id="1712158011464906",
    action="IMAGINE",
    mode="FAST",
    prompt="Cat",
    base_url="http://gw",
    job="3785da15-4f70-4034-9128-f3ff1ac634fa",
    step=None,
    submitted=1735689600000,
)
RUNNING = evolve(FACTS, step=Step(7.0, "IN_PROGRESS", "31%", "31.webp"), started=1735689602000)
DONE = evolve(
    RUNNING, step=Step(21.0, "SUCCESS", "100%", "final.png", has_buttons=True), finished=1735689621500
)
FAILED = evolve(RUNNING, step=Step(9.0, "FAILURE", "", fail_reason="任务超时"), finished=1735689609000)
CANCELLED = evolve(RUNNING, step=Step(9.0, "CANCEL", "31%"), finished=1735689609000)


def keys(reply: str) -> set[str]:
    """Return the keys of a real reply, of its first element if it is a list."""
    value = json.loads((REPLIES / reply).read_text("utf-8"))
    return set(value[0] if isinstance(value, list) else value)


def inner(value: Json) -> dict[str, Json]:
    """Return *value*, which is an object."""
    assert isinstance(value, dict)
    return value


def test_novicezk_has_the_keys_of_the_captured_replies() -> None:
    """Both replies are cut differently; together they are the class (protocol.md 1.2)."""
    captured = keys("novicezk-task-failure-timeout.json") | keys("novicezk-notify-success.json")

    assert set(shapes.novicezk(FACTS)) == captured


def test_novicezk_spells_absence_as_null() -> None:
    """NOT_START has no progress, a failure an empty one."""
    fresh, failed = shapes.novicezk(FACTS), shapes.novicezk(FAILED)

    assert [fresh[key] for key in ("status", "progress", "imageUrl", "startTime")] == [
        "NOT_START",
        None,
        None,
        None,
    ]
    assert [failed[key] for key in ("status", "progress", "failReason")] == ["FAILURE", "", "任务超时"]


def test_novicezk_properties_appear_as_they_become_known() -> None:
    """The map grows during the run."""
    grown = [set(inner(shapes.novicezk(facts)["properties"])) for facts in (FACTS, RUNNING, DONE)]

    assert grown[0] < grown[1] < grown[2]


def test_plus_adds_buttons_and_sizes() -> None:
    """replies/plus-notify-success.json, and the captured sizes of protocol.md 2."""
    done = shapes.plus(DONE)

    assert set(done) - {"imageWidth", "imageHeight", "state"} == keys("plus-notify-success.json")
    assert isinstance(done["buttons"], list)
    assert len(done["buttons"]) == 9
    assert shapes.plus(RUNNING)["buttons"] == []


def test_trueai_has_the_keys_of_the_documented_schema() -> None:
    """Seed 000 has two keys that the source has not, and lacks some that it has (protocol.md 3.2)."""
    documented = keys("trueai-list-by-ids-schema-huanwangai.json") - {"isVideo", "isVideoUpscale"}

    assert documented <= set(shapes.trueai(DONE))
    assert set(shapes.trueai(DONE)) - documented == {
        "accountFilter", "clientIp", "hasAIReviewRetried", "isDiscord", "isOfficial", "isPartner", "isPartnerRelax",
        "isThirdParty", "language", "officialTaskId", "officialTaskInfo", "partnerTaskId", "partnerTaskInfo",
        "seedError", "storageOption", "videoUrl",
    }  # fmt: skip


def test_trueai_tells_the_end_in_several_ways() -> None:
    """IsCompleted, displays and useTime follow from the status and the times."""
    done, running = shapes.trueai(DONE), shapes.trueai(RUNNING)

    assert [running["isCompleted"], running["useTime"], running["buttons"]] == [False, "-", []]
    assert [done["isCompleted"], done["useTime"]] == [True, "19.50 s"]
    assert inner(done["displays"])["finishTime"] == "2025-01-01 00:00:21"


def test_trueai_calls_a_cancelled_task_failed() -> None:
    """CANCEL is never assigned there (protocol.md 3.7)."""
    cancelled = shapes.trueai(CANCELLED)

    assert [cancelled[key] for key in ("status", "failReason", "progress")] == ["FAILURE", "取消任务", ""]


def test_new_api_has_the_keys_of_the_captured_reply() -> None:
    """Newer servers add two keys for videos (protocol.md 4.2)."""
    captured = keys("newapi-task-imagine-success-quickrouter.json")

    assert set(shapes.new_api(DONE)) - captured == {"videoUrl", "videoUrls"}
    assert captured <= set(shapes.new_api(DONE))


def test_new_api_writes_a_fresh_row_as_the_source_does() -> None:
    """replies/derived-newapi-task-fresh-after-submit.json."""
    derived = json.loads((REPLIES / "derived-newapi-task-fresh-after-submit.json").read_text("utf-8"))

    assert {**derived, "videoUrl": "", "videoUrls": None} == shapes.new_api(FACTS)


def test_new_api_rewrites_the_picture_and_marks_it_until_success() -> None:
    """The mark is where the nanoseconds go."""
    assert shapes.new_api(RUNNING)["imageUrl"] == f"http://gw/mj/image/1712158011464906{RAND}"
    assert shapes.new_api(DONE)["imageUrl"] == "http://gw/mj/image/1712158011464906"


def test_new_api_failures_are_a_hundred_percent() -> None:
    """A reason forces the progress, whatever the status (protocol.md 4.5)."""
    failed, cancelled = shapes.new_api(FAILED), shapes.new_api(CANCELLED)

    assert [failed[key] for key in ("status", "progress", "failReason")] == ["FAILURE", "100%", "任务超时"]
    assert [cancelled[key] for key in ("status", "progress", "buttons")] == ["CANCEL", "31%", None]


def test_enveloped_has_the_keys_of_the_documented_reply() -> None:
    """replies/mjdjourney-video-task-completed.json."""
    shown = json.loads((REPLIES / "mjdjourney-video-task-completed.json").read_text("utf-8"))
    video = shapes.enveloped(evolve(DONE, action="VIDEO"))
    data = inner(video["data"])

    assert set(video) == set(shown)
    assert set(data) == set(shown["data"])
    assert [data["status"], data["video_url"]] == [
        "completed",
        "http://gw/attachments/1712158011464906/0.mp4",
    ]
    assert data["enqueue_time"] == "2025-01-01 00:00:00.000000+00:00"


@pytest.mark.parametrize(
    ("facts", "word"), [(FACTS, "queued"), (RUNNING, "running"), (FAILED, "failed"), (CANCELLED, "cancelled")]
)
def test_enveloped_has_words_of_its_own(facts: Facts, word: str) -> None:
    """And no progress, no reason, no end time."""
    assert inner(shapes.enveloped(facts)["data"])["status"] == word


def test_a_finished_describe_answers_in_the_prompt() -> None:
    """The four proposals stand in three places (protocol.md 2)."""
    done = shapes.plus(evolve(DONE, action="DESCRIBE"))

    assert done["prompt"] == done["promptEn"] == inner(done["properties"])["finalPrompt"] == shapes.PROPOSALS
    assert shapes.plus(evolve(RUNNING, action="DESCRIBE"))["prompt"] == "Cat"


def test_videos_are_there_at_the_end_only() -> None:
    """In the words of families B and C."""
    running, done = (evolve(facts, action="VIDEO") for facts in (RUNNING, DONE))

    assert [shapes.new_api(running)[key] for key in ("videoUrl", "videoUrls")] == ["", None]
    assert shapes.new_api(done)["videoUrl"] == shapes.trueai(done)["videoUrl"]
    assert shapes.trueai(done)["videoUrls"] is None
    assert len(shapes.new_api(done)["videoUrls"] or []) == 4  # type: ignore[arg-type]
