"""Rows: what is copied, what is counted, what is refused."""

from __future__ import annotations

import struct

import pytest

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import ProtocolViolation
from tests.reference.rows import decode_row, encode_row

KEY = bytes(range(32))
PASS = ColumnPlan("pass")
SCAN = ColumnPlan("scan")
STARS = ColumnPlan("constant", constant=b"***")
NULL = ColumnPlan("null")


def one(column: ColumnPlan, value: bytes | None) -> bytes | None:
    _, output, _, _ = MaskPlan([column]).apply(encode_row([value]))
    (result,) = decode_row(output)
    return result


def test_passthrough_says_so() -> None:
    assert MaskPlan([PASS, PASS]).passthrough
    assert MaskPlan([]).passthrough
    assert not MaskPlan([PASS, SCAN]).passthrough


def test_a_run_stops_before_the_first_other_message() -> None:
    run = encode_row([b"a"]) + encode_row([b"b"])
    assert MaskPlan([PASS]).apply(run + b"C\0\0\0\rSELECT 2\0") == (len(run), run, 2, 0)


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_incomplete_row_waits(cut: int) -> None:
    row = encode_row([b"x"])
    assert len(row) == 12
    assert MaskPlan([STARS]).apply(row[:cut]) == (0, b"", 0, 0)


def test_the_rows_before_the_first_change_are_in_the_output() -> None:
    clean, found, after = (encode_row([b"1", t, b"end"]) for t in (b"clean", b"mail a.b@c.org", b"clean again"))
    consumed, output, rows, masked = MaskPlan([PASS, SCAN, PASS]).apply(clean + found + after)
    assert output == clean + encode_row([b"1", b"mail a***@c.org", b"end"]) + after
    assert (consumed, rows, masked) == (len(clean + found + after), 3, 1)


def test_null_stays_null_and_is_not_counted() -> None:
    row = encode_row([None, None, None, None])
    masker = ColumnPlan("hash", key=KEY, fallback=b"***")
    assert MaskPlan([SCAN, STARS, NULL, masker]).apply(row) == (len(row), row, 1, 0)


def test_null_and_constants_set_lengths() -> None:
    row = encode_row([b"secret", b"", b"tail"])
    _, output, _, masked = MaskPlan([NULL, STARS, PASS]).apply(row)
    assert output == encode_row([None, b"***", b"tail"])
    assert masked == 2


def test_a_value_the_masker_cannot_take_becomes_the_fallback_or_null() -> None:
    assert one(ColumnPlan("shift", family="date", shift_days=3, key=KEY, fallback=b"2000-01-01"), b"17.05.1984") == (
        b"2000-01-01"
    )
    assert one(ColumnPlan("shift", family="date", shift_days=3, key=KEY), b"17.05.1984") is None


def malformed(*fields: bytes, count: int | None = None, length: int | None = None) -> bytes:
    body = struct.pack("!H", len(fields) if count is None else count) + b"".join(fields)
    return b"D" + struct.pack("!I", len(body) + 4 if length is None else length) + body


@pytest.mark.parametrize(
    "message",
    [
        malformed(struct.pack("!i", -2)),
        malformed(struct.pack("!i", 5) + b"abc"),
        malformed(struct.pack("!i", 2147483647) + b"abc"),
        malformed(struct.pack("!i", 2) + b"abc"),
        malformed(b"\0\0"),
        malformed(count=1),
        malformed(struct.pack("!i", -1), struct.pack("!i", -1)),
        malformed(count=0),
        malformed(count=65535),
        malformed(length=5),
        malformed(length=0),
        malformed(length=0xFFFFFFFF),
    ],
    ids=str,
)
@pytest.mark.parametrize("column", [PASS, STARS, SCAN], ids=lambda c: c.op)
def test_rows_that_lie_are_refused(message: bytes, column: ColumnPlan) -> None:
    good = encode_row([b"a@b.org"])
    with pytest.raises(ProtocolViolation):
        MaskPlan([column]).apply(good + message)


@pytest.mark.parametrize(
    ("family", "fmt", "value", "expected"),
    [
        ("text", 0, b"x a.b@c.org", b"x a***@c.org"),
        ("text", 1, b"x a.b@c.org", b"x a***@c.org"),
        ("json", 0, b'{"c": 4111111111111111}', b'{"c": 0}'),
        ("jsonb", 1, b'\x01{"c": "4111111111111111"}', b'\x01{"c": "************1111"}'),
        ("jsonb", 1, b"\x014111111111111111", b"\x010"),
        ("bytea", 0, b"\\x" + b"a.b@c.org".hex().encode(), b"\\x" + b"a***@c.org".hex().encode()),
        ("bytea", 1, b"a.b@c.org\x00\xff", b"a***@c.org\x00\xff"),
        ("bytea", 0, b"\\x00ff", b"\\x00ff"),
        ("bytea", 0, b"a.b@c.org\\001", b"a***@c.org\\001"),
        ("array", 0, b'{"a.b@c.org",x,NULL}', b'{"a***@c.org",x,NULL}'),
        ("record", 0, b"(7,4111111111111111)", b"(7,0)"),
        ("other", 0, b"'a.b@c.org':1", b"'a***@c.org':1"),
        ("other", 1, b"\x00\x01a.b@c.org\x00", None),
        ("other", 1, b"\x00\x01clean\x00", b"\x00\x01clean\x00"),
    ],
)
def test_scan_by_family_and_format(family: str, fmt: int, value: bytes, expected: bytes | None) -> None:
    assert one(ColumnPlan("scan", family=family, format=fmt), value) == expected


def test_a_value_masked_in_a_clean_column_keeps_to_its_length() -> None:
    assert one(ColumnPlan("scan", limit=10), b"ab@c.org x") == b"a***@c.org"
    assert one(ColumnPlan("scan", limit=20, pad=20), b"ab@c.org".ljust(20)) == b"a***@c.org".ljust(20)


def element(oid: int, value: bytes | None) -> bytes:
    return struct.pack("!I", oid) + (struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value)


def test_binary_records_are_looked_at_field_by_field() -> None:
    column = ColumnPlan("scan", family="record", format=1)
    record = struct.pack("!i", 3) + element(25, b"a.b@c.org") + element(23, bytes(4)) + element(25, None)
    expected = struct.pack("!i", 3) + element(25, b"a***@c.org") + element(23, bytes(4)) + element(25, None)
    assert one(column, record) == expected
    # An element of a type nobody knows cannot be rewritten: NULL in its place.
    unknown = struct.pack("!i", 1) + element(99999, b"\x00a.b@c.org")
    assert one(column, unknown) == struct.pack("!i", 1) + element(99999, None)


@pytest.mark.parametrize("family", ["array", "record"])
def test_nested_values_that_lie_become_null(family: str) -> None:
    bad = struct.pack("!iiI", 1, 0, 25) + struct.pack("!ii", 1, 1) + struct.pack("!i", 900) + b"a.b@c.org"
    assert one(ColumnPlan("scan", family=family, format=1), bad) is None


def test_plans_are_checked_and_do_not_change() -> None:
    with pytest.raises(ValueError, match="unknown operation"):
        ColumnPlan("look away")
    with pytest.raises(ValueError, match="key of 32 bytes"):
        ColumnPlan("hash", key=b"short")
    with pytest.raises(ValueError, match="format code"):
        ColumnPlan("pass", format=2)
    with pytest.raises(ValueError, match="366 days"):
        ColumnPlan("shift", key=KEY)
    plan = MaskPlan([PASS])
    with pytest.raises(TypeError, match="does not change"):
        plan.__init__([STARS])
    assert "key" not in repr(ColumnPlan("hash", key=KEY))


def test_keys_cannot_be_read_back() -> None:
    assert not hasattr(ColumnPlan("hash", key=KEY), "key")
