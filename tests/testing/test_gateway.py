"""The simulated gateway over real aiohttp, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from mjwatch.testing.families import Family
from mjwatch.testing.faults import SATURATED, WEB_APP, Answer, CutBody, Delay, Fault, Reset
from mjwatch.testing.gateway import SimulatedGateway
from mjwatch.testing.scaledloop import run_scaled

TASK = "1712158011464906"
FETCH = f"/mj/task/{TASK}/fetch"
LIST = "/mj/task/list-by-condition"


@asynccontextmanager
async def opened(
    family: Family = Family.NOVICEZK, *, seed: int = 0
) -> AsyncIterator[tuple[SimulatedGateway, aiohttp.ClientSession]]:
    """Serve a gateway of *family* and open a client of it."""
    headers = {"mj-api-secret": "sk-simulated"}
    async with (
        SimulatedGateway(family, seed=seed) as gateway,
        aiohttp.ClientSession(gateway.base_url, headers=headers) as client,
    ):
        yield gateway, client


async def status_of(client: aiohttp.ClientSession, path: str = FETCH) -> str:
    """Return the status word of a task."""
    async with client.get(path) as response:
        body = await response.json()
        return str(body["status"])


async def listed(client: aiohttp.ClientSession, *ids: str) -> list[str]:
    """Return the ids a list shows. It is a POST, and so the one that aiohttp does not repeat after a reset."""
    async with client.post(LIST, json={"ids": ids}) as response:
        return sorted(row["id"] for row in await response.json())


async def test_a_script_is_played() -> None:
    """The sentence of the test is what the gateway shows."""
    async with opened() as (gateway, client):
        gateway.task(TASK).after(2).submitted().after(5).progress(31).after(8).success()
        shown = []
        for _ in range(4):
            shown.append(await status_of(client))
            await asyncio.sleep(5)

    assert shown == ["NOT_START", "SUBMITTED", "IN_PROGRESS", "SUCCESS"]


@pytest.mark.parametrize(("family", "latest"), [(Family.TRUEAI, 3.0), (Family.NEW_API, 15.5)])
async def test_a_change_is_shown_at_the_next_refresh(family: Family, latest: float) -> None:
    """`shown_at` is the instant a reader could have known."""
    async with opened(family) as (gateway, client):
        gateway.task(TASK).after(20).success()
        shown_at, ended_at = gateway.shown_at(TASK), gateway.true_end(TASK)
        assert shown_at is not None
        assert ended_at is not None
        await asyncio.sleep(shown_at - asyncio.get_running_loop().time() - 0.1)
        before = await status_of(client)
        await asyncio.sleep(0.2)

        assert 0 <= shown_at - ended_at <= latest
        assert before != "SUCCESS"
        assert await status_of(client) == "SUCCESS"


async def test_questions_do_not_move_the_ticks() -> None:
    """The dice of the clock are its own: more reads, same ticks."""
    ends = []
    for reads in (0, 30):
        async with opened(Family.NEW_API, seed=7) as (gateway, client):
            began = asyncio.get_running_loop().time()
            gateway.task(TASK).after(20).success()
            for _ in range(reads):
                async with client.post(LIST, json={"ids": [TASK]}) as response:
                    await response.read()
            ends.append((gateway.shown_at(TASK) or 0) - began)

    assert ends[0] == pytest.approx(ends[1], abs=1e-6)


async def test_a_submitted_task_runs_to_its_end() -> None:
    """Submit, read, and find a picture."""
    async with opened(Family.NEW_API) as (gateway, client):
        async with client.post("/mj-fast/mj/submit/imagine", json={"prompt": "Cat"}) as response:
            assert response.content_type == "text/plain"
            task_id = (await response.json(content_type=None))["result"]
        shown_at = gateway.shown_at(task_id)
        assert shown_at is not None
        await asyncio.sleep(shown_at - asyncio.get_running_loop().time() + 0.1)
        async with client.get(f"/mj/task/{task_id}/fetch") as response:
            url = (await response.json())["imageUrl"]
        async with client.get(url) as response:
            picture = await response.read()

    assert url == f"{gateway.base_url}/mj/image/{task_id}"
    assert picture.startswith(b"\x89PNG")


async def test_a_modal_is_answered_by_the_test() -> None:
    """Once; a second answer has nothing to answer."""
    async with opened(Family.PLUS) as (gateway, client):
        gateway.task(TASK).modal().after(5).success()
        assert await status_of(client) == "MODAL"
        gateway.answer(TASK)
        await asyncio.sleep(5)

        assert await status_of(client) == "SUCCESS"
        with pytest.raises(ValueError, match="not at MODAL"):
            gateway.answer(TASK)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Answer(503, b"no", {"Retry-After": "7"}), 503, b"no"),
        (SATURATED, 429, b'{"code":30'),
        (WEB_APP, 200, b"<!DOCTYPE html>"),
    ],
)
async def test_answers_on_demand(fault: Answer, status: int, body: bytes) -> None:
    """Any status, with any headers, once."""
    async with opened() as (gateway, client):
        gateway.task(TASK)
        gateway.fault(fault)
        async with client.get(FETCH) as response:
            seen = response.status, (await response.read())[: len(body)], response.headers.get("Retry-After")

        assert seen == (status, body, fault.headers.get("Retry-After"))
        assert await status_of(client) == "NOT_START"


@pytest.mark.parametrize(
    ("fault", "error"), [(Reset(), aiohttp.ClientConnectionError), (CutBody(), aiohttp.ClientPayloadError)]
)
async def test_connections_break_on_demand(fault: Fault, error: type[aiohttp.ClientError]) -> None:
    """A reset before the answer, or a body that ends too early."""
    async with opened() as (gateway, client):
        gateway.task(TASK)
        gateway.fault(fault)

        with pytest.raises(error):
            await listed(client, TASK)
        assert await status_of(client) == "NOT_START"


async def test_a_delayed_reply_is_old() -> None:
    """It tells what was true when the request came."""
    async with opened() as (gateway, client):
        gateway.task(TASK).after(5).success()
        gateway.fault(Delay(60))
        began = asyncio.get_running_loop().time()

        assert await status_of(client) == "NOT_START"
        assert asyncio.get_running_loop().time() - began == pytest.approx(60, abs=0.1)


async def test_a_gateway_may_be_down_for_a_while() -> None:
    """Resets or 502s, until the time has passed; what was submitted meanwhile never was."""
    async with opened() as (gateway, client):
        gateway.task(TASK)
        gateway.down(10, Answer(502))
        async with client.post("/mj/submit/imagine", json={"prompt": "Cat"}) as response:
            assert response.status == 502
        assert list(gateway._book.tasks) == [TASK]
        await asyncio.sleep(10)
        assert await status_of(client) == "NOT_START"
        gateway.down(10)

        with pytest.raises(aiohttp.ClientConnectionError):
            await listed(client)
        await asyncio.sleep(10)
        assert await listed(client, TASK) == [TASK]


async def test_lists_may_omit_and_repeat() -> None:
    """And tasks may be forgotten."""
    async with opened() as (gateway, client):
        gateway.task("1").after(60).success()
        gateway.task("2").after(60).success()
        gateway.omit("1", times=1)
        gateway.duplicate("2")

        assert await listed(client, "1", "2") == ["2", "2"]
        assert await listed(client, "1", "2") == ["1", "2", "2"]
        gateway.forget("2")
        gateway.duplicate("2")
        assert await listed(client, "1", "2") == ["1"]


async def test_every_request_is_logged_without_credentials() -> None:
    """When, what, which ids, and how it ended."""
    async with opened() as (gateway, client):
        gateway.task(TASK)
        began = asyncio.get_running_loop().time()
        await status_of(client)
        async with client.post(f"{LIST}?key=sk-simulated", json={"ids": [TASK, "2"]}) as response:
            await response.read()
        gateway.fault(Reset())
        with pytest.raises(aiohttp.ClientConnectionError):
            await listed(client, TASK)

    assert [(r.method, r.path, r.route, r.ids, r.status) for r in gateway.requests] == [
        ("GET", FETCH, "fetch", (TASK,), 200),
        ("POST", LIST, "list", (TASK, "2"), 200),
        ("POST", LIST, "list", (TASK,), None),
    ]
    assert began < gateway.requests[0].at < gateway.requests[1].at
    assert "sk-simulated" not in repr(gateway.requests)


async def test_a_request_takes_its_time() -> None:
    """The latency is drawn between its bounds."""
    async with SimulatedGateway(Family.NOVICEZK, latency=(2.0, 3.0)) as gateway:
        gateway.task(TASK)
        headers = {"mj-api-secret": "sk-simulated"}
        began = asyncio.get_running_loop().time()
        async with aiohttp.ClientSession(gateway.base_url, headers=headers) as client:
            await status_of(client)
        took = asyncio.get_running_loop().time() - began

    assert 2 <= took <= 3.1


async def test_a_reply_that_is_held_back_ends_with_the_gateway() -> None:
    """Also where nobody waits for it any more: its client hung up."""
    before = len(asyncio.all_tasks())
    async with opened() as (gateway, client):
        gateway.task(TASK).after(1).success()
        gateway.fault(Delay(200), times=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await status_of(client)

    assert len(asyncio.all_tasks()) == before


async def test_what_a_family_sends_without_a_content_type() -> None:
    """Left to itself, aiohttp would add one (protocol.md 3.3), and family C redirects a trailing slash."""
    async with opened(Family.TRUEAI) as (gateway, client):
        async with client.get("/mj/task/x/fetch") as response:
            assert (response.status, await response.read()) == (204, b"")
        async with client.get(FETCH, headers={"Authorization": "Bearer x"}) as response:
            assert (response.status, response.headers.get("Content-Type")) == (401, None)
    async with opened(Family.NEW_API) as (gateway, client):
        gateway.task(TASK)
        async with client.get(f"{FETCH}/", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (301, FETCH)


async def test_random_tasks_end() -> None:
    """For benchmarks: many at once, each with its own truth."""
    async with opened(Family.NEW_API) as (gateway, _):
        began = asyncio.get_running_loop().time()
        ids = [gateway.random_task(action="IMAGINE", mode="FAST") for _ in range(50)]
        ends = sorted((gateway.true_end(task_id) or 0) - began for task_id in ids)

    assert len(set(ids)) == 50
    assert 8 < ends[0] < 25 < ends[25] < 50 < ends[-1]


async def test_start_and_close_may_be_called_by_hand() -> None:
    """Twice closed is closed."""
    gateway = SimulatedGateway()
    await gateway.start(port=8080)
    await gateway.aclose()
    await gateway.aclose()

    assert gateway.base_url == "http://127.0.0.1:8080"


def test_it_serves_real_sockets_as_well() -> None:
    """A success, a reset, a cut body, and it goes on."""

    async def main() -> list[str]:
        seen = []
        async with opened() as (gateway, client):
            gateway.task(TASK).success()
            seen.append(await status_of(client))
            for fault in (Reset(), CutBody()):
                gateway.fault(fault)
                try:
                    await listed(client, TASK)
                except aiohttp.ClientError as error:
                    seen.append(type(error).__name__)
            seen.append(await status_of(client))
        return seen

    first, reset, cut, last = run_scaled(main, speed=1)

    assert (first, cut, last) == ("SUCCESS", "ClientPayloadError", "SUCCESS")
    assert reset in {"ClientOSError", "ServerDisconnectedError"}
