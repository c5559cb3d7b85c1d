"""A simulated gateway without its sockets."""

from __future__ import annotations

import asyncio
import json

from mjwatch.testing import Answer, CutBody, Family, Reset, SimulatedGateway

TASK = "1712158011464906"
HEADERS = {"mj-api-secret": "sk-simulated"}


async def shown(gateway: SimulatedGateway) -> str:
    """Return the status of the task, as one fetch shows it."""
    served = await gateway.service.serve("GET", f"/mj/task/{TASK}/fetch", HEADERS, b"")
    return str(json.loads(served.reply.body)["status"])


async def test_a_request_is_answered_without_a_socket() -> None:
    """It takes its latency, shows the task, and is logged."""
    gateway = SimulatedGateway(Family.NOVICEZK, latency=(0.5, 0.5))
    gateway.task(TASK).after(2).submitted()
    began_at = asyncio.get_running_loop().time()

    assert await shown(gateway) == "NOT_START"

    assert asyncio.get_running_loop().time() == began_at + 0.5
    assert [(request.route, request.ids, request.status) for request in gateway.requests] == [
        ("fetch", (TASK,), 200)
    ]


async def test_a_fault_stands_beside_the_reply() -> None:
    """An answer comes with its headers; what happens to the connection is the caller's to carry out."""
    gateway = SimulatedGateway(Family.NOVICEZK)
    gateway.task(TASK).forever()
    gateway.fault(Answer(429, b"", {"Retry-After": "7"}))
    gateway.fault(CutBody(0.25))
    gateway.fault(Reset())

    served = [await gateway.service.serve("GET", f"/mj/task/{TASK}/fetch", HEADERS, b"") for _ in range(4)]

    assert (served[0].reply.status, served[0].headers) == (429, {"Retry-After": "7"})
    assert [one.fault for one in served] == [None, CutBody(0.25), Reset(), None]
    assert [request.status for request in gateway.requests] == [429, 200, None, 200]


async def test_a_lagging_replica_shows_the_past() -> None:
    """Each look goes to one of the replicas, so what is shown may go back by its lag."""
    gateway = SimulatedGateway(Family.NOVICEZK, replicas=(0.0, 10.0))
    gateway.task(TASK).after(20).submitted()
    await asyncio.sleep(25)

    seen = {await shown(gateway) for _ in range(30)}
    await asyncio.sleep(6)

    assert seen == {"NOT_START", "SUBMITTED"}
    assert {await shown(gateway) for _ in range(30)} == {"SUBMITTED"}
