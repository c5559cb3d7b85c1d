"""The buttons under a finished task, and what a press on one means.

Two tables in the words of Midjourney's customIds (replies/newapi-task-imagine-success-quickrouter.json).
"""

from __future__ import annotations

from typing import Final, TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
"""What JSON can say."""

_GRID: Final = (
    *((f"U{i}", "", f"MJ::JOB::upsample::{i}::{{job}}") for i in range(1, 5)),
    ("", "🔄", "MJ::JOB::reroll::0::{job}::SOLO"),
    *((f"V{i}", "", f"MJ::JOB::variation::{i}::{{job}}") for i in range(1, 5)),
)
_SINGLE: Final = (
    ("Upscale (Subtle)", "", "MJ::JOB::upsample_v6_2x_subtle::1::{job}::SOLO"),
    ("Upscale (Creative)", "", "MJ::JOB::upsample_v6_2x_creative::1::{job}::SOLO"),
    ("Vary (Subtle)", "🪄", "MJ::JOB::low_variation::1::{job}::SOLO"),
    ("Vary (Strong)", "🪄", "MJ::JOB::high_variation::1::{job}::SOLO"),
    ("Vary (Region)", "🖌️", "MJ::Inpaint::1::{job}::SOLO"),
    ("Zoom Out 2x", "🔍", "MJ::Outpaint::50::1::{job}::SOLO"),
    ("Custom Zoom", "🔍", "MJ::CustomZoom::{job}"),
    ("", "⬅️", "MJ::JOB::pan_left::1::{job}::SOLO"),
    ("Animate (High motion)", "🎞️", "MJ::JOB::animate_high::1::{job}::SOLO"),
)
_PROPOSALS: Final = tuple((str(i), f"{i}️⃣", f"MJ::Job::PicReader::{i}") for i in range(1, 5))

_BELOW: Final = {
    "UPSCALE": _SINGLE,
    "UPSCALE_HD": _SINGLE,
    "DESCRIBE": _PROPOSALS,
    "SHORTEN": tuple((str(i), f"{i}️⃣", f"MJ::Job::PromptAnalyzer::{i}") for i in range(1, 6)),
}

# the longest words first: `variation` is a part of `low_variation`
_MEANINGS: Final = (
    ("CustomZoom", "CUSTOM_ZOOM"),
    ("Inpaint", "INPAINT"),
    ("Outpaint", "ZOOM"),
    ("pan_", "PAN"),
    ("PicReader", "PIC_READER"),
    ("PromptAnalyzer", "SHORTEN"),
    ("animate_", "VIDEO"),
    ("upsample_v", "UPSCALE_HD"),
    ("upsample", "UPSCALE"),
    ("low_variation", "LOW_VARIATION"),
    ("high_variation", "HIGH_VARIATION"),
    ("variation", "VARIATION"),
    ("reroll", "REROLL"),
)

OPENS_MODAL: Final = frozenset({"CUSTOM_ZOOM", "INPAINT", "PIC_READER"})
"""Actions answered with code 21 (protocol.md 2)."""


def buttons(action: str, job: str) -> list[Json]:
    """Return the buttons below a finished *action* with the job id *job*."""
    below = _BELOW.get(action, _GRID)
    return [
        {"customId": custom_id.format(job=job), "emoji": emoji, "label": label, "type": 2, "style": 2}
        for label, emoji, custom_id in below
    ]


def meaning(custom_id: str) -> str | None:
    """Return the action that a press on *custom_id* asks for, or None."""
    return next((action for word, action in _MEANINGS if word in custom_id), None)
