"""The gateways that wrap a task in `{code, message, data}`: mjdjourney.cn's video API (protocol.md 6).

One documented reply is all that is known of them, so what is no documented key is read as the other families
spell it, and only single lookups are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from attrs import evolve, field, frozen

from mjwatch._wire import envelopes, fields, raws, requests, slices
from mjwatch._wire.messages import Malformed, Opened, Reply, Request, Route
from mjwatch.observations import Observation, Verdict
from mjwatch.tasks import Action, Media, Task


@frozen
class EnvelopedDialect:
    """
    Enveloped replies, single lookups.

    Attributes:
        rewrite_host: Hosts of result addresses to replace (`Gateway.rewrite_host`).
    """

    rewrite_host: Mapping[str, str] = field(factory=dict)

    @property
    def routes(self) -> tuple[Route, ...]:
        """By which routes tasks can be looked up: one by one."""
        return (Route.FETCH,)

    @property
    def max_batch(self) -> int:
        """Ids in one list request: there is no list route."""
        return 1

    @property
    def refresh(self) -> float | None:
        """Seconds between two updates on the gateway's side: unknown."""
        return None

    def fetch(self, task_id: str) -> Request:
        """Ask for one task."""
        return requests.look(task_id)

    def list_tasks(self, task_ids: Sequence[str], route: Route) -> Request:
        """
        Refuse: there is no list route.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"this gateway has no {route.value}: fetch the {len(task_ids)} tasks one by one")

    def image_seed(self, task_id: str) -> Request:
        """Ask for a task's seed."""
        return requests.seed(task_id)

    def cancel(self, task_id: str) -> Request:
        """Ask the gateway to stop a task."""
        return requests.cancel(task_id)

    def image(self, task_id: str) -> Request:
        """Ask for the picture through the gateway's image proxy."""
        return requests.image(task_id)

    def open_fetch(self, reply: Reply) -> Opened:
        """Read the envelope of a fetch reply: one slice, MISSING, or an error."""
        return envelopes.open_wrapped(reply)

    def open_list(self, reply: Reply, asked: int) -> Opened:  # noqa: ARG002 - there is no list to measure
        """Answer UNSUPPORTED: no list was asked for."""
        return Opened(Verdict.UNSUPPORTED, detail="this gateway has no list route", status=reply.status)

    def digests(self, pieces: Sequence[msgspec.Raw]) -> list[int]:
        """Return a hash of each raw task, good within this process."""
        return slices.digests(pieces)

    def decode(
        self, piece: msgspec.Raw, *, asked: str | None = None, digest: int | None = None
    ) -> Observation:
        """
        Return what a raw task says; *asked* is the id of a fetch, for replies that leave it out.

        Raises:
            Malformed: it is no task.
        """
        raw = raws.read_job(piece)
        if raw.task_id is None and raw.id is None and raw.status is None:
            raise Malformed("neither taskId nor status: no task")
        return Observation(_task(raw, asked, self.rewrite_host), digest)

    def read_seed(self, reply: Reply) -> tuple[Opened, str | None]:
        """Return the verdict on an image-seed reply, and the seed where it is OK."""
        return envelopes.open_seed(reply)

    def read_done(self, reply: Reply) -> Opened:
        """Return the verdict on a reply that carries no task (cancel, image)."""
        return envelopes.open_done(reply)


def _task(raw: raws.RawJob, asked: str | None, hosts: Mapping[str, str]) -> Task:
    status, word = fields.status(raw.status)
    videos = _videos(raw, hosts)
    action = _action(raw, videos)
    percent, note = fields.progress(raw.progress)
    prompt = fields.text(raw.prompt)
    image_url = fields.url(raw.image_url, hosts)
    reason = fields.text(raw.fail_reason)
    return Task(
        fields.task_id(raw.id if raw.task_id is None else raw.task_id, asked),
        status=status,
        status_word=word,
        action=action,
        mode=fields.mode(raw.mode, prompt),
        percent=percent,
        note=note,
        prompt=prompt,
        image_url=image_url,
        images=fields.images(raw.image_urls, image_url, status, action, hosts),
        videos=videos,
        fail_reason=reason,
        fail_kind=fields.failure_kind(status, reason),
        submitted_at=fields.instant(raw.enqueue_time),
    )


def _videos(raw: raws.RawJob, hosts: Mapping[str, str]) -> tuple[Media, ...]:
    width, height = fields.pixels(raw.width), fields.pixels(raw.height)
    videos = fields.videos(raw.video_urls, raw.video_url, hosts)
    return tuple(evolve(video, width=width, height=height) for video in videos)


def _action(raw: raws.RawJob, videos: tuple[Media, ...]) -> Action:
    # job_type is Midjourney's own: "vid_1.1_i2v_render_b_joint_video" (mjdjourney-video-task-completed.json).
    job_type = fields.text(raw.job_type, fields.WORD) or ""
    return Action.VIDEO if videos or job_type.startswith("vid_") else Action.UNKNOWN
