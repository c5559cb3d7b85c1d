"""The gateways' verbs as requests. All families share these paths; which of them a gateway knows, its replies tell.

Every id that becomes part of a path is checked here once more; in a list it is quoted JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mjwatch._wire.messages import Request, Route, Verb
from mjwatch.tasks import check_task_id

MAX_BATCH: Final = 500
"""Family B's documented ceiling ("最大500条", seed 000); no source of any family has one (protocol.md 0.4)."""


def look(task_id: str) -> Request:
    """Ask for one task: the only look that all families know."""
    return Request(Verb.LOOK, "GET", f"/mj/task/{check_task_id(task_id)}/fetch")


def look_many(task_ids: Sequence[str], route: Route) -> Request:
    """
    Ask for many tasks by a list *route*.

    Raises:
        ValueError: *route* is FETCH.
    """
    if route is Route.FETCH:
        raise ValueError("fetch asks for one task: use fetch()")
    # Ids stay text: new-api answers numeric ids with 400 do_request_failed (protocol.md 4.3).
    return Request(Verb.LOOK_MANY, "POST", f"/mj/task/{route.value}", msgspec.json.encode({"ids": task_ids}))


def seed(task_id: str) -> Request:
    """Ask for a task's seed; family B may hold this for a minute (protocol.md 3.7)."""
    return Request(Verb.SEED, "GET", f"/mj/task/{check_task_id(task_id)}/image-seed")


def cancel(task_id: str) -> Request:
    """Ask the gateway to stop a task; only family B knows how, and only for an admin's token (protocol.md 3.7)."""
    return Request(Verb.CANCEL, "POST", f"/mj/task/{check_task_id(task_id)}/cancel")


def image(task_id: str) -> Request:
    """Ask for the picture through the image proxy, which only family C has (protocol.md 4.7)."""
    return Request(Verb.IMAGE, "GET", f"/mj/image/{check_task_id(task_id)}")
