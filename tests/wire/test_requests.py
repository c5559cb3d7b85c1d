"""The verbs as requests."""

from __future__ import annotations

import msgspec
import pytest

from mjwatch._wire import requests
from mjwatch._wire.messages import Request, Route, Verb

GOOD = "0741798445574458"


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (requests.look(GOOD), Request(Verb.LOOK, "GET", f"/mj/task/{GOOD}/fetch")),
        (
            requests.look_many([GOOD, "b"], Route.LIST_BY_CONDITION),
            # Leading zeros survive, and numbers are what new-api refuses (protocol.md 4.3).
            Request(
                Verb.LOOK_MANY, "POST", "/mj/task/list-by-condition", b'{"ids":["0741798445574458","b"]}'
            ),
        ),
        (
            requests.look_many([GOOD], Route.LIST_BY_IDS),
            Request(Verb.LOOK_MANY, "POST", "/mj/task/list-by-ids", b'{"ids":["0741798445574458"]}'),
        ),
        (requests.seed(GOOD), Request(Verb.SEED, "GET", f"/mj/task/{GOOD}/image-seed")),
        (requests.cancel(GOOD), Request(Verb.CANCEL, "POST", f"/mj/task/{GOOD}/cancel")),
        (requests.image(GOOD), Request(Verb.IMAGE, "GET", f"/mj/image/{GOOD}")),
    ],
)
def test_each_verb_has_its_path(actual: Request, expected: Request) -> None:
    """The paths are those of protocol.md 1.1, 3.1 and 4.1."""
    assert expected == actual


def test_fetch_is_no_list_route() -> None:
    """A list of ids has no fetch."""
    with pytest.raises(ValueError, match="one task"):
        requests.look_many([GOOD], Route.FETCH)


@pytest.mark.parametrize("bad", ["", "../admin", "a/b", "a?b", "1\n", "a%2f"])
def test_hostile_ids_reach_no_path(bad: str) -> None:
    """An id that could leave its place in the path is refused for each verb."""
    for verb in (requests.look, requests.seed, requests.cancel, requests.image):
        with pytest.raises(ValueError, match="not a task id"):
            verb(bad)


def test_a_list_quotes_its_ids() -> None:
    """Nothing that stands in an id can leave its place in the body."""
    odd = 'a","b'

    body = requests.look_many([GOOD, odd], Route.LIST_BY_IDS).body or b""

    assert msgspec.json.decode(body) == {"ids": [GOOD, odd]}
