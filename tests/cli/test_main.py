"""The entry point: what is missing, what is imported, what is refused, and the demo as a user runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

from mjwatch.cli import main

MJWATCH = [sys.executable, "-m", "mjwatch"]
IMPORTED = "import sys; from mjwatch.cli import main; main(sys.argv[1:]); print(sorted(sys.modules))"


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_the_extra(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to get it, and nothing else."""
    for name in list(sys.modules):
        if name.partition(".")[0] == missing or name.startswith("mjwatch.cli."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    code = main(["demo"])

    assert code == 2
    assert capsys.readouterr().err == (
        "mjwatch: the command line needs its extra: pip install 'mjwatch[cli]'\n"
    )


@pytest.mark.parametrize("argv", [["--help"], ["watch", "--help"], ["demo", "--help"], ["--version"]])
def test_help_is_cheap(argv: list[str]) -> None:
    """It imports neither aiohttp nor structlog."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", IMPORTED, *argv], capture_output=True, text=True, timeout=50, check=True
    )

    assert "'cyclopts'" in done.stdout
    assert "'aiohttp'" not in done.stdout
    assert "'structlog'" not in done.stdout


@pytest.mark.parametrize(
    "argv",
    [
        ["--nonsense"],
        ["nonsense"],
        ["sim", "--family", "x"],
        ["sim", "--speed", "0"],
        ["sim", "--port", "70000"],
    ],
)
def test_a_mistyped_call(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a reason."""
    assert main(argv) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--token", "sk-geheim"], ["--token=sk-geheim"]])
def test_a_token_on_the_command_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused, and not repeated."""
    code = main(["watch", "1", "--gateway", "geeknow", *argv])
    said = capsys.readouterr()

    assert (code, said.out) == (2, "")
    assert "MJWATCH_TOKEN" in said.err
    assert "geheim" not in said.err


def demo() -> tuple[subprocess.CompletedProcess[str], float]:
    """Run the demo as a user does, and return what came of it and how long it took."""
    began_at = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [*MJWATCH, "demo"], capture_output=True, text=True, timeout=60, check=False
    )
    return done, time.monotonic() - began_at


@pytest.mark.timeout(150)
def test_the_demo() -> None:
    """It ends by itself in under 15 s with plain lines, exit code 0, and what both sides needed."""
    done, took = demo()
    if took >= 15:  # it runs on real time: a machine that is busy with something else gets a second try
        done, took = demo()
    ours, plain = re.findall(r"^  (?:mjwatch|a plain loop).* (\d+) +\d+\.\d s$", done.stdout, re.MULTILINE)

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert took < 15
    assert 0 < int(ours) < int(plain)
    for word in (
        "the gateway waits for your input",
        "11 succeeded, 1 failed, 1 cancelled",
        "virtual seconds",
    ):
        assert word in done.stdout


@pytest.mark.timeout(60)
def test_the_demo_interrupted() -> None:
    """Ctrl-C ends it with exit code 130 and no traceback."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [*MJWATCH, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that was put into the background has its children ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as demo:
        assert demo.stdout is not None
        demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        _, complaint = demo.communicate(timeout=50)

    assert (demo.returncode, complaint) == (130, "")


def test_a_reader_that_has_gone() -> None:
    """`mjwatch ... | head -1` ends quietly."""
    command = f"{sys.executable} -m mjwatch demo | head -1 > /dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-c", command], capture_output=True, text=True, timeout=50, check=False
    )

    assert (done.returncode, done.stderr) == (141, "")
