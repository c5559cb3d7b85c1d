"""`mjwatch sim`: what it starts and what it tells."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from mjwatch.cli.sim import TOKEN, announce, start_tasks
from mjwatch.testing import Family, SimulatedGateway


@pytest.mark.parametrize(
    ("family", "option", "path"),
    [
        (Family.NEW_API, "--dialect new-api", ""),
        (Family.TRUEAI, "--dialect trueai", ""),
        (Family.ENVELOPED, "--dialect enveloped", "/api"),
    ],
)
async def test_it_tells_how_to_watch(
    family: Family, option: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base URL, the token, the ids, and a command that fits the family."""
    async with SimulatedGateway(family, token=TOKEN) as gateway:
        ids = start_tasks(gateway, 7, seed=3)
        announce(gateway, ids)
        said, base_url = capsys.readouterr().out, gateway.base_url

    assert len(set(ids)) == 7
    assert urlsplit(base_url).path == path
    assert f"base URL  {base_url}\n" in said
    assert f"MJWATCH_TOKEN={TOKEN} mjwatch watch {ids[0]} {ids[1]} --gateway {base_url} {option}\n" in said
    assert "7 in all" in said


async def test_it_may_start_without_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    """Then there is nothing to try yet."""
    async with SimulatedGateway(token=TOKEN) as gateway:
        announce(gateway, start_tasks(gateway, 0, seed=3))

    assert "try, in" not in capsys.readouterr().out
