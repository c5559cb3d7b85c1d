"""What is wrong with a reply: status and JSON error body to a verdict.

A total function: first match wins, and a JSON error is read before the status. What a good body holds is
`envelopes`' business.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec
from attrs import evolve, frozen

from mjwatch._wire.messages import Opened, Reply, Verb
from mjwatch.errors import EXCERPT, excerpt
from mjwatch.observations import Verdict

MAX_HOLD: Final = 300.0
"""Longest patience a gateway is granted, in seconds: a mistaken header must not stop a watch for a day."""

FINE_CODES: Final = frozenset({0, 1, 21, 22, 200})
"""Codes that are no error: submit's (protocol.md 1.4, 2), the envelope's 0 (6), and 200 of those who repeat it."""
_THROTTLES: Final = frozenset({23, 30})  # queue full (1.4), group saturated (4.3)
_REJECTS: Final = frozenset({4, 24})  # validation and banned prompt (1.4)
_MISSING: Final = ("task_no_found", "task_not_found", "task not found", "任务不存在", "未找到任务")
_DENIED: Final = (
    "令牌",
    "invalid token",
    "invalid api key",
    "invalid_api_key",
    "unauthorized",
    "authorization header",
)
# new-api answers 400 also for faults of its own (protocol.md 4.3).
_FAULTS: Final = (
    "do_request_failed",
    "response_body_failed",
    "insert_midjourney_task_failed",
    "readobjectstart",
)
_TOO_MANY: Final = ("最大", "too many", "at most", "maximum")

_BY_STATUS: Final[dict[int, Verdict]] = {
    **dict.fromkeys((401, 402, 403), Verdict.DENIED),
    **dict.fromkeys((408, 425), Verdict.BROKEN),
    **dict.fromkeys((413, 414), Verdict.TOO_BIG),
    **dict.fromkeys((400, 422), Verdict.REJECTED),
    429: Verdict.THROTTLED,
}
_NO_ROUTE: Final = frozenset({404, 405, 501})


@frozen
class Complaint:
    """
    A JSON error.

    Attributes:
        code: Its number, None without.
        says: Its sentence, for the reader.
        marks: All its words in lower case, for the tables.
        retry_after: Seconds that its body asks for.
    """

    code: int | None
    says: str
    marks: str
    retry_after: float | None


class _Body(msgspec.Struct):
    """The error shapes: A and C's {code, description, type}, C's {error: {...}}, B's {success, code, message}."""

    code: object = None
    description: object = None
    message: object = None
    msg: object = None
    type: object = None
    error: object = None
    success: object = None
    retryAfter: object = None  # noqa: N815 - YARP's spelling (derived-trueai-yarp-503-maintenance.json)
    id: object = None


_BODY: Final = msgspec.json.Decoder(_Body)
_LONGEST: Final = 64 << 10
"""No error is longer, in bytes: what is must be judged by its status, for its parts would cost twenty times that."""


@frozen
class _Case:
    """All that the decision depends on."""

    status: int
    said: Complaint | None
    verb: Verb
    is_crowd: bool
    """More than one id was asked for, so that fewer may help."""
    is_patient: bool
    """It says how long to wait."""
    is_page: bool


def judge(reply: Reply, verb: Verb, asked: int = 1) -> Opened | None:
    """Return what is wrong with *reply* to a request with *asked* ids, or None where its body may be read on."""
    said = _complaint(reply)
    after = _retry_after(reply)
    if after is None and said is not None:
        after = said.retry_after
    is_page = reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    is_patient = reply.retry_after is not None or after is not None
    found = _decide(_Case(reply.status, said, verb, asked > 1, is_patient, is_page))
    if found is None:
        return None
    verdict, hint = found
    words = said.says if said is not None else reply.body[: 4 * EXCERPT].decode("utf-8", "replace")
    if is_page:
        words = ""
    return Opened(verdict, (), excerpt(": ".join(filter(None, (hint, words)))), after, reply.status)


def _decide(case: _Case) -> tuple[Verdict, str] | None:
    is_fine = 200 <= case.status < 300
    # 1. What the JSON error says, whatever the status.
    if case.said is not None:
        verdict = _by_words(case, case.said)
        if verdict is not None:
            return verdict, ""
    # 2. A good status over an error: it may carry the status that it should have had (protocol.md 6).
    if is_fine and case.said is not None:
        code = case.said.code or 0
        return _decide(evolve(case, status=code)) if 400 <= code < 600 else (_below_200(case, code), "")
    # 3. A good status over a page: new-api answers what it does not know with its web app (protocol.md 0.1).
    if is_fine:
        return (_no_route(case.verb), "a web page instead of JSON: check base_url") if case.is_page else None
    # 4. The status alone.
    if 300 <= case.status < 400:
        return Verdict.REFUSED, "a redirect: check base_url"
    if case.status in _NO_ROUTE:
        return _no_route(case.verb), f"{case.status}, no such route: check base_url"
    return _by_status(case), "a web page" if case.is_page else ""


def _no_route(verb: Verb) -> Verdict:
    # Every gateway can fetch, so where that fails the address is wrong; the other verbs may just not be there.
    return Verdict.REFUSED if verb is Verb.LOOK else Verdict.UNSUPPORTED


def _by_words(case: _Case, said: Complaint) -> Verdict | None:
    # 1. Patience.
    if said.code in _THROTTLES:
        return Verdict.THROTTLED
    # 2. An unknown id: in words, as code 3 under 404 (B), or as code 404 under 200 (protocol.md 0.3, 3.3). A bare
    #    404 is a wrong address. Of a crowd it tells nothing about each: ask for fewer.
    is_unknown = (case.status, said.code) in {(404, 3), (200, 404)}
    if is_unknown or _has(said, _MISSING):
        return Verdict.TOO_BIG if case.is_crowd else Verdict.MISSING
    # 3. The credential, also where the status is 400 or 200.
    if _has(said, _DENIED):
        return Verdict.DENIED
    # 4. A server's fault under 400. Of a crowd it is row 9: the same words answer a body that is too much.
    if case.status in {400, 422} and not case.is_crowd and _has(said, _FAULTS):
        return Verdict.BROKEN
    return None


def _below_200(case: _Case, code: int) -> Verdict:
    # 1. B's {success: false} for a list that is too long, as far as its words tell (protocol.md 3.3).
    if case.is_crowd and case.said is not None and _has(case.said, _TOO_MANY):
        return Verdict.TOO_BIG
    # 2. A request it does not like; of a seed or a cancel that is the answer (protocol.md 3.7).
    if code in _REJECTS or case.verb not in {Verb.LOOK, Verb.LOOK_MANY}:
        return Verdict.REJECTED
    # 3. "服务暂不可用" and what else it may be: never a reason to give a task up.
    return Verdict.BROKEN


def _by_status(case: _Case) -> Verdict:
    if case.status == 503 and case.is_patient:
        return Verdict.THROTTLED
    if case.status in {400, 422} and case.is_crowd:
        return Verdict.TOO_BIG
    found = _BY_STATUS.get(case.status)
    if found is Verdict.TOO_BIG and not case.is_crowd:
        return Verdict.BROKEN  # nothing smaller can be asked for, so it is no matter of the size
    if found is not None:
        return found
    # 2xx and 3xx were decided before; below 200 and above 599 there is no HTTP.
    return {4: Verdict.REFUSED, 5: Verdict.BROKEN}.get(case.status // 100, Verdict.CORRUPT)


def _has(said: Complaint, words: tuple[str, ...]) -> bool:
    return any(word in said.marks for word in words)


def _complaint(reply: Reply) -> Complaint | None:
    """Return the JSON error in *reply*; under 2xx only what cannot be a task is one."""
    if len(reply.body) > _LONGEST or not reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None  # the hot path: lists begin with [
    try:
        body = _BODY.decode(reply.body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = _read(body)
    if 200 <= reply.status < 300:
        is_error = bool(body.error) or body.success is False or (said.code or 0) not in FINE_CODES
        return said if is_error and body.id is None else None
    return said


def _read(body: _Body) -> Complaint:
    inner = body.error if isinstance(body.error, dict) else {}
    told = (
        body.description,
        body.message,
        body.msg,
        body.error,
        inner.get("message"),
        inner.get("description"),
    )
    says = [part.strip() for part in told if isinstance(part, str) and part.strip()]
    kinds = [
        part for part in (body.type, body.code, inner.get("type"), inner.get("code")) if isinstance(part, str)
    ]
    after = body.retryAfter
    return Complaint(
        _code(body.code) if body.code is not None else _code(inner.get("code")),
        says[0] if says else "",
        " ".join([*says, *kinds]).lower(),
        _clamped(float(after)) if isinstance(after, int) and 0 <= after < 10**9 else None,
    )


def _code(value: object) -> int | None:
    """Return a code that is a number, or a text of digits."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) (" + "|".join(_MONTHS) + r") ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT",
    re.ASCII,
)


def _retry_after(reply: Reply) -> float | None:
    """Return the header in seconds: digits, or an HTTP date measured from when the reply came."""
    header = (reply.retry_after or "").strip()
    if _SECONDS.fullmatch(header):
        return _clamped(float(header))
    date = _DATE.fullmatch(header)
    if date is None:
        return None
    day, month, year, hour, minute, second = date.groups()
    number = _MONTHS.index(month) + 1
    try:
        until = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:  # 31 February
        return None
    return _clamped(until.timestamp() - reply.at)


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_HOLD)
