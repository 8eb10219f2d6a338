"""The folding lexer against PostgreSQL's own scanner: one shape means one token stream but for data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pglast import parser

from govproxy._fastpath.lexer import Folder
from govproxy.sql.redact import plain, redact

FOLDER = Folder()
LITERALS = {"SCONST", "ICONST", "FCONST"}
COMMENTS = {"C_COMMENT", "SQL_COMMENT"}

WORDS = st.sampled_from(
    [
        "select",
        "from",
        "where",
        "in",
        "IN",
        "and",
        "a",
        "b",
        '"Q"',
        '"a""b"',
        "t.x",
        "é",
        "nb sp",
        "$1",
        "null",
        "e",
        "_x",
    ]
)
STRINGS = st.text(alphabet="ab'-/*\n\\$éÿ\u00a0", max_size=6).map(lambda s: "'" + s.replace("'", "''") + "'")
NUMBERS = st.one_of(
    st.integers(min_value=0, max_value=10**20).map(str),
    st.floats(min_value=0, max_value=1e9, allow_nan=False).map(lambda f: f"{f:.3f}"),
    st.sampled_from(["1e5", "1.5E-3", ".5", "5.", "0"]),
)
SPACES = st.sampled_from([" ", "\n", "\t", " -- x\n", "/* c */", "/* a /* b */ c */", "\r", "  "])
MARKS = st.sampled_from(["(", ")", ",", "=", "<", "<=", "+", "-", "*", "::", ";", "||", "->>", "@>", "."])
ODDITIES = st.sampled_from(
    ["E'a\\'b'", "U&'x'", "B'01'", "N'x'", "$$x$$", "$t$ ' $t$", "1a", "1..2", "'a'\n'b'", "\x01", "0x1F"]
)
PIECES = st.lists(st.one_of(WORDS, STRINGS, NUMBERS, SPACES, MARKS, SPACES, ODDITIES), max_size=14)


def tokens(text: str) -> list[tuple[str, str]] | None:
    """The server's tokens, comments left out: (name, text), literals without theirs."""
    try:
        scanned = parser.scan(text)
    except parser.ParseError:
        return None
    return [
        (t.name, "" if t.name in LITERALS else text[t.start : t.end + 1]) for t in scanned if t.name not in COMMENTS
    ]


def literals(text: str) -> list[str]:
    return [text[t.start : t.end + 1] for t in parser.scan(text) if t.name in LITERALS]


@settings(max_examples=1500, deadline=None)
@given(PIECES)
def test_every_literal_the_server_sees_is_seen(pieces: list[str]) -> None:
    text = "".join(pieces)
    shaped = FOLDER.shape_of(text.encode())
    if shaped is None or tokens(text) is None:
        return
    raw = text.encode()
    seen: list[str] = []
    for start, end in shaped[1]:
        # A folded IN list is one literal here and several there.
        seen.extend(literals(raw[start:end].decode()))
    assert seen == literals(text)


@settings(max_examples=1500, deadline=None)
@given(PIECES, st.data())
def test_one_shape_is_one_token_stream(pieces: list[str], data: st.DataObject) -> None:
    """Change the literals of a text; if the shape stays, the server's tokens stay too."""
    text = "".join(pieces)
    other = "".join(
        data.draw(STRINGS)
        if p[:1] == "'"
        else data.draw(NUMBERS)
        if p[:1].isdigit()
        else data.draw(SPACES)
        if not p.strip()
        else p
        for p in pieces
    )
    one, two = FOLDER.shape_of(text.encode()), FOLDER.shape_of(other.encode())
    if one is None or two is None or one[0] != two[0]:
        return
    if b"\x04" in one[0]:
        return  # lists of different lengths share a shape; see the next test
    ours, theirs = tokens(text), tokens(other)
    if ours is None or theirs is None:
        return
    assert ours == theirs


@settings(max_examples=2500, deadline=None)
@given(PIECES)
def test_redacted_by_either_reader_is_the_same(pieces: list[str]) -> None:
    """The lexer's redaction is the scanner's to the letter, and it never counts too few tokens."""
    text = "".join(pieces)
    quick = plain(text)
    try:
        scanned = parser.scan(text)
    except parser.ParseError:
        return
    if quick is not None:
        assert (quick.sql, quick.digest) == redact(text)
        assert quick.tokens >= len(scanned)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=400), st.lists(st.integers(0, 10**6), min_size=1, max_size=400)
)
def test_in_lists_of_any_length_share_a_shape(one: list[int], two: list[int]) -> None:
    def text(numbers: list[int]) -> bytes:
        return f"select x from t where id IN ({', '.join(map(str, numbers))}) and y = 'z'".encode()

    first, second = FOLDER.shape_of(text(one)), FOLDER.shape_of(text(two))
    assert first is not None
    assert second is not None
    assert first[0] == second[0]
    assert len(first[1]) == len(second[1]) == 2


@settings(max_examples=3000, deadline=None)
@given(st.binary(max_size=60))
def test_anything_is_a_shape_or_none(text: bytes) -> None:
    shaped = FOLDER.shape_of(text)
    if shaped is not None:
        shape, spans = shaped
        assert len(shape) <= len(text) + 1 + len(spans)
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert b"\0" not in shape


@pytest.mark.parametrize(
    "text",
    [
        "select E'a'",
        "select e'a'",
        "select U&'a'",
        'select U&"a"',
        "select B'1'",
        "select X'1'",
        "select N'x'",
        "select 'a'\n'b'",
        "select 'a' -- c\n 'b'",
        "select $$a$$",
        "select $a$x$a$",
        "select 1a",
        "select 1..2",
        "select 0x1F",
        "select 1_000",
        "select 'open",
        'select "open',
        "select /* open",
        "select \x01",
        "select 1e",
        "select $1a",
    ],
)
def test_what_is_subtle_has_no_shape(text: str) -> None:
    assert FOLDER.shape_of(text.encode()) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("select 1", "select '1'"),
        ("select 1", "select 1.0"),
        ("select a", "select A"),
        ('select "a"', "select a"),
        ("select a - 1", "select a + 1"),
        ("select 1, 2", "select 1"),
        ("select a from t", "select a from u"),
        ("select $1", "select $2"),
        ("select x in (1)", "select x in ('1')"),
        ("select 1 -1", "select 1"),
        ("values (1),(2)", "values (1)"),
    ],
)
def test_what_differs_in_more_than_data_differs_in_shape(one: str, two: str) -> None:
    first, second = FOLDER.shape_of(one.encode()), FOLDER.shape_of(two.encode())
    assert first is not None
    assert second is not None
    assert first[0] != second[0]
