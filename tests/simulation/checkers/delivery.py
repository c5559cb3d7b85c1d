"""A3 and A4: delivery, back-pressure and isolation. Q1, Q2, Q4, N1, N2, N5, V1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mjwatch.events import ButtonsAvailable, Final, Success
from tests.simulation.history import History
from tests.simulation.promises import promise

_AT_ONCE = 1e-6


@promise("Q1")
def the_slow_lose_no_end(history: History) -> Iterator[str]:
    """A reader that stalls and then drains gets every end; one who reads what others read gets the same one."""
    for session in history.sessions:
        if session.temper not in {"stuck", "slow", "throttled"} or session.ended != "end":
            continue
        for task_id in session.ids:
            if not any(isinstance(got.event, Final) for got in session.of(task_id)):
                yield f"{session.gateway}/{session.reader} ({session.temper}): no end of {task_id}"


@promise("Q1 buttons")
def the_slow_lose_no_buttons(history: History) -> Iterator[str]:
    """Whoever reads a task to its end is told of the last buttons that anybody was told of in that watch."""
    ends: dict[tuple[str, int, str, str], ButtonsAvailable] = {}
    streams = [
        session
        for session in history.sessions
        if not session.is_hook and not session.finals_only and session.temper != "resumed"
    ]
    for must in (False, True):
        for session in streams:
            for task_id in session.ids:
                got = [one.event for one in session.of(task_id)]
                if not got or not isinstance(got[-1], Success):
                    continue
                key = (session.gateway, session.life, task_id, got[-1].id)
                last = max(
                    (e for e in got if isinstance(e, ButtonsAvailable)), key=lambda e: e.seq, default=None
                )
                if must and key in ends and (last is None or last.seq < ends[key].seq):
                    yield f"{session.gateway}/{session.reader} ({session.temper}): no buttons of {task_id}"
                elif last is not None and (key not in ends or last.seq > ends[key].seq):
                    ends[key] = last


@promise("Q2")
def a_mailbox_is_small(history: History) -> Iterator[str]:
    """What waited for a reader that did not read is three events of a task, up to the mark of compaction."""
    for session in history.sessions:
        if session.temper != "stuck" or session.opened_at is None:
            continue
        at_once = Counter(got.at for got in session.got)
        most = max(at_once.values(), default=0)
        bound = max(256, 2 * (3 * len(session.ids) + 1))
        if most > bound:
            yield f"{session.gateway}/{session.reader}: {most} events waited, of {len(session.ids)} tasks"


@promise("Q4")
def hooks_are_quiet(history: History) -> Iterator[str]:
    """A hook that raises is told once per kind and minute, and of the others nobody hears."""
    told: dict[tuple[str, str], float] = {}
    for line in history.log:
        if line.event != "hook.failed":
            continue
        key = (line.gateway, line.text.partition(", 'suppressed'")[0])
        before = told.get(key)
        if (
            before is not None
            and line.at < before + 60.0 - _AT_ONCE
            and not any(before < one <= line.at for one in history.lives)
        ):
            yield f"{line.gateway}: told twice within {line.at - before:.1f} s: {key[1]}"
        told[key] = line.at


@promise("N1")
def who_leaves_harms_nobody(history: History) -> Iterator[str]:
    """Nobody but the one who was cancelled is cancelled, and no stream is closed before the watcher is."""
    for session in history.sessions:
        if session.ended == "cancelled" and session.temper != "cancelled":
            yield f"{session.gateway}/{session.reader} ({session.temper}) was cancelled"
        if session.ended == "closed" and not session.is_hook:
            yield f"{session.gateway}/{session.reader} ({session.temper}) was closed"


@promise("N2")
def a_wait_ends_in_its_own_words(history: History) -> Iterator[str]:
    """Who gives a wait up, or lets it time out, gets no exception but the documented ones."""
    for session in history.sessions:
        for task_id, outcome in session.outcomes.items():
            if outcome.startswith("raised "):
                yield f"{session.gateway}/{session.reader} ({session.temper}): waiting for {task_id} {outcome}"


@promise("N5")
def nothing_is_left_uncaught(history: History) -> Iterator[str]:
    """No error reaches the loop's handler, and nothing of the program is left when it has ended."""
    yield from history.uncaught


@promise("V1")
def the_late_get_the_present(history: History) -> Iterator[str]:
    """Who comes late is told the present state at once, if there is one."""
    for session in history.sessions:
        if session.temper not in {"fast", "leaving", "raising", "rewatching"} or session.is_hook:
            continue
        for task_id in session.ids:
            others = [
                got
                for other in history.sessions
                if other is not session
                and (other.gateway, other.life) == (session.gateway, session.life)
                and other.begun_at < session.begun_at
                and other.ended_at > session.begun_at
                and not other.is_hook
                for got in other.of(task_id)
                if got.at <= session.begun_at
            ]
            mine = [got for got in session.of(task_id) if got.at <= session.begun_at + _AT_ONCE]
            is_lost = any(
                got.event.kind in {"lost", "expired"}
                for other in history.sessions
                if (other.gateway, other.life) == (session.gateway, session.life)
                for got in other.of(task_id)
                if history.told_at(other, got) <= session.begun_at + _AT_ONCE
            )
            has_left = len(session.got) <= 6 and session.ended in {"left", "raised"}
            known = any(got.at < session.begun_at for got in others)
            if known and not mine and not is_lost and not has_left:
                yield f"{session.gateway}/{session.reader} was told nothing of {task_id} at {session.begun_at:.3f}"
