"""Batches: their size and route follow what the gateway takes, and one bad id does not blind the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mjwatch._policy.batching import Batching, avoided, learned, refreshed
from mjwatch.observations import Verdict

FAR = Batching(("wide", "narrow", "single"), 500)
GOOD = [Verdict.OK]


def ids(number: int) -> tuple[str, ...]:
    """Return the ids "0", "1" and so on."""
    return tuple(map(str, range(number)))


def told(batching: Batching[str], *verdicts: Verdict, now: float = 0.0) -> Batching[str]:
    """Let each of *verdicts* come for a full batch by the route in use."""
    for verdict in verdicts:
        batching = learned(batching, verdict, route=batching.route, asked=batching.limit, now=now)
    return batching


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

    assert told(half, *GOOD * 49).size == 250
    assert told(half, *GOOD * 50).size == 275
    assert told(half, *GOOD * 2_000).size == 500
    one = Batching(("wide", "single"), 500, size=1)
    assert (told(one, *GOOD * 49).size, told(one, *GOOD * 50).size) == (1, 2)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda batching: told(batching, *GOOD), id="grown"),
        pytest.param(lambda batching: told(batching, Verdict.TOO_BIG), id="too big"),
        pytest.param(lambda batching: told(batching, Verdict.UNSUPPORTED), id="another route"),
        pytest.param(lambda batching: refreshed(avoided(batching, 0), 1e9), id="avoided"),
    ],
)
def test_the_count_of_good_replies_begins_anew(change: Callable[[Batching[str]], Batching[str]]) -> None:
    """Fifty of the present size and route: what went well before says nothing about it."""
    changed = change(told(FAR, Verdict.TOO_BIG, Verdict.TOO_BIG, *GOOD * 49))

    assert told(changed, *GOOD * 49).size == changed.size
    assert told(changed, *GOOD * 50).size > changed.size


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


def test_each_time_the_widest_route_is_left_it_is_for_an_hour() -> None:
    """The second time, too: a relay without it is asked for it once an hour, not with each request."""
    again = told(refreshed(told(FAR, Verdict.UNSUPPORTED), 3_600), Verdict.UNSUPPORTED, now=3_600)

    assert refreshed(again, 7_199).route == "narrow"
    assert refreshed(again, 7_200).route == "wide"


def test_single_lookups_teach_nothing_about_lists() -> None:
    """Neither that they may be larger nor that they may be as large as ever."""
    small = told(FAR, *[Verdict.TOO_BIG] * 20, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED)

    assert (small.is_single, small.size) == (True, 1)
    assert told(small, *GOOD * 60, Verdict.BROKEN).size == 1


def test_the_last_route_is_never_left_and_takes_one_id() -> None:
    """There is nothing beyond the single lookup, and it never grows."""
    single = told(FAR, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED)

    assert (single.route, single.limit, single.is_single) == ("single", 1, True)
    assert single == told(single, Verdict.UNSUPPORTED, *GOOD * 60)


def test_replies_by_a_route_already_left_do_not_push_further() -> None:
    """Eight requests under way that are all unsupported cost one route, not eight."""
    narrow = told(FAR, Verdict.UNSUPPORTED)

    assert narrow == learned(narrow, Verdict.UNSUPPORTED, route="wide", asked=500, now=0)


def test_lists_that_fail_for_long_are_avoided_for_a_while() -> None:
    """Single lookups for ten minutes; then the widest is tried again."""
    single = avoided(FAR, 1000)

    assert single.is_single
    assert refreshed(single, 1599).is_single
    assert refreshed(single, 1600).index == 0


def test_a_fault_of_a_single_id_was_never_a_matter_of_size() -> None:
    """A gateway that rejects everything shrinks batches to one; then they are as large as before."""
    small = told(FAR, *[Verdict.TOO_BIG] * 20)
    healed = learned(small, Verdict.BROKEN, route="wide", asked=1, now=0)

    assert (small.limit, healed.limit) == (1, small.ceiling)


def test_a_fault_of_one_id_leaves_the_size_that_was_learned() -> None:
    """Nobody has to find out again how many ids a gateway takes, because it failed once."""
    half = told(FAR, Verdict.TOO_BIG)

    assert learned(half, Verdict.BROKEN, route="wide", asked=1, now=0) == half
