"""The families that speak midjourney-proxy's tongue: midjourney-proxy (A), trueai (B) and new-api (C).

They differ in a few traits, and those are a table. What a field may hold is `fields`' business, what an error
means `verdicts`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec
from attrs import field, frozen

from mjwatch._wire import envelopes, fields, raws, requests, slices, usual
from mjwatch._wire.messages import Malformed, Opened, Reply, Request, Route
from mjwatch.observations import Observation
from mjwatch.tasks import Action, Media, Mode, Status, Task


class ButtonsRule(Enum):
    """When a gateway shows the buttons of a finished task (protocol.md 7.1)."""

    WITH_END = "no later than SUCCESS"
    IF_SHOWN = "no later than SUCCESS, if it has the key at all"
    ANY_TIME = "later than SUCCESS, or never"


@frozen
class Traits:
    """
    What one family does differently.

    Attributes:
        routes: By which routes it can be asked, the widest first.
        buttons: When its buttons come.
        has_rand: True where previews carry `?rand=<nanoseconds>`, new on every read.
        refresh: Seconds between two updates of all its tasks, None where each changes in its own time.
    """

    routes: tuple[Route, ...]
    buttons: ButtonsRule
    has_rand: bool
    refresh: float | None


MIDJOURNEY_PROXY: Final = Traits(
    (Route.LIST_BY_CONDITION, Route.FETCH),
    # One tongue for A, which has no buttons, and A+, which always writes the key (protocol.md 1.2, 2).
    ButtonsRule.IF_SHOWN,
    has_rand=False,
    refresh=None,  # event-driven: it knows as soon as Discord tells (protocol.md 7.2)
)
TRUEAI: Final = Traits(
    (Route.LIST_BY_IDS, Route.LIST_BY_CONDITION, Route.FETCH),
    ButtonsRule.WITH_END,
    has_rand=False,
    refresh=None,  # a row is saved each 3 s, but each has a phase of its own
)
NEW_API: Final = Traits(
    (Route.LIST_BY_CONDITION, Route.FETCH),
    # A row at 100% is never polled again: buttons that come later are lost (protocol.md 4.5).
    ButtonsRule.ANY_TIME,
    has_rand=True,
    refresh=15.0,  # it polls its upstream each 15 s (protocol.md 4.5)
)


@frozen
class MidjourneyProxyDialect:
    """
    Families A, B and C.

    Attributes:
        traits: What differs between them.
        rewrite_host: Hosts of result addresses to replace (`Gateway.rewrite_host`).
    """

    traits: Traits
    rewrite_host: Mapping[str, str] = field(factory=dict)

    @property
    def routes(self) -> tuple[Route, ...]:
        """By which routes tasks can be looked up, the widest first; FETCH is always the last."""
        return self.traits.routes

    @property
    def max_batch(self) -> int:
        """Ids in one list request, at most."""
        return requests.MAX_BATCH

    @property
    def refresh(self) -> float | None:
        """Seconds between two updates on the gateway's side, before any was measured; None without a tick."""
        return self.traits.refresh

    def fetch(self, task_id: str) -> Request:
        """Ask for one task."""
        return requests.look(task_id)

    def list_tasks(self, task_ids: Sequence[str], route: Route) -> Request:
        """Ask for many tasks by a list *route*."""
        return requests.look_many(task_ids, route)

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
        return envelopes.open_task(reply)

    def open_list(self, reply: Reply, asked: int) -> Opened:
        """Read the envelope of a list reply; MISSING where it says that it knows none of the ids."""
        return envelopes.open_tasks(reply, asked)

    def digests(self, pieces: Sequence[msgspec.Raw]) -> list[int]:
        """
        Return a hash of each raw task, good within this process, without what changes on every read.

        new-api writes `?rand=<nanoseconds>` anew on every read until SUCCESS (protocol.md 4.7).
        """
        return slices.still_digests(pieces) if self.traits.has_rand else slices.digests(pieces)

    def decode(
        self, piece: msgspec.Raw, *, asked: str | None = None, digest: int | None = None
    ) -> Observation:
        """
        Return what a raw task says; *asked* is the id of a fetch, for replies that leave it out.

        Raises:
            Malformed: it is no task.
        """
        raw = raws.read_task(piece)
        if raw.id is None and raw.status is None:
            raise Malformed("neither id nor status: no task")
        task = usual.running_task(raw, self.rewrite_host) if isinstance(raw, raws.UsualTask) else None
        if task is None:
            task = _task(raw, asked, self.rewrite_host)
        return Observation(task, digest, self._owes_buttons(raw))

    def read_seed(self, reply: Reply) -> tuple[Opened, str | None]:
        """Return the verdict on an image-seed reply, and the seed where it is OK."""
        return envelopes.open_seed(reply)

    def read_done(self, reply: Reply) -> Opened:
        """Return the verdict on a reply that carries no task (cancel, image)."""
        return envelopes.open_done(reply)

    def _owes_buttons(self, raw: raws.RawTask) -> bool:
        rule = self.traits.buttons
        return rule is ButtonsRule.WITH_END or (
            rule is ButtonsRule.IF_SHOWN and raw.buttons is not msgspec.UNSET
        )


def _task(raw: raws.RawTask, asked: str | None, hosts: Mapping[str, str]) -> Task:
    status, word = fields.status(raw.status)
    action = fields.action(raw.action)
    percent, note = fields.progress(raw.progress)
    prompt = fields.text(raw.prompt)
    prompt_en = prompt if raw.prompt_en == raw.prompt else fields.text(raw.prompt_en)
    mode = fields.mode(raw.mode, None)
    final_prompt = None
    if mode is Mode.UNKNOWN or status is Status.SUCCESS:
        final_prompt = fields.text(raws.read_final_prompt(raw))
        mode = fields.mode(raw.mode, final_prompt or prompt_en or prompt)
    image_url = fields.url(raw.image_url, hosts)
    reason = fields.text(raw.fail_reason)
    # Positional, and no call for what is mostly absent: a hot path, though running tasks mostly take `usual`.
    return Task(
        fields.task_id(raw.id, asked),
        status,
        word,
        action,
        mode,
        percent,
        note,
        prompt,
        prompt_en,
        fields.text(raw.description),
        fields.result_text(status, action, final_prompt, prompt),
        fields.text(raw.state),
        image_url,
        _images(raw, image_url, status, action, hosts),
        ()
        if raw.video_urls is raw.video_url is None
        else fields.videos(raw.video_urls, raw.video_url, hosts),
        fields.buttons(raw.buttons) if raw.buttons else (),
        reason,
        fields.failure_kind(status, reason) if status.is_final else None,
        fields.instant(raw.submit_time) if raw.submit_time else None,
        fields.instant(raw.start_time) if raw.start_time else None,
        fields.instant(raw.finish_time) if raw.finish_time else None,
        None if raw.parent_id is None else fields.loose_id(raw.parent_id),
        None if raw.seed is None else fields.text(raw.seed, fields.WORD),
    )


def _images(
    raw: raws.RawTask, main: str | None, status: Status, action: Action, hosts: Mapping[str, str]
) -> tuple[Media, ...]:
    if raw.image_urls is None and status is not Status.SUCCESS:
        return ()
    return fields.images(raw.image_urls, main, status, action, hosts)
