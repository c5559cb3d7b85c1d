"""Tables: JSON fields to values, with the oddity of each row beside it."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._wire import fields
from mjwatch._wire.messages import Malformed
from mjwatch.tasks import Action, Button, ButtonKind, FailureKind, Media, Mode, Status

NO_HOSTS: dict[str, str] = {}
PNG = "https://cdn.mj/out1.png"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Cat", "Cat"),
        ("", None),  # new-api's absent (protocol.md 0.10)
        (None, None),  # A's and B's
        (" \r\n ", None),
        ("猫" * 9000, "猫" * 8192),
        ("half \ud83d", "half ?"),  # half a pair would break every later encode
        (7, "7"),
        (-1, "-1"),
        (10**20, None),
        (True, None),
        (1.5, None),
        (["Cat"], None),
        ({"a": 1}, None),
    ],
)
def test_text_is_cut_and_absent_is_none(value: object, expected: str | None) -> None:
    """A user never sees "", and never more than 8 KiB."""
    actual = fields.text(value)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "asked", "expected"),
    [
        ("1712158011464906", None, "1712158011464906"),
        ("0741798445574458", None, "0741798445574458"),  # old A: leading zeros stay
        (1712158011464906, None, "1712158011464906"),  # docs show numbers (protocol.md 0.11)
        (None, "42", "42"),  # newapi-task-success-no-urls-tuzi.json
        ("41", "42", "41"),
    ],
)
def test_ids_are_text(value: object, asked: str | None, expected: str) -> None:
    """An id is the reply's own, else the one asked for."""
    actual = fields.task_id(value, asked)

    assert expected == actual


@pytest.mark.parametrize("value", [None, "", "../1", "a b", "x" * 129, True, [], 1.0, 10**30])
def test_ids_that_no_url_may_carry_are_malformed(value: object) -> None:
    """An id is hostile until it was checked."""
    with pytest.raises(Malformed):
        fields.task_id(value, None)


@pytest.mark.parametrize(
    ("value", "percent", "note"),
    [
        ("65%", 65, None),
        ("0%", 0, None),
        ("100%", 100, None),
        ("65", 65, None),  # TTAPI leaves the sign out
        (" 65 %", 65, None),
        ("65.7%", 65, None),
        (65, 65, None),  # GoAPI's number
        (65.9, 65, None),
        (0, 0, None),
        ("", None, None),  # A and B on a failure
        (None, None, None),  # NOT_START
        ("Waiting to start", None, "Waiting to start"),  # A: whatever stands in the parentheses
        ("paused", None, "paused"),
        ("string", None, "string"),  # schema docs
        ("150%", None, "150%"),
        ("-5%", None, "-5%"),
        ("٦٥%", None, "٦٥%"),  # digits, but not ours
        ("x" * 200, None, "x" * 128),
        (150, None, None),
        (-1, None, None),
        (nan, None, None),
        (inf, None, None),
        (10**400, None, None),
        (True, None, None),
        ([65], None, None),
    ],
)
def test_progress_is_a_percentage_or_a_note(value: object, percent: int | None, note: str | None) -> None:
    """What is no number between 0 and 100 is no percentage."""
    actual = fields.progress(value)

    assert (percent, note) == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1735689600000, 1735689600.0),
        (1735689600123, 1735689600.123),
        (1735689600000.5, 1735689600.0005),
        (1735689600, 1735689600.0),  # seconds where milliseconds belong
        ("1735689600000", 1735689600.0),
        (" 1735689600 ", 1735689600.0),
        ("2025-06-20 06:54:32.303527+00:00", 1750402472.303527),  # mjdjourney-video-task-completed.json
        ("2025-06-20T06:54:32Z", 1750402472.0),
        ("2025-06-20 14:54:32+08:00", 1750402472.0),
        ("2026-08-03 00:00:00", None),  # B's `displays`: wall clock without a zone
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        (253402300799999, 253402300799.999),  # the last millisecond of 9999
        (253402300800000, None),
        (0, None),  # new-api's unknown
        (-1, None),
        (12345, None),
        (None, None),
        ("", None),
        ("string", None),
        ("99999999999999999999", None),
        (nan, None),
        (inf, None),
        (10**400, None),
        (True, None),
        ([], None),
    ],
)
def test_instants_are_epoch_seconds(value: object, expected: float | None) -> None:
    """Milliseconds, seconds and ISO texts become seconds; 0 and nonsense are None."""
    actual = fields.instant(value)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "status", "word"),
    [
        ("SUCCESS", Status.SUCCESS, "SUCCESS"),
        ("completed", Status.SUCCESS, "completed"),
        ("", Status.NOT_START, ""),  # new-api until its first poll
        (None, Status.UNKNOWN, ""),
        (3, Status.UNKNOWN, "3"),
        (["SUCCESS"], Status.UNKNOWN, ""),
        ("x" * 200, Status.UNKNOWN, "x" * 128),
    ],
)
def test_status_keeps_the_word(value: object, status: Status, word: str) -> None:
    """The gateway's own word stays beside what it means."""
    actual = fields.status(value)

    assert (status, word) == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("IMAGINE", Action.IMAGINE),
        ("imagine", Action.IMAGINE),
        ("/** IMAGINE */\r\nIMAGINE = 'IMAGINE'", Action.UNKNOWN),  # seed 000
        ("", Action.UNKNOWN),
        (None, Action.UNKNOWN),
        (7, Action.UNKNOWN),
    ],
)
def test_action_is_closed(value: object, expected: Action) -> None:
    """Unknown actions are UNKNOWN."""
    actual = fields.action(value)

    assert expected is actual


@pytest.mark.parametrize(
    ("value", "prompt", "expected"),
    [
        ("RELAX", "Cat --fast", Mode.RELAX),  # B's field wins
        (None, "Cat --fast", Mode.FAST),  # A and C have none
        ("", "Cat", Mode.UNKNOWN),
        (None, None, Mode.UNKNOWN),
    ],
)
def test_mode_is_the_field_or_the_flag(value: object, prompt: str | None, expected: Mode) -> None:
    """The field wins over the prompt."""
    actual = fields.mode(value, prompt)

    assert expected is actual


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (Status.FAILURE, "任务超时", FailureKind.TIMEOUT_AT_GATEWAY),
        (Status.FAILURE, None, FailureKind.UNKNOWN),  # A shows FAILURE an instant before its reason
        (Status.CANCEL, None, FailureKind.CANCELLED),
        (Status.IN_PROGRESS, "任务超时", None),  # C: a reason while running (protocol.md 4.5)
        (Status.SUCCESS, None, None),
    ],
)
def test_only_a_failed_task_has_a_failure_kind(
    status: Status, reason: str | None, expected: FailureKind | None
) -> None:
    """A reason alone is no failure."""
    actual = fields.failure_kind(status, reason)

    assert expected is actual


@pytest.mark.parametrize(
    ("status", "action", "final", "prompt", "expected"),
    [
        (
            Status.SUCCESS,
            Action.DESCRIBE,
            "1 Cat",
            None,
            "1 Cat",
        ),  # novicezk-task-describe-success-partial.json
        (Status.SUCCESS, Action.DESCRIBE, None, "1 Cat", "1 Cat"),  # all three hold it (protocol.md 2)
        (Status.SUCCESS, Action.SHORTEN, None, "my prompt", None),  # the input is no result
        (Status.IN_PROGRESS, Action.DESCRIBE, "1 Cat", None, None),
        (Status.SUCCESS, Action.IMAGINE, "Cat", "Cat", None),
    ],
)
def test_text_is_the_result_of_text_actions(
    status: Status, action: Action, final: str | None, prompt: str | None, expected: str | None
) -> None:
    """Only a finished describe or shorten has a text."""
    actual = fields.result_text(status, action, final, prompt)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PNG, PNG),
        (f" {PNG}\n", PNG),
        ("http://localhost:3000/mj/image/1", "http://localhost:3000/mj/image/1"),  # issue #144
        ("HTTPS://CDN.MJ/a", "HTTPS://CDN.MJ/a"),
        ("https://cdn.mj/猫.png", "https://cdn.mj/猫.png"),
        ("", None),
        (None, None),
        ("string", None),  # seed 000
        ("/mj/image/1", None),  # relative to what, nobody here knows
        ("//cdn.mj/1", None),
        ("ftp://cdn.mj/1", None),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("https://", None),
        ("https:///a", None),
        ("https://[::1/a.png", None),  # Python's own urlsplit raises at it
        ("https://cdn[.mj/a.png", None),
        ("https://[::1]/a[1].png", "https://[::1]/a[1].png"),
        ("https://cdn.mj/a b", None),
        ("https://cdn.mj/a\r\nX: y", None),
        ("https://cdn.mj/" + "a" * 2048, None),  # half an address is none
        (7, None),
        ({"url": PNG}, None),
    ],
)
def test_addresses_are_absolute_or_none(value: object, expected: str | None) -> None:
    """Only http and https addresses with a host get through."""
    actual = fields.url(value, NO_HOSTS)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://cdn.discordapp.com/a.png?ex=1&", "https://cdn.example.net/a.png?ex=1&"),
        ("https://CDN.discordapp.com:443/a.png", "https://cdn.example.net/a.png"),
        (PNG, PNG),
        ("https://[/", None),
    ],
)
def test_hosts_are_replaced(value: str, expected: str | None) -> None:
    """`rewrite_host` replaces a host with its port, and nothing else."""
    actual = fields.url(value, {"cdn.discordapp.com": "cdn.example.net"})

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"url": PNG}], (Media(PNG),)),  # newapi-task-success-imageurls-tuzi.json
        ([{"url": PNG, "thumbnail": "https://cdn.mj/t"}], (Media(PNG, "https://cdn.mj/t"),)),  # B
        ([PNG], (Media(PNG),)),  # geeknow: "array<object> | array<string>" (seed 001)
        ([{"url": "string", "thumbnail": "string"}], ()),  # seed 000
        ([None, 7, {}, [], {"url": None}, PNG], (Media(PNG),)),
        ([], ()),
        (None, ()),
        (PNG, ()),
        ([PNG] * 100, (Media(PNG),) * 64),
    ],
)
def test_media_are_objects_or_addresses(value: object, expected: tuple[Media, ...]) -> None:
    """Good entries survive bad neighbours, and there are at most 64."""
    actual = fields.media(value, NO_HOSTS)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "main", "status", "action", "expected"),
    [
        ([PNG], "https://cdn.mj/grid.png", Status.SUCCESS, Action.IMAGINE, (Media(PNG),)),
        (None, PNG, Status.SUCCESS, Action.IMAGINE, (Media(PNG),)),
        ([], None, Status.SUCCESS, Action.IMAGINE, ()),
        (None, PNG, Status.IN_PROGRESS, Action.IMAGINE, ()),  # a preview
        (None, PNG, Status.SUCCESS, Action.DESCRIBE, ()),  # what was uploaded
        (None, PNG, Status.SUCCESS, Action.VIDEO, ()),  # the first frame
    ],
)
def test_the_main_picture_stands_in_for_a_list(
    value: object, main: str | None, status: Status, action: Action, expected: tuple[Media, ...]
) -> None:
    """`images` holds results only."""
    actual = fields.images(value, main, status, action, NO_HOSTS)

    assert expected == actual


@pytest.mark.parametrize(
    ("value", "expected"), [(640, 640), (0, None), (-1, None), (10**9, None), ("640", None), (True, None)]
)
def test_pixels_are_positive(value: object, expected: int | None) -> None:
    """0 is the gateways' unknown."""
    actual = fields.pixels(value)

    assert expected == actual


@pytest.mark.parametrize(
    ("listed", "single", "expected"),
    [
        ([PNG], "https://cdn.mj/other", (Media(PNG),)),
        ([], PNG, (Media(PNG),)),  # geeknow's videoUrl (seed 001)
        (None, "", ()),
        (None, None, ()),
        (None, ["x"], ()),
    ],
)
def test_a_single_film_stands_in_for_a_list(
    listed: object, single: object, expected: tuple[Media, ...]
) -> None:
    """`videoUrl` counts where `videoUrls` is empty."""
    actual = fields.videos(listed, single, NO_HOSTS)

    assert expected == actual


U1 = "MJ::JOB::upsample::1::03ee7a3e-b4d2-4465-9165-b93c99cb6617"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),  # new-api before, and sometimes for ever
        ([], ()),
        ("[]", ()),
        ({"customId": U1}, ()),
        (
            [{"customId": U1, "emoji": "", "label": "U1", "type": 2, "style": 2}],
            (Button(U1, "U1", None, ButtonKind.UPSCALE, 1),),
        ),
        (
            [{"customId": U1, "type": "2", "style": "2"}],
            (Button(U1, None, None, ButtonKind.UPSCALE, 1),),
        ),  # yutoai
        ([None, 7, "x", {}, {"customId": None}, {"customId": "x" * 300}, {"customId": "a"}], (Button("a"),)),
        ([{"customId": "a"}] * 100, (Button("a"),) * 64),
    ],
)
def test_buttons_survive_bad_neighbours(value: object, expected: tuple[Button, ...]) -> None:
    """Malformed buttons are left out, and there are at most 64."""
    actual = fields.buttons(value)

    assert expected == actual


JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from(["url", "customId"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
def test_fields_are_total(value: object) -> None:
    """Whatever JSON holds, a field becomes a value that can be encoded."""
    found = (
        fields.text(value),
        *fields.progress(value),
        fields.instant(value),
        *fields.status(value),
        fields.action(value),
        fields.mode(value, None),
        fields.url(value, {"a": "b"}),
        fields.media(value, NO_HOSTS),
        fields.buttons(value),
        fields.pixels(value),
        fields.loose_id(value),
    )

    assert repr(found).encode()
