"""What a table's definitions ask about a row that is written counts as asked by who brings a value to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from govproxy.sql.catalog import Trigger, Type
from tests.support.lineage import catalog, function, lineage, named, relation, user_type, view

PAY = relation("pay", "id:23 salary:1700 cap:1700 note word")
VIEW = view("caps", "nr upper", "SELECT id, cap FROM public.pay")
PAY_ROW = user_type("pay", "c")
TRIGGER = Type(oid=2279, schema="pg_catalog", name="trigger", kind="p", category="P")


def asked(sql: str, *tests: tuple[str, str], **more: Any) -> set[str]:
    """The columns of the table that a statement compares, with these tests on it."""
    known = catalog(replace(PAY, tests=tests, **more), VIEW)
    return named(known, [use.column for use in lineage(sql, known).uses])


CHECK = ("check", "(cap >= salary)")
WHEN = ("trigger", "CREATE TRIGGER t BEFORE UPDATE ON public.pay FOR EACH ROW WHEN ({}) EXECUTE FUNCTION f()")
RULE = ("rule", "CREATE RULE r AS ON UPDATE TO public.pay WHERE ({}) DO INSTEAD NOTHING;")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE pay SET cap = 5",
        "UPDATE pay SET (note, cap) = ('x', $1)",
        "UPDATE caps SET upper = 5",
        "INSERT INTO pay (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET cap = 5",
        "INSERT INTO pay (id, salary, cap) SELECT 2, salary, 5 FROM pay",
        "MERGE INTO pay p USING (SELECT 1 AS n) x ON p.id = x.n WHEN MATCHED THEN UPDATE SET cap = 5",
        "WITH w AS (UPDATE pay SET cap = 5 RETURNING id) SELECT 1",
    ],
)
def test_a_check_compares_what_is_written(sql: str) -> None:
    assert "pay.salary" in asked(sql, CHECK)
    assert "pay.salary" not in asked(sql)


@pytest.mark.parametrize("test", [("check", "(cap >=> "), ("trigger", "CREATE TRIGGER what"), ("rule", "1; 2")])
def test_a_definition_that_cannot_be_read_may_ask_anything(test: tuple[str, str]) -> None:
    assert "pay.salary" in asked("UPDATE pay SET note = 'x'", test)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE pay SET note = 'x'",
        "UPDATE pay SET cap = 5, salary = 4",
        "INSERT INTO pay (id, salary, cap) VALUES (1, 2, 3)",
        "DELETE FROM pay WHERE id = 1",
    ],
)
def test_what_the_statement_has_no_say_in_is_the_authors(sql: str) -> None:
    assert "pay.salary" not in asked(sql, CHECK)


@pytest.mark.parametrize(
    ("what", "condition"),
    [
        ("check", "salary > 0"),
        ("check", "salary > 0 OR cap > 5"),
        ("check", "num_nulls(salary, cap) < 2"),
        ("check", "salary IS NOT NULL OR cap IS NOT NULL"),
        ("trigger", "old.* IS DISTINCT FROM new.*"),
        ("trigger", "old.cap IS DISTINCT FROM new.cap AND old.salary > 0"),
    ],
)
def test_conditions_that_ask_nothing_of_what_is_written(what: str, condition: str) -> None:
    text = WHEN[1].format(condition) if what == "trigger" else condition
    assert "pay.salary" not in asked("UPDATE pay SET cap = 5", (what, text))


@pytest.mark.parametrize("kind", [WHEN, RULE])
@pytest.mark.parametrize("condition", ["new.cap < old.salary", "NOT (new.note = 'x' OR new.cap - old.salary = 0)"])
def test_conditions_of_triggers_and_rules(kind: tuple[str, str], condition: str) -> None:
    test = (kind[0], kind[1].format(condition))
    assert "pay.salary" in asked("UPDATE pay SET cap = 5", test)
    assert "pay.salary" not in asked("UPDATE pay SET word = 'x'", test)


def test_a_policy_asks_where_row_security_is_on() -> None:
    test = ("policy", "(salary < cap)")
    assert "pay.salary" in asked("UPDATE pay SET cap = 5", test, row_security=True)
    assert "pay.salary" not in asked("UPDATE pay SET cap = 5", test)


def test_an_index_may_fail() -> None:
    assert "pay.salary" in asked("UPDATE pay SET cap = 5", ("index", "(1 / (cap - salary)), lower(note)"))
    assert not asked("UPDATE pay SET note = 'x'", ("index", "lower(note || word)"))


@pytest.mark.parametrize(
    ("expression", "written", "asks"),
    [
        ("(salary - cap)", "cap", True),
        ("left(note, length(word))", "word", True),
        ("lower(note || ' ' || word)", "word", False),
    ],
)
def test_generated_columns(expression: str, written: str, asks: bool) -> None:
    columns = list(PAY.columns)
    columns[3 if written == "cap" else 1] = replace(
        columns[3 if written == "cap" else 1], default=expression, generated=True, base_type_oid=25
    )
    read = "pay.salary" if written == "cap" else "pay.note"
    assert (read in asked(f"UPDATE pay SET {written} = NULL", columns=tuple(columns))) is asks


def test_what_triggers_compare() -> None:
    body = "BEGIN IF NEW.word <> '' AND OLD.note LIKE NEW.word THEN RAISE 'no'; END IF; RETURN NEW; END"
    routine = function("guard", return_type=2279, language="plpgsql", body=body)
    on_update = Trigger(name="t", function=routine.oid, events="u")
    known = catalog(replace(PAY, triggers=(on_update,), has_triggers=True), functions=(routine,), types=(TRIGGER,))

    def uses(sql: str) -> set[str]:
        return named(known, [use.column for use in lineage(sql, known).uses])

    assert "pay.note" in uses("UPDATE pay SET word = 'x'")
    assert "pay.note" not in uses("UPDATE pay SET cap = 5")
    assert "pay.note" not in uses("UPDATE pay SET note = 'x'")


def test_a_check_over_the_whole_row() -> None:
    asks = function("valid", PAY_ROW.oid, return_type=16, body="SELECT $1.cap >= $1.salary")
    table = replace(PAY, tests=(("check", "public.valid(pay.*)"),))
    known = catalog(table, functions=(asks,), types=(replace(PAY_ROW, relation_oid=table.oid),))
    found = named(known, [use.column for use in lineage("UPDATE pay SET cap = 5", known).uses])
    assert "pay.salary" in found


def test_what_a_default_looks_up_elsewhere_is_not_written() -> None:
    looks = function("first_cap", return_type=1700, body="SELECT cap FROM public.pay")
    copied = replace(relation("copy", "id:23 cap:1700 salary:1700"), runs=(("default", looks.oid),))
    columns = tuple(replace(c, default="public.first_cap()") if c.name == "salary" else c for c in copied.columns)
    known = catalog(replace(PAY, tests=(CHECK,)), replace(copied, columns=columns), functions=(looks,))
    found = named(known, [use.column for use in lineage("UPDATE copy SET salary = 5", known).uses])
    assert not found
