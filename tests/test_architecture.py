"""The house: imports point down, rooms are small, and what is banned is nowhere. See CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mjwatch"
TESTS = ROOT / "tests"
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
SHIPPED_BESIDE = ("mjwatch/testing/", "mjwatch/cli/")
CORE = [path for path in SOURCES if not path.startswith(SHIPPED_BESIDE)]

FILE_LINES = 300
FUNCTION_LINES = 45
PUBLIC_METHODS = 12
MORE_METHODS = {"Watcher": 16}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: str) -> ast.Module:
    """Return the source at *path*, parsed."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=path)


def for_each(paths: Sequence[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Let one test go through all *paths*: a test for each of them costs more than what it looks at."""

    def going_through(test: Callable[[str], None]) -> Callable[[], None]:
        def goes_through() -> None:
            for path in paths:
                try:
                    test(path)
                except AssertionError as error:
                    error.add_note(f"in {path}")
                    raise

        goes_through.__name__, goes_through.__doc__ = test.__name__, test.__doc__
        return goes_through

    return going_through


def functions(path: str) -> Iterator[Function]:
    """Go through all functions and methods in *path*."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def length(node: Function) -> int:
    """Return how many lines *node* has, its docstring and all."""
    return (node.end_lineno or 0) - node.lineno + 1


def public_methods(cls: ast.ClassDef) -> set[str]:
    """Return the names of what *cls* can do; properties say what it is, and overloads are one method."""
    return {
        node.name
        for node in cls.body
        if isinstance(node, Function)
        and not node.name.startswith("_")
        and "property" not in {ast.unparse(one) for one in node.decorator_list}
    }


def test_every_import_points_down() -> None:
    """The floors, the purity of the pure ones and the fence around the extras hold, as pyproject.toml says."""
    command = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(  # noqa: S603 - our own
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


@for_each(SOURCES)
def test_files_are_small(path: str) -> None:
    """A file that no longer fits on three screens has two jobs."""
    lines = (ROOT / path).read_text(encoding="utf-8").count("\n")

    assert lines <= FILE_LINES


@for_each(SOURCES)
def test_functions_are_small(path: str) -> None:
    """A function is read in one look."""
    large = {node.name: length(node) for node in functions(path) if length(node) > FUNCTION_LINES}

    assert large == {}


def test_most_functions_are_smaller_still() -> None:
    """Nine of ten functions have at most 25 lines."""
    lengths = sorted(length(node) for path in SOURCES for node in functions(path))

    assert lengths[len(lengths) * 9 // 10] <= 25


@for_each(SOURCES)
def test_classes_are_small(path: str) -> None:
    """A class that can do more than a dozen things is two classes."""
    large = {
        node.name: sorted(public_methods(node))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and len(public_methods(node)) > MORE_METHODS.get(node.name, PUBLIC_METHODS)
    }

    assert large == {}


def test_no_room_is_for_odds_and_ends() -> None:
    """What helps has a noun for a name, and lives with its first user."""
    named = [path for path in SOURCES if BANNED_NAMES & set(re.split(r"[/._]", path))]

    assert named == []


@for_each(SOURCES)
def test_every_module_says_its_job(path: str) -> None:
    """A file opens with its one job, as a sentence."""
    doc = ast.get_docstring(parsed(path)) or ""

    assert re.search(r"[.:]$", doc.split("\n\n", maxsplit=1)[0])


@for_each([path for path in SOURCES if ast.get_docstring(parsed(path)) is not None])
def test_annotations_are_never_evaluated(path: str) -> None:
    """Every file with code in it makes its annotations strings."""
    body = parsed(path).body[1:]

    assert not body or ast.unparse(body[0]) == "from __future__ import annotations"


@for_each([path for path in SOURCES if "/_policy/" in path or "/_wire/" in path])
def test_pure_floors_are_sync(path: str) -> None:
    """What decides or translates never waits."""
    waits = [
        node
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]

    assert waits == []


def used(path: str, *names: str) -> list[int]:
    """Return the lines of *path* where one of *names* is called or referred to."""
    return [
        node.lineno
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.Attribute) and node.attr in names)
    ]


@for_each([path for path in SOURCES if "/_policy/" in path or "/_wire/" in path])
def test_pure_floors_read_no_clock_and_throw_no_dice(path: str) -> None:
    """Instants and dice are arguments."""
    called = {ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)}
    reading = re.compile(r"(random|time|uuid|secrets)\.\w+|Random|date(time)?\.(now|utcnow|today)")

    assert not [name for name in called if reading.fullmatch(name)]


def test_one_file_starts_asyncio_tasks() -> None:
    """The watcher owns one asyncio task; all others live in task groups."""
    starting = [path for path in CORE if used(path, "create_task", "ensure_future")]

    assert starting == ["mjwatch/_runtime/runner.py"]


def test_one_file_imports_the_http_client() -> None:
    """The client of aiohttp enters, and its errors leave, by one door."""
    importing = [
        path
        for path in CORE
        if any(
            "aiohttp" in ast.unparse(node).split()[1].split(".")[0] for node in runtime_imports(parsed(path))
        )
    ]

    assert importing == ["mjwatch/_runtime/aiohttp_transport.py"]


def runtime_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Go through what *tree* imports when it runs; not what type checkers alone read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def caught(path: str) -> set[str]:
    """Return which classes *path* catches."""
    return {
        "bare" if node.type is None else name
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        for name in (
            [ast.unparse(one) for one in node.type.elts]
            if isinstance(node.type, ast.Tuple)
            else [ast.unparse(node.type) if node.type is not None else ""]
        )
    }


def test_exceptions_are_caught_by_name() -> None:
    """Two places catch any Exception: the call of a user's hook, and the edge of the runner."""
    broad = [path for path in SOURCES if "testing/" not in path and "Exception" in caught(path)]

    assert broad == ["mjwatch/_runtime/hooks.py", "mjwatch/_runtime/runner.py"]


@for_each(SOURCES)
def test_nothing_is_caught_without_a_name(path: str) -> None:
    """A bare except would swallow cancellation."""
    assert "bare" not in caught(path)


@for_each(CORE)
def test_cancellation_is_never_swallowed(path: str) -> None:
    """Who catches BaseException or a cancellation raises it again."""
    swallowing = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and re.search("BaseException|Cancelled|get_cancelled_exc_class", ast.unparse(node.type))
        and not any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(node))
    ]

    assert swallowing == []


@for_each([path for path in SOURCES if path != "mjwatch/_wire/fields.py"])
def test_any_stays_where_json_becomes_values(path: str) -> None:
    """Outside of one file all is typed."""
    assert used(path, "Any") == []


def test_casts_are_where_types_end() -> None:
    """JSON becomes values in one file, and a hook takes the events it was registered for in another."""
    casting = {path for path in SOURCES if used(path, "cast")}

    assert casting <= {"mjwatch/_wire/fields.py", "mjwatch/_runtime/hooks.py"}


@for_each(SOURCES)
def test_ignored_types_say_which(path: str) -> None:
    """An ignore without a code hides the next error, too."""
    with (ROOT / path).open("rb") as file:
        comments = [
            token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT
        ]

    assert not [one for one in comments if re.search(r"type: *ignore(?!\[[a-z-]+(, [a-z-]+)*\])", one)]


@for_each(CORE)
def test_no_stream_is_an_async_generator(path: str) -> None:
    """An abandoned async generator is cleaned up by nobody knows whom: streams are classes."""
    generators = [
        node.name
        for node in functions(path)
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(one, ast.Yield) for one in ast.walk(node))
        and not any("asynccontextmanager" in ast.unparse(one) for one in node.decorator_list)
    ]

    assert generators == []


# --- the mirror

ELSEWHERE = {
    # source: (where its tests are, why not in a mirror of its own)
    "mjwatch/__main__.py": ("tests/cli", "one call of the command line"),
    "mjwatch/__init__.py": ("tests/test_public_surface.py", "a table of names"),
    "mjwatch/watcher.py": ("tests/watcher", "end to end, a file for each promise"),
    "mjwatch/_wire/dialect.py": ("tests/wire/test_dialects.py", "a protocol: its implementations are tested"),
    "mjwatch/_wire/messages.py": ("tests/wire/test_midjourney_proxy.py", "bare values"),
    "mjwatch/_store/contract.py": (
        "tests/store/test_conformance.py",
        "a protocol: each store is tested by it",
    ),
    "mjwatch/_store/log.py": ("tests/store/test_conformance.py", "what a store promises of its log"),
    "mjwatch/_store/gate.py": ("tests/store/test_conformance.py", "what a store promises of its gate"),
    "mjwatch/_store/record.py": ("tests/store/test_memory.py", "one row of the memory store"),
    "mjwatch/_store/queue.py": ("tests/store/test_memory.py", "the due queue of the memory store"),
    "mjwatch/_store/lease.py": ("tests/store/test_conformance.py", "what a store promises of its leases"),
    "mjwatch/_store/finished.py": ("tests/store/test_memory.py", "a bound of the memory store"),
    "mjwatch/_store/notes.py": ("tests/store/test_conformance.py", "what a store promises of its notes"),
    "mjwatch/_store/wheel.py": ("tests/store/test_memory.py", "the due queue of the memory store"),
    "mjwatch/_runtime/transport.py": ("tests/runtime/test_aiohttp_transport.py", "a protocol"),
    "mjwatch/_runtime/reading.py": ("tests/runtime/test_client.py", "what a look makes of a reply"),
    "mjwatch/_runtime/rules.py": ("tests/runtime/test_pump.py", "what travels together, no rule"),
    "mjwatch/_policy/story.py": ("tests/policy/test_fold.py", "the fold from within"),
    "mjwatch/_policy/moments.py": ("tests/policy/test_forecast.py", "what a forecast learns and believes"),
    "mjwatch/_runtime/context.py": ("tests/watcher", "what travels together, no rule"),
    "mjwatch/testing/__init__.py": ("tests/test_public_surface.py", "a table of names"),
    "mjwatch/testing/pytest_plugin.py": ("tests/test_plugin.py", "about imports alone"),
    "mjwatch/testing/simnet.py": ("tests/testing/test_simloop.py", "the sockets of the loop"),
    "mjwatch/testing/simorder.py": ("tests/testing/test_simloop.py", "the order of the loop"),
}


def own_mirror(path: str) -> str:
    """Return the file of tests that belongs to *path* by its name."""
    floor, _, module = path.removeprefix("mjwatch/").removesuffix(".py").rpartition("/")
    return f"tests/{floor.removeprefix('_')}/test_{module}.py".replace("//", "/")


def mirror(path: str) -> str:
    """Return where the tests of *path* are."""
    return ELSEWHERE[path][0] if path in ELSEWHERE else own_mirror(path)


def is_empty(path: str) -> bool:
    """Return True where *path* is a docstring."""
    return len(parsed(path).body) <= 1


@for_each([path for path in SOURCES if not path.startswith("mjwatch/cli/") and not is_empty(path)])
def test_every_module_has_its_tests(path: str) -> None:
    """One file of source, one file of tests; where not, the table above says why."""
    tests = ROOT / mirror(path)

    assert tests.exists()
    assert tests.is_file() or list(tests.glob("test_*.py"))


def test_the_command_line_has_tests() -> None:
    """Commands are tested from outside, a file for each promise."""
    assert list((TESTS / "cli").glob("test_*.py"))


def test_the_table_of_exceptions_is_not_stale() -> None:
    """What is excused exists, and has no mirror by now."""
    gone = [path for path in ELSEWHERE if path not in SOURCES]
    needless = [path for path in ELSEWHERE if (ROOT / own_mirror(path)).is_file()]

    assert gone == []
    assert needless == []


def test_tests_sleep_never_and_mock_nothing() -> None:
    """Time is virtual and doubles are small classes: no test waits for a clock or patches a name."""
    may = {Path(__file__).name, "test_simloop.py"}  # it proves that no real socket is made
    banned = re.compile(r"\btime\.sleep\(|unittest\.mock|mocker\.|monkeypatch\.setattr")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in TESTS.rglob("*.py")
        if path.name not in may and banned.search(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@for_each(sorted(path.relative_to(ROOT).as_posix() for path in TESTS.rglob("test_*.py")))
def test_every_test_promises_something(path: str) -> None:
    """A test's docstring is the promise, in one sentence."""
    silent = [
        node.name for node in functions(path) if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []
