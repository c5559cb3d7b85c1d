"""Each checker finds the history that breaks its promise: a checker that cannot fail is worth nothing."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, cast

import pytest
from attrs import evolve

from mjwatch import Event, Progress, Status, Task, TaskEvent
from mjwatch.errors import GatewayBroken
from mjwatch.events import ButtonsAvailable, Expired, Failure, InputRequired, Lost, Success, Unreachable
from mjwatch.tasks import FailureKind
from mjwatch.testing import Family
from tests.simulation.history import Closing, Fact, Got, History, Line, Sent, Session, Truth
from tests.simulation.plan import GatewayPlan, Plan, Reader, Spell, Tale
from tests.simulation.promises import PROMISES, judge
from tests.simulation.secret import CANARY
from tests.watcher.stage import EPOCH

START = 1000.0
PICTURE = "http://127.0.0.1/attachments/t0/{}.webp?x"
FACTS = (
    Fact(1000.0, "NOT_START", None, None, has_buttons=False),
    Fact(1010.0, "IN_PROGRESS", 15, "15.webp", has_buttons=False),
    Fact(1020.0, "IN_PROGRESS", 46, "46.webp", has_buttons=False),
    Fact(1030.0, "SUCCESS", 100, "final.png", has_buttons=True),
)
TRUTH = Truth("g0", "t0", "normal", FACTS, 1030.0, ((-inf, 1000.0),), 0, (), 1000.0)


def head(at: float, seq: int, *, skipped: int = 0, status: Status = Status.IN_PROGRESS) -> tuple[object, ...]:
    """Return what every event begins with."""
    about = Task(id="t0", status=status, status_word=str(status))
    return about, "g0", None, EPOCH + at - START, seq, 0, skipped


def step(at: float, seq: int, percent: int, *, skipped: int = 0, restarted: bool = False) -> Progress:
    """Return a Progress."""
    more = (percent, PICTURE.format(percent), None, None, restarted)
    return Progress(*head(at, seq, skipped=skipped), *more)  # type: ignore[arg-type, call-arg]  # positional, as the library does


def success(at: float, seq: int = 3) -> Success:
    """Return the true end."""
    return Success(*head(at, seq, status=Status.SUCCESS), (), (), None)  # type: ignore[arg-type, call-arg]


def failure(at: float, seq: int = 3) -> Failure:
    """Return an end that never was."""
    return Failure(*head(at, seq), None, FailureKind.UNKNOWN, False)  # type: ignore[arg-type, call-arg]


def got(event: Event, at: float | None = None) -> Got:
    """Return an event as it was read, when it was told or later."""
    return Got(event.at - EPOCH + START if at is None else at, event)


def plan() -> Plan:
    """Return a plan of one gateway, one task, one reader."""
    reader = Reader("r0", "fast", 0.0, ("t0",))
    gateway = GatewayPlan(
        "g0", Family.PLUS, 0, (0.0, 0.0), None, (0.0,), 600.0, 600.0, 500, None, (), (reader,), ()
    )
    return Plan(0, "core", (gateway,), (Spell(0, "down", 0.0, 1.0, 0.5),), (), (0.0,), 60.0)


def good() -> History:
    """Return a history that breaks no promise."""
    history = History(plan(), START, lives=[START], ended_at=1100.0, arrived={"g0": 3})
    history.truths["g0", "t0"] = TRUTH
    events: list[Event] = [step(1011.0, 1, 15), step(1021.0, 2, 46), success(1031.0)]
    history.sessions.append(
        Session(
            "g0", 0, "r0", "fast", START, ("t0",), got=[got(e) for e in events], ended="end", ended_at=1031.0
        )
    )
    history.wire += [
        Sent("g0", 0, START + 10 * n, "list", ("t0",), START + 10 * n + 0.1, "200") for n in range(3)
    ]
    history.closings.append(Closing("g0", 0, 1100.0, 0.1, (), "WatcherClosed", 3))
    history.log.append(Line(1005.0, "g0", "warning", "gateway.failing", "{'error': 'GatewayBroken'}"))
    history.log.append(Line(1006.0, "g0", "info", "gateway.recovered", "{'outage': 1.0}"))
    return history


Break = Callable[[History], object]


def events(*told: TaskEvent, at: float | None = None, temper: str = "fast") -> Break:
    """Let the reader have got these instead."""

    def act(history: History) -> None:
        session = history.sessions[0]
        session.got, session.temper = [got(cast("Event", event), at) for event in told], temper

    return act


def sent(
    *requests: tuple[float, float, str, str | None], route: str = "list", ids: tuple[str, ...] = ()
) -> Break:
    """Let these have been sent instead: when, until when, outcome, Retry-After."""

    def act(history: History) -> None:
        history.wire = [
            Sent("g0", 0, at, route, ids or (f"t{n}",), until, outcome, after)
            for n, (at, until, outcome, after) in enumerate(requests)
        ]
        history.arrived["g0"] = len(requests)

    return act


def log(*lines: tuple[float, str, str]) -> Break:
    """Let these lines have been logged."""
    return lambda history: history.log.extend([
        Line(at, "g0", "error", event, text) for at, event, text in lines
    ])


def closing(**changes: Any) -> Break:
    """Let the watcher have closed otherwise."""

    def act(history: History) -> None:
        history.closings[0] = evolve(history.closings[0], **changes)

    return act


def set_(**changes: object) -> Break:
    """Let the session or the history have other values."""

    def act(history: History) -> None:
        for name, value in changes.items():
            setattr(history if hasattr(history, name) else history.sessions[0], name, value)

    return act


def both(*acts: Break) -> Break:
    """Do several things."""
    return lambda history: [act(history) for act in acts]


def truth(**changes: Any) -> Break:
    """Let something else have been true."""

    def act(history: History) -> None:
        history.truths["g0", "t0"] = evolve(TRUTH, **changes)

    return act


def calm(history: History) -> None:
    """Let nothing befall the gateway, and let it be asked every 3 s."""
    tale = Tale("t0", "normal", 0.0, 1.0, 1.0, "IMAGINE", None)
    gateway = evolve(history.plan.gateways[0], every=3.0, tales=(tale,))
    history.plan = evolve(history.plan, spells=(), gateways=(gateway,))


def batches(*requests: tuple[float, int, str]) -> Break:
    """Let these have been sent instead: when, how many ids, outcome."""

    def act(history: History) -> None:
        history.wire = [
            Sent("g0", 0, at, "list", tuple(f"t{n}" for n in range(size)), at + 0.1, outcome)
            for at, size, outcome in requests
        ]

    return act


def never_recovered(history: History) -> None:
    """Let the outage have no end."""
    history.log.pop()


def without_buttons(history: History) -> None:
    """Let one reader be told of buttons, and another one not."""
    first = history.sessions[0]
    first.got = [got(step(1011.0, 1, 15)), got(BUTTONS), got(success(1031.0))]
    other = Session("g0", 0, "x0", "stuck", START, ("t0",), got=[got(step(1011.0, 1, 15))])
    other.got.append(got(evolve(success(1031.0), skipped=1)))
    other.ended, other.ended_at = "end", 1031.0
    history.sessions.append(other)


def other_reader(history: History) -> None:
    """Let somebody come late, and be told nothing at first."""
    late = Session(
        "g0",
        0,
        "x0",
        "fast",
        1015.0,
        ("t0",),
        got=[got(step(1021.0, 2, 46, skipped=1)), got(success(1031.0))],
    )
    late.ended, late.ended_at = "end", 1031.0
    history.sessions.append(late)


BUTTONS = ButtonsAvailable(*head(1021.0, 2), ())  # type: ignore[arg-type, call-arg]
WINDOW = InputRequired(*head(1021.0, 2))  # type: ignore[arg-type]
LOST = Lost(*head(1031.0, 1), "gone")  # type: ignore[arg-type, call-arg]
STRANGER = evolve(
    step(1011.0, 1, 15), task=Task(id="t9", status=Status.IN_PROGRESS, status_word="IN_PROGRESS")
)
EARLY = Expired(*head(1031.0, 1), EPOCH + 31.0, "deadline")  # type: ignore[arg-type, call-arg]
BEFORE = Expired(*head(1031.0, 1), EPOCH + 32.0, "deadline")  # type: ignore[arg-type, call-arg]
OVERDUE = Expired(*head(1031.0, 2), EPOCH + 5.0, "deadline")  # type: ignore[arg-type, call-arg]
DISCARDED = Expired(*head(1031.0, 1), EPOCH + 31.0, "discarded")  # type: ignore[arg-type, call-arg]
DOWN = Unreachable("g0", EPOCH + 5.0, GatewayBroken("cut", gateway="g0"), EPOCH + 5.0, proven=True)
HOOK = "{'hook': 'h', 'error': 'KeyError', 'suppressed': 0}"

BROKEN: dict[str, tuple[str, Break]] = {
    "no end": ("H1", events(step(1011.0, 1, 15))),
    "two ends": ("H1", events(success(1031.0, 1), success(1032.0, 2))),
    "something after the end": ("H2", events(success(1031.0, 1), step(1032.0, 2, 46))),
    "a gap in seq": ("H3", events(step(1011.0, 1, 15), success(1031.0, 3))),
    "seq that stands still": ("H3", events(step(1011.0, 1, 15), success(1031.0, 1))),
    "a percent that falls": ("H4", events(step(1021.0, 1, 46), step(1022.0, 2, 15), success(1031.0))),
    "a restart that never was": ("H4", events(step(1021.0, 1, 46), step(1022.0, 2, 15, restarted=True), success(1031.0))),
    "a number nobody showed": ("H5", events(step(1011.0, 1, 16), success(1031.0, 2))),
    "a number before its time": ("H5", events(step(1011.0, 1, 46), success(1031.0, 2))),
    "buttons nobody showed": ("H5", events(step(1011.0, 1, 15), BUTTONS, success(1031.0))),
    "a window nobody opened": ("H5", events(step(1011.0, 1, 15), WINDOW, success(1031.0))),
    "another task's picture": (
        "H5", events(evolve(step(1011.0, 1, 15), preview="http://127.0.0.1/attachments/t7/15.webp"), success(1031.0, 2)),
    ),
    "a failure of a success": ("H6", events(failure(1031.0, 1))),
    "a success before its time": ("H6", events(success(1025.0, 1))),
    "a loss of what was there": ("H6", both(events(LOST), truth(absences=()))),
    "a deadline that was not over": ("H6", events(BEFORE)),
    "a deadline nobody asked for": ("H6", events(EARLY)),
    "discarded by nobody": ("H6", events(DISCARDED)),
    "lost within the minute": ("H6", both(events(LOST), truth(absences=((-inf, 1040.0),)))),
    "a wait for what never was": ("H6", set_(outcomes={"t0": "failure"})),
    "the same event twice": ("H7", events(step(1021.0, 1, 46), step(1022.0, 2, 46), success(1031.0))),
    "more steps than there were": (
        "H7", events(*[evolve(step(1021.0, n, 46), note=str(n)) for n in range(1, 7)], success(1031.0, 7)),
    ),
    "a stranger's event": ("H9", events(STRANGER, step(1012.0, 1, 15), success(1031.0, 2))),
    "an event that changed": ("H10", set_(changed=["progress 17"])),
    "the present comes late": ("V1", other_reader),
    "told too late": ("V5", events(step(1011.0, 1, 15), step(1021.0, 2, 46), success(1300.0))),
    "never told": ("V5", events(step(1011.0, 1, 15))),
    "a deadlock": ("V6", set_(error="SimDeadlock: nothing can run again")),
    "past every deadline": ("V7", events(success(1700.0, 1))),
    "long past a deadline": ("V7 in time", events(step(1003.0, 1, 15), OVERDUE)),
    "an end that is heard late": ("V2", both(calm, events(step(1011.0, 1, 15), step(1021.0, 2, 46), success(1050.0)))),
    "an outage told twice": ("V3", log((1007.0, "gateway.failing", "{}"), (1008.0, "gateway.failing", "{}"))),
    "news in an outage": ("V3", never_recovered),
    "an outage whose end nobody hears": (
        "V3", lambda history: history.sessions[0].got.insert(0, got(DOWN)),
    ),
    "a success without its picture": ("H2 whole", both(calm, set_(temper="slow"))),
    "a first look that comes late": ("P6", both(calm, sent((1010.0, 1010.1, "200", None)))),
    "a storm in an outage": ("V4", sent(*[(1000.0 + n, 1000.5 + n, "GatewayUnreachable", None) for n in range(50)])),
    "asked inside a hold": ("P1", sent((1000.0, 1000.1, "429", "30"), (1020.0, 1020.1, "200", None))),
    "asked inside a hold at the cap": ("P1", sent((1000.0, 1000.1, "503", "9999"), (1290.0, 1290.1, "200", None))),
    "over the rate": ("P2", sent((1000.0, 1000.1, "200", None), (1000.01, 1000.1, "200", None))),
    "over the minute": ("P2", sent(*[(1000.0 + n / 9, 1000.1 + n / 9, "200", None) for n in range(60)])),
    "too many at once": ("P2", sent(*[(1000.0 + n, 1100.0, "200", None) for n in range(15)])),
    "denied, and asked again": ("E1.7", sent((1000.0, 1000.1, "403", None), (1050.0, 1050.1, "200", None))),
    "denied, and asked within the half minute": (
        "E1.7", sent((1000.0, 1000.1, "401", None), (1000.05, 1001.0, "200", None), (1020.0, 1020.1, "200", None)),
    ),
    "a list that is missing": ("E1.8", sent((1000.0, 1000.1, "404", None), (1900.0, 1900.1, "200", None))),
    "a batch as big as before": ("E1.9", batches((1000.0, 8, "413"), (1010.0, 5, "200"))),
    "a probe too soon": (
        "P3", sent(*[(1000.0 + n, 1000.5 + n, "502", None) for n in range(5)], (1006.0, 1006.5, "200", None)),
    ),
    "a second probe too soon": (
        "P3",
        sent(*[(1000.0 + n, 1000.5 + n, "502", None) for n in range(5)], (1010.0, 1010.5, "502", None), (1015.0, 1015.5, "200", None)),
    ),
    "two probes": (
        "P3", sent(*[(1000.0 + n, 1000.5 + n, "502", None) for n in range(5)], (1010.0, 1012.0, "200", None), (1011.0, 1011.5, "200", None)),
    ),
    "a single look too many": (
        "R5", sent((1010.0, 1010.1, "200", None), (1040.0, 1040.1, "200", None), route="fetch", ids=("t0",)),
    ),
    "asked for what nobody reads": (
        "R5", sent((1010.0, 1010.1, "200", None), (1040.0, 1040.1, "200", None), ids=("t0",)),
    ),
    "amplified": ("P4", set_(arrived={"g0": 40})),
    "asked twice for one": (
        "P5",
        lambda history: history.wire.extend(
            Sent("g0", 0, at, "list", ("t0",), at + 0.15, "200") for at in (1000.05, 1000.1, 1000.15)
        ),
    ),
    "a slow reader without an end": ("Q1", events(step(1011.0, 1, 15), temper="slow")),
    "a reader without the buttons": ("Q1 buttons", without_buttons),
    "a mailbox that grows": (
        "Q2",
        both(events(*[step(1021.0, n, 46) for n in range(1, 300)], at=1050.0, temper="stuck"), set_(opened_at=START)),
    ),
    "a hook told twice": ("Q4", log((1005.0, "hook.failed", HOOK), (1015.0, "hook.failed", HOOK))),
    "somebody else was cancelled": ("N1", set_(ended="cancelled")),
    "a stream that was closed": ("N1", set_(ended="closed")),
    "a wait that raised what it must not": ("N2", set_(outcomes={"t0": "raised StopAsyncIteration"})),
    "an error nobody caught": ("N5", set_(uncaught=["boom"])),
    "a slow end": ("R1", closing(took=5.1)),
    "something left behind": ("R1", closing(left=("asyncio task",))),
    "used after its end": ("R4", closing(afterwards="nothing")),
    "the credential in the log": ("X1", log((1005.0, "gateway.failing", f"Bearer {CANARY}"))),
    "the credential in an error": ("X1", set_(last_words={"error": f"GatewayDenied({CANARY})"})),
    "a line break in the log": ("X2", log((1005.0, "gateway.failing", "said\nhello"))),
    "a log that never stops": ("X3", log(*[(1005.0 + n, "gateway.failing", "{}") for n in range(11)])),
}  # fmt: skip


def promises_broken(history: History) -> set[str]:
    """Return the names of what *history* breaks."""
    return {violation.promise for violation in judge(history)}


def test_a_good_history_breaks_nothing() -> None:
    """The history that all the others are made of is fine."""
    assert judge(good()) == []


@pytest.mark.parametrize(("promise", "act"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_promise_is_found(promise: str, act: Break) -> None:
    """One thing is wrong, and the checker of that promise says so."""
    history = good()

    act(history)

    assert promise in promises_broken(history)


def test_an_id_may_not_name_two_values() -> None:
    """H11: the same id for another value is found, be it in another reader."""
    history = good()
    clash = step(1011.0, 1, 15)

    class Renamed(Progress):
        @property
        def id(self) -> str:
            return clash.id

    history.sessions[0].got[1] = got(Renamed(*head(1021.0, 2), 46, PICTURE.format(46), None, None, False))  # type: ignore[arg-type, call-arg]

    assert "H11" in promises_broken(history)


def test_a_value_may_not_have_two_ids() -> None:
    """H11: the same change under another id is found: a program that drops duplicates would take it for news."""
    history = good()

    class Renamed(Progress):
        @property
        def id(self) -> str:
            return "another"

    other = Session("g0", 0, "x0", "fast", START, ("t0",), ended="end", ended_at=1031.0)
    other.got = [got(Renamed(*head(1011.0, 1), 15, PICTURE.format(15), None, None, False))]  # type: ignore[arg-type, call-arg]
    history.sessions.append(other)

    assert "H11" in promises_broken(history)


def test_every_checker_can_fail() -> None:
    """No promise has a checker without a history that breaks it."""
    judge(good())

    assert set(PROMISES) - {promise for promise, _ in BROKEN.values()} == {"H11"}
