"""What `import mjwatch` takes: CPU time of fresh interpreters, interleaved, beside a bare `import asyncio`.

With compiled bytecode and rich installed, which structlog would bring. Neither line may bring aiohttp or structlog.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final

from benchmarks.floors.children import ROOT
from benchmarks.floors.plan import Plan
from benchmarks.floors.rows import Bar, Row, compared

_BARE: Final = "import asyncio"
_LINES: Final = ("import mjwatch", "from mjwatch import Watcher, Success")
_HEAVY: Final = ("aiohttp", "structlog")


def rows(plan: Plan, tell: Callable[[str], None]) -> list[Row]:
    """Measure all lines, after one run each that compiles what is not compiled."""
    assert find_spec("rich") is not None, "install rich: what it costs must not be hidden"
    codes = (_BARE, *_LINES)
    for code in _LINES:
        _check_light(code)
    took: dict[str, list[tuple[float, float]]] = {code: [] for code in codes}
    for turn in range(plan.imports):
        for code in codes[turn % 3 :] + codes[: turn % 3]:
            took[code].append(_run(code))
    tell(f"{plan.imports} interpreters for each line")
    return [
        compared(
            f"`{code}`",
            f"`{_BARE}`",
            "ms",
            [(one, other) for (one, _), (other, _) in zip(took[code], took[_BARE], strict=True)],
            Bar("more by at most", 60) if code == _LINES[0] else None,
            elapsed=[elapsed for _, elapsed in took[code]],
            elapsed_yardstick=[elapsed for _, elapsed in took[_BARE]],
        )
        for code in _LINES
    ]


def _check_light(code: str) -> None:
    script = f"import sys\n{code}\nprint(*[name for name in {_HEAVY} if name in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert not done.stdout.split(), f"`{code}` brings {done.stdout.strip()}"


def _run(code: str) -> tuple[float, float]:
    """Run *code* in a fresh interpreter; return milliseconds of CPU and of time."""
    before, began_at = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)  # noqa: S603 - our own code
    elapsed, after = time.perf_counter() - began_at, getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1e3 * cpu, 1e3 * elapsed
