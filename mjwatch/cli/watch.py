"""`mjwatch watch`: events as lines on stdout, everything else on stderr, the outcome as exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

import anyio

from mjwatch.cli.codes import Exit, code_of, worst
from mjwatch.errors import GatewayDenied, GatewayError
from mjwatch.events import Event, FinalEvent, TaskEvent
from mjwatch.gateways import Gateway
from mjwatch.watcher import Watcher


async def watch(
    gateway: Gateway, task_ids: Sequence[str], *, spell: Callable[[Event], str], limit: float | None
) -> Exit:
    """
    Print each event of some tasks until all have ended.

    Args:
        gateway: Whom to ask.
        task_ids: Checked ones.
        spell: Writes one event as one line.
        limit: Stop after so many seconds.
    """
    # an outage is an event, and so a line of ours already
    logging.getLogger("mjwatch").addHandler(logging.NullHandler())
    codes = dict.fromkeys(task_ids, Exit.TIMED_OUT)
    unseen = set(task_ids)
    try:
        async with Watcher(gateway) as watcher:
            with anyio.move_on_after(limit) as patience:
                async for event in watcher.watch(*task_ids):
                    print(spell(event), flush=True)
                    if isinstance(event, TaskEvent):
                        unseen.discard(event.task_id)
                    if isinstance(event, FinalEvent):
                        codes[event.task_id] = code_of(event)
            if patience.cancelled_caught:
                late = [task_id for task_id, code in codes.items() if code is Exit.TIMED_OUT]
                complain(f"stopped after {limit:g} s: not done, and may still run: {' '.join(late)}")
                if (error := watcher.health().error) is not None:
                    complain(f"the last that was heard: {error}")
                elif unseen:
                    ids = " ".join(task_id for task_id in codes if task_id in unseen)
                    complain(
                        f"the gateway answers, and has shown nothing of: {ids} (mistyped, or of another gateway?)"
                    )
    except GatewayError as error:
        complain(str(error))
        complain(_what_to_check(error, gateway))
        return Exit.USAGE
    return worst(codes.values())


def complain(message: str) -> None:
    """Print *message* where it does not mix with events."""
    print(f"mjwatch: {message}", file=sys.stderr)


def _what_to_check(error: GatewayError, gateway: Gateway) -> str:
    where = f"the gateway (--gateway: {gateway.base_url})"
    if isinstance(error, GatewayDenied):
        return (
            f"check the token (MJWATCH_TOKEN or --token-file), the header it goes in (--auth: {gateway.auth}) "
            f"and {where}"
        )
    return f"check {where} and its family (--dialect: {gateway.dialect})"
