"""The table of dialects."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Route
from mjwatch.gateways import DialectName

CONDITION = (Route.LIST_BY_CONDITION, Route.FETCH)


@pytest.mark.parametrize(
    ("name", "routes", "max_batch", "refresh"),
    [
        ("midjourney-proxy", CONDITION, 500, None),
        ("trueai", (Route.LIST_BY_IDS, *CONDITION), 500, None),
        ("new-api", CONDITION, 500, 15.0),
        ("enveloped", (Route.FETCH,), 1, None),
    ],
)
def test_each_name_has_its_routes(
    name: DialectName, routes: tuple[Route, ...], max_batch: int, refresh: float | None
) -> None:
    """What a family can be asked is what its source has."""
    dialect = make_dialect(name)

    assert (routes, max_batch, refresh) == (dialect.routes, dialect.max_batch, dialect.refresh)


@pytest.mark.parametrize("name", get_args(DialectName))
def test_each_name_replaces_hosts(name: DialectName) -> None:
    """`rewrite_host` reaches the addresses, whatever the case it was written in."""
    dialect = make_dialect(name, {"CDN.mj": "cdn.example.net"})

    task = dialect.decode(msgspec.Raw(b'{"id":"1","imageUrl":"https://cdn.mj/a.png"}')).task

    assert task.image_url == "https://cdn.example.net/a.png"


@pytest.mark.parametrize("name", get_args(DialectName))
def test_each_dialect_asks_for_one_task_alike(name: DialectName) -> None:
    """Fetch, seed, cancel and image have one spelling in all families."""
    dialect = make_dialect(name)
    requests = (dialect.fetch("1"), dialect.image_seed("1"), dialect.cancel("1"), dialect.image("1"))

    assert [request.path for request in requests] == [
        "/mj/task/1/fetch",
        "/mj/task/1/image-seed",
        "/mj/task/1/cancel",
        "/mj/image/1",
    ]
