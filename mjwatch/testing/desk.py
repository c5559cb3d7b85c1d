"""From a request to its reply, in the manners of one family: credentials, routes, tasks.

Pure but for the tasks it serves: the instant is an argument, and aiohttp is not known here.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from attrs import define, evolve

from . import families
from .families import Family, Reply, Target
from .submits import Submits
from .taskbook import TaskBook
from .timeline import Step

MOST_IDS: Final = 500
"""What family B's documentation allows in one list (protocol.md 0.4)."""
PNG: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MP4: Final = b"\0\0\0\x14ftypisom\0\0\2\0isom"


@define(eq=False)
class Desk:
    """What stands behind the HTTP of one gateway."""

    family: Family
    token: str
    book: TaskBook
    submits: Submits

    def look(self, method: str, path: str, body: bytes) -> tuple[Target, tuple[str, ...]]:
        """Return what a request asks for, and the ids it names."""
        wanted = families.target(self.family, method, path)
        match wanted.route:
            case "list":
                return wanted, tuple(families.read_ids(self.family, body) or ())
            case "fetch" | "seed" | "cancel" | "image" | "attachment":
                return wanted, (wanted.name,)
            case _:
                return wanted, ()

    def reply(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, wanted: Target, now: float
    ) -> Reply:
        """Return the answer to a request that `look` has understood as *wanted*."""
        if wanted.route == "other":
            return families.unknown_route(self.family, method, path)
        if wanted.route in {"image", "attachment"}:  # no credentials here (protocol.md 4.7)
            return self._picture(wanted, path, now)
        refused = families.refusal(self.family, headers, self.token)
        if refused is not None:
            return refused
        match wanted.route:
            case "fetch":
                row = self.book.fetch(wanted.name, now)
                return families.unknown_task(self.family) if row is None else Reply(200, row)
            case "list":
                return self._list(path, body, now)
            case "seed":
                return self.submits.seed(wanted.name, now)
            case "cancel":
                return self._cancel(wanted.name, now)
            case _:  # a submit
                return self.submits.answer(wanted.name, body, wanted.mode, now)

    def _list(self, path: str, body: bytes, now: float) -> Reply:
        ids = families.read_ids(self.family, body)
        if ids is None:
            return families.bad_body(self.family, path)
        if self.family is Family.TRUEAI and len(ids) > MOST_IDS:
            # a guess: documented is "at most 500", and nowhere what happens above (protocol.md 9)
            return families.logic_error("最多500条")
        return Reply(200, self.book.list(ids, now))

    def _cancel(self, task_id: str, now: float) -> Reply:
        task = self.book.find(task_id, now)
        if task is not None:
            ended = task.timeline.ended_at()
            if ended is None or ended > now:
                here = task.timeline.steps[task.timeline.index_at(now)]
                task.timeline.cut(now, evolve(here, status="CANCEL", has_buttons=False))
        if (
            self.family is Family.TRUEAI
        ):  # the same answer whether it exists or not; our token is an admin's (3.7)
            return Reply(200, content_type=None)
        # a guess: A+ advertises it, its answer is documented nowhere (2)
        return families.submit_reply(self.family, 1, "成功", task_id)

    def _picture(self, wanted: Target, path: str, now: float) -> Reply:
        if self.book.find(wanted.name, now) is None:
            missing = families.encode(self.family, {"error": "midjourney_task_not_found"})
            return Reply(400 if wanted.route == "image" else 404, missing)
        if path.endswith(".mp4"):
            return Reply(200, MP4, "video/mp4")
        return Reply(200, PNG, "image/webp" if path.endswith(".webp") else "image/png")


GONE: Final = Step(0.0, None)
"""The step of a task that the gateway has forgotten."""
