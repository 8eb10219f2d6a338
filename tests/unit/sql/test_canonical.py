"""What an approval is bound to, and what reviewers read."""

from __future__ import annotations

import pytest

from govproxy.sql.canonical import AS_WRITTEN, canonical, visible
from govproxy.sql.parse import UnparsableStatement


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("DELETE FROM orders WHERE id = 7", "delete  from\n\torders where (id=7) -- ticket 12"),
        ("UPDATE t SET a = 'x' WHERE id IN (1, 2)", "UPDATE t SET a='x' /* why */ WHERE id IN(1,2);"),
        ('SELECT a FROM "t"', "SELECT A FROM T"),
        ("SELECT 'a'", "SELECT E'\\x61'"),
    ],
)
def test_the_same_meaning_has_one_digest(one: str, other: str) -> None:
    assert canonical(one).digest == canonical(other).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM orders WHERE id = 8"),
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM orders WHERE id = '7'"),
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM orders WHERE id = 7 OR id = 8"),
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM public.orders WHERE id = 7"),
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM ONLY orders WHERE id = 7"),
        ("DELETE FROM orders WHERE id = 7", "DELETE FROM orders WHERE id = 7; DELETE FROM orders"),
        ("UPDATE t SET a = $1 WHERE id = $2", "UPDATE t SET a = $2 WHERE id = $1"),
        ("SELECT a - (b - c) FROM t", "SELECT (a - b) - c FROM t"),
        ("SELECT 'location'", "SELECT 'locatiom'"),
        ('SELECT "А" FROM t', 'SELECT "A" FROM t'),
    ],
)
def test_another_meaning_has_another_digest(one: str, other: str) -> None:
    assert canonical(one).digest != canonical(other).digest


def test_reviewers_read_no_comments() -> None:
    shown = canonical("DELETE FROM orders /* WHERE id = 7 */ -- only one row")
    assert shown.sql == "DELETE FROM orders"


def test_what_cannot_be_seen_is_spelt_out() -> None:
    shown = canonical("SELECT 'a\u202eb\u200bc'")
    assert shown.sql == "SELECT 'a⟨U+202E⟩b⟨U+200B⟩c'"
    assert visible("a\x07b\nc\td") == "a⟨U+0007⟩b\nc\td"


def test_letters_that_look_like_others_are_named() -> None:
    shown = canonical('DELETE FROM "\u043erders"')
    assert len(shown.oddities) == 1
    assert "U+043E CYRILLIC SMALL LETTER O" in shown.oddities[0]
    assert canonical("SELECT straße, 'привет', naïve FROM größen").oddities == ()


def test_what_is_shown_means_what_runs() -> None:
    for text in (
        "WITH gone AS (DELETE FROM a WHERE id = 1 RETURNING *) INSERT INTO b SELECT * FROM gone",
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE",
        "UPDATE t SET (a, b) = (SELECT 1, 2) WHERE c BETWEEN 1 AND 2",
        "ALTER TABLE t ADD COLUMN c numeric(10, 2) DEFAULT 0 CHECK (c >= 0)",
        "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a WHERE t.b",
        "DO $$ BEGIN DELETE FROM t; END $$",
    ):
        shown = canonical(text)
        assert AS_WRITTEN not in shown.oddities
        assert canonical(shown.sql).digest == shown.digest


def test_what_cannot_be_parsed_has_no_form() -> None:
    with pytest.raises(UnparsableStatement):
        canonical("DELETE FROM")
