"""The tree of errors. Whose fault is the first fork, whether it can heal the second, and that one is data.

MjwatchError
├── WatcherClosed                 you closed it, have not opened it, or it broke (from the bug)
├── TooManyWatches                a bound was reached; says which
├── OffsetExpired                 the log no longer reaches back that far
├── StoreError                    the store cannot keep its promise
├── GatewayError (abstract)       `.gateway`; class attribute `transient`
│   ├── GatewayUnreachable        name, connect, timeout                                   transient
│   ├── GatewayBusy               429 / 503, `.retry_after`                                transient
│   ├── GatewayBroken             other 5xx, cut or malformed replies                      transient
│   ├── GatewayDenied             401 / 403, `.status`                                     stands
│   └── GatewayRefused            redirect, certificate, HTML, unsupported verb, rejected  stands
└── TaskError (abstract)          `.task_id`, `.task`
    ├── TaskLost                  the gateway does not know the id
    ├── TaskFailed                `.reason`, `.kind`, `.retryable`
    └── WatchTimeout              we stopped waiting; also a TimeoutError

A task never fails because of its gateway: outcomes are events, exceptions are for broken promises.
Foreign errors are translated once, in `_runtime/aiohttp_transport.py`.
"""

from __future__ import annotations

from typing import ClassVar

from mjwatch.tasks import FailureKind, Task

EXCERPT = 256
"""How much of a foreign text an error repeats, in characters."""


def excerpt(text: str) -> str:
    """Return the first line's worth of *text* that is safe to print: cut, and without control characters."""
    cut = text.strip()[: EXCERPT + 1]
    clean = "".join(c if c.isprintable() else " " for c in cut)
    return clean if len(clean) <= EXCERPT else clean[: EXCERPT - 1] + "…"


class MjwatchError(Exception):
    """Root of everything mjwatch raises on its own account, bad arguments excepted."""

    def __reduce__(self) -> tuple[object, ...]:
        # Exception would call the class with `args` alone, and fail: copies and process pools need this.
        return _unpacked, (type(self), self.args), self.__dict__


def _unpacked(cls: type[MjwatchError], args: tuple[object, ...]) -> MjwatchError:
    error = cls.__new__(cls, *args)
    error.args = args  # OSError, and so WatchTimeout, sets them in its __init__ only
    return error


class WatcherClosed(MjwatchError):
    """The watcher is not open: closed, not yet started, or broken (then the bug is its `__cause__`)."""


class TooManyWatches(MjwatchError):
    """A bound of `Limits` was reached. Nothing already watched is dropped."""


class OffsetExpired(MjwatchError):
    """The event log no longer reaches back to that offset: take the present state, then go on from now."""


class StoreError(MjwatchError):
    """The store cannot keep its promise."""


class GatewayError(MjwatchError):
    """
    The gateway did not answer as a gateway does. Never a task's failure.

    Attributes:
        gateway: Its name.
        message: What happened and what to do next, without the gateway's name.
        status: The HTTP status, None where there was no answer.
        transient: True where waiting may heal it, False where somebody must change something.
    """

    transient: ClassVar[bool]

    def __init__(self, message: str, *, gateway: str, status: int | None = None) -> None:
        super().__init__(f"{gateway}: {message}")
        self.message = message
        self.gateway = gateway
        self.status = status


class GatewayUnreachable(GatewayError):
    """No connection, no name, or no answer in time."""

    transient = True


class GatewayBusy(GatewayError):
    """
    The gateway asked for patience.

    Attributes:
        retry_after: Seconds it asked for, None where it did not say.
    """

    transient = True

    def __init__(
        self, message: str, *, gateway: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, gateway=gateway, status=status)
        self.retry_after = retry_after


class GatewayBroken(GatewayError):
    """It answered with a server error, or with something cut or malformed."""

    transient = True


class GatewayDenied(GatewayError):
    """It does not accept the credential: check the token, and which header `auth` puts it in."""

    transient = False


class GatewayRefused(GatewayError):
    """It answered, but not as this gateway: a redirect, a web page, a bad certificate, a rejected request."""

    transient = False


class TaskError(MjwatchError):
    """
    A single task did not come to a picture.

    Attributes:
        task_id: Its id.
        task: The last that was known of it, None if nothing was.
    """

    def __init__(self, message: str, *, task_id: str, task: Task | None) -> None:
        super().__init__(f"task {task_id}: {excerpt(message)}")
        self.task_id = task_id
        self.task = task


class TaskLost(TaskError):
    """The gateway does not know the id (any more). A paid task may be lost there: ask the operator."""


class TaskFailed(TaskError):
    """
    The gateway says that the task failed or was cancelled.

    Attributes:
        reason: The gateway's words, None where it gave none.
        kind: What they amount to.
        retryable: True where submitting again may help.
    """

    def __init__(
        self, message: str, *, task_id: str, task: Task | None, reason: str | None, kind: FailureKind
    ) -> None:
        super().__init__(message, task_id=task_id, task=task)
        self.reason = reason
        self.kind = kind
        self.retryable = kind.is_retryable


class WatchTimeout(TaskError, TimeoutError):
    """We stopped waiting; the task may still run and be paid for. Watch it again, do not refund."""
