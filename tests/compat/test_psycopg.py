"""psycopg 3 through the proxy: text and binary, pipelines, cursors, COPY, transactions."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import tuple_row

from tests.support.proxy import Proxy
from tests.support.waiting import canceled_when, runs

ANALYST = ("ana@shop.example", ("analysts",))
DBA = ("dora@shop.example", ("dba",))


@pytest.fixture
def analyst(proxy: Proxy) -> Iterator[psycopg.Connection]:
    with proxy.connect(*ANALYST, database="shop") as connection:
        yield connection


@pytest.fixture
def dba(proxy: Proxy) -> Iterator[psycopg.Connection]:
    with proxy.connect(*DBA, database="shop") as connection:
        yield connection


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_plain_columns_come_as_they_are(analyst: psycopg.Connection, proxy: Proxy, binary: bool) -> None:
    query = "SELECT id, country, newsletter, created_at FROM customers ORDER BY id LIMIT 20"
    with proxy.databases.direct("shop") as direct:
        expected = direct.execute(query).fetchall()
    assert analyst.execute(query, binary=binary).fetchall() == expected


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("prepare", [False, True], ids=["once", "prepared"])
def test_masked_columns_keep_their_types(
    analyst: psycopg.Connection, proxy: Proxy, binary: bool, prepare: bool
) -> None:
    query = "SELECT first_name, last_name, email, phone, birth_date, ssn, last_ip FROM customers WHERE id = %s"
    for customer in (1, 2, 3, 1):
        with proxy.databases.direct("shop") as direct:
            clear = direct.execute(query, (customer,)).fetchone()
        masked = analyst.execute(query, (customer,), binary=binary, prepare=prepare).fetchone()
        assert clear is not None
        assert masked is not None
        for ours, theirs in zip(masked, clear, strict=True):
            assert theirs is None or ours != theirs
            assert ours is None or type(ours) is type(theirs)


def test_equal_values_stay_equal_under_a_mask(analyst: psycopg.Connection) -> None:
    one = analyst.execute("SELECT last_name FROM customers WHERE id = 1").fetchone()
    two = analyst.execute("SELECT last_name FROM customers WHERE id = 1", binary=True).fetchone()
    assert one == two


def test_pipeline_with_a_denied_statement(dba: psycopg.Connection, analyst: psycopg.Connection) -> None:
    cursors: list[psycopg.Cursor] = []
    with pytest.raises(errors.InsufficientPrivilege), analyst.pipeline():
        cursors.extend(analyst.execute(query) for query in ("SELECT 1", "DROP TABLE orders", "SELECT 2"))
    assert cursors[0].fetchone() == (1,)
    assert analyst.execute("SELECT 3").fetchone() == (3,)
    assert dba.execute("SELECT count(*) > 0 FROM orders").fetchone() == (True,)


def test_pipeline_of_hundred(analyst: psycopg.Connection) -> None:
    with analyst.pipeline():
        cursors = [
            analyst.execute("SELECT %s::int, country FROM customers WHERE id = %s", (n, n)) for n in range(1, 101)
        ]
    assert [cursor.fetchone()[0] for cursor in cursors] == list(range(1, 101))


def test_server_side_cursor_is_masked(proxy: Proxy) -> None:
    with (
        psycopg.connect(proxy.dsn(*ANALYST, database="shop")) as connection,
        proxy.databases.direct("shop") as direct,
        connection.cursor("c") as cursor,
    ):
        cursor.itersize = 7
        clear = {row[0] for row in direct.execute("SELECT email FROM customers")}
        rows = cursor.execute("SELECT id, email FROM customers").fetchmany(50)
        assert len(rows) == 50
        assert not {email for _, email in rows} & clear


def test_transaction_is_aborted_by_a_denial_and_goes_on_after_rollback(analyst: psycopg.Connection) -> None:
    def read_then_delete() -> None:
        with analyst.transaction():
            analyst.execute("SELECT 1")
            analyst.execute("DELETE FROM orders")

    with pytest.raises(errors.InsufficientPrivilege) as denied:
        read_then_delete()
    assert denied.value.diag.message_hint
    assert "request_id=" in (denied.value.diag.message_detail or "")
    analyst.execute("BEGIN")
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute("DROP TABLE orders")
    with pytest.raises(errors.InFailedSqlTransaction):
        analyst.execute("SELECT 1")
    analyst.execute("ROLLBACK")
    assert analyst.execute("SELECT 1").fetchone() == (1,)


def test_savepoints(analyst: psycopg.Connection) -> None:
    with analyst.transaction():
        analyst.execute("SELECT 1")
        with pytest.raises(errors.InsufficientPrivilege), analyst.transaction():
            analyst.execute("TRUNCATE orders")
        assert analyst.execute("SELECT 2").fetchone() == (2,)


def test_copy_in_and_out_as_dba(dba: psycopg.Connection) -> None:
    dba.execute("CREATE TABLE copied (id int, note text)")
    try:
        with dba.cursor().copy("COPY copied FROM STDIN") as copy:
            for number in range(5_000):
                copy.write_row((number, f"line {number}"))
        with dba.cursor().copy("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT") as copy:
            assert sum(1 for _ in copy.rows()) == 5_000
        with pytest.raises(errors.InvalidTextRepresentation), dba.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write(b"not a number\n")
        assert dba.execute("SELECT count(*) FROM copied").fetchone() == (5_000,)
    finally:
        dba.execute("DROP TABLE copied")


def test_copy_out_is_masked_as_select_is(analyst: psycopg.Connection) -> None:
    expected = analyst.execute("SELECT id, email, country FROM customers ORDER BY id").fetchall()
    for form in ("text", "binary"):
        text = f"COPY (SELECT id, email, country FROM customers ORDER BY id) TO STDOUT (FORMAT {form})"
        with analyst.cursor().copy(text.encode()) as copy:
            copy.set_types(["int8" if form == "binary" else "int4", "text", "text"])
            assert [row[1:] for row in copy.rows()] == [row[1:] for row in expected]
    assert analyst.execute("SELECT 1").fetchone() == (1,)


def test_notices_and_errors_of_the_database_reach_the_client(dba: psycopg.Connection) -> None:
    heard: list[str] = []
    dba.add_notice_handler(lambda diag: heard.append(diag.message_primary or ""))
    dba.execute("DROP TABLE IF EXISTS never_there")
    assert heard == ['table "never_there" does not exist, skipping']
    with pytest.raises(errors.DivisionByZero):
        dba.execute("SELECT 1/0")
    with pytest.raises(errors.UndefinedTable, match="no_such_table"):
        dba.execute("SELECT * FROM no_such_table")


def test_an_error_text_with_a_value_is_withheld(analyst: psycopg.Connection, proxy: Proxy) -> None:
    with proxy.databases.direct("shop") as direct:
        row = direct.execute("SELECT email FROM customers WHERE id = 1").fetchone()
    assert row is not None
    # Refused beforehand as the question that it asks, or withheld afterwards.
    with pytest.raises((errors.InvalidTextRepresentation, errors.InsufficientPrivilege)) as failed:
        analyst.execute("SELECT email::int FROM customers WHERE id = 1")
    assert row[0] not in str(failed.value)


def test_large_results_arrive_whole(analyst: psycopg.Connection, proxy: Proxy) -> None:
    query = "SELECT g, repeat('x', 100 + g % 50) FROM generate_series(1, 30000) g"
    with proxy.databases.direct("shop") as direct:
        expected = direct.execute(query).fetchall()
    assert analyst.execute(query).fetchall() == expected


def test_one_large_value(analyst: psycopg.Connection) -> None:
    row = analyst.cursor(row_factory=tuple_row).execute("SELECT repeat('y', 20000000)").fetchone()
    assert row is not None
    assert len(row[0]) == 20_000_000


def test_large_parameters(analyst: psycopg.Connection) -> None:
    text = "z" * 5_000_000
    assert analyst.execute("SELECT length(%s::text)", (text,)).fetchone() == (5_000_000,)


def test_cancel_reaches_the_statement(analyst: psycopg.Connection, proxy: Proxy) -> None:
    text = "SELECT count(*) FROM generate_series(1, 200000000)"
    with (
        proxy.databases.direct() as direct,
        canceled_when(lambda: runs(direct, text), analyst.cancel_safe),
        pytest.raises(errors.QueryCanceled),
    ):
        analyst.execute(text)
    assert analyst.execute("SELECT 1").fetchone() == (1,)


def test_both_identities_are_in_the_ledger(proxy: Proxy) -> None:
    with proxy.connect(*ANALYST, agent="report-bot", database="shop", application_name="compat") as connection:
        connection.execute("SELECT country FROM customers WHERE id = 77")
    event = proxy.wait_for_event(
        lambda e: e["event"] == "statement" and e.get("agent") == "report-bot" and e.get("application") == "compat"
    )
    assert event["user"] == "ana@shop.example"
    outcome = proxy.wait_for_event(lambda e: e["event"] == "outcome" and e["id"] == event["id"])
    assert (outcome["status"], outcome["rows"]) == ("ok", 1)
    assert "77" not in event.get("sql", "")
