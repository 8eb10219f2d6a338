"""No planted value comes back by playing with the protocol: names that mean something else, errors in pipelines,
portals that outlive what they were judged by, changes that others make meanwhile.

``SECRET`` and ``CLEAN`` have one shape; each test tries to have the rows of the first by the verdict on the second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.security.leak_lab import ENGINEER, Lab
from tests.security.test_leaks import lab
from tests.support.raw_session import (
    FLUSH,
    READY,
    SYNC,
    Answer,
    RawSession,
    bind,
    close,
    describe,
    execute,
    extended,
    message,
    parse,
    query,
)
from tests.support.waiting import until

__all__ = ["lab"]

SECRET = "SELECT reverse(email) AS title FROM people"
CLEAN = "SELECT upper(title) AS title FROM products"
FAILS = parse("SELECT 1/0", b"z") + bind(b"", b"z") + execute()
LONG = b"a" * 63

# What is sent, packet by packet, and how many ReadyForQuery answer each.
Script = list[tuple[bytes, int]]

SCRIPTS: dict[str, Script] = {
    "a Parse of an existing name fails": [
        (parse(SECRET, b"n") + SYNC, 1),
        (parse(CLEAN, b"n") + SYNC + bind(b"", b"n") + execute() + SYNC, 2),
    ],
    "the same, with the statement described": [
        (parse(SECRET, b"n") + describe(b"S", b"n") + SYNC, 1),
        (parse(CLEAN, b"n") + SYNC + describe(b"S", b"n") + bind(b"", b"n") + execute() + SYNC, 2),
    ],
    "a Parse of the unnamed statement is skipped": [
        (parse(SECRET) + SYNC, 1),
        (FAILS + parse(CLEAN) + SYNC + bind() + execute() + SYNC, 2),
    ],
    "two Parses are skipped": [
        (parse(SECRET) + SYNC, 1),
        (FAILS + parse(CLEAN) + parse(CLEAN) + SYNC + bind() + execute() + SYNC, 2),
    ],
    "a Close and a Parse are skipped": [
        (parse(SECRET, b"n") + SYNC, 1),
        (FAILS + close(b"S", b"n") + parse(CLEAN, b"n") + SYNC + bind(b"", b"n") + execute() + SYNC, 2),
    ],
    "PREPARE, then a Parse of that name": [
        (query(f"PREPARE n AS {SECRET}") + parse(CLEAN, b"n") + SYNC + bind(b"", b"n") + execute() + SYNC, 3),
    ],
    "Parse, then a PREPARE of that name that fails": [
        (parse(SECRET, b"n") + SYNC, 1),
        (query(f"PREPARE n AS {CLEAN}"), 1),
        (query("EXECUTE n"), 1),
    ],
    "PREPARE, DEALLOCATE, Parse": [
        (query(f"PREPARE n AS {CLEAN}"), 1),
        (query("DEALLOCATE n"), 1),
        (parse(SECRET, b"n") + SYNC, 1),
        (query("EXECUTE n"), 1),
    ],
    "a name forgotten by SQL and brought back by an error": [
        (parse(CLEAN, b"n") + SYNC, 1),
        (parse("SELECT 7", b"n") + SYNC + query("DEALLOCATE n") + query(f"PREPARE n AS {SECRET}"), 3),
        (bind(b"", b"n") + execute() + SYNC, 1),
    ],
    "statement names that the server cuts": [
        (parse(CLEAN, LONG) + SYNC, 1),
        (close(b"S", LONG + b"x") + SYNC, 1),
        (parse(SECRET, LONG + b"y") + SYNC, 1),
        (bind(b"", LONG) + execute() + SYNC, 1),
    ],
    "statement names in another encoding": [
        (query("SET client_encoding = 'LATIN1'"), 1),
        (parse(CLEAN, b"\xe9") + SYNC, 1),
        (query(b'DEALLOCATE "\xe9"'), 1),
        (query(b'PREPARE "\xe9" AS ' + SECRET.encode()), 1),
        (bind(b"", b"\xe9") + execute() + SYNC, 1),
    ],
    "a cursor closed in SQL and bound in the protocol": [
        (query("BEGIN"), 1),
        (query(f"DECLARE c CURSOR FOR {CLEAN}"), 1),
        (query("CLOSE c"), 1),
        (parse(SECRET) + bind(b"c") + SYNC, 1),
        (query("FETCH ALL FROM c"), 1),
    ],
    "a portal that a failing DECLARE does not replace": [
        (query("BEGIN"), 1),
        (parse(SECRET) + bind(b"c") + SYNC, 1),
        (query("SAVEPOINT s") + query(f"DECLARE c CURSOR FOR {CLEAN}") + query("ROLLBACK TO s"), 3),
        (query("FETCH ALL FROM c"), 1),
    ],
    "a portal bound, closed and declared": [
        (query("BEGIN"), 1),
        (parse(CLEAN) + bind(b"c") + SYNC, 1),
        (query(f"CLOSE c; DECLARE c CURSOR FOR {SECRET}"), 1),
        (execute(b"c") + SYNC, 1),
    ],
    "a portal that survives to a savepoint": [
        (query("BEGIN"), 1),
        (parse(SECRET) + bind(b"a") + SYNC, 1),
        (query("SAVEPOINT s"), 1),
        (parse("ROLLBACK TO s", b"r") + SYNC, 1),
        (parse(CLEAN) + bind(b"a") + SYNC + bind(b"", b"r") + execute() + SYNC + execute(b"a") + SYNC, 3),
    ],
    "a skipped Close of a portal that survives": [
        (query("BEGIN"), 1),
        (parse(SECRET) + bind(b"a") + SYNC, 1),
        (query("SAVEPOINT s"), 1),
        (parse("ROLLBACK TO s", b"r") + SYNC, 1),
        (
            FAILS
            + close(b"P", b"a")
            + parse(CLEAN)
            + bind(b"a")
            + SYNC
            + bind(b"", b"r")
            + execute()
            + SYNC
            + describe(b"P", b"a")
            + execute(b"a")
            + SYNC,
            3,
        ),
    ],
    "portals that replace each other half read": [
        (query("BEGIN"), 1),
        (parse(CLEAN, b"g") + parse(SECRET, b"b") + SYNC, 1),
        (bind(b"", b"g") + execute(b"", 1) + bind(b"", b"b") + execute(b"", 2) + execute() + SYNC, 1),
    ],
    "portals read in turns": [
        (query("BEGIN"), 1),
        (parse(CLEAN, b"g") + parse(SECRET, b"b") + SYNC, 1),
        (bind(b"x", b"g") + bind(b"y", b"b") + (execute(b"x", 1) + execute(b"y", 1)) * 3 + execute(b"y") + SYNC, 1),
    ],
    "EXECUTE bound before the name is replaced": [
        (query("BEGIN"), 1),
        (query(f"PREPARE n AS {CLEAN}"), 1),
        (parse("EXECUTE n", b"x") + bind(b"p", b"x") + SYNC, 1),
        (query("DEALLOCATE n"), 1),
        (query(f"PREPARE n AS {SECRET}"), 1),
        (execute(b"p") + SYNC, 1),
    ],
    "FETCH bound before the cursor is replaced": [
        (query("BEGIN"), 1),
        (query(f"DECLARE c CURSOR FOR {CLEAN}"), 1),
        (parse("FETCH ALL FROM c", b"x") + bind(b"p", b"x") + SYNC, 1),
        (query("CLOSE c"), 1),
        (query(f"DECLARE c CURSOR FOR {SECRET}"), 1),
        (execute(b"p") + SYNC, 1),
    ],
    "a cursor that code opens": [
        (query("BEGIN"), 1),
        (query(f"DECLARE c CURSOR FOR {CLEAN}"), 1),
        (query("CLOSE c"), 1),
        (extended("SELECT f_open('c')") + SYNC, 1),
        (query("FETCH ALL FROM c"), 1),
    ],
    **{
        f"{text.split(' ')[0]} bound before search_path changes": [
            (query("BEGIN"), 1),
            (parse(text, b"x") + bind(b"p", b"x") + SYNC, 1),
            (query("SET search_path = other"), 1),
            (execute(b"p") + SYNC, 1),
            (query(after), 1),
        ]
        for text, after in (
            ("CREATE TEMP TABLE kept AS SELECT reverse(label) a FROM items", "SELECT a FROM kept"),
            ("DECLARE c CURSOR FOR SELECT reverse(label) a FROM items", "FETCH ALL FROM c"),
            ("PREPARE n AS SELECT reverse(label) a FROM items", "EXECUTE n"),
            ("EXPLAIN ANALYZE SELECT reverse(label) a FROM items", "SELECT 1"),
        )
    },
    "a statement bound after search_path changed in its pipeline": [
        (parse("SELECT reverse(label) FROM items", b"n") + SYNC, 1),
        (extended("SET search_path = other") + bind(b"", b"n") + execute() + SYNC, 1),
    ],
    "FunctionCall": [(message(b"F", (3062).to_bytes(4, "big") + b"\0\0\0\1\0\0\0\1a\0\0"), 1)],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_nothing_planted_comes_back(script: Script, lab: Lab) -> None:
    with lab.connect() as session:
        for packet, count in script:
            assert not lab.watcher.look(session.answers(packet, count))


def test_the_scripts_reach_what_is_secret(lab: Lab) -> None:
    """Directly, most of them show planted values: else there would be nothing to see here."""
    shown = 0
    for script in SCRIPTS.values():
        with lab.direct() as session:
            shown += any(lab.watcher.look(session.answers(packet, count)) for packet, count in script)
    assert shown >= len(SCRIPTS) - 6


@pytest.mark.parametrize("delay_s", [0.0005, 0.001, 0.002, 0.004])
def test_a_verdict_goes_to_no_other_text(delay_s: float, lab: Lab) -> None:
    """What waits for the catalog is dropped by an error before it; its verdict must go with it."""
    code = "DO $$ BEGIN RAISE NOTICE 'it ran'; END $$"
    slow = parse(f"SELECT pg_sleep({delay_s})", b"s") + bind(b"", b"s") + execute()
    with lab.connect() as session:
        packet = slow + FAILS + FLUSH + parse(f"SELECT * FROM unknown_{time.time_ns()}") + SYNC + query(code)
        _, answer = session.answers(packet, 2)
    assert [error["C"] for error in answer.errors] == ["42501"]
    assert "N" not in answer.kinds


@pytest.mark.parametrize(
    "text",
    [
        "SET search_path = other; SELECT id FROM items WHERE label LIKE 'a%'",
        "PREPARE i AS SELECT id FROM items WHERE label LIKE 'a%'; SET search_path = other; EXECUTE i",
        "SET search_path = other; CREATE TEMP TABLE kept AS SELECT reverse(label) FROM items",
    ],
)
def test_names_mean_what_they_mean_when_their_statement_runs(text: str, lab: Lab) -> None:
    with lab.connect() as session:
        assert [error["C"] for error in session.query(text).errors] == ["42501"]


def test_a_describe_that_was_skipped_is_asked_again(lab: Lab) -> None:
    with lab.connect() as session:
        session.ask(parse(CLEAN, b"n") + SYNC)
        session.ask(FAILS + describe(b"S", b"n") + SYNC)
        assert len(session.ask(bind(b"", b"n") + execute() + SYNC).rows) == 40
        _, answer = session.answers(FAILS + describe(b"S", b"n") + SYNC + bind(b"", b"n") + execute() + SYNC, 2)
        assert len(answer.rows) == 40


def test_names_that_the_server_would_read_otherwise_are_refused(lab: Lab) -> None:
    with lab.connect() as session:
        for name in (LONG + b"x", "é".encode()):
            for packet in (parse("SELECT 1", name), bind(name), close(b"S", name), close(b"P", name)):
                assert [error["C"] for error in session.ask(packet + SYNC).errors] == ["53400"]


@pytest.mark.parametrize("size", [100, 65_500, 65_536, 131_060, 1_000_000])
@pytest.mark.parametrize("code", [0, 1], ids=["text", "binary"])
def test_a_strong_shape_at_the_end_of_a_large_value_is_masked(size: int, code: int, lab: Lab) -> None:
    email = str(lab.planted.people[0][2])
    with _direct(lab) as direct:
        direct.execute("DELETE FROM inbox")
        direct.execute("INSERT INTO inbox VALUES (1, repeat('lorem ', %s) || %s || ' ipsum')", (size // 6, email))
    with lab.connect() as session:
        for columns in ("what", "string_agg(what, '')", "array_agg(what)", "to_jsonb(array_agg(i))"):
            packet = parse(f"SELECT {columns} FROM inbox i GROUP BY what") + bind(formats=(code,)) + execute() + SYNC
            answer = session.ask(packet)
            assert len(answer.rows) == 1
            assert not any(email.encode() in (cell or b"") for cell in answer.rows[0])
    with _direct(lab) as direct:
        direct.execute("DELETE FROM inbox")


# ---------------------------------------------------------------------- what others change meanwhile


@pytest.fixture
def changing(lab: Lab) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A direct connection, and tables of its own that are gone afterwards."""
    with _direct(lab) as direct:
        direct.execute("CREATE TABLE moved (id int PRIMARY KEY, a text, email text)")
        direct.execute("INSERT INTO moved SELECT p.id, r.title, p.email FROM people p JOIN products r USING (id)")
        direct.execute("CREATE VIEW shown AS SELECT id, title FROM products")
        direct.execute("ANALYZE moved")
        _seen(lab)
        yield direct
        direct.execute("DROP VIEW IF EXISTS shown; DROP TABLE IF EXISTS moved")


def test_names_exchanged_by_somebody_else(changing: psycopg.Connection[tuple[object, ...]], lab: Lab) -> None:
    """Plain columns follow the server's origin at once; computed ones the catalog, once it has been seen."""
    plain, computed = "SELECT id, a FROM moved", "SELECT reverse(a) FROM moved"
    with lab.connect() as session:
        for name, text in ((b"p", plain), (b"c", computed)):
            session.ask(parse(text, name) + describe(b"S", name) + SYNC)
            assert not lab.watcher.look([session.ask(bind(b"", name) + execute() + SYNC)])
        session.query(f"PREPARE sql_c AS {computed}")
        assert not lab.watcher.look([session.query("EXECUTE sql_c")])
        changing.execute("BEGIN; ALTER TABLE moved RENAME a TO b; ALTER TABLE moved RENAME email TO a; COMMIT")
        assert not lab.watcher.look([session.query(plain), session.query("SELECT * FROM moved")])
        _seen(lab)
        for name in (b"p", b"c"):
            assert not lab.watcher.look([session.ask(bind(b"", name) + execute() + SYNC)])
        assert not lab.watcher.look([session.query("EXECUTE sql_c"), session.query(computed)])


def test_what_is_dropped_and_made_again(changing: psycopg.Connection[tuple[object, ...]], lab: Lab) -> None:
    with lab.connect() as session:
        session.ask(parse("SELECT id, a FROM moved", b"n") + describe(b"S", b"n") + SYNC)
        session.ask(bind(b"", b"n") + execute() + SYNC)
        changing.execute("DROP TABLE moved; CREATE TABLE moved (id int, a text, ssn text)")
        changing.execute("INSERT INTO moved SELECT id, email, ssn FROM people")
        texts = ("SELECT * FROM moved", "SELECT a FROM moved", "SELECT ssn || '' FROM moved", "SELECT moved FROM moved")
        at_once = [session.query(text) for text in texts]
        assert not lab.watcher.look([*at_once, session.ask(bind(b"", b"n") + execute() + SYNC)])


def test_a_view_replaced_by_somebody_who_is_masked_too(
    changing: psycopg.Connection[tuple[object, ...]], lab: Lab
) -> None:
    replaced = "CREATE OR REPLACE VIEW shown AS SELECT id, full_name AS title FROM people"
    texts = ("SELECT title FROM shown", "SELECT upper(title) FROM shown")
    with lab.connect(ENGINEER) as engineer, lab.connect() as analyst:
        for text in texts:
            analyst.query(text)
        in_one = [engineer.query(f"{replaced}; {text}") for text in texts]
        later = [session.query(text) for session in (engineer, analyst) for text in texts]
        inside = _all(engineer, "BEGIN", replaced, *texts, "ROLLBACK", *texts)
        made = "CREATE TABLE copied AS SELECT title FROM shown"
        stored = _all(engineer, "BEGIN", replaced, made, "TABLE copied", "COMMIT", "TABLE copied", "DROP TABLE copied")
        assert not lab.watcher.look([*in_one, *later, *inside, *stored])
        asking = "SELECT id FROM shown WHERE title LIKE 'B%'"
        changed = "CREATE OR REPLACE VIEW shown AS SELECT id, full_name AS title FROM people"
        for answer in (_all(engineer, "BEGIN", changed, asking)[-1], engineer.query(f"ROLLBACK; {changed}; {asking}")):
            assert [error["C"] for error in answer.errors] == ["42501"]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE VIEW asking AS SELECT id, email LIKE 'a%' AS hit FROM people",
        "CREATE MATERIALIZED VIEW asking AS SELECT id, email LIKE 'a%' AS hit FROM people",
        "ALTER TABLE people ADD COLUMN hit boolean GENERATED ALWAYS AS (email LIKE 'a%') STORED",
        "ALTER TABLE people ADD CHECK (email NOT LIKE 'a%')",
        "ALTER TABLE people ALTER email TYPE int USING email::int",
        "ALTER TABLE people ALTER country TYPE text USING reverse(email)",
        "CREATE UNIQUE INDEX ON people ((email LIKE 'a%'))",
        "CREATE INDEX ON people ((1 / strpos(email, 'a')))",
        "CREATE INDEX ON people (id) WHERE email LIKE 'a%'",
        "CREATE POLICY asking ON people USING (email LIKE 'a%')",
        "ALTER TABLE scratch ADD COLUMN w text DEFAULT f_first()",
        "CREATE TABLE asking (w text DEFAULT f_first())",
    ],
)
def test_definitions_ask_nothing_of_masked_columns(text: str, lab: Lab) -> None:
    with lab.connect(ENGINEER) as engineer:
        assert [error["C"] for error in engineer.query(text).errors] == ["42501"]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE VIEW plain AS SELECT id, email, upper(country) AS country FROM people",
        "CREATE INDEX ON people (lower(email))",
        "CREATE UNIQUE INDEX ON people (lower(email))",
        "CREATE INDEX ON people (country) WHERE score > 5",
        "ALTER TABLE products ADD CHECK (stock >= 0)",
        "ALTER TABLE products ADD COLUMN worth numeric GENERATED ALWAYS AS (price * stock) STORED",
        "ALTER TABLE inbox ALTER id TYPE bigint USING id::bigint",
        "ALTER TABLE people ADD COLUMN seen timestamptz DEFAULT now()",
        "CREATE TABLE fresh (id int PRIMARY KEY, at timestamptz DEFAULT now(), what text CHECK (what <> ''))",
    ],
)
def test_ordinary_definitions_pass(text: str, lab: Lab) -> None:
    with lab.connect(ENGINEER) as engineer:
        assert not [error for answer in _all(engineer, "BEGIN", text, "ROLLBACK") for error in answer.errors]


def _all(session: RawSession, *texts: str) -> list[Answer]:
    return [session.query(text) for text in texts]


def _seen(lab: Lab) -> None:
    """The catalog has been looked at from now on: a name that nobody knows is answered behind that."""
    with lab.connect() as session:
        assert session.query(f"SELECT 1 FROM unknown_{time.time_ns()}").errors


def _direct(lab: Lab) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(lab.postgres.dsn("leaks", user=lab.role, password=lab.password), autocommit=True)


def test_a_new_name_takes_no_class_away(lab: Lab) -> None:
    """Whoever may rename a column must not see it by that."""
    with lab.connect(ENGINEER) as engineer:
        assert not engineer.query("ALTER TABLE accounts RENAME passport_no TO c1").errors
        try:
            texts = ("SELECT c1 FROM accounts", "SELECT lower(c1) FROM accounts")
            assert not lab.watcher.look(_all(engineer, *texts))
            _seen(lab)
            assert not lab.watcher.look(_all(engineer, *texts))
        finally:
            engineer.query("ALTER TABLE accounts RENAME c1 TO passport_no")


# What a transaction redefines, and the question that then means another column than it was judged by.
REDEFINED: dict[str, tuple[tuple[str, ...], str]] = {
    "a column": (("ALTER TABLE people RENAME country TO c1", "ALTER TABLE people RENAME email TO country"), "people"),
    "a table that is dropped": (
        (
            "DROP TABLE other.items",
            "ALTER TABLE vault.people RENAME TO items",
            "ALTER TABLE vault.items SET SCHEMA other",
        ),
        "other.items i(id, country, label)",
    ),
    "a schema": (
        ("ALTER SCHEMA other RENAME TO o1", "ALTER SCHEMA vault RENAME TO other"),
        "other.people p(id, country)",
    ),
    "a view": (
        (
            "CREATE VIEW asked AS SELECT id, country FROM people",
            "CREATE OR REPLACE VIEW asked AS SELECT id, email AS country FROM people",
        ),
        "asked",
    ),
    "a new view": (("CREATE VIEW asked AS SELECT id, email AS country FROM people",), "asked"),
    "a view over it": (
        ("CREATE VIEW a1 AS SELECT id, email AS country FROM people", "CREATE VIEW asked AS SELECT * FROM a1"),
        "asked",
    ),
    "a view where a table was": (
        ("ALTER TABLE products RENAME TO p1", "CREATE VIEW products AS SELECT id, email AS country FROM people"),
        "products",
    ),
    "a table by the name of one that was made": (
        (
            "CREATE TABLE asked (id int, country text)",
            "DROP TABLE asked",
            "ALTER TABLE people RENAME email TO c1",
            "ALTER TABLE people RENAME TO asked",
        ),
        "asked a(id, full_name, country)",
    ),
    "a table that is not made after all": (
        (
            "CREATE VIEW asked AS SELECT id, email AS country FROM people",
            "CREATE TABLE IF NOT EXISTS asked (id int, country text)",
        ),
        "asked",
    ),
}


@pytest.mark.parametrize(("changes", "source"), REDEFINED.values(), ids=REDEFINED)
@pytest.mark.parametrize("form", ["one by one", "in one text", "pipelined", "prepared", "prepared in SQL", "warm"])
def test_a_condition_on_what_was_redefined(form: str, changes: tuple[str, ...], source: str, lab: Lab) -> None:
    asking = f"SELECT id FROM {source} WHERE country LIKE 'b%'"
    with lab.connect(ENGINEER) as engineer:
        match form:
            case "one by one":
                answers = _all(engineer, "BEGIN", *changes, asking)
            case "in one text":
                answers = [engineer.query(f"BEGIN; {'; '.join(changes)}; {asking}")]
            case "pipelined":
                texts = ("BEGIN", *changes, asking)
                answers = engineer.answers(b"".join(query(text) for text in texts), len(texts))
            case "prepared":
                engineer.ask(parse(asking, b"n") + SYNC)
                _all(engineer, "BEGIN", *changes)
                answers = [engineer.ask(parse(asking, b"m") + bind(b"", b"m") + execute() + SYNC)]
                if not answers[-1].errors or answers[-1].errors[0]["C"] != "42501":
                    answers = [engineer.ask(bind(b"", b"n") + execute() + SYNC)]
            case "prepared in SQL":
                answers = _all(engineer, "BEGIN", *changes, f"PREPARE n AS {asking}", "EXECUTE n")
                assert answers[-1].errors
                answers = answers[:-1]
            case "warm":
                # Security: an answer remembered from one redefined state must not serve another.
                _all(engineer, "BEGIN", "CREATE TABLE unrelated (i int)", asking, "ROLLBACK")
                answers = _all(engineer, "BEGIN", "CREATE TABLE unrelated (i int)", *changes, asking)
            case _:
                raise AssertionError(form)
        assert not any(answer.rows for answer in answers)
        assert [error["C"] for error in answers[-1].errors] == ["42501"]
        engineer.query("ROLLBACK")


def test_the_refusal_says_what_the_condition_is_on(lab: Lab) -> None:
    with lab.connect(ENGINEER) as engineer:
        _all(engineer, "BEGIN", "ALTER TABLE people RENAME country TO land")
        (error,) = engineer.query("SELECT id FROM people WHERE land = 'x'").errors
        assert "a condition on what an open transaction redefines is not allowed" in error["M"]
        engineer.query("ROLLBACK")


def test_an_answer_from_before_a_rename_in_the_same_transaction(lab: Lab) -> None:
    asking = "SELECT id FROM people WHERE country LIKE 'b%'"
    changes = ("ALTER TABLE people RENAME country TO c1", "ALTER TABLE people RENAME email TO country")
    with lab.connect(ENGINEER) as engineer:
        before = _all(engineer, "BEGIN", "CREATE TABLE unrelated (i int)", asking)
        assert not before[-1].errors
        after = _all(engineer, *changes, asking, "ROLLBACK", asking)
        assert [error["C"] for error in after[-3].errors] == ["42501"]
        assert not after[-1].errors


@pytest.mark.parametrize(
    "texts",
    [
        (
            "CREATE TABLE fresh (id int, a text)",
            "INSERT INTO fresh VALUES (1, 'a')",
            "SELECT id FROM fresh WHERE a > ''",
        ),
        ("CREATE TABLE IF NOT EXISTS products (id int)", "SELECT count(*) FROM products WHERE price > 0"),
        ("CREATE TABLE fresh AS SELECT id, title FROM products", "SELECT id FROM fresh WHERE title > '' ORDER BY id"),
        ("ALTER TABLE products ADD COLUMN extra text", "UPDATE products SET extra = 'a' WHERE stock > 5"),
        ("ALTER TABLE products DROP COLUMN weight", "SELECT count(*) FROM products WHERE price > 1"),
        ("CREATE TYPE size AS ENUM ('s', 'm')", "SELECT count(*) FROM products WHERE price > 1"),
        ("CREATE INDEX ON products (title)", "SELECT count(*) FROM products WHERE title LIKE 'a%'"),
        ("ALTER TABLE orders RENAME TO o1", "SELECT count(*) FROM products WHERE price > 1"),
        ("CREATE SCHEMA s1", "CREATE TABLE s1.fresh (id int)", "DELETE FROM s1.fresh WHERE id > 5"),
        ("CREATE FUNCTION f_fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'", "SELECT id FROM products WHERE price > 1"),
        ("CREATE VIEW asked AS SELECT id, email FROM people", "SELECT count(*) FROM asked"),
        ("CREATE VIEW dear AS SELECT id, price FROM products", "SELECT count(*) FROM dear WHERE price > 1"),
    ],
    ids=lambda texts: texts[0],
)
def test_ordinary_migrations_ask_about_what_is_clean(texts: tuple[str, ...], lab: Lab) -> None:
    for together in (False, True):
        with lab.connect(ENGINEER) as engineer:
            if together:
                answers = [engineer.query("; ".join(("BEGIN", *texts, "ROLLBACK")))]
            else:
                answers = _all(engineer, "BEGIN", *texts, "ROLLBACK")
            assert not [error for answer in answers for error in answer.errors]


def test_what_was_distrusted_in_a_pipeline_is_trusted_behind_it(lab: Lab) -> None:
    """Judged while the end of a transaction that redefines things is under way, and asked for again after it."""
    asking = query("SELECT 'mark' AS label")
    with lab.connect(ENGINEER) as engineer:
        sent = (query("BEGIN"), query("ALTER TABLE orders ADD CHECK (id < 0)"), query("ROLLBACK"), asking)
        engineer.answers(b"".join(sent), len(sent))
        assert engineer.ask(asking).rows == [[b"mark"]]


def test_a_portal_that_is_gone_is_an_error_though_it_was_never_described(lab: Lab) -> None:
    gone = parse(CLEAN) + bind(b"p") + SYNC
    with lab.connect() as session:
        _all(session, "BEGIN")
        session.ask(gone)
        _, answer = session.answers(query("COMMIT") + execute(b"p") + SYNC, 2)
        assert [error["C"] for error in answer.errors] == ["34000"]
        answer = session.answers(parse(CLEAN) + bind() + query("SELECT 1") + execute() + SYNC, 2)[1]
        assert [error["C"] for error in answer.errors] == ["34000"]
        assert session.query("SELECT 7").rows == [[b"7"]]


# ---------------------------------------------------------------------- what waits for somebody's locks


# What a transaction has done when a statement of somebody else arrives, which waits for it; and how to take it back.
WAITED_FOR: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a rename": (
        ("ALTER TABLE moved RENAME a TO b", "ALTER TABLE moved RENAME email TO a"),
        ("ALTER TABLE moved RENAME a TO email", "ALTER TABLE moved RENAME b TO a"),
    ),
    "a view in its place": (
        ("ALTER TABLE moved RENAME TO m1", "CREATE VIEW moved AS SELECT id, email AS a FROM people"),
        ("DROP VIEW moved", "ALTER TABLE m1 RENAME TO moved"),
    ),
}


@pytest.mark.parametrize(("changes", "back"), WAITED_FOR.values(), ids=WAITED_FOR)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT id, reverse(a) FROM moved", None),
        ("SELECT a FROM moved UNION ALL SELECT a FROM moved", None),
        ("COPY (SELECT reverse(a) FROM moved) TO STDOUT", None),
        ("SELECT count(*) FROM moved WHERE a LIKE 'b%'", "42501"),
        ("INSERT INTO inbox SELECT id + 1000, reverse(a) FROM moved", "42501"),
    ],
)
@pytest.mark.parametrize("form", ["simple", "extended", "prepared"])
def test_a_statement_that_waits_means_what_names_mean_then(
    form: str,
    text: str,
    code: str | None,
    changes: tuple[str, ...],
    back: tuple[str, ...],
    changing: psycopg.Connection[tuple[object, ...]],
    lab: Lab,
) -> None:
    with lab.connect(ENGINEER) as engineer, lab.connect() as analyst:
        analyst.ask(parse(text, b"n") + SYNC)
        _all(engineer, "BEGIN", *changes)
        match form:
            case "simple":
                analyst.send(query(text))
            case "extended":
                analyst.send(extended(text, formats=(1,) if text.startswith("SELECT") else ()) + SYNC)
            case "prepared":
                analyst.send(bind(b"", b"n") + execute() + SYNC)
            case _:
                raise AssertionError(form)
        if code is None:
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            until(lambda: changing.execute(waiting).fetchone() is not None)
        assert not engineer.query("COMMIT").errors
        try:
            answer = Answer(analyst.read_until(READY))
            assert not lab.watcher.look([answer])
            assert [error["C"] for error in answer.errors] == ([] if code is None else [code])
        finally:
            assert not [error for undone in _all(engineer, *back) for error in undone.errors]
        assert analyst.query("SELECT 7").rows == [[b"7"]]


def test_others_work_on_while_a_transaction_redefines_things(
    changing: psycopg.Connection[tuple[object, ...]], lab: Lab
) -> None:
    asking = "SELECT upper(title) FROM products WHERE title LIKE 'a%' OR stock >= 0"
    rename = "ALTER TABLE moved RENAME a TO b"
    with lab.connect(ENGINEER) as engineer, lab.connect() as analyst:
        before = analyst.query(asking).rows
        for failing in (False, True):
            _all(engineer, "BEGIN", rename)
            assert analyst.query(asking).rows == before
            _all(engineer, *(["SELECT 1/0"] if failing else []), "ROLLBACK")
            assert analyst.query("SELECT upper(a) FROM moved WHERE a LIKE '%' ORDER BY id").rows[0] != [b"***"]
        engineer.query("ALTER TABLE moved RENAME nothing TO b")
        assert not analyst.query("SELECT upper(a) FROM moved WHERE a LIKE '%'").errors
