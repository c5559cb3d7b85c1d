"""Reading replies by id, and the verbs against the simulated gateways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import anyio
import msgspec
import pytest
from attrs import Factory, frozen

from mjwatch._policy.breaker import IN_A_ROW
from mjwatch._policy.state import State
from mjwatch._runtime.aiohttp_transport import AiohttpTransport
from mjwatch._runtime.client import GatewayClient, Looked
from mjwatch._runtime.gate import Gate
from mjwatch._runtime.reading import BREATH, Asked
from mjwatch._runtime.transport import OverCap
from mjwatch._store.memory import MemoryStore
from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Reply, Route
from mjwatch._wire.midjourney_proxy import TRUEAI, MidjourneyProxyDialect
from mjwatch.errors import (
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    TaskLost,
)
from mjwatch.gateways import Gateway
from mjwatch.observations import Garbled, Missing, Observation, Verdict
from mjwatch.settings import Limits
from mjwatch.testing.families import Family
from mjwatch.testing.gateway import SimulatedGateway
from tests.runtime.rig import FREE, MANNERS, PAGE, PlayedGateway, Rig, make_context, make_rig, row, rows


@frozen
class Recording(MidjourneyProxyDialect):
    """A dialect that remembers what it decodes."""

    decoded: list[bytes] = Factory(list)

    def decode(
        self, piece: msgspec.Raw, *, asked: str | None = None, digest: int | None = None
    ) -> Observation:
        """Decode, and remember it."""
        self.decoded.append(bytes(piece))
        return super().decode(piece, asked=asked, digest=digest)


async def looked(
    answer: Reply | Exception, *ids: str, route: Route = Route.LIST_BY_IDS, **digests: int
) -> tuple[Looked, Rig, Recording]:
    """Look for *ids* once, and get *answer*."""
    recording = Recording(TRUEAI)
    played = PlayedGateway(takes=0)
    played.script.append(answer)  # type: ignore[arg-type]  # a reply or one of its errors
    rig = make_rig(played, spoken=lambda _: recording)
    asked = Asked(ids, [digests.get(f"d{task_id}") for task_id in ids])
    return await rig.client.look(asked, route), rig, recording


def digest_of(task: object) -> int:
    """Return the digest of a raw task."""
    (digest,) = make_dialect("trueai").digests([msgspec.Raw(json.dumps(task).encode())])
    return digest


async def test_findings_are_matched_by_id() -> None:
    """A list in another order, with strays, gives each id its own task."""
    look, _, _ = await looked(rows(row("9"), row("2", 20), row("1", 11)), "1", "2")

    assert {task_id: found.task.percent for task_id, found in look.findings.items()} == {  # type: ignore[union-attr]
        "1": 11,
        "2": 20,
    }


async def test_the_most_advanced_of_two_rows_counts() -> None:
    """A list may show an id twice, one row frozen, in either order."""
    for tasks in ([row("1", 60), row("1", 20)], [row("1", 20), row("1", 60)]):
        look, _, _ = await looked(rows(*tasks), "1")
        found = look.findings["1"]

        assert isinstance(found, Observation)
        assert found.task.percent == 60


@pytest.mark.parametrize("turned", [False, True])
async def test_an_unchanged_row_does_not_hide_a_further_one(*, turned: bool) -> None:
    """Where one of two rows is the one of the last look, the other one may still be news."""
    tasks = [row("1", 20), row("1", 60)]
    look, _, _ = await looked(rows(*tasks[:: -1 if turned else 1]), "1", d1=digest_of(row("1", 20)))
    found = look.findings["1"]

    assert isinstance(found, Observation)
    assert found.task.percent == 60


async def test_a_frozen_row_beside_an_unchanged_one_is_no_news() -> None:
    """The row of the last look stays the truth while no other one is further."""
    look, _, _ = await looked(rows(row("1", 60), row("1", 20)), "1", d1=digest_of(row("1", 60)))

    assert look.findings == {}


async def test_the_loop_turns_while_rows_are_compared() -> None:
    """Two rows of each of 500 tasks, one of them known, are a thousand to decode: a third of a second in one step."""
    ids = [str(number) for number in range(500)]
    known = {f"d{task_id}": digest_of(row(task_id, 60)) for task_id in ids}
    tasks = [row(task_id, percent) for percent in (60, 20) for task_id in ids]
    decoded: list[int] = []

    async def count(recording: Recording) -> None:
        while True:
            decoded.append(len(recording.decoded))
            await asyncio.sleep(0)

    recording = Recording(TRUEAI)
    played = PlayedGateway(takes=0)
    played.script.append(rows(*tasks))
    rig = make_rig(played, spoken=lambda _: recording)
    async with anyio.create_task_group() as beside:
        beside.start_soon(count, recording)
        look = await rig.client.look(Asked(ids, list(known.values())), Route.LIST_BY_IDS)
        decoded.append(len(recording.decoded))
        beside.cancel_scope.cancel()

    assert look.findings == {}
    assert len(recording.decoded) == 1000
    assert max(later - before for before, later in pairwise(decoded)) <= BREATH


async def test_what_did_not_change_is_not_decoded() -> None:
    """An equal digest costs no decoding; an id without a digest is decoded whatever it is."""
    look, _, recording = await looked(rows(row("1"), row("2")), "1", "2", d1=digest_of(row("1")))

    assert list(look.findings) == ["2"]
    assert [msgspec.json.decode(raw)["id"] for raw in recording.decoded] == ["2"]


async def test_an_absent_id_is_missing() -> None:
    """An absence from a list counts less than a single lookup."""
    many, _, _ = await looked(rows(row("1")), "1", "2")
    alone, _, _ = await looked(Reply(204, b""), "2", route=Route.FETCH)

    assert many.findings["2"] == Missing(single=False)
    assert alone.findings["2"] == Missing(single=True)


async def test_a_garbled_task_harms_only_itself() -> None:
    """A raw task that names its id is garbled; the others of the list are read, and an absence stays one."""
    look, _, _ = await looked(rows({"id": "1", "status": {"x": 1}, "progress": []}, row("2")), "1", "2", "3")

    assert isinstance(look.findings["2"], Observation)
    assert look.findings["3"] == Missing(single=False)


async def test_a_nameless_garble_makes_absences_prove_nothing() -> None:
    """It may be any of the absent ones."""
    look, _, _ = await looked(rows({"status": None}, row("2")), "1", "2")

    assert look.findings["1"] == Garbled()
    assert isinstance(look.findings["2"], Observation)


async def test_a_rejected_id_is_not_missing() -> None:
    """The gateway rejects this very request, but does not say that it knows no such id: nothing is lost by that."""
    look, _, _ = await looked(Reply(400, b'{"description":"bad id"}'), "1", route=Route.FETCH)

    assert look.findings == {"1": Garbled()}
    assert look.exchange.error is None


async def test_a_list_that_rejects_even_one_id_is_a_fault() -> None:
    """It is no matter of the task, nor of the size of the batch."""
    look, _, _ = await looked(Reply(400, b'{"description":"bad id"}'), "1", route=Route.LIST_BY_IDS)

    assert look.findings == {}
    assert isinstance(look.exchange.error, GatewayBroken)


@pytest.mark.parametrize(
    ("answer", "route", "kind", "says"),
    [
        (Reply(401, b""), Route.LIST_BY_IDS, GatewayDenied, "check the token"),
        (Reply(302, b""), Route.LIST_BY_IDS, GatewayRefused, "check base_url"),
        (Reply(404, b""), Route.FETCH, GatewayRefused, "check base_url"),
        (PAGE, Route.FETCH, GatewayRefused, "check base_url"),
        (Reply(502, b""), Route.LIST_BY_IDS, GatewayBroken, "an error of its own"),
        (Reply(200, b"[{"), Route.LIST_BY_IDS, GatewayBroken, "cut or malformed"),
        (Reply(429, b"", "7"), Route.LIST_BY_IDS, GatewayBusy, "asks for patience"),
        (Reply(413, b""), Route.LIST_BY_IDS, GatewayBroken, "error of its own"),
        (OverCap(), Route.LIST_BY_IDS, GatewayBroken, "cap"),
        (OverCap(), Route.FETCH, GatewayBroken, "cap"),
        (GatewayUnreachable("gone", gateway="sim"), Route.FETCH, GatewayUnreachable, "gone"),
        (GatewayDenied("no key", gateway="sim"), Route.FETCH, GatewayDenied, "no key"),
        (GatewayRefused("tls", gateway="sim"), Route.FETCH, GatewayRefused, "tls"),
        (GatewayBroken("cut", gateway="sim"), Route.FETCH, GatewayBroken, "cut"),
    ],
)
async def test_a_fault_says_whose_it_is_and_what_to_do(
    answer: Reply | Exception, route: Route, kind: type[GatewayError], says: str
) -> None:
    """Each verdict has its error, and no id a finding."""
    look, _, _ = await looked(answer, "1", route=route)
    error = look.exchange.error

    assert type(error) is kind
    assert says in str(error)
    assert str(error).startswith("sim: ")
    assert look.findings == {}


async def test_patience_is_passed_on() -> None:
    """The seconds a gateway asks for stand in the error, and what it said."""
    busy = b'{"code": 30, "description": "busy"}'
    look, _, _ = await looked(Reply(429, busy, "7"), "1")

    assert isinstance(look.exchange.error, GatewayBusy)
    assert (look.exchange.error.retry_after, look.exchange.error.message.endswith("(it said: busy)")) == (
        7,
        True,
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(PAGE, Verdict.UNSUPPORTED), (Reply(413, b""), Verdict.TOO_BIG), (OverCap(), Verdict.TOO_BIG)],
)
async def test_what_another_way_may_mend_is_no_fault(answer: Reply | Exception, verdict: Verdict) -> None:
    """Readers are told nothing while there is another route, or a smaller batch."""
    look, _, _ = await looked(answer, "1", "2")

    assert (look.exchange.verdict, look.exchange.error, look.findings) == (verdict, None, {})


@asynccontextmanager
async def opened(family: Family) -> AsyncIterator[tuple[SimulatedGateway, GatewayClient, Gate]]:
    """Serve a gateway of *family* and open a client of it."""
    dialect_name, auth = MANNERS[family]
    async with SimulatedGateway(family, refresh=0.5) as simulated:
        gateway = Gateway(name="sim", base_url=simulated.base_url, credential="sk-simulated", auth=auth)
        context = make_context()
        store: MemoryStore[State] = MemoryStore(clock=context.clock)
        gate = Gate(context, store, lambda: None)
        transport = AiohttpTransport(gateway, context.clock)
        try:
            yield simulated, GatewayClient(context, make_dialect(dialect_name), transport, gate), gate
        finally:
            await transport.aclose()


@pytest.mark.parametrize("family", list(Family))
async def test_a_task_is_fetched(family: Family) -> None:
    """Every family answers the single lookup; an unknown id is lost there."""
    async with opened(family) as (simulated, client, _):
        simulated.task("17").after(1).progress(31)
        await asyncio.sleep(5)
        task = await client.fetch("17")
        with pytest.raises(TaskLost, match="does not know"):
            await client.fetch("18")

    assert task.id == "17"


@pytest.mark.parametrize("family", list(Family))
async def test_tasks_are_listed_in_the_order_asked_for(family: Family) -> None:
    """Unknown ids are left out."""
    async with opened(family) as (simulated, client, _):
        for task_id in ("1", "2", "3"):
            simulated.task(task_id)
        tasks = await client.list(["3", "9", "1"])

    assert [task.id for task in tasks] == ["3", "1"]


async def test_a_long_list_is_asked_for_in_batches() -> None:
    """At most so many ids stand in one request as the dialect and `Limits` allow."""
    played = PlayedGateway(takes=0)
    rig = make_rig(played, limits=Limits(rate=None, batch=200))
    ids = [f"t{number}" for number in range(450)]
    for task_id in ids:
        played.show(task_id)
    tasks = await rig.client.list(ids)

    assert [task.id for task in tasks] == ids
    assert [len(some) for some in played.asked] == [200, 200, 50]


async def test_a_bad_id_in_a_list_sends_nothing() -> None:
    """All ids are checked before the first request."""
    played = PlayedGateway(takes=0)
    rig = make_rig(played, limits=FREE)
    with pytest.raises(ValueError, match="not a task id"):
        await rig.client.list([*(f"t{number}" for number in range(600)), "../x"])

    assert played.sent == []


async def test_a_list_without_its_route_is_refused() -> None:
    """`list` says that the gateway has no such route."""
    rig = make_rig(PlayedGateway(takes=0, always={"list-by-ids": PAGE}), limits=FREE)
    with pytest.raises(GatewayRefused, match="no such route"):
        await rig.client.list(["1", "2"])


async def test_a_garbled_task_is_not_lost() -> None:
    """`fetch` calls a task lost only where the gateway does not know it."""
    played = PlayedGateway(takes=0)
    played.script.append(Reply(200, b'{"id": {"x": 1}, "status": "SUCCESS"}'))
    rig = make_rig(played)
    with pytest.raises(GatewayBroken, match="cannot be read"):
        await rig.client.fetch("1")


async def test_a_seed_and_a_cancel_pass_through() -> None:
    """Family B knows both verbs."""
    async with opened(Family.TRUEAI) as (simulated, client, _):
        simulated.task("1").after(1).success()
        simulated.task("2").after(1).progress(31)
        await asyncio.sleep(5)
        seed = await client.image_seed("1")
        await client.cancel("2")
        await asyncio.sleep(5)
        task = await client.fetch("2")

    assert seed.isdigit()
    assert task.status.is_final


async def test_a_picture_comes_through_the_proxy() -> None:
    """Family C has an image proxy, which says so where there is no picture."""
    async with opened(Family.NEW_API) as (simulated, client, _):
        simulated.task("1").after(1).success()
        await asyncio.sleep(20)
        picture = await client.image("1")
        with pytest.raises(GatewayRefused, match="does not know this task"):
            await client.image("2")

    assert picture.startswith(b"\x89PNG")


async def test_a_verb_that_a_gateway_lacks_is_refused() -> None:
    """The message says that there is no such route, not that the address is wrong."""
    async with opened(Family.NOVICEZK) as (simulated, client, _):
        simulated.task("1")
        for call in (client.image_seed, client.cancel, client.image):
            with pytest.raises(GatewayRefused, match="no such route"):
                await call("1")


VERBS: list[Callable[[GatewayClient], Awaitable[object]]] = [
    lambda client: client.fetch("1"),
    lambda client: client.list(["1"]),
    lambda client: client.image_seed("1"),
    lambda client: client.cancel("1"),
    lambda client: client.image("1"),
]


@pytest.mark.parametrize("call", VERBS)
async def test_every_verb_waits_for_the_gate(call: Callable[[GatewayClient], Awaitable[object]]) -> None:
    """The budget holds for every request of the gateway."""
    played = PlayedGateway(takes=0)
    rig = make_rig(played, limits=Limits(rate=1.0, per_minute=60, burst=1))
    await rig.client.list(["9"])
    begun = rig.now()
    with suppress(GatewayError, TaskLost):
        await call(rig.client)

    assert rig.now() - begun == pytest.approx(1.0, abs=0.01)
    assert (len(played.sent), rig.client.requests) == (2, 2)


@pytest.mark.parametrize("call", VERBS)
async def test_every_verb_fails_at_once_while_the_gateway_is_left_alone(
    call: Callable[[GatewayClient], Awaitable[object]],
) -> None:
    """Whoever asks for now gets no answer later."""
    played = PlayedGateway(takes=0)
    played.script.extend([GatewayUnreachable("gone", gateway="sim")] * IN_A_ROW)
    rig = make_rig(played)
    errors = []
    for ask in [VERBS[0]] * IN_A_ROW + [call]:
        with pytest.raises(GatewayUnreachable, match="gone") as caught:
            await ask(rig.client)
        errors.append(caught.value)

    assert len(played.sent) == IN_A_ROW
    assert errors[-1] is not errors[-2]


@pytest.mark.parametrize("call", VERBS[2:])
async def test_a_verb_that_gets_no_answer_holds_nobody_else(
    call: Callable[[GatewayClient], Awaitable[object]],
) -> None:
    """A seed may take a minute and fail: that says nothing about looks."""
    played = PlayedGateway(takes=0)
    played.script.append(GatewayUnreachable("gone", gateway="sim"))
    rig = make_rig(played)
    with pytest.raises(GatewayUnreachable, match="gone"):
        await call(rig.client)

    assert rig.gate.health.failures == 0


async def test_a_bad_id_sends_nothing() -> None:
    """Ids come from chat users: they are checked before they stand in a path."""
    rig = make_rig(PlayedGateway())
    for verb in (rig.client.image_seed, rig.client.cancel, rig.client.image, rig.client.fetch):
        with pytest.raises(ValueError, match="not a task id"):
            await verb("../x")

    assert rig.played.sent == []


async def test_a_reply_over_its_cap_is_broken_for_any_verb() -> None:
    """It was not read to its end, and counts as a request."""
    played = PlayedGateway(takes=0)
    played.script.append(OverCap())
    rig = make_rig(played)
    with pytest.raises(GatewayBroken, match="cap"):
        await rig.client.image("1")

    assert rig.client.requests == 1


@pytest.mark.parametrize("call", VERBS[2:])
async def test_patience_asked_of_any_verb_holds_the_gateway(
    call: Callable[[GatewayClient], Awaitable[object]],
) -> None:
    """429 with Retry-After holds all requests of the gateway."""
    played = PlayedGateway(takes=0)
    played.script.append(Reply(429, b"", "30"))
    rig = make_rig(played)
    with pytest.raises(GatewayBusy):
        await call(rig.client)
    with pytest.raises(GatewayBusy):
        await rig.client.fetch("1")

    assert len(played.sent) == 1
