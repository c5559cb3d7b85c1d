"""Bodies that are no reply: what is cut, packed, nested, endless, or of the wrong shape."""

from __future__ import annotations

import gzip
import json
import zlib

from tests.hostile.case import Case, fetched, http, listed, of, task

MIB = 1 << 20
GZIP = "Content-Encoding: gzip"
PAGE = "<!DOCTYPE html><html><script>alert(document.cookie)</script></html>"
GOOD = json.dumps([task("1"), task("2")]).encode()


def filled(before: bytes, unit: bytes, behind: bytes, size: int) -> bytes:
    """Return *size* bytes at most, mostly *unit*."""
    return before + unit * ((size - len(before) - len(behind)) // len(unit)) + behind


NO_JSON = {
    "nul bytes": http(bytes(8 * MIB)),
    "deep list": http(b"[" * 4 * MIB),
    "deep object": http(b'[{"a":' * 100_000),
    "nan": http(b'[{"id":"1","progress":NaN}]'),
    "infinity": http(b'[{"id":"1","progress":-Infinity}]'),
    "truncated": http(GOOD[:-20]),
    "two documents": http(GOOD + GOOD),
    "trailing comma": http(b"[{},]"),
    "single quotes": http(b"[{'id':'1'}]"),
    "comment": http(b"[/* 1 */]"),
    "utf-16": http("[]".encode("utf-16")),
    "utf-7": http(b"+AFsAXQ-"),
    "boms": http(b"\xef\xbb\xbf" * 3 + GOOD),
    "a text": http(b'"1"'),
    "a number": http(b"1e308"),
    "true": http(b"true"),
    "jsonp": http(b"callback([])"),
    "xssi guard": http(b")]}',\n[]"),
    "event stream": http(b"data: []\n\n"),
    "escapes without end": http(filled(b'["', b"\\ud83d", b"", MIB)),
    "gzip without saying so": http(gzip.compress(GOOD)),
    "cut gzip": http(gzip.compress(GOOD)[:-20], GZIP),  # what came of it is cut JSON
    "gzip twice": http(gzip.compress(gzip.compress(GOOD)), GZIP),
    "gzip, gzip": http(gzip.compress(gzip.compress(GOOD)), "Content-Encoding: gzip, gzip"),
    "an image": http(b"\x89PNG\r\n\x1a\n" + bytes(100), "Content-Type: image/png"),
    "an object as large as a list": http(filled(b'{"error":[', b"[],", b"0]}", 8 * MIB - 100)),
    "no task": http(b'{"hello":"world"}'),
    "control characters": http("\x1b]0;owned\x07\x1b[2J\u202e\u2028\x00\x9b31m"),
}

BROKEN_BODIES = {
    "plain, said to be gzip": http(GOOD, GZIP),
    "gzip with a wrong sum": http(gzip.compress(GOOD)[:-8] + bytes(8), GZIP),
    "deflate with a flaw": http(zlib.compress(GOOD)[:-6] + b"hahaha", "Content-Encoding: deflate"),
    "brotli that is none": http(b"\x0b\x02\x80", "Content-Encoding: br"),
}

TOO_LARGE = {
    "gzip bomb": http(gzip.compress(bytes(512 * MIB >> 3), 9), GZIP),
    "a byte over the cap": http(b" " * (8 * MIB + 1)),
}

NOTHING = {
    "empty": http(b""),
    "null": http(b"null"),
    "white space without end": http(b" \r\n\t" * (2 * MIB)),
    "only a bom": http(b"\xef\xbb\xbf"),
}

MISSED = {
    "an empty list": http(b"[]"),
    "other people's tasks": listed(
        task("3", status="SUCCESS"), task("4", status="FAILURE", failReason="boo")
    ),
    "an id with another case": listed(task("1a"), task("2A")),
    "prefixes": listed(task("10"), task("01"), task("1.0")),
}

GARBLED = {
    "zeros without end": http(filled(b"[", b"0,", b"0]", 8 * MIB - 100)),
    "lists in the list": http(b"[[],[[]],[{}]]"),
    "nulls": http(b"[null,null]"),
    "texts": http(b'["1","2"]'),
    "invalid utf-8 in a text": http(b'[{"id":"1","status":"SUCCESS","prompt":"\xff\xfe"}]'),
    "overlong utf-8": http(b'[{"id":"1","status":"SUCCESS","prompt":"\xc0\xaf"}]'),
    "surrogates in utf-8": http(b'[{"id":"1","status":"SUCCESS","prompt":"\xed\xa0\x80"}]'),
    "1e400": http(b'[{"id":"1","progress":1e400}]'),
    "a number of 5,000 digits": http(b'[{"id":"1","submitTime":' + b"9" * 5_000 + b"}]"),
    "objects without an id": http(b'[{"status":"SUCCESS"},{"progress":"100%"}]'),
    "a huge task without an id": http(filled(b'[{"buttons":[', b"[],", b"0]}]", 4 * MIB)),
}

READ = {
    "gzip without its trailer": http(gzip.compress(GOOD)[:-8], GZIP),
    "a bom": http(b"\xef\xbb\xbf" + GOOD),
    "text/html": http(GOOD, "Content-Type: text/html; charset=zlib"),
    "a charset that is none": http(GOOD, 'Content-Type: application/json; charset="\u202e"'),
    "duplicate keys": http(b'[{"id":"3","status":"SUCCESS","id":"1","status":"IN_PROGRESS"}]'),
    "twins": listed(task("1"), task("1", progress="12%"), task("1", status="SUBMITTED")),
    "a thousand strays": listed(*[task(str(n), status="SUCCESS") for n in range(3, 900)], task("1")),
    "one of a kind of garbage": http(b'[{"id":"1","status":"IN_PROGRESS"},7,null,[],"x",{"id":{}}]'),
    "half a pair": http(rb'[{"id":"1","status":"IN_PROGRESS","prompt":"\ud83d"}]'),
    "an object in the list's place": fetched(task("1")),
    "keys without end": http(filled(b'[{"id":"1","status":"IN_PROGRESS",', b'"a":0,', b'"b":0}]', 4 * MIB)),
    "buttons without end": http(
        filled(b'[{"id":"1","status":"IN_PROGRESS","buttons":[', b"[],", b"0]}]", 4 * MIB)
    ),
    "rands without end": http(
        filled(b'[{"id":"1","status":"IN_PROGRESS","x":"', b"?rand=1", b'"}]', 4 * MIB)
    ),
    "many heavy tasks": http(
        b"[" + b",".join([filled(b'{"id":"1","status":7,"buttons":[', b"[],", b"0]}", 120 << 10)] * 32) + b"]"
    ),
    "text without end": http(
        filled(b'[{"id":"1","status":"IN_PROGRESS","prompt":"', "😀".encode(), b'"}]', 4 * MIB)
    ),
}

PAGES = {
    "a page": http(PAGE, "Content-Type: text/html"),
    "a page behind a bom": http("\ufeff\n <html>"),
    "xml": http('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    "a page of 8 MiB": http("<p>" * (8 * MIB // 3)),
}

ERRORS: dict[str, Case] = {
    **of("broken", {"code 9": fetched({"code": 9, "description": "x"}), "500": http(PAGE, status=500)}),
    **of("denied", {"401": http(b'{"error":{"message":"\x1b[31minvalid token"}}', status=401)}),
    **of("denied", {"a token of 10 MB": http(b'{"message":"' + b"x" * MIB + b'"}', status=403)}),
    **of(
        "refused",
        {
            "418": http("\u202etoopaet a ma I", status=418),
            "302": http(b"", "Location: //evil.test", status=302),
        },
    ),
    **of("corrupt", {"600": http(b"", status=600), "999": http(b"", status=999)}),
    **of("throttled", {"429": http(b'{"code":30}', status=429), "code 30": fetched({"code": 30})}),
    **of("too_big", {"413": http(b"", status=413), "400": http(b'{"code":"4"}', status=400)}),
    **of("broken", {"an error of 4 MiB": http(filled(b'{"error":[', b"{},", b"0]}", 4 * MIB), status=500)}),
    **of("broken", {"codes of all kinds": http(b'{"code":[],"error":{"code":{},"message":7}}', status=502)}),
    **of("corrupt", {"an error that is a task": fetched({"id": None, "status": None, "error": ""})}),
}

SINGLE: dict[str, Case] = {
    **of(
        "refused",
        {f"fetch: {name}": wire for name, wire in PAGES.items() if "8 MiB" not in name},
        is_single=True,
    ),
    **of(
        "missing",
        {f"fetch: {name}": wire for name, wire in NOTHING.items() if "end" not in name},
        is_single=True,
    ),
    **of(
        "ok: garbled", {"fetch: somebody else's task": fetched(task("3", status="SUCCESS"))}, is_single=True
    ),
    **of("ok: observation", {"fetch: no id": fetched({"status": "IN_PROGRESS"})}, is_single=True),
    **of(
        "corrupt",
        {"fetch: a list": http(GOOD), "fetch: 5 MiB": http(filled(b'{"id":"', b"x", b'"}', 5 * MIB))},
        is_single=True,
    ),
    **of(
        "ok: observation",
        {
            "fetch: buttons without end": http(
                filled(b'{"id":"1","status":7,"buttons":[', b"[],", b"0]}", 4 * MIB)
            )
        },
        is_single=True,
    ),
}

BODIES: dict[str, Case] = {
    **of("corrupt", NO_JSON),
    **of("broken", BROKEN_BODIES),
    **of("too_big", TOO_LARGE),
    **of("missing", NOTHING),
    **of("ok: missing", MISSED),
    **of("ok: garbled", GARBLED),
    **of("ok: observation", READ),
    **of("unsupported", PAGES),
    **ERRORS,
    **SINGLE,
}
