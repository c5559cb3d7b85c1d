"""One event as one plain line, for pipes and terminals alike. Pure.

What a gateway wrote never reaches the terminal with its control characters.
"""

from __future__ import annotations

from typing import assert_never

from mjwatch.events import (
    ButtonsAvailable,
    Event,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Recovered,
    Success,
    Unreachable,
)
from mjwatch.tasks import Button, Status

_STATUSES = {
    Status.NOT_START: "not started",
    Status.SUBMITTED: "submitted",
    Status.IN_PROGRESS: "in progress",
}


def line(event: Event) -> str:
    """Return *event* as a line: the task id (or the gateway's name), and what happened."""
    subject = event.gateway if isinstance(event, Unreachable | Recovered) else event.task_id
    return f"{subject}  {told(event)}"


def told(event: Event) -> str:
    """Return what happened, in words."""
    return "".join(c if c.isprintable() else " " for c in _told(event))


def _told(event: Event) -> str:  # noqa: C901, PLR0912 - one case an event
    match event:
        case Progress():
            return _progress(event)
        case ButtonsAvailable(buttons=buttons):
            return f"buttons: {', '.join(map(button_name, buttons))}"
        case InputRequired():
            return "the gateway waits for your input"
        case Success(task=task, images=images, videos=videos, text=text):
            results = [media.url for media in videos or images] or [
                text or task.image_url or "without a result"
            ]
            return f"done: {' '.join(results)}"
        case Failure(reason=reason):
            return f"failed: {event.text()}" + (f" ({reason})" if reason else "")
        case Lost(reason=reason):
            return f"lost: {reason}"
        case Expired(reason="discarded"):
            return "no longer watched; it may still run"
        case Expired():
            return "not done by its deadline; it may still run"
        case Unreachable(error=error):
            return f"does not answer; the watch goes on: {error.message}"
        case Recovered(outage=outage):
            return f"answers again after {outage:.0f} s"
        case _:
            assert_never(event)


def button_name(button: Button) -> str:
    """Return what a person calls *button*: its label, or what an emoji alone stands for."""
    if button.label:
        return button.label
    return button.kind if button.index is None else f"{button.kind} {button.index}"


def _progress(event: Progress) -> str:
    percent = "" if event.percent is None else f" {event.percent} %"
    note = f" ({event.note})" if event.note else ""
    left = f", about {event.eta.p50:.0f} s left" if event.eta else ""
    again = "started again: " if event.restarted else ""
    status = _STATUSES.get(event.task.status) or event.task.status_word or "no status"
    return f"{again}{status}{percent}{note}{left}"
