"""Parsing behind guards: strange, deep and huge texts cost one clean error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from govproxy.errors import ClientFault
from govproxy.sql.analyze import analyze
from govproxy.sql.parse import MAX_TEXT_BYTES, Refused, UnparsableStatement, parse, scan
from tests.unit.sql.world import CATALOG

DEEP = {
    "plus": "SELECT 1" + "+1" * 40_000,
    "cast": "SELECT 1" + "::int" * 40_000,
    "union": "SELECT 1" + " UNION SELECT 1" * 17_000,
    "many unions": "SELECT 1" + " UNION SELECT 1" * 20_000,
    "brackets": "SELECT " + "(" * 40_000 + "1" + ")" * 40_000,
    "subqueries": "SELECT " + "(SELECT " * 20_000 + "1" + ")" * 20_000,
    "not": "SELECT " + "NOT " * 60_000 + "true",
    "minus": "SELECT " + "- " * 60_000 + "1",
    "joins": "SELECT * FROM a" + " JOIN a ON true" * 15_000,
    "case": "SELECT " + "CASE WHEN true THEN " * 10_000 + "1" + " END" * 10_000,
    "arrays": "SELECT " + "ARRAY[" * 30_000 + "1" + "]" * 30_000,
    "isnull": "SELECT 1" + " ISNULL" * 36_000,
    "collate": "SELECT a" + ' COLLATE "C"' * 15_000,
    "calls": "SELECT " + "f(" * 50_000 + ")" * 50_000,
    "time zone": "SELECT 1" + " AT TIME ZONE 'x'" * 10_000,
    "moderate": "SELECT 1" + "+1" * 900,
    "plus signs": "SELECT " + "+" * 250_000 + "1",
    "signs": "SELECT " + "+-" * 120_000 + "1",
    "comments in comments": "/*" + "/**/" * 60_000 + "*/ SELECT 1",
    "signs in pieces": "SELECT " + ("+" * 1_000 + "1") * 200,
    "bracketed": "SELECT " + "(1+" * 120 + "1" + ")" * 120 + "+1" * 400,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_text_is_refused(name: str) -> None:
    with pytest.raises(UnparsableStatement) as refused:
        analyze(DEEP[name], CATALOG, ("public",))
    assert refused.value.refused in (Refused.TOO_DEEP, Refused.TOO_MANY_TOKENS, Refused.TOO_LARGE)


@pytest.mark.parametrize("thread", [False, True])
def test_deep_text_does_not_take_the_process_down(thread: bool) -> None:
    code = f"""
import threading
from tests.unit.sql.test_parse import DEEP
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.analyze import analyze
from tests.unit.sql.world import CATALOG
refused = []
def run():
    for text in DEEP.values():
        try:
            analyze(text, CATALOG, None)
        except UnparsableStatement:
            refused.append(text)
if {thread}:
    worker = threading.Thread(target=run)
    worker.start()
    worker.join()
else:
    run()
print(len(refused))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, str(len(DEEP))), run.stderr


def test_the_parser_itself_survives_what_the_guard_would_stop() -> None:
    """Second line: were a count wrong, libpg_query and orjson must still fail cleanly."""
    code = """
from tests.unit.sql.test_parse import DEEP
from govproxy.sql import parse
parse.refuse_deep = lambda tokens: None
parse.MAX_TEXT_BYTES = 10**9
for name, text in DEEP.items():
    try:
        parse.parse(text)
    except parse.UnparsableStatement:
        print(name, flush=True)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.splitlines()) == (0, list(DEEP)), run.stderr


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("SELECT a\0 FROM t", Refused.NUL, 8),
        ("SELECT '\ud800'", Refused.ENCODING, 8),
        ("x" * (MAX_TEXT_BYTES + 1), Refused.TOO_LARGE, None),
        ("é" * (MAX_TEXT_BYTES // 2 + 1), Refused.TOO_LARGE, None),
        ("SELECT 1 FRM t FROM", Refused.SYNTAX, 13),
        ("SELECT 'a", Refused.SYNTAX, 7),
        ("SELECT 1 FROM", Refused.SYNTAX, None),
        ("SELECT ,", Refused.SYNTAX, 7),
        ("SELECT " + "1," * 40_000 + "1", Refused.TOO_MANY_TOKENS, None),
        ("SELECT 1;" * 2_001, Refused.TOO_MANY_STATEMENTS, None),
        ("SELECT " + "+" * 3_000 + "1", Refused.TOO_DEEP, 7),
    ],
)
def test_refusals(text: str, reason: Refused, position: int | None) -> None:
    with pytest.raises(UnparsableStatement) as refused:
        parse(text)
    assert (refused.value.refused, refused.value.position) == (reason, position)


def test_a_refusal_is_the_clients_fault_and_quotes_nothing() -> None:
    with pytest.raises(UnparsableStatement) as refused:
        parse("SELECT 'secret' FROMM t WHERE password = 'hunter2' (")
    assert isinstance(refused.value, ClientFault)
    assert refused.value.sqlstate == "42601"
    assert "hunter2" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["", " ", ";", " ; ;", "-- nothing", "/* nothing */"])
def test_empty_texts_have_no_statements(text: str) -> None:
    assert parse(text) == []


def test_every_statement_is_there_with_its_place() -> None:
    first, second = parse("SELECT 1;; SELECT 'é', 2")
    assert "SelectStmt" in first["stmt"]
    assert second["stmt_location"] == 11


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES " + ",".join(["(1, 'x', 2.5)"] * 5_000),
        "SELECT 1 FROM t WHERE id IN (" + ",".join(map(str, range(10_000))) + ")",
        "SELECT 1 FROM t WHERE " + " OR ".join(f"(a = {i} AND b = {i})" for i in range(3_000)),
        "SELECT 1 FROM t WHERE " + " AND ".join(f"a <> {i}" for i in range(5_000)),
        "SELECT " + " || ".join(["name"] * 200) + " FROM t",
        " UNION ALL ".join(["SELECT 1"] * 200),
        "SELECT * FROM t " + " ".join(f"JOIN t t{i} ON t{i}.id = t.id" for i in range(60)),
    ],
    ids=["insert", "in", "or", "and", "concat", "union", "joins"],
)
def test_long_honest_texts_pass(text: str) -> None:
    assert len(parse(text)) == 1
    assert analyze(text, CATALOG, ("public",)).statements


def test_scan_names_places_in_characters() -> None:
    tokens = scan("SELECT é, 'a'")
    assert [(token.start, token.end) for token in tokens] == [(0, 5), (7, 7), (8, 8), (10, 12)]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t WHERE " + "id IN (SELECT id FROM (SELECT id FROM t WHERE " * 55 + "a = 1" + ") s)" * 55,
        "WITH c0 AS (SELECT id FROM t LIMIT 1), "
        + ", ".join(f"c{i} AS (SELECT x.id FROM c{i - 1} x, c{i - 1} y)" for i in range(1, 60))
        + " DELETE FROM t WHERE id IN (SELECT id FROM c59)",
        "WITH " + ", ".join(f"c{i} AS (SELECT 1)" for i in range(9_000)) + " SELECT 1",
        "SELECT " + ", ".join(["pid"] * 9_000) + " FROM " + ", ".join(["pg_stat_activity"] * 9_000),
        "DELETE FROM t WHERE id < 0 OR id > 9000 OR "
        + " OR ".join(f"id BETWEEN {i} AND {i + 1}" for i in range(6_000)),
        "DELETE FROM t WHERE " + "(" * 100 + "id = 1" + " OR a = 2)" * 100,
    ],
    ids=["subqueries", "ctes on ctes", "many ctes", "columns by relations", "intervals", "nested or"],
)
def test_analysis_costs_no_more_than_the_text(text: str) -> None:
    """Bounds hold by counting, not by the clock: without them these would run for hours."""
    assert analyze(text, CATALOG, ("public",)).statements
