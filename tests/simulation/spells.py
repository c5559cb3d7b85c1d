"""The faults of a world: what each kind does to a gateway while it lasts, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from mjwatch.testing import SATURATED, WEB_APP, Answer, CutBody, Delay, Reset, SimLoop, SimulatedGateway
from mjwatch.testing.families import Route
from mjwatch.testing.faults import Fault
from mjwatch.testing.simloop import current_loop
from tests.simulation.plan import Spell
from tests.simulation.wire import Weather

_JSON: Final = {"Content-Type": "application/json"}
FAR: Final = "Fri, 01 Jan 2100 00:00:00 GMT"
"""The other form of a Retry-After, that asks for decades."""
_HOSTILE: Final = (
    "999999999",
    "86400",
    "604800",
    FAR,
    "-5",
    "soon",
    "1e9",
    "NaN",
    "",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "99999999999999999999",
)
_BROKEN: Final = (500, 502, 503, 504, 520, 408)
_ANSWERS: Final[dict[str, Fault]] = {
    "down": Reset(),
    "saturated": SATURATED,
    "empty": Answer(200),
    "204": Answer(204),
    "null": Answer(200, b"null", _JSON),
    "garbage": Answer(200, b'[{"id":"t1","status":"SUCC', _JSON),
    "wrong_shape": Answer(200, b'{"ids":["t0",{"status":7}]}', _JSON),
    "denied": Answer(401, "未登录".encode()),
    "forbidden": Answer(403),
    "redirect": Answer(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    "html": WEB_APP,
    "429": Answer(429),
    "resets": Reset(),
    "too_big": Answer(413),
    "no_list": Answer(404),
    "no_list_method": Answer(405),
}
_STRONG: Final[dict[str, Callable[[float], Fault]]] = {
    "5xx": lambda strength: Answer(_BROKEN[int(strength * len(_BROKEN))], b"<html>502</html>"),
    "429_after": lambda strength: Answer(429, b"", {"Retry-After": str(1 + int(strength * 400))}),
    "503_after": lambda strength: Answer(503, b"", {"Retry-After": str(1 + int(strength * 40))}),
    "429_hostile": lambda strength: Answer(
        429, b"", {"Retry-After": _HOSTILE[int(strength * len(_HOSTILE))]}
    ),
    "cut": CutBody,
    "slow": lambda strength: Delay(strength * 9),
    "stalled": lambda strength: Delay(10.5 + strength * 12),
}
_STRAY: Final = (
    b'{"id":"stray","action":"IMAGINE","status":"SUCCESS","progress":"100%","imageUrl":"http://127.0.0.1/x"}'
)


class Caster:
    """Casts the spells of one gateway. *fired* counts what it did at once; faults of replies are counted on the wire."""

    def __init__(
        self,
        sim: SimulatedGateway,
        weather: Weather,
        sleep: Callable[[float], None],
        absences: list[tuple[float, float]],
    ) -> None:
        self._sim = sim
        self._weather = weather
        self._suspend = sleep
        self._absences = absences
        self._ends: dict[Spell, Callable[[], object]] = {}

    async def cast(self, spell: Spell, lasts: float) -> None:
        """Let *spell* last so many seconds."""
        fault = _fault(spell)
        if fault is not None:
            only: Route | None = "list" if spell.kind in {"too_big", "no_list", "no_list_method"} else None
            few = spell.kind in {"resets", "too_big", "cut"}
            if few:
                self._sim.fault(fault, times=1 + int(3 * spell.strength), route=only)
            else:
                self._sim.fault(fault, for_seconds=lasts, route=only)
            return
        begin, end = self._acts(spell)
        self._weather.fired(spell.kind)
        self._ends[spell] = end
        begin()
        try:
            await anyio.sleep(lasts)
        finally:
            self._end(spell)

    def heal(self) -> None:
        """Undo everything."""
        self._sim.service.faults.clear()
        self._sim._book.omitted.clear()
        for spell in list(self._ends):
            self._end(spell)

    def _end(self, spell: Spell) -> None:
        end = self._ends.pop(spell, None)
        if end is not None:
            end()

    def _acts(self, spell: Spell) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return what begins and what ends a fault that is no reply's."""
        book, weather = self._sim._book, self._weather
        match spell.kind:
            case "black_hole":
                return _switch(weather, "is_black_hole", on=True, off=False)
            case "refused":
                return _switch(weather, "is_refusing", on=True, off=False)
            case "strays":
                return _switch(weather, "strays", on=_STRAY, off=b"")
            case "omit" | "half_page":
                some = [task_id for n, task_id in enumerate(book.tasks) if spell.kind == "omit" or n % 3]
                return lambda: self._sim.omit(*some, times=1 + int(spell.strength * 6)), _nothing
            case "amnesia":
                return self._forget_all()
            case "twins":
                return self._show_twice, _nothing
            case "suspended":
                return lambda: self._suspend(5 + spell.strength * 900), _nothing
            case kind:
                return _network(current_loop(), kind, spell.strength)

    def _show_twice(self) -> None:
        for task_id in list(self._sim._book.tasks)[:5]:
            self._sim.duplicate(task_id)

    def _forget_all(self) -> tuple[Callable[[], object], Callable[[], object]]:
        book, kept, loop = self._sim._book, dict(self._sim._book.tasks), current_loop()
        began_at = loop.time()

        def remember() -> None:
            book.tasks = kept | book.tasks
            self._absences.append((began_at, loop.time()))

        return book.tasks.clear, remember


def _fault(spell: Spell) -> Fault | None:
    """Return what replies suffer, None where it is something else."""
    strong = _STRONG.get(spell.kind)
    return _ANSWERS.get(spell.kind) if strong is None else strong(spell.strength)


def _switch(
    weather: Weather, name: str, *, on: object, off: object
) -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: setattr(weather, name, on), lambda: setattr(weather, name, off)


def _network(loop: SimLoop, kind: str, strength: float) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the weather of the virtual network: every connection has it."""
    requests, replies = loop.network.requests, loop.network.replies

    def begin() -> None:
        if kind == "sliced":
            requests.slice_probability = replies.slice_probability = 0.2 + strength / 2
        elif kind == "torn":
            requests.reset_probability, replies.reset_probability = strength / 5, strength / 10
        elif kind == "jittered":
            requests.latency = replies.latency = (0.001, strength * 3)

    def end() -> None:
        calm = type(requests)()
        for route in (requests, replies):
            route.slice_probability, route.reset_probability = calm.slice_probability, calm.reset_probability
            route.latency = calm.latency

    return begin, end


def _nothing() -> None:
    """Nothing to undo."""
