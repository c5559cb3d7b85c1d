"""Promises of `ScaledLoop`. These tests, and no others, wait in real time."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import anyio
import pytest
from aiohttp import web

from mjwatch.testing.scaledloop import ScaledLoop, run_scaled


def test_time_runs_faster() -> None:
    """Twenty seconds at twentyfold speed take about one."""

    async def main() -> float:
        started_at = asyncio.get_running_loop().time()
        await asyncio.sleep(10)
        with anyio.move_on_after(10):
            await anyio.sleep_forever()
        return asyncio.get_running_loop().time() - started_at

    started_at = time.perf_counter()
    slept = run_scaled(main, speed=20)

    assert 20 <= slept < 100
    assert 0.9 < time.perf_counter() - started_at < 5


def test_real_sockets() -> None:
    """The client and the server of aiohttp talk over the loopback, and its timeouts are scaled."""

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query["seconds"]))
        return web.Response(text="done")

    async def main() -> str:
        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:
                async with session.get("/", params={"seconds": 6}) as response:
                    text = await response.text()
                with pytest.raises(TimeoutError):
                    await session.get("/", params={"seconds": 600}, timeout=aiohttp.ClientTimeout(total=6))
                return text
        finally:
            await runner.cleanup()

    started_at = time.perf_counter()
    text = run_scaled(main, speed=20)

    assert text == "done"
    assert 0.5 < time.perf_counter() - started_at < 5


def test_speed_is_positive() -> None:
    """Time does not stand still or run back."""
    with pytest.raises(ValueError, match="positive"):
        ScaledLoop(0)
