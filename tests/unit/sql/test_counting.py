"""Questions about the rows of an UPDATE or DELETE: about exactly those, or none at all."""

from __future__ import annotations

import pytest

from govproxy.sql.counting import NotCountable, countable


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("DELETE FROM t", "FROM t"),
        ("DELETE FROM t WHERE a = 1 -- x", "FROM t WHERE a = 1"),
        ("DELETE FROM ONLY a.t AS q WHERE q.id > 5 RETURNING *", "FROM ONLY a.t AS q WHERE q.id > 5"),
        (
            "DELETE FROM t USING b JOIN c USING (id), d WHERE t.id = b.id",
            "FROM t WHERE EXISTS (SELECT FROM b JOIN c USING (id), d WHERE t.id = b.id)",
        ),
        ("DELETE FROM t USING u", "FROM t WHERE EXISTS (SELECT FROM u)"),
        ("UPDATE t SET a = b IS DISTINCT FROM c WHERE id = 3", "FROM t WHERE id = 3"),
        ("UPDATE t SET a = extract(year FROM now()), b[1] = 2 WHERE c", "FROM t WHERE c"),
        (
            "UPDATE t SET a = (SELECT b FROM u WHERE x) FROM v WHERE t.i = v.i",
            "FROM t WHERE EXISTS (SELECT FROM v WHERE t.i = v.i)",
        ),
        ('UPDATE "T""x" SET a = 1 WHERE "A b" = \'WHERE -- x\'', 'FROM "T""x" WHERE "A b" = \'WHERE -- x\''),
        (
            "UPDATE t SET (a, b) = ROW(1, 2) WHERE a NOT IN (SELECT 1 FROM u WHERE v)",
            "FROM t WHERE a NOT IN (SELECT 1 FROM u WHERE v)",
        ),
        (
            "DELETE /* a */ FROM /* b */ t -- c\n WHERE x IS NOT DISTINCT FROM 1;",
            "FROM t WHERE x IS NOT DISTINCT FROM 1",
        ),
    ],
)
def test_the_same_rows(text: str, tail: str) -> None:
    assert countable(text).count == f"SELECT pg_catalog.count(*) {tail}"


def test_with_and_names() -> None:
    found = countable("WITH x AS (SELECT 1 FROM y) DELETE FROM s.t USING x, z WHERE t.a = x.a")
    assert found.count.startswith("WITH x AS (SELECT 1 FROM y) SELECT pg_catalog.count(*) FROM s.t WHERE EXISTS")
    assert found.names == {("s", "t"), ("", "x"), ("", "y"), ("", "z")}
    assert (found.relation, found.alias, found.ctes) == (("s", "t"), "t", frozenset({"x"}))


def test_parameters_keep_their_numbers() -> None:
    found = countable("UPDATE t SET a = $3, (b, c) = ROW($2, 1), d[1] = 4 WHERE x = $1 AND y > $4", parameters=True)
    assert found.count.endswith("FROM t WHERE x = $1 AND y > $4")
    assert found.sets == {"a", "b", "c", "d"}


def test_columns_are_quoted() -> None:
    asked = countable('DELETE FROM t AS "Q""q" WHERE a').rows(("a", 'b"c'), 5)
    assert asked.startswith('SELECT "Q""q"."a"::pg_catalog.text, "Q""q"."b""c"::pg_catalog.text FROM t AS')
    assert asked.endswith("LIMIT 5")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "DELETE FROM t; DELETE FROM u",
        "DELETE FROM t WHERE a = $1",
        "UPDATE t SET a = $1 WHERE b = 2",
        "DELETE FROM t WHERE CURRENT OF c",
        "TRUNCATE t",
        "WITH x AS (DELETE FROM u RETURNING a) DELETE FROM t WHERE a IN (SELECT a FROM x)",
        "WITH x AS (SELECT 1), y AS (INSERT INTO u VALUES (1)) UPDATE t SET a = 2 WHERE b = 3",
        "INSERT INTO t SELECT * FROM u",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "EXPLAIN DELETE FROM t",
        "DELETE FROM",
    ],
)
def test_what_is_not_asked(text: str) -> None:
    with pytest.raises(NotCountable):
        countable(text)
