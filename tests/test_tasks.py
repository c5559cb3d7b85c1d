"""What is known of one task: ids, words, texts."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from mjwatch.tasks import (
    ID_RULE,
    Action,
    Button,
    FailureKind,
    Language,
    Media,
    Mode,
    Status,
    Task,
    check_task_id,
)

ACCEPTED = [
    "1712158011464906",  # geeknow
    "0000000000000000001",
    "42a28dda-dc7a-4186-ac86-6e16c1fcef17",  # mjdjourney
    "a",
    "a.b_c~d-e",
    "a.",
    "x" * 128,
]
REFUSED = [
    "",
    " ",
    "a b",
    " 1",
    "1 ",
    "1\n",
    "1\r\n",
    "\n1",
    "1\x00",
    "1\x1b[31m",
    "1\x7f",
    "a/b",
    "/",
    "a\\b",
    ".",
    "..",
    "...",
    "a..b",
    "1..",
    "../submit/imagine",
    "%2e%2e",
    "a%2fb",
    "a?b",
    "a#b",
    "a@b",
    "a:b",
    "-a",
    "_a",
    "~a",
    ".a",
    "\ud800",
    "1\udfff",
    "é",
    "١٢٣",  # digits, but not ASCII
    "１２３",  # noqa: RUF001 - full width
    "1\u202e",
    "x" * 129,
    "1" * 100_000,
]


@pytest.mark.parametrize("task_id", ACCEPTED)
def test_ordinary_ids_are_returned_unchanged(task_id: str) -> None:
    """What gateways use as ids passes, up to 128 characters."""
    actual = check_task_id(task_id)

    assert task_id is actual


@pytest.mark.parametrize("task_id", REFUSED, ids=ascii)
def test_hostile_ids_are_refused_with_the_rule(task_id: str) -> None:
    """What could reach another endpoint or forge a line is refused, and the message says what an id is."""
    with pytest.raises(ValueError, match=re.escape(ID_RULE)) as caught:
        check_task_id(task_id)

    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_600


@pytest.mark.parametrize("task_id", [1712158011464906, 1.0, None, b"1", {"id": "1"}])
def test_an_id_that_is_no_text_is_a_type_error(task_id: object) -> None:
    """A number loses leading zeros and digits, so it is refused, with the reason."""
    with pytest.raises(TypeError, match=f"not {type(task_id).__name__}: keep ids as text"):
        check_task_id(task_id)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("ids", [["1"], ("1", "2"), {"1"}, frozenset("1"), iter("12")])
def test_several_ids_in_one_are_told_how_to_be_given(ids: object) -> None:
    """`watcher.add(ids)` means `watcher.add(*ids)`."""
    with pytest.raises(TypeError, match=rf"not {type(ids).__name__}: unpack it, as in add\(\*ids\)"):
        check_task_id(ids)  # type: ignore[arg-type]  # that is the test


def is_accepted(task_id: str) -> bool:
    """Return True where *task_id* passes."""
    try:
        check_task_id(task_id)
    except ValueError:
        return False
    return True


def check_url(task_id: str) -> None:
    """Check that *task_id* is one segment of a path, and touches nothing else."""
    url = URL(f"http://h/mj/task/{task_id}/fetch", encoded=True)

    assert url.parts == ("/", "mj", "task", task_id, "fetch")
    assert url.host == "h"
    assert url.raw_path == f"/mj/task/{task_id}/fetch"
    assert not url.query_string
    assert not url.fragment


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}", fullmatch=True).filter(lambda id_: ".." not in id_)
)
def test_every_id_by_the_rule_makes_one_path_segment(task_id: str) -> None:
    """An id that keeps the rule passes, and is exactly one segment of the path, on the same host."""
    assert is_accepted(task_id)
    check_url(task_id)


@given(st.text(st.one_of(st.sampled_from("a1.~_-/\\%?#@:\n "), st.characters()), max_size=8))
def test_every_accepted_text_makes_one_path_segment(task_id: str) -> None:
    """Whatever text passes is exactly one segment of the path, on the same host."""
    if is_accepted(task_id):
        check_url(task_id)


WORDS = [*Status, *Action, *Mode]


@pytest.mark.parametrize("member", WORDS)
def test_words_are_known_in_any_case(member: Status | Action | Mode) -> None:
    """The spelling in capitals, small letters and with spaces around is one word."""
    cls = type(member)

    assert cls.of(member.value) is member
    assert cls.of(member.value.lower()) is member
    assert cls.of(f" {member.value.title()}\n") is member


@pytest.mark.parametrize("cls", [Status, Action, Mode])
@pytest.mark.parametrize("word", [None, "", "  ", "NO SUCH WORD", "__members__", "of", "\ud800"])
def test_all_other_words_are_unknown(cls: type[Status | Action | Mode], word: str | None) -> None:
    """A word of tomorrow is UNKNOWN, never an error."""
    actual = cls.of(word)

    assert actual is cls("UNKNOWN")


@given(st.text())
def test_words_are_total(word: str) -> None:
    """No text is too strange to be a word."""
    assert isinstance(Status.of(word), Status)
    assert isinstance(Action.of(word), Action)
    assert isinstance(Mode.of(word), Mode)


def test_three_statuses_are_final() -> None:
    """Success, failure and cancel end a task; MODAL does not."""
    actual = {status for status in Status if status.is_final}

    assert {Status.SUCCESS, Status.FAILURE, Status.CANCEL} == actual


def test_films_and_texts_are_told_apart() -> None:
    """An action makes a film, a text, or a picture; never two of them."""
    films = {action for action in Action if action.is_video}
    texts = {action for action in Action if action.is_text}

    assert {Action.VIDEO, Action.VIDEO_EXTEND, Action.SWAP_VIDEO_FACE} == films
    assert {Action.DESCRIBE, Action.SHORTEN, Action.PIC_READER} == texts


@pytest.mark.parametrize("lang", get_args(Language))
@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_has_a_sentence(kind: FailureKind, lang: Language) -> None:
    """Each kind is told in each language, as one whole sentence."""
    text = kind.text(lang)

    assert text.endswith("." if lang == "en" else "。")
    assert text.isascii() is (lang == "en")


@pytest.mark.parametrize("lang", get_args(Language))
def test_no_two_failures_share_a_sentence(lang: Language) -> None:
    """The person who reads it learns which of them it was."""
    texts = {kind.text(lang) for kind in FailureKind}

    assert len(texts) == len(FailureKind)


def test_english_is_the_default_language() -> None:
    """Without a language the sentence is English."""
    assert FailureKind.QUOTA.text() == FailureKind.QUOTA.text("en")


def test_only_what_may_heal_by_itself_is_retryable() -> None:
    """The same prompt again helps where the gateway was at fault, and where nobody knows."""
    actual = {kind for kind in FailureKind if kind.is_retryable}

    assert actual == {
        FailureKind.QUEUE_FULL,
        FailureKind.NO_ACCOUNT,
        FailureKind.TIMEOUT_AT_GATEWAY,
        FailureKind.UNKNOWN,
    }


@pytest.mark.parametrize("value", [Task("1"), Button("MJ::JOB::reroll"), Media("https://cdn.example/1.png")])
def test_what_a_user_holds_cannot_be_changed(value: Task | Button | Media) -> None:
    """Tasks, buttons and media are handed to many readers, so they are frozen, and have no room for more."""
    with pytest.raises(FrozenInstanceError):
        value.url = "x"  # type: ignore[union-attr,misc]  # that is the test

    assert not hasattr(value, "__dict__")
    assert hash(value) == hash(value)


def test_nothing_known_of_a_task_is_absent_and_not_empty() -> None:
    """A task of which only the id is known has None and empty tuples, and UNKNOWN words."""
    task = Task("1")

    assert (task.status, task.action, task.mode) == (Status.UNKNOWN, Action.UNKNOWN, Mode.UNKNOWN)
    assert (task.percent, task.image_url, task.fail_kind, task.finished_at) == (None, None, None, None)
    assert (task.images, task.videos, task.buttons) == ((), (), ())
