"""HTTP that is none, or that is too much: heads, lengths, chunks, and Retry-After in every bad form."""

from __future__ import annotations

from tests.hostile.bodies import GOOD
from tests.hostile.case import Case, http, of

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def patience(value: str, status: int = 429) -> bytes:
    """Return a reply that asks for patience, in some words."""
    return http(b"", f"Retry-After: {value}", status=status)


NO_HTTP = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "http/0.9": GOOD,
    "http/9.9": b"HTTP/9.9 200 OK\r\n\r\n[]",
    "no status": b"HTTP/1.1 OK\r\n\r\n[]",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n[]",
    "a negative status": b"HTTP/1.1 -200 OK\r\n\r\n[]",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n[]",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n[]",
    "a length in words": OK + b"Content-Length: two\r\n\r\n[]",
    "a length that does not end": OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n[]",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a header name of 9 kB": OK + b"N" * 9_000 + b": 1\r\n\r\n[]",
    "a header of 9 kB": OK + b"X: " + b"1" * 9_000 + b"\r\n\r\n[]",
    "two hundred headers": OK + b"X: 1\r\n" * 200 + b"\r\n[]",
    "nul in a header": OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\n[]",
    "a header without a colon": OK + b"hello\r\n\r\n[]",
    "a folded header": OK + b"X: 1\r\n\x0b2\r\n\r\n[]",
    "a reason of 9 kB": b"HTTP/1.1 200 " + b"O" * 9_000 + b"\r\n\r\n[]",
    "chunk size in words": CHUNKED + b"two\r\n[]\r\n0\r\n\r\n",
    "negative chunk": CHUNKED + b"-2\r\n[]\r\n0\r\n\r\n",
    "chunk size without end": CHUNKED + b"f" * 40 + b"\r\n[]\r\n0\r\n\r\n",
    "chunk with a tail": CHUNKED + b"2\r\n[]hello\r\n0\r\n\r\n",
    "cut chunks": CHUNKED + b"2\r\n[]\r\n",
    "cut body": OK + b"Content-Length: 100\r\n\r\n[",
    "upgrade": b"HTTP/1.1 999\r\n\x00\x00\r\n\r\n",
}

SILENT = {"nothing": b"", "half a line": b"HTTP/1.1 20", "half a head": OK + b"X: 1\r\n"}

WORDS = {
    "Retry-After of 0": "0",
    "Retry-After negative": "-1",
    "Retry-After huge": "9" * 4_000,
    "Retry-After 1e9": "1e9",
    "Retry-After infinite": "inf",
    "Retry-After nan": "nan",
    "Retry-After hexadecimal": "0x10",
    "Retry-After fullwidth": "９９９",  # noqa: RUF001 - digits that are none of HTTP
    "Retry-After arabic": "٣٠",
    "Retry-After with an underscore": "1_0",
    "Retry-After empty": "",
    "Retry-After escape": "\x1b[31m7",
    "Retry-After bidi": "\u202e7",
    "Retry-After two": "7, 9",
    "Retry-After tomorrow": "Sun, 31 Feb 2999 25:61:61 GMT",
    "Retry-After in 9999": "Fri, 31 Dec 9999 23:59:59 GMT",
    "Retry-After in 1970": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Retry-After in another zone": "Sun, 06 Nov 1994 08:49:37 +0800",
    "Retry-After in words": "soon",
    "Retry-After script": "<script>",
}

MANY = {
    "three of them": http(b"", "Retry-After: 1", "Retry-After: x", "Retry-After: 999999", status=503),
    "with a good reply": http(GOOD, "Retry-After: 86400"),
    "sixty cookies": http(GOOD, *[f"Set-Cookie: a{n}=b; Domain=.test" for n in range(60)]),
    "smuggled second reply": http(b"[]") + http(GOOD),
}

FRAMES: dict[str, Case] = {
    **of("broken", NO_HTTP),
    **of("unreachable", SILENT),
    **{name: Case(patience(words), "throttled") for name, words in WORDS.items()},
    **of("throttled", {"503 with three Retry-After": MANY["three of them"]}),
    **of("ok: observation", {name: MANY[name] for name in ("with a good reply", "sixty cookies")}),
    **of("ok: missing", {"a smuggled second reply": MANY["smuggled second reply"]}),
    **of("broken", {"503 without patience": http(b"", status=503)}),
}
