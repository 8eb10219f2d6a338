"""Which words of comments could name a ticket."""

from __future__ import annotations

import pytest

from govproxy.sql.remarks import MAX_WORDS, ticket_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DELETE FROM t /* OPS-1 */", ("OPS-1",)),
        ("-- (OPS-1), see OPS-1.\nDELETE FROM t", ("OPS-1",)),
        ("DELETE FROM t --OPS-1", ("OPS-1",)),
        ("/* a /* OPS-2 */ OPS-3 */ SELECT 1", ("OPS-2", "OPS-3")),
        ("/* ü€ ÖPS OPS-4 */ SELECT 'ü'", ("OPS-4",)),
        # A literal, a name or a body is no comment, whatever stands in it.
        ("DELETE FROM t WHERE a = '/* OPS-1 */'", ()),
        ("DELETE FROM t WHERE a = '-- OPS-1\n'", ()),
        ("DELETE FROM t WHERE a = E'\\'/* OPS-1 */'", ()),
        ("DELETE FROM t WHERE a = U&'\\00e4-- OPS-1'", ()),
        ("DELETE FROM t WHERE a = $x$ -- OPS-1 $x$", ()),
        ('SELECT 1 AS "/* OPS-1 */"', ()),
        ("SELECT 'a' /* ' */ '-- OPS-1'", ()),
        # Look-alikes: a Cyrillic letter, a zero-width space, digits of another script, a longer word.
        ("SELECT 1 -- \u041ePS-1", ()),
        ("SELECT 1 -- OPS\u200b-1", ()),
        ("SELECT 1 -- OPS-\u0661", ()),
        ("SELECT 1 -- XOPS-1x", ("XOPS-1x",)),
        ("SELECT 1 -- \u202e1-SPO", ()),
        ("SELECT 1 -- no ticket at all", ()),
        (f"SELECT 1 -- {' '.join(f'OPS-{n}' for n in range(MAX_WORDS))}", tuple(f"OPS-{n}" for n in range(MAX_WORDS))),
        (f"SELECT 1 -- {' '.join(f'OPS-{n}' for n in range(MAX_WORDS + 1))}", ()),
    ],
)
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert ticket_words(text) == expected
