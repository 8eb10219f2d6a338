"""COPY … TO STDOUT shows a masked identity exactly what SELECT shows it, in every form that COPY has.

The rows are read back by the plain readers below, which follow the manual's page on COPY, and compared
with the rows of the same query. All bytes are searched for the planted values as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from govproxy.wire.backend import Backend
from tests.security.leak_lab import Lab
from tests.security.test_leaks import DATABASE, lab
from tests.support.raw_session import SYNC, Answer, RawSession, bind, execute, parse, query

__all__ = ["lab"]

Row = list[bytes | None]
TABLES = (
    "people",
    "accounts",
    "holders",
    "t7",
    "made",
    '"Kunden Übersicht"',
    "events_2024",
    "letters",
    "documents",
    "products",
    "orders",
)
QUERIES = (
    "SELECT * FROM people ORDER BY id",
    "SELECT email FROM people",
    "SELECT id, lower(email), notes, profile FROM people",
    "SELECT p, id FROM people p",
    "SELECT * FROM v_people",
    "SELECT * FROM v_nested",
    "SELECT * FROM m_people",
    "SELECT * FROM events",
    "SELECT title, price, tags FROM products ORDER BY id",
    "SELECT country, count(*) FROM people GROUP BY country ORDER BY 1",
    "WITH x AS (SELECT full_name, phone FROM people) SELECT ')' AS bracket, x.* FROM x",
    "SELECT E'a\\tb\\nc\\\\d\"e,f''' AS odd, email, NULL AS nothing, '' AS empty, '\\N' AS looks_null FROM people",
    "SELECT 'write to bob.smith@example.org, or to nobody' AS said, 1 AS n",
    "SELECT f_title(), id FROM people",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT FROM people",
    "SELECT email FROM people WHERE false",
)
OPTIONS = (
    "",
    "(FORMAT csv)",
    "(FORMAT binary)",
    "(FORMAT csv, HEADER, FORCE_QUOTE *)",
    "(FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '\\', NULL 'NULL')",
    "(DELIMITER '|', NULL '')",
    "(DELIMITER '@')",
    "(FORMAT csv, DELIMITER '@', FORCE_QUOTE *)",
    "(FORMAT text, ENCODING 'UTF8', NULL '-')",
    "WITH CSV HEADER",
)


def copied(answer: Answer) -> list[bytes]:
    """The payloads of CopyData."""
    return [m.body for m in answer.messages if m.kind == Backend.COPY_DATA]


def read(payloads: list[bytes], options: str) -> list[Row]:
    """The rows of a COPY that was made with these options."""
    data = b"".join(payloads)
    if "binary" in options:
        return list(_binary(data))
    header = "HEADER" in options
    if "csv" in options.lower():
        escape = ord("\\") if "ESCAPE" in options else None
        delimiter = b";" if "';'" in options else b"@" if "'@'" in options else b","
        quote = ord("'") if "QUOTE ''''" in options else ord('"')
        rows = list(_csv(data, delimiter[0], quote, escape or quote, b"NULL" if "'NULL'" in options else b""))
        return rows[1:] if header else rows
    delimiter = b"|" if "'|'" in options else b"@" if "'@'" in options else b"\t"
    null = b"" if "NULL ''" in options else b"-" if "NULL '-'" in options else b"\\N"
    return [_text(line, delimiter[0], null) for line in data.split(b"\n")[:-1]]


def _text(line: bytes, delimiter: int, null: bytes) -> Row:
    letters = {ord(k): ord(v) for k, v in zip("btnvfr", "\b\t\n\v\f\r", strict=True)}
    row: Row = []
    value, raw, place = bytearray(), bytearray(), 0
    while place <= len(line):
        if place == len(line) or line[place] == delimiter:
            row.append(None if bytes(raw) == null else bytes(value))
            value, raw = bytearray(), bytearray()
        elif line[place] == ord("\\"):
            raw += line[place : place + 2]
            place += 1
            value.append(letters.get(line[place], line[place]))
        else:
            raw.append(line[place])
            value.append(line[place])
        place += 1
    return row


def _csv(data: bytes, delimiter: int, quote: int, escape: int, null: bytes) -> Iterator[Row]:
    row: Row = []
    place = 0
    while place < len(data):
        value = bytearray()
        if quoted := data[place] == quote:
            place += 1
            while data[place] != quote or (escape == quote and data[place + 1 : place + 2] == bytes([quote])):
                if data[place] == escape and data[place + 1] in (quote, escape):
                    place += 1
                value.append(data[place])
                place += 1
            place += 1
        else:
            while data[place] not in (delimiter, ord("\n")):
                value.append(data[place])
                place += 1
        row.append(None if not quoted and bytes(value) == null else bytes(value))
        if data[place] == ord("\n"):
            yield row
            row = []
        place += 1


def _binary(data: bytes) -> Iterator[Row]:
    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    place = 19
    while (count := int.from_bytes(data[place : place + 2], "big", signed=True)) >= 0:
        place += 2
        row: Row = []
        for _ in range(count):
            size = int.from_bytes(data[place : place + 4], "big", signed=True)
            place += 4
            row.append(None if size < 0 else data[place : place + size])
            place += max(size, 0)
        yield row
    assert place == len(data) - 2


def selected(session: RawSession, text: str, *, binary: bool) -> list[Row]:
    """The rows of the same query, asked for in the same format."""
    if not binary:
        return session.query(text).rows
    return session.ask(parse(text) + bind(formats=(1,)) + execute() + SYNC).rows


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("text", QUERIES)
def test_a_query_is_copied_as_it_is_selected(lab: Lab, text: str, options: str) -> None:
    session = lab.session()
    answer = session.query(f"COPY ({text}) TO STDOUT {options}")
    assert not lab.watcher.look([answer])
    expected = selected(session, text, binary="binary" in options)
    assert not answer.errors
    if "FROM people" in text and "SELECT FROM" in text and "binary" not in options:
        assert len(b"".join(copied(answer))) == len(expected) + ("HEADER" in options)
        return
    rows = read(copied(answer), options)
    if "NULL ''" in options:
        rows, expected = [[[v or None for v in row] for row in found] for found in (rows, expected)]
    assert rows == expected


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_copied_as_it_is_selected(lab: Lab, table: str, options: str) -> None:
    session = lab.session()
    answer = session.query(f"COPY {table} TO STDOUT {options}")
    assert not answer.errors
    assert not lab.watcher.look([answer])
    columns = "id, email" if table == "made" else "*"
    expected = selected(session, f"SELECT {columns} FROM ONLY {table}", binary="binary" in options)
    if "NULL ''" in options:
        return  # empty text and NULL are one in this form
    assert read(copied(answer), options) == expected


@pytest.mark.parametrize("options", OPTIONS)
def test_what_is_clean_is_copied_byte_by_byte(lab: Lab, options: str) -> None:
    texts = (
        f"COPY products TO STDOUT {options}",
        f"COPY (SELECT E'a\\t\\n\\\\ \"'' @;|' AS t, p.* FROM products p ORDER BY id) TO STDOUT {options}",
        f"COPY orders (id, status, total) TO STDOUT {options}",
    )
    session = lab.session()
    with lab.direct() as direct:
        for text in texts:
            ours, theirs = session.query(text).messages, direct.query(text).messages
            assert ours == theirs


def test_the_ledger_counts_rows_and_masks(lab: Lab) -> None:
    session = lab.session()
    session.query("COPY people (id, email, country) TO STDOUT (FORMAT csv, HEADER)")
    count = len(session.query("SELECT id FROM people").rows)
    statement = lab.proxy.wait_for_event(lambda e: "COPY people (id, email, country)" in str(e.get("sql")))
    outcome = lab.proxy.wait_for_event(lambda e: e["event"] == "outcome" and e["id"] == statement["id"])
    assert (outcome["rows"], outcome["masked_values"], outcome["status"]) == (count, count, "ok")
    assert outcome["bytes"] > 0
    assert [mask["column"] for mask in statement["masks"]] == ["public.people.email"]


def test_in_the_extended_protocol_and_in_pipelines(lab: Lab) -> None:
    session = lab.session()
    simple = copied(session.query("COPY (SELECT id, email FROM people) TO STDOUT"))
    steps = parse("COPY (SELECT id, email FROM people) TO STDOUT", b"c") + bind(b"p", b"c") + execute(b"p")
    for _ in range(2):
        answer = session.ask(steps + SYNC)
        assert copied(answer) == simple
        session.query("DEALLOCATE ALL")
    pipeline = parse("SELECT 1") + bind() + execute() + steps + parse("SELECT 2") + bind() + execute() + SYNC
    answer = session.ask(pipeline)
    assert (copied(answer), answer.rows) == (simple, [[b"1"], [b"2"]])
    session.query("DEALLOCATE ALL")
    several = session.answers(query("SELECT 1") + query("COPY (SELECT id, email FROM people) TO STDOUT") * 2, 3)
    assert [copied(answer) for answer in several] == [[], simple, simple]


def test_what_fails_fails_as_without_the_proxy(lab: Lab) -> None:
    texts = (
        "COPY no_such_table TO STDOUT",
        "COPY (SELECT nothing FROM products) TO STDOUT",
        "COPY products (nothing) TO STDOUT",
        "COPY v_clean TO STDOUT",
        "COPY events TO STDOUT",
        "COPY (SELECT 1/(id-1) FROM products) TO STDOUT",
        "COPY (DELETE FROM scratch WHERE id = 1) TO STDOUT",
        "COPY products TO STDOUT (DELIMITER 'a')",
        "COPY products TO STDOUT (NULL E'\\n')",
    )
    session = lab.session()
    with lab.direct() as direct:
        for text in texts:
            for block in (False, True):
                script = [text, text] if not block else ["BEGIN", text, text, "SELECT 1", "ROLLBACK"]
                ours, theirs = [[s.query(step) for step in script] for s in (session, direct)]
                assert [(a.kinds, [e["C"] for e in a.errors], a.status) for a in ours] == [
                    (a.kinds, [e["C"] for e in a.errors], a.status) for a in theirs
                ], text
    failing = parse("COPY (SELECT nothing FROM products) TO STDOUT") + bind() + execute() + parse("SELECT 1") + SYNC
    answer = session.ask(failing)
    assert answer.kinds.endswith("EZ")
    assert answer.errors[0]["C"] == "42703"
    assert session.query("SELECT 1").rows == [[b"1"]]


def test_what_cannot_be_read_is_refused(lab: Lab) -> None:
    session = lab.session()
    for text in (
        "SELECT 1; COPY people TO STDOUT",
        "COPY people TO STDOUT (FORMAT csv, DELIMITER ',', FORCE_NULL (email))",
        "COPY people TO STDOUT (FORMAT custom)",
        "COPY people TO STDOUT (ENCODING 'SJIS')",
        "COPY people TO '/tmp/people'",
        "COPY people TO PROGRAM 'cat'",
    ):
        answer = session.query(text)
        assert not copied(answer), text
        assert answer.errors[0]["C"] in ("42501", "0A000"), text
    assert session.query("SELECT 1").rows == [[b"1"]]


def test_a_word_for_null_answers_no_question(lab: Lab) -> None:
    session = lab.session()
    email = str(lab.planted.people[0][2])
    told = [
        copied(session.query(f"COPY (SELECT email FROM people ORDER BY id) TO STDOUT (NULL '{word}')"))
        for word in (email, "qq7zx@example.org")
    ]
    assert told[0] == told[1]


def test_a_driver_copies(lab: Lab) -> None:
    dsn = lab.proxy.dsn("ana@shop.example", ("analysts",), database=DATABASE)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        expected = cursor.execute("SELECT id, email, created_at::text FROM people ORDER BY id").fetchall()
        with cursor.copy("COPY (SELECT id, email, created_at::text FROM people ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "text", "text"])
            assert list(copy.rows()) == expected
        with cursor.copy("COPY (SELECT id, email FROM people ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            assert [row[1] for row in copy.rows()] == [row[1] for row in expected]
