"""Masked values that come back: they find their rows, tell nothing, and are not stored.

Every case runs cold and warm. The tables are such as nobody configured; the policy only chooses
maskers that can be inverted. Real values and masked ones are compared with a direct connection.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.security.arena import PEOPLE
from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy

POLICY = """\
extends: production
rules:
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any, overrides: [any]}
  - {name: cards, on: {tags: [PCI.card]}, see: masked, mask: fpe}
  - {name: phones, on: {tags: [PII.phone]}, see: masked, mask: fpe}
  - {name: births, on: {tags: [PII.birth_date]}, see: masked, mask: shift}
  - {name: emails, on: {tags: [PII.email]}, see: masked, mask: pseudonym}
  - {name: devices, on: {tags: [ONLINE.device_id]}, see: masked, mask: hash}
  - {name: engineers-compare-nothing, who: {groups: [engineering]}, on: {tags: [PCI.card]}, compare: none}
"""
CARDS = ["4111111111111111", "5555555555554444", "4012888888881881", "6011111111111117", "378282246310005"]
PHONES = ["+49 30 901820", "+1 212 555 0142", "+44 20 7946 0018", "+1-503-555-0177", "+33 1 70 18 99 00"]
BIRTHS = [datetime.date(1980, 2, 29), datetime.date(1975, 12, 1), datetime.date(1990, 6, 17), None, None]
MAILS = [f"person{n}@mail.example" for n in range(5)]
ROWS = range(5)
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def proxy(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with databases.direct() as direct:
        # They bring operators called ``=``, and casts to and from text.
        direct.execute("CREATE EXTENSION citext")
        direct.execute("CREATE EXTENSION hstore")
        direct.execute(
            "CREATE TABLE rt_payers (id int PRIMARY KEY, card_number text, phone varchar(24), birth_date date, "
            "email varchar(60), account_phone bigint, device_id uuid, note text)"
        )
        direct.execute("CREATE TABLE rt_refunds (id int PRIMARY KEY, card_number char(20), amount int)")
        direct.execute("CREATE TABLE rt_guesses (id int PRIMARY KEY, value text)")
        direct.execute("CREATE VIEW rt_seen AS SELECT id, card_number AS shown, note FROM rt_payers")
        direct.execute("CREATE VIEW rt_telling AS SELECT id, card_number, current_query() AS said FROM rt_payers")
        for n in ROWS:
            direct.execute(
                "INSERT INTO rt_payers VALUES (%s, %s, %s, %s, %s, %s, gen_random_uuid(), %s)",
                (n, CARDS[n], PHONES[n], BIRTHS[n], MAILS[n], 4930901820 + n, f"note {n}"),
            )
            direct.execute("INSERT INTO rt_refunds VALUES (%s, %s, %s)", (n, CARDS[n], n))
            direct.execute("INSERT INTO rt_guesses VALUES (%s, %s)", (n, CARDS[n]))
        direct.execute("ANALYZE")
    running = proxies.start(databases, tmp_path_factory.mktemp("roundtrip"), policy=POLICY)
    yield running
    running.stop()
    with databases.direct() as direct:
        direct.execute("DROP TABLE rt_payers, rt_refunds, rt_guesses CASCADE")
        direct.execute("DROP EXTENSION citext, hstore")


@pytest.fixture
def analyst(proxy: Proxy) -> Iterator[Connection]:
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        yield connection


@pytest.fixture
def shown(analyst: Connection) -> list[tuple[Any, ...]]:
    """id, card, phone, birth, email, account phone, device as the analyst sees them."""
    rows = analyst.execute(
        "SELECT id, card_number, phone, birth_date, email, account_phone, device_id FROM rt_payers ORDER BY id"
    ).fetchall()
    for n, row in enumerate(rows):
        assert not {CARDS[n], PHONES[n], MAILS[n], 4930901820 + n} & set(row)
        assert len(row[1]) == len(CARDS[n])
    return rows


def ids(connection: Connection, sql: str, parameters: Any = None, **how: Any) -> list[int]:
    """The ids found; asked twice, since the second time the verdict is known."""
    first = connection.execute(sql.encode(), parameters, **how).fetchall()
    again = connection.execute(sql.encode(), parameters, **how).fetchall()
    assert first == again
    return sorted(row[0] for row in first)


def stored(proxy: Proxy) -> list[tuple[Any, ...]]:
    """What is really in the table."""
    with proxy.databases.direct() as direct:
        return direct.execute("SELECT * FROM rt_payers ORDER BY id").fetchall()


LITERAL_FORMS = [
    "card_number = '{}'",
    "'{}' = card_number",
    "card_number = '{}'::text",
    "card_number = CAST('{}' AS varchar(30))",
    "card_number = text '{}'",
    "card_number::text = E'{}'",
    "p.card_number = $q${}$q$",
    "card_number IN ('x', '{}')",
    "card_number = ANY ('{{{}}}')",
    "card_number = ANY (ARRAY['x', '{}'])",
    "id >= 0 AND card_number = '{}' AND id < 100",
    "id < 0 OR card_number = '{}'",
    "card_number = '{}' OR id < 0",
    "(card_number = '{}') IS TRUE",
    "NOT (NOT card_number = '{}')",
    "EXISTS (SELECT 1 FROM rt_payers q WHERE q.id = p.id AND q.card_number = '{}')",
    "note <> 'ä€😀' AND card_number = '{}'",
    "/* ' */ card_number = -- =\n '{}'",
]


@pytest.mark.parametrize("form", LITERAL_FORMS)
def test_a_masked_literal_finds_its_row_and_a_real_one_its_own(
    analyst: Connection, shown: list[tuple[Any, ...]], form: str
) -> None:
    for n in ROWS:
        sql = "SELECT p.id FROM rt_payers p WHERE " + form
        assert ids(analyst, sql.format(shown[n][1])) == [n]
        assert ids(analyst, sql.format(CARDS[n])) == [n]
        assert ids(analyst, sql.format("4242424242424242")) == []


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "form",
    [
        "card_number = %s",
        "%s = card_number",
        "card_number = %s::text",
        "card_number IN (%s, 'x')",
        "card_number = ANY (ARRAY[%s])",
        "id < 100 AND card_number = %s AND note <> 'x'",
    ],
)
def test_a_masked_parameter_finds_its_row(
    analyst: Connection, shown: list[tuple[Any, ...]], form: str, binary: bool
) -> None:
    form = form.replace("%s", "%b") if binary else form
    for n in ROWS:
        sql = f"SELECT id FROM rt_payers WHERE {form}"
        assert ids(analyst, sql, (shown[n][1],), prepare=True) == [n]
        assert ids(analyst, sql, (CARDS[n],)) == [n]


def test_a_masked_address_finds_its_row(analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    for n in ROWS:
        masked = shown[n][4]
        assert MAILS[n].split("@")[0] not in masked
        assert ids(analyst, f"SELECT id FROM rt_payers WHERE email = '{masked}'") == [n]
        assert ids(analyst, f"SELECT id FROM rt_payers WHERE email IN ('x', '{masked}')") == [n]
        for how in ("%s", "%b"):
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE email = {how}", (masked,)) == [n]
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE email = {how}", (MAILS[n],)) == [n]
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE email = ANY ({how})", ([masked, "x"],)) == [n]
        # A token of another domain is no mask of anybody's, and nothing is said of why nothing was found.
        assert ids(analyst, "SELECT id FROM rt_payers WHERE email = %s", (masked.replace("@", "@x."),)) == []


def test_parameters_of_every_type_are_translated(analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    for n in ROWS:
        for how in ("%s", "%b"):
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE phone = {how}", (shown[n][2],)) == [n]
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE account_phone = {how}", (shown[n][5],)) == [n]
            assert ids(analyst, f"SELECT id FROM rt_payers WHERE account_phone = {how}", (4930901820 + n,)) == [n]
            if shown[n][3] is not None:
                assert n in ids(analyst, f"SELECT id FROM rt_payers WHERE birth_date = {how}", (shown[n][3],))
        assert ids(analyst, f"SELECT id FROM rt_payers WHERE account_phone = {shown[n][5]}") == [n]
        assert ids(analyst, "SELECT id FROM rt_payers WHERE card_number = ANY (%b)", ([shown[n][1], "x"],)) == [n]
        assert ids(analyst, "SELECT id FROM rt_payers WHERE card_number = ANY (%s)", ([shown[n][1], "x"],)) == [n]
        assert ids(analyst, "SELECT id FROM rt_payers WHERE card_number = %s", (None,)) == []
        # Padded to its length, as char(n) is shown.
        assert ids(analyst, "SELECT id FROM rt_refunds WHERE card_number = %s", (shown[n][1].ljust(20),)) == [n]
        assert ids(analyst, "SELECT id FROM rt_seen WHERE shown = %s", (shown[n][1],)) == [n]


def test_asyncpg_prepares_and_pipelines(proxy: Proxy, shown: list[tuple[Any, ...]]) -> None:
    async def ask() -> None:
        user, groups, agent = PEOPLE["analyst"]
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=proxy.port,
            user=user,
            password=proxy.token(user, groups, agent),
            database="app",
            ssl=False,
        )
        try:
            prepared = await connection.prepare(
                "SELECT id, card_number FROM rt_payers WHERE card_number = $1 AND account_phone = $2 AND id < $3"
            )
            assert [kind.name for kind in prepared.get_parameters()] == ["text", "int8", "int4"]
            for n in ROWS:
                rows = await prepared.fetch(shown[n][1], shown[n][5], 100)
                assert [tuple(row) for row in rows] == [(n, shown[n][1])]
                rows = await prepared.fetch(CARDS[n], 4930901820 + n, 100)
                assert [row["id"] for row in rows] == [n]
                found = await connection.fetch("SELECT id FROM rt_payers WHERE card_number = ANY($1)", [shown[n][1]])
                assert [row["id"] for row in found] == [n]
            with pytest.raises(asyncpg.PostgresError):
                await connection.fetch("SELECT id FROM rt_payers WHERE card_number = $1 ORDER BY 99", "x")
        finally:
            await connection.close()

    asyncio.run(ask())


def test_the_ledger_says_that_a_value_was_translated_and_not_which(
    proxy: Proxy, analyst: Connection, shown: list[tuple[Any, ...]]
) -> None:
    marker = "SELECT id, 'marked' FROM rt_payers WHERE card_number = '{}' AND account_phone = 1"
    analyst.execute(marker.format(shown[0][1]).encode())
    event = proxy.wait_for_event(lambda e: "account_phone = ?" in str(e.get("sql")) and e.get("translated") is not None)
    assert event["translated"] == 1
    assert not [value for value in (CARDS[0], shown[0][1]) if value in str(event)]


def test_places_in_errors_are_those_of_the_clients_text(analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    sql = f"SELECT id FROM rt_payers WHERE note <> 'ä' AND card_number = '{shown[0][1]}' ORDER BY 99"
    for prepare in (False, True):
        with pytest.raises(psycopg.errors.InvalidColumnReference) as caught:
            analyst.execute(sql.encode(), prepare=prepare)
        assert (
            int(caught.value.diag.statement_position or 0) == sql.rindex("99") + 1
        )  # a pseudonym may hold these digits too


# Each of these would show a real value, if what a comparison was widened with could be read back.
ORACLES = [
    "SELECT '{m}'::text",
    "SELECT '{m}'::text FROM rt_payers WHERE card_number = '{m}'",
    "SELECT value FROM rt_guesses WHERE value = '{m}'",
    "SELECT g.value FROM rt_guesses g, rt_payers p WHERE p.card_number = '{m}' AND g.value = '{m}'",
    "SELECT * FROM (VALUES ('{c}')) v(card_number) WHERE card_number = '{m}'",
    "WITH rt_payers(card_number) AS (VALUES ('{c}')) SELECT * FROM rt_payers WHERE card_number = '{m}'",
    "SELECT current_query() FROM rt_payers WHERE card_number = '{m}'",
    "SELECT pg_catalog.\"current_query\"() FROM rt_payers WHERE card_number = '{m}'",
    "SELECT U&\"curr\\0065nt_query\"() FROM rt_payers WHERE card_number = '{m}'",
    "SELECT said FROM rt_telling WHERE card_number = '{m}'",
    "SELECT query FROM pg_stat_activity, rt_payers p WHERE p.card_number = '{m}'",
    "SELECT (pg_stat_get_activity(pg_backend_pid())).query FROM rt_payers WHERE card_number = '{m}'",
    "EXPLAIN SELECT id FROM rt_payers WHERE card_number = '{m}'",
    "EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM rt_payers WHERE card_number = '{m}'",
    "PREPARE rt_p AS SELECT id FROM rt_payers WHERE card_number = '{m}'",
    "SELECT statement FROM pg_prepared_statements",
    "SELECT (pg_prepared_statement()).statement",
    "DECLARE rt_c CURSOR WITH HOLD FOR SELECT id FROM rt_payers WHERE card_number = '{m}'",
    "SELECT statement FROM pg_cursors",
    "SELECT id FROM rt_payers WHERE card_number LIKE '{m}'",
    "SELECT id FROM rt_payers WHERE card_number > '{m}'",
    "SELECT id FROM rt_payers WHERE card_number || '' = '{m}'",
    "SELECT card_number = '{m}' FROM rt_payers",
    "SELECT card_number FROM rt_payers WHERE card_number = '{m}' UNION SELECT '{m}'",
    "SELECT CASE WHEN card_number = '{m}' THEN '{m}' END FROM rt_payers",
    "SELECT min(card_number) FROM rt_payers WHERE card_number = '{m}'",
    "SELECT id FROM rt_payers WHERE card_number = '{m}' AND 1 / (id - id) = 1",
    "SELECT ('{m}' || id)::int FROM rt_payers WHERE card_number = '{m}'",
    "SELECT id::text::xml, query_to_xml('select 1', true, true, '') FROM rt_payers WHERE card_number = '{m}'",
    "COPY (SELECT id FROM rt_payers WHERE card_number = '{m}') TO STDOUT",
    "INSERT INTO rt_guesses SELECT 100, note FROM rt_payers WHERE card_number = '{m}' RETURNING value",
    "CREATE TEMP TABLE rt_t AS SELECT '{m}' AS t FROM rt_payers WHERE card_number = '{m}'",
]


@pytest.mark.parametrize("attack", ORACLES)
@pytest.mark.parametrize("prepared", [False, True])
def test_no_answer_holds_a_real_value(proxy: Proxy, shown: list[tuple[Any, ...]], attack: str, prepared: bool) -> None:
    masked, real = shown[0][1], CARDS[0]
    attack = attack.format(m=masked, c="0" * 16)
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        notices: list[str] = []
        connection.add_notice_handler(lambda notice: notices.append(str(vars(notice))))
        said = ""
        for statement in (
            attack,
            attack,
            "SELECT statement FROM pg_prepared_statements",
            "SELECT query FROM pg_stat_activity",
        ):
            try:
                if statement.startswith("COPY"):
                    with connection.cursor().copy(statement.encode()) as copied:
                        said += repr(list(copied))
                    continue
                cursor = connection.execute(statement.encode(), prepare=prepared)
                said += repr(cursor.fetchall()) if cursor.description else ""
            except psycopg.Error as error:
                said += repr([getattr(error.diag, name) for name in dir(error.diag) if not name.startswith("_")])
                connection.rollback()
        assert real not in said + repr(notices)
        assert real[6:12] + real[12:] not in said


def test_who_may_not_compare_is_refused_and_nothing_is_translated(proxy: Proxy, shown: list[tuple[Any, ...]]) -> None:
    with proxy.connect(*PEOPLE["engineer"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT id FROM rt_payers WHERE card_number = %s", (shown[0][1],))


def test_who_sees_clear_compares_clear(proxy: Proxy, shown: list[tuple[Any, ...]]) -> None:
    with proxy.connect(*PEOPLE["dba"]) as connection:
        assert ids(connection, f"SELECT id FROM rt_payers WHERE card_number = '{shown[0][1]}'") == []
        assert ids(connection, "SELECT id FROM rt_payers WHERE card_number = %s", (CARDS[0],)) == [0]


def test_writes_are_not_widened(proxy: Proxy, analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    # Where masked and real values share one space, an UPDATE must not meet a row by chance.
    assert (
        analyst.execute(f"UPDATE rt_payers SET note = 'x' WHERE card_number = '{shown[0][1]}'".encode()).rowcount == 0
    )
    assert analyst.execute("DELETE FROM rt_payers WHERE card_number = %s", (shown[0][1],)).rowcount == 0


WRITES = [
    ("UPDATE rt_payers SET email = {} WHERE id = 0", "email"),
    ("UPDATE rt_payers SET note = 'new', email = {} WHERE id = 0", "email"),
    ("UPDATE rt_payers SET (note, email) = ('new', {}) WHERE id = 0", "email"),
    ("UPDATE rt_payers SET email = lower({}) WHERE id = 0", "email"),
    ("UPDATE rt_payers SET email = CASE WHEN id = 0 THEN {} END WHERE id = 0", "email"),
    ("UPDATE rt_payers SET email = v.e FROM (VALUES (0, {})) v(i, e) WHERE id = v.i", "email"),
    ("INSERT INTO rt_payers (id, email) VALUES (900, {})", "email"),
    ("INSERT INTO rt_payers (id, email) SELECT 900, {}", "email"),
    ("INSERT INTO rt_payers (id, email) VALUES (900, NULL), (901, {})", "email"),
    ("INSERT INTO rt_payers (id) VALUES (0) ON CONFLICT (id) DO UPDATE SET email = {}", "email"),
    ("WITH w AS (UPDATE rt_payers SET email = {} WHERE id = 0 RETURNING id) SELECT * FROM w", "email"),
]


def run(connection: Connection, write: str, value: str, how: str) -> None:
    """One of the writes with ``value`` in it: as a literal, or as a parameter in text or binary."""
    if how == "literal":
        connection.execute(write.format(f"'{value}'::varchar").encode())
        return
    marker = "%b::varchar" if how == "binary" else "%s::varchar"
    connection.execute(write.format(marker).encode(), (value,), prepare=how == "prepared")


@pytest.mark.parametrize(("write", "column"), WRITES)
@pytest.mark.parametrize("how", ["literal", "text", "binary", "prepared"])
def test_a_masked_value_is_not_written_back(
    proxy: Proxy, shown: list[tuple[Any, ...]], write: str, column: str, how: str
) -> None:
    masked = shown[0][4]
    before = stored(proxy)
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        for _ in range(2):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                run(connection, write, masked, how)
            assert f"rt_payers.{column}" in str(caught.value)
            assert caught.value.diag.message_hint
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with connection.transaction(force_rollback=True):
            # A real value passes, by the same text and the same verdict.
            run(connection, write, "someone.else@mail.example", how)
    assert stored(proxy) == before
    event = proxy.wait_for_event(lambda e: e.get("decision") == "deny" and "masked-write" in e.get("rules", ()))
    assert masked not in str(event)


def test_every_recognisable_mask_is_refused(proxy: Proxy, analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    for binary in ("%s", "%b"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute(f"UPDATE rt_payers SET device_id = {binary} WHERE id = 0".encode(), (shown[0][6],))
        other = uuid.UUID("0d0a2a2c-1a2b-4c3d-8e9f-000000000001")
        analyst.execute(f"UPDATE rt_payers SET device_id = {binary} WHERE id = 0".encode(), (other,))
    for value in ("***", "***       "):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute("UPDATE rt_payers SET phone = %s WHERE id = 0", (value,))


def test_looking_up_by_a_masked_value_is_no_write(analyst: Connection, shown: list[tuple[Any, ...]]) -> None:
    assert analyst.execute("UPDATE rt_payers SET note = note WHERE email = %s", (shown[0][4],)).rowcount == 0
    assert analyst.execute(f"DELETE FROM rt_payers WHERE email = '{shown[0][4]}'".encode()).rowcount == 0


# ---------------------------------------------------------------------- masked values in COPY FROM

COPIES = [
    ("COPY rt_payers (id, email) FROM STDIN", "text"),
    ("COPY rt_payers (email, id) FROM STDIN WITH (FORMAT csv, HEADER true, NULL 'none')", "csv"),
    ("COPY public.rt_payers (id, email, device_id) FROM STDIN (FORMAT binary, FREEZE false)", "binary"),
    ("COPY rt_payers FROM STDIN", "text"),
]


def copied(connection: Connection, statement: str, form: str, values: list[tuple[int, str | None, Any]]) -> None:
    """Copies rows of id, e-mail and device in as the statement wants them."""
    with connection.cursor().copy(statement.encode()) as copy:
        if form == "binary":
            copy.set_types(["int4", "varchar", "uuid"])
            for row in values:
                copy.write_row(row)
            return
        if form == "csv":
            text = "email,id\r\n" + "".join(f'"{email or "none"}",{n}\r\n' for n, email, _ in values)
        elif "(" in statement:
            text = "".join(f"{n}\t{email or chr(92) + 'N'}\n" for n, email, _ in values)
        else:
            text = "".join(f"{n}\t\\N\t\\N\t\\N\t{email or chr(92) + 'N'}\t\\N\t\\N\tx\n" for n, email, _ in values)
        # Cut anywhere, as a driver's buffer would.
        for start in range(0, len(text), 7):
            copy.write(text[start : start + 7])


@pytest.mark.parametrize(("statement", "form"), COPIES)
def test_a_masked_value_is_not_copied_back(
    proxy: Proxy, shown: list[tuple[Any, ...]], statement: str, form: str
) -> None:
    masked = shown[0][4]
    before = stored(proxy)
    other = uuid.UUID("0d0a2a2c-1a2b-4c3d-8e9f-000000000001")
    good: list[tuple[int, str | None, Any]] = [(900 + n, f"real{n}@mail.example", other) for n in range(300)]
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        for _ in range(2):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                copied(connection, statement, form, [*good, (1200, masked, None), (1201, None, None), *good])
            assert "rt_payers.email" in str(caught.value)
            assert caught.value.diag.message_hint
            connection.rollback()
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stored(proxy) == before
        with connection.transaction(force_rollback=True):
            # Real values pass, by the same verdict.
            copied(connection, statement, form, [*good, (1201, None, None)])
            found = connection.execute("SELECT count(*) FROM rt_payers WHERE id >= 900").fetchone()
            assert found == (301,)
    assert stored(proxy) == before
    event = proxy.wait_for_event(lambda e: e.get("event") == "outcome" and e.get("sqlstate") == "42501")
    assert masked not in str(event)


def test_a_masked_uuid_is_not_copied_back(proxy: Proxy, shown: list[tuple[Any, ...]]) -> None:
    before = stored(proxy)
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="device_id"):
            copied(connection, *COPIES[2], [(900, "real@mail.example", None), (901, None, shown[0][6])])
        connection.rollback()
        # A refused COPY leaves the session in step, also where more of it is on its way.
        assert connection.execute("SELECT id FROM rt_payers ORDER BY id").fetchall() == [(n,) for n in ROWS]
    assert stored(proxy) == before


def test_asyncpg_hears_why_its_copy_was_refused(proxy: Proxy, shown: list[tuple[Any, ...]]) -> None:
    user, groups = PEOPLE["analyst"][:2]

    async def run() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=proxy.port,
            user=user,
            password=proxy.token(user, groups),
            database="app",
            ssl=False,
        )
        records = [(900 + n, f"real{n}@mail.example") for n in range(5000)]
        with pytest.raises(asyncpg.exceptions.InsufficientPrivilegeError):
            await connection.copy_records_to_table(
                "rt_payers", records=[*records, (899, shown[1][4]), *records], columns=["id", "email"]
            )
        assert await connection.fetchval("SELECT count(*) FROM rt_payers") == len(ROWS)
        await connection.close()

    before = stored(proxy)
    asyncio.run(run())
    assert stored(proxy) == before


def test_rows_that_cannot_be_read_are_not_copied_into_watched_columns(proxy: Proxy) -> None:
    with proxy.connect(*PEOPLE["analyst"]) as connection:
        for statement in (
            "COPY rt_payers (id, email) FROM STDIN (ENCODING 'SJIS')",
            "COPY rt_payers (id, email) FROM STDIN; COPY rt_payers (email, id) FROM STDIN",
        ):
            with pytest.raises(psycopg.Error):
                copied(connection, statement, "text", [(900, "real@mail.example", None)])
            connection.rollback()
        with connection.transaction(force_rollback=True):
            # Nothing is watched here.
            copied(connection, "COPY rt_payers (id, note) FROM STDIN (ENCODING 'LATIN1')", "text", [(900, "***", None)])
