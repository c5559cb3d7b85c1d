"""What all tests share: they run in virtual time, and no credential of theirs is ever printed or logged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from mjwatch.testing.simloop import SimLoop, sim_backend
from tests.support.canary import is_leaked
from tests.support.examples import IS_LONG, MANY
from tests.support.figures import FIGURES

# The same examples in every run, and no deadline per example: a shared machine has slow moments.
settings.register_profile("mjwatch", deadline=None, derandomize=True)
# A night's work: other examples in every run, and many of them (`tests/support/examples.py`).
settings.register_profile("long", deadline=None, max_examples=MANY, suppress_health_check=list(HealthCheck))
settings.load_profile("long" if IS_LONG else "mjwatch")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], SimLoop]]]:
    """Run each async test in a fresh `SimLoop`."""
    return sim_backend(seed=0)


_leaking: dict[str, None] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look for a credential in all that a test printed and logged."""
    if is_leaked(report.capstdout + report.capstderr + report.caplog):
        _leaking[report.nodeid] = None  # once, though setup and call both report it


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session in which one was seen."""
    if _leaking:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded, and where a credential was seen."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, figures in report.user_properties:
            if name == FIGURES:
                terminalreporter.write_line(f"\n{figures}")
    for nodeid in _leaking:
        terminalreporter.write_line(f"a credential was printed or logged: {nodeid}", red=True)
