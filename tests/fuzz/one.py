"""One target in a process of its own: by atheris, which never returns, or by plain mutation where it is not installed."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from pathlib import Path
from random import Random

SPECIAL = [
    b"\0",
    b"\xff",
    b"{",
    b"}",
    b"[",
    b'"',
    b"\\u",
    b"\r\n",
    b"1e400",
    b"null",
    b"-1",
    b"9" * 25,
    b"SUCCESS",
    b"\xed\xa0\x80",
]


def main() -> None:
    """Fuzz; a finding ends the process with an error and leaves its input in the folder *found*."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    if given.plain or importlib.util.find_spec("atheris") is None:
        by_mutation(given.target, given.seconds, given.corpus, given.found)
    else:
        by_atheris(given.target, given.seconds, given.corpus, given.found)


def by_atheris(target: str, seconds: int, corpus: Path, found: Path) -> None:
    """Let coverage guide it."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["mjwatch", "aiohttp"]):
        from tests.fuzz.targets import bounded  # noqa: PLC0415 - instrumented as it is imported
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/{target}-",
        "-max_len=16384",
        "-timeout=20",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], bounded(target))
    atheris.Fuzz()


def by_mutation(target: str, seconds: int, corpus: Path, found: Path) -> None:
    """Change the seeds here and there, without knowing what that reaches."""
    from tests.fuzz.targets import bounded  # noqa: PLC0415 - as above

    rng, run = Random(time.monotonic_ns()), bounded(target)
    inputs = [path.read_bytes() for path in sorted(corpus.iterdir())]
    runs, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(rng, inputs)
        runs += 1
        try:
            run(data)
        except BaseException:
            (found / f"{target}-crash-{runs}").write_bytes(data)
            raise
    print(f"Done {runs} runs in {seconds} second(s); corp: {len(inputs)}", file=sys.stderr)  # noqa: T201 - a command


def mutated(rng: Random, inputs: list[bytes]) -> bytes:
    """Return one of *inputs* with a few changes."""
    data = bytearray(rng.choice(inputs))
    for _ in range(rng.randint(1, 8)):
        at, much = rng.randint(0, len(data)), rng.choice((1, 1, 4, 40))
        match rng.randrange(5):
            case 0:
                del data[at : at + much]
            case 1:
                data[at:at] = rng.choice(SPECIAL) * much
            case 2:
                data[at : at + much] = rng.randbytes(much)
            case 3:
                data[at:at] = data[at : at + 8 * much] * 2
            case _:
                other = rng.choice(inputs)
                data[at:] = other[rng.randint(0, len(other)) :]
    return bytes(data[:16_384])


if __name__ == "__main__":
    main()
