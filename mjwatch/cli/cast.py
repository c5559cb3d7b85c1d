"""The tasks of the demo, and the person who submits them over HTTP, cancels one and answers a window.

Knows nothing of who watches: both sides of the demo get the same tasks at the same time from the same seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import aiohttp
import anyio
from attrs import define, field, frozen

from mjwatch.testing import Family, SimulatedGateway

FAMILY: Final = Family.TRUEAI
"""The one with videos, windows and a way to cancel."""
TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway

_EARLIER: Final = "1735689512345678"
_BANNED: Final = "1735689600000666"
_CANCELS_AFTER: Final = 30.0
_ANSWERS_AFTER: Final = 12.0


@frozen
class Wanted:
    """One submit: what the table calls it, the verb, the mode, and what goes with it."""

    label: str
    verb: str
    mode: str
    body: dict[str, str]
    is_cancelled: bool = False
    is_answered: bool = False


_PRESSED: Final = {"taskId": _EARLIER}
CAST: Final[Sequence[Wanted]] = (
    Wanted("imagine, fast", "imagine", "fast", {"prompt": "a lighthouse in the fog"}),
    Wanted("imagine, fast", "imagine", "fast", {"prompt": "a cat reading the news"}),
    Wanted("imagine, turbo", "imagine", "turbo", {"prompt": "tea on the moon --turbo"}),
    Wanted("imagine, relax", "imagine", "relax", {"prompt": "a slow river --relax"}),
    Wanted(
        "imagine, relax, cancelled", "imagine", "relax", {"prompt": "never mind --relax"}, is_cancelled=True
    ),
    Wanted("imagine, fast", "imagine", "fast", {"prompt": "a city made of books"}),
    Wanted("imagine, turbo", "imagine", "turbo", {"prompt": "a paper boat --turbo"}),
    Wanted("imagine, fast", "imagine", "fast", {"prompt": "two foxes in the snow"}),
    Wanted("describe", "describe", "fast", {"base64": "data:image/png;base64,AA=="}),
    Wanted("video", "video", "fast", {"prompt": "waves", "image": "https://example.com/sea.png"}),
    Wanted("upscale, U1 pressed", "action", "fast", {**_PRESSED, "customId": "MJ::JOB::upsample::1::sim"}),
    Wanted(
        "custom zoom, asks",
        "action",
        "fast",
        {**_PRESSED, "customId": "MJ::CustomZoom::sim"},
        is_answered=True,
    ),
)


@define(eq=False)
class Customer:
    """Submits the cast at one gateway and plays the person behind it."""

    session: aiohttp.ClientSession
    gateway: SimulatedGateway
    labels: dict[str, str] = field(init=False, factory=dict)
    """What the table calls each task, by id, in the order of submission."""
    _to_cancel: list[str] = field(init=False, factory=list)
    _to_answer: list[str] = field(init=False, factory=list)

    async def order(self) -> None:
        """Submit all, and place what no submit can bring about: an earlier picture, and a prompt that is refused."""
        self.gateway.task(_EARLIER).success()
        refused = (
            self.gateway.task(_BANNED, prompt="something banned").after(3).submitted().after(8).progress(15)
        )
        refused.after(4).failure("Banned prompt detected: banned")
        for wanted in CAST:
            reply = await self._post(f"/mj-{wanted.mode}/mj/submit/{wanted.verb}", wanted.body)
            task_id = str(reply["result"])
            self._label(task_id, wanted.label)
            if wanted.is_cancelled:
                self._to_cancel.append(task_id)
            if wanted.is_answered:
                self._to_answer.append(task_id)
        self._label(_BANNED, "imagine, banned word")

    async def act(self) -> None:
        """Answer the window after a while, and change one's mind about a picture later."""
        await anyio.sleep(_ANSWERS_AFTER)
        for task_id in self._to_answer:
            await self._post(
                "/mj/submit/modal", {"taskId": task_id, "prompt": "the same, further away --zoom 2"}
            )
        await anyio.sleep(_CANCELS_AFTER - _ANSWERS_AFTER)
        for task_id in self._to_cancel:
            await self._post(f"/mj/task/{task_id}/cancel", {})

    def _label(self, task_id: str, label: str) -> None:
        self.labels[task_id] = f"{len(self.labels) + 1:>2} {label}"

    async def _post(self, path: str, body: dict[str, str]) -> dict[str, object]:
        url = f"{self.gateway.base_url}{path}"
        async with self.session.post(url, json=body, headers={"Authorization": TOKEN}) as reply:
            said: dict[str, object] = json.loads(await reply.read() or b"{}")
            return said
