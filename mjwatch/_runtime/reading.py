"""Reading a reply: raw tasks are matched to the ids that were asked for. By id, never by position.

What did not change is known by its digest and never decoded. What a finding means is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import eq
from typing import Final

import anyio.lowlevel
import msgspec
from attrs import frozen

from mjwatch._policy import lifecycle
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.messages import Malformed
from mjwatch.observations import Finding, Garbled, Missing, Observation

BREATH: Final = 16
"""So many changed tasks are worked on before the loop may turn: about 0.4 ms."""

HEAVY: Final = 8 << 10
"""A task of so many bytes is worked on alone: four times what any known one has."""

LARGE: Final = 128 << 10
"""Bytes of a reply that takes so long to read that the loop should turn meanwhile: a tenth of a millisecond."""


@frozen
class Asked:
    """
    Ids to look up, each once.

    Attributes:
        ids: Which.
        digests: What is known of each by its digest; None has it decoded whatever it is.
    """

    ids: Sequence[str]
    digests: Sequence[int | None]

    @classmethod
    def anew(cls, ids: Iterable[str]) -> Asked:
        """Ask for *ids*, whatever is known of them."""
        each = list(dict.fromkeys(ids))
        return cls(each, [None] * len(each))

    def beside(self, others: Iterable[str]) -> Asked:
        """Ask for *others*, too, and for those whatever is known of them."""
        both = dict(zip(self.ids, self.digests, strict=True)) | dict.fromkeys(others)
        return Asked(list(both), list(both.values()))


async def breathe() -> None:
    """Let the loop turn in the middle of a large reply: nobody else should wait for more than a millisecond."""
    await anyio.lowlevel.checkpoint()


async def read(
    dialect: Dialect, pieces: Sequence[msgspec.Raw], asked: Asked, *, is_single: bool
) -> dict[str, Finding]:
    """Return what is found about each id that is not as it was; strays touch nothing, an absence is a finding."""
    reading = _Reading(dialect, asked, is_single=is_single)
    if len(pieces) > BREATH:
        await breathe()  # splitting the reply was a step of its own
    fresh = reading.match(pieces)
    for begin in range(0, len(fresh), BREATH):
        if len(pieces) > BREATH:
            await breathe()
        for piece, digest in fresh[begin : begin + BREATH]:
            if len(piece) > HEAVY:
                await breathe()
            reading.see(piece, digest)
    return await reading.findings()


class _Reading:
    """One reply under way. Lives within one call."""

    def __init__(self, dialect: Dialect, asked: Asked, *, is_single: bool) -> None:
        self._dialect = dialect
        self._asked = asked
        self._is_single = is_single
        self._pieces: Sequence[msgspec.Raw] = ()
        self._digests: list[int] = []
        self._open: dict[str, int | None] = {}
        self._seen: dict[str, Observation] = {}
        self._garbled: dict[str, Finding] = {}
        self._has_stray_garble = False

    def match(self, pieces: Sequence[msgspec.Raw]) -> list[tuple[msgspec.Raw, int]]:
        """
        Take out what did not change, and return the rest, each with its digest.

        The hot path of a look, so it goes over the whole reply in a few sweeps that stay in C; nearly all of it is the
        hash. A gateway mostly answers in the order in which it was asked, so places are compared first. Equal digests
        are equal bytes, with the id among them, so no place is ever trusted.
        """
        ids, known = self._asked.ids, self._asked.digests
        self._pieces = pieces
        self._digests = digests = self._dialect.digests(pieces)
        are_same = list(map(eq, digests, known))
        if len(ids) == len(pieces) == are_same.count(True):
            return []
        are_same += [False] * abs(len(ids) - len(pieces))
        others = [place for place, is_same in enumerate(are_same) if not is_same]
        open_ = {ids[place]: known[place] for place in others if place < len(ids)}
        by_digest = {digest: id_ for id_, digest in open_.items() if digest is not None}
        fresh: list[tuple[msgspec.Raw, int]] = []
        for place in others:
            if place < len(pieces):
                id_ = by_digest.pop(digests[place], None)
                if id_ is None:
                    fresh.append((pieces[place], digests[place]))
                else:
                    del open_[id_]
        self._open = open_
        return fresh

    def see(self, piece: msgspec.Raw, digest: int) -> None:
        """Decode a raw task."""
        asked = self._asked.ids
        try:
            one = self._dialect.decode(piece, asked=asked[0] if self._is_single else None, digest=digest)
        except Malformed as garbled:
            if garbled.task_id is not None and garbled.task_id in asked:
                self._garbled[garbled.task_id] = Garbled()
            else:
                self._has_stray_garble = True
            return
        task_id = one.task.id
        if task_id in self._open or task_id in asked:
            self._seen[task_id] = _further(self._seen.get(task_id), one)
        else:
            self._has_stray_garble |= (
                self._is_single
            )  # another task's fetch reply says nothing about this one

    async def findings(self) -> dict[str, Finding]:
        """Return what is found about each id that is not as it was."""
        found: dict[str, Finding] = {**self._garbled, **self._seen}
        for task_id in [task_id for task_id in found if task_id not in self._open]:
            await breathe()  # seldom, but then perhaps hundreds are decoded once more
            if not self._is_news(task_id):
                del found[task_id]
        absent = [task_id for task_id in self._open if task_id not in found]
        if absent:
            # A raw task without a readable id may be any of the absent ones: then absence proves nothing.
            nothing = Garbled() if self._has_stray_garble else Missing(single=self._is_single)
            found |= dict.fromkeys(absent, nothing)
        return found

    def _is_news(self, task_id: str) -> bool:
        """Return True where another row of the id is further than the one of the last look (`protocol.md` 4.5)."""
        if task_id not in self._seen:
            return False
        known = self._asked.digests[self._asked.ids.index(task_id)]
        same = self._dialect.decode(self._pieces[self._digests.index(known)])  # type: ignore[arg-type]  # an int
        return _further(same, self._seen[task_id]) is self._seen[task_id]


def _further(one: Observation | None, other: Observation) -> Observation:
    if one is None or lifecycle.most_advanced(one.task, other.task) is other.task:
        return other
    return one
