"""The short way to a running task: the same Task as by the tolerant way, or none."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import msgspec
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import example, given
from hypothesis import strategies as st

from mjwatch._wire import midjourney_proxy, raws, usual
from mjwatch._wire.messages import Malformed, Reply
from mjwatch._wire.midjourney_proxy import NEW_API, MidjourneyProxyDialect
from mjwatch.tasks import Action, Button, Media, Mode, Status, Task

REPLIES = sorted((Path(__file__).parent.parent / "support" / "replies").glob("*.json"))
HOSTS = {"cdn.mj": "cdn.example"}
PNG = "https://cdn.mj/1.png"
RUNNING: dict[str, object] = {
    "id": "1712158011464906",
    "action": "IMAGINE",
    "status": "IN_PROGRESS",
    "prompt": "Cat",
    "promptEn": "Cat",
    "description": "Submit success",
    "submitTime": 1735689600000,
    "startTime": 1735689610000,
    "finishTime": 0,
    "imageUrl": PNG,
    "progress": "65%",
    "failReason": "",
    "buttons": None,
    "state": "",
}


def usual_task(keys: object) -> Task | None:
    """Return what the short way makes of *keys*."""
    raw = raws.read_task(msgspec.Raw(json.dumps(keys).encode()))
    return usual.running_task(raw, {}) if isinstance(raw, raws.UsualTask) else None


def check_same(piece: msgspec.Raw, hosts: dict[str, str]) -> bool:
    """Fail where the short way tells anything else than the tolerant one; return True where it was taken."""
    try:
        raw = raws.read_task(piece)
    except Malformed:
        return False
    short = usual.running_task(raw, hosts) if isinstance(raw, raws.UsualTask) else None
    if short is not None:
        odd = msgspec.json.decode(piece, type=raws.RawTask)
        assert short == midjourney_proxy._task(odd, None, hosts)
        assert repr(short) == repr(midjourney_proxy._task(odd, None, hosts))  # 1 is no 1.0
        assert MidjourneyProxyDialect(NEW_API, hosts).decode(piece).task == short
    return short is not None


def test_a_running_task_takes_the_short_way() -> None:
    """What gateways say nearly always."""
    expected = Task(
        "1712158011464906",
        Status.IN_PROGRESS,
        "IN_PROGRESS",
        Action.IMAGINE,
        percent=65,
        prompt="Cat",
        prompt_en="Cat",
        description="Submit success",
        image_url=PNG,
        submitted_at=1735689600.0,
        started_at=1735689610.0,
    )

    assert expected == usual_task(RUNNING)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"mode": "RELAX", "properties": {"finalPrompt": "--fast"}}, Mode.RELAX),
        ({"properties": {"finalPrompt": "Cat --fast"}}, Mode.FAST),
        ({"mode": "", "prompt": "Cat --turbo", "promptEn": None}, Mode.TURBO),
        ({}, Mode.UNKNOWN),
    ],
)
def test_the_mode_is_told_or_asked_for(keys: dict[str, object], expected: Mode) -> None:
    """The flags are read where the gateway does not say."""
    found = usual_task(RUNNING | keys)

    assert found is not None
    assert found.mode is expected


def test_what_is_rare_is_read_all_the_same() -> None:
    """Pictures, films, buttons, texts and numbers of a running task."""
    rare = {
        "imageUrls": [PNG],
        "videoUrl": PNG,
        "buttons": [{"customId": "b"}],
        "failReason": "retried",
        "state": 5,
        "parentId": 7,
        "seed": 0,
        "promptEn": "A cat",
        "finishTime": 1735689620000,
    }
    found = usual_task(RUNNING | rare)

    assert found is not None
    assert (found.images, found.videos, found.buttons) == ((Media(PNG),), (Media(PNG),), (Button("b"),))
    assert (found.fail_reason, found.state, found.parent_id, found.seed) == ("retried", "5", "7", "0")
    assert (found.prompt_en, found.finished_at) == ("A cat", 1735689620.0)


@pytest.mark.parametrize(
    "odd",
    [
        *({"id": one} for one in (None, 7, "", "a b", "a-b", "9" * 129, "一")),
        *(
            {"status": one}
            for one in (None, "", "SUCCESS", "FAILURE", "CANCEL", "MODAL", "running", "queued")
        ),
        *({"progress": one} for one in (None, "", "fast", "101%", 65)),
        {"action": "/** IMAGINE */"},
        {"status": []},
        {"submitTime": "1735689600000"},
    ],
)
def test_what_is_odd_or_an_end_is_left_to_the_tolerant_way(odd: dict[str, object]) -> None:
    """There it is judged with all care."""
    assert usual_task(RUNNING | odd) is None


def test_the_task_is_a_plain_one() -> None:
    """Frozen, and nobody sees how it was made."""
    found = usual_task(RUNNING)

    assert type(found) is Task
    assert {found, pickle.loads(pickle.dumps(found))} == {found}  # noqa: S301 - our own
    with pytest.raises(FrozenInstanceError):
        found.percent = 100  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del found.percent


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.stem)
def test_stored_replies_are_read_the_same_both_ways(path: Path) -> None:
    """Whichever way is taken, also where the task runs on."""
    body = path.read_bytes()
    dialect = MidjourneyProxyDialect(NEW_API)
    for piece in (
        *dialect.open_fetch(Reply(200, body)).slices,
        *dialect.open_list(Reply(200, body), 1).slices,
    ):
        check_same(piece, {})
        keys = msgspec.json.decode(piece)
        if isinstance(keys, dict):
            again = keys | {"id": "1", "status": "IN_PROGRESS", "progress": "31%", "action": "IMAGINE"}
            check_same(msgspec.Raw(msgspec.json.encode(again)), HOSTS)


TEXTS = (
    st.none() | st.text(max_size=8) | st.sampled_from(("", " ", "x" * 8200, "猫 --relax", "Cat --v 6 --FAST"))
)
NUMBERS = (
    st.none() | st.integers(-1, 2**70) | st.integers(10**9 - 1, 10**12) | st.booleans() | st.floats(0, 1e13)
)
LINKS = st.none() | st.sampled_from((
    "",
    PNG,
    "string",
    "https:///",
    PNG + "?rand=7",
    " " + PNG,
    "http://[",
    "x" * 2050,
))
LISTS = (
    st.none() | st.lists(LINKS | st.fixed_dictionaries({"url": LINKS, "customId": TEXTS}), max_size=3) | LINKS
)
SCALARS: st.SearchStrategy[object] = TEXTS | NUMBERS | st.just([])
VARIATIONS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(("1", "a1", "a-1", "../x", 1)),
        "status": st.sampled_from(("NOT_START", "SUBMITTED", "IN_PROGRESS", "SUCCESS", "queued", "", None)),
        "action": st.sampled_from((*Action.__members__, "", "imagine", None, 3)),
        "mode": st.sampled_from((*Mode.__members__, "", "fast", None, 3)),
        "progress": st.integers(-1, 101).map(lambda n: f"{n}%") | TEXTS | NUMBERS,
        **dict.fromkeys(("prompt", "promptEn", "description", "failReason"), TEXTS),
        **dict.fromkeys(("submitTime", "startTime", "finishTime"), NUMBERS),
        **dict.fromkeys(("state", "seed", "parentId"), SCALARS),
        **dict.fromkeys(("imageUrl", "videoUrl"), LINKS),
        **dict.fromkeys(("imageUrls", "videoUrls", "buttons"), LISTS),
        "properties": st.none() | TEXTS | st.fixed_dictionaries({}, optional={"finalPrompt": SCALARS}),
    },
)


@given(VARIATIONS, st.sampled_from(({}, HOSTS)))
@example({}, {})
def test_both_ways_tell_the_same(keys: dict[str, object], hosts: dict[str, str]) -> None:
    """Whatever the fields hold, the short way makes the same Task as the tolerant one, or none."""
    check_same(msgspec.Raw(json.dumps(RUNNING | keys).encode()), hosts)


def test_most_variations_are_worth_it() -> None:
    """What the sweep above compares is not nothing: the plain task takes the short way."""
    assert check_same(msgspec.Raw(json.dumps(RUNNING).encode()), HOSTS)
    assert not check_same(msgspec.Raw(b"null"), HOSTS)
