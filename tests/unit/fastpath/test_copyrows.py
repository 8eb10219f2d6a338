"""Rows of COPY under a plan: however they are cut into messages, and never in a form that was not asked for."""

from __future__ import annotations

from typing import Any

import pytest

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.copyrows import CopyMasker, CopyOptions
from govproxy._fastpath.rows import MaskPlan
from govproxy.errors import LimitExceeded, UpstreamFault

TEXT: dict[str, Any] = {
    "format": "text",
    "delimiter": b"\t",
    "quote": b'"',
    "escape": b'"',
    "null": b"\\N",
    "header": False,
    "probe": b"",
}
CSV = TEXT | {"format": "csv", "delimiter": b",", "null": b""}
BINARY = TEXT | {"format": "binary"}
BIN_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def plan() -> MaskPlan:
    return MaskPlan(
        (ColumnPlan("pass"), ColumnPlan("constant", constant=b'a\t,"\\\n'), ColumnPlan("scan"), ColumnPlan("null"))
    )


def field(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value


FORMS = {
    "text": (
        TEXT,
        b"1\tsecret\tmail bob@example.org\tx\n\\N\t\\N\tplain\\tb\\\\n\\N\t\\N\n".replace(b"b\\\\n", b"b\t").replace(
            b"\\N\t\\N\n", b"\\N\n"
        ),
        2,
    ),
    "csv": (CSV, b'1,secret,"mail ""bob@example.org"", or\n",x\n,,"pl,""ain",\n', 2),
    "binary": (
        BINARY,
        BIN_HEADER
        + b"\0\4"
        + field(b"1")
        + field(b"secret")
        + field(b"mail bob@example.org")
        + field(b"x")
        + b"\0\4"
        + field(None) * 2
        + field(b"plain")
        + field(None)
        + b"\xff\xff",
        2,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_where_messages_are_cut_does_not_matter(form: str) -> None:
    options, data, rows = FORMS[form]
    whole = CopyMasker(CopyOptions(**options), plan()).apply([data])
    assert b"secret" not in b"".join(whole[0])
    assert b"bob@example.org" not in b"".join(whole[0])
    assert (whole[1], whole[2]) == (rows, 3)
    for place in range(1, len(data)):
        sent, counted, masked = CopyMasker(CopyOptions(**options), plan()).apply([data[:place], data[place:]])
        assert (b"".join(sent), counted, masked) == (b"".join(whole[0]), rows, 3)
    single = CopyMasker(CopyOptions(**options), plan()).apply([data[i : i + 1] for i in range(len(data))])
    assert b"".join(single[0]) == b"".join(whole[0])


def test_what_is_put_in_is_written_as_the_form_wants_it() -> None:
    sent, _, _ = CopyMasker(CopyOptions(**TEXT), plan()).apply([b"1\tx\ty\tz\n"])
    assert sent == [b'1\ta\\t,"\\\\\\n\ty\t\\N\n']
    sent, _, _ = CopyMasker(CopyOptions(**CSV), plan()).apply([b"1,x,y,z\n"])
    assert sent == [b'1,"a\t,""\\\n",y,\n']
    escaped = CSV | {"escape": b"\\", "quote": b"'"}
    sent, _, _ = CopyMasker(CopyOptions(**escaped), plan()).apply([b"1,x,'it\\'s \\\\',z\n"])
    assert sent == [b"1,'a\t,\"\\\\\n','it\\'s \\\\',\n"]


def test_a_header_is_no_row() -> None:
    sent, rows, masked = CopyMasker(CopyOptions(**CSV | {"header": True}), plan()).apply([b"a,b,c,d\n", b"1,2,3,4\n"])
    assert sent[0] == b"a,b,c,d\n"
    assert (rows, masked) == (1, 2)


def test_a_message_without_a_change_leaves_as_it_came() -> None:
    clean = MaskPlan((ColumnPlan("scan"), ColumnPlan("pass")))
    data = b"ab\\x\tc\n"
    sent, rows, masked = CopyMasker(CopyOptions(**TEXT), clean).apply([data, data])
    assert sent[0] is data
    assert (rows, masked) == (2, 0)


@pytest.mark.parametrize(
    ("options", "data"),
    [
        (TEXT, b"1\t2\t3\n"),
        (TEXT, b"1\t2\t3\t4\t5\n"),
        (TEXT, b"1\t2\t3\t4\\\n"),
        (TEXT, b"1\t2\t3\t4"),
        (CSV, b"1,2,3\n"),
        (CSV, b'1,2,"3"x,4\n'),
        (CSV, b'1,2,"3,4\n'),
        (BINARY, b"PGCOPY\n\xff\r\n\1" + bytes(8) + b"\xff\xff"),
        (BINARY, BIN_HEADER),
        (BINARY, BIN_HEADER + b"\0\3" + field(b"") * 3 + b"\xff\xff"),
        (BINARY, BIN_HEADER + b"\0\4" + field(b"") * 3 + b"\xff\xff\xff\xfe\xff\xff"),
        (BINARY, BIN_HEADER + b"\xff\xff\0"),
    ],
)
def test_another_form_than_asked_for_is_not_passed_on(options: dict[str, Any], data: bytes) -> None:
    with pytest.raises(UpstreamFault):
        CopyMasker(CopyOptions(**options), plan()).apply([data])


def test_a_row_in_pieces_is_bounded() -> None:
    with pytest.raises(LimitExceeded):
        CopyMasker(CopyOptions(**TEXT), plan(), max_bytes=10).apply([b"123456", b"789012"])


def test_an_unusual_word_for_null_is_a_value_where_values_are_hidden() -> None:
    options = CopyOptions(**TEXT | {"null": b"guess"})
    sent, _, masked = CopyMasker(options, plan()).apply([b"guess\tguess\tguess\tguess\n"])
    assert sent == [b'guess\ta\\t,"\\\\\\n\tguess\tguess\n']
    assert masked == 2
