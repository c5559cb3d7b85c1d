"""What fuzzing found once is found never again, and the targets accept what they begin with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import seeds
from tests.fuzz.__main__ import PREFIX
from tests.fuzz.targets import TARGETS

CRASHES = sorted((Path(__file__).parent / "crashes").glob("*-*"))


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_a_crash_stays_mended(path: Path) -> None:
    """Its target, the first word of its name, takes it: accepted, or one of the documented exceptions."""
    TARGETS[path.name.partition("-")[0]](path.read_bytes())


@pytest.mark.parametrize("prefix", PREFIX["replies"])
def test_every_seed_of_a_reply_is_taken(prefix: bytes) -> None:
    """Real replies and the hostile corpus, in each family."""
    for body in seeds.bodies():
        TARGETS["replies"](prefix + body)


def test_seeds_of_a_stream_are_taken() -> None:
    """A share of them, cut in the middle of everything."""
    for number, stream in enumerate(seeds.streams()[::8]):
        TARGETS["streams"](bytes([number % 251, 2, 60, 7]) + stream)


def test_the_parser_in_python_is_no_weaker() -> None:
    """There are two in aiohttp, which takes this one where its wheel does not fit: all of the above once more."""
    if "AIOHTTP_NO_EXTENSIONS" in os.environ:
        pytest.skip("this is it")
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "pytest", "-q", "-n", "0", __file__],
        env={**os.environ, "AIOHTTP_NO_EXTENSIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 0, done.stdout
