"""What a look costs: the library beside the loops without it, at one gateway, in rotating order.

Each sample is a process of its own; the ratio of a round is between samples that were taken shortly after each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Final, Literal

from attrs import asdict, evolve, frozen

from benchmarks.floors import children
from benchmarks.floors.meter import Sample
from benchmarks.floors.payloads import Lot
from benchmarks.floors.plan import BATCH, Plan
from benchmarks.floors.rows import Bar, Row, compared

Name = Literal["cpu", "plain", "naive", "adaptive", "requests", "crowd", "rand"]
Courses = dict[str, list[Sample]]


@frozen
class Course:
    """One way of watching, and what it watches."""

    way: str
    lot: Lot
    count: int
    period: float
    window: float
    passes: float = 2
    settling: float = 0.0
    rounds: int = 1


def courses(plan: Plan) -> dict[str, Course]:
    """Return everything that is measured."""
    usual = Lot(step_every=plan.step_every)
    ours = Course("library", usual, plan.tasks, plan.period, plan.window, rounds=plan.rounds)
    # With a preview for each task: the worst case for who has to look past `?rand=`.
    still = Lot(family="new-api", step_every=plan.step_every, previews=1.0)
    crowd = Course(
        "library",
        Lot(step_every=plan.crowd_step_every),
        plan.crowd,
        plan.crowd_period,
        plan.crowd_period,
        passes=1,
        rounds=min(plan.rounds, plan.crowd_rounds),
    )
    return {
        "every": ours,
        "tight": evolve(ours, way="tight"),
        "plain": evolve(ours, way="plain"),
        "naive": evolve(ours, way="naive", count=plan.alone),
        "hashed": evolve(ours, way="hashed"),
        "adaptive": evolve(
            ours, way="adaptive", passes=1, settling=plan.settling, window=plan.adaptive_window
        ),
        "busy": evolve(ours, way="tight", lot=Lot(step_every=plan.adaptive_step_every)),
        "still": evolve(ours, lot=still, rounds=min(plan.rounds, plan.rand_rounds)),
        "rand": evolve(ours, lot=evolve(still, has_rand=True), rounds=min(plan.rounds, plan.rand_rounds)),
        "crowd": crowd,
        "crowd tight": evolve(crowd, way="tight"),
    }


_NEEDS: Final[dict[Name, Sequence[str]]] = {
    "cpu": ("every", "tight", "hashed"),
    "plain": ("every", "plain"),
    "naive": ("every", "naive"),
    "adaptive": ("adaptive", "tight", "busy"),
    "requests": ("every",),
    "crowd": ("crowd", "crowd tight"),
    "rand": ("rand", "still"),
}
NAMES: Final = tuple(_NEEDS)


def rows(plan: Plan, tell: Callable[[str], None], *, names: Iterable[Name]) -> list[Row]:
    """Measure all that *names* need, and return their rows."""
    wanted = [name for name in _NEEDS if name in set(names)]
    needed = dict.fromkeys(course for name in wanted for course in _NEEDS[name])
    run = {name: course for name, course in courses(plan).items() if name in needed}
    got: Courses = {name: [] for name in run}
    with children.gateway() as port:
        for turn in range(max((course.rounds for course in run.values()), default=0)):
            going = [name for name, course in run.items() if turn < course.rounds]
            turned = turn % len(going)
            # The crowd takes long: it must not stand between two that are compared.
            in_turn = sorted(going[turned:] + going[:turned], key=lambda name: run[name].count == plan.crowd)
            for some in [in_turn] if plan.is_crammed else [[name] for name in in_turn]:
                for name, sample in zip(some, measured([run[name] for name in some], port), strict=True):
                    got[name].append(sample)
                    tell(f"round {turn + 1}, {name}: {sample.per_look:.2f} us a look, {sample.news:.0%} news")
    return [row for name in wanted for row in _ROWS[name](plan, got)]


def measured(asked: Sequence[Course], port: int, *, profiled: bool = False) -> Iterator[Sample]:
    """Take a sample of each course, all in one process of their own."""
    spelled = [asdict(course) for course in asked]
    with children.child("meter", port=port, courses=spelled, profiled=profiled) as process:
        for _ in asked:
            yield Sample(**children.heard(process))


def _per_look(
    name: str, yard: str, ours: Sequence[Sample], yards: Sequence[Sample], bar: Bar | None = None
) -> Row:
    pairs = [(one.per_look, other.per_look) for one, other in zip(ours, yards, strict=True)]
    return compared(
        f"CPU per look, {name}",
        yard,
        "us",
        pairs,
        bar,
        news=_news(ours),
        news_yardstick=_news(yards),
        samples=[asdict(sample) for sample in ours],
        samples_yardstick=[asdict(sample) for sample in yards],
    )


def _news(samples: Sequence[Sample]) -> float:
    return median(sample.news for sample in samples)


def _cpu(plan: Plan, got: Courses) -> list[Row]:
    name = f"{plan.tasks:,} tasks, every({plan.period:g})"
    return [
        _per_look(name, "tight loop", got["every"], got["tight"], Bar("at most", 1.25)),
        _per_look(name, "tight loop, hashes kept", got["every"], got["hashed"]),
        _per_look("tight loop, hashes kept", "tight loop", got["hashed"], got["tight"]),
    ]


def _plain(plan: Plan, got: Courses) -> list[Row]:
    name = f"{plan.tasks:,} tasks, every({plan.period:g})"
    return [_per_look(name, "plain batch loop", got["every"], got["plain"], Bar("less by", 2.5))]


def _naive(plan: Plan, got: Courses) -> list[Row]:
    name = f"{plan.tasks:,} tasks, every({plan.period:g})"
    yard = f"loop per task, {plan.alone:,}"
    return [_per_look(name, yard, got["every"], got["naive"], Bar("less by", 40))]


def _adaptive(plan: Plan, got: Courses) -> list[Row]:
    name = f"{plan.tasks:,} tasks, adaptive"
    return [
        _per_look(name, "tight loop", got["adaptive"], got["tight"], Bar("at most", 2)),
        _per_look(name, f"tight loop, {_news(got['busy']):.0%} news", got["adaptive"], got["busy"]),
    ]


def _requests(plan: Plan, got: Courses) -> list[Row]:
    least = float(-(-plan.tasks // BATCH))
    pairs = [(one.requests / max(one.asked, 1) * plan.tasks, least) for one in got["every"]]
    return [compared("requests per pass", f"ceil(N/{BATCH})", "requests", pairs, Bar("equal"))]


def _crowd(plan: Plan, got: Courses) -> list[Row]:
    ours, yards = got["crowd"], got["crowd tight"]
    name = f"{plan.crowd:,} tasks, every({plan.crowd_period:g})"
    shares = [
        (100 * one.cpu / one.seconds, 100 * other.cpu / other.seconds)
        for one, other in zip(ours, yards, strict=True)
    ]
    return [
        _per_look(name, "tight loop", ours, yards, Bar("at most", 1.4)),
        compared(f"share of a core, {name}", "tight loop", "%", shares, Bar("below", 10)),
    ]


def _rand(_plan: Plan, got: Courses) -> list[Row]:
    name, yard = "family C, new ?rand= on each read", "same without ?rand="
    return [_per_look(name, yard, got["rand"], got["still"], Bar("at most", 1.4))]


_ROWS: Final[dict[Name, Callable[[Plan, Courses], list[Row]]]] = {
    "cpu": _cpu,
    "plain": _plain,
    "naive": _naive,
    "adaptive": _adaptive,
    "requests": _requests,
    "crowd": _crowd,
    "rand": _rand,
}
