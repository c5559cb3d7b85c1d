"""What each look and the mere passing of time tell: values in, events out."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from mjwatch._policy.fold import SETTLE_AFTER, Folded, due_at, elapse, fold, soonest_end
from mjwatch._policy.state import State
from mjwatch.events import (
    ButtonsAvailable,
    Eta,
    Expired,
    Failure,
    InputRequired,
    Lost,
    Progress,
    Success,
    TaskEvent,
)
from mjwatch.observations import Finding, Garbled, Missing, Observation, Unchanged, Watch
from mjwatch.settings import Deadlines
from mjwatch.tasks import Action, Button, FailureKind, Media, Status
from tests.support.builders import GATEWAY, WATCH, run, seen, state_with

URL = "https://cdn.example/1.png"
BUTTONS = (Button("MJ::JOB::upsample::1"),)
BARE = seen(Status.SUCCESS, 100)
DONE = seen(Status.SUCCESS, 100, image_url=URL)
WINDOW = seen(Status.MODAL)
HOUR = 3_600.0


def said(told: Folded) -> list[tuple[str, int, int | None]]:
    """Return kind, seq and percent of each event."""
    return [(event.kind, event.seq, getattr(event, "percent", None)) for event in told.events]


def last(told: Folded) -> TaskEvent:
    """Return the last event."""
    return told.events[-1]


def elapsed(told: Folded, now: float, wish: Watch = WATCH) -> Folded:
    """Let time pass until *now*."""
    after = elapse(told.state, wish, now, gateway=GATEWAY, deadlines=Deadlines())
    return Folded(told.state) if after is None else after


def lost_after(looks: int, *, every: float, first: Finding | None = None) -> Folded:
    """Miss the id *looks* times by single lookups."""
    begun = [] if first is None else [(0.0, first)]
    return run(*begun, *[(look * every, Missing(single=True)) for look in range(1, looks + 1)])


def test_the_first_look_tells_the_present_state() -> None:
    """Everything a reader needs stands in the event."""
    look = seen(percent=31, image_url=URL, note="fast")
    told = run((5, look), wish=replace(WATCH, tag="mine"))

    assert told.events == (
        Progress(look.task, GATEWAY, "mine", 5, 1, 0, 0, 31, URL, "fast", None, restarted=False),
    )


def test_the_first_look_tells_how_long_it_may_take() -> None:
    """As forecast from the state that is kept."""
    asked: list[State] = []

    def eta(state: State) -> Eta:
        asked.append(state)
        return Eta(10.0, 20.0)

    told = fold(None, seen(percent=31), WATCH, 5.0, gateway=GATEWAY, eta=eta)

    assert [getattr(event, "eta", None) for event in told.events] == [Eta(10.0, 20.0)]
    assert [(state.percent, state.changed_at) for state in asked] == [(31, 5.0)]


def test_the_first_look_is_told_also_where_it_shows_nothing() -> None:
    """Neither a word nor a number: that the gateway knows the task is the present state."""
    assert said(run((0, seen(Status.UNKNOWN, status_word="")))) == [("progress", 1, None)]


def test_a_whole_life_is_told_in_order() -> None:
    """Each change once, the buttons before the end, the end last, without a gap in the count."""
    told = run(
        (0, seen(Status.NOT_START)),
        (5, seen(Status.SUBMITTED, 0)),
        (10, seen(percent=31)),
        (15, seen(percent=93, buttons=BUTTONS)),
        (20, seen(Status.SUCCESS, 100, image_url=URL, buttons=(*BUTTONS, Button("2")))),
    )

    assert said(told) == [
        ("progress", 1, None),
        ("progress", 2, 0),
        ("progress", 3, 31),
        ("progress", 4, 93),
        ("buttons", 5, None),
        ("buttons", 6, None),
        ("success", 7, None),
    ]


def test_a_success_carries_its_results() -> None:
    """Pictures, films and words as the gateway showed them."""
    media = (Media(URL),)
    look = seen(Status.SUCCESS, image_url=URL, images=media, videos=media, text="a cat")

    assert run((7, look)).events == (Success(look.task, GATEWAY, None, 7, 1, 0, 0, media, media, "a cat"),)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(seen(percent=40), id="the same"),
        pytest.param(seen(percent=40, description="other", digest=7), id="another field"),
        pytest.param(seen(percent=40, image_url=None, finished_at=9.0), id="another time"),
        pytest.param(seen(percent=None), id="no number"),
        pytest.param(seen(percent=39), id="a lower number"),
        pytest.param(seen(note="Waiting to start"), id="the words of the beginning"),
        pytest.param(seen(Status.SUBMITTED, 50), id="an earlier status"),
        pytest.param(WINDOW, id="a frozen window"),
        pytest.param(Unchanged(), id="unchanged"),
        pytest.param(Garbled(), id="garbled"),
        pytest.param(Missing(single=False), id="missing once"),
    ],
)
def test_what_is_stale_or_no_news_tells_nothing(again: Finding) -> None:
    """One cause, one event: a repeated, lagging or meaningless reply is silent."""
    told = run((0, seen(percent=40)), (5, again), (10, again))

    assert said(told) == [("progress", 1, 40)]


def test_previews_that_differ_in_rand_only_are_the_same_picture() -> None:
    """new-api writes `?rand=` anew on every read; another address is news."""
    told = run(*[(n, seen(percent=15, image_url=f"{URL}?rand={n}")) for n in range(5)])
    moved = run((9, seen(percent=15, image_url="https://cdn.example/2.png")), state=told.state)

    assert said(told) == [("progress", 1, 15)]
    assert said(moved) == [("progress", 2, 15)]


def test_free_text_instead_of_a_number_is_a_note() -> None:
    """The percent stays unknown, the words are told."""
    told = run((0, seen(Status.SUBMITTED, note="Waiting to start")), (5, seen(Status.SUBMITTED, 0)))

    assert [(event.note, event.percent) for event in told.events if isinstance(event, Progress)] == [
        ("Waiting to start", None),
        (None, 0),
    ]


def test_a_word_we_do_not_know_takes_nothing_back() -> None:
    """The task is as far as before, so an earlier status is still the past."""
    odd = seen(Status.UNKNOWN, 40, status_word="RESUMING")
    told = run((0, seen(percent=40)), (5, odd), (10, seen(Status.SUBMITTED, 50)))

    assert said(told) == [("progress", 1, 40), ("progress", 2, 40)]


def test_the_percent_does_not_fall_where_the_status_advances() -> None:
    """The highest number of the run stands, though a later status began lower."""
    told = run((0, seen(Status.SUBMITTED, 10)), (5, seen(percent=0)), (10, seen(percent=15)))

    assert said(told) == [("progress", 1, 10), ("progress", 2, 10), ("progress", 3, 15)]


@pytest.mark.parametrize(
    ("instants", "expected"),
    [
        pytest.param((10, 40), 0, id="two looks"),
        pytest.param((10, 20, 39), 0, id="29 s"),
        pytest.param((10, 20, 40), 1, id="three looks over 30 s"),
        pytest.param((10, 11, 12, 13, 40), 1, id="more looks"),
    ],
)
def test_a_restart_is_told_once_it_is_confirmed(instants: tuple[float, ...], expected: int) -> None:
    """A lower value in three looks over thirty seconds, and no earlier."""
    told = run((0, seen(percent=93)), *[(now, seen(percent=15)) for now in instants])
    restarts = [event for event in told.events if isinstance(event, Progress) and event.restarted]

    assert len(restarts) == told.state.restarts == expected
    assert all((event.percent, event.restarts, event.seq) == (15, 1, 2) for event in restarts)


def test_a_restart_is_told_where_nothing_but_the_number_went() -> None:
    """Back in the queue, under the very words of before."""
    running, queued = seen(percent=40, note="fast"), seen(note="fast")
    told = run((0, running), (10, queued), (20, queued), (40, queued))

    assert said(told) == [("progress", 1, 40), ("progress", 2, None)]


@pytest.mark.parametrize("early", [seen(Status.SUBMITTED, 20), seen(Status.UNKNOWN, status_word="")])
def test_after_a_restart_no_status_is_the_past(early: Observation) -> None:
    """Also where it was told by a word that we do not know, which is not as far as the run before."""
    odd = seen(Status.UNKNOWN, 15, status_word="RETRYING")
    told = run((0, seen(percent=93)), (10, odd), (20, odd), (40, odd), (50, early))

    assert said(told) == [("progress", 1, 93), ("progress", 2, 15), ("progress", 3, early.task.percent or 15)]


def test_a_look_that_is_not_behind_ends_the_suspicion() -> None:
    """Three lagging replies count only without a fresh one between them."""
    low, high = seen(percent=15), seen(percent=40)
    told = run((0, high), (10, low), (20, low), (30, high), (40, low), (50, low))

    assert said(told) == [("progress", 1, 40)]
    assert told.state.aside is not None
    assert told.state.aside.relapse is not None


def test_progress_goes_on_after_a_restart() -> None:
    """The new run has its own highest number."""
    low = seen(Status.SUBMITTED, 0)
    told = run((0, seen(percent=93)), (10, low), (20, low), (40, low), (50, seen(percent=15)))

    assert said(told) == [("progress", 1, 93), ("progress", 2, 0), ("progress", 3, 15)]
    assert [getattr(event, "restarted", None) for event in told.events] == [False, True, False]


def test_a_reply_is_decoded_again_while_something_is_to_be_confirmed() -> None:
    """A digest is kept only for a reply that would tell nothing if it came again."""
    fresh = run((0, seen(percent=40, digest=7)))

    assert fresh.state.digest == 7
    assert run((5, seen(percent=15, digest=8)), state=fresh.state).state.digest is None
    assert run((5, replace(BARE, digest=9)), state=fresh.state).state.digest is None
    assert run((5, replace(DONE, digest=9)), state=fresh.state).state.digest is None
    assert elapsed(fresh, 9 * HOUR).state.digest is None


def test_an_equal_observation_leaves_the_very_state() -> None:
    """So that nothing needs to be written: also when the task changed last."""
    look = seen(percent=40, image_url=URL, digest=7, submitted_at=1.0)
    once = run((5, look)).state

    assert run((9, look), state=once).state is once
    assert once.changed_at == 5


def test_an_open_window_is_told_once() -> None:
    """Whatever else changes while it waits, buttons excepted."""
    other = [seen(Status.MODAL, 1, note="other", image_url=URL), seen(Status.MODAL, buttons=BUTTONS)]
    told = run((0, seen(Status.NOT_START)), (5, WINDOW), (10, WINDOW), (15, other[0]), (20, other[1]))

    assert said(told) == [("progress", 1, None), ("input_required", 2, None), ("buttons", 3, None)]


def test_the_same_id_goes_on_once_the_window_was_answered() -> None:
    """A frozen row of the window beside the live one is the past, also beside a word we do not know."""
    told = run((0, WINDOW), (5, seen(Status.NOT_START)), (10, WINDOW), (15, seen(percent=15)), (20, WINDOW))
    odd = run((0, WINDOW), (5, seen(Status.UNKNOWN, status_word="RESUMING")), (10, WINDOW))

    assert said(told) == [("input_required", 1, None), ("progress", 2, None), ("progress", 3, 15)]
    assert said(odd) == [("input_required", 1, None), ("progress", 2, None)]


def test_a_second_window_is_told_with_the_next_restart_number() -> None:
    """Once it is confirmed, so that its event has an id of its own; the run it begins is told as a restart."""
    again = [(now, WINDOW) for now in (10, 20, 40)]
    told = run((0, WINDOW), (5, seen(percent=15)), *again, (50, seen(percent=0)))

    assert [type(event) for event in told.events] == [InputRequired, Progress, InputRequired, Progress]
    assert [event.restarts for event in told.events] == [0, 0, 1, 1]
    assert told.events[0].id != told.events[2].id
    assert (getattr(last(told), "percent", None), getattr(last(told), "restarted", None)) == (0, True)


def test_a_second_window_is_told_once() -> None:
    """However long it waits to be answered, it is one restart."""
    told = run((0, WINDOW), (5, seen(percent=15)), *[(now, WINDOW) for now in range(10, 300, 10)])

    assert [type(event) for event in told.events] == [InputRequired, Progress, InputRequired]
    assert told.state.restarts == 1


def test_what_follows_a_window_has_ids_of_its_own() -> None:
    """The same value before and after it is not the same change."""
    queued = seen(Status.SUBMITTED, 0)
    told = run((0, queued), (5, WINDOW), (10, queued))

    assert [event.restarts for event in told.events] == [0, 1, 1]
    assert len({event.id for event in told.events}) == 3


def test_a_first_window_after_a_restart_is_told() -> None:
    """None was answered yet, so it is no frozen row."""
    back = seen(Status.SUBMITTED, 0)
    told = run((0, seen(percent=93)), (10, back), (20, back), (40, back), (50, WINDOW))

    assert [type(event) for event in told.events] == [Progress, Progress, InputRequired]


def test_a_frozen_window_stays_the_past_after_a_restart() -> None:
    """The row may be shown for ever."""
    back = seen(Status.SUBMITTED, 0)
    told = run((0, WINDOW), (5, seen(percent=15)), (10, back), (20, back), (40, back), (45, WINDOW))

    assert said(told)[2:] == [("progress", 3, 0)]


@pytest.mark.parametrize(
    ("look", "reason", "kind", "retryable"),
    [
        pytest.param(
            seen(
                Status.FAILURE,
                fail_reason="banned",
                description="Submit success",
                fail_kind=FailureKind.BANNED_PROMPT,
            ),
            "banned",
            FailureKind.BANNED_PROMPT,
            False,
            id="failed",
        ),
        pytest.param(
            seen(Status.CANCEL, description="cancelled", fail_kind=FailureKind.CANCELLED),
            "cancelled",
            FailureKind.CANCELLED,
            False,
            id="cancelled",
        ),
        pytest.param(seen(Status.FAILURE, 100), None, FailureKind.UNKNOWN, True, id="wordless"),
        *(
            pytest.param(seen(Status.FAILURE, description=words), None, FailureKind.UNKNOWN, True, id=words)
            for words in ("提交成功", "Submit success")
        ),
    ],
)
def test_a_failure_says_why(
    look: Observation, reason: str | None, kind: FailureKind, retryable: bool
) -> None:
    """The gateway's reason before its description, unless that is what the submit was told; and whether to try again."""
    told = run((0, seen(percent=40)), (5, look))

    assert last(told) == Failure(look.task, GATEWAY, None, 5, 2, 0, 0, reason, kind, retryable)


def test_a_bare_success_is_told_when_it_is_whole() -> None:
    """Nothing is told before, and nothing is invented for late readers."""
    bare = run((0, seen(percent=93)), (5, BARE))

    assert said(bare) == [("progress", 1, 93)]
    assert (bare.state.status, bare.state.percent) == (Status.IN_PROGRESS, 93)
    assert [event.task for event in run((6, DONE), state=bare.state).events] == [DONE.task]


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(1, BARE), (2, BARE)], id="two more looks"),
        pytest.param([(5, BARE)], id="five seconds"),
        pytest.param([(1, seen(percent=40)), (2, seen(Status.FAILURE))], id="the first end stands"),
    ],
)
def test_a_success_waits_no_longer_than_it_is_worth(looks: list[tuple[float, Finding]]) -> None:
    """At most two more looks or five seconds, then it is told with what there is."""
    told = run((0, BARE), *looks)

    assert run((0, BARE), *looks[:-1]).events == ()
    assert [event.task for event in told.events] == [BARE.task]
    assert isinstance(last(told), Success)


def test_a_result_seen_while_waiting_for_buttons_is_not_lost() -> None:
    """A later, emptier reply does not hide the address of a paid picture."""
    owing = replace(DONE, buttons_come_with_end=True)
    told = run((0, owing), (1, BARE), (2, BARE))

    assert [event.task for event in told.events] == [DONE.task]


def test_a_lagging_reply_does_not_end_the_wait_for_a_result() -> None:
    """The preview of a running task is not the picture that the success owes."""
    told = run((0, BARE), (1, seen(percent=93, image_url=URL)))

    assert told.events == ()
    assert [event.task for event in run((2, DONE), state=told.state).events] == [DONE.task]


def test_an_end_that_was_seen_is_the_state() -> None:
    """One that time brought leaves the state as it was seen last."""
    running = run((5, seen(percent=40)))
    ended, expired = run((9, DONE), state=running.state).state, elapsed(running, 9 * HOUR).state

    assert (ended.status, ended.percent, ended.preview, ended.seen_at) == (Status.SUCCESS, 100, URL, 9)
    assert (expired.status, expired.percent, expired.preview, expired.seen_at) == (
        *(Status.IN_PROGRESS, 40),
        *(None, 5),
    )


def test_time_alone_ends_the_wait_for_buttons() -> None:
    """Five seconds after the success was seen first, or at once where the watch ends."""
    told = run((10, BARE))

    assert elapsed(told, 14).events == ()
    assert isinstance(last(elapsed(told, 15)), Success)
    assert isinstance(last(elapsed(told, 11, replace(WATCH, is_discarded=True))), Success)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(run((0, BARE), (1, Missing(single=False)), (2, DONE)), id="whole"),
        pytest.param(lost_after(61, every=10, first=BARE), id="vanished"),
        pytest.param(lost_after(6, every=10), id="lost"),
    ],
)
def test_an_end_leaves_nothing_to_be_confirmed(told: Folded) -> None:
    """Neither a success that owes something nor misses: no look and no timer is due for them."""
    assert last(told).final
    assert (told.state.settling, told.state.misses) == (None, None)


def test_a_watch_expires_at_its_deadline() -> None:
    """Not before; with what is known of the task, and the deadline though it is noticed late."""
    told = run((0, seen(percent=40)))
    event = last(elapsed(told, 2 * HOUR + 9))

    assert elapsed(told, 2 * HOUR - 1).events == ()
    assert isinstance(event, Expired)
    assert (event.deadline, event.reason, event.seq) == (2 * HOUR, "deadline", 2)
    assert (event.task.percent, event.task.is_partial) == (40, True)


def test_a_discarded_watch_expires_at_once() -> None:
    """The reason says that somebody wanted it so."""
    event = last(elapsed(run((0, seen(percent=1))), 9, replace(WATCH, is_discarded=True)))

    assert isinstance(event, Expired)
    assert (event.deadline, event.reason) == (9, "discarded")


def test_a_settling_success_is_due_before_the_deadline() -> None:
    """Also while the gateway is left alone: what is known is told."""
    wish = replace(WATCH, deadline_at=4_000, is_by_kind=False)
    soon = state_with(seen_at=100.0, changed_at=None)

    assert due_at(soon, wish, Deadlines()) == 100 + SETTLE_AFTER
    assert due_at(soon, replace(wish, deadline_at=103), Deadlines()) == 103
    assert due_at(state_with(), wish, Deadlines()) == due_at(None, wish, Deadlines()) == 4_000


def test_a_look_that_is_about_to_be_made_decides_about_a_settling_success() -> None:
    """It may bring the picture, however late it is; but nobody waits for it beyond the deadline."""
    soon = state_with(seen_at=100.0, changed_at=None)
    rules = partial(elapse, soon, gateway="sim", deadlines=Deadlines())
    wish = replace(WATCH, deadline_at=4_000, is_by_kind=False)

    assert rules(wish, 999) is not None
    assert rules(wish, 999, is_looked_at=True) is None
    assert rules(wish, 4_000, is_looked_at=True) is not None


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        pytest.param(WATCH, 2 * HOUR, id="by the kind"),
        pytest.param(replace(WATCH, deadline_at=60, is_by_kind=False), 60, id="as wished"),
        pytest.param(replace(WATCH, deadline_at=60), 60, id="no later than wished"),
        pytest.param(replace(WATCH, is_discarded=True), float("-inf"), id="discarded"),
    ],
)
@pytest.mark.parametrize("look", [seen(), seen(action=Action.VIDEO), Missing(single=False)])
def test_no_watch_ends_before_its_soonest_end(wish: Watch, expected: float, look: Finding) -> None:
    """Whatever its task turns out to be: one instant for all that share the terms."""
    told = run((0, look), wish=wish)

    assert soonest_end([wish], Deadlines()) == expected
    assert soonest_end([wish, WATCH], Deadlines()) == min(expected, soonest_end([WATCH], Deadlines()))
    assert elapsed(told, expected - 1, wish).events == () or wish.is_discarded


def test_the_soonest_end_is_by_the_shortest_terms() -> None:
    """Whichever kind the user gives less time; nothing ends where nothing is watched."""
    assert soonest_end([WATCH], Deadlines(usual=60, slow=50)) == 50
    assert soonest_end([WATCH], Deadlines(usual=50, slow=60)) == 50
    assert soonest_end([], Deadlines()) == float("inf")


@pytest.mark.parametrize(
    ("looks", "first", "reason"),
    [
        pytest.param(6, None, "the gateway does not know it", id="never seen"),
        pytest.param(61, seen(percent=40), "the gateway no longer knows it", id="seen"),
    ],
)
def test_a_missing_task_is_lost_once_confirmed(looks: int, first: Observation | None, reason: str) -> None:
    """A minute for one never shown, ten for one that was; told once, with what was known."""
    told = lost_after(looks, every=10, first=first)
    event = last(told)

    assert not any(event.final for event in lost_after(looks - 1, every=10, first=first).events)
    assert isinstance(event, Lost)
    assert (event.reason, event.task.is_partial, event.seq) == (reason, True, len(told.events))
    assert event.task.percent == (None if first is None else 40)


def test_a_success_whose_row_vanishes_is_still_a_success() -> None:
    """The gateway showed it: what it owed is not worth a loss."""
    assert isinstance(last(lost_after(61, every=10, first=BARE)), Success)


@pytest.mark.parametrize("back", [seen(percent=40), Unchanged()])
def test_whoever_sees_the_task_resets_the_misses(back: Finding) -> None:
    """Absences count in a row only."""
    missed = run((0, seen(percent=40)), (5, Missing(single=False))).state

    assert missed.misses
    assert run((9, back), state=missed).state == run((0, seen(percent=40))).state


@pytest.mark.parametrize("finding", [Garbled(), Unchanged()])
def test_a_look_without_news_keeps_the_very_state(finding: Finding) -> None:
    """So that nothing needs to be written."""
    state = run((0, seen(percent=40))).state

    assert run((5, finding), state=state).state is state


@pytest.mark.parametrize("end", [DONE, seen(Status.FAILURE), seen(Status.CANCEL)])
def test_nothing_follows_the_tasks_own_end(end: Observation) -> None:
    """The first end stands, whatever is seen afterwards and however long it takes."""
    ended = run((0, end))
    looks: list[Finding] = [seen(percent=1), DONE, Missing(single=True)] * 40
    after = run(*enumerate(looks), state=ended.state)

    assert after == Folded(ended.state)
    assert elapse(ended.state, WATCH, 9 * HOUR, gateway=GATEWAY, deadlines=Deadlines()) is None


@pytest.mark.parametrize("how", ["lost", "expired"])
def test_a_new_watch_after_the_old_one_ended_begins_afresh(how: str) -> None:
    """The count goes on, and what is seen is told, also if it was told before."""
    look = seen(percent=40, buttons=BUTTONS, digest=7)
    old = lost_after(61, every=10, first=look) if how == "lost" else elapsed(run((0, look)), 2 * HOUR)
    new = run((9 * HOUR, seen(percent=15, buttons=BUTTONS)), state=old.state)

    assert [event.kind for event in new.events] == [Progress.kind, ButtonsAvailable.kind]
    assert [event.seq for event in new.events] == [last(old).seq + 1, last(old).seq + 2]
    assert new.state.final is None
