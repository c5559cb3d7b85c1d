"""Only type-checked, never run: what a user touches has the type that the documentation says."""

from __future__ import annotations

from typing import assert_never, assert_type

import mjwatch
from mjwatch._runtime.client import GatewayClient
from mjwatch._runtime.hooks import Hook
from mjwatch._runtime.reports import Health, Stats, Watched
from mjwatch._runtime.subscription import Completed, EventStream, Subscription
from mjwatch.testing import Family, SimulatedGateway

# --- gateways and settings

assert_type(mjwatch.gateways.geeknow("token"), mjwatch.Gateway)
assert_type(mjwatch.gateways.quickrouter(lambda: "token"), mjwatch.Gateway)
assert_type(mjwatch.gateways.mjdjourney(mjwatch.Secret("token")), mjwatch.Gateway)
assert_type(mjwatch.gateways.trueai("https://h", "token", name="mine"), mjwatch.Gateway)
assert_type(mjwatch.gateways.midjourney_proxy("https://h", "token"), mjwatch.Gateway)
assert_type(mjwatch.gateways.new_api("https://h", "token"), mjwatch.Gateway)

gateway = mjwatch.Gateway(
    name="mine",
    base_url="https://h",
    credential="token",
    auth="mj-api-secret",
    dialect="trueai",
    limits=mjwatch.Limits(rate=None, batch=100),
    rewrite_host={"cdn.discordapp.com": "cdn.example.net"},
)
assert_type(gateway.credential, mjwatch.Secret)
assert_type(gateway.base_url, str)
assert_type(gateway.limits, mjwatch.Limits)
assert_type(gateway.limits.rate, float | None)
assert_type(mjwatch.Pacing.every(5), mjwatch.Pacing)
assert_type(mjwatch.Deadlines(usual=60).usual, float)

watcher = mjwatch.Watcher(
    gateway, store="memory:", pacing=mjwatch.Pacing(lag=2), deadlines=mjwatch.Deadlines(), logger=None
)


# --- events


def told(event: mjwatch.Event) -> str:  # noqa: PLR0915 - nine kinds
    """Take every event apart: the union is closed."""
    assert_type(event.at, float)
    assert_type(event.id, str)
    assert_type(event.kind, str)
    assert_type(event.final, bool)
    assert_type(event.gateway, str)
    assert_type(event.to_json(), str)
    match event:
        case mjwatch.Progress(percent=percent, preview=preview, note=note, eta=eta, restarted=restarted):
            assert_type(percent, int | None)
            assert_type(preview, str | None)
            assert_type(note, str | None)
            assert_type(eta, mjwatch.Eta | None)
            assert_type(restarted, bool)
            return event.task_id
        case mjwatch.ButtonsAvailable(buttons=buttons):
            assert_type(buttons, tuple[mjwatch.Button, ...])
            return event.task_id
        case mjwatch.InputRequired(task=task):
            assert_type(task, mjwatch.Task)
            return event.task_id
        case mjwatch.Success(images=images, videos=videos, text=text):
            assert_type(images, tuple[mjwatch.Media, ...])
            assert_type(videos, tuple[mjwatch.Media, ...])
            assert_type(text, str | None)
            return event.task_id
        case mjwatch.Failure(reason=reason, reason_kind=kind, retryable=retryable):
            assert_type(reason, str | None)
            assert_type(kind, mjwatch.FailureKind)
            assert_type(retryable, bool)
            return event.text("zh")
        case mjwatch.Lost(reason=why):
            assert_type(why, str)
            return why
        case mjwatch.Expired(deadline=deadline, seq=seq, skipped=skipped, tag=tag):
            assert_type(deadline, float)
            assert_type(seq, int)
            assert_type(skipped, int)
            assert_type(tag, str | None)
            return event.reason
        case mjwatch.Unreachable(error=error, since=since):
            assert_type(error, mjwatch.GatewayError)
            assert_type(error.transient, bool)
            assert_type(since, float)
            return error.message
        case mjwatch.Recovered(outage=outage):
            assert_type(outage, float)
            return event.gateway
        case _:
            assert_never(event)


def ended(event: mjwatch.FinalEvent) -> mjwatch.Task:
    """Take every end apart: that union is closed, too."""
    match event:
        case mjwatch.Success() | mjwatch.Failure() | mjwatch.Lost() | mjwatch.Expired():
            return event.task
        case _:
            assert_never(event)


def parted(event: mjwatch.Event) -> mjwatch.TaskEvent | None:
    """Tell the events of tasks and of the gateway apart by class."""
    if isinstance(event, mjwatch.Unreachable | mjwatch.Recovered):
        assert_type(event, mjwatch.Unreachable | mjwatch.Recovered)
        return None
    task_event: mjwatch.TaskEvent = event
    return task_event


assert_type(mjwatch.from_json("{}"), mjwatch.Event)
assert_type(mjwatch.from_json(b"{}"), mjwatch.Event)


# --- tasks


def shown(task: mjwatch.Task) -> None:
    """Read every part of a task."""
    assert_type(task.id, str)
    assert_type(task.status, mjwatch.Status)
    assert_type(task.status.is_final, bool)
    assert_type(task.action, mjwatch.Action)
    assert_type(task.mode, mjwatch.Mode)
    assert_type(task.percent, int | None)
    assert_type(task.prompt, str | None)
    assert_type(task.image_url, str | None)
    assert_type(task.images, tuple[mjwatch.Media, ...])
    assert_type(task.images[0].url, str)
    assert_type(task.buttons, tuple[mjwatch.Button, ...])
    assert_type(task.buttons[0].kind, mjwatch.ButtonKind)
    assert_type(task.buttons[0].index, int | None)
    assert_type(task.fail_kind, mjwatch.FailureKind | None)
    assert_type(task.finished_at, float | None)
    assert_type(task.is_partial, bool)


# --- the watcher


async def lives() -> None:
    """Open and close it both ways."""
    assert_type(await watcher.start(), mjwatch.Watcher)
    await watcher.aclose()
    async with watcher as opened:
        assert_type(opened, mjwatch.Watcher)


async def streams() -> None:
    """Read some tasks, all ends, and everything."""
    subscription = watcher.watch("1", "2", throttle=1, deadline=60.0, after=5)
    assert_type(subscription, Subscription)
    async for event in subscription:
        assert_type(told(event), str)
    async with watcher.watch("1") as events:
        assert_type(events, Subscription)
        await events.add("2")
        await events.discard("1")
        assert_type(events.offset, int)
        assert_type(await anext(events), mjwatch.Event)
    ends = watcher.as_completed(["1", "2"], deadline=60)
    assert_type(ends, Completed)
    async for end in ends:
        assert_type(end, mjwatch.Success | mjwatch.Failure | mjwatch.Lost | mjwatch.Expired)
        shown(ended(end))
        await ends.add("3")
    everything = watcher.events(after=None)
    assert_type(everything, EventStream)
    async for event in everything:
        assert_type(everything.offset, int | None)
        assert_type(told(event), str)


async def answers() -> None:
    """Ask for one task."""
    assert_type(await watcher.wait("1"), mjwatch.Task)
    assert_type(await watcher.wait("1", timeout=30), mjwatch.Task)
    assert_type(await watcher.latest("1", within=45), mjwatch.Task)
    assert_type(await watcher.lookup("1"), mjwatch.Task)


async def standing() -> None:
    """Watch without a stream."""
    await watcher.add("1", "2", tag="chat-7", deadline=60)
    await watcher.discard("1")
    watched = await watcher.watched(tag="chat-7")
    assert_type(watched, list[Watched])
    assert_type(watched[0].task_id, str)
    assert_type(watched[0].tag, str | None)
    assert_type(watched[0].due_in, float | None)


async def verbs() -> None:
    """Use the gateway's verbs."""
    client = watcher.client
    assert_type(client, GatewayClient)
    shown(await client.fetch("1"))
    assert_type(await client.list(["1", "2"]), list[mjwatch.Task])
    assert_type(await client.image_seed("1"), str)
    assert_type(await client.image("1"), bytes)
    await client.cancel("1")


def watched_over() -> None:
    """Ask how it goes."""
    assert_type(watcher.stats(), Stats)
    assert_type(watcher.stats().requests, int)
    assert_type(watcher.health(), Health)
    assert_type(watcher.health().is_reachable, bool)
    assert_type(watcher.health().error, mjwatch.GatewayError | None)


# --- hooks: a callback may name the events it was registered for, or take any


async def on_progress(event: mjwatch.Progress) -> None:
    """Take one kind."""
    assert_type(event.percent, int | None)


def on_end(event: mjwatch.Success | mjwatch.Failure) -> str:
    """Take two, sync."""
    return event.task_id


async def on_any(event: mjwatch.Event) -> None:
    """Take all."""
    told(event)


assert_type(watcher.on(mjwatch.Progress, on_progress), Hook)
assert_type(watcher.on(mjwatch.Success | mjwatch.Failure, on_end, tag="a", name="end", concurrency=4), Hook)
assert_type(watcher.on(mjwatch.Final, on_any), Hook)


@watcher.on(mjwatch.Progress, tag="a")
async def decorated(event: mjwatch.Progress) -> None:
    """Stay what it was."""
    assert_type(event, mjwatch.Progress)


@watcher.on(mjwatch.Success | mjwatch.Failure)
def decorated_too(event: mjwatch.FinalEvent) -> int:
    """Stay what it was, sync."""
    return event.seq


async def called() -> None:
    """Call a decorated function: it kept its signature."""
    progress = mjwatch.from_json("{}")
    if isinstance(progress, mjwatch.Progress):
        await decorated(progress)
    if isinstance(progress, mjwatch.Success):
        assert_type(decorated_too(progress), int)


handle = watcher.on(mjwatch.Lost, on_any)
handle.cancel()
assert_type(handle.is_cancelled, bool)
assert_type(handle.errors, int)


# --- errors


async def fails() -> None:
    """Catch by name, and read what they carry."""
    try:
        await watcher.wait("1", timeout=1)
    except mjwatch.TaskFailed as failed:
        assert_type(failed.reason, str | None)
        assert_type(failed.kind, mjwatch.FailureKind)
        assert_type(failed.retryable, bool)
    except mjwatch.TaskLost as lost:
        assert_type(lost.task_id, str)
    except mjwatch.WatchTimeout as timeout:
        as_timeout: TimeoutError = timeout
        assert_type(timeout.task, mjwatch.Task | None)
        raise as_timeout from None
    except mjwatch.GatewayBusy as busy:
        assert_type(busy.retry_after, float | None)
    except mjwatch.GatewayError as error:
        assert_type(error.gateway, str)
        assert_type(error.status, int | None)
        assert_type(error.transient, bool)
    except (mjwatch.WatcherClosed, mjwatch.TooManyWatches, mjwatch.OffsetExpired, mjwatch.StoreError) as own:
        root: mjwatch.MjwatchError = own
        raise root from None


# --- the simulated gateway


async def simulated() -> None:
    """Watch a simulated gateway."""
    async with SimulatedGateway(Family.NEW_API) as sim:
        assert_type(sim, SimulatedGateway)
        assert_type(sim.base_url, str)
