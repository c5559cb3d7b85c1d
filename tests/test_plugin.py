"""The pytest plugin is loaded in every run of whoever has mjwatch installed: it must cost nothing and change nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mjwatch.testing import pytest_plugin


def test_the_plugin_imports_nothing_but_pytest() -> None:
    """No package of ours or of others is imported for a run that never uses mjwatch."""
    tree = ast.parse(Path(pytest_plugin.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in tree.body
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported <= {"__future__", "pytest"}


def test_the_plugin_brings_nothing_heavy() -> None:
    """Loading it brings neither HTTP nor logging."""
    code = (
        "import sys, mjwatch.testing.pytest_plugin; print({'aiohttp', 'structlog', 'anyio'} & {*sys.modules})"
    )

    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "set()"


def test_the_plugin_is_registered(request: pytest.FixtureRequest) -> None:
    """An installed mjwatch is an installed plugin, under its own name."""
    (entry,) = entry_points(group="pytest11", name="mjwatch")

    assert entry.value == "mjwatch.testing.pytest_plugin"
    assert entry.load() is pytest_plugin
    assert request.config.pluginmanager.has_plugin("mjwatch")


def test_the_plugin_changes_no_run() -> None:
    """It has no hooks and no automatic fixtures: a run with it is the run without."""
    names = [name for name in vars(pytest_plugin) if name.startswith("pytest_")]

    assert names == []
