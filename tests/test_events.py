"""Events: immutable, named by what changed, and the same after a trip through JSON."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from typing import get_args

import attrs
import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from mjwatch import cloudevents
from mjwatch.errors import GatewayBusy, GatewayDenied, GatewayError, GatewayUnreachable
from mjwatch.events import (
    ButtonsAvailable,
    Eta,
    Event,
    Expired,
    Failure,
    Final,
    FinalEvent,
    GatewayEvent,
    InputRequired,
    Lost,
    Progress,
    Recovered,
    Success,
    TaskEvent,
    Unreachable,
    from_json,
    with_skipped,
)
from mjwatch.tasks import Action, Button, ButtonKind, FailureKind, Media, Mode, Status, Task
from tests.support import builders

TASK_KINDS: dict[str, type[TaskEvent]] = {
    "progress": Progress,
    "buttons": ButtonsAvailable,
    "input_required": InputRequired,
    "success": Success,
    "failure": Failure,
    "lost": Lost,
    "expired": Expired,
}
SAMPLES: list[Event] = [
    builders.progress(1),
    builders.buttons(2),
    builders.input_required(3),
    builders.success(4),
    builders.failure(4),
    builders.lost(4),
    builders.expired(4),
    builders.unreachable(),
    builders.recovered(),
]
TASK_SAMPLES: list[TaskEvent] = [event for event in SAMPLES if not isinstance(event, Unreachable | Recovered)]

# --- all events there are

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
MAYBE = st.none() | TEXTS
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INSTANTS = st.integers(0, 4_102_444_800_000_000).map(lambda count: count / 1e6)
COUNTS = st.integers(0, 2**31)
MEDIA = st.builds(Media, TEXTS, MAYBE, st.none() | COUNTS, st.none() | COUNTS)
BUTTONS = st.builds(Button, TEXTS, MAYBE, MAYBE, st.sampled_from(ButtonKind), st.none() | COUNTS)
TASKS = st.builds(
    Task,
    id=st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True),
    status=st.sampled_from(Status),
    status_word=TEXTS,
    action=st.sampled_from(Action),
    mode=st.sampled_from(Mode),
    percent=st.none() | st.integers(0, 100),
    note=MAYBE,
    prompt=MAYBE,
    prompt_en=MAYBE,
    description=MAYBE,
    text=MAYBE,
    state=MAYBE,
    image_url=MAYBE,
    images=st.lists(MEDIA, max_size=2).map(tuple),
    videos=st.lists(MEDIA, max_size=2).map(tuple),
    buttons=st.lists(BUTTONS, max_size=2).map(tuple),
    fail_reason=MAYBE,
    fail_kind=st.none() | st.sampled_from(FailureKind),
    submitted_at=st.none() | NUMBERS,
    started_at=st.none() | NUMBERS,
    finished_at=st.none() | NUMBERS,
    parent_id=MAYBE,
    seed=MAYBE,
    is_partial=st.booleans(),
)
SHARED = (TASKS, TEXTS, MAYBE, INSTANTS, COUNTS, COUNTS, COUNTS)
ETAS = st.none() | st.builds(Eta, NUMBERS, NUMBERS)
ERRORS: st.SearchStrategy[GatewayError] = st.builds(
    GatewayBusy, TEXTS, gateway=st.just("sim"), status=st.none() | COUNTS, retry_after=st.none() | NUMBERS
) | st.builds(
    lambda cls, message, status: cls(message, gateway="sim", status=status),
    st.sampled_from([cls for cls in GatewayError.__subclasses__() if cls is not GatewayBusy]),
    TEXTS,
    st.none() | COUNTS,
)
TASK_EVENTS: st.SearchStrategy[TaskEvent] = st.one_of(
    st.builds(Progress, *SHARED, st.none() | st.integers(0, 100), MAYBE, MAYBE, ETAS, st.booleans()),
    st.builds(ButtonsAvailable, *SHARED, st.lists(BUTTONS, max_size=3).map(tuple)),
    st.builds(InputRequired, *SHARED),
    st.builds(
        Success,
        *SHARED,
        st.lists(MEDIA, max_size=2).map(tuple),
        st.lists(MEDIA, max_size=2).map(tuple),
        MAYBE,
    ),
    st.builds(Failure, *SHARED, MAYBE, st.sampled_from(FailureKind), st.booleans()),
    st.builds(Lost, *SHARED, TEXTS),
    st.builds(Expired, *SHARED, NUMBERS, st.sampled_from(["deadline", "discarded"])),
)
GATEWAY_EVENTS: st.SearchStrategy[GatewayEvent] = st.one_of(
    st.builds(Unreachable, st.just("sim"), INSTANTS, ERRORS, NUMBERS, st.booleans()),
    st.builds(Recovered, TEXTS, INSTANTS, NUMBERS, NUMBERS),
)


def same(one: Event, other: Event) -> bool:
    """Return True where two events are equal; errors are compared by what they say."""
    if not (isinstance(one, Unreachable) and isinstance(other, Unreachable)):
        return one == other
    errors_agree = type(one.error) is type(other.error) and vars(one.error) == vars(other.error)
    return errors_agree and evolve(one, error=other.error) == other


# --- JSON


@given(TASK_EVENTS | GATEWAY_EVENTS)
def test_every_event_survives_json(event: Event) -> None:
    """What is written is read again as the same event, with the same id, and writes the same line."""
    line = event.to_json()

    back = from_json(line)

    assert same(back, event)
    assert back.id == event.id
    assert back.to_json() == line


@given(TASK_EVENTS | GATEWAY_EVENTS)
def test_an_event_is_one_line(event: Event) -> None:
    """No text of a gateway breaks the line, and it is read from bytes as from text."""
    line = event.to_json()

    assert "\n" not in line
    assert "\r" not in line
    assert same(from_json(line.encode()), event)


def test_the_generated_events_are_all_there_are() -> None:
    """The tests above leave no kind out."""
    classes = {type(event) for event in SAMPLES}

    assert set(get_args(Event)) == classes
    assert set(get_args(TaskEvent)) == set(TASK_KINDS.values())
    assert set(get_args(FinalEvent)) == set(Final.__subclasses__())
    assert set(get_args(GatewayEvent)) == {Unreachable, Recovered}


@pytest.mark.parametrize("event", TASK_SAMPLES, ids=lambda event: event.kind)
def test_a_task_event_has_the_documented_attributes(event: TaskEvent) -> None:
    """Source is the gateway, subject the task, and type the kind; counts, tag and task stand in the data."""
    told = json.loads(event.to_json())

    assert set(told) == {"specversion", "id", "source", "type", "subject", "time", "data"}
    assert (told["specversion"], told["source"], told["subject"]) == ("1.0", "sim", "1")
    assert told["type"] == f"mjwatch.task.{event.kind}"
    assert told["id"] == event.id
    assert told["time"] == "1970-01-01T00:00:00.000000Z"
    assert {"seq", "skipped", "tag", "task"} <= set(told["data"])
    assert set(told["data"]["task"]) == {field.name for field in attrs.fields(Task)}


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_kinds_are_the_documented_words(kind: str) -> None:
    """The last word of the type is fixed, and belongs to one class."""
    assert TASK_KINDS[kind].kind == kind


def test_an_unreachable_gateway_has_the_documented_attributes() -> None:
    """No subject; who, since when, and the error as class name, status and message."""
    error = GatewayDenied("check the token", gateway="sim", status=401)

    told = json.loads(Unreachable("sim", 5.0, error, 4.0, proven=True).to_json())

    assert "subject" not in told
    assert told["type"] == "mjwatch.gateway.unreachable"
    assert (told["data"]["gateway"], told["data"]["since"]) == ("sim", 4.0)
    assert told["data"]["error"]["type"] == "GatewayDenied"
    assert told["data"]["error"]["status"] == 401
    assert told["data"]["error"]["message"] == "check the token"


def test_a_recovered_gateway_has_the_documented_attributes() -> None:
    """No subject; who, and how long it was gone."""
    told = json.loads(Recovered("sim", 65.0, 60.0, 5.0).to_json())

    assert "subject" not in told
    assert told["type"] == "mjwatch.gateway.recovered"
    assert told["data"] == {"gateway": "sim", "since": 5.0, "outage": 60.0}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
TYPES = [f"mjwatch.task.{kind}" for kind in TASK_KINDS] + [
    "mjwatch.gateway.unreachable",
    "mjwatch.gateway.recovered",
]


def read(line: str | bytes) -> Event | None:
    """Return the event, None where it is a ValueError; everything else is raised."""
    try:
        return from_json(line)
    except ValueError:
        return None


@given(st.text() | st.binary() | ANY_JSON.map(json.dumps))
def test_garbage_is_a_value_error(line: str | bytes) -> None:
    """Text, bytes or JSON of any shape is refused by ValueError only."""
    assert read(line) is None


@given(st.sampled_from(TYPES), ANY_JSON, st.dictionaries(TEXTS, ANY_JSON, max_size=2))
def test_a_good_envelope_around_garbage_is_a_value_error(
    type_: str, data: object, more: dict[str, object]
) -> None:
    """The right attributes do not make an event of the wrong data."""
    envelope = {**more, "source": "sim", "type": type_, "time": "2025-01-01T00:00:00Z", "data": data}

    assert read(json.dumps(envelope)) is None


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_event_is_an_event_or_a_value_error(event: Event, data: st.DataObject) -> None:
    """A line with one field replaced is read or refused, never anything else."""
    told = json.loads(event.to_json())
    where = data.draw(st.sampled_from([told, told["data"], told["data"].get("task", told)]))
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(ANY_JSON)

    back = read(json.dumps(told))

    assert back is None or isinstance(back, type(event)) or back.kind in told["type"]


@pytest.mark.parametrize(
    "line",
    [
        builders.success(1).to_json().replace("mjwatch.task.success", "mjwatch.task.victory"),
        builders.unreachable().to_json().replace("GatewayUnreachable", "SystemExit"),
        builders.unreachable().to_json().replace("GatewayUnreachable", "GatewayError"),
        builders.progress(1).to_json().replace('"IN_PROGRESS"', '"ELSEWHERE"'),
        builders.progress(1).to_json().replace('"seq":1,', ""),
        builders.progress(1).to_json().replace('"percent":40', f'"percent":{"[" * 100_000}'),
    ],
)
def test_a_line_of_another_release_is_a_value_error(line: str) -> None:
    """Kinds, errors and words that this release does not know are refused, with the reason."""
    with pytest.raises(ValueError, match="not an event of mjwatch"):
        from_json(line)


def test_unknown_fields_are_ignored() -> None:
    """A later release may say more; what this one knows of it is read."""
    line = builders.progress(1).to_json().replace('"seq":1', '"seq":1,"weather":"fine"')

    assert from_json(line) == builders.progress(1)


# --- ids


@given(TASK_EVENTS, MAYBE, INSTANTS, COUNTS, COUNTS)
def test_an_id_does_not_depend_on_who_reads_when(
    event: TaskEvent, tag: str | None, at: float, seq: int, skipped: int
) -> None:
    """Tag, time, place in the order and what a reader missed are no part of the change."""
    other = evolve(event, tag=tag, at=at, seq=seq, skipped=skipped)

    assert other.id == event.id


def key(event: TaskEvent) -> tuple[object, ...]:
    """Return what makes *event* a state change of its own."""
    return (event.gateway, event.task.id, event.kind, event.restarts, event._value())


FEW = st.sampled_from(["sim", "1"])
FEW_TASKS = st.builds(Task, id=st.sampled_from(["1", "2"]), status_word=st.sampled_from(["", "IN_PROGRESS"]))
FEW_SHARED = (FEW_TASKS, FEW, st.none(), st.just(0.0), st.just(1), st.integers(0, 2), st.just(0))
FEW_EVENTS: st.SearchStrategy[TaskEvent] = st.one_of(
    st.builds(
        Progress,
        *FEW_SHARED,
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, "", "1"]),
        st.sampled_from([None, "", "1"]),
        st.none(),
        st.booleans(),
    ),
    st.builds(
        ButtonsAvailable,
        *FEW_SHARED,
        st.lists(st.builds(Button, st.sampled_from(["", "1", "11"])), max_size=2).map(tuple),
    ),
    st.builds(InputRequired, *FEW_SHARED),
    st.builds(Lost, *FEW_SHARED, FEW),
    st.builds(Expired, *FEW_SHARED, st.sampled_from([0.0, 1.0]), st.sampled_from(["deadline", "discarded"])),
)


@given(FEW_EVENTS, FEW_EVENTS)
def test_ids_are_equal_exactly_for_the_same_change(one: TaskEvent, other: TaskEvent) -> None:
    """One id is one change: gateway, task, kind, restart and value."""
    assert (one.id == other.id) is (key(one) == key(other))


def test_a_preview_that_changes_on_every_read_is_no_change() -> None:
    """new-api's `?rand=` gives no new id, another picture does."""
    event = evolve(builders.progress(1), preview="https://cdn.example/1.png?rand=1")

    assert event.id == evolve(event, preview="https://cdn.example/1.png?rand=2").id
    assert event.id != evolve(event, preview="https://cdn.example/2.png?rand=1").id


def test_ids_of_an_outage_name_its_beginning() -> None:
    """All readers of an outage, and of its end, get one id each; the next outage has others."""
    ids = [
        builders.unreachable(5.0).id,
        builders.recovered(5.0).id,
        builders.unreachable(9.0).id,
        builders.recovered(9.0).id,
    ]

    assert len(set(ids)) == 4
    assert builders.unreachable(5.0, at=7.0).id == ids[0]
    assert builders.recovered(5.0, at=99.0).id == ids[1]


PROGRESS_ID = "1f338a484c4610a8bc97b8eb4ef2e2f5"
SUCCESS_ID = "facb208c27db0f24539217e4707a55cb"


def test_ids_are_the_same_in_every_release() -> None:
    """Whoever kept an id to drop duplicates can compare it after an upgrade."""
    assert builders.progress(1).id == PROGRESS_ID
    assert builders.success(1).id == SUCCESS_ID


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_ids_are_the_same_in_every_process(seed: str) -> None:
    """An id does not depend on the salt of Python's hashes."""
    line = builders.progress(1).to_json()
    code = "import sys, mjwatch; print(mjwatch.from_json(sys.argv[1]).id)"

    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, line],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == PROGRESS_ID


# --- values


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_events_cannot_be_changed(event: Event) -> None:
    """An event is handed to many readers: none of them can change it for the others."""
    with pytest.raises(FrozenInstanceError):
        event.at = 1.0  # type: ignore[misc]  # that is the test
    with pytest.raises((FrozenInstanceError, AttributeError)):
        event.more = 1  # type: ignore[union-attr]  # that is the test

    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_events_can_be_kept_in_sets_and_copied(event: Event) -> None:
    """Events are hashable, and cross a process boundary by pickle."""
    back = pickle.loads(pickle.dumps(event))  # noqa: S301 - our own

    assert hash(event) == hash(event)
    assert same(back, event)
    assert same(copy.deepcopy(event), event)


@pytest.mark.parametrize("event", TASK_SAMPLES, ids=lambda event: event.kind)
def test_skipped_is_told_without_touching_the_event(event: TaskEvent) -> None:
    """A reader who missed events gets a copy that says so; one who missed none gets the event itself."""
    late = with_skipped(event, 3)

    assert late.skipped == 3
    assert event.skipped == 0
    assert with_skipped(late, 0) == event
    assert with_skipped(event, 0) is event


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_final_is_what_the_class_says(event: Event) -> None:
    """`event.final` and `isinstance(event, Final)` are one question."""
    assert event.final is isinstance(event, Final)
    assert (type(event) in get_args(FinalEvent)) is event.final


@pytest.mark.parametrize("event", TASK_SAMPLES, ids=lambda event: event.kind)
def test_a_task_event_knows_its_task_id(event: TaskEvent) -> None:
    """`task_id` is the id of the task it carries."""
    assert event.task_id == event.task.id == "1"


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_events_match_by_keyword(event: Event) -> None:
    """A program takes an event apart by the names of its fields."""
    match event:
        case Unreachable(error=error, since=since):
            told: tuple[object, ...] = (type(error), since)
        case Recovered(outage=outage):
            told = (outage,)
        case Progress(percent=percent, preview=preview):
            told = (percent, preview)
        case _:
            told = (event.task_id,)

    assert told in {(GatewayUnreachable, 0.0), (60.0,), (40, None), ("1",)}


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_speaks_both_languages(kind: FailureKind) -> None:
    """The sentence for the user is that of the kind."""
    event = evolve(builders.failure(1), reason_kind=kind)

    assert event.text() == kind.text("en")
    assert event.text("zh") == kind.text("zh")


def test_an_eta_is_a_value() -> None:
    """Two estimates with the same numbers are the same."""
    assert Eta(10.0, 25.0) == Eta(p50=10.0, p90=25.0)


def test_the_envelope_of_an_event_is_an_envelope() -> None:
    """Whoever knows only CloudEvents can open it."""
    envelope = cloudevents.read(builders.progress(1, at=5.0).to_json())

    assert (envelope.source, envelope.type, envelope.at) == ("sim", "mjwatch.task.progress", 5.0)
