"""The envelope of an event: one line, the attributes of CloudEvents 1.0, and nothing but ValueError for garbage."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch import cloudevents
from mjwatch.cloudevents import ErrorData
from mjwatch.errors import (
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
)

LINE = cloudevents.write(
    source="sim", id="a1", type="mjwatch.x", at=1_735_689_600.25, data={"n": 1}, subject="42"
)
MICROSECONDS = st.integers(0, 4_102_444_800_000_000).map(lambda count: count / 1e6)


def test_an_envelope_has_the_attributes_of_cloudevents() -> None:
    """The names, and the form of the time, are the standard's."""
    assert json.loads(LINE) == {
        "specversion": "1.0",
        "id": "a1",
        "source": "sim",
        "type": "mjwatch.x",
        "subject": "42",
        "time": "2025-01-01T00:00:00.250000Z",
        "data": {"n": 1},
    }


def test_without_a_subject_there_is_none() -> None:
    """A gateway's event is about no task, and says so by absence."""
    line = cloudevents.write(source="sim", id="a1", type="mjwatch.x", at=0.0, data={})

    assert "subject" not in json.loads(line)


@given(st.text())
def test_a_line_is_one_line_for_everybody(text: str) -> None:
    """Nothing in it ends a line or moves a terminal's cursor, and what was said comes back."""
    line = cloudevents.write(
        source="sim", id="a1", type="mjwatch.x", at=0.0, data={"said": text + "\x9b\u2028\u202e\U000e0041"}
    )

    assert line.isprintable()
    assert json.loads(line)["data"]["said"] == text + "\x9b\u2028\u202e\U000e0041"


def test_an_envelope_is_opened_as_it_was_closed() -> None:
    """Source, type, time and data come back."""
    envelope = cloudevents.read(LINE)

    assert (envelope.source, envelope.type, envelope.at) == ("sim", "mjwatch.x", 1_735_689_600.25)
    assert envelope.time == datetime(2025, 1, 1, 0, 0, 0, 250_000, UTC)
    assert envelope.data_as(dict[str, int], more=2) == {"n": 1, "more": 2}


@given(MICROSECONDS)
def test_times_are_kept_to_the_microsecond(at: float) -> None:
    """An instant comes back as the same float."""
    line = cloudevents.write(source="s", id="i", type="t", at=at, data={})

    assert cloudevents.read(line).at == at


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        LINE[:-1],
        LINE.replace("2025-01-01T00:00:00.250000Z", "yesterday"),
        LINE.replace("250000Z", "250000"),  # an instant without a zone is no instant
        LINE.replace("2025-01-01T00:00:00.250000Z", "0001-01-01T00:00:00"),
        LINE.replace('"sim"', "5"),
        LINE.replace('"sim"', '"\\ud800"'),
        "\ud800",
        b"\xff\xfe",
        b'{"source": "\xff"}',
        '{"more":' + "[" * 100_000,
        LINE.replace('{"n":1}', "[" * 100_000 + "]" * 100_000),
    ],
    ids=lambda line: ascii(line)[:40],
)
def test_garbage_is_a_value_error(line: str | bytes) -> None:
    """What is no envelope is refused, and by ValueError only."""
    with pytest.raises(ValueError, match="not an event of mjwatch"):
        cloudevents.read(line)


WORDS = st.none() | st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_names_differ_exactly_where_what_was_said_differs(one: list[object], other: list[object]) -> None:
    """Two lists have one name if they are the same JSON, and only then."""
    same = msgspec.json.encode(one) == msgspec.json.encode(other)

    assert (cloudevents.name(*one) == cloudevents.name(*other)) is same


def test_names_do_not_run_into_each_other() -> None:
    """Where one word ends and the next begins makes a difference."""
    assert cloudevents.name("ab", "c") != cloudevents.name("a", "bc")
    assert cloudevents.name("a", None) != cloudevents.name("a")
    assert cloudevents.name("1") != cloudevents.name(1)


def test_a_name_is_a_short_hexadecimal_word() -> None:
    """It can stand in an address, a key or a file name."""
    name = cloudevents.name("sim", "../42", "\u202e")

    assert len(name) == 32
    assert set(name) <= set("0123456789abcdef")


ERRORS: list[GatewayError] = [
    GatewayUnreachable("no host", gateway="sim"),
    GatewayBusy("later", gateway="sim", status=429, retry_after=30.0),
    GatewayBusy("later", gateway="sim", status=503),
    GatewayBroken("cut", gateway="sim", status=502),
    GatewayDenied("token", gateway="sim", status=401),
    GatewayRefused("a web page", gateway="sim", status=200),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_travels_whole(error: GatewayError) -> None:
    """Class, message, status and the patience asked for arrive."""
    line = msgspec.json.encode(ErrorData.of(error))

    back = msgspec.json.decode(line, type=ErrorData).build("sim")

    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_every_gateway_error_can_travel() -> None:
    """No class of the tree is forgotten in the table."""
    travelled = {type(error) for error in ERRORS}

    assert travelled == set(GatewayError.__subclasses__())


@pytest.mark.parametrize("name", ["GatewayError", "MjwatchError", "SystemExit", ""])
def test_other_classes_are_not_built(name: str) -> None:
    """A foreign line chooses among the gateway's errors, and nothing else."""
    with pytest.raises(KeyError):
        ErrorData(name, "boo").build("sim")
