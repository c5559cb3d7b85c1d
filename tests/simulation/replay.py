"""One seed again, told in words: `python -m tests.simulation.replay 17 --level core`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from mjwatch import Progress, TaskEvent
from tests.simulation.history import Got, History, Session
from tests.simulation.plan import Level, draw
from tests.simulation.promises import Violation, judge
from tests.simulation.world import run

_LINES = 40


def told(history: History, violations: list[Violation], *, lines: int = _LINES) -> str:
    """Return what a seed was, what was wrong with it, and what happened last to those it names."""
    plan = history.plan
    command = f"python -m tests.simulation.replay {plan.seed} --level {plan.level}"
    words = [f"seed {plan.seed} ({plan.level}): {command}"]
    words += [
        f"  gateway {g.name}: {g.family}, {len(g.tales)} tasks, replicas {g.replicas}, every {g.every}"
        for g in plan.gateways
    ]
    words += [
        f"  {s.kind} of g{s.gateway}, {s.begins_at + history.begun_at:.1f} to {s.ends_at + history.begun_at:.1f}"
        for s in plan.spells
    ]
    words += [f"  healed at {history.healed_at:.1f}, lives begun at {history.lives}"]
    for violation in violations[:5]:
        words += [f"  BROKEN {violation.promise}: {violation.words}"]
        words += list(_last_words(history, violation))[-lines:]
    return "\n".join(words)


def _last_words(history: History, violation: Violation) -> Iterator[str]:
    """Go through the history of whoever is named in a violation."""
    for session in history.sessions:
        if f"{session.gateway}/{session.reader} " not in violation.words:
            continue
        yield f"    {session.reader} ({session.temper}, life {session.life}) from {session.begun_at:.3f}: {session.ended} at {session.ended_at:.3f}"
        named = [task_id for task_id in session.ids if f" {task_id}" in violation.words]
        for task_id in named:
            yield f"    truth of {task_id}: {history.truths[session.gateway, task_id]}"
        yield from (f"    {_line(got)}" for got in _about(session, named))


def _about(session: Session, named: list[str]) -> list[Got]:
    return [got for got in session.got if not named or getattr(got.event, "task_id", "") in named]


def _line(got: Got) -> str:
    event = got.event
    if not isinstance(event, TaskEvent):
        return f"{got.at:10.3f} {event.kind}"
    more = f"{event.percent} % {event.note or ''}" if isinstance(event, Progress) else ""
    return (
        f"{got.at:10.3f} {event.task_id} {event.kind} seq {event.seq} skipped {event.skipped} "
        f"restarts {event.restarts} {event.id[:8]} {event.task.status_word} {more}"
    )


def main() -> int:
    """Live one seed; 1 if it breaks a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--level", choices=["core", "http"], default="core")
    parser.add_argument("--wire", action="store_true", help="print the requests, too")
    given = parser.parse_args()
    level: Level = given.level
    history = run(draw(given.seed, level))
    violations = judge(history)
    print(told(history, violations))  # noqa: T201 - a command
    requests = history.wire if given.wire else []
    for sent in requests:
        print(f"{sent.at:10.3f} {sent.gateway} {sent.route} {sent.ids} {sent.outcome} {sent.ended_at:.3f}")  # noqa: T201
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
