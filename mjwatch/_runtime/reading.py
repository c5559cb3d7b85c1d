"""Reading a reply: raw tasks are matched to the ids that were asked for. By id, never by position.

What did not change is known by its digest and never decoded. What a finding means is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import anyio.lowlevel
import msgspec
from attrs import Factory, define

from mjwatch._policy import lifecycle
from mjwatch._wire.dialect import Dialect
from mjwatch._wire.messages import Malformed
from mjwatch.observations import Finding, Garbled, Missing, Observation

Asked = Mapping[str, int | None]
"""Ids to look up, each with the digest of what is known of it; None has it decoded whatever it is."""

BREATH: Final = 12
"""So many changed tasks are worked on before the loop may turn: about 0.3 ms."""


async def breathe() -> None:
    """Let the loop turn in the middle of a large reply: nobody else should wait for more than a millisecond."""
    await anyio.lowlevel.checkpoint()


@define(eq=False)
class Found:
    """What a reply says about the ids that were asked for: *same* did not change, each other one has its finding."""

    same: dict[str, None] = Factory(dict)
    findings: dict[str, Finding] = Factory(dict)


async def read(dialect: Dialect, pieces: Sequence[msgspec.Raw], asked: Asked, *, is_single: bool) -> Found:
    """Return what is found about each id of *asked*; strays touch nothing, an absence is a finding."""
    reading = _Reading(dialect, asked, is_single=is_single)
    if len(pieces) > BREATH:
        await breathe()  # splitting the reply was a step of its own
    fresh = reading.match(pieces)
    if len(pieces) > BREATH:
        await breathe()
    for begin in range(0, len(fresh), BREATH):
        for piece in fresh[begin : begin + BREATH]:
            reading.see(piece)
        if len(pieces) > BREATH:
            await breathe()
    return reading.found()


class _Reading:
    """One reply under way. Lives within one call."""

    def __init__(self, dialect: Dialect, asked: Asked, *, is_single: bool) -> None:
        self._dialect = dialect
        self._asked = asked
        self._is_single = is_single
        self._pieces: Sequence[msgspec.Raw] = ()
        self._whose: list[str | None] = []
        self._same: dict[str, None] = {}
        self._seen: dict[str, Observation] = {}
        self._garbled: dict[str, Finding] = {}
        self._has_stray_garble = False

    def match(self, pieces: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
        """
        Take out what did not change, and return the rest.

        The hot path of a look, so it goes over the whole reply in a few sweeps that stay in C; more than half of it is
        the hash.
        """
        self._pieces = pieces
        digests = self._dialect.digests(pieces)
        by_digest = {digest: task_id for task_id, digest in self._asked.items() if digest is not None}
        self._whose = list(map(by_digest.get, digests))
        self._same = {task_id: None for task_id in self._whose if task_id is not None}
        if len(self._same) == len(pieces):
            return []
        return [piece for task_id, piece in zip(self._whose, pieces, strict=True) if task_id is None]

    def see(self, piece: msgspec.Raw) -> None:
        """Decode a raw task."""
        try:
            one = self._dialect.decode(piece, next(iter(self._asked)) if self._is_single else None)
        except Malformed as garbled:
            if garbled.task_id is not None and garbled.task_id in self._asked:
                self._garbled[garbled.task_id] = Garbled()
            else:
                self._has_stray_garble = True
            return
        task_id = one.task.id
        if task_id in self._asked:
            self._seen[task_id] = _further(self._seen.get(task_id), one)
        else:
            self._has_stray_garble |= (
                self._is_single
            )  # another task's fetch reply says nothing about this one

    def found(self) -> Found:
        findings: dict[str, Finding] = {**self._garbled, **self._seen}
        for task_id in [task_id for task_id in findings if task_id in self._same]:
            if self._is_news(task_id):
                del self._same[task_id]
            else:
                del findings[task_id]
        if len(findings) + len(self._same) < len(self._asked):
            # A raw task without a readable id may be any of the absent ones: then absence proves nothing.
            absent = Garbled() if self._has_stray_garble else Missing(single=self._is_single)
            known = findings.keys() | self._same.keys()
            findings |= {task_id: absent for task_id in self._asked if task_id not in known}
        return Found(self._same, findings)

    def _is_news(self, task_id: str) -> bool:
        """Return True where another row of the id is further than the one of the last look (`protocol.md` 4.5)."""
        if task_id not in self._seen:
            return False
        same = self._dialect.decode(self._pieces[self._whose.index(task_id)])
        return _further(same, self._seen[task_id]) is self._seen[task_id]


def _further(one: Observation | None, other: Observation) -> Observation:
    if one is None or lifecycle.most_advanced(one.task, other.task) is other.task:
        return other
    return one
