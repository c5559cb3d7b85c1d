"""The families of gateways and their manners: routes, credentials, and the spelling of everything that is no task.

Pure: bytes and strings in, `Reply` out. Tasks are spelled in `shapes`, noticed in `refresh`. Sections are protocol.md's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Literal

import msgspec
from attrs import frozen

from . import shapes
from .buttons import Json
from .shapes import Facts

Route = Literal["fetch", "list", "seed", "cancel", "image", "attachment", "submit", "other"]
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


class Family(StrEnum):
    """Who is simulated."""

    NOVICEZK = "novicezk"
    """A: midjourney-proxy in Java."""
    PLUS = "plus"
    """A+: its closed successor, with buttons and modals."""
    TRUEAI = "trueai"
    """B: midjourney-proxy in C#."""
    NEW_API = "new-api"
    """C: the relay that most resellers run, before a gateway of family A+ or B."""
    ENVELOPED = "enveloped"
    """E: mjdjourney.cn, `{"code":0,"data":{...}}`, single lookups only."""


@frozen
class Reply:
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str | None = _JSON
    location: str | None = None


@frozen
class Target:
    """What a request asks for."""

    route: Route
    name: str = ""
    """The task id, or the verb of a submit."""
    mode: str | None = None


_SPELLING: Final[Mapping[Family, Callable[[Facts], dict[str, Json]]]] = {
    Family.NOVICEZK: shapes.novicezk,
    Family.PLUS: shapes.plus,
    Family.TRUEAI: shapes.trueai,
    Family.NEW_API: shapes.new_api,
    Family.ENVELOPED: shapes.enveloped,
}
# A and A+ have no mode prefixes (1), B has three (3), C takes any first segment (4.1)
_PREFIX: Final[Mapping[Family, str]] = {
    Family.NOVICEZK: "",
    Family.PLUS: "",
    Family.TRUEAI: "(?:/mj-(?:fast|turbo|relax))?",
    Family.NEW_API: "(?:/[^/]+)?",
    Family.ENVELOPED: "/api",  # see `root_of`
}
_LISTS: Final[Mapping[Family, str]] = {
    Family.NOVICEZK: "list-by-condition",
    Family.PLUS: "list-by-condition",
    Family.TRUEAI: "list-by-condition|list-by-ids",
    Family.NEW_API: "list-by-condition",
    Family.ENVELOPED: "(?!)",
}
_VERBS: Final[Mapping[Family, str]] = {
    Family.NOVICEZK: "imagine|describe",
    Family.PLUS: "imagine|describe|action|modal",
    Family.TRUEAI: "imagine|describe|action|modal|video",
    Family.NEW_API: "imagine|describe|action|modal|video",
    Family.ENVELOPED: "imagine|describe|action|modal|video",
}
_TASK_VERBS: Final[Mapping[Family, str]] = {
    Family.NOVICEZK: "fetch",
    Family.PLUS: "fetch|image-seed|cancel",
    Family.TRUEAI: "fetch|image-seed|cancel",
    Family.NEW_API: "fetch|image-seed",
    Family.ENVELOPED: "fetch",
}
_ROUTES: Final[Mapping[str, tuple[str, Route]]] = {
    "fetch": ("GET", "fetch"),
    "image-seed": ("GET", "seed"),
    "cancel": ("POST", "cancel"),
}
_PATHS: Final = {
    family: re.compile(
        rf"(?P<prefix>{_PREFIX[family]})/mj/(?:"
        rf"task/(?P<id>[^/]+)/(?P<task>{_TASK_VERBS[family]})"
        rf"|task/(?P<list>{_LISTS[family]})"
        rf"|submit/(?P<submit>{_VERBS[family]})"
        rf"|image/(?P<image>[^/]+))"
    )
    for family in Family
}
_ATTACHMENT: Final = re.compile(r"/attachments/([^/]+)/([^/]+)")


def target(family: Family, method: str, path: str) -> Target:
    """Return what *method* on *path* asks *family* for; `other` where it has no such route."""
    found = _PATHS[family].fullmatch(path)
    if found is None:
        attachment = _ATTACHMENT.fullmatch(path)
        return (
            Target("other") if attachment is None or method != "GET" else Target("attachment", attachment[1])
        )
    match method, found.lastgroup:
        case "GET", "image" if family is Family.NEW_API:
            return Target("image", found["image"])
        case "POST", "list":
            return Target("list")
        case "POST", "submit":
            return Target("submit", found["submit"], mode_of(found["prefix"]))
        case _, "task" if _ROUTES[found["task"]][0] == method:
            return Target(_ROUTES[found["task"]][1], found["id"])
        case _:
            return Target("other")


def root_of(family: Family) -> str:
    """Return what stands before every path of *family*, and belongs to its base URL."""
    return "/api" if family is Family.ENVELOPED else ""


def mode_of(prefix: str) -> str | None:
    """Return the mode that a path prefix asks for (3)."""
    return next((mode for mode in ("FAST", "TURBO", "RELAX") if mode.lower() in prefix), None)


def spell(family: Family, facts: Facts) -> bytes:
    """Return the JSON of one task."""
    return encode(family, _SPELLING[family](facts))


def encode(family: Family, value: Json) -> bytes:
    """Return *value* as the family's server writes it: .NET escapes all that is not ASCII (3.2), Go the "&" (4.2)."""
    if family is Family.TRUEAI:
        return json.dumps(value, separators=(",", ":")).replace("&", "\\u0026").encode()
    encoded = msgspec.json.encode(value)
    return encoded.replace(b"&", b"\\u0026") if family is Family.NEW_API else encoded


def refusal(family: Family, headers: Mapping[str, str], token: str) -> Reply | None:
    """Return the 401 for credentials that are not *token*, or None if they are (1.7, 3.8, 4.8)."""
    given = headers.get("Authorization")
    secret = headers.get("mj-api-secret", "")
    match family:
        case Family.NOVICEZK | Family.PLUS:
            return None if secret == token else Reply(401, content_type=None)
        case Family.TRUEAI:  # Authorization wins even when it is empty, and "Bearer x" is not stripped
            is_known = (secret if given is None else given) == token
            return None if is_known else Reply(401, b"Authorization header missing.", None)
        case Family.NEW_API:
            shown = secret if given in {None, "", "midjourney-proxy"} else given or ""
            return None if _key(shown) == _key(token) else _invalid_token(family)
        case Family.ENVELOPED:
            is_known = token in {secret, (given or "").removeprefix("Bearer ")}
            return None if is_known else _invalid_token(family)


def _key(shown: str) -> str:
    """Return the part of a token that counts: behind its next dash stands a channel (4.8)."""
    return shown.removeprefix("Bearer ").strip().removeprefix("sk-").partition("-")[0]


def _invalid_token(family: Family) -> Reply:
    message = "无效的令牌 (request id: 20250101000000000000000abcdefgh)"
    return Reply(401, encode(family, {"error": {"message": message, "type": "new_api_error"}}))


def unknown_task(family: Family) -> Reply:
    """Return the answer to a fetch of an id that the gateway does not have (1.3, 3.3, 4.3)."""
    match family:
        case Family.NOVICEZK | Family.PLUS:
            return Reply(200, content_type=None)
        case Family.TRUEAI:
            return Reply(204, content_type=None)
        case Family.NEW_API:
            return upstream_error("task_no_found")
        case Family.ENVELOPED:  # a guess: nobody has shown one (6)
            return Reply(200, encode(family, {"code": 1, "message": "任务不存在", "data": None}))


def upstream_error(description: str, *, code: int = 4, content_type: str = _JSON) -> Reply:
    """Return an error in the words of family C: always 400, with a space behind the description (4.3)."""
    body: Json = {"code": code, "description": f"{description} ", "type": "upstream_error"}
    return Reply(400, encode(Family.NEW_API, body), content_type)


def unknown_route(family: Family, method: str, path: str) -> Reply:
    """Return the answer to a request for which the family has no route (1.3, 4.1)."""
    match family:
        case Family.NEW_API if path.endswith("/") and len(path) > 1:
            return Reply(301 if method == "GET" else 307, content_type=None, location=path.rstrip("/"))
        case Family.NEW_API:  # the router's NoRoute is the web app (replies/newapi-fetch-html-200.html)
            return Reply(200, HTML, "text/html; charset=utf-8")
        case Family.NOVICEZK | Family.PLUS:
            is_known = any(target(family, verb, path).route != "other" for verb in ("GET", "POST"))
            return _spring(405, path) if is_known else _spring(404, path)
        case Family.TRUEAI | Family.ENVELOPED:
            return Reply(404, content_type=None)


HTML: Final = b'<!DOCTYPE html><html lang="zh-CN"><head></head></html>'


def bad_body(family: Family, path: str) -> Reply:
    """Return the answer to a body that cannot be read (1.3, 3.3, 4.3)."""
    match family:
        case Family.NOVICEZK | Family.PLUS:
            return _spring(400, path)
        case Family.TRUEAI:
            return logic_error("操作失败")
        case Family.NEW_API | Family.ENVELOPED:
            return upstream_error("do_request_failed", content_type=_TEXT)


def logic_error(message: str) -> Reply:
    """Return family B's envelope of an error, with HTTP 200 (3.3)."""
    body: Json = {"success": False, "code": -1, "message": message, "timestamp": "638900000000000000"}
    return Reply(200, encode(Family.TRUEAI, body))


def submit_reply(family: Family, code: int, description: str, result: Json, **properties: Json) -> Reply:
    """Return the answer to a submit or a seed (1.4, 3.4, 4.4); C writes it without a content type of its own."""
    body: dict[str, Json] = {"code": code, "description": description, "result": result}
    if code != 21 or family is not Family.PLUS:  # replies/plus-submit-21-modal.json has none
        body["properties"] = properties
    status = 404 if family is Family.TRUEAI and code == 3 else 200
    return Reply(status, encode(family, body), _TEXT if family is Family.NEW_API else _JSON)


def _spring(status: int, path: str) -> Reply:
    words = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
    stamp = "2025-01-01T00:00:00.000+00:00"
    return Reply(
        status,
        msgspec.json.encode({"timestamp": stamp, "status": status, "error": words[status], "path": path}),
    )


def read_ids(family: Family, body: bytes) -> list[str] | None:
    """Return the ids of a list request without repeats, or None where the server refuses the body (3.3, 4.3)."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    ids = asked.ids or []
    if family is Family.NOVICEZK or family is Family.PLUS:  # Jackson turns numbers into strings
        return list(dict.fromkeys(str(i) for i in ids))
    texts = [i for i in ids if isinstance(i, str)]
    if len(texts) < len(ids):
        return None
    return list(dict.fromkeys(filter(None, map(str.strip, texts)) if family is Family.TRUEAI else texts))


class _Asked(msgspec.Struct):
    ids: list[str | int] | None = None
