"""A gateway that gives hostile replies for a while, and then is well: raw bytes on the virtual network."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Final

from attrs import define, field

from tests.hostile.case import http
from tests.runtime.rawserver import RawServer

TOKEN: Final = "sk-canary-a1f0b52c7e94a18d"
BUTTON: Final = {"customId": "MJ::JOB::upsample::1::x", "label": "U1"}


@define(eq=False)
class HostileGateway:
    """
    Answers with its hostile replies, one after the other, and then with a good task; a while later that one succeeds.

    Attributes:
        is_enveloped: It wraps its tasks.
        hostile: The hostile replies that are still to come.
    """

    is_enveloped: bool = False
    hostile: deque[bytes] = field(factory=deque)
    _well_since: float | None = field(init=False, default=None)

    async def serve(self, raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path = head.decode().split()[:2]
            body = b"" if method == "GET" else await reader.readexactly(_length(head))
            if self.hostile:
                await self._annoy(writer, memoryview(self.hostile.popleft()))
                raw.hang_up()  # whether the length was right or not
                return
            writer.write(self._answer(path, body))

    async def _annoy(self, writer: asyncio.StreamWriter, wire: memoryview) -> None:
        for begin in range(0, len(wire), 65_536):
            if writer.is_closing():
                return
            writer.write(wire[begin : begin + 65_536])
            await writer.drain()
        await asyncio.sleep(0.1)

    def _answer(self, path: str, body: bytes) -> bytes:
        now = asyncio.get_running_loop().time()
        if self._well_since is None:
            self._well_since = now
        is_done = now > self._well_since + 20
        if path.endswith("/fetch"):
            task = self._task(path.split("/")[-2], is_done=is_done)
            return http(json.dumps({"code": 0, "data": task} if self.is_enveloped else task))
        return http(json.dumps([self._task(one, is_done=is_done) for one in json.loads(body)["ids"]]))

    def _task(self, task_id: str, *, is_done: bool) -> dict[str, object]:
        if self.is_enveloped:
            film: dict[str, object] = {"video_url": "https://cdn.test/1.mp4"} if is_done else {}
            return {"taskId": task_id, "status": "completed" if is_done else "running", **film}
        if not is_done:
            return {"id": task_id, "action": "IMAGINE", "status": "IN_PROGRESS", "progress": "20%"}
        result = {"imageUrl": "https://cdn.test/1.png", "buttons": [BUTTON]}
        return {"id": task_id, "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", **result}

    def sicken(self, *wires: bytes) -> None:
        """Be hostile from the next request on, and no longer near an end."""
        self.hostile.extend(wires)
        self._well_since = None


def _length(head: bytes) -> int:
    (line,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(line.split(b":")[1])
