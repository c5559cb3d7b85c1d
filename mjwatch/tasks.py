"""What is known of one task: the values a user holds.

Only nouns live here. How a gateway spells them is `_wire`'s business, what follows from them is `_policy`'s.
Every instant is float epoch seconds, every absent value is None (never "", 0 or "null").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, Literal, Self

from attrs import frozen

ID_RULE: Final = "1 to 128 of A-Z a-z 0-9 . _ ~ -, a letter or digit first, and no two dots in a row"
Language = Literal["en", "zh"]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}", re.ASCII)


def check_task_id(task_id: str) -> str:
    """
    Return *task_id* unchanged if it may stand in a URL path.

    Ids come from chat users, so they are hostile until they have passed here: quoting alone lets `..` reach
    another endpoint (yarl folds it) and drops a trailing newline.

    Raises:
        TypeError: *task_id* is no string. Ids have up to 19 digits and may begin with zeros: keep them text.
        ValueError: it breaks `ID_RULE`.
    """
    if not isinstance(task_id, str):
        is_several = isinstance(task_id, list | tuple | set | frozenset | Iterator)
        advice = "unpack it, as in add(*ids)" if is_several else "keep ids as text"
        raise TypeError(f"a task id is a str, not {type(task_id).__name__}: {advice}")
    if _ID.fullmatch(task_id) is None or ".." in task_id:
        raise ValueError(f"not a task id: {task_id[:140]!a}. A task id has {ID_RULE}")
    return task_id


def check_tag(tag: str | None) -> str | None:
    """
    Return *tag* if it is None or a str.

    Raises:
        TypeError: anything else: a chat's number, say, must come back as what it was given.
    """
    if tag is not None and not isinstance(tag, str):
        raise TypeError(f"a tag is a str, not {type(tag).__name__}: give str(...) of it")
    return tag


class _Word(StrEnum):
    """A closed set of the gateways' own words, with UNKNOWN for all others."""

    @classmethod
    def of(cls, word: str | None) -> Self:
        """Return the member spelled *word*, in any case, or UNKNOWN."""
        return cls.__members__.get((word or "").strip().upper(), cls("UNKNOWN"))


class Status(_Word):
    """Where a task is in its life. The spelling is the gateways' own; `Task.status_word` keeps the raw one."""

    MODAL = "MODAL"
    """The gateway waits for the user to fill in a window. Not an end."""
    NOT_START = "NOT_START"
    SUBMITTED = "SUBMITTED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCEL = "CANCEL"
    UNKNOWN = "UNKNOWN"
    """A word this release does not know: the task is watched on."""

    @property
    def is_final(self) -> bool:
        """True for SUCCESS, FAILURE and CANCEL: nothing follows."""
        return self in _FINAL


_FINAL = frozenset({Status.SUCCESS, Status.FAILURE, Status.CANCEL})


class Action(_Word):
    """What a task does. It may change during its life (trueai: UPSCALE becomes VIDEO, SHOW becomes IMAGINE)."""

    IMAGINE = "IMAGINE"
    BLEND = "BLEND"
    DESCRIBE = "DESCRIBE"
    SHORTEN = "SHORTEN"
    UPSCALE = "UPSCALE"
    UPSCALE_HD = "UPSCALE_HD"
    VARIATION = "VARIATION"
    HIGH_VARIATION = "HIGH_VARIATION"
    LOW_VARIATION = "LOW_VARIATION"
    REROLL = "REROLL"
    ZOOM = "ZOOM"
    CUSTOM_ZOOM = "CUSTOM_ZOOM"
    PAN = "PAN"
    OUTPAINT = "OUTPAINT"
    INPAINT = "INPAINT"
    ACTION = "ACTION"
    MODAL = "MODAL"
    SHOW = "SHOW"
    EDIT = "EDIT"
    EDITS = "EDITS"
    RETEXTURE = "RETEXTURE"
    PIC_READER = "PIC_READER"
    SWAP_FACE = "SWAP_FACE"
    SWAP_VIDEO_FACE = "SWAP_VIDEO_FACE"
    VIDEO = "VIDEO"
    VIDEO_EXTEND = "VIDEO_EXTEND"
    UPLOAD = "UPLOAD"
    UNKNOWN = "UNKNOWN"

    @property
    def is_video(self) -> bool:
        """True where the result is a film, which takes longer."""
        return self in _VIDEO

    @property
    def is_text(self) -> bool:
        """True where the result is text (describe, shorten): there is no result URL to wait for."""
        return self in _TEXT


_VIDEO = frozenset({Action.VIDEO, Action.VIDEO_EXTEND, Action.SWAP_VIDEO_FACE})
_TEXT = frozenset({Action.DESCRIBE, Action.SHORTEN, Action.PIC_READER})


class Mode(_Word):
    """How fast the task was paid for."""

    RELAX = "RELAX"
    FAST = "FAST"
    TURBO = "TURBO"
    UNKNOWN = "UNKNOWN"


class ButtonKind(StrEnum):
    """What a button does, read from its custom id, never from its label (emoji-only labels collide)."""

    UPSCALE = "upscale"
    UPSCALE_HD = "upscale_hd"
    VARIATION = "variation"
    HIGH_VARIATION = "high_variation"
    LOW_VARIATION = "low_variation"
    REROLL = "reroll"
    ZOOM = "zoom"
    CUSTOM_ZOOM = "custom_zoom"
    PAN = "pan"
    INPAINT = "inpaint"
    ANIMATE = "animate"
    VIDEO_UPSCALE = "video_upscale"
    PIC_READER = "pic_reader"
    PROMPT_ANALYZER = "prompt_analyzer"
    BOOKMARK = "bookmark"
    UNKNOWN = "unknown"


class FailureKind(StrEnum):
    """Why a task failed, as far as the gateway's words tell."""

    BANNED_PROMPT = "banned_prompt"
    INVALID_PARAMETER = "invalid_parameter"
    INVALID_IMAGE = "invalid_image"
    QUEUE_FULL = "queue_full"
    NO_ACCOUNT = "no_account"
    QUOTA = "quota"
    CANCELLED = "cancelled"
    TIMEOUT_AT_GATEWAY = "timeout_at_gateway"
    UNKNOWN = "unknown"

    @property
    def is_retryable(self) -> bool:
        """True where the same prompt may well succeed when submitted again."""
        return self in _RETRYABLE

    def text(self, lang: Language = "en") -> str:
        """Return one sentence for the person who asked for the picture, in English or Chinese."""
        return _TEXTS[lang][self]


_RETRYABLE = frozenset({
    FailureKind.QUEUE_FULL,
    FailureKind.NO_ACCOUNT,
    FailureKind.TIMEOUT_AT_GATEWAY,
    FailureKind.UNKNOWN,
})


_TEXTS: Final[dict[Language, dict[FailureKind, str]]] = {
    "en": {
        FailureKind.BANNED_PROMPT: "The prompt contains words that are not allowed.",
        FailureKind.INVALID_PARAMETER: "A parameter of the prompt is not valid.",
        FailureKind.INVALID_IMAGE: "The picture could not be read.",
        FailureKind.QUEUE_FULL: "The queue is full. Please try again in a moment.",
        FailureKind.NO_ACCOUNT: "No account is free for this. Please try again later.",
        FailureKind.QUOTA: "The quota is used up.",
        FailureKind.CANCELLED: "The task was cancelled.",
        FailureKind.TIMEOUT_AT_GATEWAY: "The task took too long at the gateway. Please try again.",
        FailureKind.UNKNOWN: "The task failed.",
    },
    "zh": {
        FailureKind.BANNED_PROMPT: "提示词包含不允许的内容。",
        FailureKind.INVALID_PARAMETER: "提示词中的参数无效。",
        FailureKind.INVALID_IMAGE: "无法读取图片。",
        FailureKind.QUEUE_FULL: "队列已满，请稍后再试。",
        FailureKind.NO_ACCOUNT: "暂无可用账号，请稍后再试。",
        FailureKind.QUOTA: "额度已用完。",
        FailureKind.CANCELLED: "任务已取消。",
        FailureKind.TIMEOUT_AT_GATEWAY: "任务在网关处超时，请重试。",
        FailureKind.UNKNOWN: "任务失败。",
    },
}


@frozen
class Button:
    """
    A button under a result.

    Attributes:
        custom_id: What the gateway wants back when it is pressed, untouched.
        label: The text on it, None where there is only an emoji.
        emoji: The emoji on it, None where there is only a text.
        kind: What it does.
        index: Which picture it is about (U1 is 1), None where it is about all.
    """

    custom_id: str
    label: str | None = None
    emoji: str | None = None
    kind: ButtonKind = ButtonKind.UNKNOWN
    index: int | None = None


@frozen
class Media:
    """A result on the gateway's CDN. The address expires: fetch it soon. Width and height are pixels."""

    url: str
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None


@frozen
class Task:
    """
    One gateway's view of a task at one moment.

    Attributes:
        id: The gateway's id, as text.
        status: Where it is in its life.
        status_word: The gateway's own word for it, also where `status` is UNKNOWN.
        action: What it does.
        mode: How fast it was paid for, UNKNOWN where the gateway does not say.
        percent: 0 to 100, or None where the gateway shows no number.
        note: What the gateway wrote instead of a number ("Waiting to start", "paused").
        prompt, prompt_en, description, text: The words, as the gateway keeps them. `text` is the result of
            describe and shorten.
        state: What the submitter attached.
        image_url: The main picture: a preview while running, the result after.
        images, videos: The results. `images` holds `image_url` where the gateway lists no single pictures.
        buttons: What may be pressed now, () where there is none or the gateway sent null.
        fail_reason: Why it failed, in the gateway's words.
        fail_kind: What those words amount to, None while it has not failed.
        submitted_at, started_at, finished_at: Epoch seconds by the gateway's clock: data, not to be trusted.
        parent_id: The task it was made from.
        seed: The seed, where a task carries it.
        is_partial: True where only part of it is known, because no whole reply was needed or came.
    """

    id: str
    status: Status = Status.UNKNOWN
    status_word: str = ""
    action: Action = Action.UNKNOWN
    mode: Mode = Mode.UNKNOWN
    percent: int | None = None
    note: str | None = None
    prompt: str | None = None
    prompt_en: str | None = None
    description: str | None = None
    text: str | None = None
    state: str | None = None
    image_url: str | None = None
    images: tuple[Media, ...] = ()
    videos: tuple[Media, ...] = ()
    buttons: tuple[Button, ...] = ()
    fail_reason: str | None = None
    fail_kind: FailureKind | None = None
    submitted_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    parent_id: str | None = None
    seed: str | None = None
    is_partial: bool = False
