"""The gateways' words and what they mean: tables from text to the members of our enums.

No JSON here: what comes in is text already. Each table is total, its last row is UNKNOWN.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mjwatch.tasks import ButtonKind, FailureKind, Mode, Status

# The families of protocol.md 0.6 say our own words; the aliases are the gateways of protocol.md 6.
STATUSES: Final[dict[str, Status]] = {
    **{member.value: member for member in Status},
    # new-api says "" between the submit and its first poll, 15 s later (protocol.md 0.6).
    "": Status.NOT_START,
    **dict.fromkeys(
        ("PENDING", "PENDING_QUEUE", "QUEUED", "QUEUEING", "ON_QUEUE", "WAITING", "NOT_STARTED", "CREATED"),
        Status.NOT_START,
    ),
    **dict.fromkeys(("STARTED", "STARTING", "STAGED", "SENDING"), Status.SUBMITTED),
    **dict.fromkeys(("RUNNING", "PROCESSING", "PROGRESS", "UPLOADING"), Status.IN_PROGRESS),
    **dict.fromkeys(("COMPLETED", "COMPLETE", "FINISHED", "DONE", "SUCCEEDED"), Status.SUCCESS),
    **dict.fromkeys(("FAILED", "FAIL", "ERROR", "TIMEOUT"), Status.FAILURE),
    **dict.fromkeys(("CANCELLED", "CANCELED"), Status.CANCEL),
}


def status(word: str) -> Status:
    """Return the status that *word* means, in any case and spelling of the gap."""
    found = STATUSES.get(word)
    return found or STATUSES.get(word.strip().upper().replace(" ", "_").replace("-", "_"), Status.UNKNOWN)


_FLAGS: Final = (("--turbo", Mode.TURBO), ("--fast", Mode.FAST), ("--relax", Mode.RELAX))


def mode_of_prompt(prompt: str) -> Mode:
    """Return the mode that the prompt's flags ask for (protocol.md 3)."""
    at = prompt.find("--")
    if at < 0:
        return Mode.UNKNOWN
    flags = prompt[at:].lower()
    for flag, mode in _FLAGS:  # a generator would cost more than all the search
        if flag in flags:
            return mode
    return Mode.UNKNOWN


# First match wins, so the order is part of the table.
_FAILURES: Final[tuple[tuple[FailureKind, tuple[str, ...]], ...]] = (
    # Before "取消": family B says 任务超时 and 自动取消 in one (protocol.md 3.5), family C 上游任务超时 (4.5).
    (FailureKind.TIMEOUT_AT_GATEWAY, ("超时", "timeout", "timed out")),
    # Family B makes a cancelled task a FAILURE "取消任务" (protocol.md 3.7).
    (FailureKind.CANCELLED, ("取消", "cancelled", "canceled")),
    (
        FailureKind.BANNED_PROMPT,
        ("敏感", "违规", "违禁", "审核", "banned", "sensitive", "moderat", "policy", "nsfw", "guidelines"),
    ),
    # insert_midjourney_task_failed means that the channel is busy (protocol.md 8); 负载已饱和 is its code 30.
    (
        FailureKind.QUEUE_FULL,
        (
            "队列已满",
            "饱和",
            "并发",
            "queue full",
            "queue is full",
            "too many",
            "rate limit",
            "insert_midjourney_task_failed",
        ),
    ),
    (FailureKind.QUOTA, ("quota", "额度", "余额", "insufficient", "balance", "credits")),
    (
        FailureKind.NO_ACCOUNT,
        ("账号", "渠道", "no available account", "no account", "account not found", "model_not_found"),
    ),
    (
        FailureKind.INVALID_IMAGE,
        ("base64格式", "图片", "invalid image", "image denied", "invalid link", "could not fetch image"),
    ),
    (
        FailureKind.INVALID_PARAMETER,
        (
            "参数",
            "不能为空",
            "invalid parameter",
            "unrecognized parameter",
            "invalid request",
            "invalid value",
        ),
    ),
)


def failure(reason: str) -> FailureKind:
    """Return what a gateway's *reason* for a failure amounts to."""
    reason = reason.lower()
    return next(
        (kind for kind, words in _FAILURES if any(word in reason for word in words)), FailureKind.UNKNOWN
    )


# Custom ids: "MJ::JOB::upsample::1::<uuid>" and "MJ::JOB::reroll::0::<uuid>::SOLO" (quickrouter's reply);
# the rest as family B's source and Discord have them (protocol.md 2, 4.3). The first prefix that fits wins.
_BUTTONS: Final[tuple[tuple[str, ButtonKind], ...]] = (
    ("upsample_", ButtonKind.UPSCALE_HD),  # upsample_v5_2x, upsample_v6_2x_subtle, upsample_v6_2x_creative
    ("upsample", ButtonKind.UPSCALE),
    ("variation", ButtonKind.VARIATION),
    ("high_variation", ButtonKind.HIGH_VARIATION),
    ("low_variation", ButtonKind.LOW_VARIATION),
    ("reroll", ButtonKind.REROLL),
    ("outpaint", ButtonKind.ZOOM),  # Outpaint::50 is 2x, ::75 is 1.5x: Discord's name for zooming out
    ("customzoom", ButtonKind.CUSTOM_ZOOM),
    ("inpaint", ButtonKind.INPAINT),
    ("pan_", ButtonKind.PAN),
    ("animate_", ButtonKind.ANIMATE),
    ("video_virtual_upscale", ButtonKind.VIDEO_UPSCALE),
    ("picreader", ButtonKind.PIC_READER),
    ("picread", ButtonKind.PIC_READER),  # Picread::Retry
    ("promptanalyzer", ButtonKind.PROMPT_ANALYZER),  # also PromptAnalyzerExtended
    ("bookmark", ButtonKind.BOOKMARK),
)
_JOBS: Final = frozenset({"JOB", "Job"})
_PICTURES: Final = {str(n): n for n in range(1, 10)}


def button(custom_id: str) -> tuple[ButtonKind, int | None]:
    """Return what the button with *custom_id* does, and to which picture (None: to all, or to the only one)."""
    parts = custom_id.split("::")
    if len(parts) < 2 or parts[0] != "MJ":
        return ButtonKind.UNKNOWN, None
    at = 2 if len(parts) > 2 and parts[1] in _JOBS else 1
    # One digit is a picture; "50" of Outpaint is a factor, reroll's 0 means all, SOLO that there is only one.
    has_picture = len(parts) > at + 1 and parts[-1] != "SOLO"
    return _kind(parts[at]), _PICTURES.get(parts[at + 1]) if has_picture else None


@lru_cache(maxsize=256)  # a few dozen verbs, nine buttons a task
def _kind(verb: str) -> ButtonKind:
    verb = verb.lower()
    return next((kind for prefix, kind in _BUTTONS if verb.startswith(prefix)), ButtonKind.UNKNOWN)
