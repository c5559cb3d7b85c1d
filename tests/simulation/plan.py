"""What will happen in one seed: drawn once, before anything runs. Frozen values and dice; no loop, no clock.

Instants count from the beginning of the world. Which faults a seed has is a random subset of all (a swarm): a seed with
every fault at once never gets far enough to show the rare ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random
from typing import Final, Literal

from attrs import evolve, frozen

from mjwatch.testing import Family

Level = Literal["core", "http"]

ENDINGS: Final = ("normal", "random", "failure", "cancelled", "settling", "conflicting")
TROUBLES: Final = (
    "restart", "absent", "unknown", "forgotten", "modal", "modal_ignored", "modal_twice", "endless", "stuck",
)  # fmt: skip
STAYING: Final = ("fast", "slow", "stuck", "throttled", "completing", "waiting", "adding_on")
LEAVING: Final = (
    "leaving",
    "raising",
    "cancelled",
    "resuming",
    "rewatching",
    "discarding",
    "waiting_briefly",
)
HOOKS: Final = ("good", "raising", "hanging", "blocking", "many")

USUAL_SPELLS: Final = (
    "down", "resets", "5xx", "429", "429_after", "429_hostile", "503_after", "saturated", "empty", "204", "null",
    "cut", "slow", "stalled", "black_hole", "refused", "garbage", "wrong_shape", "omit", "amnesia", "twins",
    "strays", "too_big", "no_list", "no_list_method", "half_page", "suspended",
)  # fmt: skip
STANDING_SPELLS: Final = ("denied", "forbidden", "redirect", "html")
"""They are left alone for minutes, so a seed that has one shows little else."""
HTTP_SPELLS: Final = ("sliced", "torn", "jittered")
_CROWDED: Final = 0.05
"""How many seeds have a crowd beside everything else: it is dear."""
_CROWD: Final = 60
_CURIOUS: Final = 0.15
"""How many seeds have somebody who looks tasks up."""
_UNWATCHED: Final = 0.3
"""In how many of these nobody watches before all has healed, and the gateway fails: no poll finds out when it is well."""


@frozen
class Tale:
    """The life of one task."""

    id: str
    kind: str
    born_at: float
    pace: float
    """Seconds between two steps."""
    answered_after: float
    """How long the user takes to answer a window."""
    action: str
    mode: str | None


@frozen
class Reader:
    """One consumer."""

    name: str
    temper: str
    begins_at: float
    ids: tuple[str, ...]
    deadline: float | None = None
    patience: float = 1.0
    """Seconds it takes, rests or stays, as its temper has it."""
    count: int = 3
    """Events after which it does what its temper has it do."""

    @property
    def stays(self) -> bool:
        """True if it reads to the end."""
        return self.temper in STAYING


@frozen
class Spell:
    """One fault, for a while."""

    gateway: int
    kind: str
    begins_at: float
    ends_at: float
    strength: float


@frozen
class GatewayPlan:
    """One gateway and all who watch it."""

    name: str
    family: Family
    seed: int
    latency: tuple[float, float]
    refresh: float | None
    replicas: tuple[float, ...]
    usual: float
    """Deadline of a usual task, seconds."""
    slow: float
    batch: int
    every: float | None
    """A fixed schedule, or None for the library's own."""
    tales: tuple[Tale, ...]
    readers: tuple[Reader, ...]
    hooks: tuple[str, ...]

    @property
    def most_at_once(self) -> int:
        """How many ids fit into one request."""
        return 1 if self.family is Family.ENVELOPED else self.batch


@frozen
class Plan:
    """One seed."""

    seed: int
    level: Level
    gateways: tuple[GatewayPlan, ...]
    spells: tuple[Spell, ...]
    crashes: tuple[float, ...]
    wall_jumps: tuple[float, ...]
    """What the wall clock shows beside the truth, in each life of the program."""
    healed_at: float

    @property
    def ends_by(self) -> float:
        """When everything must have ended: two deadlines, ten minutes for whoever was left alone, and what was slept."""
        last = max((reader.begins_at for gateway in self.gateways for reader in gateway.readers), default=0.0)
        slept = 905.0 * sum(spell.kind == "suspended" for spell in self.spells)
        begins = max([last, self.healed_at, *self.crashes])
        return begins + slept + 2 * max(g.slow for g in self.gateways) + 1_500.0


def draw(seed: int, level: Level) -> Plan:
    """Return the plan of *seed*."""
    dice = Random(f"{level} {seed}")
    chaos = dice.choice((60.0, 60.0, 60.0, 120.0, 120.0, 200.0, 300.0, 700.0))
    count = dice.choice((1, 1, 1, 1, 2, 2, 3))
    gateways = tuple(_gateway(dice, number, chaos, level) for number in range(count))
    first, outage = _with_lookups(Random(f"{level} {seed} lookups"), gateways[0], chaos)
    crowd = _crowd(Random(f"{level} {seed} crowd"), f"g{count}") if level == "core" else ()
    crashes: tuple[float, ...] = ()
    if dice.random() < 0.2:
        crashes = tuple(sorted(dice.uniform(5.0, chaos) for _ in range(dice.choice((1, 1, 2)))))
    jumps = [dice.choice((0.0, 0.0, 86_400.0, -86_400.0)) for _ in crashes]
    drawn = (*_spells(dice, count, chaos, level), *outage)
    spells = tuple(sorted(drawn, key=lambda spell: (spell.begins_at, spell.kind, spell.gateway)))
    gateways = (first, *gateways[1:], *crowd)
    return Plan(seed, level, gateways, spells, crashes, (0.0, *jumps), healed_at=chaos)


def _with_lookups(dice: Random, gateway: GatewayPlan, chaos: float) -> tuple[GatewayPlan, tuple[Spell, ...]]:
    """Return *gateway*, in some seeds with somebody who looks its tasks up instead of watching them, and an outage for that."""
    if dice.random() >= _CURIOUS:
        return gateway, ()
    ids = dice.sample([tale.id for tale in gateway.tales], min(5, len(gateway.tales)))
    patience = dice.choice((0.0, dice.uniform(0.0, 0.3), dice.uniform(0.0, 3.0)))
    at = dice.uniform(0.0, chaos)
    curious = Reader("l0", "looking_up", at, tuple(ids), patience=patience, count=dice.randint(1, 4))
    if dice.random() >= _UNWATCHED:
        return evolve(gateway, readers=(*gateway.readers, curious)), ()
    begins_at, patience = at / 2, dice.uniform(0.2, 2.0)
    curious = evolve(curious, begins_at=begins_at, patience=patience, count=max(1, 40 // len(ids)))
    readers = [evolve(reader, begins_at=reader.begins_at + chaos) for reader in gateway.readers]
    # first it fails quickly, so that a breaker opens; then its probes hang, and are given up
    hangs_at = min(begins_at + 9 * patience, chaos)
    down, hung = dice.choice(("down", "refused")), min(hangs_at + 60.0, chaos)
    outage = Spell(0, down, begins_at, hangs_at, 0.0), Spell(0, "black_hole", hangs_at, hung, 0.0)
    return evolve(gateway, readers=(*readers, curious)), outage


def _crowd(dice: Random, name: str) -> tuple[GatewayPlan, ...]:
    """Return, in a few seeds, a gateway that is well, and more tasks than a mailbox takes unread: one reader rests meanwhile."""
    if dice.random() >= _CROWDED:
        return ()
    family = dice.choice([one for one in Family if one is not Family.ENVELOPED])
    tales = tuple(
        Tale(
            f"t{n}",
            dice.choice((*ENDINGS, "late_picture")),
            0.0,
            dice.uniform(5.0, 9.0),
            5.0,
            "IMAGINE",
            "FAST",
        )
        for n in range(_CROWD)
    )
    ids = tuple(tale.id for tale in tales)
    resting = Reader("r0", "stuck", dice.uniform(0.0, 5.0), ids, patience=dice.uniform(80.0, 150.0))
    reading = Reader("r1", "fast", dice.uniform(0.0, 30.0), ids)
    return (
        GatewayPlan(
            name=name, family=family, seed=dice.randrange(2**32), latency=(0.02, 0.2), refresh=None,
            replicas=(0.0,), usual=400.0, slow=400.0, batch=500, every=dice.uniform(3.0, 4.5), tales=tales,
            readers=(resting, reading), hooks=(),
        ),
    )  # fmt: skip


def _gateway(dice: Random, number: int, chaos: float, level: Level) -> GatewayPlan:
    family = dice.choice(tuple(Family))
    size = min(60, 1 + int(dice.expovariate(1 / 3))) if dice.random() < 0.96 else dice.randint(30, 60)
    if level == "http" or family is Family.ENVELOPED:
        size = min(size, 25)
    usual = dice.uniform(200.0, 500.0)
    tales = tuple(_tale(dice, f"t{index}", chaos) for index in range(size))
    # rows without a number do not show which of two is older: a lagging replica of family E makes events come twice
    lag = 0.0 if family is Family.ENVELOPED else dice.choice((0.0, 0.0, dice.uniform(1.0, 29.0)))
    return GatewayPlan(
        name=f"g{number}",
        family=family,
        seed=dice.randrange(2**32),
        latency=dice.choice(((0.0, 0.0), (0.02, 0.2), (0.1, 2.0))),
        refresh=dice.choice((None, None, dice.uniform(1.0, 20.0))),
        replicas=(0.0, lag) if lag else (0.0,),
        usual=usual,
        slow=usual * dice.choice((1.0, 1.5)),
        batch=dice.choice((500, 500, 500, 7, 3)),
        every=None if dice.random() < 0.2 else dice.choice((dice.uniform(2.0, 8.0), dice.uniform(6.0, 20.0))),
        tales=tales,
        readers=_readers(dice, tales, chaos),
        hooks=tuple(dice.sample(HOOKS, dice.choice((0, 0, 1, 2)))),
    )


def _tale(dice: Random, task_id: str, chaos: float) -> Tale:
    kind = dice.choice(ENDINGS) if dice.random() < 0.7 else dice.choice(TROUBLES)
    born_at = dice.choice((0.0, dice.uniform(0.0, 20.0), dice.uniform(0.0, chaos)))
    action = (
        "INPAINT" if kind.startswith("modal") else dice.choice(("IMAGINE", "IMAGINE", "UPSCALE", "SHORTEN"))
    )
    pace = dice.choice((0.5, 2.0, 6.0, 15.0)) * dice.uniform(0.7, 1.3)
    mode = dice.choice(("FAST", "FAST", "TURBO", None, "RELAX"))
    at = inf if kind == "unknown" else born_at
    return Tale(task_id, kind, at, pace, dice.uniform(5.0, 60.0), action, mode)


def _readers(dice: Random, tales: Sequence[Tale], chaos: float) -> tuple[Reader, ...]:
    """Let somebody who stays read every task from its birth, and others what they like, when they like."""
    readers: list[Reader] = []
    waves: dict[float, list[str]] = {}
    for tale in tales:
        at = tale.born_at if tale.born_at < inf else dice.uniform(0.0, chaos)
        if tale.kind == "absent":
            at = max(0.0, at - dice.uniform(1.0, 45.0))
        waves.setdefault(0.0 if at < 5.0 else at, []).append(tale.id)
    for number, (at, ids) in enumerate(sorted(waves.items())):
        readers.append(
            _reader(dice, f"r{number}", dice.choice(STAYING), at + dice.uniform(0.0, 5.0), ids, chaos)
        )
    for number in range(dice.choice((0, 1, 2, 4))):
        at = dice.uniform(0.0, chaos)
        known = [tale.id for tale in tales if tale.born_at <= at] or [tales[0].id]
        ids = dice.sample(known, dice.randint(1, len(known)))
        readers.append(_reader(dice, f"x{number}", dice.choice((*STAYING, *LEAVING)), at, ids, chaos))
    return tuple(readers)


def _reader(dice: Random, name: str, temper: str, at: float, ids: Sequence[str], chaos: float) -> Reader:
    patience = {"stuck": dice.uniform(30.0, 600.0), "slow": dice.uniform(0.2, 8.0)}
    return Reader(
        name,
        temper,
        at,
        tuple(ids),
        deadline=dice.choice((None, None, None, dice.uniform(60.0, 900.0))),
        patience=patience.get(temper, dice.uniform(0.5, min(chaos, 120.0))),
        count=dice.randint(1, 6),
    )


def _spells(dice: Random, gateways: int, chaos: float, level: Level) -> tuple[Spell, ...]:
    if dice.random() < 0.12:
        return ()  # a calm seed
    kinds = [kind for kind in USUAL_SPELLS if dice.random() < 0.15]
    kinds += [kind for kind in STANDING_SPELLS if dice.random() < 0.03]
    if level == "http":
        kinds += [kind for kind in HTTP_SPELLS if dice.random() < 0.3]
    spells: list[Spell] = []
    for kind in kinds:
        for _ in range(dice.choice((1, 1, 2, 3))):
            begins_at = dice.uniform(0.0, chaos)
            lasts = dice.choice((1.0, 5.0, 20.0, 60.0, chaos / 2)) * dice.uniform(0.3, 1.5)
            ends_at = min(begins_at + lasts, chaos)
            spells.append(Spell(dice.randrange(gateways), kind, begins_at, ends_at, dice.random()))
    return tuple(spells)
