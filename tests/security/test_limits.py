"""Limits on a real database: rows and bytes stop, changes are taken back, settings stay imposed.

Each refusal is looked at from three sides: what the client reads, what the database was left with,
and what the ledger says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from govproxy.wire.backend import Backend
from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import (
    FLUSH,
    SYNC,
    Answer,
    RawSession,
    bind,
    describe,
    execute,
    extended,
    message,
    parse,
    query,
)

POLICY = """\
extends: production
rules:
  - {name: readers-read, who: {groups: [readers]}, does: [write, ddl, grant, do, function_message], effect: deny}
  - {name: plain-deletes, who: {groups: [analysts]}, does: [delete, update], effect: allow, overrides: [any]}
  - {name: walled-may-write, who: {groups: [walled]}, does: [write], effect: allow, overrides: [any]}
  - {name: coders-run-code, who: {groups: [coders]}, does: [do, unknown], effect: allow, overrides: [any]}
columns:
  - {name: clear, who: {groups: [clear, coders]}, on: {tags: [any]}, see: clear, compare: any}
limits:
  - name: small-results
    who: {groups: [analysts]}
    rows: 100
    bytes: 20kB
    rows_changed: 10
  - {name: coders-read, who: {groups: [coders]}, transactions: read_only}
  - {name: walled-read, who: {groups: [walled]}, transactions: read_only}
  - name: patience
    who: {groups: [analysts]}
    statement_timeout: 2s
    lock_timeout: 1s
"""
TABLE = "limited_things"
COPY_IN = Backend.COPY_IN_RESPONSE


@pytest.fixture(scope="module")
def limited(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with ExitStack() as stack:
        with databases.direct() as direct:
            direct.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0)")
            direct.execute(
                f"CREATE TABLE {TABLE}_parts (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n integer)"
            )
            direct.execute(f"GRANT ALL ON {TABLE}, {TABLE}_parts TO govproxy_login")
            direct.execute(
                f"CREATE FUNCTION {TABLE}_through() RETURNS integer LANGUAGE plpgsql"
                " SET default_transaction_read_only = off"
                f" AS $$ BEGIN INSERT INTO {TABLE} VALUES (777); RETURN 1; END $$"
            )
        stack.callback(_drop, databases)
        running = proxies.start(databases, tmp_path_factory.mktemp("limited"), policy=POLICY)
        stack.callback(running.stop)
        yield running


def _drop(databases: Databases) -> None:
    with databases.direct() as direct:
        direct.execute(f"DROP TABLE {TABLE}, {TABLE}_parts")
        direct.execute(f"DROP FUNCTION {TABLE}_through")


@pytest.fixture
def filled(limited: Proxy) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A direct connection, and 50 rows."""
    with limited.databases.direct() as direct:
        direct.execute(f"TRUNCATE {TABLE}, {TABLE}_parts")
        direct.execute(f"INSERT INTO {TABLE} SELECT g, 0 FROM generate_series(1, 50) g")
        direct.execute(f"INSERT INTO {TABLE}_parts SELECT g, 0 FROM generate_series(1, 50) g")
        yield direct


@pytest.fixture(params=["masked", "clear"])
def session(limited: Proxy, request: pytest.FixtureRequest) -> Iterator[RawSession]:
    """A session of an identity with limits; once with masks to apply, once without."""
    groups = ("analysts",) if request.param == "masked" else ("analysts", "clear")
    made = RawSession(limited.port, "ana@shop.example", limited.token("ana@shop.example", groups), "app")
    yield made
    made.socket.close()


def _limited(limited: Proxy, answer: Answer, word: str) -> None:
    error = answer.errors[-1]
    assert error["C"] == "53400", error
    assert word in error["M"], error
    request = error["D"].partition("request_id=")[2].split()[0]
    outcome = limited.wait_for_event(lambda e: e.get("event") == "outcome" and e.get("id") == request)
    assert (outcome["status"], outcome["sqlstate"]) == ("limited", "53400")


def _in_step(session: RawSession, status: bytes = b"I") -> None:
    answer = session.ask(query("SELECT 7"))
    assert answer.rows == [[b"7"]], answer
    assert answer.status == status


# ---------------------------------------------------------------------- rows and bytes


@pytest.mark.parametrize("turn", ["cold", "warm"])
def test_rows_stop_at_the_limit(limited: Proxy, session: RawSession, turn: str) -> None:
    for text in ("SELECT generate_series(1, 5000000) AS g", "SELECT g, g FROM generate_series(1, 101) g"):
        answer = session.ask(query(text))
        assert len(answer.rows) == 100
        assert answer.status == b"I"
        _limited(limited, answer, "more than 100 rows (limit small-results)")
        _in_step(session)


def test_the_limit_itself_passes(session: RawSession) -> None:
    answer = session.ask(query("SELECT g FROM generate_series(1, 100) g"))
    assert (len(answer.rows), answer.errors) == (100, [])
    assert session.ask(extended("SELECT g FROM generate_series(1, 100) g") + SYNC).errors == []


def test_bytes_stop_at_the_limit(limited: Proxy, session: RawSession) -> None:
    for whole in (
        query("SELECT repeat('x', 3000) FROM generate_series(1, 100000)"),
        extended("SELECT repeat('x', 3000) FROM generate_series(1, 100000)") + SYNC,
        query("SELECT repeat('x', 200000)"),
    ):
        answer = session.ask(whole)
        assert sum(len(row[0] or b"") for row in answer.rows) < 20 * 1024
        _limited(limited, answer, "more than 20480 bytes")
        _in_step(session)


def test_a_pipeline_is_skipped_to_its_sync(limited: Proxy, session: RawSession) -> None:
    big = extended("SELECT generate_series(1, 3000000) AS g")
    for behind in (extended("SELECT 1"), extended("SELECT 1") * 20):
        answer = session.ask(big + behind + SYNC)
        assert len(answer.rows) == 100
        assert answer.status == b"I"
        _limited(limited, answer, "more than 100 rows")
        _in_step(session)
    first, second = session.answers(big + SYNC + extended("SELECT 5") + SYNC, 2)
    assert first.errors[-1]["C"] == "53400"
    assert second.rows == [[b"5"]]
    first, second = session.answers(query("SELECT generate_series(1, 3000000) AS g") + query("SELECT 5"), 2)
    assert first.errors[-1]["C"] == "53400"
    assert second.rows == [[b"5"]]


def test_in_a_transaction_it_fails_like_any_error(limited: Proxy, session: RawSession) -> None:
    for whole in (
        query("SELECT g FROM generate_series(1, 101) g"),
        extended("SELECT g FROM generate_series(1, 101) g") + SYNC,
    ):
        assert session.ask(query("BEGIN")).status == b"T"
        answer = session.ask(whole)
        _limited(limited, answer, "more than 100 rows")
        assert answer.status == b"E"
        assert session.ask(query("ROLLBACK")).status == b"I"
        _in_step(session)


def test_fetching_in_parts_counts_the_whole(limited: Proxy, session: RawSession) -> None:
    session.ask(query("BEGIN"))
    session.ask(parse("SELECT g FROM generate_series(1, 500) g") + bind(b"p") + describe(b"P", b"p") + SYNC)
    seen = 0
    for _ in range(5):
        answer = session.ask(execute(b"p", 30) + SYNC)
        seen += len(answer.rows)
        if answer.errors:
            break
    assert seen == 100
    _limited(limited, answer, "more than 100 rows")
    session.ask(query("ROLLBACK"))
    _in_step(session)


def test_copy_out_stops(limited: Proxy) -> None:
    with limited.connect("ana@shop.example", ("analysts", "clear")) as connection:
        rows: list[object] = []
        text = b"COPY (SELECT generate_series(1, 1000000) AS g) TO STDOUT"
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded), connection.cursor().copy(text) as copy:
            rows.extend(copy.rows())
        assert len(rows) <= 100
        assert connection.execute("SELECT 7").fetchone() == (7,)


# ---------------------------------------------------------------------- rows changed

TOO_MUCH = (
    f"UPDATE {TABLE} SET n = 1 WHERE id > 0",
    f"DELETE FROM {TABLE} WHERE id > 0",
    f"DELETE FROM {TABLE} WHERE id > 0 RETURNING id",
    f"INSERT INTO {TABLE} SELECT g, 2 FROM generate_series(1000, 1100) g",
    f"INSERT INTO {TABLE} SELECT g, 2 FROM generate_series(1, 11) g ON CONFLICT (id) DO UPDATE SET n = 5",
    f"MERGE INTO {TABLE} t USING generate_series(1, 30) g ON t.id = g WHEN MATCHED THEN UPDATE SET n = 9",
)


def _untouched(direct: psycopg.Connection[tuple[object, ...]]) -> None:
    assert direct.execute(f"SELECT count(*), sum(n) FROM {TABLE}").fetchone() == (50, 0)


@pytest.mark.parametrize("text", TOO_MUCH)
def test_too_large_a_change_is_taken_back(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    session.ask(parse(text, b"s") + SYNC)
    for whole in (
        query(text),
        query(text),
        extended(text) + SYNC,
        bind(b"", b"s") + execute() + SYNC,
        query(text + "; SELECT 1"),
        query("SELECT 1; " + text),
        extended("SELECT 1") + extended(text) + extended("SELECT 2") + SYNC,
        extended("BEGIN") + extended(text) + extended("COMMIT") + SYNC,
        parse(text) + bind() + execute() + FLUSH + SYNC,
    ):
        answer = session.ask(whole)
        _limited(limited, answer, "more than 10 rows")
        assert answer.status in b"IE"
        if answer.status == b"E":
            session.ask(query("ROLLBACK"))
        _in_step(session)
        _untouched(filled)


@pytest.mark.parametrize("text", TOO_MUCH)
def test_in_the_clients_transaction(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    for whole in (query(text), extended(text) + SYNC):
        session.ask(query("BEGIN"))
        session.ask(query(f"UPDATE {TABLE} SET n = 3 WHERE id = 1"))
        answer = session.ask(whole)
        _limited(limited, answer, "more than 10 rows")
        assert answer.status == b"E"
        assert session.ask(query("COMMIT")).messages[0].body == b"ROLLBACK\0"
        _in_step(session)
        _untouched(filled)
        # With a savepoint only that much is lost, as after any error.
        session.ask(query("BEGIN"))
        session.ask(query(f"UPDATE {TABLE} SET n = 3 WHERE id = 1"))
        session.ask(query("SAVEPOINT s"))
        assert session.ask(whole).status == b"E"
        assert session.ask(query("ROLLBACK TO s")).status == b"T"
        assert session.ask(query("COMMIT")).messages[0].body == b"COMMIT\0"
        assert filled.execute(f"SELECT sum(n) FROM {TABLE}").fetchone() == (3,)
        filled.execute(f"UPDATE {TABLE} SET n = 0")


def test_what_is_small_enough_stays(session: RawSession, filled: psycopg.Connection[tuple[object, ...]]) -> None:
    update = f"UPDATE {TABLE} SET n = n + 1 WHERE id <= 10"
    for whole in (
        query(update),
        extended(update) + SYNC,
        query(f"{update}; {update}"),
        extended(update) + extended(update) + SYNC,
        query(update + " RETURNING id"),
    ):
        answer = session.ask(whole)
        assert answer.errors == [], answer
        assert answer.status == b"I"
    assert filled.execute(f"SELECT sum(n) FROM {TABLE}").fetchone() == (70,)
    session.ask(query("BEGIN"))
    assert session.ask(query(update)).status == b"T"
    session.ask(query("ROLLBACK"))
    assert filled.execute(f"SELECT sum(n) FROM {TABLE}").fetchone() == (70,)


def test_one_answer_is_as_from_the_database(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]]
) -> None:
    answer = session.ask(query(f"UPDATE {TABLE} SET n = n WHERE id = 1"))
    assert (answer.kinds, answer.messages[0].body) == ("CZ", b"UPDATE 1\0")
    answer = session.ask(query(f"UPDATE {TABLE} SET n = n WHERE id = 1; SELECT 3; DELETE FROM {TABLE} WHERE id = 2"))
    assert answer.kinds == "CTDCCZ"
    # A constraint that is looked at only when the transaction ends fails in place of the tag.
    answer = session.ask(query(f"UPDATE {TABLE}_parts SET id = 2 WHERE id = 1"))
    assert (answer.kinds, answer.errors[0]["C"]) == ("EZ", "23505")
    assert answer.status == b"I"
    answer = session.ask(query(f"INSERT INTO {TABLE} VALUES (1, 1)"))
    assert (answer.kinds, answer.errors[0]["C"]) == ("EZ", "23505")
    _in_step(session)


@pytest.mark.parametrize(
    "text",
    [
        f"WITH d AS (DELETE FROM {TABLE} WHERE id > 0 RETURNING *) SELECT count(*) FROM d",
        f"WITH d AS (DELETE FROM {TABLE} WHERE id > 0 RETURNING *) INSERT INTO {TABLE} VALUES (999, 1)",
        f"EXPLAIN ANALYZE DELETE FROM {TABLE} WHERE id > 0",
        f"explain (analyze, format json) UPDATE {TABLE} SET n = 1 WHERE id > 0",
        f"BEGIN; DELETE FROM {TABLE} WHERE id > 0; COMMIT",
        f"DELETE FROM {TABLE} WHERE id > 0; COMMIT",
        f"COMMIT; DELETE FROM {TABLE} WHERE id > 0",
    ],
)
def test_what_cannot_be_counted_does_not_run(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    for whole in (query(text), query(text), *([] if ";" in text else [extended(text) + SYNC])):
        answer = session.ask(whole)
        assert answer.errors[-1]["C"] == "42501", answer
        assert "small-results" in answer.errors[-1]["M"]
        _in_step(session)
    _untouched(filled)


def test_execute_of_a_prepared_change(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]]
) -> None:
    assert session.ask(query(f"PREPARE gone AS DELETE FROM {TABLE} WHERE id > $1")).errors == []
    for whole in (query("EXECUTE gone(0)"), extended("EXECUTE gone(0)") + SYNC):
        _limited(limited, session.ask(whole), "more than 10 rows")
        _in_step(session)
        _untouched(filled)
    assert session.ask(query("EXECUTE gone(45)")).messages[0].body == b"DELETE 5\0"


def test_copy_in(limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]]) -> None:
    for rows, fits in ((5, True), (20, False)):
        lines = b"".join(b"%d\t1\n" % (1000 * rows + number) for number in range(rows))
        for begin in (query(f"COPY {TABLE} FROM STDIN"), extended(f"COPY {TABLE} FROM STDIN") + SYNC):
            session.send(begin)
            session.read_until(COPY_IN)
            extended_form = begin[:1] == b"P"
            answer = session.ask(message(b"d", lines) + message(b"c", b"") + (SYNC if extended_form else b""))
            if fits:
                assert answer.errors == []
                filled.execute(f"DELETE FROM {TABLE} WHERE id >= 1000")
            else:
                _limited(limited, answer, "more than 10 rows")
            _in_step(session)
            _untouched(filled)
    session.send(query(f"COPY {TABLE} FROM STDIN"))
    session.read_until(COPY_IN)
    assert session.ask(message(b"f", b"no\0")).errors[0]["C"] == "57014"
    _in_step(session)


def test_returning_fetched_in_parts(
    limited: Proxy, session: RawSession, filled: psycopg.Connection[tuple[object, ...]]
) -> None:
    whole = parse(f"DELETE FROM {TABLE} WHERE id > 0 RETURNING id") + bind(b"p") + execute(b"p", 3) + SYNC
    answer = session.ask(whole)
    _limited(limited, answer, "fetched in parts")
    _in_step(session)
    _untouched(filled)


def test_a_driver(limited: Proxy, filled: psycopg.Connection[tuple[object, ...]]) -> None:
    one, many = f"UPDATE {TABLE} SET n = 1 WHERE id = 1", f"DELETE FROM {TABLE} WHERE id > %s"
    with limited.connect("ana@shop.example", ("analysts",)) as connection:
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="more than 10 rows"):
            connection.execute(many, [0])
        for around in (connection.transaction, connection.pipeline):
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded), around():
                _all(connection, (one, None), (many, [0]), (one, None))
        assert connection.execute("SELECT 7").fetchone() == (7,)
    _untouched(filled)


def _all(connection: psycopg.Connection[tuple[object, ...]], *statements: tuple[str, list[int] | None]) -> None:
    for text, values in statements:
        connection.execute(text.encode(), values)


# ---------------------------------------------------------------------- timeouts


@pytest.mark.parametrize(
    "text",
    [
        "SET statement_timeout = 0",
        "SET statement_timeout = '0.4ms'",
        "SET statement_timeout TO '1h'",
        "SET LOCAL statement_timeout = 2001",
        "SET SESSION lock_timeout = '2s'",
        "set \"statement_timeout\" = '0x7fffffff'",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT * FROM set_config('STATEMENT_TIMEOUT', '0', false)",
        "VALUES (set_config('statement_timeout', '0', false))",
        "SELECT 1 ORDER BY set_config('statement_timeout', '0', false)",
        "SELECT set_config('statement_' || 'timeout', '0', false)",
        "UPDATE pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
        "UPDATE pg_catalog.pg_settings SET setting = '0' WHERE name = 'statement_timeout'",
    ],
)
def test_a_timeout_is_not_raised(session: RawSession, text: str) -> None:
    answer = session.ask(query(text))
    assert answer.errors[-1]["C"] == "42501", answer
    assert session.ask(query("SHOW statement_timeout")).rows == [[b"2s"]]


def test_a_timeout_may_be_lowered_and_reset(session: RawSession) -> None:
    for text in ("SET statement_timeout = 500", "SELECT set_config('statement_timeout', '500ms', false)"):
        assert session.ask(query(text)).errors == []
        assert session.ask(query("SHOW statement_timeout")).rows == [[b"500ms"]]
        for reset in ("RESET statement_timeout", "SET statement_timeout TO DEFAULT", "RESET ALL"):
            assert session.ask(query(reset)).errors == []
            assert session.ask(query("SHOW statement_timeout")).rows == [[b"2s"]]


def test_a_timeout_in_the_startup_packet(limited: Proxy) -> None:
    for options, shown in (
        ("-c statement_timeout=0", "2s"),
        ("-c statement_timeout=1h -c lock_timeout=10", "2s"),
        ("-c statement_timeout=700", "700ms"),
    ):
        with limited.connect("ana@shop.example", ("analysts",), options=options) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == (shown,)
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT count(*) FROM generate_series(1, 1000000000)")


# ---------------------------------------------------------------------- read-only


@pytest.fixture
def reader(limited: Proxy) -> Iterator[RawSession]:
    made = RawSession(limited.port, "rex@shop.example", limited.token("rex@shop.example", ("readers",)), "app")
    yield made
    made.socket.close()


@pytest.mark.parametrize(
    "text",
    [
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET transaction_read_only TO off",
        "RESET transaction_read_only",
        "SET transaction_read_only TO DEFAULT",
        "BEGIN READ WRITE",
        "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
        "COMMIT; BEGIN READ WRITE",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT * FROM set_config('transaction_read_only', 'off', true)",
        "VALUES (set_config('transaction_read_only', 'off', true))",
        "SELECT CASE WHEN true THEN set_config('transaction_read_only', 'off', true) END",
        "SELECT 1 LIMIT length(set_config('transaction_read_only', 'off', true))",
        "SELECT count(*) FILTER (WHERE set_config('transaction_read_only', 'off', true) = 'x')",
        "SELECT set_config(n, 'off', false) FROM (VALUES ('default_transaction_read_only')) v(n)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "DISCARD ALL",
        "ALTER ROLE govproxy_login SET default_transaction_read_only = off",
        "ALTER DATABASE app SET default_transaction_read_only = off",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET default_transaction_read_only = off AS 'SELECT 1'",
        "DO $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); END $$",
        "DO $$ BEGIN EXECUTE 'SET transaction_read_only = off'; END $$",
        "DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; END $$",
        "SET LOCAL transaction_read_only = off",
        "SET LOCAL default_transaction_read_only TO 'f'",
        "SET SESSION default_transaction_read_only TO false",
        "RESET ROLE",
        "SET ROLE NONE",
        "SET LOCAL ROLE postgres",
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "SELECT set_config('session_authorization', 'postgres', false)",
        "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off",
        "ALTER ROLE ALL SET default_transaction_read_only = off",
        "ALTER USER SESSION_USER RESET ALL",
        "ALTER DATABASE app RESET default_transaction_read_only",
        "ALTER SYSTEM SET default_transaction_read_only = off",
        "COMMIT; SET TRANSACTION READ WRITE",
        "ROLLBACK; START TRANSACTION READ WRITE; SELECT 1",
        "BEGIN; SET LOCAL transaction_read_only = 0",
        "SELECT (SELECT set_config('transaction_read_only', 'off', true))",
        "SELECT EXISTS (SELECT set_config('transaction_read_only', 'off', true))",
        "WITH x AS (SELECT set_config('transaction_read_only', 'off', true)) SELECT * FROM x",
        "WITH x AS MATERIALIZED (SELECT set_config('transaction_read_only', 'off', true)) SELECT 1",
        "SELECT coalesce(NULL, pg_catalog.set_config('transaction_read_only', 'off', true))",
        "SELECT U&'x' UESCAPE '!', set_config(U&'transaction\\005fread_only', 'off', true)",
        "SELECT set_config(chr(116) || 'ransaction_read_only', 'off', true)",
        "PREPARE w AS SELECT set_config('transaction_read_only', 'off', true)",
        "DECLARE w CURSOR FOR SELECT set_config('transaction_read_only', 'off', true)",
        "CREATE TEMP TABLE w (x text DEFAULT set_config('transaction_read_only', 'off', true))",
        "CREATE TEMP VIEW w AS SELECT set_config('transaction_read_only', 'off', true)",
        "CREATE FUNCTION pg_temp.w() RETURNS text LANGUAGE sql AS "
        "$$ SELECT set_config('transaction_read_only', '0', true) $$",
        f"DELETE FROM {TABLE} WHERE id = -1 RETURNING set_config('transaction_read_only', 'off', true)",
        "COPY (SELECT set_config('transaction_read_only', 'off', true)) TO STDOUT",
        "EXPLAIN ANALYZE SELECT set_config('transaction_read_only', 'off', true)",
    ],
)
def test_the_wall_is_not_taken_down(reader: RawSession, text: str) -> None:
    for whole in (query(text), query(text), *([] if ";" in text and "$$" not in text else [extended(text) + SYNC])):
        answer = reader.ask(whole)
        assert answer.errors[-1]["C"] == "42501", answer
        assert reader.ask(query("SHOW default_transaction_read_only")).rows == [[b"on"]]
        assert reader.ask(query("SHOW transaction_read_only")).rows == [[b"on"]]
    reader.ask(query("BEGIN"))
    assert reader.ask(query(text)).errors[-1]["C"] == "42501"
    reader.ask(query("ROLLBACK"))


WAYS_AROUND = (
    ("BEGIN", "COMMIT AND CHAIN"),
    ("BEGIN", "ROLLBACK AND CHAIN"),
    ("BEGIN READ ONLY", "COMMIT AND CHAIN", "COMMIT"),
    ("BEGIN", "SAVEPOINT s", "SET TRANSACTION READ ONLY", "ROLLBACK TO s"),
    ("BEGIN", "SAVEPOINT s", "SET LOCAL transaction_read_only = on", "RELEASE s"),
    ("BEGIN", "SELECT 1 / 0", "SELECT set_config('transaction_read_only', 'off', true)", "ROLLBACK"),
    ("BEGIN", "SAVEPOINT s", "SELECT 1 / 0", "ROLLBACK TO s"),
    ("BEGIN", "RESET ALL"),
    ("RESET ALL",),
    ("BEGIN ISOLATION LEVEL SERIALIZABLE",),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "BEGIN"),
    ("SET default_transaction_isolation = 'repeatable read'", "START TRANSACTION"),
    ("BEGIN", "SET LOCAL default_transaction_read_only = on", "COMMIT"),
)


@pytest.mark.parametrize("form", ["simple", "extended", "at once"])
def test_whoever_may_write_by_rule_stays_behind_the_wall(
    limited: Proxy, filled: psycopg.Connection[tuple[object, ...]], form: str
) -> None:
    """The rules let these write, so it is the database that refuses."""
    insert = f"INSERT INTO {TABLE} VALUES (900, 1)"
    token = limited.token("wally@shop.example", ("walled",))
    with RawSession(limited.port, "wally@shop.example", token, "app") as session:
        for steps in WAYS_AROUND:
            texts = [*steps, insert]
            match form:
                case "simple":
                    answers = [session.ask(query(text)) for text in texts]
                case "extended":
                    answers = [session.ask(extended(text) + SYNC) for text in texts]
                case _:
                    answers = session.answers(b"".join(map(query, texts)), len(texts))
            assert [error["C"] for error in answers[-1].errors] == ["25006"], steps
            session.ask(query("ROLLBACK"))
            assert session.ask(query("SHOW transaction_read_only")).rows == [[b"on"]], steps
        for _ in range(2):
            assert session.ask(query(f"SELECT {TABLE}_through()")).errors
    _untouched(filled)


@pytest.mark.parametrize("setting", ["default_transaction_read_only", "transaction_read_only"])
def test_the_wall_is_not_taken_down_at_the_start(limited: Proxy, setting: str) -> None:
    for groups in (("readers",), ("walled",), ("analysts",)):
        with pytest.raises(psycopg.OperationalError, match=f'"{setting}" may not be chosen by the client'):
            limited.connect("rex@shop.example", groups, options=f"-c {setting}=off")


def test_reading_goes_on_behind_the_wall(reader: RawSession) -> None:
    for text in (
        f"SELECT count(*) FROM {TABLE}",
        "BEGIN",
        "SET TRANSACTION READ ONLY",
        "SELECT 1",
        "COMMIT",
        "BEGIN READ ONLY",
        "ROLLBACK",
        "SET default_transaction_read_only = on",
        "RESET ALL",
        f"EXPLAIN SELECT * FROM {TABLE}",
        f"DECLARE c CURSOR WITH HOLD FOR SELECT id FROM {TABLE}",
        "CLOSE ALL",
    ):
        assert reader.ask(query(text)).errors == [], text
    assert reader.ask(query("SHOW default_transaction_read_only")).rows == [[b"on"]]


def test_code_that_takes_the_wall_down_ends_the_session(limited: Proxy) -> None:
    with limited.connect("cody@shop.example", ("coders",)) as connection:
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
        plain = "PERFORM set_config('default_transaction_read_only', 'off', false);"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="default_transaction_read_only"):
            connection.execute(f"DO $$ BEGIN {plain} END $$")
        # What nobody can read is let run by the rule, and is found out by what the database says.
        hidden = "EXECUTE replace('SET default_transaction_read_only = x', 'x', 'off');"
        with pytest.raises(psycopg.OperationalError, match="read-only transactions were turned off"):
            connection.execute(f"DO $$ BEGIN {hidden} END $$")
        assert connection.closed


def test_whoever_may_write_has_no_wall(session: RawSession) -> None:
    assert session.ask(query("SHOW default_transaction_read_only")).rows == [[b"off"]]
