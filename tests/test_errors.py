"""The tree of errors: one root, one docstring, data instead of ladders."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mjwatch
from mjwatch import errors
from mjwatch.errors import (
    EXCERPT,
    GatewayBroken,
    GatewayBusy,
    GatewayDenied,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    MjwatchError,
    OffsetExpired,
    StoreError,
    TaskError,
    TaskFailed,
    TaskLost,
    TooManyWatches,
    WatcherClosed,
    WatchTimeout,
    excerpt,
)
from mjwatch.tasks import FailureKind, Task

CLASSES = {
    name: cls
    for name, cls in vars(errors).items()
    if inspect.isclass(cls) and issubclass(cls, BaseException) and cls.__module__ == errors.__name__
}
GATEWAY_ERRORS: list[tuple[type[GatewayError], bool]] = [
    (GatewayUnreachable, True),
    (GatewayBusy, True),
    (GatewayBroken, True),
    (GatewayDenied, False),
    (GatewayRefused, False),
]
SAMPLES: list[MjwatchError] = [
    WatcherClosed("closed"),
    TooManyWatches("100,000 watches"),
    OffsetExpired("5 is gone"),
    StoreError("no room"),
    *[cls("it hurts", gateway="sim", status=500) for cls, _ in GATEWAY_ERRORS],
    GatewayBusy("wait", gateway="sim", status=429, retry_after=7.0),
    TaskLost("unknown", task_id="1", task=None),
    TaskFailed("failed", task_id="1", task=Task("1"), reason="队列已满", kind=FailureKind.QUEUE_FULL),
    WatchTimeout("not done", task_id="1", task=Task("1")),
]


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_has_the_one_root(name: str) -> None:
    """`except MjwatchError` misses none, and `except Exception` still catches all."""
    assert issubclass(CLASSES[name], MjwatchError)
    assert issubclass(CLASSES[name], Exception)


def test_the_docstring_is_the_tree() -> None:
    """Each class stands in the docstring of the module, under its parent, and no other does."""
    told: list[tuple[str, str]] = []
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(
            r"^([│ ]*(?:[├└]── )?)([A-Z]\w+(?:Error|Closed|Watches|Expired|Busy|Broken|\w+))(\s|$)", line
        )
        if found is None or found[2] not in CLASSES:
            continue
        depth = len(found[1]) // 4
        path[depth:] = [found[2]]
        told.append((found[2], path[depth - 1] if depth else "Exception"))

    built = {name: cls.__bases__[0].__name__ for name, cls in CLASSES.items()}

    assert dict(told) == built


def test_every_public_error_is_on_the_face() -> None:
    """What may be raised may be caught as `mjwatch.<name>`."""
    assert set(CLASSES) <= set(mjwatch.__all__)


@pytest.mark.parametrize(("cls", "transient"), GATEWAY_ERRORS)
def test_whether_waiting_heals_is_data(cls: type[GatewayError], transient: bool) -> None:
    """Each concrete gateway error says for itself whether it is transient."""
    assert vars(cls)["transient"] is transient
    assert {one for one, _ in GATEWAY_ERRORS} == set(GatewayError.__subclasses__())


def test_a_watch_timeout_is_a_timeout() -> None:
    """`except TimeoutError` catches it, as with every other await."""
    assert issubclass(WatchTimeout, TimeoutError)
    assert issubclass(WatchTimeout, TaskError)


def test_a_gateway_error_says_who_and_what() -> None:
    """The message begins with the gateway, and the parts are attributes."""
    error = GatewayBusy("try later", gateway="geeknow", status=429, retry_after=30.0)

    assert str(error) == "geeknow: try later"
    assert (error.message, error.gateway, error.status, error.retry_after) == (
        "try later",
        "geeknow",
        429,
        30.0,
    )


def test_a_gateway_error_without_an_answer_has_no_status() -> None:
    """Where nothing came back there is no HTTP status, and nobody asked for patience."""
    assert GatewayUnreachable("no host", gateway="g").status is None
    assert GatewayBusy("later", gateway="g").retry_after is None


@pytest.mark.parametrize("cls", [TaskLost, WatchTimeout])
def test_a_task_error_says_which_task(cls: type[TaskLost | WatchTimeout]) -> None:
    """The message begins with the task, and what was known of it is kept."""
    task = Task("1712158011464906", percent=65)

    error = cls("gone", task_id=task.id, task=task)

    assert str(error) == "task 1712158011464906: gone"
    assert (error.task_id, error.task) == (task.id, task)


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_knows_whether_to_try_again(kind: FailureKind) -> None:
    """`retryable` follows from the kind."""
    error = TaskFailed("failed", task_id="1", task=None, reason=None, kind=kind)

    assert error.retryable is kind.is_retryable
    assert (error.reason, error.kind) == (None, kind)


def test_a_failure_message_is_one_short_line() -> None:
    """A gateway's long or hostile reason does not flood a log; `reason` keeps it whole."""
    reason = "bad\n\x1b[31mprompt\u202e" * 100

    error = TaskFailed(f"failed: {reason}", task_id="1", task=None, reason=reason, kind=FailureKind.UNKNOWN)

    assert len(str(error)) <= EXCERPT + len("task 1: ")
    assert str(error).isprintable()
    assert error.reason == reason


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_errors_survive_copies_and_process_pools(
    error: MjwatchError, again: Callable[[MjwatchError], MjwatchError]
) -> None:
    """An error that crosses a process boundary arrives whole, instead of breaking the pool."""
    back = again(error)

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("  spaces around \n", "spaces around"),
        ("two\r\nlines", "two  lines"),
        ("bell\x07 esc\x1b[0m bidi\u202e nul\x00", "bell  esc [0m bidi  nul"),
        ("\ud800", " "),
        ("中文", "中文"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 255 + "…"),
        ("x" * 256 + "  y", "x" * 255 + "…"),
        (" " * 300 + "late", "late"),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_excerpts_are_short_and_printable(text: str, expected: str) -> None:
    """A foreign text is cut at 256 characters, and its control characters are gone."""
    actual = excerpt(text)

    assert expected.strip() == actual.strip()


@given(st.text(max_size=600))
def test_any_text_makes_a_printable_excerpt(text: str) -> None:
    """Whatever a gateway says fits on one line, and cutting it again changes nothing."""
    cut = excerpt(text)

    assert len(cut) <= EXCERPT
    assert cut.isprintable()
    assert excerpt(cut).strip() == cut.strip()
