"""Bodies to raw slices."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mjwatch._wire import slices
from mjwatch._wire.messages import Malformed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b' {"a":1}\r\n', b'{"a":1}'),
        (b'\xef\xbb\xbf{"a":1}', b'{"a":1}'),  # a byte order mark is no JSON
        (b"null", b""),
        (b" null\n", b""),
        (b"", b""),
    ],
)
def test_trimming_leaves_the_value(body: bytes, expected: bytes) -> None:
    """Nothing and `null` are the same: nothing."""
    actual = slices.trim(body)

    assert expected == actual


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[]", []),
        (b'[{"a":1}, null ,7]', [b'{"a":1}', b"null", b"7"]),
        (b'[{"a":"\xff"},{"a":1}]', [b'{"a":"\xff"}', b'{"a":1}']),  # bad text is its task's own trouble
        (rb'[{"a":"\ud83d"},{"a":1}]', [rb'{"a":"\ufffd"}', b'{"a":1}']),  # an emoji cut in half
        (rb'[{"a":"x\ud83d\ud83d\ude00"}]', [rb'{"a":"x\ufffd\ud83d\ude00"}']),  # half, then a whole one
        (rb'[{"a":"\\ud83d"}]', [rb'{"a":"\\ud83d"}']),  # a backslash, no escape
        (rb'[{"a":"\\\ud83d"}]', [rb'{"a":"\\\ufffd"}']),
        pytest.param(b"[" + b"0," * 5000 + b"0]", [b"0"] * 1000, id="too many"),
        pytest.param(b"[" + b"0," * (1 << 20) + b"0]", [b"0"] * 1000, id="far too many"),
        pytest.param(b'["' + b"x" * (1 << 20) + b'",7]', [b'"' + b"x" * (1 << 20) + b'"', b"7"], id="long"),
    ],
)
def test_lists_are_cut_at_their_elements(body: bytes, expected: list[bytes]) -> None:
    """Elements stay raw, and there are at most 1000."""
    actual = [bytes(piece) for piece in slices.many(body)]

    assert expected == actual


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[", b"[1", b"[1]]", b"[NaN]", rb'["\ud8'),
        pytest.param(b"[" * 50_000, id="nested without end"),
        b'["\\ud800\0\0"]',
        pytest.param(rb'["\ud800",', id="mended, and still cut"),
        pytest.param(b'["' + rb"\ud800" * 20_000 + b'"]', id="nothing but halves"),
        pytest.param(rb'["\ud800", "' + b"x" * (1 << 20) + b'"]', id="too long to mend"),
    ],
)
def test_what_is_no_list_is_malformed(body: bytes) -> None:
    """Cut, nested without end, or not JSON: one error for all."""
    with pytest.raises(Malformed):
        slices.many(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"{}{}", b'{"a":"\xff"}', b'{"a":1'),
        pytest.param(b'{"a":' * 50_000, id="nested without end"),
        pytest.param(b'"' + b"x" * (4 << 20) + b'"', id="too long for one task"),
    ],
)
def test_what_is_no_value_is_malformed(body: bytes) -> None:
    """A single value is strict UTF-8 as well."""
    with pytest.raises(Malformed):
        slices.whole(body, msgspec.json.Decoder(msgspec.Raw))


@given(
    st.text(st.characters(codec=None, min_codepoint=0xD000, max_codepoint=0xE0FF) | st.sampled_from('\\"u a'))
)
def test_mended_escapes_decode(text: str) -> None:
    """Whatever halves a gateway escapes, what is left can be read."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) > 127 else {"\\": "\\\\", '"': '\\"'}.get(c, c) for c in text
    )

    (piece,) = slices.many(f'["{escaped}"]'.encode())

    assert isinstance(msgspec.json.decode(piece), str)


def test_a_million_addresses_cost_no_memory() -> None:
    """Only so many are made still; what is left of them counts as changed, which is always safe."""
    piece = msgspec.Raw(b'"' + b"?rand=1" * 1_000_000 + b'"')
    tracemalloc.start()
    try:
        (digest,) = slices.still_digests([piece])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert digest != slices.digests([piece])[0]
    assert peak < 4 * len(piece)
