"""Tables and columns that come while the proxy runs are known by the first query that reads them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from govproxy.session.cancel import worker_of
from tests.support.proxy import Proxy
from tests.support.waiting import until

ANALYST = ("ana@shop.example", ("analysts",))
CANARY = "canary.person@example.com"
# No random letters: they could make a word, and words tell what a table holds.
_NUMBERS = itertools.count(1)


@pytest.fixture
def table(proxy: Proxy) -> Iterator[str]:
    name = f"fresh_{next(_NUMBERS)}"
    yield name
    with proxy.databases.direct() as direct:
        direct.execute(f"DROP TABLE IF EXISTS {name} CASCADE")


@pytest.fixture
def analyst(proxy: Proxy) -> Iterator[psycopg.Connection]:
    with proxy.connect(*ANALYST) as connection:
        yield connection


def test_a_new_table_is_masked_at_once_and_clean_columns_are_not(
    proxy: Proxy, analyst: psycopg.Connection, table: str
) -> None:
    with proxy.databases.direct() as direct:
        direct.execute(f"CREATE TABLE {table} (id int, email text, city_code int, color text)")
        direct.execute(f"INSERT INTO {table} VALUES (1, '{CANARY}', 7, 'green')")
    row = analyst.execute(f"SELECT * FROM {table}").fetchone()
    assert row is not None
    assert CANARY not in row
    assert (row[0], row[2], row[3]) == (1, 7, "green")


def test_a_new_column_is_masked_at_once(proxy: Proxy, analyst: psycopg.Connection, table: str) -> None:
    with proxy.databases.direct() as direct:
        direct.execute(f"CREATE TABLE {table} (id int)")
        direct.execute(f"INSERT INTO {table} VALUES (1)")
        assert analyst.execute(f"SELECT * FROM {table}").fetchall() == [(1,)]
        direct.execute(f"ALTER TABLE {table} ADD COLUMN phone text DEFAULT '+49 30 1234567'")
    for _ in range(3):
        row = analyst.execute(f"SELECT * FROM {table}").fetchone()
        assert row is not None
        assert "1234567" not in str(row[1]).replace(" ", "")


def test_another_table_of_the_same_name_is_judged_anew(proxy: Proxy, analyst: psycopg.Connection, table: str) -> None:
    query = f"SELECT value FROM {table}"
    with proxy.databases.direct() as direct:
        direct.execute(f"CREATE TABLE {table} (value int)")
        direct.execute(f"INSERT INTO {table} VALUES (5)")
        assert analyst.execute(query, prepare=True).fetchall() == [(5,)]
        direct.execute(f"DROP TABLE {table}")
        direct.execute(f"CREATE VIEW {table} AS SELECT '{CANARY}'::text AS value")
    try:
        with pytest.raises(psycopg.Error) as changed:
            analyst.execute(query, prepare=True)
        assert CANARY not in str(changed.value)
        for prepare in (False, True):
            row = analyst.execute(query + " ", prepare=prepare).fetchone()
            assert row is not None
            assert CANARY not in str(row[0])
    finally:
        with proxy.databases.direct() as direct:
            direct.execute(f"DROP VIEW {table}")


def test_a_column_without_a_telling_name_is_found_by_its_values(
    proxy: Proxy, analyst: psycopg.Connection, table: str
) -> None:
    with proxy.databases.direct() as direct:
        direct.execute(f"CREATE TABLE {table} (id int, c1 text)")
        # Dashed SSNs: too weak a shape for one value, strong enough for a column.
        values = "format('%s-%s-%s', 100 + g * 3, 10 + g % 89, 1000 + g * 37 % 8999)"
        direct.execute(f"INSERT INTO {table} SELECT g, {values} FROM generate_series(1, 200) g")
        direct.execute(f"ANALYZE {table}")
    asked = f"SELECT c1 FROM {table} WHERE id = 1".encode()
    until(lambda: analyst.execute(asked).fetchone() != ("103-11-1037",), "the column is found by its values")


@pytest.mark.parametrize("transaction", [False, True], ids=["at once", "in a transaction"])
@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "prepared"])
def test_a_view_redefined_through_the_proxy_is_judged_anew_by_everybody(
    start_proxy: Callable[..., Proxy], transaction: bool, prepare: bool
) -> None:
    """No verdict from before outlives the commit, in this worker or another."""
    proxy = start_proxy(workers=2)
    with proxy.connect("dora@shop.example", ("dba",)) as dba:
        dba.execute("CREATE TABLE persons (id int, color text, email text)")
        dba.execute(f"INSERT INTO persons VALUES (1, 'green', '{CANARY}')")
        dba.execute("CREATE VIEW shown AS SELECT id, color AS x FROM persons")
        sessions = [proxy.connect(*ANALYST) for _ in range(8)]
        try:
            for session in sessions * 3:
                assert session.execute("SELECT x FROM shown", prepare=prepare).fetchone() == ("green",)
            if transaction:
                dba.execute("BEGIN")
            dba.execute("CREATE OR REPLACE VIEW shown AS SELECT id, email AS x FROM persons")
            if transaction:
                dba.execute("COMMIT")
            proxy.settle()  # the other worker hears of it over the control process
            for session in sessions * 2:
                row = session.execute("SELECT x FROM shown", prepare=prepare).fetchone()
                assert row is not None
                assert CANARY not in row
        finally:
            for session in sessions:
                session.close()
            dba.execute("DROP VIEW shown")
            dba.execute("DROP TABLE persons")


def test_who_waits_for_a_transaction_that_redefines_a_view_gets_what_it_leaves_behind_in_every_worker(
    start_proxy: Callable[..., Proxy],
) -> None:
    proxy = start_proxy(workers=2)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM awaited%'"
    with (
        proxy.connect("dora@shop.example", ("dba",)) as dba,
        proxy.databases.direct() as direct,
        ThreadPoolExecutor(max_workers=64) as pool,
        ExitStack() as stack,
    ):
        dba.execute("CREATE TABLE persons (id int, color text, last_name text)")
        stack.callback(dba.execute, "DROP TABLE persons CASCADE")
        dba.execute("INSERT INTO persons VALUES (1, 'green', 'Quirinus')")
        dba.execute("CREATE VIEW awaited AS SELECT id, color AS x FROM persons")
        sessions: list[psycopg.Connection] = []
        while len({worker_of(session.info.backend_pid) for session in sessions}) < 2:
            sessions.append(stack.enter_context(proxy.connect(*ANALYST)))
        for session in sessions:
            assert session.execute("SELECT reverse(x) FROM awaited").fetchone() == ("neerg",)
        dba.execute("BEGIN")
        stack.callback(dba.rollback)  # whoever still waits goes on
        dba.execute("DROP VIEW awaited")
        dba.execute("CREATE VIEW awaited AS SELECT id, last_name AS x FROM persons")
        proxy.settle()  # the other worker hears of it over the control process
        asked = [pool.submit(session.execute, "SELECT reverse(x) FROM awaited") for session in sessions]
        until(lambda: direct.execute(waiting).fetchone() == (len(sessions),), "all of them wait")
        dba.execute("COMMIT")
        assert not {answer.result(timeout=30).fetchone() for answer in asked} & {("suniriuQ",), None}


# What is there, the question, and what somebody does around the proxy between two of them.
SECRET = "Quirinus"
CHANGES: dict[str, tuple[str, str, str]] = {
    "a table under another's name": (
        "CREATE TABLE {t} (v text); INSERT INTO {t} VALUES ('blue');"
        "CREATE TABLE {t}_b (v text, full_name text); INSERT INTO {t}_b VALUES ('x', 'Anna Quirinus')",
        "SELECT * FROM {t}",
        "ALTER TABLE {t} RENAME TO {t}_c; ALTER TABLE {t}_b RENAME TO {t}",
    ),
    "a column in another's place": (
        "CREATE TABLE {t} (id int, last_name text); INSERT INTO {t} VALUES (1, 'blue')",
        "SELECT last_name FROM {t}",
        "ALTER TABLE {t} DROP COLUMN last_name; ALTER TABLE {t} ADD COLUMN last_name text DEFAULT 'Quirinus'",
    ),
    "one more column": (
        "CREATE TABLE {t} (id int); INSERT INTO {t} VALUES (1)",
        "SELECT * FROM {t}",
        "ALTER TABLE {t} ADD COLUMN last_name text DEFAULT 'Quirinus'",
    ),
    "another type": (
        "CREATE TABLE {t} (id int, v int); INSERT INTO {t} VALUES (1, 2)",
        "SELECT v FROM {t}",
        "ALTER TABLE {t} ALTER COLUMN v TYPE text USING 'Quirinus@example.com'",
    ),
    "a document where a number was": (
        "CREATE TABLE {t} (id int, v int); INSERT INTO {t} VALUES (1, 2)",
        "SELECT * FROM {t}",
        """ALTER TABLE {t} ALTER COLUMN v TYPE jsonb USING '{{"email": "Quirinus@example.com"}}'""",
    ),
    "another name": (
        "CREATE TABLE {t} (id int, v text); INSERT INTO {t} VALUES (1, 'blue')",
        "SELECT * FROM {t}",
        "ALTER TABLE {t} RENAME COLUMN v TO last_name; UPDATE {t} SET last_name = 'Quirinus'",
    ),
    "another view": (
        "CREATE TABLE {t}_b (v text, last_name text); INSERT INTO {t}_b VALUES ('blue', 'Quirinus');"
        "CREATE VIEW {t} AS SELECT v AS x FROM {t}_b",
        "SELECT x FROM {t}",
        "DROP VIEW {t}; CREATE VIEW {t} AS SELECT last_name AS x FROM {t}_b",
    ),
    "a partition": (
        "CREATE TABLE {t} (id int, last_name text) PARTITION BY LIST (id);"
        "CREATE TABLE {t}_b (junk int, last_name text, id int); ALTER TABLE {t}_b DROP COLUMN junk;"
        "INSERT INTO {t}_b (id, last_name) VALUES (2, 'Quirinus')",
        "SELECT * FROM {t}",
        "ALTER TABLE {t} ATTACH PARTITION {t}_b FOR VALUES IN (2)",
    ),
    "a child": (
        "CREATE TABLE {t} (id int); CREATE TABLE {t}_b (id int, last_name text);"
        "INSERT INTO {t}_b VALUES (2, 'Quirinus')",
        "SELECT * FROM {t}",
        "ALTER TABLE {t} ADD COLUMN last_name text; ALTER TABLE {t}_b INHERIT {t}",
    ),
    "a table made of another": (
        "CREATE TABLE {t}_b (last_name text, email text); CREATE TABLE {t} (id int);"
        "INSERT INTO {t}_b SELECT 'Quirinus', 'Quirinus@example.com' FROM generate_series(1, 5)",
        "SELECT * FROM {t}",
        "DROP TABLE {t}; CREATE TABLE {t} AS SELECT last_name, email AS c2 FROM {t}_b",
    ),
}


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "prepared"])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_what_was_changed_around_the_proxy_is_known_to_the_first_question(
    proxy: Proxy, warm: bool, binary: bool, prepare: bool
) -> None:
    name = f"changed_{next(_NUMBERS)}"
    tables = {change: f"{name}_{number}" for number, change in enumerate(CHANGES)}
    leaks = []
    with proxy.databases.direct() as direct, proxy.connect(*ANALYST) as analyst:
        direct.execute(f"CREATE SCHEMA {name}; GRANT USAGE ON SCHEMA {name} TO PUBLIC".encode())
        direct.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO PUBLIC".encode())
        direct.execute(f"SET search_path = {name}".encode())
        queries = {change: CHANGES[change][1].format(t=f"{name}.{tables[change]}").encode() for change in CHANGES}
        for change, (before, _, _) in CHANGES.items():
            direct.execute(before.format(t=tables[change]).encode())
        for query in [*queries.values()] * 3 if warm else []:
            analyst.execute(query, binary=binary, prepare=prepare).fetchall()
        if warm:
            time.sleep(0.5)  # Until the catalog has been looked at, and what was asked is old.
        for change, (_, _, done) in CHANGES.items():
            direct.execute(done.format(t=tables[change]).encode())
            for _ in range(2):
                try:
                    answer = str(analyst.execute(queries[change], binary=binary, prepare=prepare).fetchall())
                except psycopg.errors.FeatureNotSupported as changed:  # a prepared statement's result has another form
                    answer = str(changed)
                if SECRET in answer:
                    leaks.append(change)
        direct.execute(f"DROP SCHEMA {name} CASCADE".encode())
    assert leaks == []
