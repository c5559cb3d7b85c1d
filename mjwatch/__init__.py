"""
Watch long-running Midjourney gateway tasks: one poll plane for all of them, typed events, nothing lost.

The face: a table of what is where, and no logic. A name is imported when it is first used, so `import mjwatch` costs
neither aiohttp nor structlog.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mjwatch import gateways
    from mjwatch._policy.explanation import Explanation, Tick
    from mjwatch._runtime.client import GatewayClient
    from mjwatch._runtime.hooks import Hook
    from mjwatch._runtime.reports import Health, Stats, Watched
    from mjwatch._runtime.subscription import Completed, EventStream, Subscription
    from mjwatch.errors import (
        GatewayBroken,
        GatewayBusy,
        GatewayDenied,
        GatewayError,
        GatewayRefused,
        GatewayUnreachable,
        MjwatchError,
        OffsetExpired,
        StoreError,
        TaskError,
        TaskFailed,
        TaskLost,
        TooManyWatches,
        WatcherClosed,
        WatchTimeout,
    )
    from mjwatch.events import (
        ButtonsAvailable,
        Eta,
        Event,
        Expired,
        Failure,
        Final,
        FinalEvent,
        GatewayEvent,
        InputRequired,
        Lost,
        Progress,
        Recovered,
        Success,
        TaskEvent,
        Unreachable,
        from_json,
    )
    from mjwatch.gateways import Gateway, Secret
    from mjwatch.settings import Deadlines, Limits, Pacing
    from mjwatch.tasks import Action, Button, ButtonKind, FailureKind, Media, Mode, Status, Task
    from mjwatch.watcher import Watcher

_HOMES = {
    "mjwatch._runtime.client": "GatewayClient",
    "mjwatch._runtime.hooks": "Hook",
    "mjwatch._policy.explanation": "Explanation Tick",
    "mjwatch._runtime.reports": "Health Stats Watched",
    "mjwatch._runtime.subscription": "Completed EventStream Subscription",
    "mjwatch.errors": (
        "GatewayBroken GatewayBusy GatewayDenied GatewayError GatewayRefused GatewayUnreachable MjwatchError "
        "OffsetExpired StoreError TaskError TaskFailed TaskLost TooManyWatches WatchTimeout WatcherClosed"
    ),
    "mjwatch.events": (
        "ButtonsAvailable Eta Event Expired Failure Final FinalEvent GatewayEvent InputRequired Lost Progress "
        "Recovered Success TaskEvent Unreachable from_json"
    ),
    "mjwatch.gateways": "Gateway Secret",
    "mjwatch.settings": "Deadlines Limits Pacing",
    "mjwatch.tasks": "Action Button ButtonKind FailureKind Media Mode Status Task",
    "mjwatch.watcher": "Watcher",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Action",
    "Button",
    "ButtonKind",
    "ButtonsAvailable",
    "Completed",
    "Deadlines",
    "Eta",
    "Event",
    "EventStream",
    "Expired",
    "Explanation",
    "Failure",
    "FailureKind",
    "Final",
    "FinalEvent",
    "Gateway",
    "GatewayBroken",
    "GatewayBusy",
    "GatewayClient",
    "GatewayDenied",
    "GatewayError",
    "GatewayEvent",
    "GatewayRefused",
    "GatewayUnreachable",
    "Health",
    "Hook",
    "InputRequired",
    "Limits",
    "Lost",
    "Media",
    "MjwatchError",
    "Mode",
    "OffsetExpired",
    "Pacing",
    "Progress",
    "Recovered",
    "Secret",
    "Stats",
    "Status",
    "StoreError",
    "Subscription",
    "Success",
    "Task",
    "TaskError",
    "TaskEvent",
    "TaskFailed",
    "TaskLost",
    "Tick",
    "TooManyWatches",
    "Unreachable",
    "WatchTimeout",
    "Watched",
    "Watcher",
    "WatcherClosed",
    "from_json",
    "gateways",
]


def __getattr__(name: str) -> object:
    if name == "gateways":
        return import_module("mjwatch.gateways")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mjwatch' has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
