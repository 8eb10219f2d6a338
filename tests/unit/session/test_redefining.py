"""What a transaction has redefined, and which conditions that concerns."""

from __future__ import annotations

import pytest

from govproxy.session.redefining import NOTHING_REDEFINED, Redefined
from govproxy.sql.analyze import analyze
from tests.unit.sql.world import CATALOG

SENSITIVE = {103}  # customers, whose email and ssn are masked


def after(*texts: str) -> Redefined:
    found = NOTHING_REDEFINED
    for text in texts:
        found = found.after(analyze(text, CATALOG, ("public",)), CATALOG, lambda oid: oid not in SENSITIVE)
    return found


def concerns(found: Redefined, text: str) -> bool:
    analysis = analyze(text, CATALOG, ("public",))
    mentioned = found.mentioned(text, analysis)
    return any(found.concerns(statement, CATALOG, mentioned=mentioned) for statement in analysis.statements)


@pytest.mark.parametrize(
    ("changes", "asking"),
    [
        (["ALTER TABLE t RENAME id TO i"], "SELECT FROM t WHERE id > 1"),
        (["ALTER TABLE t RENAME TO t1"], "SELECT FROM t WHERE id > 1"),
        (["ALTER TABLE t RENAME TO t1"], "SELECT FROM t1 WHERE id > 1"),
        (["ALTER TABLE t SET SCHEMA archive"], "SELECT FROM t WHERE id > 1"),
        (["DROP TABLE t"], "EXPLAIN ANALYZE SELECT FROM t WHERE id > 1"),
        (["DROP SCHEMA public CASCADE"], "SELECT FROM t WHERE id > 1"),
        (["ALTER SCHEMA archive RENAME TO a"], "SELECT FROM t WHERE id > 1"),
        (["CREATE VIEW t AS SELECT id FROM customers"], "SELECT FROM t WHERE id > 1"),
        (["CREATE VIEW v AS TABLE customers"], "SELECT FROM v WHERE id > 1"),
        (["CREATE VIEW v AS TABLE customers", "CREATE VIEW w AS SELECT * FROM v"], "SELECT FROM w WHERE id > 1"),
        (["CREATE VIEW v AS TABLE customers; CREATE VIEW w AS SELECT * FROM v"], "SELECT FROM w WHERE id > 1"),
        (["CREATE VIEW v AS TABLE customers", "CREATE TABLE IF NOT EXISTS v (id int)"], "SELECT FROM v WHERE id > 1"),
        (["CREATE TABLE v (id int)", "DROP TABLE v", "ALTER TABLE t RENAME TO v"], "SELECT FROM v WHERE id > 1"),
        (["CREATE TABLE v () INHERITS (t)"], "SELECT FROM v WHERE id > 1"),
        (["ALTER TABLE t INHERIT u"], "SELECT FROM customers WHERE id > 1"),
        (["CREATE OPERATOR > (LEFTARG=int, RIGHTARG=text, FUNCTION=f)"], "SELECT FROM t WHERE id > 1"),
        (["CREATE CAST (int AS text) WITH FUNCTION f(int)"], "SELECT FROM t WHERE id > 1"),
        (["ALTER TYPE e RENAME ATTRIBUTE a TO b"], "SELECT FROM t WHERE id > 1"),
        (["CREATE FUNCTION abs(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"], "SELECT FROM t WHERE abs(id) > 1"),
        (["CREATE FUNCTION x(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"], 'SELECT FROM t WHERE U&"\\0078"(id) > 1'),
        (["CREATE OR REPLACE FUNCTION pure(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"], "SELECT pure(id) FROM t"),
        (["ALTER FUNCTION x(int) RENAME TO pure"], "SELECT pure(id) FROM t"),
    ],
)  # fmt: skip
def test_a_condition_that_may_ask_about_something_else(changes: list[str], asking: str) -> None:
    assert concerns(after(*changes), asking)


@pytest.mark.parametrize(
    ("changes", "asking"),
    [
        ([], "SELECT FROM t WHERE id > 1"),
        (["ALTER TABLE t RENAME id TO i"], "SELECT FROM u WHERE id > 1"),
        (["ALTER TABLE t RENAME id TO i"], "SELECT * FROM t"),
        (["ALTER TABLE t ADD COLUMN z int"], "SELECT FROM t WHERE id > 1"),
        (["ALTER TABLE t DROP COLUMN id"], "SELECT FROM t WHERE id > 1"),
        (["CREATE TABLE v (id int)"], "SELECT FROM v WHERE id > 1"),
        (["CREATE TABLE IF NOT EXISTS t (id int)"], "SELECT FROM t WHERE id > 1"),
        (["CREATE TABLE v AS SELECT id FROM t"], "SELECT FROM v WHERE id > 1"),
        (["CREATE VIEW v AS SELECT id FROM t"], "SELECT FROM v WHERE id > 1"),
        (["CREATE VIEW v AS TABLE customers"], "SELECT * FROM v"),
        (["CREATE SCHEMA s", "CREATE TABLE s.v (id int)"], "DELETE FROM s.v WHERE id > 1"),
        (["CREATE INDEX ON t (id)", "CREATE SEQUENCE q", "CREATE TYPE e AS ENUM ('a')"], "SELECT FROM t WHERE id > 1"),
        (["ALTER TYPE e ADD VALUE 'b'"], "SELECT FROM t WHERE id > 1"),
        (["CREATE FUNCTION x(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"], "SELECT FROM t WHERE id > 1"),
    ],
)
def test_what_goes_on_as_before(changes: list[str], asking: str) -> None:
    assert not concerns(after(*changes), asking)


def test_a_text_that_defines_code_names_it_by_that() -> None:
    text = "CREATE FUNCTION x(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT FROM t WHERE {} > 1"
    for condition, asks in (("id", False), ("x(id)", True)):
        sent = text.format(condition)
        assert concerns(after(sent), sent) is asks


@pytest.mark.parametrize(
    ("changes", "asking", "waits"),
    [
        (["ALTER TABLE t RENAME id TO i"], "SELECT * FROM t", True),
        (["ALTER TABLE t RENAME id TO i"], "EXPLAIN SELECT * FROM t", True),
        (["ALTER TABLE t RENAME id TO i"], "INSERT INTO t VALUES (1)", True),
        (["ALTER TABLE t RENAME id TO i"], "SELECT * FROM u", False),
        (["ALTER SCHEMA archive RENAME TO a"], "SELECT * FROM u", True),
        (["ALTER SCHEMA archive RENAME TO a"], "SELECT 1", False),
        (["CREATE DOMAIN d AS text"], "SELECT * FROM u", False),
        (["CREATE OR REPLACE FUNCTION pure(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"], "SELECT pure(1)", True),
        (["CREATE VIEW v AS TABLE customers"], "SELECT * FROM v", True),
        (["CREATE TABLE v (id int)"], "SELECT * FROM t", False),
    ],
)
def test_what_somebody_else_may_come_to(changes: list[str], asking: str, waits: bool) -> None:
    assert after(*changes).reaches(analyze(asking, CATALOG, ("public",)), asking, CATALOG) is waits


def test_side_by_side_one_does_not_see_what_the_other_made() -> None:
    others = after("CREATE TABLE v (id int)", "ALTER TABLE t RENAME id TO i")
    both = NOTHING_REDEFINED.beside(others)
    assert concerns(both, "SELECT FROM t WHERE id > 1")
    assert concerns(both, "SELECT FROM v WHERE id > 1")
    assert after("CREATE TABLE v (id int)").is_nothing
    assert not others.is_nothing
