"""What is known of a run when it is over: what was true, told, sent and logged. Bare values; the checkers' only input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from math import inf

from attrs import define, field, frozen

from mjwatch import Event, TaskEvent
from tests.simulation.plan import GatewayPlan, Plan
from tests.watcher.stage import EPOCH

_FLIGHT = 25.0
"""The longest a look takes, and time to commit, seconds."""
_PHOTOGRAPHED = 3
"""How many events of each session are compared at the end with what they were."""


@frozen
class Got:
    """One event in a reader's hands."""

    at: float
    event: Event
    text: str = ""
    """What it looked like then, of the first few."""

    @classmethod
    def now(cls, at: float, event: Event, number: int) -> Got:
        """Return an event that was just taken, and what it looks like."""
        return cls(at, event, event.to_json() if number < _PHOTOGRAPHED else "")


@define(eq=False)
class Session:
    """One stream, wait or hook, from its beginning to its end."""

    gateway: str
    life: int
    reader: str
    temper: str
    begun_at: float
    ids: tuple[str, ...]
    deadline: float | None = None
    stays: bool = True
    finals_only: bool = False
    throttle: float | None = None
    opened_at: float | None = None
    """When its wishes were stored, as far as the reader can tell."""
    got: list[Got] = field(factory=list)
    ended: str = "open"
    """end, left, raised, cancelled, refused, closed, crashed; open until then."""
    ended_at: float = inf
    outcomes: dict[str, str] = field(factory=dict)
    """What `wait` made of a task."""

    def of(self, task_id: str) -> list[Got]:
        """Return what it got about one task; asked when all is over."""
        return self._about.get(task_id, [])

    @cached_property
    def _about(self) -> dict[str, list[Got]]:
        about = defaultdict[str, list[Got]](list)
        for one in self.got:
            if isinstance(one.event, TaskEvent):
                about[one.event.task_id].append(one)
        return about

    @property
    def task_events(self) -> Iterator[tuple[float, TaskEvent]]:
        """Return what it got about tasks."""
        return ((one.at, one.event) for one in self.got if isinstance(one.event, TaskEvent))

    @property
    def is_hook(self) -> bool:
        """True for a callback."""
        return self.temper.startswith("hook")


@define(eq=False)
class Sent:
    """One request as it left us."""

    gateway: str
    life: int
    at: float
    route: str
    ids: tuple[str, ...]
    ended_at: float = inf
    outcome: str = "lost"
    """The HTTP status, the class of the error, or "cancelled"."""
    retry_after: str | None = None
    marks: str = ""
    """The beginning of an error's body."""
    is_empty: bool = False
    """A reply without a body."""


@frozen
class Fact:
    """What is true of a task from an instant on."""

    at: float
    status: str | None
    percent: int | None
    image: str | None
    has_buttons: bool


@frozen
class Truth:
    """What was true of one task."""

    gateway: str
    id: str
    kind: str
    facts: tuple[Fact, ...]
    shown_at: float | None
    """When the gateway could first show an end."""
    absences: tuple[tuple[float, float], ...]
    """When the gateway did not know the id."""
    restarts: int
    answers: tuple[float, ...]
    born_at: float

    def known_by(self, at: float) -> list[Fact]:
        """Return what has been true by then."""
        return [fact for fact in self.facts if fact.at <= at]


@frozen
class Line:
    """One line of the log."""

    at: float
    gateway: str
    level: str
    event: str
    text: str
    """The keys, and a traceback with its locals."""


@frozen
class Closing:
    """How a watcher was closed."""

    gateway: str
    life: int
    at: float
    took: float
    left: tuple[str, ...]
    """What it left behind."""
    afterwards: str
    """What using it after that raises."""
    requests: int
    """How many it says it made."""


@define(eq=False)
class History:
    """One run."""

    plan: Plan
    begun_at: float
    sessions: list[Session] = field(factory=list)
    wire: list[Sent] = field(factory=list)
    log: list[Line] = field(factory=list)
    truths: dict[tuple[str, str], Truth] = field(factory=dict)
    closings: list[Closing] = field(factory=list)
    uncaught: list[str] = field(factory=list)
    discards: set[tuple[str, str]] = field(factory=set)
    suspensions: list[tuple[float, float]] = field(factory=list)
    """When the machine slept, and for how long."""
    lives: list[float] = field(factory=list)
    """When each life of the program began."""
    fired: dict[str, int] = field(factory=dict)
    """How often each kind of fault befell something."""
    arrived: dict[str, int] = field(factory=dict)
    """How many requests reached each gateway."""
    most_turns: int = 0
    """Turns of the loop within one virtual second, at most."""
    ended_at: float = 0.0
    digest: str = ""
    error: str = ""
    """Why the run itself broke."""
    last_words: dict[str, str] = field(factory=dict)
    """Whatever else a program can print: `repr` of events, stats, health, errors."""
    changed: list[str] = field(factory=list)
    """Events that were not the same at the end as when they were delivered."""

    @property
    def healed_at(self) -> float:
        """When the chaos ended, by the loop's time."""
        return self.begun_at + self.plan.healed_at

    def plan_of(self, gateway: str) -> GatewayPlan:
        """Return the plan of a gateway."""
        return next(one for one in self.plan.gateways if one.name == gateway)

    def sent_by(self, gateway: str, life: int | None = None) -> list[Sent]:
        """Return the requests to a gateway, of one life or all."""
        return [one for one in self.wire if one.gateway == gateway and life in {None, one.life}]

    @property
    def wakes(self) -> list[float]:
        """When the machine woke up."""
        return [at + lasted for at, lasted in self.suspensions]

    def told_at(self, session: Session, got: Got) -> float:
        """Return when an event was told, by the loop's time: its reader may have taken it much later."""
        told_at = got.event.at - EPOCH + self.begun_at - self.plan.wall_jumps[session.life]
        for at, lasted in self.suspensions:
            # a look that was claimed before the machine slept, and made after, is dated by its claim
            if at - _FLIGHT <= told_at <= at + lasted:
                told_at = min(self._taken_at[session.life, got.event.id], at + lasted + _FLIGHT)
        return told_at

    @cached_property
    def _taken_at(self) -> dict[tuple[int, str], float]:
        """When each event was first taken by anybody in a life: it was told by then."""
        taken_at: dict[tuple[int, str], float] = {}
        for session in self.sessions:
            for got in session.got:
                key = session.life, got.event.id
                taken_at[key] = min(got.at, taken_at.get(key, inf))
        return taken_at

    @property
    def awake_at(self) -> float:
        """When the machine woke up for the last time."""
        return max(self.wakes, default=self.begun_at)
