"""`mjwatch watch`, whole commands in virtual time: exit codes, lines, and what stands on stderr."""

from __future__ import annotations

import asyncio

import pytest

import mjwatch
from mjwatch.cli.app import app
from mjwatch.cli.choice import UsageError, chosen
from mjwatch.cli.codes import Exit, worst
from mjwatch.testing import Answer, Family, SimulatedGateway

TOKEN = "sk-geheim-0815"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MJWATCH_TOKEN", TOKEN)
    monkeypatch.delenv("MJWATCH_GATEWAY", raising=False)


def simulated() -> SimulatedGateway:
    """Return a gateway that knows the token."""
    return SimulatedGateway(Family.TRUEAI, token=TOKEN)


async def call(gateway: SimulatedGateway, *argv: str) -> int:
    """Run `mjwatch watch` at *gateway*, and return its exit code."""
    code = await app.run_async(["watch", *argv, "--gateway", gateway.base_url, "--dialect", "trueai"])
    return int(code)


async def test_all_succeeded(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, one line an event, nothing on stderr."""
    async with simulated() as gateway:
        gateway.task("1").after(2).submitted().after(5).progress(31).after(8).success()
        code = await call(gateway, "1")
    said = capsys.readouterr()

    assert (code, said.err) == (0, "")
    assert "1  in progress 31 %" in said.out
    assert said.out.splitlines()[-2].startswith("1  buttons: U1, U2")
    assert said.out.splitlines()[-1].startswith("1  done: http://127.0.0.1")


async def test_one_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, although another one succeeded."""
    async with simulated() as gateway:
        gateway.task("1").success()
        gateway.task("2").after(5).submitted().failure("可能包含敏感词")
        code = await call(gateway, "1", "2")

    assert code == 1
    assert "2  failed: The prompt contains words that are not allowed." in capsys.readouterr().out


async def test_one_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 once it is certain."""
    async with simulated() as gateway:
        code = await call(gateway, "1")

    assert code == 1
    assert "1  lost: " in capsys.readouterr().out


async def test_time_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 after so many seconds, and the late ones are named."""
    async with simulated() as gateway:
        gateway.task("1").forever()
        gateway.task("2").success()
        began_at = asyncio.get_running_loop().time()
        code = await call(gateway, "1", "2", "--timeout", "60")
        took = asyncio.get_running_loop().time() - began_at

    assert code == 3
    assert 60 <= took < 62
    assert "stopped after 60 s: not done, and may still run: 1\n" in capsys.readouterr().err


async def test_time_is_up_for_an_id_that_was_never_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """Mistyped, most likely: whoever waits for it in vain is told so."""
    async with simulated() as gateway:
        gateway.task("1").after(1).submitted().forever()
        code = await call(gateway, "1", "2", "--timeout", "20")

    assert code == 3
    assert "the gateway answers, and has shown nothing of: 2 (mistyped, " in capsys.readouterr().err


async def test_a_failure_is_worse_than_a_timeout() -> None:
    """What failed is over, what timed out can be watched again."""
    async with simulated() as gateway:
        gateway.task("1").forever()
        gateway.task("2").failure("any")

        assert await call(gateway, "1", "2", "--timeout", "60") == 1


async def test_a_wrong_token(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 within one request, and what to check."""
    monkeypatch.setenv("MJWATCH_TOKEN", "sk-falsch-4711")
    async with simulated() as gateway:
        gateway.task("1").forever()
        code = await call(gateway, "1")
        asked = len(gateway.requests)
        base_url = gateway.base_url
    said = capsys.readouterr()

    assert (code, asked, said.out) == (2, 1, "")
    assert "MJWATCH_TOKEN or --token-file" in said.err
    assert "--auth: raw" in said.err
    assert f"--gateway: {base_url}" in said.err
    assert "falsch" not in said.err


async def test_a_web_page_is_no_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 for a base URL that answers HTML, and it says so."""
    async with SimulatedGateway(Family.NEW_API, token=TOKEN) as gateway:
        code = await app.run_async(["watch", "1", "--gateway", f"{gateway.base_url}/some/page"])
    said = capsys.readouterr()

    assert (code, said.out) == (2, "")
    assert "a web page" in said.err
    assert "--gateway: http://127.0.0.1" in said.err


async def test_an_outage_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The watch goes on, on stdout in order, without a second voice on stderr."""
    async with simulated() as gateway:
        gateway.task("1").after(2).submitted().after(5).progress(31).after(60).success()
        gateway.fault(Answer(502), for_seconds=0.001)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(call(gateway, "1"))
            await asyncio.sleep(10)
            gateway.down(20, Answer(502))
    said = capsys.readouterr()

    assert watching.result() == 0
    assert "does not answer; the watch goes on" in said.out
    assert "answers again after" in said.out
    assert said.err == ""


async def test_json_lines_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line comes back as the event it was."""
    async with simulated() as gateway:
        gateway.task("1").after(2).submitted().after(5).progress(31).after(8).success()
        await call(gateway, "1", "--json")
    events = [mjwatch.from_json(line) for line in capsys.readouterr().out.splitlines()]

    assert [type(event) for event in events[-2:]] == [mjwatch.ButtonsAvailable, mjwatch.Success]
    assert all(event.gateway == "127.0.0.1" for event in events)


@pytest.mark.parametrize("flags", [(), ("--json",)])
async def test_the_token_is_never_printed(capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]) -> None:
    """Whatever happens."""
    async with simulated() as gateway:
        gateway.task("1").after(5).success()
        gateway.down(8)
        await call(gateway, "1", "2", *flags)
    said = capsys.readouterr()

    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["../1", "--gateway", "geeknow"], "not a task id"),
        (["--gateway", "geeknow"], "which tasks?"),
        (["1"], "which gateway?"),
        (["1", "--gateway", "nobody"], "no such service"),
        (["1", "--gateway", "trueai"], "say which"),
        (["1", "--gateway", "ftp://example.com"], "base_url must begin with"),
        (["1", "--gateway", "geeknow", "--timeout", "-1"], "must be a positive number"),
        (["1", "--gateway", "geeknow", "--token-file", "/nowhere/at/all"], "cannot read the token file"),
    ],
)
async def test_a_bad_call(argv: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 before anything is sent, with the reason on stderr."""
    code = await app.run_async(["watch", *argv])
    said = capsys.readouterr()

    assert (code, said.out) == (2, "")
    assert why in said.err


def test_the_token_may_be_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its last line break is none of it."""
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text("sk-from-file\n", encoding="utf-8")
    gateway = chosen("geeknow", auth="raw", dialect=None, token_file=path)

    assert (gateway.credential.reveal(), gateway.auth, gateway.name) == ("sk-from-file", "raw", "geeknow")


@pytest.mark.parametrize(
    ("where", "dialect", "auth", "base_url"),
    [
        ("https://example.com/mj/", None, "bearer", "https://example.com"),
        ("https://example.com", "trueai", "raw", "https://example.com"),
        ("https://example.com/x", "midjourney-proxy", "mj-api-secret", "https://example.com/x"),
        ("https://example.com/api", "enveloped", "mj-api-secret", "https://example.com/api"),
        ("mjdjourney", None, "mj-api-secret", "https://api.mjdjourney.cn/api"),
    ],
)
def test_a_url_gets_its_familys_manners(where: str, dialect: None, auth: str, base_url: str) -> None:
    """The usual header, unless it is said."""
    gateway = chosen(where, auth=None, dialect=dialect, token_file=None)

    assert (gateway.auth, gateway.base_url) == (auth, base_url)


def test_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where one may come from."""
    monkeypatch.delenv("MJWATCH_TOKEN")
    with pytest.raises(UsageError, match="MJWATCH_TOKEN, or give --token-file"):
        chosen("geeknow", auth=None, dialect=None, token_file=None)


def test_the_worst_code_wins() -> None:
    """In the documented order."""
    assert worst([]) == Exit.OK
    assert worst([Exit.OK, Exit.TIMED_OUT]) == Exit.TIMED_OUT
    assert worst([Exit.FAILED, Exit.TIMED_OUT, Exit.OK]) == Exit.FAILED
    assert worst([Exit.FAILED, Exit.USAGE]) == Exit.USAGE
