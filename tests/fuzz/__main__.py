"""`python -m tests.fuzz --seconds 60`: every target for so long, and what came of it.

With atheris (`uv sync --group fuzz`) coverage guides the search, else plain mutation does. A finding is an input that
raises, takes more than 50 ms of this thread's time or grows the process by 64 MiB; it is written to the folder given by
`--found`. Keep it in `tests/fuzz/crashes/`, where `test_crashes.py` runs it from then on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import seeds

PREFIX = {
    "replies": (b"\0\0", b"\1\0", b"\2\0", b"\4\0", b"\7\0"),
    "streams": (b"\xff\xff\xff\xff", b"\0\7\x1f\2"),
}


def main() -> None:
    """Run the targets one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=sorted(PREFIX), action="append")
    parser.add_argument("--found", type=Path, default=Path("fuzz-findings"))
    parser.add_argument(
        "--plain", action="store_true", help="plain mutation, also where atheris is installed"
    )
    given = parser.parse_args()
    given.found.mkdir(exist_ok=True)
    sound = [
        fuzz(one, given.seconds, given.found, plain=given.plain) for one in given.target or sorted(PREFIX)
    ]
    sys.exit(0 if all(sound) else 1)


def fuzz(target: str, seconds: int, found: Path, *, plain: bool) -> bool:
    """Fuzz *target*, print its figures, and return True where nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder)
        begun_with = plant(target, corpus)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz.one",
            target,
            f"--seconds={seconds}",
            f"--corpus={corpus}",
        ]
        command += [f"--found={found}", *(["--plain"] if plain else [])]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - our own
        kept = len(list(corpus.iterdir()))
    runs = re.findall(r"Done (\d+) runs", done.stderr) or re.findall(r"^#(\d+)", done.stderr, re.MULTILINE)
    edges = re.findall(r"cov: (\d+)", done.stderr)
    is_sound = done.returncode == 0
    print(  # noqa: T201 - a command
        f"{target}: {runs[-1] if runs else 0} executions in {seconds} s, "
        f"edges {edges[-1] if edges else 'not measured'}, "
        f"corpus {begun_with} -> {kept}, {'nothing found' if is_sound else 'FOUND:'}"
    )
    if not is_sound:
        print(done.stderr[-4000:])  # noqa: T201
    return is_sound


def plant(target: str, corpus: Path) -> int:
    """Write the seeds of *target*, each with the first bytes that choose how it is used; return how many."""
    inputs = seeds.bodies() if target == "replies" else seeds.streams()
    for number, one in enumerate(inputs):
        prefix = PREFIX[target][number % len(PREFIX[target])]
        (corpus / f"seed-{number:04}").write_bytes(prefix + one)
    return len(inputs)


if __name__ == "__main__":
    main()
