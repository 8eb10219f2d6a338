"""Temporary tables of one session: ordinary work goes on, and nothing masked gets into them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.support.proxy import Proxy

ANALYST = ("ana@shop.example", ("analysts",))


@pytest.fixture
def analyst(proxy: Proxy) -> Iterator[psycopg.Connection]:
    with proxy.connect(*ANALYST, database="shop") as connection:
        yield connection


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_own_data_comes_back_as_it_is(analyst: psycopg.Connection, binary: bool) -> None:
    analyst.execute("CREATE TEMP TABLE work (id int, note text, at timestamptz DEFAULT '2024-01-01Z')")
    analyst.execute("INSERT INTO work (id, note) VALUES (1, 'one'), (2, 'two')")
    assert analyst.execute("SELECT id, note FROM work ORDER BY id", binary=binary).fetchall() == [
        (1, "one"),
        (2, "two"),
    ]
    assert analyst.execute("SELECT upper(note), id * 2 FROM work WHERE id = 2", binary=binary).fetchall() == [
        ("TWO", 4)
    ]
    row = analyst.execute("SELECT * FROM work WHERE id = 1", binary=binary).fetchone()
    assert row is not None
    assert row[:2] == (1, "one")
    analyst.execute("DROP TABLE work")


def test_clean_columns_may_be_kept_and_joined(analyst: psycopg.Connection, proxy: Proxy) -> None:
    query = "SELECT country, count(*) AS n FROM customers GROUP BY country"
    with proxy.databases.direct("shop") as direct:
        expected = dict(direct.execute(query).fetchall())
    with analyst.transaction():
        analyst.execute(f"CREATE TEMP TABLE per_country ON COMMIT DROP AS {query}")
        assert dict(analyst.execute("SELECT country, n FROM per_country").fetchall()) == expected


def test_masked_columns_stay_masked_beside_own_data(analyst: psycopg.Connection, proxy: Proxy) -> None:
    with proxy.databases.direct("shop") as direct:
        clear = direct.execute("SELECT email FROM customers WHERE id = 1").fetchone()
    assert clear is not None
    analyst.execute("CREATE TEMP TABLE wanted (id int)")
    analyst.execute("INSERT INTO wanted VALUES (1)")
    for query in (
        "SELECT w.*, c.email FROM wanted w JOIN customers c USING (id)",
        "SELECT w.*, lower(c.email) FROM wanted w, customers c WHERE c.id = w.id",
        "SELECT c.*, w.* FROM wanted w, customers c WHERE c.id = w.id",
        "SELECT w.id, (SELECT email FROM customers c WHERE c.id = w.id) FROM wanted w",
        "SELECT * FROM wanted w NATURAL JOIN customers",
    ):
        for row in analyst.execute(query).fetchall():
            assert clear[0] not in map(str, row), query


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO kept SELECT id, email FROM customers",
        "INSERT INTO kept (note) SELECT lower(email) FROM customers",
        "INSERT INTO pg_temp.kept SELECT id, email FROM customers",
        "UPDATE kept SET note = (SELECT email FROM customers WHERE id = 1) WHERE id = 1",
        "UPDATE kept SET note = c.email FROM customers c WHERE c.id = kept.id",
        "WITH e AS (SELECT id, email FROM customers) INSERT INTO kept SELECT * FROM e",
        "CREATE TEMP TABLE other AS SELECT email FROM customers",
        "CREATE TEMP TABLE other AS TABLE customers",
        "SELECT email INTO TEMP other FROM customers",
        "CREATE TEMP VIEW other AS SELECT email FROM customers",
        "MERGE INTO kept USING customers c ON kept.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email)",
    ],
)
def test_nothing_masked_gets_in(analyst: psycopg.Connection, statement: str) -> None:
    analyst.execute("CREATE TEMP TABLE kept (id int, note text)")
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute(statement)
    assert analyst.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_temporary_table_hides_no_rule(analyst: psycopg.Connection) -> None:
    """After the temporary table is gone the name means the real one again, and is treated so all along."""
    analyst.execute("CREATE TEMP TABLE payments (id int, card_number text)")
    analyst.execute("DISCARD TEMP")
    row = analyst.execute("SELECT card_number FROM payments WHERE card_number IS NOT NULL LIMIT 1").fetchone()
    assert row is not None
    assert "*" in row[0]
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute("DROP TABLE payments")
