"""Where log lines go by default."""

from __future__ import annotations

import logging

import pytest
import structlog

from mjwatch._runtime.logs import default_logger


def test_lines_go_to_the_stdlib_logger(caplog: pytest.LogCaptureFixture) -> None:
    """Under the name of the library, at their level, with keys."""
    with caplog.at_level(logging.INFO, logger="mjwatch"):
        log = default_logger().bind(gateway="sim")
        log.info("gateway.recovered", outage=3)
        log.warning("gateway.failing", error="GatewayBusy")
    lines = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]

    assert lines == [
        ("mjwatch", "INFO", "event='gateway.recovered' gateway='sim' outage=3"),
        ("mjwatch", "WARNING", "event='gateway.failing' gateway='sim' error='GatewayBusy'"),
    ]


def test_the_hosts_levels_decide(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the host does not want is not written, and nothing is ever printed."""
    with caplog.at_level(logging.ERROR, logger="mjwatch"):
        default_logger().warning("gateway.failing")

    assert caplog.records == []
    assert capsys.readouterr().out == ""


def test_a_record_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a gateway wrote, and with a traceback."""
    error = ValueError("two\nlines \x1b[31m")
    with caplog.at_level(logging.INFO, logger="mjwatch"):
        default_logger().error("hook.failed", hook="a\nb\x1b", exc_info=error)
    text = caplog.records[0].getMessage()

    assert ("\n" in text, "\x1b" in text) == (False, False)
    assert "ValueError" in text


def test_structlog_stays_as_the_host_configured_it() -> None:
    """The library never configures it."""
    before = structlog.get_config()
    default_logger().info("gateway.recovered")

    assert structlog.get_config() == before
    assert not structlog.is_configured()
