"""The four documented systems: their own replies over HTTP, through their presets and the public API."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from attrs import evolve

import mjwatch
from mjwatch import Action, Button, ButtonKind, ButtonsAvailable, Media, Mode, Progress, Status, Success
from tests.watcher.documented import Asked, serving
from tests.watcher.stage import REPLIES, TOKEN, kinds, read, simulated, watcher_on

LIST, BY_IDS = "/mj/task/list-by-condition", "/mj/task/list-by-ids"
CAT = "1712158011464906"
PIG = "1730621826053455"
FILM = "42a28dda-dc7a-4186-ac86-6e16c1fcef17"


def reply(name: str) -> bytes:
    """Return a documented reply."""
    return (REPLIES / name).read_bytes()


def changed(name: str, **values: object) -> bytes:
    """Return a documented reply, an object or a list of one, with other values in some of its keys."""
    body = msgspec.json.decode(reply(name))
    (body[0] if isinstance(body, list) else body).update(values)
    return msgspec.json.encode(body)


def headers_of(asked: Asked, *names: str) -> Mapping[str, str]:
    """Return those of the headers that carry a credential."""
    return {name: asked.headers[name] for name in names if name in asked.headers}


SCHEMA = "trueai-list-by-ids-schema-huanwangai.json"
DONE = changed(
    SCHEMA,
    id=CAT,
    parentId="1712158011464000",
    action="VIDEO",
    status="SUCCESS",
    isCompleted=True,
    prompt="Cat",
    promptEn="Cat",
    description="/video Cat",
    state="chat-7",
    submitTime=1_735_689_600_000,
    startTime=1_735_689_610_000,
    finishTime=1_735_689_670_000,
    imageUrl="https://cdn.example.net/cat.png",
    imageUrls=[
        {"url": f"https://cdn.example.net/{n}.png", "thumbnail": f"https://cdn.example.net/{n}_t.webp"}
        for n in range(4)
    ],
    videoUrls=[{"url": f"https://cdn.example.net/{n}.mp4", "thumbnail": None} for n in range(2)],
    progress="100%",
    failReason=None,
    buttons=[
        {
            "customId": "MJ::JOB::video_virtual_upscale::1::abc",
            "emoji": "",
            "label": "U1",
            "style": 2,
            "type": 2,
        }
    ],
    seed="1234567890",
    mode="RELAX",
    requestMode="RELAX",
    height=608,
    width=640,
    size=123_456,
    imageHeight=608,
    imageWidth=640,
    videoDuration=5,
    frameCount=125,
    useTime="60.00 s",
    version="V7",
    isVideo=True,
)
RUNNING = changed(
    SCHEMA,
    id=CAT,
    action="VIDEO",
    status="IN_PROGRESS",
    isCompleted=False,
    progress="40%",
    imageUrl=None,
    imageUrls=None,
    videoUrls=None,
    buttons=[],
    failReason=None,
)


@simulated
async def test_seed_000_is_watched_by_list_by_ids_with_a_raw_authorization() -> None:
    """Its full schema, filled in, becomes Progress, buttons, and a Success with everything in the Task."""
    async with (
        serving({("POST", BY_IDS): [RUNNING, DONE]}) as service,
        watcher_on(mjwatch.gateways.trueai(service.base_url, TOKEN)) as watcher,
    ):
        events = await read(watcher.watch(CAT))

    assert service.routes == [("POST", BY_IDS)] * 2
    for asked in service.asked:
        assert headers_of(asked, "Authorization", "mj-api-secret") == {"Authorization": TOKEN}
        assert asked.ids == [CAT]
        assert msgspec.json.decode(asked.body) == {"ids": [CAT]}
    assert kinds(events) == ["progress", "buttons", "success"]
    progress, buttons, success = events
    assert isinstance(progress, Progress)
    assert (progress.percent, progress.task.status) == (40, Status.IN_PROGRESS)
    pressed = Button("MJ::JOB::video_virtual_upscale::1::abc", "U1", None, ButtonKind.VIDEO_UPSCALE, 1)
    assert isinstance(buttons, ButtonsAvailable)
    assert buttons.buttons == (pressed,)
    assert isinstance(success, Success)
    assert success.videos == tuple(Media(f"https://cdn.example.net/{n}.mp4") for n in range(2))
    pictures = tuple(
        Media(f"https://cdn.example.net/{n}.png", f"https://cdn.example.net/{n}_t.webp") for n in range(4)
    )
    assert success.images == pictures
    task = success.task
    assert (task.action, task.mode, task.percent, task.parent_id) == (
        Action.VIDEO,
        Mode.RELAX,
        100,
        "1712158011464000",
    )
    assert (task.prompt, task.state, task.seed, task.is_partial) == ("Cat", "chat-7", "1234567890", False)
    assert (task.submitted_at, task.started_at, task.finished_at) == (
        1_735_689_600.0,
        1_735_689_610.0,
        1_735_689_670.0,
    )


@simulated
async def test_seed_000_its_very_schema_page_is_read_without_harm() -> None:
    """The documentation's example, placeholders and all, is one Progress of an unfinished task."""
    async with (
        serving({("POST", BY_IDS): [reply(SCHEMA), changed(SCHEMA, status="FAILURE")]}) as service,
        watcher_on(mjwatch.gateways.trueai(service.base_url, TOKEN)) as watcher,
    ):
        events = await read(watcher.watch("string"))

    assert kinds(events) == ["progress", "buttons", "failure"]
    assert isinstance(events[0], Progress)
    assert events[0].task.status is Status.UNKNOWN
    assert events[0].task.status_word.startswith("/** NOT_START */")


@simulated
async def test_seed_000_where_list_by_ids_is_missing_list_by_condition_takes_its_place() -> None:
    """A gateway that lacks the newer route is asked by the older one, and by the newer one no more."""
    async with (
        serving({("POST", LIST): [RUNNING, DONE]}) as service,
        watcher_on(mjwatch.gateways.trueai(service.base_url, TOKEN)) as watcher,
    ):
        events = await read(watcher.watch(CAT))

    assert service.routes == [("POST", BY_IDS), ("POST", LIST), ("POST", LIST)]
    assert all(headers_of(asked, "Authorization") == {"Authorization": TOKEN} for asked in service.asked)
    assert kinds(events) == ["progress", "buttons", "success"]


@simulated
async def test_seed_000_no_request_carries_more_than_500_ids() -> None:
    """1,201 tasks are three batches; the documented ceiling holds."""
    ids = [str(n) for n in range(1, 1_202)]

    def done(asked: Asked) -> bytes:
        return msgspec.json.encode([
            {"id": task_id, "action": "SHORTEN", "status": "SUCCESS", "progress": "100%"}
            for task_id in asked.ids
        ])

    async with (
        serving({("POST", BY_IDS): done}) as service,
        watcher_on(mjwatch.gateways.trueai(service.base_url, TOKEN)) as watcher,
    ):
        events = await read(watcher.as_completed(ids))

    assert sorted(event.task_id for event in events) == sorted(ids)
    assert [len(asked.ids) for asked in service.asked] == [500, 500, 201]


@simulated
async def test_seed_000_fetch_seed_and_cancel_go_to_their_documented_routes() -> None:
    """The single verbs: fetch, image-seed and cancel, each with the raw credential."""
    script = {
        ("GET", f"/mj/task/{CAT}/fetch"): msgspec.json.encode(msgspec.json.decode(DONE)[0]),
        ("GET", f"/mj/task/{CAT}/image-seed"): reply("newapi-image-seed-geeknow.json"),
        ("POST", f"/mj/task/{CAT}/cancel"): b"",
    }
    async with (
        serving(script) as service,
        watcher_on(mjwatch.gateways.trueai(service.base_url, TOKEN)) as watcher,
    ):
        task = await watcher.client.fetch(CAT)
        seed = await watcher.client.image_seed(CAT)
        await watcher.client.cancel(CAT)

    assert (task.id, task.status, len(task.videos)) == (CAT, Status.SUCCESS, 2)
    assert seed == "1234567890"
    assert service.routes == list(script)
    assert all(headers_of(asked, "Authorization") == {"Authorization": TOKEN} for asked in service.asked)


@simulated
async def test_seed_001_geeknow_is_watched_by_list_by_condition_with_a_bearer() -> None:
    """The documented running task is a Progress at 65 %; the same task done is a Success."""
    running = reply("newapi-task-in-progress-geeknow.json")
    done = changed(
        "newapi-task-in-progress-geeknow.json",
        status="SUCCESS",
        progress="100%",
        finishTime=1_735_689_660_000,
        imageUrl="https://www.geeknow.top/mj/image/1712158011464906",
        imageUrls=[{"url": "https://cdn.example.net/1.png"}, {"url": "https://cdn.example.net/2.png"}],
    )
    async with serving({("POST", LIST): [b"[" + running + b"]", b"[" + done + b"]"]}) as service:
        gateway = evolve(mjwatch.gateways.geeknow(TOKEN), base_url=service.base_url)
        async with watcher_on(gateway) as watcher:
            events = await read(watcher.watch(CAT))

    assert service.routes == [("POST", LIST)] * 2
    for asked in service.asked:
        assert headers_of(asked, "Authorization", "mj-api-secret") == {"Authorization": f"Bearer {TOKEN}"}
        assert msgspec.json.decode(asked.body) == {"ids": [CAT]}
    assert kinds(events) == ["progress", "success"]
    progress, success = events
    assert isinstance(progress, Progress)
    assert (progress.percent, progress.preview, progress.task.buttons) == (65, None, ())
    assert (progress.task.prompt, progress.task.started_at) == ("Cat", 1_735_689_610.0)
    assert isinstance(success, Success)
    assert success.images == (Media("https://cdn.example.net/1.png"), Media("https://cdn.example.net/2.png"))


@simulated
async def test_seed_001_geeknow_fetch_seed_and_image_go_to_their_documented_routes() -> None:
    """Fetch gives the documented task, image-seed the documented seed, /mj/image/{id} the bytes."""
    script = {
        ("GET", f"/mj/task/{CAT}/fetch"): reply("newapi-task-in-progress-geeknow.json"),
        ("GET", f"/mj/task/{CAT}/image-seed"): reply("newapi-image-seed-geeknow.json"),
        ("GET", f"/mj/image/{CAT}"): b"\x89PNG\r\n\x1a\n",
    }
    async with serving(script) as service:
        gateway = evolve(mjwatch.gateways.geeknow(TOKEN), base_url=service.base_url)
        async with watcher_on(gateway) as watcher:
            task = await watcher.client.fetch(CAT)
            seed = await watcher.client.image_seed(CAT)
            picture = await watcher.client.image(CAT)

    assert (task.id, task.action, task.status, task.percent) == (
        CAT,
        Action.IMAGINE,
        Status.IN_PROGRESS,
        65,
    )
    assert (task.finished_at, task.image_url, task.images, task.buttons) == (None, None, (), ())
    assert seed == "1234567890"
    assert picture == b"\x89PNG\r\n\x1a\n"
    assert service.routes == list(script)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert all(headers_of(asked, "Authorization", "mj-api-secret") == bearer for asked in service.asked)


@simulated
async def test_seed_002_mjdjourney_is_watched_by_single_lookups_of_enveloped_replies() -> None:
    """UUID ids, `mj-api-secret`, status "completed", four films: one fetch and a Success."""
    path = f"/api/mj/task/{FILM}/fetch"
    done = reply("mjdjourney-video-task-completed.json")
    body = msgspec.json.decode(done)
    body["data"].update(status="running", video_url="", video_urls=[])
    async with serving({("GET", path): [msgspec.json.encode(body), done]}) as service:
        gateway = evolve(mjwatch.gateways.mjdjourney(TOKEN), base_url=f"{service.base_url}/api")
        async with watcher_on(gateway) as watcher:
            events = await read(watcher.watch(FILM))

    assert service.routes == [("GET", path)] * 2
    for asked in service.asked:
        assert headers_of(asked, "Authorization", "mj-api-secret") == {"mj-api-secret": TOKEN}
        assert asked.body == b""
    assert kinds(events) == ["progress", "success"]
    success = events[-1]
    assert isinstance(success, Success)
    films = tuple(
        Media(f"https://cdn.midjourney.com/video/{FILM}/{n}.mp4", width=640, height=608) for n in range(4)
    )
    assert success.videos == films
    assert (success.task.id, success.task.action, success.task.status_word) == (
        FILM,
        Action.VIDEO,
        "completed",
    )
    assert success.task.submitted_at == pytest.approx(1_750_402_472.303527)


@pytest.mark.parametrize("is_array", [False, True])
@simulated
async def test_seed_003_quickrouter_is_watched_by_list_by_condition(*, is_array: bool) -> None:
    """The documented success, as the bare object it is documented as and as the array it is sent as."""
    done = reply("newapi-task-imagine-success-quickrouter.json")
    async with serving({("POST", LIST): b"[" + done + b"]" if is_array else done}) as service:
        gateway = evolve(mjwatch.gateways.quickrouter(TOKEN), base_url=service.base_url)
        async with watcher_on(gateway) as watcher:
            events = await read(watcher.watch(PIG))

    assert service.routes == [("POST", LIST)]
    assert headers_of(service.asked[0], "Authorization") == {"Authorization": f"Bearer {TOKEN}"}
    assert msgspec.json.decode(service.asked[0].body) == {"ids": [PIG]}
    assert kinds(events) == ["buttons", "success"]
    buttons, success = events
    assert isinstance(buttons, ButtonsAvailable)
    assert [(b.label, b.emoji, b.kind, b.index) for b in buttons.buttons] == [
        *((f"U{n}", None, ButtonKind.UPSCALE, n) for n in range(1, 5)),
        (None, "🔄", ButtonKind.REROLL, None),
        *((f"V{n}", None, ButtonKind.VARIATION, n) for n in range(1, 5)),
    ]
    assert buttons.buttons[0].custom_id == "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa"
    assert isinstance(success, Success)
    assert success.images == (Media(success.task.image_url or ""),)
    assert (success.task.image_url or "").startswith("https://cdnmjp.oneabc.org/attachments/")
    assert (success.task.prompt, success.task.submitted_at, success.task.finished_at) == (
        "pig --v 6.1",
        1_730_621_826.053,
        1_730_621_855.817,
    )


@simulated
async def test_presets_name_their_documented_addresses() -> None:
    """Without a change, each preset goes where its documentation says."""
    presets = mjwatch.gateways
    homes = {
        "geeknow": presets.geeknow(TOKEN).base_url,
        "quickrouter": presets.quickrouter(TOKEN).base_url,
        "mjdjourney": presets.mjdjourney(TOKEN).base_url,
    }

    assert homes == {
        "geeknow": "https://www.geeknow.top",
        "quickrouter": "https://api.quickrouter.ai",
        "mjdjourney": "https://api.mjdjourney.cn/api",
    }
