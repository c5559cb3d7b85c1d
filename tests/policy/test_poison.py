"""Who spoils a request is found by halves, accused by proof alone, and kept apart until it is well."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mjwatch._policy.poison import Bisection, Quarantine, Strikes, healed, struck
from mjwatch.observations import Verdict


class Dice(random.Random):
    """Dice that always show the same share of what they could."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        """Return the number that far from *a* to *b*."""
        return a + self.share * (b - a)


def ids(count: int) -> tuple[str, ...]:
    """Return so many ids."""
    return tuple(str(number) for number in range(count))


def strikes(*requests: tuple[float, str, Verdict]) -> Strikes:
    """Return what is held against whom after requests (at, one letter for each id, verdict)."""
    known = Strikes()
    for at, letters, verdict in requests:
        known.took(list(letters), verdict, at)
    return known


@pytest.mark.parametrize(
    ("requests", "suspects"),
    [
        pytest.param([(10, "abc", Verdict.BROKEN)], "", id="once"),
        pytest.param([(0, "abc", Verdict.BROKEN), (5, "abc", Verdict.CORRUPT)], "abc", id="twice"),
        pytest.param([(0, "abc", Verdict.BROKEN), (5, "cde", Verdict.UNREACHABLE)], "c", id="other company"),
        pytest.param([(0, "abc", Verdict.BROKEN), (0.5, "abc", Verdict.BROKEN)], "", id="at once"),
        pytest.param([(0, "abc", Verdict.BROKEN), (1, "abc", Verdict.BROKEN)], "abc", id="a second later"),
        pytest.param(
            [(0, "abc", Verdict.BROKEN), (3, "ab", Verdict.OK), (5, "abc", Verdict.BROKEN)],
            "c",
            id="acquitted",
        ),
        pytest.param([(0, "abc", Verdict.THROTTLED), (5, "abc", Verdict.TOO_BIG)], "", id="no faults"),
        pytest.param([(0, "a", Verdict.BROKEN), (5, "a", Verdict.BROKEN)], "", id="alone"),
    ],
)
def test_who_fails_twice_and_never_goes_well_is_suspected(
    requests: list[tuple[float, str, Verdict]], suspects: str
) -> None:
    """In whatever company; a good reply acquits all whom it was asked for."""
    assert strikes(*requests).suspects(list("abcde")) == tuple(suspects)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        pytest.param([(0, "ab", Verdict.BROKEN), (5, "ab", Verdict.BROKEN)], True, id="never well"),
        pytest.param([(4, "cd", Verdict.OK), (5, "ab", Verdict.BROKEN)], True, id="well before only"),
        pytest.param([(5, "cd", Verdict.OK), (5, "ab", Verdict.BROKEN)], False, id="well meanwhile"),
        pytest.param([(0, "ab", Verdict.BROKEN), (1, "cd", Verdict.OK)], False, id="well since"),
        pytest.param(
            [(5, "ab", Verdict.BROKEN), (7, "cd", Verdict.OK), (9, "ab", Verdict.BROKEN)],
            False,
            id="well between",
        ),
        pytest.param([(0, "cd", Verdict.OK)], True, id="nothing failed"),
    ],
)
def test_where_nothing_goes_well_it_is_an_outage(
    requests: list[tuple[float, str, Verdict]], *, expected: bool
) -> None:
    """Then splitting would multiply the load on a gateway that is down."""
    assert strikes(*requests).is_outage(["a", "b"]) is expected


def test_nothing_is_held_against_anybody_who_went_well_since() -> None:
    """Then a good reply needs no list of whom it was for."""
    known = strikes()

    assert known.is_clear
    known.took(["a", "b"], Verdict.BROKEN, 0)
    assert not known.is_clear
    known.took(["a", "b"], Verdict.OK, 1)
    assert known.is_clear


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


def test_few_ids_are_searched_as_well() -> None:
    """One poison id of them is found whatever it takes, a second one ends the search, and so do 16 requests."""
    one, two, rotten = (searched(Bisection(ids(5)), set(bad)) for bad in ("2", "02", "01234"))
    many = searched(Bisection(ids(12), most=12), set(ids(12)))
    three = searched(Bisection(ids(3)), set("02"))

    assert (one.poison, one.unresolved) == (["2"], ())
    assert (two.poison, two.unresolved) == (["0", "2"], ("3", "4"))
    assert (rotten.poison, rotten.unresolved) == (["0", "1"], ("2", "3", "4"))
    assert (three.poison, three.unresolved) == (["0", "2"], ())
    assert many.requests == 16


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
    strikes = (0, 1, 2, 3, 4, 99_999)
    before = [Quarantine(1.0, number) if number else None for number in strikes]

    assert [struck(one, Dice(1)).look_in for one in before] == [30, 60, 120, 240, 300, 300]
    assert [struck(one, Dice(0.5)).look_in for one in before] == [15, 30, 60, 120, 150, 150]
    assert [struck(one, Dice(0)).look_in for one in before] == [1] * 6


def test_two_good_looks_end_the_quarantine() -> None:
    """One may be luck; a strike in between begins the count anew, and the strikes go on."""
    rng = random.Random(1)
    second = struck(struck(None, rng), rng)
    better = healed(second, rng)

    assert better is not None
    assert (better.strikes, better.good) == (2, 1)
    assert healed(second, Dice(1)) == Quarantine(30, 2, 1)
    assert healed(better, rng) is None
    assert (struck(better, rng).strikes, struck(better, rng).good) == (3, 0)


def test_what_is_held_against_ids_is_bounded() -> None:
    """Who was left after a failure is never seen again: of 100,002 the first two that failed are forgotten."""
    many, known = [str(number) for number in range(100_000)], Strikes()
    for now, ids in ((0, many), (5, many), (9, ["x", "y"])):
        known.took(ids, Verdict.BROKEN, now)

    assert known.suspects(many[:4]) == ("2", "3")
