"""The commands and their options. What they do is imported when they run: `--help` costs no aiohttp."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from mjwatch.cli.choice import UsageError, chosen
from mjwatch.cli.codes import Exit
from mjwatch.cli.lines import line
from mjwatch.events import Event
from mjwatch.gateways import Auth, DialectName
from mjwatch.settings import check_positive
from mjwatch.tasks import check_task_id

FamilyName = Literal["novicezk", "plus", "trueai", "new-api", "enveloped"]

app = App(
    name="mjwatch",
    help="Watch long-running Midjourney gateway tasks.",
    version=lambda: version("mjwatch"),
    help_format="plaintext",
    result_action="return_value",
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)


def run(argv: Sequence[str]) -> int:
    """Run the command that *argv* names and return its exit code."""
    if any(word.partition("=")[0] == "--token" for word in argv):  # the parser would repeat it
        return _refuse(
            "a token on the command line can be read by all: set MJWATCH_TOKEN, or give --token-file"
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console of another encoding is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        code = app(list(argv))
        sys.stdout.flush()
    except CycloptsError:  # it was printed
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _unheard()
    except ExceptionGroup as group:  # the demo prints inside a task group
        if group.split(BrokenPipeError)[1] is not None:
            raise
        return _unheard()
    return code if isinstance(code, int) else Exit.OK


@app.command
def demo() -> int:
    """Show it at work on a simulated gateway: no key, no network, done in ten seconds."""
    from mjwatch.cli.demo import demo as run_demo  # noqa: PLC0415 - brings aiohttp

    _hush_server()
    return run_demo()


@app.command
def sim(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65_535))] = 0,
    family: FamilyName = "new-api",
    speed: Annotated[float, Parameter(validator=Number(gt=0, lte=1_000))] = 1.0,
    seed: int = 0,
    tasks: Annotated[int, Parameter(validator=Number(gte=0, lte=100_000))] = 3,
) -> int:
    """Serve a simulated gateway on 127.0.0.1 until Ctrl-C.

    Parameters
    ----------
    port
        Where to listen; 0 takes a free port.
    family
        Whose manners it has.
    speed
        How many times faster its time runs.
    seed
        Of all its dice.
    tasks
        How many random tasks it starts with.
    """
    from mjwatch.cli.sim import sim as serve  # noqa: PLC0415 - brings aiohttp
    from mjwatch.testing.families import Family  # noqa: PLC0415

    _hush_server()
    return serve(Family(family), port=port, speed=speed, seed=seed, tasks=tasks)


@app.command
async def watch(
    *task_ids: str,
    gateway: Annotated[str | None, Parameter(env_var="MJWATCH_GATEWAY")] = None,
    auth: Auth | None = None,
    dialect: DialectName | None = None,
    token_file: Path | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the option's name
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Print what happens to tasks until they have ended. The token comes from MJWATCH_TOKEN.

    Exit code 0: all succeeded; 1: one failed or was lost; 3: not done in time; 2: a mistake in the call or the
    configuration, or the gateway refuses it; 130: interrupted. Of several tasks the worst counts: 0, 3, 1.

    Parameters
    ----------
    task_ids
        The gateway's ids.
    gateway
        geeknow, quickrouter, mjdjourney, or the base URL of any other one.
    auth
        The header that carries the token, if not the family's usual one.
    dialect
        The family behind a URL; new-api if not given.
    token_file
        A file with the token, instead of MJWATCH_TOKEN.
    timeout
        Stop after so many seconds; the tasks may still run.
    json
        One event per line as JSON (CloudEvents), for pipes.
    """
    from mjwatch.cli.watch import watch as run_watch  # noqa: PLC0415 - brings aiohttp

    if not task_ids:
        return _refuse("which tasks? mjwatch watch ID... --gateway ...")
    try:
        for task_id in task_ids:
            check_task_id(task_id)
        check_positive("--timeout", timeout)
        target = chosen(gateway, auth=auth, dialect=dialect, token_file=token_file)
    except (UsageError, ValueError) as error:
        return _refuse(error)
    if json and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the console speaks
    return await run_watch(target, task_ids, spell=_json if json else line, limit=timeout)


def _unheard() -> Exit:
    # Python would complain once more when it flushes stdout at its exit
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.PIPE


def _json(event: Event) -> str:
    return event.to_json()


def _hush_server() -> None:
    """Let Ctrl-C be quiet: aiohttp's server complains to asyncio's logger of handlers that it was stopped in."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)


def _refuse(why: Exception | str) -> int:
    print(f"mjwatch: {why}", file=sys.stderr)
    return Exit.USAGE
