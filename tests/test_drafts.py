"""What is made by a draft is what its class makes: equal, of that very class, and frozen."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest
from attrs import frozen

from mjwatch.drafts import draft_of


@frozen
class Point:
    """A value with a default and a check of its own."""

    x: int
    y: int = 7


Draft = draft_of(Point)


def test_a_draft_becomes_a_plain_value() -> None:
    """Nothing tells it from one that was made slowly."""
    made, slow = Draft(1), Point(1)

    assert type(made) is Point
    assert (made, hash(made), repr(made)) == (slow, hash(slow), repr(slow))
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == slow  # noqa: S301 - our own
    assert attrs.evolve(made, y=2) == Point(1, 2)


def test_it_is_frozen_from_then_on() -> None:
    """Neither changed nor taken apart."""
    made = Draft(1, 2)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.x = 3  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del made.y
