"""Rows of COPY FROM on their way in: a masked value is seen wherever it stands and however the rows are cut."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govproxy._fastpath.copyguard import CopyGuard, CopyReader

MASKED = b'u_0011\t,"x'


def guard(form: str = "text", *, place: int = 1, quote: bytes = b'"', escape: bytes = b'"') -> CopyGuard:
    delimiter = b"," if form == "csv" else b"\t"
    return CopyGuard(
        format=form, delimiter=delimiter, quote=quote, escape=escape, watched={place: ("t.c", MASKED.__eq__)}
    )


def found(chunks: list[bytes], **how: object) -> str | None:
    return CopyReader(guard(**how)).apply(chunks)  # type: ignore[arg-type]


def pieces(data: bytes) -> list[list[bytes]]:
    return [[data], [data[i : i + 1] for i in range(len(data))], *([data[:i], data[i:]] for i in range(1, len(data)))]


TEXT = MASKED.replace(b"\t", b"\\t")


@pytest.mark.parametrize(
    "row",
    [
        b"1\t" + TEXT + b"\tx\n",
        b"1\t" + TEXT + b"\n",
        b"1\t" + TEXT + b"\r\n",
        b"1\ta\tb\n2\t" + TEXT + b"\r",
        b"1\ta\\\nb\n2\t" + TEXT + b"\n",
        b"\\N\t" + b"".join(b"\\x%02x" % c for c in MASKED) + b"\n",
        b"\\N\t" + b"".join(b"\\%03o" % c for c in MASKED) + b"\n",
        b"a\\\tb\t" + TEXT.replace(b"0", b"\\060") + b"\n",
        b"\\\\\t" + TEXT.replace(b"u", b"\\u") + b"\n",
    ],
)
def test_text(row: bytes) -> None:
    for chunks in pieces(row):
        assert found(chunks) == "t.c"
    assert found([row], place=7) is None


@pytest.mark.parametrize(
    "row",
    [
        b"1\ta\n",
        MASKED.replace(b"\t", b"\\t") + b"\tx\n",
        b"1\t" + TEXT + b"y\n",
        b"1\t" + TEXT[:-1] + b"\n",
        b"",
        b"\n\n",
        b"\\.\n",
    ],
)
def test_text_without_one(row: bytes) -> None:
    for chunks in pieces(row):
        assert found(chunks) is None


CSV = b'"' + MASKED.replace(b'"', b'""') + b'"'


@pytest.mark.parametrize(
    "row",
    [
        b"1," + CSV + b",x\n",
        b"1," + CSV + b"\r\n",
        b'"a,\n""b",' + CSV + b"\n",
        b"a,b,c\n1," + CSV + b"\n",
        b'1,u_0011\t","""x\n',
    ],
)
def test_csv(row: bytes) -> None:
    for chunks in pieces(row):
        assert found(chunks, form="csv") == "t.c"


def test_csv_with_an_escape_of_its_own() -> None:
    row = b"'a\\',\n',1\n2,'" + MASKED.replace(b'"', b'"') + b"'\n"
    for chunks in pieces(row):
        assert found(chunks, form="csv", quote=b"'", escape=b"\\") == "t.c"
    assert found([b"'a',1\n2,'\\'u'\n"], form="csv", quote=b"'", escape=b"\\") is None


def binary(rows: list[list[bytes | None]], extension: bytes = b"") -> bytes:
    data = b"PGCOPY\n\xff\r\n\x00" + bytes(4) + struct.pack("!i", len(extension)) + extension
    for row in rows:
        data += struct.pack("!h", len(row))
        for value in row:
            data += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return data + b"\xff\xff"


@pytest.mark.parametrize("extension", [b"", b"abcdef"])
def test_binary(extension: bytes) -> None:
    for rows in ([[b"1", MASKED]], [[None, b""], [], [b"x", None], [b"1", MASKED, b"y"]]):
        for chunks in pieces(binary(rows, extension)):
            assert found(chunks, form="binary") == "t.c"
    for rows in ([[MASKED, b"1"]], [[b"1", MASKED + b"x"], [None, None]], []):
        for chunks in pieces(binary(rows, extension)):
            assert found(chunks, form="binary") is None


@given(st.binary(max_size=80), st.sampled_from(["text", "csv", "binary"]), st.integers(0, 80))
def test_rows_of_any_kind_are_read_alike_however_they_are_cut(data: bytes, form: str, cut: int) -> None:
    if form == "binary":
        data = binary([])[:19] + data
    assert found([data], form=form) == found([data[:cut], data[cut:]], form=form)


def test_a_very_long_field_is_passed_over() -> None:
    assert found([b"1\t", b"x" * (3 << 20), b"\n2\t" + TEXT + b"\n"]) == "t.c"
    assert found([binary([[b"1", b"x" * (3 << 20)], [b"1", MASKED]])], form="binary") == "t.c"
