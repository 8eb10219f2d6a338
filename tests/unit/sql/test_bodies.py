"""Bodies of functions as statements: what is found in them, and what makes them unreadable."""

from __future__ import annotations

import pytest

from govproxy.sql.bodies import MAX_BODY_CHARS, Header, read

TRIGGER = Header(returns="trigger")
ARGUMENTS = Header(names=("a", "b"))


def kinds(text: str, header: Header = TRIGGER, language: str = "plpgsql") -> list[str]:
    """Statements found, besides expressions."""
    body = read(language, text, header)
    assert body.understood
    return sorted(kind for statement in body.statements for kind in statement if kind != "SelectStmt")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("BEGIN NEW.updated_at = now(); RETURN NEW; END", []),
        ("BEGIN DELETE FROM t WHERE id = OLD.id; RETURN OLD; END;", ["DeleteStmt"]),
        ("DECLARE g geometry(Point, 4326); BEGIN g := NEW.g; RETURN NEW; END", []),
        (
            "BEGIN IF TG_OP = 'X' THEN TRUNCATE t; ELSE UPDATE t SET a = 1; END IF; RETURN NULL; END",
            ["TruncateStmt", "UpdateStmt"],
        ),
        ("BEGIN BEGIN NULL; EXCEPTION WHEN others THEN DROP TABLE t; END; RETURN NULL; END", ["DropStmt"]),
        ("BEGIN EXECUTE 'DROP TABLE t'; RETURN NULL; END", ["DropStmt"]),
        (
            "BEGIN EXECUTE format('DELETE FROM %I.%I WHERE a = %L', TG_TABLE_SCHEMA, TG_TABLE_NAME || '_log', 1); END",
            ["DeleteStmt"],
        ),
        ("BEGIN EXECUTE 'INSERT INTO ' || quote_ident(TG_ARGV[0]) || ' SELECT $1.*' USING NEW; END", ["InsertStmt"]),
        (
            "DECLARE r record; BEGIN FOR r IN DELETE FROM t RETURNING id LOOP NULL; END LOOP; RETURN NULL; END",
            ["DeleteStmt"],
        ),
        (
            "DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT 1' LOOP GRANT ALL ON t TO public; END LOOP; END",
            ["GrantStmt"],
        ),
        ("DECLARE c CURSOR FOR SELECT f(1); BEGIN OPEN c; CALL p(); RETURN NULL; END", ["CallStmt"]),
        (
            "DECLARE v shop.orders%ROWTYPE; m shop.mood := 'x'; BEGIN v.id := 1; DELETE FROM t; RETURN NULL; END",
            ["DeleteStmt"],
        ),
    ],
)
def test_statements_are_found(text: str, found: list[str]) -> None:
    assert kinds(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END",
        "BEGIN EXECUTE 'DELETE FROM ' || TG_ARGV[0]; RETURN NULL; END",
        "BEGIN EXECUTE format('DELETE FROM %s', TG_ARGV[0]); RETURN NULL; END",
        "BEGIN EXECUTE format(TG_ARGV[0]); RETURN NULL; END",
        "BEGIN EXECUTE format('SELECT %1$s', TG_ARGV[0]); RETURN NULL; END",
        "BEGIN EXECUTE format('SELECT %I'); RETURN NULL; END",
        "BEGIN EXECUTE concat('DROP TABLE ', TG_ARGV[0]); RETURN NULL; END",
        "DECLARE q text := 'DROP TABLE t'; BEGIN EXECUTE q; RETURN NULL; END",
        "DECLARE r record; BEGIN FOR r IN EXECUTE TG_ARGV[0] LOOP NULL; END LOOP; RETURN NULL; END",
        "DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE TG_ARGV[0]; RETURN NULL; END",
        "BEGIN this is not code; RETURN NULL; END",
        "#option dump\nBEGIN RETURN NULL; END",
        "BEGIN " * 6_000 + "NULL;" + " END;" * 6_000,
        "BEGIN " + "IF a THEN " * 3_000 + "NULL;" + " END IF;" * 3_000 + " END",
        "BEGIN DELETE FROM; RETURN NULL; END",
        "BEGIN NULL; END " + " " * MAX_BODY_CHARS,
        "BEGIN RETURN " + "(" * 500 + "1" + ")" * 500 + "; END",
    ],
)
def test_what_cannot_be_told_is_unreadable(text: str) -> None:
    assert not read("plpgsql", text, TRIGGER).understood


def test_what_the_parser_leaves_out_is_found_or_makes_it_unreadable() -> None:
    body = read("plpgsql", "DECLARE v record := evil(1); BEGIN RETURN NULL; END", TRIGGER)
    assert body.understood
    assert any("FuncCall" in str(statement) for statement in body.statements)


@pytest.mark.parametrize("language", ["plpython3u", "c", "internal", "plv8", ""])
def test_other_languages_are_unreadable(language: str) -> None:
    assert not read(language, "x", Header()).understood
    assert not read("sql", None, Header()).understood


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT 1; DELETE FROM t WHERE id = a", ["DeleteStmt"]),
        ("BEGIN ATOMIC\n DELETE FROM public.t;\n SELECT 1;\nEND", ["DeleteStmt"]),
        ("RETURN (a + 1)", []),
        ("", []),
    ],
)
def test_bodies_in_sql(text: str, found: list[str]) -> None:
    assert kinds(text, ARGUMENTS, "sql") == found


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("BEGIN RETURN a + b; END", ARGUMENTS),
        ("BEGIN b := a; RETURN; END", Header(names=("a", "b"), modes="io")),
        ("BEGIN b := a; RETURN NEXT; RETURN QUERY SELECT 1; END", Header(names=("a", "b"), modes="it", returns="set")),
        ("BEGIN RETURN NEXT a; END", Header(names=("a",), returns="set")),
        ("BEGIN COMMIT; ROLLBACK; END", Header(names=("a",), modes="b", procedure=True)),
        ("BEGIN PERFORM 1; RETURN; END", Header(returns="void")),
        ("BEGIN a.x := 1; RETURN a; END", Header(names=("a",), rows=(True,))),
        ("BEGIN NULL; END", Header(returns="block")),
    ],
)
def test_any_form_of_function_is_read(text: str, header: Header) -> None:
    assert kinds(text, header) == []
