"""Batches: their size and route follow what the gateway takes, and one bad id does not blind the others."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mjwatch._policy.batching import (
    Batching,
    Bisection,
    Quarantine,
    Spoiled,
    healed,
    is_suspect,
    learned,
    refreshed,
    split,
    spoiled,
    struck,
)
from mjwatch.observations import Verdict

FAR = Batching(("wide", "narrow", "single"), 500)


def ids(number: int) -> tuple[str, ...]:
    """Return the ids "0", "1" and so on."""
    return tuple(map(str, range(number)))


def told(batching: Batching[str], *verdicts: Verdict, now: float = 0.0) -> Batching[str]:
    """Let each of *verdicts* come for a full batch by the route in use."""
    for verdict in verdicts:
        batching = learned(batching, verdict, route=batching.route, asked=batching.limit, now=now)
    return batching


def test_quarantined_ids_travel_alone_and_last() -> None:
    """A batch each, after the others, so that they spoil nothing."""
    assert split(ids(5), 2, alone={"1", "3"}) == [("0", "2"), ("4",), ("1",), ("3",)]


@settings(deadline=None)
@given(st.sets(st.sampled_from(ids(30))), st.integers(1, 7), st.sets(st.sampled_from(ids(30)), max_size=5))
def test_batches_are_a_partition_of_the_ids(due: set[str], size: int, alone: set[str]) -> None:
    """Each id is in exactly one batch, none is empty or too large, and those alone are alone."""
    batches = split(sorted(due), size, alone=alone)

    assert sorted(due) == sorted(task_id for batch in batches for task_id in batch)
    assert all(1 <= len(batch) <= size for batch in batches)
    assert all(len(batch) == 1 for batch in batches if alone.intersection(batch))
    assert len(batches) == -(-len(due - alone) // size) + len(due & alone)


def test_the_widest_route_and_the_ceiling_come_first() -> None:
    """Nothing learned yet: as many ids as possible by the widest route."""
    assert (FAR.route, FAR.limit, FAR.is_single) == ("wide", 500, False)


def test_a_batch_that_is_too_big_is_halved_down_to_one() -> None:
    """Half of what was asked, never less than one id."""
    sizes = [told(FAR, *[Verdict.TOO_BIG] * times).limit for times in (1, 2, 9, 20)]

    assert sizes == [250, 125, 1, 1]


def test_replies_to_larger_requests_do_not_enlarge_the_batch() -> None:
    """A late reply to a request of the former size halves that size, not the present one."""
    small = told(FAR, Verdict.TOO_BIG, Verdict.TOO_BIG)

    assert learned(small, Verdict.TOO_BIG, route="wide", asked=500, now=0).size == 125


def test_the_batch_grows_by_a_tenth_after_fifty_good_replies() -> None:
    """Slowly, by at least one id, and never above the ceiling."""
    half = told(FAR, Verdict.TOO_BIG)

    assert told(half, *[Verdict.OK] * 49).size == 250
    assert told(half, *[Verdict.OK] * 50).size == 275
    assert told(half, *[Verdict.OK] * 2_000).size == 500
    assert told(Batching(("wide", "single"), 500, size=1), *[Verdict.OK] * 50).size == 2


def test_only_full_replies_let_the_batch_grow() -> None:
    """A small batch that went well says nothing about large ones; other verdicts neither count nor set back."""
    half = told(FAR, Verdict.TOO_BIG)

    assert half == learned(half, Verdict.OK, route="wide", asked=249, now=0)
    assert half == told(half, Verdict.BROKEN)
    assert told(FAR, Verdict.OK) == FAR


def test_an_unsupported_route_is_left_for_an_hour() -> None:
    """The next one is used, then the widest is tried again."""
    narrow = told(FAR, Verdict.UNSUPPORTED, now=100)

    assert (narrow.route, narrow.limit) == ("narrow", 500)
    assert refreshed(narrow, 3_699).route == "narrow"
    assert refreshed(narrow, 3_700).route == "wide"
    assert refreshed(FAR, 1e9) == FAR


def test_the_hour_counts_from_the_first_route_that_was_left() -> None:
    """Leaving the second one does not put off the return of the first."""
    narrow = told(FAR, Verdict.UNSUPPORTED, now=0)

    assert refreshed(told(narrow, Verdict.UNSUPPORTED, now=3_000), 3_600).route == "wide"


def test_the_last_route_is_never_left_and_takes_one_id() -> None:
    """There is nothing beyond the single lookup, and it never grows."""
    single = told(FAR, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED)

    assert (single.route, single.limit, single.is_single) == ("single", 1, True)
    assert single == told(single, Verdict.UNSUPPORTED, *[Verdict.OK] * 60)


def test_replies_by_a_route_already_left_do_not_push_further() -> None:
    """Eight requests under way that are all unsupported cost one route, not eight."""
    narrow = told(FAR, Verdict.UNSUPPORTED)

    assert narrow == learned(narrow, Verdict.UNSUPPORTED, route="wide", asked=500, now=0)


def test_the_same_ids_failing_again_are_held_against_them() -> None:
    """The count goes on for the very same set, in any order, and begins anew for another."""
    once = spoiled(None, ["1", "2"], Verdict.CORRUPT, 10)
    twice = spoiled(once, ["2", "1"], Verdict.BROKEN, 20)
    other = spoiled(twice, ["2", "3"], Verdict.UNREACHABLE, 30)

    assert Spoiled(frozenset({"1", "2"}), 2, 10, 20) == twice
    assert Spoiled(frozenset({"2", "3"}), 1, 30, 30) == other


def test_only_an_answer_clears_the_ids() -> None:
    """A throttled request says nothing about them; nor is a single id ever suspected of spoiling others."""
    once = spoiled(None, ["1", "2"], Verdict.CORRUPT, 10)

    assert once == spoiled(once, ["1", "2"], Verdict.THROTTLED, 20)
    assert spoiled(once, ["1", "2"], Verdict.OK, 20) is None
    assert spoiled(None, ["1"], Verdict.CORRUPT, 20) is None


@pytest.mark.parametrize(
    ("count", "last_at", "well_at", "expected"),
    [
        pytest.param(2, 40, 20, True, id="twice, apart, gateway well"),
        pytest.param(1, 10, 20, False, id="once"),
        pytest.param(2, 39, 20, False, id="twice at once"),
        pytest.param(2, 40, None, False, id="gateway never well"),
        pytest.param(2, 40, 9, False, id="gateway well before only"),
    ],
)
def test_a_batch_is_suspect_only_while_the_gateway_is_well(
    count: int, last_at: float, well_at: float | None, expected: bool
) -> None:
    """Splitting during an outage would multiply the load on a gateway that is down."""
    batch = Spoiled(frozenset({"1", "2"}), count, 10, last_at)

    assert expected is is_suspect(batch, interval=30, well_at=well_at)


def searched(search: Bisection, poison: set[str]) -> Bisection:
    """Answer each request as a gateway that fails whenever one of *poison* is in it."""
    while search.ask:
        search.tell(well=poison.isdisjoint(search.ask))
    return search


def test_a_good_left_half_convicts_the_right_one_without_a_request() -> None:
    """Of four ids the last is poison: the left half, then the third, then the last alone."""
    search, asked = Bisection(ids(4)), list[tuple[str, ...]]()
    while search.ask:
        asked.append(search.ask)
        search.tell(well="3" not in search.ask)

    assert asked == [("0", "1"), ("2",), ("3",)]
    assert search.poison == ["3"]


def test_one_poison_in_a_hundred_takes_at_most_fourteen_requests() -> None:
    """Whichever it is: asking each alone would take 100."""
    searches = [searched(Bisection(ids(100)), {bad}) for bad in ids(100)]

    assert [[bad] for bad in ids(100)] == [search.poison for search in searches]
    assert all(search.unresolved == () for search in searches)
    assert max(search.requests for search in searches) <= 14


def test_a_batch_that_failed_by_chance_ends_without_poison() -> None:
    """Nothing is convicted by inference alone."""
    assert searched(Bisection(ids(100)), set()).poison == []
    assert (Bisection(()).ask, Bisection(()).poison) == ((), [])


def test_what_is_unknown_shrinks_with_each_answer() -> None:
    """While the search goes on, every id is known good, known poison or unresolved."""
    search = Bisection(ids(4))

    assert set(ids(4)) == set(search.unresolved)
    search.tell(well=True)
    assert {"2", "3"} == set(search.unresolved)


def test_the_search_ends_where_asking_each_alone_is_cheaper() -> None:
    """Above a tenth of poison, and past its budget, the rest is handed back."""
    rotten = searched(Bisection(ids(100)), set(ids(100)))
    poor = searched(Bisection(ids(100), budget=3), {"0"})

    assert len(rotten.poison) == 11
    assert set(ids(100)) == {*rotten.poison, *rotten.unresolved}
    assert (3, set(ids(100))) == (poor.requests, set(poor.unresolved))


BATCHES = st.integers(1, 120).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1))))


@settings(deadline=None)
@given(BATCHES)
@example((120, set(range(120))))
def test_the_search_finds_exactly_the_poison(batch: tuple[int, set[int]]) -> None:
    """For any set, each poison id costs at most a request for each half on its way down."""
    size, bad = batch
    poison = set(map(str, bad))
    search = searched(Bisection(ids(size), most=size, budget=3 * size), poison)
    levels = (size - 1).bit_length()

    assert sorted(poison) == sorted(search.poison)
    assert search.unresolved == ()
    assert search.requests <= min(2 * size, max(1, len(poison)) * 2 * max(1, levels) + 1)


@settings(deadline=None)
@given(BATCHES)
def test_a_search_given_up_accuses_nobody_wrongly(batch: tuple[int, set[int]]) -> None:
    """With the usual limits too: no good id is poison, no poison id is called good, up to a tenth is exact."""
    size, bad = batch
    poison = set(map(str, bad))
    search = searched(Bisection(ids(size)), poison)

    assert set(search.poison) <= poison <= {*search.poison, *search.unresolved}
    assert search.requests <= max(16, size)
    if len(poison) <= 1:
        assert search.unresolved == ()


def test_five_poisons_in_a_hundred_stay_within_the_budget() -> None:
    """A few bad ids are found for about half of what asking each alone takes."""
    rng = random.Random(5)
    most = 0
    for _ in range(500):
        poison = set(rng.sample(ids(100), 5))
        search = searched(Bisection(ids(100)), poison)
        most = max(most, search.requests)

        assert poison == set(search.poison)
    assert most <= 55


def test_a_poison_id_rests_longer_with_each_strike() -> None:
    """From 30 s to 5 min, by the dice, and never under a second."""
    rng = random.Random(1)
    longest = list[float]()
    for strikes in (0, 1, 2, 3, 4, 99_999):
        before = Quarantine(1.0, strikes) if strikes else None
        rests = [struck(before, rng).look_in for _ in range(2_000)]
        longest.append(max(rests))

        assert min(rests) >= 1
    assert [round(rest / 10) * 10 for rest in longest] == [30, 60, 120, 240, 300, 300]


def test_two_good_looks_end_the_quarantine() -> None:
    """One may be luck; a strike in between begins the count anew, and the strikes go on."""
    rng = random.Random(1)
    second = struck(struck(None, rng), rng)
    better = healed(second, rng)

    assert better is not None
    assert (better.strikes, better.good) == (2, 1)
    assert 1 <= better.look_in <= 30
    assert healed(better, rng) is None
    assert (struck(better, rng).strikes, struck(better, rng).good) == (3, 0)


def test_a_fault_of_a_single_id_was_never_a_matter_of_size() -> None:
    """A gateway that rejects everything shrinks batches to one; then they are as large as before."""
    small = told(FAR, *[Verdict.TOO_BIG] * 20)
    healed = learned(small, Verdict.BROKEN, route="wide", asked=1, now=0)

    assert (small.limit, healed.limit) == (1, small.ceiling)
