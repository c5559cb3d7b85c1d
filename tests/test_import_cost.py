"""Importing mjwatch is cheap: what is heavy comes when a watcher starts."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

HEAVY = ["aiohttp", "structlog", "rich", "cyclopts", "pytest", "hypothesis"]

FACE = [
    "import mjwatch",
    "import mjwatch; mjwatch.Progress",
    "import mjwatch; mjwatch.gateways.geeknow('token')",
    "import mjwatch; mjwatch.GatewayError; mjwatch.from_json",
    "import mjwatch; mjwatch.Watcher",
    "import mjwatch; mjwatch.Watcher(mjwatch.gateways.geeknow('token'))",
    "from mjwatch import *",
    "import mjwatch.testing",
]


def heavy_after(code: str) -> set[str]:
    """Run *code* in a fresh interpreter; return which heavy packages it brought."""
    script = f"import sys\n{textwrap.dedent(code)}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", FACE)
def test_the_face_brings_nothing_heavy(code: str) -> None:
    """Neither HTTP nor logging nor a terminal is imported by naming things, nor by building a watcher."""
    assert heavy_after(code) == set()


def test_a_watcher_brings_aiohttp_when_it_starts() -> None:
    """Only a started watcher needs the HTTP client and the log; the terminal never."""
    code = """
    import asyncio, mjwatch

    async def main():
        watcher = mjwatch.Watcher(mjwatch.gateways.new_api("http://127.0.0.1:9", "token"))
        assert "aiohttp" not in sys.modules
        async with watcher:
            assert "aiohttp" in sys.modules

    asyncio.run(main())
    """

    brought = heavy_after(code)

    assert {"aiohttp", "structlog"} <= brought
    assert not {"cyclopts", "pytest", "hypothesis"} & brought


def test_importing_starts_nothing() -> None:
    """An import opens no socket, starts no thread and says nothing."""
    code = """
    import sys, threading
    seen = []
    sys.addaudithook(lambda event, _args: seen.append(event) if event.startswith(("socket.", "subprocess.")) else None)
    from mjwatch import *
    assert not seen, seen
    assert threading.active_count() == 1
    """

    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout == done.stderr == ""
