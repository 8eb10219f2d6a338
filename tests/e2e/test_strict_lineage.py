"""``lineage: strict``: the database is asked about every new text, and nobody sees it.

Two proxies on the same database, one strict and one not, must give the same messages for the same
bytes, to the last notice and transaction status; a third session goes around both where nothing is
masked. What the database adds is shown with a view that is replaced behind the proxy's back.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from govproxy.wire.errors import decode_fields
from tests.support import proxy as proxies
from tests.support.proxy import Databases, Proxy
from tests.support.raw_session import (
    FLUSH,
    SYNC,
    Answer,
    DirectSession,
    RawSession,
    bind,
    close,
    describe,
    execute,
    extended,
    parse,
    query,
)
from tests.support.waiting import canceled_when

# Masks that are the same with every key.
POLICY = proxies.POLICY + "  - {name: plain-masks, who: {groups: [analysts]}, on: {tags: [any]}, mask: redact}\n"
WHO = ("ana@shop.example", ("analysts",))
SCHEMA = """
CREATE TABLE strict_people (id int PRIMARY KEY, email text, note text);
INSERT INTO strict_people VALUES (1, 'ada@secret.example', 'a'), (2, 'bob@secret.example', 'b');
CREATE TABLE strict_things (id int PRIMARY KEY, title text UNIQUE, many int);
INSERT INTO strict_things VALUES (1, 'one', 10), (2, 'two', 20);
CREATE VIEW strict_view AS SELECT id, lower(email) AS shown FROM strict_people;
CREATE FUNCTION strict_shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE FUNCTION strict_email(n int) RETURNS text LANGUAGE sql STABLE AS
    'SELECT reverse(email) FROM strict_people WHERE id = n';
CREATE FUNCTION strict_title(n int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT title FROM strict_things WHERE id = n); END $$;
CREATE FUNCTION strict_both(n int, OUT title text, OUT email text) LANGUAGE sql STABLE AS
    'SELECT t.title, p.email FROM strict_things t, strict_people p WHERE t.id = n AND p.id = n';
CREATE FUNCTION strict_rows() RETURNS SETOF strict_things LANGUAGE sql STABLE AS
    'SELECT * FROM strict_things ORDER BY id';
CREATE FUNCTION strict_find(word text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM strict_people WHERE email = word';
CREATE FUNCTION strict_like(pattern text) RETURNS SETOF int LANGUAGE sql STABLE AS
    'SELECT id FROM strict_people WHERE email LIKE pattern';
CREATE FUNCTION strict_dark(n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text; BEGIN EXECUTE 'SELECT title FROM strict_things WHERE id = $1' INTO t USING n; RETURN t; END $$;
CREATE FUNCTION strict_may(n int) RETURNS boolean LANGUAGE sql STABLE AS
    'SELECT EXISTS (SELECT 1 FROM strict_people p WHERE p.id = n AND p.note IS NOT NULL)';
CREATE FUNCTION strict_repeated(t text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT repeat($1, $2)';
CREATE OPERATOR ||! (LEFTARG = text, RIGHTARG = int, FUNCTION = strict_repeated);
CREATE FUNCTION strict_step(state text, t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT state || t';
CREATE AGGREGATE strict_gather (text) (SFUNC = strict_step, STYPE = text, INITCOND = '');
CREATE FUNCTION strict_touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.many := NEW.many + 1; RETURN NEW; END $$;
CREATE TABLE strict_made (
    id int PRIMARY KEY, many int DEFAULT length(strict_title(1)), word text DEFAULT strict_dark(1),
    loud text GENERATED ALWAYS AS (strict_shout('x' || 'y')) STORED
);
CREATE INDEX ON strict_made (strict_shout(word));
CREATE TRIGGER touched BEFORE INSERT OR UPDATE ON strict_made FOR EACH ROW EXECUTE FUNCTION strict_touch();
CREATE TABLE strict_guarded (id int PRIMARY KEY, title text);
INSERT INTO strict_guarded SELECT id, title FROM strict_things;
ALTER TABLE strict_guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY guarded ON strict_guarded USING (strict_may(id)) WITH CHECK (strict_may(id));
CREATE VIEW strict_calls AS
    SELECT id, strict_shout(title) AS loud, title ||! 2 AS twice, strict_email(id) AS email FROM strict_things
    WHERE strict_title(id) <> '';
GRANT ALL ON strict_people, strict_things, strict_view, strict_made, strict_guarded, strict_calls TO govproxy_login;
"""
CLEARED = """
DROP TABLE strict_people, strict_things, strict_made, strict_guarded CASCADE;
DROP AGGREGATE strict_gather (text);
DROP OPERATOR ||! (text, int);
DROP FUNCTION strict_shout, strict_email, strict_title, strict_both, strict_find, strict_like, strict_dark, strict_may,
    strict_repeated, strict_step, strict_touch;
"""
MASKED = "SELECT id, email, lower(email), note FROM strict_people ORDER BY id"
PLAIN = "SELECT id, title FROM strict_things ORDER BY id"


@dataclass(slots=True)
class Pair:
    """The strict proxy and the other one."""

    strict: Proxy
    plain: Proxy
    databases: Databases

    @contextlib.contextmanager
    def sessions(self) -> Iterator[tuple[RawSession, RawSession]]:
        """A session through each."""
        first, second = (RawSession(p.port, WHO[0], p.token(*WHO), "shop") for p in (self.strict, self.plain))
        try:
            yield first, second
        finally:
            first.socket.close()
            second.socket.close()

    def direct(self) -> DirectSession:
        """A session around both."""
        return DirectSession(self.databases.postgres.dsn("shop"))


@pytest.fixture(scope="module")
def pair(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with databases.direct("shop") as direct:
        direct.execute(SCHEMA)
    with contextlib.ExitStack() as stack:
        started = []
        for strict in (True, False):
            folder = tmp_path_factory.mktemp("strict" if strict else "plain")
            started.append(proxies.start(databases, Path(folder), policy=POLICY, strict_lineage=strict))
            stack.callback(started[-1].stop)
        yield Pair(strict=started[0], plain=started[1], databases=databases)
    with databases.direct("shop") as direct:
        direct.execute(CLEARED)


def _ended(*texts: str) -> list[tuple[bytes, int]]:
    return [(query(text), 1) for text in texts]


def _pipeline(*parts: bytes) -> list[tuple[bytes, int]]:
    return [(b"".join(parts) + SYNC, 1)]


# What a client sends, packet by packet, each with how many ReadyForQuery it is answered by. ``{}`` makes texts new.
SCRIPTS: dict[str, list[tuple[bytes, int]]] = {
    "simple": _ended(MASKED + "{}"),
    "simple-plain": _ended(PLAIN + "{}"),
    "extended": _pipeline(extended(MASKED + "{}")),
    "extended-binary": _pipeline(extended(MASKED + "{}", formats=[1])),
    "undescribed": _pipeline(parse(MASKED + "{}"), bind(), execute()),
    "named": [
        *_pipeline(parse(MASKED + "{}", b"s"), describe(b"S", b"s")),
        *_pipeline(bind(b"", b"s"), execute()),
        *_pipeline(bind(b"", b"s"), describe(b"P"), execute(), close(b"S", b"s")),
    ],
    "parameters": _pipeline(
        parse(
            "SELECT email, $1 || title FROM strict_people JOIN strict_things USING (id) WHERE id = $2{}", types=[25, 23]
        ),
        bind(values=[b"x", b"1"]),
        describe(b"P"),
        execute(),
    ),
    "in-a-block": _ended("BEGIN", MASKED + "{}", PLAIN + "{}", "COMMIT"),
    "in-a-savepoint": _ended(
        "BEGIN", "SAVEPOINT a", MASKED + "{}", "ROLLBACK TO a", PLAIN + "{}", "RELEASE a", "COMMIT"
    ),
    "in-a-failed-block": _ended("BEGIN", "SELECT 1/0", MASKED + "{}", "ROLLBACK", MASKED + "{}"),
    "error": _ended("SELECT nothing FROM strict_things{}", PLAIN + "{}"),
    "error-in-a-block": _ended("BEGIN", "SELECT nothing FROM strict_things{}", PLAIN + "{}", "ROLLBACK"),
    "error-in-a-pipeline": [
        *_pipeline(extended(PLAIN + "{}"), extended("SELECT nothing FROM strict_things{}"), extended(PLAIN + " {}")),
        *_pipeline(extended(PLAIN + "{}")),
    ],
    "error-in-a-pipelined-block": [
        *_pipeline(extended("BEGIN"), extended(PLAIN + "{}"), extended("SELECT nothing FROM strict_people{}")),
        *_ended("ROLLBACK", PLAIN + "{}"),
    ],
    "error-before-a-table-that-is-looked-for": [
        *_ended("BEGIN"),
        (
            query("SAVEPOINT s")
            + parse("SELECT 1/0{}")
            + bind()
            + execute()
            + parse("SELECT * FROM strict_nowhere{}")
            + bind()
            + SYNC
            + query("ROLLBACK TO s"),
            3,
        ),
        *_pipeline(extended(PLAIN + "{}")),
        *_ended("COMMIT"),
    ],
    "run-time-error": [
        *_ended("SELECT id / 0 FROM strict_things{}"),
        *_pipeline(extended("SELECT id / 0 FROM strict_things {}"), extended(PLAIN + "{}")),
    ],
    "pipeline": _pipeline(extended(PLAIN + "{}"), extended(MASKED + "{}"), extended("SELECT 1{}"), extended(MASKED)),
    "pipelined-block": [
        *_pipeline(extended("BEGIN"), extended(MASKED + "{}")),
        *_pipeline(extended(PLAIN + "{}"), extended("COMMIT")),
    ],
    "pipelined-commit": _pipeline(
        extended("BEGIN"), extended(MASKED + "{}"), extended("COMMIT"), extended(PLAIN + "{}"), extended("SELECT 2{}")
    ),
    "flushed": [(parse(MASKED + "{}") + FLUSH + bind() + execute() + FLUSH + SYNC, 1)],
    "many-at-once": [
        (query(PLAIN + "{}") + query(MASKED + "{}") + extended(PLAIN + " {}") + SYNC + query("SELECT 3{}"), 4)
    ],
    "several-statements": _ended(PLAIN + "{};" + MASKED, "BEGIN;" + MASKED + "{}; COMMIT"),
    "the-unnamed-ones-stay": [
        *_ended("BEGIN"),
        *_pipeline(parse(PLAIN + "{}"), bind(), describe(b"P"), execute(rows=1)),
        *_pipeline(parse(MASKED + "{}", b"other")),
        *_pipeline(execute()),
        *_pipeline(bind(), describe(b"P"), execute()),
        *_pipeline(close(b"S", b"other")),
        *_ended("COMMIT"),
    ],
    "a-portal-goes-on": [
        *_ended("BEGIN"),
        *_pipeline(parse(PLAIN + "{}", b"p"), bind(b"p", b"p"), describe(b"P", b"p"), execute(b"p", 1)),
        *_ended(MASKED + "{}"),
        *_pipeline(execute(b"p", 1), close(b"S", b"p")),
        *_ended("COMMIT"),
    ],
    "cursor": _ended("BEGIN", "DECLARE c CURSOR FOR " + MASKED + "{}", "FETCH ALL FROM c", "COMMIT"),
    "prepared-in-sql": _ended("PREPARE q AS " + MASKED + "{}", "EXECUTE q", "DEALLOCATE q"),
    "copy": _ended("COPY (" + MASKED + "{}) TO STDOUT", "COPY strict_things TO STDOUT{}"),
    "view": _ended(
        "SELECT * FROM strict_view{}", "SELECT v.shown, t.title FROM strict_view v JOIN strict_things t USING (id){}"
    ),
    "settings-stay": _ended(
        "BEGIN",
        "SET LOCAL statement_timeout = '7s'",
        PLAIN + "{}",
        "SELECT current_setting('statement_timeout'), current_setting('client_min_messages')",
        "COMMIT",
        "SELECT current_setting('client_min_messages'), current_setting('debug_print_rewritten')",
    ),
    "settings-stay-in-a-pipeline": [
        *_pipeline(extended("BEGIN"), extended(PLAIN + "{}"), extended("SHOW client_min_messages")),
        *_ended("SHOW client_min_messages", "SHOW debug_print_rewritten", "COMMIT", "SHOW client_min_messages"),
    ],
    "isolation-can-be-set": _ended(
        "BEGIN", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", PLAIN + "{}", "SHOW transaction_isolation", "COMMIT"
    ),
    "notices": _ended('SELECT 1 AS "' + "n" * 70 + '"{}', "ROLLBACK", "COMMIT"),
    "writing": _ended(
        "BEGIN",
        "SELECT id FROM strict_things WHERE id = 1 FOR UPDATE{}",
        "SELECT txid_current_if_assigned() IS NULL",
        "ROLLBACK",
    ),
    "explain": _ended(
        "EXPLAIN (COSTS OFF) " + MASKED + "{}",
        "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) " + PLAIN + "{};",
    ),
    "stored": _ended(
        "BEGIN",
        "CREATE TEMP TABLE kept ON COMMIT DROP AS " + PLAIN + "{} WITH DATA",
        "SELECT sum(id), max(title) FROM kept",
        "SELECT id, title INTO TEMP kept_too FROM strict_things{}",
        "SELECT count(*) FROM kept_too",
        "CREATE TEMP TABLE refused AS " + MASKED + "{}",
        "ROLLBACK",
    ),
    "conditions": _ended(
        "SELECT id FROM strict_people WHERE email = 'ada@secret.example'{}",
        "SELECT id FROM strict_people WHERE email LIKE 'a%'{}",
        "SELECT count(*) FROM strict_people p JOIN strict_things t ON t.id = p.id AND p.email IS NOT NULL{}",
        "SELECT email, count(*) FROM strict_people GROUP BY email HAVING count(email) > 5{}",
        "SELECT id FROM strict_view WHERE shown IS NULL ORDER BY id LIMIT 2{}",
        "SELECT id FROM strict_people WHERE email IN ('a', 'b') OR id = ANY ('{1,2}') ORDER BY id{}",
    ),
    "changes": _ended(
        "BEGIN",
        "UPDATE strict_things SET many = many + 1 WHERE id = 1 RETURNING many{}",
        "INSERT INTO strict_things SELECT id + 10, title || 'x', many FROM strict_things{}",
        "UPDATE strict_things SET title = (SELECT email FROM strict_people LIMIT 1) WHERE id = 2{}",
        "ROLLBACK",
    ),
    "functions": _ended(
        "SELECT id, strict_shout(title), strict_title(id), title ||! 2 FROM strict_things ORDER BY id{}",
        "SELECT id, strict_shout(email), strict_email(id) FROM strict_people ORDER BY id{}",
        "SELECT title FROM strict_both(1){}",
        "SELECT email, title FROM strict_both(2){}",
        "SELECT (strict_both(id)).title FROM strict_things ORDER BY id{}",
        "SELECT (b).title FROM (SELECT strict_both(1) AS b) x{}",
        "SELECT r.title, upper(r.title) FROM strict_rows() r{}",
        "SELECT strict_gather(title ORDER BY id), strict_gather(strict_title(id) ORDER BY id) FROM strict_things{}",
        "SELECT strict_gather(email ORDER BY id) FROM strict_people{}",
        "SELECT * FROM strict_find('ada@secret.example'){}",
        "SELECT * FROM strict_like('ada%'){}",
        "SELECT strict_dark(1), count(*) FROM strict_things{}",
        "SELECT count(strict_email(id)) FROM strict_things{}",
        "SELECT id FROM strict_things WHERE strict_title(id) = 'one' ORDER BY strict_shout(title){}",
        "SELECT id FROM strict_things WHERE strict_email(id) LIKE 'a%'{}",
    ),
    "functions-binary": _pipeline(
        extended("SELECT id, strict_shout(title), strict_title(id) FROM strict_things ORDER BY id{}", formats=[1]),
        extended("SELECT strict_email(id), strict_shout(email) FROM strict_people ORDER BY id{}", formats=[1]),
        extended("SELECT title, email FROM strict_both(2){}", formats=[1]),
    ),
    "functions-behind": _ended(
        "SELECT id, loud, twice, email FROM strict_calls ORDER BY id{}",
        "SELECT upper(loud), upper(email) FROM strict_calls ORDER BY id{}",
        "SELECT count(*) FROM strict_calls WHERE loud = 'ONE'{}",
        "SELECT count(*) FROM strict_calls WHERE email LIKE 'a%'{}",
        "BEGIN",
        "INSERT INTO strict_made (id) VALUES (1) RETURNING id, many, loud{}",
        "INSERT INTO strict_made (id, word) VALUES (2, DEFAULT), (3, 'x') RETURNING id, loud{}",
        "UPDATE strict_made SET many = DEFAULT WHERE id = 1 RETURNING many{}",
        "INSERT INTO strict_made (id, word) SELECT id + 5, strict_email(id) FROM strict_things{}",
        "ROLLBACK",
        "BEGIN",
        "SELECT id, title FROM strict_guarded ORDER BY id{}",
        "UPDATE strict_guarded SET title = strict_shout(title) WHERE id = 1 RETURNING title{}",
        "ROLLBACK",
    ),
    "empty": _ended(""),
}
_count = itertools.count()


def _fresh(packet: bytes, mark: str) -> bytes:
    """The packet with its texts made new: a comment of a fixed length stands for ``{}``."""
    return packet.replace(b"{}", mark.encode())


def _script(name: str) -> list[tuple[bytes, int]]:
    mark = f"/*{next(_count):08d}*/"
    found = []
    for packet, answers in SCRIPTS[name]:
        found.append((_lengths(packet, mark), answers))
    return found


def _lengths(packets: bytes, mark: str) -> bytes:
    """The messages of a packet with the mark in their texts, and their lengths put right."""
    made, at = b"", 0
    while at < len(packets):
        end = at + 1 + int.from_bytes(packets[at + 1 : at + 5], "big")
        body = _fresh(packets[at + 5 : end], mark)
        made += packets[at : at + 1] + (len(body) + 4).to_bytes(4, "big") + body
        at = end
    return made


def _say(session: RawSession | DirectSession, script: list[tuple[bytes, int]], *, split: bool) -> list[Answer]:
    answers: list[Answer] = []
    for packet, count in script:
        if split:
            for at in range(0, len(packet), 7):
                session.send(packet[at : at + 7])
            answers += session.answers(b"", count)
        else:
            answers += session.answers(packet, count)
    return answers


def _heard(answers: list[Answer]) -> list[list[tuple[str, object]]]:
    """All messages. Of errors and notices not where the server's source has them, nor that something is
    withheld: both depend on what the client has sent by then."""
    return [[(chr(m.kind), _body(m.kind, m.body)) for m in answer.messages] for answer in answers]


def _body(kind: int, body: bytes) -> object:
    if chr(kind) not in "EN":
        return body
    return [(letter, value) for letter, value in decode_fields(body).items() if letter not in "FLRD"]


@pytest.mark.parametrize("split", [False, True], ids=["coalesced", "split"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_nobody_notices(pair: Pair, name: str, split: bool) -> None:
    script = _script(name)
    with pair.sessions() as (strict, plain):
        for temperature in ("cold", "warm"):
            ours = _heard(_say(strict, script, split=split))
            theirs = _heard(_say(plain, script, split=split))
            assert ours == theirs, temperature


def _events(pair: Pair, mark: str) -> list[dict[str, object]]:
    """The strict ledger's statements with that word in their text, once there is one."""
    pair.strict.wait_for_event(lambda event: event["event"] == "statement" and mark in str(event["sql"]))
    return [event for event in pair.strict.events("statement") if mark in str(event["sql"])]


def test_what_only_the_database_knows_is_added_and_recorded(pair: Pair) -> None:
    """A view that is replaced around the proxy is masked as what it is, before the catalog is read again."""
    with pair.databases.direct("shop") as direct, pair.strict.connect(*WHO, database="shop") as analyst:
        direct.execute("CREATE VIEW strict_moving AS SELECT id, title AS shown FROM strict_things")
        direct.execute("GRANT ALL ON strict_moving TO govproxy_login")
        try:
            for number in range(20):
                # Until a look of its own has seen the first form.
                rows = analyst.execute(f"SELECT shown, {number} AS round FROM strict_moving ORDER BY id").fetchall()
                if rows[0][0] == "one":
                    break
            direct.execute("CREATE OR REPLACE VIEW strict_moving AS SELECT id, email AS shown FROM strict_people")
            shown = analyst.execute("SELECT shown, 'after' AS marked FROM strict_moving ORDER BY id").fetchall()
            assert "secret" not in str(shown)
        finally:
            direct.execute("DROP VIEW strict_moving")
    (event,) = _events(pair, "marked")
    added = event.get("lineage_added", [])
    assert added == [] or "shown from public.strict_people.email" in added  # empty: the look was quicker


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM strict_turning WHERE shown LIKE 'a%'",
        "SELECT count(*) FROM strict_turning t JOIN strict_things u ON t.id = u.id AND t.shown > 'b'",
        "SELECT id FROM strict_turning ORDER BY shown",
        "SELECT t.id FROM strict_turning t, strict_people p WHERE p.email = 'x' OR t.shown LIKE 'a%'",
        "SELECT t.id FROM strict_turning t, strict_people p WHERE p.email = 'x' OR (t.shown, 1) > ('b', 1)",
        "SELECT count(*) FROM strict_turning GROUP BY left(shown, 1)",
        "SELECT count(*) FILTER (WHERE shown ~ '^a') FROM strict_turning",
        "SELECT CASE WHEN starts_with(shown, 'a') THEN 1 ELSE 2 END FROM strict_turning",
        "SELECT id FROM strict_things WHERE EXISTS (SELECT FROM strict_turning t WHERE t.shown < 'b')",
        "CREATE TEMP TABLE strict_kept AS SELECT shown FROM strict_turning WITH DATA",
        "SELECT shown INTO TEMP strict_kept FROM strict_turning",
        "EXPLAIN ANALYZE CREATE TEMP TABLE strict_kept AS SELECT id, shown || '' AS shown FROM strict_turning",
        "EXPLAIN SELECT id FROM strict_turning WHERE shown LIKE 'a%'",
        "UPDATE strict_things SET title = shown FROM strict_turning t WHERE t.id = strict_things.id",
        "INSERT INTO strict_things (id, title) SELECT id + 100, shown FROM strict_turning",
    ],
)
def test_what_only_the_database_knows_of_conditions_is_refused(pair: Pair, text: str) -> None:
    """The same view, compared and stored: by what the database knows, or by a look that was quicker."""
    with pair.databases.direct("shop") as direct, pair.strict.connect(*WHO, database="shop") as analyst:
        direct.execute("CREATE VIEW strict_turning AS SELECT id, title AS shown FROM strict_things")
        direct.execute("GRANT ALL ON strict_turning TO govproxy_login")
        try:
            for number in range(20):
                rows = analyst.execute(f"SELECT shown, {number} AS round FROM strict_turning ORDER BY id").fetchall()
                if rows[0][0] == "one":
                    break
            direct.execute("CREATE OR REPLACE VIEW strict_turning AS SELECT id, email AS shown FROM strict_people")
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                analyst.execute(text)
            assert "email" in str(refused.value)
        finally:
            direct.execute("DROP VIEW strict_turning")


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("sql", "SELECT reverse(email) FROM strict_people WHERE id = n"),
        ("plpgsql", "BEGIN RETURN (SELECT reverse(email) FROM strict_people WHERE id = n); END"),
        (
            "plpgsql",
            "DECLARE t text; BEGIN EXECUTE 'SELECT reverse(email) FROM strict_people WHERE id = $1' INTO t USING n;"
            " RETURN t; END",
        ),
    ],
    ids=["sql", "plpgsql", "dynamic"],
)
def test_a_function_that_only_the_database_knows_shows_and_tells_nothing(pair: Pair, language: str, body: str) -> None:
    """A view that is replaced around the proxy by one that calls a function made a moment before."""
    secret = "ada@secret.example"[::-1]
    with pair.databases.direct("shop") as direct, pair.strict.connect(*WHO, database="shop") as analyst:
        direct.execute("CREATE VIEW strict_filled AS SELECT id, title AS shown FROM strict_things")
        direct.execute("GRANT ALL ON strict_filled TO govproxy_login")
        try:
            for number in range(20):
                rows = analyst.execute(f"SELECT shown, {number} AS round FROM strict_filled ORDER BY id").fetchall()
                if rows[0][0] == "one":
                    break
            direct.execute(
                f"CREATE FUNCTION strict_fresh(n int) RETURNS text LANGUAGE {language} STABLE AS $b$ {body} $b$;"
                "CREATE OR REPLACE VIEW strict_filled AS SELECT id, strict_fresh(id) AS shown FROM strict_things"
            )
            for text in ("SELECT id, shown FROM strict_filled ORDER BY id", "SELECT upper(shown) FROM strict_filled"):
                for binary in (False, True):
                    for _ in range(2):
                        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):  # until the look has it
                            shown = analyst.cursor(binary=binary).execute(text).fetchall()
                            assert secret not in str(shown).lower()
            for condition in ("shown LIKE 'e%'", "left(shown, 1) = 'e'"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    analyst.execute(f"SELECT count(*) FROM strict_filled WHERE {condition}")
        finally:
            direct.execute("DROP VIEW strict_filled; DROP FUNCTION IF EXISTS strict_fresh")


def test_the_database_answers(pair: Pair) -> None:
    with pair.strict.connect(*WHO, database="shop") as analyst:
        analyst.execute("SELECT count(email) AS answered FROM strict_people").fetchall()
        with pytest.raises(psycopg.errors.UndefinedColumn):
            analyst.execute("SELECT nothing AS unanswered FROM strict_people")
    (answered,), (unanswered,) = _events(pair, "AS answered"), _events(pair, "unanswered")
    assert "lineage_added" not in answered
    assert unanswered["lineage_added"] == ["no answer"]


def test_a_question_is_canceled_like_the_statement(pair: Pair) -> None:
    """Parse waits for a lock; what CancelRequest ends is what the client believes to run."""
    # Of this very session: the look at what the tables hold waits for the lock as well.
    waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
    with (
        pair.databases.direct("shop") as watching,
        pair.databases.direct("shop", autocommit=False) as direct,
        pair.strict.connect(*WHO, database="shop") as analyst,
    ):
        own = analyst.execute("SELECT pg_backend_pid()").fetchone()
        direct.execute("LOCK TABLE strict_things")
        with (
            canceled_when(lambda: watching.execute(waits, own).fetchone() != (0,), analyst.cancel),
            pytest.raises(psycopg.errors.QueryCanceled),
        ):
            analyst.execute("SELECT title AS waits FROM strict_things")
        direct.rollback()
        assert analyst.execute("SELECT title AS waits FROM strict_things ORDER BY id").fetchall() == [
            ("one",),
            ("two",),
        ]
