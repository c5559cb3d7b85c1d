"""The benchmarks run; what they measure is nobody's business here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(120)
def test_the_ring_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Five ways on two clocks, as a table and as JSON."""
    path = tmp_path_factory.mktemp("ring") / "ring.json"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "benchmarks.ring", "--smoke", "--json", str(path)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=Path(__file__).parent.parent,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "plain batch loop" in done.stdout

    rows = json.loads(path.read_text(encoding="utf-8"))

    assert len(rows) == 10
    assert all(row["looks"] > 0 and row["requests"] > 0 and row["events"] > 0 for row in rows)
