"""The README tells the truth: its programs run, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import mjwatch
from mjwatch import gateways
from mjwatch.gateways import DialectName
from mjwatch.testing import SimulatedGateway, simulate

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run_blocks() -> dict[str, object]:
    """Run every Python block of the README, in order, in one module."""
    names: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"README block {number}", "exec"), names)  # noqa: S102 - that is the point
    return names


def test_the_readme_programs_run_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever copies the blocks gets the picture."""
    run_blocks()

    assert "done" in capsys.readouterr().out


def test_the_readme_functions_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The functions that the README only defines do what they say."""
    names = run_blocks()
    picture, more = names["picture"], names["more"]
    assert callable(picture)
    assert callable(more)

    async def main() -> tuple[object, ...]:
        async with SimulatedGateway() as simulated:
            simulated.task("1").after(2).submitted().after(20).success()
            simulated.task("2").after(2).submitted().after(20).failure("可能包含敏感词")
            gateway = gateways.new_api(simulated.base_url, simulated.token)
            async with mjwatch.Watcher(gateway) as watcher:
                url = await picture(watcher, "1")
                nothing = await picture(watcher, "2")
                await more(watcher, ["1", "2"])
                return url, nothing

    url, nothing = simulate(main)

    assert isinstance(url, str)
    assert nothing is None
    assert "refund 2" in capsys.readouterr().out


def test_the_event_table_is_complete() -> None:
    """Every event of the union has a row, with its own fields."""
    for event in (*get_args(mjwatch.TaskEvent), *get_args(mjwatch.GatewayEvent)):
        assert re.search(rf"^\| `{event.__name__}` \|", README, re.MULTILINE), event.__name__


def test_every_preset_has_a_row() -> None:
    """Every preset of `mjwatch.gateways` is in the table, and every dialect is reachable by one."""
    presets = [name for name in vars(gateways) if re.search(rf"`gateways\.{name}\(", README)]

    assert sorted(presets) == [
        "geeknow",
        "midjourney_proxy",
        "mjdjourney",
        "new_api",
        "quickrouter",
        "trueai",
    ]
    assert len(get_args(DialectName)) == 4
