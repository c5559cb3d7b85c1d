"""Every recorded reply, read as its gateway's dialect reads it: one row a file, with the oddity beside it.

Where the files come from is said in `tests/support/replies/SOURCES.md`, as far as it is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from attrs import evolve

from mjwatch._wire.dialects import make_dialect
from mjwatch._wire.messages import Opened, Reply
from mjwatch.gateways import DialectName
from mjwatch.observations import Verdict
from mjwatch.tasks import Action, Button, ButtonKind, FailureKind, Media, Mode, Status, Task

REPLIES: Final = Path(__file__).parent.parent / "support" / "replies"
V = Verdict
A: Final = "midjourney-proxy"
B: Final = "trueai"
C: Final = "new-api"


def read(name: str, status: int = 200) -> Reply:
    """Return a file as the reply it was."""
    return Reply(status, (REPLIES / name).read_bytes())


def grid(uuid: str, *, variations: int) -> tuple[Button, ...]:
    """Return the buttons under a grid: U1 to U4, reroll, and as many V as the excerpt has."""
    job = "MJ::JOB"
    return (
        *(Button(f"{job}::upsample::{n}::{uuid}", f"U{n}", None, ButtonKind.UPSCALE, n) for n in range(1, 5)),
        Button(f"{job}::reroll::0::{uuid}::SOLO", None, "🔄", ButtonKind.REROLL),
        *(
            Button(f"{job}::variation::{n}::{uuid}", f"V{n}", None, ButtonKind.VARIATION, n)
            for n in range(1, variations + 1)
        ),
    )


CAT = Task("1712158011464906", action=Action.IMAGINE, prompt="Cat", submitted_at=1735689600.0)
SCHEMA = Task(  # "string" is text where text belongs, and no address, no time and no percentage
    "string",
    Status.NOT_START,
    "NOT_START",
    Action.IMAGINE,
    note="string",
    prompt="string",
    prompt_en="string",
    description="string",
    state="string",
    buttons=(Button("string", "string", "string"),),
    fail_reason="string",
)
NOTIFY = Task(
    "14001929738841620",  # 17 digits
    Status.SUCCESS,
    "SUCCESS",
    Action.IMAGINE,
    percent=100,
    prompt="猫猫",
    prompt_en="Cat",
    description="/imagine 猫猫",
    image_url="https://cdn.discordapp.com/attachments/xxx/xxx/xxxx.png",
    images=(Media("https://cdn.discordapp.com/attachments/xxx/xxx/xxxx.png"),),
    submitted_at=1689231405.854,
    started_at=1689231442.755,
    finished_at=1689231544.312,
)
DESCRIBE = Task(
    "14001929738841620",
    Status.SUCCESS,
    "SUCCESS",
    Action.DESCRIBE,
    description="/describe 14001929738841620.png",
    text="1️⃣ Cat --ar 5:4\n\n2️⃣ Cat2 --ar 5:4\n\n3️⃣ Cat3 --ar 5:4\n\n4️⃣ Cat4 --ar 5:4",
    image_url="https://cdn.discordapp.com/attachments/xxx/xxx/14001929738841620.png",
)
XJP = (
    "http://xjp.ltyc.top/img/1687918395719_mmexport1687828240581.jpg A girl, business attire "
    "--v 5 --s 250 --ar 1:1 --iw 1"
)
PIG_URL = (
    "https://cdnmjp.oneabc.org/attachments/1300842274347028520/1302547211321741343/"
    "kennedyhernandez46715_74108_pig_3785da15-4f70-4034-9128-f3ff1ac634fa.png"
    "?ex=6728831f&is=6727319f&hm=f6d701914d608e4da9298d2290b3616317264a70635fbf08a37ca6c1bb671b50&"
)
VIDEO_ID = "42a28dda-dc7a-4186-ac86-6e16c1fcef17"
SOURCE_URL = (
    "https://cdn.midjourney.com/u/a533bdf2-2755-4aae-8216-06a2c11d7193/"
    "8a36ae2f33838d54516917930ced9490ae0dd19aed85659fc91097c02160fd2c.jpg"
)

TASKS: dict[str, tuple[DialectName, Task]] = {
    # status "" until the first 15 s poll; "" , 0 and null placeholders
    "derived-newapi-task-fresh-after-submit.json": (
        C,
        evolve(CAT, status=Status.NOT_START, percent=0, description="提交成功"),
    ),
    # camelCase beside snake_case, no progress, and an ISO time
    "mjdjourney-video-task-completed.json": (
        "enveloped",
        Task(
            VIDEO_ID,
            Status.SUCCESS,
            "completed",
            Action.VIDEO,
            prompt=f"{SOURCE_URL}--ar 128:121 --video 1",
            image_url=SOURCE_URL,
            videos=tuple(
                Media(f"https://cdn.midjourney.com/video/{VIDEO_ID}/{n}.mp4", None, 640, 608)
                for n in range(4)
            ),
            submitted_at=1750402472.303527,
        ),
    ),
    # `buttons: []` while running says nothing yet
    "newapi-fixture-in-progress-with-empty-buttons.json": (
        C,
        Task(
            "1730621826053455",
            Status.IN_PROGRESS,
            "IN_PROGRESS",
            Action.IMAGINE,
            percent=50,
            prompt="cat --v 6.1",
            prompt_en="cat --v 6.1",
            description="Processing",
            submitted_at=1730621826.053,
            started_at=1730621828.024,
        ),
    ),
    # the excerpt cut the buttons off; the mode stands in the prompt only
    "newapi-task-imagine-success-b3n.json": (
        C,
        Task(
            "1710586687972812",
            Status.SUCCESS,
            "SUCCESS",
            Action.IMAGINE,
            Mode.FAST,
            100,
            prompt="Cat",
            prompt_en="Cat --fast",
            description="提交成功",
            state="string",
            image_url="https://api.b3n.fun/mj/image/1710586687972812",
            images=(Media("https://api.b3n.fun/mj/image/1710586687972812"),),
            submitted_at=1710586687.972,
            started_at=1710586688.884,
            finished_at=1710586723.746,
        ),
    ),
    # ServerAddress not configured: an address that only the gateway itself can open, but an address
    "newapi-task-imagine-success-localhost-issue144.json": (
        C,
        Task(
            "1711217942120945",
            Status.SUCCESS,
            "SUCCESS",
            Action.IMAGINE,
            percent=100,
            prompt="A beautiful girl",
            prompt_en="A beautiful girl",
            description="提交成功",
            image_url="http://localhost:3000/mj/image/1711217942120945",
            images=(Media("http://localhost:3000/mj/image/1711217942120945"),),
            buttons=grid("03ee7a3e-b4d2-4465-9165-b93c99cb6617", variations=1),
            submitted_at=1711217942.12,
            started_at=1711217944.908,
            finished_at=1711217980.856,
        ),
    ),
    # seed 003: one object where the list belongs
    "newapi-task-imagine-success-quickrouter.json": (
        C,
        Task(
            "1730621826053455",
            Status.SUCCESS,
            "SUCCESS",
            Action.IMAGINE,
            percent=100,
            prompt="pig --v 6.1",
            prompt_en="pig --v 6.1",
            description="Submit success",
            image_url=PIG_URL,
            images=(Media(PIG_URL),),
            buttons=grid("3785da15-4f70-4034-9128-f3ff1ac634fa", variations=4),
            submitted_at=1730621826.053,
            started_at=1730621828.024,
            finished_at=1730621855.817,
        ),
    ),
    # an id that is no number, and nulls instead of ""
    "newapi-task-in-progress-geeknow-short.json": (
        C,
        Task(
            "task-mj-abc123",
            Status.IN_PROGRESS,
            "IN_PROGRESS",
            Action.IMAGINE,
            percent=65,
            submitted_at=1735689600.0,
        ),
    ),
    # seed 001: 0, "", null and [] for what is not there yet
    "newapi-task-in-progress-geeknow.json": (
        C,
        evolve(
            CAT,
            status=Status.IN_PROGRESS,
            status_word="IN_PROGRESS",
            percent=65,
            prompt_en="Cat",
            description="Submit success",
            started_at=1735689610.0,
        ),
    ),
    # single pictures beside the grid, without thumbnails; no action
    "newapi-task-success-imageurls-tuzi.json": (
        C,
        Task(
            "1786973745670123",
            Status.SUCCESS,
            "SUCCESS",
            mode=Mode.FAST,
            percent=100,
            image_url="https://cdn.mj/grid.png",
            images=tuple(Media(f"https://cdn.mj/out{n}.png") for n in range(1, 5)),
        ),
    ),
    # no id: it is the one that was asked for; and a success that still owes its pictures
    "newapi-task-success-no-urls-tuzi.json": (C, Task("asked", Status.SUCCESS, "SUCCESS")),
    "novicezk-notify-success.json": (A, NOTIFY),
    "plus-notify-success.json": (A, NOTIFY),
    # describe: the picture is what was uploaded, the result is text
    "novicezk-task-describe-success-partial.json": (A, DESCRIBE),
    "plus-task-describe-success-partial.json": (A, DESCRIBE),
    # progress "" on a failure
    "novicezk-task-failure-timeout.json": (
        A,
        Task(
            "3714863075843529",
            Status.FAILURE,
            "FAILURE",
            Action.IMAGINE,
            prompt=XJP,
            prompt_en=XJP,
            description=f"/imagine {XJP}",
            fail_reason="任务超时",
            fail_kind=FailureKind.TIMEOUT_AT_GATEWAY,
            submitted_at=1687918434.046,
            started_at=1687918434.065,
            finished_at=1687918745.088,
        ),
    ),
    # the documents' placeholders
    "newapi-list-schema-doc.json": (C, SCHEMA),
    "trueai-list-by-ids-schema-huanwangai.json": (
        B,
        evolve(
            SCHEMA,
            status=Status.UNKNOWN,
            status_word="/** NOT_START */\r\nNOT_START = 'NOT_START'",
            action=Action.UNKNOWN,
            parent_id="string",
            seed="string",
        ),
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_recorded_tasks_decode(name: str) -> None:
    """A recorded task becomes exactly this Task."""
    dialect_name, expected = TASKS[name]
    dialect = make_dialect(dialect_name)
    opened = dialect.open_list(read(name), 1) if "-list-" in name else dialect.open_fetch(read(name))
    (piece,) = opened.slices

    actual = dialect.decode(piece, asked="asked").task

    assert expected == actual


def test_a_recorded_shorten_decodes() -> None:
    """A shorten has no picture at all; its result is a page of text."""
    dialect = make_dialect(A)
    (piece,) = dialect.open_fetch(read("plus-task-shorten-details-partial.json")).slices

    task = dialect.decode(piece).task

    assert (task.action, task.status, task.image_url, task.images) == (
        Action.SHORTEN,
        Status.SUCCESS,
        None,
        (),
    )
    assert task.text is not None
    assert task.text.startswith("## Important tokens\n**appdash**")


def test_one_object_may_stand_for_a_list() -> None:
    """Seed 003 shows an object as the answer of list-by-condition."""
    opened = make_dialect(C).open_list(read("newapi-task-imagine-success-quickrouter.json"), 1)

    assert (opened.verdict, len(opened.slices)) == (V.OK, 1)


NO_TASKS: list[tuple[str, int, DialectName, Verdict, str]] = [
    ("derived-empty-body.txt", 200, A, V.MISSING, ""),  # A's unknown id
    ("derived-empty-body.txt", 204, B, V.MISSING, ""),  # B's
    ("derived-empty-body.txt", 401, A, V.DENIED, ""),  # A's wrong secret
    ("derived-empty-body.txt", 429, B, V.THROTTLED, ""),  # B's rate limit
    ("derived-empty-body.txt", 403, B, V.DENIED, ""),  # B's black list
    (
        "derived-newapi-error-429.json",  # code 30
        429,
        C,
        V.THROTTLED,
        "当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。",  # noqa: RUF001
    ),
    (
        "derived-newapi-image-error-400.json",
        400,
        C,
        V.MISSING,
        "midjourney_task_not_found",
    ),  # `error` is text
    (
        "derived-onehub-error-401.json",
        401,
        C,
        V.DENIED,
        "无效的令牌 (request id: 20250101000000000000000abcdefgh)",
    ),
    ("derived-onehub-error-bad-mode.json", 400, C, V.REJECTED, "无效的加速模式"),
    (
        "derived-trueai-action-404-parent.json",
        404,
        B,
        V.MISSING,
        "关联任务不存在或已失效",
    ),  # a 404 with code 3
    ("derived-trueai-error-internal-500.json", 500, B, V.BROKEN, "操作失败"),
    ("derived-trueai-error-internal-500.json", 200, B, V.BROKEN, "操作失败"),  # B's errors may come with 200
    ("derived-trueai-image-seed-400.json", 400, B, V.REJECTED, "关联任务状态错误"),
    # YARP writes its Retry-After into the body
    (
        "derived-trueai-yarp-503-maintenance.json",
        503,
        B,
        V.THROTTLED,
        "所有后端服务当前不可用，系统正在维护中",  # noqa: RUF001 - their comma
    ),
    (
        "newapi-error-400-insert-failed-tuzi.json",
        400,
        C,
        V.BROKEN,
        "insert_midjourney_task_failed",
    ),  # C: 400 for its own faults
    ("newapi-error-400-list-bad-body.json", 400, C, V.BROKEN, "do_request_failed"),
    ("newapi-error-400-task-no-found.json", 400, C, V.MISSING, "task_no_found"),  # trailing space
    ("newapi-error-401-invalid-token.json", 401, C, V.DENIED, "无效的令牌"),
    ("newapi-fetch-html-200.html", 200, C, V.REFUSED, "a web page instead of JSON: check base_url"),
    # queue full, under 200
    ("novicezk-submit-23-queue-full.json", 200, A, V.THROTTLED, "队列已满，请稍后尝试"),  # noqa: RUF001
    ("plus-submit-23-queue-full.json", 200, A, V.THROTTLED, "队列已满，请稍后尝试"),  # noqa: RUF001
    ("novicezk-submit-24-banned.json", 200, A, V.REJECTED, "可能包含敏感词"),
    ("derived-trueai-submit-9-queue-full.json", 200, B, V.BROKEN, "提交失败，队列已满，请稍后重试"),  # noqa: RUF001
]


@pytest.mark.parametrize(("name", "status", "dialect", "verdict", "detail"), NO_TASKS)
def test_recorded_errors_have_their_verdict(
    name: str, status: int, dialect: DialectName, verdict: Verdict, detail: str
) -> None:
    """A recorded error, in the place of a task, is this verdict."""
    opened = make_dialect(dialect).open_fetch(read(name, status))

    assert (verdict, detail) == (opened.verdict, opened.detail)


SUBMITS = [
    "derived-trueai-submit-1.json",
    "derived-trueai-submit-22-queue.json",
    "newapi-submit-foruai.json",
    "newapi-submit-generic-error-doc.json",
    "newapi-submit-key4u.json",
    "newapi-submit-properties-null-doc.json",
    "newapi-submit-video-dmxapi.json",
    "novicezk-submit-1.json",
    "novicezk-submit-21-existed.json",
    "novicezk-submit-22-queue.json",
    "plus-live-submit-describe.json",
    "plus-live-submit-imagine.json",
    "plus-live-upload-one.json",
    "plus-submit-1.json",
    "plus-submit-21-modal.json",
    "plus-submit-22-queue.json",
    "newapi-image-seed-geeknow.json",
    "plus-image-seed-1.json",
]


@pytest.mark.parametrize("name", SUBMITS)
def test_answers_of_other_verbs_are_no_tasks(name: str) -> None:
    """What belongs to a submit or a seed is CORRUPT where a task belongs, never a task."""
    dialect = make_dialect(C)

    assert dialect.open_fetch(read(name)).verdict is V.CORRUPT
    assert dialect.open_list(read(name), 2).verdict is V.CORRUPT


@pytest.mark.parametrize(
    ("name", "status", "verdict", "seed"),
    [
        ("newapi-image-seed-geeknow.json", 200, V.OK, "1234567890"),
        ("plus-image-seed-1.json", 200, V.OK, "636646138"),
        ("derived-trueai-image-seed-400.json", 400, V.REJECTED, None),
        ("derived-trueai-action-404-parent.json", 404, V.MISSING, None),
    ],
)
def test_recorded_seeds_are_read(name: str, status: int, verdict: Verdict, seed: str | None) -> None:
    """The seed is the result, as text."""
    opened, found = make_dialect(B).read_seed(read(name, status))

    assert (verdict, seed) == (opened.verdict, found)


def test_an_empty_list_is_an_answer() -> None:
    """Unknown ids are left out of a list: an empty one is good, and says that all are unknown."""
    opened = make_dialect(C).open_list(read("newapi-list-empty.json"), 2)

    assert opened == Opened(V.OK, status=200)


def test_a_web_page_for_a_list_means_no_such_route() -> None:
    """New-api answers list-by-ids with its web app, 200 (protocol.md 0.1)."""
    opened = make_dialect(B).open_list(read("newapi-fetch-html-200.html"), 2)

    assert opened.verdict is V.UNSUPPORTED


def test_every_recorded_reply_has_a_row() -> None:
    """A reply that is recorded is read by a test."""
    rows = {*TASKS, *SUBMITS, *(row[0] for row in NO_TASKS)}
    alone = {"plus-task-shorten-details-partial.json", "newapi-list-empty.json"}
    recorded = {path.name for path in REPLIES.iterdir() if path.suffix != ".md"}

    assert recorded == rows | alone
