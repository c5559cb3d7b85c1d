"""The rare things that seeds are run for: each must have happened in some seed, or the run proves less than it says.

Pure, and from the outside: a label is read off a history (events, requests, log lines, outcomes), never told by the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mjwatch import ButtonsAvailable, Expired, Failure, InputRequired, Lost, Progress, Success, TaskEvent
from tests.simulation.checkers.politeness import CAP, asked_for
from tests.simulation.history import Got, History, Sent, Session

Test = Callable[[History], bool]


def _any_event(test: Callable[[History, Session, Got], bool]) -> Test:
    return lambda history: any(
        test(history, session, got) for session in history.sessions for got in session.got
    )


def _any_sent(test: Callable[[Sent], bool]) -> Test:
    return lambda history: any(test(sent) for sent in history.wire)


def _any_line(event: str) -> Test:
    return lambda history: any(line.event == event for line in history.log)


def _outcome(*names: str) -> Test:
    return _any_sent(lambda sent: sent.outcome in names)


def _waited(outcome: str) -> Test:
    return lambda history: any(outcome in session.outcomes.values() for session in history.sessions)


def _ended(how: str) -> Test:
    return lambda history: any(session.ended == how for session in history.sessions)


def _fired(kind: str) -> Test:
    return lambda history: history.fired.get(kind, 0) > 0


def _tempered(*tempers: str, ended: str = "end") -> Test:
    return lambda history: any(s.temper in tempers and s.ended == ended and s.got for s in history.sessions)


def _told_truth(history: History, session: Session, got: Got, *kinds: str) -> bool:
    event = got.event
    return isinstance(event, TaskEvent) and history.truths[session.gateway, event.task_id].kind in kinds


def _pairs(history: History) -> Iterator[tuple[Sent, Sent]]:
    """Return each request with the next one to the same gateway."""
    last: dict[tuple[str, int], Sent] = {}
    for sent in history.wire:
        before = last.get((sent.gateway, sent.life))
        if before is not None:
            yield before, sent
        last[sent.gateway, sent.life] = sent


def _expired_while_down(history: History) -> bool:
    for session in history.sessions:
        for got in session.got:
            if isinstance(got.event, Expired) and got.event.reason == "deadline":
                told_at = history.told_at(session, got)
                before = [s for s in history.sent_by(session.gateway, session.life) if s.ended_at <= told_at]
                if before and before[-1].outcome not in {"200", "204"}:
                    return True
    return False


def _after(first: Iterable[str], then: Callable[[Sent, Sent], bool]) -> Test:
    return lambda history: any(
        before.outcome in first and then(before, after) for before, after in _pairs(history)
    )


def _conflated(history: History) -> bool:
    """Return True if somebody who was there from before gets the first event of a task as not the first."""
    return any(
        got[0].event.skipped > 0 and history.told_at(session, got[0]) > session.opened_at  # type: ignore[union-attr]
        for session in history.sessions
        if session.temper == "stuck" and session.opened_at is not None
        for got in (session.of(task_id) for task_id in session.ids)
        if got
    )


def _replayed(history: History) -> bool:
    return any(
        s.got and s.got[0].at == s.begun_at and s.of(s.ids[0]) for s in history.sessions if not s.is_hook
    )


def _replayed_end(history: History) -> bool:
    return any(
        got.at == session.begun_at and got.event.final
        for session in history.sessions
        if not session.is_hook
        for got in session.got
    )


def _told_in_two_lives(history: History) -> bool:
    lives: dict[str, set[int]] = {}
    for session in history.sessions:
        for got in session.got:
            lives.setdefault(got.event.id, set()).add(session.life)
    return any(len(found) > 1 for found in lives.values())


LABELS: Final[dict[str, Test]] = {
    # what went wrong
    "a connection was lost": _outcome("GatewayUnreachable"),
    "a reply was cut": _outcome("GatewayBroken"),
    "429 without Retry-After": _any_sent(lambda sent: sent.outcome == "429" and sent.retry_after is None),
    "429 with Retry-After": _any_sent(lambda sent: sent.outcome == "429" and asked_for(sent) is not None),
    "503 with Retry-After": _any_sent(lambda sent: sent.outcome == "503" and asked_for(sent) is not None),
    "hostile Retry-After": _any_sent(lambda sent: bool(sent.retry_after) and asked_for(sent) in {None, CAP}),
    "saturated": _any_sent(lambda sent: '"code":30' in sent.marks),
    "a server error": _outcome("500", "502", "503", "504", "520"),
    "a web page": _any_sent(lambda sent: sent.outcome == "200" and sent.marks.startswith("<!DOCTYPE")),
    "an empty reply": _any_sent(lambda sent: sent.outcome == "200" and sent.is_empty),
    "denied": _outcome("401", "403"),
    "a redirect": _outcome("302"),
    "black hole": _fired("black_hole"),
    "refused": _fired("refused"),
    "ids left out of lists": _fired("omit"),
    "half a page": _fired("half_page"),
    "everything forgotten for a while": _fired("amnesia"),
    "rows shown twice": _fired("twins"),
    "stray rows": _fired("strays"),
    "the machine slept": _fired("suspended"),
    "the wall clock jumped": _fired("wall jump"),
    "a crash": _fired("crash"),
    "a request was called off": _outcome("cancelled"),
    # what the gateway was asked
    "a hold at the cap": _after(("429",), lambda before, after: asked_for(before) == CAP and after.at >= before.ended_at + CAP),
    "a smaller batch after 413": _after(("413",), lambda before, after: 0 < len(after.ids) < len(before.ids)),
    "another route after 404": _after(("404", "405"), lambda before, after: before.route != after.route),
    "a loss confirmed alone": lambda history: any(
        sent.route == "fetch" and any(other.route != "fetch" for other in history.sent_by(sent.gateway))
        for sent in history.wire
    ),
    # what was told
    "unreachable": _any_line("gateway.failing"),
    "recovered": _any_line("gateway.recovered"),
    "a fault raised before the first answer": _ended("refused"),
    "success": _any_event(lambda _h, _s, got: isinstance(got.event, Success)),
    "failure": _any_event(lambda _h, _s, got: isinstance(got.event, Failure)),
    "cancelled at the gateway": _any_event(
        lambda h, s, got: isinstance(got.event, Failure) and _told_truth(h, s, got, "cancelled")
    ),
    "lost, never seen": _any_event(lambda h, s, got: isinstance(got.event, Lost) and _told_truth(h, s, got, "unknown")),
    "lost, once seen": _any_event(
        lambda _h, _s, got: isinstance(got.event, Lost) and "no longer" in got.event.reason
    ),
    "found after it was missing": _any_event(
        lambda h, s, got: isinstance(got.event, Success) and _told_truth(h, s, got, "absent")
    ),
    "expired": _any_event(lambda _h, _s, got: isinstance(got.event, Expired) and got.event.reason == "deadline"),
    "expired while down": _expired_while_down,
    "discarded": _any_event(lambda _h, _s, got: isinstance(got.event, Expired) and got.event.reason == "discarded"),
    "a window": _any_event(lambda _h, _s, got: isinstance(got.event, InputRequired)),
    "a window answered": _any_event(
        lambda h, s, got: isinstance(got.event, Success) and _told_truth(h, s, got, "modal", "modal_twice")
    ),
    "a window never answered": _any_event(
        lambda h, s, got: isinstance(got.event, Expired) and _told_truth(h, s, got, "modal_ignored")
    ),
    "a restart": _any_event(lambda _h, _s, got: isinstance(got.event, Progress) and got.event.restarted),
    "buttons that came late": _any_event(
        lambda h, s, got: isinstance(got.event, ButtonsAvailable) and _told_truth(h, s, got, "settling")
    ),
    "a picture that came late": _any_event(
        lambda h, s, got: isinstance(got.event, Success) and _told_truth(h, s, got, "late_picture")
    ),
    "the first of two ends": _any_event(
        lambda h, s, got: isinstance(got.event, Success) and _told_truth(h, s, got, "conflicting")
    ),
    # who read it
    "conflated for a slow reader": _conflated,
    "looked up": lambda history: any(
        outcome.startswith("shown") for session in history.sessions for outcome in session.outcomes.values()
    ),
    "a lookup that was given up": _fired("lookup given up"),
    "a throttled reader": _tempered("throttled"),
    "a late reader": _replayed,
    "a reader of what had ended": _replayed_end,
    "resumed by its offset": _tempered("resumed"),
    "left in the middle": _ended("left"),
    "a bug in the loop's body": _ended("raised"),
    "cancelled in the middle": _ended("cancelled"),
    "tasks added to an open stream": _tempered("adding_on"),
    "waited for a success": _waited("success"),
    "waited for a failure": _waited("failure"),
    "waited too briefly": _waited("timeout"),
    "a hook that raised": _any_line("hook.failed"),
    "a hook that hung": _any_line("hook.slow"),
    "a blocking hook": _tempered("hook blocking"),
    "told again after a crash": _told_in_two_lives,
}  # fmt: skip

HTTP_ONLY: Final[dict[str, Test]] = {
    "replies in slices": _fired("sliced"),
    "connections torn": _fired("torn"),
    "a slow network": _fired("jittered"),
}


def reached(history: History) -> list[str]:
    """Return the labels of a run."""
    tests = LABELS | HTTP_ONLY if history.plan.level == "http" else LABELS
    return [name for name, test in tests.items() if test(history)]
