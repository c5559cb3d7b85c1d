"""
What every store promises. A new store is one line in `MAKERS`; nothing here knows what a state is.

Ids that become due in the same millisecond may come in any order, so the tests keep them apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from math import inf
from typing import Protocol

import pytest
from attrs import define

from mjwatch._store.contract import (
    Alike,
    Claim,
    Committed,
    Counts,
    EventLog,
    Gap,
    Idle,
    Known,
    Row,
    Store,
    Wish,
)
from mjwatch._store.memory import MemoryStore
from mjwatch.errors import OffsetExpired, StoreError, TooManyWatches
from mjwatch.events import Event, Lost, Recovered
from mjwatch.tasks import Task

LEASE = 25


@define
class Clock:
    """Time that passes when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Say what time it is."""
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class MakeStore(Protocol):
    """Build a store of strings; all bounds are optional."""

    def __call__(
        self,
        *,
        clock: Callable[[], float],
        max_watches: int = ...,
        log_size: int = ...,
        finished_size: int = ...,
    ) -> Store[str]:
        """Build it."""
        ...


MAKERS: dict[str, MakeStore] = {
    "memory": MemoryStore[str],
}


@pytest.fixture(params=MAKERS)
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    """Each kind of store in turn."""
    return MAKERS[request.param]


@pytest.fixture
def clock() -> Clock:
    """The clock of the store."""
    return Clock()


@pytest.fixture
async def store(make_store: MakeStore, clock: Clock) -> AsyncIterator[Store[str]]:
    """An empty store with the usual bounds."""
    store = make_store(clock=clock)
    yield store
    await store.aclose()


async def claim(
    store: Store[str],
    limit: int = 10,
    *,
    ahead: float = 0.0,
    linger: float = 0.0,
    gaps: Sequence[Gap] = (),
    pace: float = 0.0,
    company: float = 0.0,
) -> Claim[str] | Idle:
    """Claim without any gate, unless it is asked for."""
    return await store.claim(limit, LEASE, ahead=ahead, linger=linger, gaps=gaps, pace=pace, company=company)


async def take(store: Store[str], limit: int = 10, *, ahead: float = 0.0) -> Claim[str]:
    """Claim, and insist that there is something."""
    return expect(await claim(store, limit, ahead=ahead))


async def give_back(store: Store[str], claimed: Claim[str], next_in: float = 60) -> None:
    """Commit all rows as looked at and unchanged."""
    await store.commit(claimed, [Row(id_, next_in) for id_ in ids(claimed)])


async def watch_from_now(store: Store[str], *names: str, next_in: float = 60) -> None:
    """Watch ids that were looked at just now."""
    await store.watch([Wish(name) for name in names])
    await give_back(store, await take(store, len(names)), next_in)


async def know(store: Store[str], id_: str) -> Known[str]:
    """Return what is known of one id."""
    (known,) = await store.known([id_])
    return known


def expect(answer: Claim[str] | Idle) -> Claim[str]:
    """Insist on a claim."""
    assert isinstance(answer, Claim)
    return answer


def ids(answer: Claim[str] | Idle) -> list[str]:
    """Return which ids were claimed."""
    return [row.watch.id for row in expect(answer).rows]


def told(at: int) -> Recovered:
    """Build a gateway event."""
    return Recovered("gateway", float(at), 1.0, float(at))


def lost(id_: str) -> Lost:
    """Build an event of a task."""
    return Lost(Task(id_), "gateway", None, 1_000.0, 1, 0, 0, "unknown id")


async def read(log: EventLog) -> list[tuple[int, Event]]:
    """Read one batch, or fail rather than hang."""
    async with asyncio.timeout(1):
        return list(await anext(log))


class TestWatch:
    async def test_new_id_is_due_at_once(self, store: Store[str]) -> None:
        """A new id is watched, without a state, and due now."""
        (known,) = await store.watch([Wish("a", tag="t", deadline_in=60)])

        assert (known.is_watched, known.state, known.due_in) == (True, None, 0.0)
        assert (
            known.watch.id,
            known.watch.tag,
            known.watch.watched_at,
            known.watch.deadline_at,
        ) == ("a", "t", 1_000.0, 1_060.0)

    async def test_known_in_the_order_of_the_wishes(self, store: Store[str]) -> None:
        """The answer stands in the order of the question, repeated ids included."""
        known = await store.watch([Wish("b"), Wish("a"), Wish("b", tag="t")])

        assert [(k.watch.id, k.watch.tag) for k in known] == [("b", "t"), ("a", None), ("b", "t")]

    async def test_interest_merges_upwards(self, store: Store[str], clock: Clock) -> None:
        """The later deadline, the last tag given, progress if anybody wants it; since when stays."""
        await store.watch([Wish("a", tag="first", deadline_in=60, wants_progress=False)])
        clock.pass_(5)
        await store.watch([Wish("a", tag="second", deadline_in=10, wants_progress=True)])
        (known,) = await store.watch([Wish("a", deadline_in=20, wants_progress=False)])

        assert (
            known.watch.tag,
            known.watch.watched_at,
            known.watch.deadline_at,
            known.watch.wants_progress,
        ) == ("second", 1_000.0, 1_060.0, True)

    @pytest.mark.parametrize("order", [(None, 60.0), (60.0, None)])
    async def test_deadline_left_to_the_kind(
        self, store: Store[str], order: tuple[float | None, float | None]
    ) -> None:
        """Whoever leaves the deadline to the task's kind has it watched no shorter, and others no shorter than they wish."""
        for deadline_in in order:
            await store.watch([Wish("a", deadline_in=deadline_in)])
        watch = (await know(store, "a")).watch

        assert (watch.is_by_kind, watch.deadline_at) == (True, 1_060.0)

    @pytest.mark.parametrize("order", [(True, False), (False, True)])
    async def test_kept_until_its_end(self, store: Store[str], order: tuple[bool, bool]) -> None:
        """What somebody keeps is not left with its last reader, whoever came first; after its end it is kept no more."""
        for is_kept in order:
            await store.watch([Wish("a", is_kept=is_kept), Wish("b")])
        assert await store.unwatch(["a", "b"]) == ["b"]
        assert (await know(store, "a")).is_watched

        await store.commit(await take(store), [Row("a", None, "lost")])
        await store.watch([Wish("a")])

        assert await store.unwatch(["a"]) == ["a"]

    async def test_another_wish_does_not_hasten(self, store: Store[str]) -> None:
        """A further wish for a watched id leaves its due time alone."""
        await watch_from_now(store, "a")
        (known,) = await store.watch([Wish("a")])

        assert known.due_in == 60.0

    async def test_finished_id_only_answers(self, store: Store[str]) -> None:
        """What is over is not watched again: its state is the answer."""
        await store.watch([Wish("a")])
        await store.commit(await take(store), [Row("a", None, "done", is_over=True)])
        (known,) = await store.watch([Wish("a")])

        assert (known.is_watched, known.state, known.due_in) == (False, "done", None)
        assert Idle(inf) == await claim(store)

    async def test_lost_id_is_looked_for_again(self, store: Store[str], clock: Clock) -> None:
        """What was lost or expired is watched anew, with its old state and tag, its own deadline, not discarded."""
        await store.watch([Wish("a", tag="t", deadline_in=60)])
        await store.discard(["a"])
        await store.commit(await take(store), [Row("a", None, "seen")])
        clock.pass_(5)
        await store.watch([Wish("a", wants_progress=False)])
        (row,) = (await take(store)).rows

        assert (row.state, row.looked_at) == ("seen", None)
        assert (
            row.watch.tag,
            row.watch.watched_at,
            row.watch.deadline_at,
            row.watch.wants_progress,
            row.watch.is_discarded,
        ) == ("t", 1_005.0, None, False, False)

    async def test_left_id_goes_on(self, store: Store[str], clock: Clock) -> None:
        """What its last reader left keeps its state, and is due at once for the next."""
        await store.watch([Wish("a", tag="old")])
        await store.commit(await take(store), [Row("a", 60, "seen")])
        assert await store.unwatch(["a", "unheard of", "a"]) == ["a"]
        left = await know(store, "a")
        clock.pass_(5)
        (known,) = await store.watch([Wish("a", tag="new", deadline_in=10)])

        assert (left.is_watched, left.state) == (False, "seen")
        assert (known.is_watched, known.state, known.due_in) == (True, "seen", 0.0)
        assert (known.watch.tag, known.watch.deadline_at) == ("new", 1_015.0)

    async def test_bound_of_watches(self, make_store: MakeStore, clock: Clock) -> None:
        """One watch too many refuses the whole call and names the bound; known ids need no room."""
        store = make_store(clock=clock, max_watches=2)
        await store.watch([Wish("a")])

        with pytest.raises(TooManyWatches, match=r"bound of 2: .*Limits\(max_watches="):
            await store.watch([Wish("b"), Wish("c")])
        assert (await store.counts()).watched == 1
        await store.watch([Wish("a"), Wish("b"), Wish("b")])
        assert (await store.counts()).watched == 2

    async def test_over_needs_no_room(self, make_store: MakeStore, clock: Clock) -> None:
        """What is over is answered also when no further watch fits."""
        store = make_store(clock=clock, max_watches=1)
        await store.watch([Wish("a")])
        await store.commit(await take(store), [Row("a", None, "done", is_over=True)])
        await store.watch([Wish("b")])
        known = await store.watch([Wish("a"), Wish("b")])

        assert [k.is_watched for k in known] == [False, True]


class TestClaim:
    async def test_nothing_watched(self, store: Store[str]) -> None:
        """An empty store says: not before something is watched."""
        assert Idle(inf) == await claim(store)

    async def test_earliest_due_first(self, store: Store[str], clock: Clock) -> None:
        """Rows come earliest due first, and no more than asked for."""
        await store.watch([Wish("a"), Wish("b"), Wish("c")])
        await store.commit(await take(store), [Row("a", 3), Row("b", 1), Row("c", 2)])
        clock.pass_(5)

        assert ids(await claim(store, 2)) == ["b", "c"]
        assert ids(await claim(store, 2)) == ["a"]

    async def test_idle_until_the_next_is_due(self, store: Store[str], clock: Clock) -> None:
        """Nothing due: come back when something is."""
        await watch_from_now(store, "a", next_in=7)
        idle = await claim(store)
        clock.pass_(7)

        assert Idle(7.0) == idle
        assert ids(await claim(store)) == ["a"]

    async def test_ahead(self, store: Store[str], clock: Clock) -> None:
        """What is due soon rides along, but never starts a claim, and what is leased is left alone."""
        await store.watch([Wish("a"), Wish("b"), Wish("c"), Wish("d")])
        await store.commit(await take(store), [Row("a", 10), Row("b", 12), Row("c", 11), Row("d", 13)])
        early = await claim(store, ahead=60)
        clock.pass_(10)
        first = await claim(store, 2, ahead=2)
        second = await claim(store, ahead=60)
        clock.pass_(2)

        assert Idle(10.0) == early
        assert ids(first) == ["a", "c"]
        assert isinstance(second, Idle)
        assert ids(await claim(store, ahead=60)) == ["b", "d"]

    async def test_row_says_when_it_was_looked_at(self, store: Store[str], clock: Clock) -> None:
        """`looked_at` is the last commit that had made a request, and an unchanged look keeps the state."""
        await store.watch([Wish("a")])
        back = [Row("a", 0, "seen"), Row[str]("a", 0, was_looked_at=False), None]
        read = []
        for row in back:
            answer = await take(store)
            read += [(answer.now, one.looked_at, one.state) for one in answer.rows]
            clock.pass_(1)
            if row is not None:
                await store.commit(answer, [row])

        assert read == [(1_000.0, None, None), (1_001.0, 1_001.0, "seen"), (1_002.0, 1_001.0, "seen")]

    async def test_the_rest_comes_back_together(self, store: Store[str], clock: Clock) -> None:
        """`Alike` without ids is all that a claim still has: neither what is given back beside it nor what left."""
        await store.watch([Wish(name) for name in "abcd"])
        answer = await take(store)
        await store.commit(answer, [Row("a", None, "over", is_over=True)])
        await store.unwatch(["b"])
        clock.pass_(1)
        kept = await store.commit(answer, [Alike(None, 5.0), Row("c", 2.0, "seen")])
        again = await store.commit(answer, [Alike(None, 0.0)])
        due = {one.watch.id: (one.due_in, one.state) for one in await store.known()}

        assert (kept, again) == (Committed(2), Committed(0))
        assert due == {"c": (2.0, "seen"), "d": (5.0, None)}

    async def test_the_rest_of_a_lease_that_ran_out(self, store: Store[str], clock: Clock) -> None:
        """What nobody else claimed meanwhile comes back; what somebody has stays theirs."""
        await store.watch([Wish("a"), Wish("b")])
        late = await take(store)
        clock.pass_(LEASE + 1)
        theirs = await take(store, 1)
        kept = await store.commit(late, [Alike(None, 5.0)])

        assert (ids(theirs), kept) == (["a"], Committed(1))
        assert [one.due_in for one in await store.known()] == [0.0, 5.0]

    async def test_lease_that_ran_out(self, store: Store[str], clock: Clock) -> None:
        """A leased id is nobody else's until the lease ends; then it is due again."""
        await store.watch([Wish("a")])
        first = await take(store)
        idle = await claim(store)
        clock.pass_(LEASE)
        second = await take(store)

        assert Idle(LEASE) == idle
        assert ids(second) == ["a"]
        assert first.stamp < second.stamp

    async def test_linger(self, store: Store[str], clock: Clock) -> None:
        """A batch that is not full waits until its oldest id has been due for so long; a full one goes."""
        await store.watch([Wish("a")])
        clock.pass_(1)
        await store.watch([Wish("b")])

        assert Idle(2.0) == await claim(store, 3, linger=3)
        assert ids(await claim(store, 1, linger=3)) == ["a"]
        clock.pass_(3)
        assert ids(await claim(store, 3, linger=3)) == ["b"]


class TestCommit:
    async def test_late_commit_is_refused(self, store: Store[str], clock: Clock) -> None:
        """Once somebody else has claimed an id, the first one's states and events are refused, row by row."""
        await watch_from_now(store, "b", next_in=LEASE - 1)
        await store.watch([Wish("a")])
        first = await take(store)
        clock.pass_(LEASE - 1)
        other = await take(store)
        clock.pass_(1)
        second = await take(store)
        committed = await store.commit(
            first, [Row("a", 60, "late", events=(lost("a"),)), Row("b", 60, "never")]
        )
        counts = await store.counts()
        await store.commit(second, [Row("a", 60, "right")])

        assert (ids(other), ids(second)) == (["b"], ["a"])
        assert (committed.kept, committed.refused) == (0, ("a", "b"))
        assert counts.offset == 0
        assert (await know(store, "a")).state == "right"

    async def test_late_commit_nobody_minds(self, store: Store[str], clock: Clock) -> None:
        """A lease that ran out, but that nobody took up, may still be committed."""
        await store.watch([Wish("a")])
        late = await take(store)
        clock.pass_(LEASE + 5)
        committed = await store.commit(late, [Row("a", 60, "late")])

        assert (committed.kept, committed.refused) == (1, ())
        assert Idle(60.0) == await claim(store)

    async def test_a_tag_given_during_the_lease_stands_in_the_events(self, store: Store[str]) -> None:
        """The last tag wins, also over events that were made before it was given: its hook must hear the end."""
        await store.watch([Wish("a")])
        log = store.events()
        claimed = await take(store)
        await store.watch([Wish("a", tag="t")])
        await store.commit(claimed, [Row("a", None, "done", events=(lost("a"),), is_over=True)])

        assert [event.tag for _, event in await read(log) if isinstance(event, Lost)] == ["t"]

    async def test_row_is_given_back_once(self, store: Store[str]) -> None:
        """A second row for the same id is refused."""
        await store.watch([Wish("a")])
        committed = await store.commit(await take(store), [Row("a", 60, "one"), Row("a", 60, "two")])

        assert (committed.kept, committed.refused) == (1, ("a",))
        assert (await know(store, "a")).state == "one"

    async def test_nudge_of_a_free_id(self, store: Store[str]) -> None:
        """A nudge makes an id due now, and ids that are not watched are ignored."""
        await watch_from_now(store, "a", "b")
        await store.nudge(["b", "unheard of"])

        assert ids(await claim(store)) == ["b"]

    async def test_nudge_never_delays(self, store: Store[str], clock: Clock) -> None:
        """A nudged id that is due already keeps its place."""
        await store.watch([Wish("a")])
        clock.pass_(1)
        await store.watch([Wish("b")])
        await store.nudge(["a"])

        assert ids(await claim(store)) == ["a", "b"]

    async def test_nudge_of_a_leased_id(self, store: Store[str]) -> None:
        """A nudge during the flight takes nothing from it, and makes the id due right after, once."""
        await store.watch([Wish("a")])
        first = await take(store)
        await store.nudge(["a"])
        during = await claim(store)
        await give_back(store, first)
        second = await take(store)
        await give_back(store, second)

        assert Idle(LEASE) == during
        assert ids(second) == ["a"]
        assert Idle(60.0) == await claim(store)

    async def test_discard_of_a_free_id(self, store: Store[str]) -> None:
        """Discarding makes an id due now, marked; the pump ends it."""
        await watch_from_now(store, "a")
        discarded = await store.discard(["a", "a", "unheard of"])
        (row,) = (await take(store)).rows

        assert discarded == ["a"]
        assert row.watch.is_discarded

    async def test_discard_of_a_leased_id(self, store: Store[str]) -> None:
        """Discarding an id under way is seen by the claim right after."""
        await store.watch([Wish("a")])
        first = await take(store)
        await store.discard(["a"])
        await give_back(store, first)
        (row,) = (await take(store)).rows

        assert row.watch.is_discarded

    async def test_end_outweighs_a_nudge(self, store: Store[str]) -> None:
        """A row that ends a watch ends it, nudged or not."""
        await store.watch([Wish("a")])
        claimed = await take(store)
        await store.nudge(["a"])
        await store.commit(claimed, [Row("a", None, "done", is_over=True)])

        assert Idle(inf) == await claim(store)

    @pytest.mark.parametrize("again", [[], [Wish("a")]], ids=["left", "watched again"])
    async def test_unwatched_under_way(self, store: Store[str], again: list[Wish]) -> None:
        """The commit of an id that was left under way is refused, even if it is watched again by now."""
        await store.watch([Wish("a")])
        claimed = await take(store)
        await store.unwatch(["a"])
        await store.watch(again)
        committed = await store.commit(claimed, [Row("a", 60, "late", events=(lost("a"),))])
        counts = await store.counts()

        assert (committed.kept, committed.refused) == (0, ("a",))
        assert (len(again), 0, 0) == (counts.watched, counts.leased, counts.offset)
        assert (await know(store, "a")).state is None

    async def test_stamps_rise_within_a_millisecond(self, store: Store[str]) -> None:
        """Claims and commits that share an instant are still told apart."""
        await store.watch([Wish("a")])
        first = await take(store)
        await give_back(store, first, next_in=0)
        second = await take(store)
        committed = await store.commit(first, [Row("a", 0)])

        assert first.stamp < second.stamp
        assert committed.refused == ("a",)


class TestGate:
    async def test_gaps_with_burst(self, store: Store[str], clock: Clock) -> None:
        """A window lets its burst through at once, then one request each interval; the slowest window counts."""
        gaps = [Gap(1, burst=3), Gap(10, burst=5)]
        waits = []
        for _ in range(8):
            answer = await claim(store, 0, gaps=gaps)
            waits.append(answer.wait if isinstance(answer, Idle) else 0.0)
            clock.pass_(waits[-1])

        assert waits == [0, 0, 0, 1, 0, 1, 0, 8]

    async def test_interval_may_change(self, store: Store[str], clock: Clock) -> None:
        """A gap counts from the last request, whatever the interval was then."""
        await claim(store, 0, gaps=[Gap(1)])
        clock.pass_(2)

        assert Idle(3.0) == await claim(store, 0, gaps=[Gap(5)])
        assert isinstance(await claim(store, 0, gaps=[Gap(2)]), Claim)

    async def test_shut_gap_keeps_due_ids(self, store: Store[str], clock: Clock) -> None:
        """While a gap is shut nothing is leased; when it opens the ids are still there."""
        await store.watch([Wish("a")])
        await claim(store, 0, gaps=[Gap(5)])

        assert Idle(5.0) == await claim(store, gaps=[Gap(5)])
        clock.pass_(5)
        assert ids(await claim(store, gaps=[Gap(5)])) == ["a"]

    async def test_idle_claim_spends_nothing(self, store: Store[str]) -> None:
        """A claim that finds nothing due, or lingers, does not pass the gate."""
        nothing_due = await claim(store, gaps=[Gap(5)])
        await store.watch([Wish("a")])
        lingering = await claim(store, gaps=[Gap(5)], linger=3)

        assert [Idle(inf), Idle(3.0)] == [nothing_due, lingering]
        assert isinstance(await claim(store, gaps=[Gap(5)]), Claim)

    async def test_pace(self, store: Store[str], clock: Clock) -> None:
        """Pacing keeps its distance to the last request."""
        await watch_from_now(store, "a", "b", next_in=5)
        clock.pass_(5)
        await claim(store, 1, pace=4)

        assert Idle(4.0) == await claim(store, 1, pace=4)
        clock.pass_(4)
        assert ids(await claim(store, 1, pace=4)) == ["b"]

    async def test_never_looked_at_opens_early(self, store: Store[str], clock: Clock) -> None:
        """A due id that was never looked at does not wait for pacing, only for the gaps; its request counts."""
        await watch_from_now(store, "old", next_in=5)
        clock.pass_(5)
        await claim(store, 0)
        await store.watch([Wish("new")])
        early = expect(await claim(store, pace=9))
        await give_back(store, early, next_in=0)

        assert ids(early) == ["old", "new"]
        assert Idle(9.0) == await claim(store, pace=9)

    async def test_never_looked_at_waits_for_company(self, store: Store[str], clock: Clock) -> None:
        """So soon after a poll it rides with others; where such ids fill a batch, or one is nudged, it goes at once."""
        await watch_from_now(store, "old", next_in=5)
        clock.pass_(5)
        await give_back(store, expect(await claim(store)), next_in=60)
        await store.watch([Wish("a")])
        waiting = await claim(store, 2, pace=9, company=1)
        sooner = await claim(store, 2, pace=0.5, company=1)
        await store.watch([Wish("b")])
        full = expect(await claim(store, 2, pace=9, company=1))
        await store.watch([Wish("c")])
        clock.pass_(1)
        together = expect(await claim(store, 2, pace=9, company=1))
        await store.nudge(["old"])
        nudged = expect(await claim(store, 2, pace=9, company=1))

        assert [waiting, sooner] == [Idle(1.0), Idle(0.5)]
        assert [ids(one) for one in (full, together, nudged)] == [["a", "b"], ["c"], ["old"]]

    async def test_never_looked_at_obeys_the_gaps(self, store: Store[str]) -> None:
        """The gateway's budget holds for new ids too."""
        await claim(store, 0, gaps=[Gap(5)])
        await store.watch([Wish("new")])

        assert Idle(5.0) == await claim(store, gaps=[Gap(5)], pace=9)

    async def test_watched_again_opens_early(self, store: Store[str]) -> None:
        """An id that was left and is watched again counts as never looked at."""
        await watch_from_now(store, "a")
        await store.unwatch(["a"])
        await store.watch([Wish("a")])

        assert ids(await claim(store, pace=9)) == ["a"]

    async def test_hold_hands_out_due_rows(self, store: Store[str], clock: Clock) -> None:
        """While a hold shuts the gate, due rows come with `held` above zero, so that deadlines pass in time."""
        await store.watch([Wish("a")])
        await store.commit(await take(store), [Row("a", 1)], hold=30)
        clock.pass_(1)
        held = await take(store)
        await store.commit(held, [Row("a", held.held, was_looked_at=False)])

        assert (held.held, ids(held)) == (29.0, ["a"])
        assert Idle(29.0) == await claim(store)
        clock.pass_(29)
        assert (await take(store)).held == 0.0

    async def test_hold_spends_no_gap(self, store: Store[str], clock: Clock) -> None:
        """What is handed out during a hold is no request, and waits for no gap."""
        await store.watch([Wish("a"), Wish("b")])
        first = await claim(store, 1, gaps=[Gap(60)])
        await store.commit(expect(first), [Row("a", 60)], hold=60)
        held = await claim(store, gaps=[Gap(60)], linger=9)
        await give_back(store, expect(held), next_in=60)
        clock.pass_(60)

        assert ids(held) == ["b"]
        assert isinstance(await claim(store, gaps=[Gap(60)]), Claim)

    async def test_hold_is_never_shortened(self, store: Store[str]) -> None:
        """The longer of two holds counts."""
        await store.watch([Wish("a"), Wish("b")])
        await store.commit(await take(store, 1), [Row("a", 60)], hold=30)
        await store.commit(await take(store, 1), [Row("b", 60)], hold=5)

        assert (await take(store, 0)).held == 30.0

    async def test_request_that_is_no_poll(self, store: Store[str]) -> None:
        """`limit=0` passes the gate without rows; during a hold it passes nothing and says how long."""
        await store.watch([Wish("a")])
        free = await claim(store, 0, gaps=[Gap(5)])
        shut = await claim(store, 0, gaps=[Gap(5)])
        claimed = await claim(store)
        await store.commit(expect(free), [], hold=30)
        held = await claim(store, 0, gaps=[Gap(5)])

        assert (expect(free).held, ids(free)) == (0.0, [])
        assert Idle(5.0) == shut
        assert ids(claimed) == ["a"]
        assert (expect(held).held, ids(held)) == (30.0, [])


class TestEvents:
    async def test_told_comes_first(self, store: Store[str]) -> None:
        """One commit enters the log as one batch: what was told, then each row's events, offsets without a hole."""
        log = store.events()
        await store.watch([Wish("a"), Wish("b")])
        rows = [Row[str]("a", None, events=(lost("a"),)), Row("b", None, events=(lost("b"), lost("b")))]
        await store.commit(await take(store), rows, told=[told(1)])

        assert [(1, told(1)), (2, lost("a")), (3, lost("b")), (4, lost("b"))] == await read(log)

    async def test_reading_from_now_or_from_an_offset(self, store: Store[str]) -> None:
        """A reader gets what comes, or everything after an offset."""
        await tell(store, 1, 2)
        since_one, since_all, from_now = store.events(1), store.events(0), store.events()
        await tell(store, 3)

        assert [offset for offset, _ in await read(since_all)] == [1, 2, 3]
        assert [offset for offset, _ in await read(since_one)] == [2, 3]
        assert [offset for offset, _ in await read(from_now)] == [3]

    async def test_two_readers(self, store: Store[str]) -> None:
        """Each reader gets everything, also if both wait."""
        logs = [store.events(), store.events()]
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(log)) for log in logs]
            await asyncio.sleep(0)
            await tell(store, 1)

        assert [[(1, told(1))]] * 2 == [reader.result() for reader in readers]

    @pytest.mark.parametrize("is_told_before", [False, True])
    async def test_cancelled_reader_loses_nothing(self, store: Store[str], is_told_before: bool) -> None:
        """A cancelled wait leaves the events for the next, also if they came in the same moment."""
        log = store.events()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(read(log))
            await asyncio.sleep(0)
            if is_told_before:
                await tell(store, 1)
            reader.cancel()
            if not is_told_before:
                await tell(store, 1)

        assert reader.cancelled()
        assert [(1, told(1))] == await read(log)

    async def test_one_waiter_each(self, store: Store[str]) -> None:
        """Two asyncio tasks must not wait on one reader; the first is not disturbed."""
        log = store.events()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(read(log))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="open one log for each reader"):
                await read(log)
            await tell(store, 1)

        assert [(1, told(1))] == reader.result()

    async def test_trimmed_past_the_offset(self, make_store: MakeStore, clock: Clock) -> None:
        """What was trimmed is never skipped silently."""
        store = make_store(clock=clock, log_size=2)
        await tell(store, 1, 2, 3)

        with pytest.raises(OffsetExpired, match="begins at offset 2"):
            await read(store.events(0))
        assert [offset for offset, _ in await read(store.events(1))] == [2, 3]

    async def test_slow_reader_is_told(self, make_store: MakeStore, clock: Clock) -> None:
        """A reader that the log ran away from gets an error, not a hole."""
        store = make_store(clock=clock, log_size=2)
        log = store.events()
        await tell(store, 1, 2, 3)

        with pytest.raises(OffsetExpired):
            await read(log)

    async def test_offset_of_another_life(self, store: Store[str]) -> None:
        """An offset the log never came to is refused, also once the log has passed it."""
        log = store.events(2)
        await tell(store, 1, 2, 3)

        with pytest.raises(OffsetExpired, match="newer than the log"):
            await read(log)

    async def test_closed_reader_ends(self, store: Store[str]) -> None:
        """Closing one reader ends that one, even while it waits, and no other."""
        log, other = store.events(), store.events()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(drain(log))
            other_reader = tasks.create_task(read(other))
            await asyncio.sleep(0)
            await log.aclose()
            await tell(store, 1)

        assert reader.result() == []
        assert [(1, told(1))] == other_reader.result()

    async def test_closed_store_ends_readers(self, store: Store[str]) -> None:
        """Closing the store ends its readers, those who wait and those who come back."""
        waiting, idle = store.events(), store.events()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(drain(waiting))
            await asyncio.sleep(0)
            await store.aclose()

        assert reader.result() == []
        assert await drain(idle) == []


async def tell(store: Store[str], *instants: int) -> None:
    """Put gateway events into the log."""
    claimed = await take(store, 0)
    await store.commit(claimed, [], told=[told(at) for at in instants])


async def drain(log: EventLog) -> list[tuple[int, Event]]:
    """Read until the log ends."""
    async with asyncio.timeout(1):
        return [entry async for batch in log for entry in batch]


class TestNotes:
    async def test_notes_are_kept(self, store: Store[str]) -> None:
        """A note comes back as it was last written; one never written is None."""
        await store.note("pacing", b"old")
        await store.note("pacing", b"\x00new")

        assert await store.recall("pacing") == b"\x00new"
        assert await store.recall("governor") is None

    async def test_notes_are_bounded(self, store: Store[str]) -> None:
        """Notes are few and small; one that does not fit is refused by name."""
        await store.note("fits", bytes(64 * 1024))
        with pytest.raises(StoreError, match="'large'"):
            await store.note("large", bytes(64 * 1024 + 1))
        for i in range(999):
            await store.note(f"key-{i}", b"")
        with pytest.raises(StoreError, match="'one too many'"):
            await store.note("one too many", b"")
        await store.note("fits", b"rewritten")

        assert await store.recall("fits") == b"rewritten"


class TestKnown:
    async def test_known_by_id(self, store: Store[str]) -> None:
        """Ids are answered in order, also those no longer watched; unheard-of ones are left out."""
        await store.watch([Wish("a"), Wish("b"), Wish("c")])
        await store.unwatch(["b"])
        await take(store, 1)
        known = await store.known(["c", "unheard of", "b", "a"])

        assert [k.watch.id for k in known] == ["c", "b", "a"]
        assert [k.is_watched for k in known] == [True, False, True]
        assert [k.due_in for k in known] == [0.0, None, 0.0]

    async def test_known_by_tag(self, store: Store[str]) -> None:
        """Without ids the watched ones are meant, of one tag or all, up to a limit."""
        await store.watch([Wish("a", tag="t"), Wish("b"), Wish("c", tag="t"), Wish("d", tag="t")])
        await store.unwatch(["d"])

        assert {"a", "b", "c"} == {k.watch.id for k in await store.known()}
        assert {"a", "c"} == {k.watch.id for k in await store.known(tag="t")}
        assert [k.watch.id for k in await store.known(["b", "c"], tag="t")] == ["c"]
        assert len(await store.known(limit=2)) == 2

    async def test_counts(self, store: Store[str]) -> None:
        """What is watched, under way, finished and logged is counted."""
        await store.watch([Wish(name) for name in "abcd"])
        claimed = await take(store)
        await store.commit(claimed, [Row("a", None, events=(lost("a"),)), Row("b", 60)])
        await store.unwatch(["b"])

        assert Counts(watched=2, leased=2, finished=2, logged=1, offset=1) == await store.counts()

    async def test_leases_are_counted_once(self, store: Store[str], clock: Clock) -> None:
        """A lease that ran out and was taken up again is one id under way."""
        await store.watch([Wish("a")])
        await take(store)
        clock.pass_(LEASE)
        await take(store)
        under_way = (await store.counts()).leased
        await store.unwatch(["a"])

        assert under_way == 1
        assert (await store.counts()).leased == 0


class TestClose:
    async def test_closed_store_refuses(self, store: Store[str]) -> None:
        """After closing everything is refused by a StoreError that says so; closing twice is fine."""
        claimed = await take(store, 0)
        await store.aclose()
        await store.aclose()

        for call in (
            store.watch([]),
            store.unwatch([]),
            store.discard([]),
            store.nudge([]),
            claim(store),
            store.commit(claimed, []),
            store.recall("key"),
            store.note("key", b""),
            store.known(),
            store.counts(),
        ):
            with pytest.raises(StoreError, match="closed"):
                await call
        with pytest.raises(StoreError, match="closed"):
            store.events()
