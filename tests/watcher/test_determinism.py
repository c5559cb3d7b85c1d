"""The same seed is the same run, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("deterministic_run.py")
ROOT = RUN.parents[2]


def test_a_whole_run_is_the_same_in_every_process() -> None:
    """Two processes with different hash seeds: every byte and every event at the same virtual instant."""
    runs = [
        subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, str(RUN)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    digests = [run.communicate(timeout=50)[0].strip() for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 32
