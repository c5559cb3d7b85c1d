"""Tables: what the gateways' words mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._wire import words
from mjwatch.tasks import ButtonKind, FailureKind, Mode, Status

STATUSES = [
    *[(member.value, member) for member in Status],
    ("", Status.NOT_START),  # derived-newapi-task-fresh-after-submit.json
    ("PENDING", Status.NOT_START),
    ("PENDING_QUEUE", Status.NOT_START),  # TTAPI
    ("ON_QUEUE", Status.NOT_START),
    ("QUEUED", Status.NOT_START),  # ImaginePro, linkrapi
    ("staged", Status.SUBMITTED),  # Legnext
    ("submitted", Status.SUBMITTED),  # nano-gpt writes it small
    ("RUNNING", Status.IN_PROGRESS),  # webman-php
    ("processing", Status.IN_PROGRESS),  # GoAPI
    ("in progress", Status.IN_PROGRESS),
    ("In-Progress", Status.IN_PROGRESS),
    ("completed", Status.SUCCESS),  # mjdjourney-video-task-completed.json
    ("FINISHED", Status.SUCCESS),
    (" DONE\n", Status.SUCCESS),
    ("FAILED", Status.FAILURE),
    ("FAIL", Status.FAILURE),
    ("timeout", Status.FAILURE),  # linkrapi
    ("CANCELLED", Status.CANCEL),
    ("CANCELED", Status.CANCEL),
    ("/** NOT_START */\r\nNOT_START = 'NOT_START'", Status.UNKNOWN),  # seed 000
    ("ERWARTET", Status.UNKNOWN),
]


@pytest.mark.parametrize(("word", "expected"), STATUSES)
def test_status_words_and_their_aliases(word: str, expected: Status) -> None:
    """Every word that a gateway is known to use has its status, all others are UNKNOWN."""
    actual = words.status(word)

    assert expected is actual


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Cat --fast", Mode.FAST),  # newapi-task-imagine-success-b3n.json
        ("Cat --RELAX", Mode.RELAX),
        ("Cat --v 6.1 --turbo", Mode.TURBO),
        ("pig --v 6.1", Mode.UNKNOWN),
        ("a fast cat", Mode.UNKNOWN),
    ],
)
def test_mode_is_read_from_the_flags_of_a_prompt(prompt: str, expected: Mode) -> None:
    """Only a flag counts, not the word in a sentence."""
    actual = words.mode_of_prompt(prompt)

    assert expected is actual


FAILURES = [
    ("任务超时", FailureKind.TIMEOUT_AT_GATEWAY),  # A, novicezk-task-failure-timeout.json
    ("执行超时 5 分钟", FailureKind.TIMEOUT_AT_GATEWAY),  # B
    ("任务提交超时", FailureKind.TIMEOUT_AT_GATEWAY),
    ("任务超时，自动取消", FailureKind.TIMEOUT_AT_GATEWAY),  # noqa: RUF001 - B: it says cancelled as well
    ("上游任务超时（超过1小时）", FailureKind.TIMEOUT_AT_GATEWAY),  # noqa: RUF001 - C
    ("Request timed out", FailureKind.TIMEOUT_AT_GATEWAY),
    ("取消任务", FailureKind.CANCELLED),  # B's cancel is a FAILURE
    ("Task was cancelled by user", FailureKind.CANCELLED),
    ("可能包含敏感词", FailureKind.BANNED_PROMPT),
    ("Banned prompt detected", FailureKind.BANNED_PROMPT),
    ("Blocked by our AI moderators", FailureKind.BANNED_PROMPT),
    ("提交失败，队列已满，请稍后重试", FailureKind.QUEUE_FULL),  # noqa: RUF001 - B under code 9
    ("当前分组负载已饱和", FailureKind.QUEUE_FULL),
    ("insert_midjourney_task_failed ", FailureKind.QUEUE_FULL),  # the channel is busy, not the prompt bad
    ("quota_not_enough ", FailureKind.QUOTA),
    ("余额不足", FailureKind.QUOTA),
    ("无可用的账号实例", FailureKind.NO_ACCOUNT),
    ("获取渠道信息失败，请联系管理员，渠道ID：7", FailureKind.NO_ACCOUNT),  # noqa: RUF001 - C without channel
    ("base64格式错误", FailureKind.INVALID_IMAGE),
    ("Invalid image prompt", FailureKind.INVALID_IMAGE),
    ("Invalid parameter: --zz", FailureKind.INVALID_PARAMETER),
    ("dimensions参数错误", FailureKind.INVALID_PARAMETER),
    ("prompt不能为空", FailureKind.INVALID_PARAMETER),
    ("no idea", FailureKind.UNKNOWN),
    ("", FailureKind.UNKNOWN),
]


@pytest.mark.parametrize(("reason", "expected"), FAILURES)
def test_reasons_amount_to_a_kind(reason: str, expected: FailureKind) -> None:
    """Chinese and English reasons have their kind, in the order of the table."""
    actual = words.failure(reason)

    assert expected is actual


UUID = "3785da15-4f70-4034-9128-f3ff1ac634fa"
BUTTONS: list[tuple[str, ButtonKind, int | None]] = [
    (f"MJ::JOB::upsample::1::{UUID}", ButtonKind.UPSCALE, 1),
    (f"MJ::JOB::upsample::4::{UUID}", ButtonKind.UPSCALE, 4),
    (f"MJ::JOB::upsample_v5_2x::1::{UUID}::SOLO", ButtonKind.UPSCALE_HD, None),
    (f"MJ::JOB::upsample_v6_2x_subtle::1::{UUID}::SOLO", ButtonKind.UPSCALE_HD, None),
    (f"MJ::JOB::upsample_v6_2x_creative::1::{UUID}::SOLO", ButtonKind.UPSCALE_HD, None),
    (f"MJ::JOB::variation::2::{UUID}", ButtonKind.VARIATION, 2),
    (f"MJ::JOB::high_variation::1::{UUID}::SOLO", ButtonKind.HIGH_VARIATION, None),
    (f"MJ::JOB::low_variation::1::{UUID}::SOLO", ButtonKind.LOW_VARIATION, None),
    (f"MJ::JOB::reroll::0::{UUID}::SOLO", ButtonKind.REROLL, None),
    (f"MJ::Outpaint::50::1::{UUID}::SOLO", ButtonKind.ZOOM, None),
    (f"MJ::Outpaint::75::1::{UUID}", ButtonKind.ZOOM, None),  # 75 is a factor, no picture
    (f"MJ::CustomZoom::{UUID}", ButtonKind.CUSTOM_ZOOM, None),
    (f"MJ::Inpaint::1::{UUID}::SOLO", ButtonKind.INPAINT, None),
    *[
        (f"MJ::JOB::pan_{side}::1::{UUID}::SOLO", ButtonKind.PAN, None)
        for side in ("left", "right", "up", "down")
    ],
    (f"MJ::BOOKMARK::{UUID}", ButtonKind.BOOKMARK, None),
    ("MJ::Job::PicReader::1", ButtonKind.PIC_READER, 1),
    ("MJ::Job::PicReader::all", ButtonKind.PIC_READER, None),
    ("MJ::Picread::Retry", ButtonKind.PIC_READER, None),
    ("MJ::Job::PromptAnalyzer::3", ButtonKind.PROMPT_ANALYZER, 3),
    ("MJ::Job::PromptAnalyzerExtended", ButtonKind.PROMPT_ANALYZER, None),
    (f"MJ::JOB::animate_high::1::{UUID}::SOLO", ButtonKind.ANIMATE, None),
    (f"MJ::JOB::animate_low::2::{UUID}", ButtonKind.ANIMATE, 2),
    (f"MJ::JOB::video_virtual_upscale::1::{UUID}", ButtonKind.VIDEO_UPSCALE, 1),
    ("MJ::Nothing::Known", ButtonKind.UNKNOWN, None),
    ("MJ::JOB", ButtonKind.UNKNOWN, None),
    ("MJ", ButtonKind.UNKNOWN, None),
    ("string", ButtonKind.UNKNOWN, None),  # newapi-list-schema-doc.json
    ("", ButtonKind.UNKNOWN, None),
]


@pytest.mark.parametrize(("custom_id", "kind", "index"), BUTTONS)
def test_custom_ids_say_what_a_button_does(custom_id: str, kind: ButtonKind, index: int | None) -> None:
    """Kind and picture come from the custom id, never from a label."""
    actual = words.button(custom_id)

    assert (kind, index) == actual


@given(st.text())
def test_tables_are_total(text: str) -> None:
    """No text is too strange for a table."""
    kind, index = words.button(text)

    assert isinstance(words.status(text), Status)
    assert isinstance(words.failure(text), FailureKind)
    assert isinstance(words.mode_of_prompt(text), Mode)
    assert isinstance(kind, ButtonKind)
    assert index is None or 1 <= index <= 9
