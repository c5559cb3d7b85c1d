"""What the simulated gateways do with a submit: a new task with a random timeline, and the answer their family gives.

Pure but for the book it writes into: dice and instants are arguments.
"""

from __future__ import annotations

from random import Random
from typing import Final
from uuid import UUID

import msgspec
from attrs import define

from .buttons import OPENS_MODAL, meaning
from .durations import run
from .families import Family, Reply, bad_body, encode, submit_reply, upstream_error
from .taskbook import SimulatedTask, TaskBook
from .timeline import Script, Timeline

_VERBS: Final = {"imagine": "IMAGINE", "describe": "DESCRIBE", "video": "VIDEO"}
# what family C refuses to pass on (protocol.md 4.3)
_UNKNOWN_TO_RELAY: Final = frozenset({None, "PIC_READER", "VIDEO"})


class Wanted(msgspec.Struct, rename="camel"):
    """The keys of a submit that the simulation looks at."""

    prompt: str | None = None
    base64: str | None = None
    link: str | None = None
    image: str | None = None
    task_id: str | None = None
    custom_id: str | None = None


@define(eq=False)
class Submits:
    """The submit routes of one gateway."""

    book: TaskBook
    rng: Random

    def answer(self, verb: str, body: bytes, mode: str | None, now: float) -> Reply:
        """Do what *verb* asks for."""
        try:
            wanted = msgspec.json.decode(body, type=Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return bad_body(self.book.family, f"/mj/submit/{verb}")
        match verb:
            case "action":
                return self._action(wanted, mode, now)
            case "modal":
                return self._modal(wanted, now)
            case "describe" if not (wanted.base64 or wanted.link):
                return self._invalid("base64不能为空", "base64_is_required")
            case "imagine" if not wanted.prompt:
                return self._invalid("prompt不能为空", "prompt_is_required")
            case _:
                prompt = wanted.prompt or wanted.link or wanted.image or ""
                return self._accepted(self.begin(_VERBS[verb], mode, prompt, now))

    def begin(
        self, action: str, mode: str | None, prompt: str, now: float, *, task_id: str | None = None
    ) -> SimulatedTask:
        """Start a task with a random timeline; behind a MODAL if its action opens one."""
        script = Script(Timeline(now))
        if action in OPENS_MODAL:
            script.modal()
        run(script, self.rng, action, mode)
        return self.book.add(task_id or self._new_id(now), action, mode, prompt, script.timeline)

    def seed(self, task_id: str, now: float) -> Reply:
        """Return the answer to image-seed (protocol.md 2, 3.3, 4.7)."""
        task = self.book.find(task_id, now)
        family = self.book.family
        if task is None:
            return upstream_error("task_no_found") if family is Family.NEW_API else self._no_parent()
        if not self._is_done(task, now):
            refused = submit_reply(family, 4, "关联任务状态错误", None)
            return Reply(400, refused.body) if family is Family.TRUEAI else refused
        return submit_reply(family, 1, "成功", str(int(task.job[:8], 16)))

    def _action(self, wanted: Wanted, mode: str | None, now: float) -> Reply:
        family = self.book.family
        parent = self.book.find(wanted.task_id or "", now)
        action = meaning(wanted.custom_id or "")
        if parent is None:
            return self._no_parent()
        if not self._is_done(parent, now):
            return self._invalid("关联任务状态错误", "task_status_not_success")
        if family is Family.NEW_API and action in _UNKNOWN_TO_RELAY:
            message = f"Invalid request, unknown_action:{wanted.custom_id}"
            return Reply(400, encode(family, {"error": {"message": message}}))
        task = self.begin(action or "ACTION", mode or parent.mode, parent.prompt, now)
        if task.action not in OPENS_MODAL:
            return self._accepted(task)
        if family is Family.TRUEAI:  # replies of trueai issue 59: an Inpaint has an empty finalPrompt
            final = "" if task.action == "INPAINT" else task.prompt
            return submit_reply(
                family, 21, "Waiting for window confirm", task.task_id, finalPrompt=final, remix=True
            )
        return submit_reply(family, 21, "窗口等待", task.task_id)

    def _modal(self, wanted: Wanted, now: float) -> Reply:
        task = self.book.find(wanted.task_id or "", now)
        if task is None:
            return self._no_parent()
        if not task.timeline.answer(now):
            return self._invalid("关联任务状态错误", "task_status_not_success")
        task.prompt = wanted.prompt or task.prompt
        task.spelled.clear()
        return self._accepted(task)

    def _accepted(self, task: SimulatedTask) -> Reply:
        family = self.book.family
        if family is Family.NOVICEZK:
            return submit_reply(family, 1, "提交成功", task.task_id, discordInstanceId="1118138338562560102")
        return submit_reply(
            family,
            1,
            "提交成功" if family is Family.TRUEAI else "Submit success",
            task.task_id,
            discordInstanceId="1572398367386955776",
            discordChannelId="1300842676874379336",
        )

    def _invalid(self, description: str, relayed: str) -> Reply:
        if self.book.family is Family.NEW_API:
            return upstream_error(relayed)
        return submit_reply(self.book.family, 4, description, None)

    def _no_parent(self) -> Reply:
        if self.book.family is Family.NEW_API:
            return upstream_error("task_not_found")
        return submit_reply(self.book.family, 3, "关联任务不存在或已失效", None)

    def _new_id(self, now: float) -> str:
        """Return an unused id: milliseconds and three dice, or a UUID on family E (protocol.md 1.2, 6)."""
        while True:
            milliseconds = int((self.book.epoch + now) * 1000)
            fresh = f"{milliseconds}{self.rng.randrange(1000):03}"
            if self.book.family is Family.ENVELOPED:
                fresh = str(UUID(int=self.rng.getrandbits(128), version=4))
            if fresh not in self.book.tasks:
                return fresh
            now += 0.001

    @staticmethod
    def _is_done(task: SimulatedTask, now: float) -> bool:
        return task.timeline.steps[task.timeline.index_at(now)].status == "SUCCESS"
