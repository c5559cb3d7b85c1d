"""What is the memory store's own: its wheel, its gate, its bounds; and that no sequence of calls confuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from math import inf, nan
from typing import TypeVar

import pytest
from attrs import define
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mjwatch._store.contract import Claim, Gap, Idle, Row, Store, Wish
from mjwatch._store.gate import Gate
from mjwatch._store.log import Log
from mjwatch._store.memory import MemoryStore
from mjwatch._store.wheel import NOWHERE, Wheel
from mjwatch.errors import OffsetExpired

T = TypeVar("T")

LEASE = 25


@define
class Clock:
    """Time that passes when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Say what time it is."""
        return self.now


@define(eq=False)
class Entry:
    """What stands in a wheel here."""

    name: object
    due: int = NOWHERE
    looked_at: float | None = 0.0


def run(step: Coroutine[object, object, T]) -> T:
    """Run a step of the store, which never waits for anything."""
    try:
        step.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the memory store waited for the loop")


def claim(
    store: Store[str],
    limit: int = 10,
    *,
    ahead: float = 0.0,
    linger: float = 0.0,
    gaps: Sequence[Gap] = (),
    pace: float = 0.0,
) -> Claim[str] | Idle:
    """Claim without any gate, unless it is asked for."""
    return run(store.claim(limit, LEASE, ahead=ahead, linger=linger, gaps=gaps, pace=pace))


def take(store: Store[str], limit: int = 10) -> Claim[str]:
    """Claim, and insist that there is something."""
    answer = claim(store, limit)
    assert isinstance(answer, Claim)
    return answer


def finish(store: Store[str], *names: str) -> None:
    """Let ids be watched and end."""
    run(store.watch([Wish(name) for name in names]))
    rows = [Row(name, None, "done", is_over=True) for name in names]
    run(store.commit(take(store, len(names)), rows))


def names(entries: Sequence[Entry]) -> list[object]:
    """Return who was taken."""
    return [entry.name for entry in entries]


class TestWheel:
    def test_first_come_first_served_within_a_millisecond(self) -> None:
        """Thousands that share a millisecond come in the order they were placed."""
        wheel = Wheel[Entry]()
        for i in range(3_000):
            wheel.place([Entry(i)], 7)
        wheel.roll(7)

        assert names(wheel.take(1_000, ahead=0)) == list(range(1_000))
        assert names(wheel.take(5_000, ahead=0)) == list(range(1_000, 3_000))

    def test_order_within_a_tick(self) -> None:
        """One tick holds many milliseconds; they come in their order, and none before its time."""
        wheel = Wheel[Entry]()
        for instant in (19, 16, 18, 17):
            wheel.place([Entry(instant)], instant)
        wheel.roll(17)
        early = names(wheel.take(9, ahead=0))
        rest = wheel.next_due()
        wheel.roll(18)

        assert early == [16, 17]
        assert rest == 18
        assert (wheel.due, names(wheel.take(9, ahead=0))) == (1, [18])

    def test_placed_in_the_past_is_ready(self) -> None:
        """What is due already when it is placed needs no further roll."""
        wheel = Wheel[Entry]()
        wheel.roll(100)
        wheel.place([Entry("old", looked_at=None)], 100)
        wheel.place([Entry("older")], 99)

        assert (wheel.due, wheel.unseen) == (2, 1)
        assert names(wheel.take(9, ahead=0)) == ["old", "older"]
        assert (wheel.due, wheel.unseen, wheel.next_due()) == (0, 0, None)

    def test_placed_together_comes_together(self) -> None:
        """Many in one step, in their order, before what is due later in the same tick."""
        wheel = Wheel[Entry]()
        wheel.place([Entry("late")], 18)
        wheel.place([Entry(i) for i in range(3)], 17)
        wheel.roll(20)

        assert names(wheel.take(9, ahead=0)) == [0, 1, 2, "late"]

    def test_what_comes_back_stands_where_it_belongs(self) -> None:
        """Among those that become due meanwhile, by its own instant."""
        wheel = Wheel[Entry]()
        wheel.place([Entry("early")], 5)
        wheel.place([Entry("late")], 60)
        wheel.roll(99, [Entry("back", due=30)])

        assert names(wheel.take(9, ahead=0)) == ["early", "back", "late"]

    def test_removed_is_gone(self) -> None:
        """Who was removed is not taken, from a slot or from among the due."""
        wheel = Wheel[Entry]()
        here, there, near = Entry("here", looked_at=None), Entry("there"), Entry("near")
        wheel.place([here], 5)
        wheel.place([there, Entry("next")], 500)
        wheel.place([Entry("stays"), near], 6)
        wheel.roll(10)
        for entry in (here, there, near):
            wheel.remove(entry)

        assert (wheel.due, wheel.unseen, wheel.oldest(), wheel.next_due()) == (1, 0, 6, 500)
        assert names(wheel.take(9, ahead=0)) == ["stays"]
        wheel.roll(600)
        assert names(wheel.take(9, ahead=0)) == ["next"]

    def test_the_dead_count_for_nothing(self) -> None:
        """A full batch is taken although some of the due ones were removed, and a slot of dead ones is none."""
        wheel = Wheel[Entry]()
        entries = [Entry(i) for i in range(6)]
        gone = Entry("gone")
        wheel.place(entries, 5)
        wheel.place([gone], 90)
        wheel.roll(5)
        for entry in (*entries[:3:2], gone):
            wheel.remove(entry)

        assert wheel.next_due() is None
        assert names(wheel.take(3, ahead=0)) == [1, 3, 4]
        assert (wheel.due, names(wheel.take(3, ahead=0))) == (1, [5])

    @pytest.mark.parametrize("ahead", [40, 10**9])
    def test_ahead_takes_the_earliest(self, ahead: int) -> None:
        """Riders come earliest first over several ticks, and what is due later stays."""
        wheel = Wheel[Entry]()
        for instant in (139, 120, 101, 108, 10**9 + 200):
            wheel.place([Entry(instant)], instant)
        gone = Entry("gone")
        wheel.place([gone], 121)
        wheel.roll(100)
        wheel.remove(gone)

        assert names(wheel.take(2, ahead=ahead)) == [101, 108]
        assert names(wheel.take(1, ahead=ahead)) == [120]
        assert names(wheel.take(2, ahead=ahead)) == [139]
        assert wheel.next_due() == 10**9 + 200

    @pytest.mark.parametrize("due", [0, 900])
    def test_the_dead_are_dropped(self, due: int) -> None:
        """Ids that come and go while nothing is claimed leave no trail."""
        wheel = Wheel[Entry]()
        wheel.roll(0)
        wheel.place([Entry("stays")], due)
        for i in range(10_000):
            entry = Entry(i)
            wheel.place([entry], due)
            wheel.remove(entry)
            wheel.roll(0)
        kept = len(wheel._ready) + sum(len(slot.entries) for slot in wheel._slots.values())
        wheel.roll(900)

        assert kept < 4_000
        assert names(wheel.take(9, ahead=0)) == ["stays"]

    def test_one_tick_in_batches_is_linear(self) -> None:
        """Eight times as many ids in one millisecond cost eight times as much, not sixty-four times."""
        small, large = (reads_of(size) for size in (1_250, 10_000))

        assert large <= 8.5 * small


class Counted:
    """An entry that counts how often anybody asks when it is due."""

    reads = 0

    def __init__(self) -> None:
        self._due = NOWHERE
        self.looked_at: float | None = None

    @property
    def due(self) -> int:
        """See `Entry`."""
        Counted.reads += 1
        return self._due

    @due.setter
    def due(self, due: int) -> None:
        self._due = due


def reads_of(size: int) -> int:
    """Return how often a due time is read while one tick is emptied in batches of 50."""
    wheel = Wheel[Counted]()
    for _ in range(size):
        wheel.place([Counted()], 7)
    Counted.reads = taken = 0
    while taken < size:
        wheel.roll(7)
        batch = wheel.take(50, ahead=0)
        wheel.place(batch, 25_000)
        taken += len(batch)
    return Counted.reads


class TestGate:
    def test_what_is_no_number_does_not_wait(self) -> None:
        """Infinite and undefined intervals never make a wait that is no number, or negative."""
        gate = Gate()
        gate.hold(nan)

        assert (gate.held(0.0), gate.wait(0.0, [Gap(inf)], inf)) == (0.0, 0.0)
        gate.spend(0.0, [Gap(inf)])
        assert gate.wait(1.0, [Gap(nan)], nan) == 0.0
        assert gate.wait(1.0, [], inf) == inf

    def test_opening_early_owes_nothing(self) -> None:
        """Requests that pacing did not wait for push the next one no further than its distance."""
        gate = Gate()
        for now in range(10):
            gate.spend(float(now), [])

        assert gate.wait(9.0, [], 5.0) == 5.0


class TestBounds:
    def test_finished_are_bounded(self) -> None:
        """The id that ended first is forgotten first; one watched again and ended again counts as new."""
        store = MemoryStore[str](clock=Clock(), finished_size=2)
        finish(store, "a", "b")
        run(store.watch([Wish("c")]))
        run(store.unwatch(["c"]))
        finish(store, "d")

        assert [known.watch.id for known in run(store.known(["a", "b", "c", "d"]))] == ["c", "d"]

    def test_finished_are_forgotten_in_time(self) -> None:
        """After the retention an id that ended is as good as never heard of."""
        clock = Clock()
        store = MemoryStore[str](clock=clock, retention=60)
        finish(store, "a")
        clock.now += 30
        finish(store, "b")
        clock.now += 30
        kept = [known.watch.id for known in run(store.known(["a", "b"]))]
        (known,) = run(store.watch([Wish("a")]))

        assert kept == ["b"]
        assert (known.is_watched, known.state) == (True, None)

    @pytest.mark.parametrize("bound", ["max_watches", "log_size", "finished_size", "retention"])
    def test_bounds_are_positive(self, bound: str) -> None:
        """A bound of nothing is refused when the store is built."""
        bounds = {bound: 0}

        with pytest.raises(ValueError, match=bound):
            MemoryStore[str](clock=Clock(), **bounds)

    @pytest.mark.parametrize(("next_in", "due_in"), [(nan, 0), (-5, 0), (inf, 10 * 365 * 86_400)])
    def test_no_due_time_is_out_of_reach(self, next_in: float, due_in: float) -> None:
        """Whatever pacing says, an id is never stuck in no time at all."""
        store = MemoryStore[str](clock=Clock())
        run(store.watch([Wish("a")]))
        run(store.commit(take(store), [Row("a", next_in)]))

        assert run(store.known(["a"]))[0].due_in == due_in

    def test_waiting_readers_leave_nothing_behind(self) -> None:
        """A reader that gives up waiting is not kept by the log."""
        log = Log(size=2)

        async def give_up() -> None:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(log.growth(), 0)

        asyncio.run(give_up())

        assert not log._waiting

    def test_negative_offset_has_expired(self) -> None:
        """No log reaches back before its beginning."""
        with pytest.raises(OffsetExpired):
            Log(size=2).since(-1)


instants = st.floats(min_value=0, max_value=2e9, allow_nan=False)
spans = st.floats(min_value=0, max_value=40, allow_nan=False)


@given(
    start=instants,
    dues=st.lists(spans, min_size=1, max_size=4),
    intervals=st.lists(st.tuples(spans, st.integers(1, 3)), max_size=2),
    pace=spans,
    linger=spans,
    hair=st.sampled_from([-1e-6, 0.0, 1e-6]),
)
@example(start=1.7e9 + 0.1, dues=[0.1], intervals=[(0.1, 1)], pace=0.3, linger=0.7, hair=-1e-6)
def test_sleeping_as_told_leads_to_a_claim(
    start: float,
    dues: list[float],
    intervals: list[tuple[float, int]],
    pace: float,
    linger: float,
    hair: float,
) -> None:
    """Who sleeps as long as it was told, give or take what floats lose, is told three more waits at most."""
    clock = Clock(start)
    store = MemoryStore[str](clock=clock)
    gaps = [Gap(interval, burst) for interval, burst in intervals]
    run(store.watch([Wish(str(i)) for i in range(len(dues))]))
    run(store.commit(take(store), [Row(str(i), due) for i, due in enumerate(dues)]))
    run(store.claim(0, LEASE, ahead=0, linger=0, gaps=gaps, pace=0))

    for _ in dues:
        waits = []
        while isinstance(answer := claim(store, 2, gaps=gaps, pace=pace, linger=linger), Idle):
            waits.append(answer.wait)
            clock.now += answer.wait + hair
            assert len(waits) <= 3  # until due, until the gate opens, until the batch went stale
        assert all(0 < wait < inf for wait in waits)


@given(
    many=st.integers(1, 30),
    limit=st.integers(1, 7),
    waits=st.lists(st.floats(0, 5), min_size=1, max_size=5),
    step=st.floats(0.001, 3),
)
def test_nobody_starves(many: int, limit: int, waits: list[float], step: float) -> None:
    """Whoever is due is claimed before anybody is claimed who came due later, so within as many claims as all take."""
    clock = Clock(1_000.0)
    store = MemoryStore[str](clock=clock)
    ids = [str(number) for number in range(many)]
    run(store.watch([Wish(task_id) for task_id in ids]))
    due_at = dict.fromkeys(ids, clock.now)
    waited = dict.fromkeys(ids, 0)

    for turn in range(60):
        clock.now += step
        due = [
            task_id for task_id in ids if due_at[task_id] <= clock.now - 0.002
        ]  # the store counts milliseconds
        answer = claim(store, limit)
        taken = [] if isinstance(answer, Idle) else [row.id for row in answer.rows]
        for task_id in due:
            waited[task_id] = 0 if task_id in taken else waited[task_id] + 1
        assert max(waited.values()) <= -(-many // limit)
        for place, task_id in enumerate(taken):
            wait = waits[(turn + place) % len(waits)]
            due_at[task_id], waited[task_id] = clock.now + wait, 0
            assert not isinstance(answer, Idle)
            run(store.commit(answer, [Row(task_id, wait)]))


@define
class Model:
    """One watched id as the contract has it: a plain dict of these is the whole store."""

    due_ms: int
    stamp: int = 0
    is_nudged: bool = False
    is_discarded: bool = False
    is_kept: bool = False
    state: str | None = None


IDS = [f"id-{i}" for i in range(6)]
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=4)
steps = st.sampled_from([0, 1, 3, 16, 250, 1_000, 24_999, 25_000, 60_000])


def test_wishes_share_their_terms() -> None:
    """Tasks that are wished for alike weigh one set of terms, also where they were watched before."""
    store = MemoryStore[str](clock=Clock(1_000.0))
    for is_kept in (False, True):
        run(store.watch([Wish(id_, is_kept=is_kept) for id_ in IDS]))
    rows = take(store).rows

    assert [row.id for row in rows] == IDS
    assert len({id(row.terms) for row in rows}) == 1
    assert rows[0].terms.is_kept


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of calls, checked against a dict that is sorted whenever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(1_000.0)
        self.now_ms = 1_000_000
        self.store = MemoryStore[str](clock=self.clock)
        self.watched: dict[str, Model] = {}
        self.states: dict[str, str | None] = {}
        self.over: set[str] = set()
        self.claims: list[Claim[str]] = []

    @rule(ids=some_ids, is_kept=st.booleans())
    def watch(self, ids: list[str], is_kept: bool) -> None:
        """Watch some, again or anew; some of them until their end."""
        known = run(self.store.watch([Wish(id_, is_kept=is_kept) for id_ in ids]))
        for id_ in ids:
            if id_ not in self.watched and id_ not in self.over:
                self.watched[id_] = Model(self.now_ms, state=self.states.get(id_))
            if id_ in self.watched:
                self.watched[id_].is_kept |= is_kept
        assert [k.is_watched for k in known] == [id_ in self.watched for id_ in ids]

    @rule(ids=some_ids)
    def unwatch(self, ids: list[str]) -> None:
        """Leave some, perhaps under way."""
        left = [id_ for id_ in dict.fromkeys(ids) if id_ in self.watched and not self.watched[id_].is_kept]
        for id_ in left:
            self.states[id_] = self.watched.pop(id_).state
        assert run(self.store.unwatch(ids)) == left

    @rule(ids=some_ids)
    def nudge(self, ids: list[str]) -> None:
        """Hasten some, perhaps under way."""
        run(self.store.nudge(ids))
        self.hasten(ids)

    @rule(ids=some_ids)
    def discard(self, ids: list[str]) -> None:
        """Discard some, perhaps under way."""
        known = [id_ for id_ in dict.fromkeys(ids) if id_ in self.watched]
        assert run(self.store.discard(ids)) == known
        self.hasten(ids)
        for id_ in known:
            self.watched[id_].is_discarded = True

    @rule(limit=st.integers(1, 4), ahead_ms=st.sampled_from([0, 0, 2, 500]))
    def claim(self, limit: int, ahead_ms: int) -> None:
        """Take what is due, and nothing that is leased."""
        due = sorted(m.due_ms for m in self.watched.values() if m.due_ms <= self.now_ms)
        soon = sorted(
            m.due_ms
            for m in self.watched.values()
            if self.now_ms < m.due_ms <= self.now_ms + ahead_ms and not m.stamp
        )
        answer = claim(self.store, limit, ahead=ahead_ms / 1000)
        if isinstance(answer, Idle):
            next_ms = min((m.due_ms for m in self.watched.values()), default=inf)
            assert due == []
            assert answer.wait == pytest.approx((next_ms - self.now_ms) / 1000)
            return
        taken = [self.watched[row.watch.id] for row in answer.rows]
        assert [m.due_ms for m in taken] == (due + soon)[:limit] if due else []
        assert [row.watch.is_discarded for row in answer.rows] == [m.is_discarded for m in taken]
        assert [row.state for row in answer.rows] == [m.state for m in taken]
        assert all(m.stamp < answer.stamp for m in taken)
        for model in taken:
            model.due_ms, model.stamp, model.is_nudged = self.now_ms + LEASE * 1000, answer.stamp, False
        self.claims.append(answer)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), next_ms=st.none() | steps, is_over=st.booleans())
    def commit(self, data: st.DataObject, next_ms: int | None, is_over: bool) -> None:
        """Give back the rows of any claim there ever was, in time or late."""
        claimed = data.draw(st.sampled_from(self.claims))
        next_in = None if next_ms is None else next_ms / 1000
        state = data.draw(st.none() | st.text(max_size=2))
        rows = [Row(row.watch.id, next_in, state, is_over=is_over) for row in claimed.rows]
        committed = run(self.store.commit(claimed, rows))
        refused = []
        for row in rows:
            model = self.watched.get(row.id)
            if model is None or model.stamp != claimed.stamp:
                refused.append(row.id)
                continue
            model.state = model.state if state is None else state
            model.stamp = 0
            model.due_ms = self.now_ms + (0 if model.is_nudged else next_ms or 0)
            if next_ms is None:
                self.states[row.id] = self.watched.pop(row.id).state
                self.over |= {row.id} if is_over else set()
        assert committed.refused == tuple(refused)

    @rule(step_ms=steps)
    def pass_time(self, step_ms: int) -> None:
        """Let time pass, from nothing to more than a lease."""
        self.now_ms += step_ms
        self.clock.now = self.now_ms / 1000

    def hasten(self, ids: list[str]) -> None:
        """Make ids due now in the model."""
        for id_ in ids:
            model = self.watched.get(id_)
            if model is not None and model.stamp:
                model.is_nudged = True
            elif model is not None:
                model.due_ms = min(model.due_ms, self.now_ms)

    @invariant()
    def counts_agree(self) -> None:
        """As many are watched and under way as the model says, and everyone stands where it should."""
        counts = run(self.store.counts())
        leased_ids = [id_ for id_, model in self.watched.items() if model.stamp]
        assert (counts.watched, counts.leased) == (len(self.watched), len(leased_ids))
        assert counts.finished == len(self.states.keys() - self.watched.keys())
        wheel, held = self.store._queue._wheel, self.store._queue._leases
        waiting = [entry for slot in wheel._slots.values() for entry in slot.entries if entry.due != NOWHERE]
        ready = [entry for entry in wheel._ready if entry.due != NOWHERE]
        leased = [record for stamp in held._open for record in held.rest(stamp)]
        assert [lease.left for lease in held._open.values()] == [len(held.rest(one)) for one in held._open]
        assert len(leased) == len(leased_ids)
        standing = {entry.id for entry in (*waiting, *ready, *leased)}
        assert standing == set(self.watched)
        assert (wheel.due, wheel._placed - wheel._dead) == (len(ready), len(waiting))
        assert sorted(wheel._ticks) == sorted(wheel._slots)
        assert all(a.due <= b.due for a, b in pairwise(ready))

    @invariant()
    def nobody_is_stuck(self) -> None:
        """Each watched id is due, scheduled or leased, at the instant the model says."""
        for known in run(self.store.known()):
            model = self.watched[known.watch.id]
            due_in = 0.0 if model.stamp else max(0.0, (model.due_ms - self.now_ms) / 1000)
            assert known.due_in == pytest.approx(due_in)

    def teardown(self) -> None:
        """In the end everyone who is still watched can be claimed."""
        if self.watched:
            self.clock.now += 100_000
            assert {row.watch.id for row in take(self.store, 99).rows} == set(self.watched)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
