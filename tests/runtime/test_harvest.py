"""What a look makes of the rows it was made for; what it does to a whole watch is tested with the pump."""

from __future__ import annotations

import random

import pytest

from mjwatch._policy import pacing
from mjwatch._policy.governor import Exchange
from mjwatch._policy.lessons import Lessons
from mjwatch._policy.plane import Plane
from mjwatch._policy.state import State
from mjwatch._runtime.client import Looked
from mjwatch._runtime.harvest import Harvest, Moment
from mjwatch._runtime.rules import Rules
from mjwatch._store.record import Record
from mjwatch._wire.messages import Route
from mjwatch.observations import Verdict, Watch
from mjwatch.settings import Pacing
from mjwatch.tasks import Action, Status
from tests.runtime.rig import make_context
from tests.support.builders import state_with

NOW = 1_000_000.0


@pytest.mark.parametrize("count", [40, 100, 300, 500])
async def test_a_request_for_hundreds_is_paced_by_all_of_them(count: int) -> None:
    """However few of them are asked for their beliefs."""
    shown = state_with(status=Status.IN_PROGRESS, action=Action.IMAGINE, percent=0, seen_at=NOW)
    terms = Watch("", None, NOW - 30, None, wants_progress=False)
    rows = [Record[State](f"{number}", terms, shown, NOW - 1) for number in range(count)]
    plane = Plane(count, 500)
    looked = Looked(Exchange(Verdict.OK, None, NOW, NOW), Route.LIST_BY_IDS, count)
    rules = Rules.of(make_context(pacing=Pacing(lag=3)), Lessons())

    pace = Harvest(rules, rows, looked, Moment(NOW, NOW, plane), is_whole=True).pace(0.0)
    wait = pacing.next_request(rows, plane, NOW, Pacing(lag=3), Lessons(), random.Random(1))

    assert wait.seconds > 1.2
    assert pace == pytest.approx(wait.seconds, rel=0.11)
