"""The examples do what they say, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

import mjwatch
from examples import hooks, wait_for_result, watch_many, watch_one
from mjwatch.testing import Family, SimulatedGateway

EXAMPLES = sorted(Path(watch_one.__file__).parent.glob("[!_]*.py"))


def at(simulated: SimulatedGateway) -> mjwatch.Gateway:
    """Return the gateway as a program would name it."""
    return mjwatch.gateways.trueai(simulated.base_url, "sk-simulated")


async def test_watch_one(capsys: pytest.CaptureFixture[str]) -> None:
    """It tells the whole life of a task."""
    async with SimulatedGateway(Family.TRUEAI) as simulated:
        simulated.task("1").after(2).submitted().after(9).progress(31).after(9).modal().success()
        simulated.task("2").failure("banned prompt")
        async with mjwatch.Watcher(at(simulated)) as watcher:

            @watcher.on(mjwatch.InputRequired)
            async def answer(event: mjwatch.InputRequired) -> None:
                simulated.answer(event.task_id)

            await watcher.add("1")
            await watch_one.main(at(simulated), "1")
        await watch_one.main(at(simulated), "2")
    said = capsys.readouterr().out.splitlines()

    assert "31 %" in said
    assert "buttons: U1 U2 U3 U4 🔄 V1 V2 V3 V4" in said
    assert said[-2].startswith("done: http://127.0.0.1")
    assert said[-1] == "failed: The prompt contains words that are not allowed."


async def test_watch_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Many tasks, few requests."""
    async with SimulatedGateway(Family.TRUEAI, seed=1) as simulated:
        ids = [simulated.random_task() for _ in range(30)]
        simulated.task("0").failure("quota")
        await watch_many.main(at(simulated), *ids, "0", "unknown")
        asked = len(simulated.requests)
    said = capsys.readouterr().out

    assert said.count(" done: http") == 30
    assert "0  failed: quota" in said
    assert "unknown  not watched any more: " in said
    assert said.splitlines()[-1].endswith(f"looks in {asked} requests")


async def test_hooks(capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody is told what became of their own."""
    async with SimulatedGateway(Family.TRUEAI) as simulated:
        simulated.task("1").after(9).success()
        simulated.task("2").after(9).failure("quota")
        await hooks.main(at(simulated), "1", "2", "3")
    said = capsys.readouterr().out

    assert "to user 0: 9 buttons\n" in said
    assert "to user 0: here is your picture: http" in said
    assert "to user 1: The quota is used up.\n" in said
    assert "to user 2: we lost sight of it" in said


async def test_wait_for_result(capsys: pytest.CaptureFixture[str]) -> None:
    """A picture, or an exception that says what to do."""
    async with SimulatedGateway(Family.TRUEAI) as simulated:
        simulated.task("1").after(9).success()
        simulated.task("2").after(9).failure("queue full")
        simulated.task("4").forever()
        for task_id in ("1", "2", "3", "4"):
            await wait_for_result.main(at(simulated), task_id)
    said = capsys.readouterr().out.splitlines()

    assert said[0].startswith("http://127.0.0.1")
    assert said[1] == "The queue is full. Please try again in a moment. Try again: True"
    assert said[2].endswith("ask the operator, it may have been paid for")
    assert said[3].endswith("wait for it again, do not refund")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_to_run_it(path: Path) -> None:
    """Under 60 lines, and the command stands on top."""
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) < 60
    assert f"python -m examples.{path.stem}" in text[:400]
