"""The gateways' verbs as requests. All families share these paths; which of them a gateway knows, its replies tell.

Every id is checked here once more, because here it becomes part of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits
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
        ValueError: *route* is FETCH, or an id breaks the rule for ids.
    """
    if route is Route.FETCH:
        raise ValueError("fetch asks for one task: use fetch()")
    # Ids stay text: new-api answers numeric ids with 400 do_request_failed (protocol.md 4.3).
    _check_all(task_ids)
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


_LONGEST: Final = 128
_IN_IDS: Final = str.maketrans("", "", f"{ascii_letters}{digits}._~-")
_NO_BEGINNINGS: Final = ("\n\n", "\n.", "\n_", "\n~", "\n-", "..")


def _check_all(task_ids: Sequence[str]) -> None:
    """Check as `check_task_id` does, 500 ids in a few steps (0.1 us each, where one by one they cost 0.5 us)."""
    joined = "\n".join(("", *task_ids, ""))
    is_fine = (
        joined.translate(_IN_IDS) == "\n" * (len(task_ids) + 1)
        and max(map(len, task_ids), default=0) <= _LONGEST
    )
    if not is_fine or any(sign in joined for sign in _NO_BEGINNINGS):
        list(map(check_task_id, task_ids))  # the one that is none is named
