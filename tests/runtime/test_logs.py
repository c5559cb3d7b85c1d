"""What stands in log lines, how many there are, and where they go by default."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

import anyio
import pytest
import structlog
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import mjwatch
from mjwatch._runtime.context import Logger
from mjwatch._runtime.logs import FRAMES, CleanLogger, default_logger, sanitize
from mjwatch.testing import Answer, Delay, Reset, SimulatedGateway
from tests.runtime.rig import LogBook
from tests.watcher.stage import preset, read, simulated


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


RENDERERS: dict[str, Callable[[], object]] = {
    "json": structlog.processors.JSONRenderer,
    "json-unescaped": lambda: structlog.processors.JSONRenderer(ensure_ascii=False),
    "key-value": structlog.processors.KeyValueRenderer,
    "key-value-str": lambda: structlog.processors.KeyValueRenderer(repr_native_str=False),
    "logfmt": structlog.processors.LogfmtRenderer,
    "console": lambda: structlog.dev.ConsoleRenderer(colors=False),
}


def rendering(renderer: Callable[[], object], into: io.StringIO) -> Logger:
    """Return a host's own logger, with what structlog's documentation recommends."""
    processors = [structlog.processors.add_log_level, structlog.processors.format_exc_info, renderer()]
    logger: Logger = structlog.wrap_logger(
        structlog.PrintLogger(into),
        processors=processors,  # type: ignore[arg-type]  # each is one
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger


NASTY = st.text(st.characters(codec=None) | st.sampled_from("\n\r\x1b\x9b\u202e\u2066\u2028\ud800\0 \"'="))


@pytest.mark.parametrize("renderer", RENDERERS.values(), ids=RENDERERS)
@given(text=NASTY)
def test_a_record_is_one_printable_line_under_every_renderer(
    renderer: Callable[[], object], text: str
) -> None:
    """Whatever came from outside, in a key, a bound key, an object or an exception."""
    lines = io.StringIO()
    log = CleanLogger(lambda: 0.0, rendering(renderer, lines)).bind(hook=text)
    log.error("hook.failed", reason=text, cause=[text], after=1.5, exc_info=ValueError(text))
    said = lines.getvalue()

    assert said.endswith("\n")
    assert said[:-1].isprintable()
    assert "ValueError" in said


@given(NASTY)
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    """And all else is told apart: nothing is dropped."""
    clean = sanitize(text)

    assert isinstance(clean, str)
    assert clean.isprintable()
    assert (clean == text) is text.isprintable()


def test_a_value_without_end_is_cut() -> None:
    """Both ends of it are told: the last line of a traceback says the most."""
    clean = sanitize("a" * 1_000_000 + "z")

    assert isinstance(clean, str)
    assert len(clean) < 10_000
    assert clean.endswith("z")


def test_of_a_runaway_recursion_the_innermost_frames_are_told() -> None:
    """A hook that raises a thousand frames deep costs the loop no more than any other."""

    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("at the bottom")
        rise(depth - 1)

    def rise(depth: int) -> None:  # two of them: Python itself leaves out lines that are the same
        fall(depth)

    book = LogBook()
    try:
        fall(300)
    except ValueError as error:
        CleanLogger(lambda: 0.0, book).error("hook.failed", exc_info=error)
    trace = str(book.lines[0][2]["trace"])

    assert trace.count("File ") == FRAMES
    assert "at the bottom" in trace


def test_repeated_lines_are_bounded_and_counted() -> None:
    """Ten of an event a minute; the next one says how many there were between. Other events go on."""
    now, book = [0.0], LogBook()
    log = CleanLogger(lambda: now[0], book).bind(gateway="sim")
    for _ in range(100):
        log.warning("gateway.failing")
    log.info("gateway.recovered")
    now[0] = 60.0
    log.warning("gateway.failing", suppressed=3)
    log.warning("gateway.failing")

    events = [(event, keys) for _, event, keys in book.lines]
    assert events[:11] == [("gateway.failing", {})] * 10 + [("gateway.recovered", {})]
    assert events[11:] == [("gateway.failing", {"suppressed": 93}), ("gateway.failing", {})]


@simulated
async def test_an_hour_of_outage_is_told_in_sixty_lines() -> None:
    """Of every kind: silence, resets, errors, and a gateway that comes and goes each few seconds."""
    book = LogBook()
    async with SimulatedGateway() as sim:
        sim.task("1").after(1).submitted().after(5_000).success()
        async with mjwatch.Watcher(preset(sim), logger=book) as watcher, watcher.watch("1") as events:
            await anyio.sleep(60)
            for fault in (Reset(), Answer(502), Answer(401), Answer(429), Delay(30)):
                sim.down(300, fault)
                await anyio.sleep(300)
            for _ in range(300):
                sim.down(4)
                await anyio.sleep(7)
            seen = len(book.lines)
            await read(events)

    assert 2 <= seen <= 60
    assert {event for _, event, _ in book.lines} == {"gateway.failing", "gateway.recovered", "task.late"}


@pytest.mark.parametrize(("host", "expected"), [("gateway.test", 1), ("127.0.0.1", 0)])
@simulated
async def test_a_credential_in_the_clear_is_warned_about_once(host: str, expected: int) -> None:
    """`http://` to another machine is allowed, for self-hosted gateways live there; the log says what it means."""
    book = LogBook()
    async with SimulatedGateway() as sim:
        for task_id in ("1", "2"):
            sim.task(task_id).after(1).success()
        gateway = evolve(preset(sim), base_url=sim.base_url.replace("127.0.0.1", host))
        async with mjwatch.Watcher(gateway, logger=book) as watcher:
            await watcher.wait("1")
            await watcher.wait("2")

    assert [event for _, event, _ in book.lines] == ["gateway.unencrypted"] * expected
