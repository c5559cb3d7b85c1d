"""How each family spells one task: the JSON objects of protocol.md 1.2, 2, 3.2, 4.2 and 6, key by key.

Pure translation of `Facts` into JSON values. It knows neither time nor HTTP, and decides nothing about what is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from .buttons import Json, buttons
from .timeline import FINAL, Step

VIDEOS: Final = frozenset({"VIDEO", "VIDEO_EXTEND"})
PROPOSALS: Final = "\n\n".join(f"{i}️⃣ Cat{i} --ar 5:4" for i in range(1, 5))
"""What DESCRIBE answers (replies/plus-task-describe-success-partial.json)."""
_SIGNED: Final = (
    "ex=6728831f&is=6727319f&hm=f6d701914d608e4da9298d2290b3616317264a70635fbf08a37ca6c1bb671b50&"
)
"""The tail of Discord's picture links: it has ampersands, which Go and .NET escape."""


@frozen
class Facts:
    """One row of a gateway, ready to be spelled. Instants are epoch milliseconds."""

    task_id: str
    action: str
    mode: str | None
    prompt: str
    base_url: str
    job: str
    """Midjourney's own id of the job, a UUID."""
    step: Step | None
    """None: family C has written the row and not yet copied anything."""
    submitted: int
    started: int | None = None
    finished: int | None = None

    @property
    def answer(self) -> str:
        """The prompt; a finished DESCRIBE puts its four proposals there (protocol.md 2)."""
        is_told = self.step is not None and self.step.status == "SUCCESS"
        return PROPOSALS if is_told and self.action in {"DESCRIBE", "SHORTEN"} else self.prompt

    @property
    def description(self) -> str:
        """The command in Discord's words."""
        verb = {"IMAGINE": "imagine", "DESCRIBE": "describe", "BLEND": "blend"}.get(self.action, "up")
        return f"/{verb} {self.prompt}"

    @property
    def picture(self) -> str | None:
        """The link on Discord's side, served by the simulated gateway as well; previews have their own."""
        if self.step is None or self.step.image is None:
            return None
        return f"{self.base_url}/attachments/{self.task_id}/{self.step.image}?{_SIGNED}"

    @property
    def videos(self) -> list[str]:
        """The links of a finished VIDEO."""
        if self.action not in VIDEOS or self.step is None or self.step.status != "SUCCESS":
            return []
        return [f"{self.base_url}/attachments/{self.task_id}/{i}.mp4" for i in range(4)]

    @property
    def buttons(self) -> list[Json]:
        """The buttons that are shown."""
        return buttons(self.action, self.job) if self.step is not None and self.step.has_buttons else []


def novicezk(facts: Facts) -> dict[str, Json]:
    """Family A: nulls are written, no buttons (protocol.md 1.2)."""
    step = facts.step or Step(0.0, "NOT_START")
    properties: dict[str, Json] = {
        "notifyHook": None,
        "finalPrompt": facts.answer,
        "nonce": "1648406635623804928",
    }
    if facts.started is not None:  # keys appear as they become known
        properties["discordInstanceId"] = "1118138338562560102"
    if step.status == "SUCCESS":
        properties |= {"messageId": "1218513777016705094", "messageHash": facts.job, "flags": 0}
    return {
        "id": facts.task_id,
        "action": facts.action,
        "status": step.status,
        "prompt": facts.answer,
        "promptEn": facts.answer,
        "description": facts.description,
        "state": None,
        "submitTime": facts.submitted,
        "startTime": facts.started,
        "finishTime": facts.finished,
        "imageUrl": facts.picture,
        "progress": step.progress,
        "failReason": step.fail_reason,
        "properties": properties,
    }


def plus(facts: Facts) -> dict[str, Json]:
    """Family A+: as A, with buttons and sizes (protocol.md 2)."""
    size = 1024 if facts.step is not None and facts.step.image == "final.png" else None
    return {
        **novicezk(facts),
        "buttons": facts.buttons,
        "imageWidth": size,
        "imageHeight": size,
    }


def trueai(facts: Facts) -> dict[str, Json]:
    """Family B: some seventy keys, nulls written, CANCEL is a FAILURE (protocol.md 3.2, 3.7)."""
    step = facts.step or Step(0.0, "NOT_START")
    is_cancelled = step.status == "CANCEL"
    status = "FAILURE" if is_cancelled else step.status
    is_done = step.status in FINAL
    videos = facts.videos
    return {
        **dict.fromkeys(_TRUEAI_NULLS),
        **dict.fromkeys(_TRUEAI_FALSE, False),
        "id": facts.task_id,
        "action": facts.action,
        "status": status,
        "isCompleted": is_done,
        "botType": "MID_JOURNEY",
        "realBotType": None,
        "isDiscord": True,
        "prompt": facts.answer,
        "promptEn": facts.answer,
        "promptFull": facts.prompt,
        "description": facts.description,
        "submitTime": facts.submitted,
        "startTime": facts.started,
        "finishTime": facts.finished,
        "displays": _displays(facts, status),
        "progress": "" if is_cancelled else step.progress,
        "useTime": _use_time(facts),
        "imageUrl": facts.picture,
        "url": facts.picture,
        "videoUrl": videos[0] if videos else None,
        "failReason": "取消任务" if is_cancelled else step.fail_reason,
        "buttons": facts.buttons,
        "messageIds": [],
        "jobId": facts.job if is_done else None,
        "instanceId": "1118138338562560102",
        "mode": facts.mode,
        "requestMode": facts.mode,
        "version": "V6",
        "clientIp": "127.0.0.1",
        "properties": {"finalPrompt": facts.answer, "discordInstanceId": "1118138338562560102"},
    }


def new_api(facts: Facts) -> dict[str, Json]:
    """Family C: Go zero values, null only for buttons, properties and videoUrls (protocol.md 4.2)."""
    step = facts.step
    status = "" if step is None else step.status
    progress = "0%" if step is None else step.progress or ""
    reason = "" if step is None else step.fail_reason or ""
    videos = facts.videos
    urls: list[Json] = [{"url": url} for url in videos]
    return {
        "id": facts.task_id,
        "action": facts.action,
        "customId": "",
        "botType": "",
        "prompt": facts.prompt if step is None else facts.answer,
        "promptEn": "" if step is None else facts.answer,
        "description": "提交成功",
        "state": "",
        "submitTime": facts.submitted,
        "startTime": facts.started or 0,
        "finishTime": facts.finished or 0,
        "imageUrl": _forwarded(facts),
        "videoUrl": videos[0] if videos else "",
        "videoUrls": urls or None,
        "status": status,
        # a reason forces 100 %, whatever the status: a FAILURE has "100%" here (protocol.md 4.5)
        "progress": "100%" if reason else progress,
        "failReason": reason,
        "buttons": facts.buttons or None,
        "maskBase64": "",
        "properties": None if step is None else {"finalPrompt": facts.answer, "finalZhPrompt": ""},
    }


def enveloped(facts: Facts) -> dict[str, Json]:
    """Family E (replies/mjdjourney-video-task-completed.json)."""
    # a guess but for "completed": the other words are those of Midjourney's own job object (protocol.md 6)
    step = facts.step or Step(0.0, "NOT_START")
    words = {"NOT_START": "queued", "SUCCESS": "completed", "FAILURE": "failed", "CANCEL": "cancelled"}
    instant = datetime.fromtimestamp(facts.submitted / 1000, tz=UTC)
    videos = facts.videos
    urls: list[Json] = [*videos]
    data: dict[str, Json] = {
        "taskId": facts.task_id,
        "prompt": facts.prompt,
        "imageUrl": facts.picture or "",
        "enqueue_time": instant.strftime("%Y-%m-%d %H:%M:%S.%f+00:00"),
        "width": 640,
        "height": 608,
        "batch_size": 4,
        "status": words.get(step.status or "", "running"),
        "job_type": "vid_1.1_i2v_render_b_joint_video",
        "video_url": videos[0] if videos else "",
        "video_urls": urls,
    }
    return {"code": 0, "message": "成功", "data": data}


def _displays(facts: Facts, status: str | None) -> dict[str, Json]:
    return {
        "status": status,
        "submitTime": _wall(facts.submitted),
        "startTime": _wall(facts.started),
        "finishTime": _wall(facts.finished),
        "action": facts.action,
        "discordInstanceId": "1118138338562560102",
    }


def _use_time(facts: Facts) -> str:
    if facts.finished is None:
        return "-"
    return f"{(facts.finished - (facts.started or facts.submitted)) / 1000:.2f} s"


def _forwarded(facts: Facts) -> str:
    """Return the rewritten link, with the mark that `rand` fills on each read until SUCCESS (protocol.md 4.7)."""
    if facts.picture is None or facts.step is None:
        return ""
    tail = "" if facts.step.status == "SUCCESS" else RAND
    return f"{facts.base_url}/mj/image/{facts.task_id}{tail}"


RAND: Final = "?rand=@"
"""Stands where family C writes nanoseconds; no other text has an "@" behind "?rand="."""


def _wall(milliseconds: int | None) -> str | None:
    """Return the server's wall clock, without a zone."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


_TRUEAI_NULLS: Final = (
    "parentId", "userId", "nonce", "interactionMetadataId", "messageId", "remixModalMessageId", "subInstanceId",
    "language", "state", "baseImageUrl", "imageUrls", "thumbnailUrl", "proxyUrl", "seed", "seedError",
    "seedMessageId", "replicateSource", "replicateTarget", "height", "width", "size", "contentType", "imageHeight",
    "imageWidth", "videoGenOriginImageUrl", "videoDuration", "frameCount", "videoUrls", "videoType", "accountFilter",
    "storageOption", "partnerTaskId", "partnerTaskInfo", "officialTaskId", "officialTaskInfo",
)  # fmt: skip
_TRUEAI_FALSE: Final = (
    "isHdVideo", "isWhite", "isReplicate", "remixAutoSubmit", "remixModaling", "hasAIReviewRetried", "isThirdParty",
    "isPartner", "isPartnerRelax", "isOfficial",
)  # fmt: skip
