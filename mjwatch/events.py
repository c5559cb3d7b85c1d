"""The closed union of events: one typed difference each, immutable, safe to hand to many readers.

When an event is due is decided in `_policy/fold.py`; how it travels as JSON stands in `to_json` and `from_json`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec
from attrs import evolve, fields, frozen

from mjwatch import cloudevents
from mjwatch.cloudevents import RecoveredData, UnreachableData
from mjwatch.errors import GatewayError
from mjwatch.observations import still
from mjwatch.tasks import Button, FailureKind, Language, Media, Task


@frozen
class Eta:
    """How long until the end, in seconds from the event: in half of the cases `p50`, in nine of ten `p90`."""

    p50: float
    p90: float


@frozen
class _TaskEvent:
    """
    What every event of a task carries.

    Attributes:
        task: The task as of this event.
        gateway: The gateway's name.
        tag: As given to `Watcher.add`, the last one wins.
        at: When we learned it, epoch seconds.
        seq: Rises by one with each event of the task, for all readers alike.
        restarts: How often its story began anew before: a restart, a window, a new watch after Lost or Expired.
        skipped: How many events of the task this reader did not get since its last one: it was slow, or did not
            ask for their kind.
    """

    kind: ClassVar[str]
    final: ClassVar[bool] = False

    task: Task
    gateway: str
    tag: str | None
    at: float
    seq: int
    restarts: int
    skipped: int

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return self.task.id

    @property
    def id(self) -> str:
        """
        Name the state change: the same in every process and after every restart, so a duplicate can be dropped.

        A hash of gateway, task, kind, restart number and value; never reused for another value.
        """
        return cloudevents.name(self.gateway, self.task.id, self.kind, self.restarts, *self._value())

    def _value(self) -> tuple[object, ...]:
        return ()

    def to_json(self) -> str:
        """Return the event on one line, with the attributes of CloudEvents 1.0."""
        own = {one.name: getattr(self, one.name) for one in fields(type(self)) if one.name not in _SHARED}
        shared = {"seq": self.seq, "skipped": self.skipped, "restarts": self.restarts, "tag": self.tag}
        data = {**shared, **own, "task": self.task}
        type_ = f"mjwatch.task.{self.kind}"
        return cloudevents.write(
            source=self.gateway, id=self.id, type=type_, at=self.at, subject=self.task.id, data=data
        )


_SHARED = frozenset(field.name for field in fields(_TaskEvent))


@frozen
class Progress(_TaskEvent):
    """
    Status, percent, preview or note changed.

    Attributes:
        percent: 0 to 100, None where the gateway shows no number. It never falls, except with `restarted`.
        preview: The address of the picture so far; it may expire.
        note: What the gateway wrote instead of a number ("Waiting to start").
        eta: How long it may still take, None where there is nothing to say.
        restarted: True where the gateway began the task anew.
    """

    kind: ClassVar[str] = "progress"

    percent: int | None
    preview: str | None
    note: str | None
    eta: Eta | None
    restarted: bool

    def _value(self) -> tuple[object, ...]:
        return (self.task.status_word, self.percent, still(self.preview), self.note)


@frozen
class ButtonsAvailable(_TaskEvent):
    """Buttons appeared or changed."""

    kind: ClassVar[str] = "buttons"

    buttons: tuple[Button, ...]

    def _value(self) -> tuple[object, ...]:
        return tuple(button.custom_id for button in self.buttons)


@frozen
class InputRequired(_TaskEvent):
    """MODAL: the gateway waits for the user. The stream stays open; the same id goes on once it is answered."""

    kind: ClassVar[str] = "input_required"


@frozen
class Final(_TaskEvent):
    """What ends a watch: exactly one of Success, Failure, Lost, Expired, and it comes last."""

    final: ClassVar[bool] = True


@frozen
class Success(Final):
    """The task is done."""

    kind: ClassVar[str] = "success"

    images: tuple[Media, ...]
    videos: tuple[Media, ...]
    text: str | None


@frozen
class Failure(Final):
    """
    The gateway says that the task failed or was cancelled.

    Attributes:
        reason: Its words, None where it gave none.
        reason_kind: What they amount to.
        retryable: True where submitting the same again may help.
    """

    kind: ClassVar[str] = "failure"

    reason: str | None
    reason_kind: FailureKind
    retryable: bool

    def text(self, lang: Language = "en") -> str:
        """Return one sentence for the person who asked for the picture, in English or Chinese."""
        return self.reason_kind.text(lang)


@frozen
class Lost(Final):
    """The gateway no longer knows the id. Confirmed by several looks, so a paid task may be gone there."""

    kind: ClassVar[str] = "lost"

    reason: str


@frozen
class Expired(Final):
    """
    We stopped watching; the task may still run. Never refund on this alone.

    Attributes:
        deadline: The epoch second it was watched until.
        reason: "deadline" or "discarded".
    """

    kind: ClassVar[str] = "expired"

    deadline: float
    reason: Literal["deadline", "discarded"]

    def _value(self) -> tuple[object, ...]:
        return (self.deadline, self.reason)


@frozen
class Unreachable:
    """
    The gateway stopped answering: the second failed request in a row, or a standing fault at once.

    Says nothing about any task: every watch goes on, and is looked at again when the gateway is back.

    Attributes:
        gateway: Its name.
        error: What the last request ran into.
        since: The epoch second of the first failure.
        proven: True where this gateway gave a useful answer before; a standing fault before that is raised.
    """

    kind: ClassVar[str] = "unreachable"
    final: ClassVar[bool] = False

    gateway: str
    at: float
    error: GatewayError
    since: float
    proven: bool

    @property
    def id(self) -> str:
        """Name the outage, the same for all readers."""
        return cloudevents.name(self.gateway, self.kind, self.since)

    def to_json(self) -> str:
        """Return the event on one line, with the attributes of CloudEvents 1.0."""
        error = cloudevents.ErrorData.of(self.error)
        data = {"gateway": self.gateway, "since": self.since, "proven": self.proven, "error": error}
        type_ = f"mjwatch.gateway.{self.kind}"
        return cloudevents.write(source=self.gateway, id=self.id, type=type_, at=self.at, data=data)


@frozen
class Recovered:
    """
    The gateway answers again.

    Attributes:
        outage: How long it did not, in seconds.
        since: The epoch second the outage began.
    """

    kind: ClassVar[str] = "recovered"
    final: ClassVar[bool] = False

    gateway: str
    at: float
    outage: float
    since: float

    @property
    def id(self) -> str:
        """Name the recovery, the same for all readers."""
        return cloudevents.name(self.gateway, self.kind, self.since)

    def to_json(self) -> str:
        """Return the event on one line, with the attributes of CloudEvents 1.0."""
        data: dict[str, object] = {"gateway": self.gateway, "since": self.since, "outage": self.outage}
        type_ = f"mjwatch.gateway.{self.kind}"
        return cloudevents.write(source=self.gateway, id=self.id, type=type_, at=self.at, data=data)


FinalEvent = Success | Failure | Lost | Expired
TaskEvent = Progress | ButtonsAvailable | InputRequired | FinalEvent
GatewayEvent = Unreachable | Recovered
Event = TaskEvent | GatewayEvent

_CLASSES: dict[str, type[TaskEvent]] = {
    f"mjwatch.task.{cls.kind}": cls
    for cls in (Progress, ButtonsAvailable, InputRequired, Success, Failure, Lost, Expired)
}


def with_skipped(event: TaskEvent, skipped: int) -> TaskEvent:
    """Return *event* as it reaches a reader who missed *skipped* events of the task."""
    return event if event.skipped == skipped else evolve(event, skipped=skipped)


def from_json(line: str | bytes) -> Event:
    """
    Return the event that `to_json` wrote as *line*.

    Raises:
        ValueError: *line* is no event of this library.
    """
    envelope = cloudevents.read(line)
    try:
        match envelope.type:
            case "mjwatch.gateway.recovered":
                back: RecoveredData = envelope.data_as(RecoveredData)
                return Recovered(envelope.source, envelope.at, back.outage, back.since)
            case "mjwatch.gateway.unreachable":
                gone: UnreachableData = envelope.data_as(UnreachableData)
                error = gone.error.build(envelope.source)
                return Unreachable(envelope.source, envelope.at, error, gone.since, gone.proven)
            case _:
                return envelope.data_as(_CLASSES[envelope.type], gateway=envelope.source, at=envelope.at)
    except (msgspec.MsgspecError, KeyError, RecursionError) as error:
        raise ValueError(f"not an event of mjwatch: {error}") from None
