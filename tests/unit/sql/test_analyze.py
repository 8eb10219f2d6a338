"""A text as a whole: several statements, what the session made before, an unknown search path."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from govproxy.sql import analyze as module
from govproxy.sql.analyze import STATEMENTS, Shadow, analyze
from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind
from govproxy.sql.parse import Refused, UnparsableStatement
from govproxy.sql.values import Action, Analysis, Derivation, Effect, StatementFacts
from tests.unit.sql.world import CATALOG, FUNCTIONS, RELATIONS, relation

PATH = ("public",)
EMAIL = ColumnRef(103, 3)


def one(sql: str, shadow: Shadow | None = None, path: tuple[str, ...] | None = PATH) -> StatementFacts:
    (statement,) = analyze(sql, CATALOG, path, shadow=shadow).statements
    return statement


def actions(facts: StatementFacts) -> list[tuple[str, str]]:
    return [(effect.action.value, effect.object) for effect in facts.effects]


def prepared(**texts: str) -> Shadow:
    """A session that sent ``PREPARE name AS …`` for each; several texts apart by ``|``."""
    made: dict[str, tuple[StatementFacts, ...]] = {}
    for name, sql in texts.items():
        inner = [one(f"PREPARE {name} AS {text}").inner for text in sql.split("|")]
        made[name] = tuple(facts for facts in inner if facts is not None)
    return Shadow(prepared=made)


def test_execute_does_what_was_prepared() -> None:
    facts = one("EXECUTE a(1)", prepared(a="DELETE FROM t"))
    assert actions(facts) == [("prepare", "a"), ("delete", "public.t")]
    assert facts.effects[1].facts["where"] == "missing"


def test_execute_shows_what_was_prepared() -> None:
    facts = one("EXECUTE a", prepared(a="SELECT email FROM customers"))
    assert facts.outputs is not None
    assert facts.outputs[0].sources == {EMAIL}
    assert facts.outputs[0].derivation is Derivation.PLAIN


def test_execute_counts_every_candidate() -> None:
    facts = one("EXECUTE a", prepared(a="SELECT id FROM t|SELECT email FROM customers"))
    assert {name for _, name in actions(facts)} == {"a", "public.t", "public.customers"}
    assert facts.outputs is not None
    assert facts.outputs[0].sources >= {EMAIL, ColumnRef(100, 1)}
    assert facts.outputs[0].derivation is Derivation.OPAQUE


def test_candidates_of_different_width_have_no_known_outputs() -> None:
    facts = one("EXECUTE a", prepared(a="SELECT id FROM t|SELECT id, email FROM customers"))
    assert facts.outputs is None
    assert facts.opaque


def test_execute_of_an_unknown_name_is_unknown() -> None:
    facts = one("EXECUTE other", prepared(a="SELECT 1"))
    assert Action.UNKNOWN in {effect.action for effect in facts.effects}
    assert facts.outputs is None


def test_execute_accepts_the_facts_of_prepare_itself() -> None:
    facts = one("PREPARE a AS DELETE FROM t WHERE id = 1")
    assert ("delete", "public.t") in actions(one("EXECUTE a", Shadow(prepared={"a": (facts,)})))


def test_arguments_of_execute_are_looked_at() -> None:
    facts = one("EXECUTE a((SELECT email FROM customers LIMIT 1))", prepared(a="SELECT $1"))
    assert ("select", "public.customers") in actions(facts)
    assert 103 in facts.reads


def test_fetch_shows_what_the_cursor_shows() -> None:
    declared = one("DECLARE c CURSOR FOR SELECT email FROM customers")
    assert declared.inner is not None
    assert declared.session.cursors == ("c",)
    facts = one("FETCH ALL FROM c", Shadow(cursors={"c": (declared.inner,)}))
    assert facts.outputs is not None
    assert facts.outputs[0].sources == {EMAIL}
    assert 103 in facts.reads


def test_fetch_from_an_unknown_cursor_is_opaque() -> None:
    facts = one("FETCH c")
    assert (facts.outputs, facts.opaque) == (None, True)


@pytest.mark.parametrize(
    ("sql", "cacheable"),
    [
        ("SELECT 1", True),
        ("PREPARE a AS SELECT 1", True),
        ("EXECUTE a", False),
        ("FETCH c", False),
        ("SELECT 1; FETCH c", False),
        ("EXPLAIN EXECUTE a", False),
        ("CREATE TEMP TABLE x (a int)", False),
        ("SELECT * FROM pg_temp.x", False),
    ],
)
def test_what_depends_on_the_session_is_not_cached(sql: str, cacheable: bool) -> None:
    assert analyze(sql, CATALOG, PATH).cacheable is cacheable


def test_an_unknown_path_means_every_relation_of_the_name() -> None:
    facts = one("DELETE FROM t WHERE id = 1", path=None)
    assert {(effect.object, effect.facts["ambiguous"]) for effect in facts.effects} == {
        ("public.t", True),
        ("archive.t", True),
    }


def test_by_key_must_hold_for_every_relation_that_may_be_meant() -> None:
    other = relation(900, "t", "code!", "id", schema="other", primary_key=(1,))
    catalog = Catalog.build(database="d", version="1", server_version=150000, relations=(*RELATIONS, other))
    (facts,) = analyze("DELETE FROM t WHERE id = 1", catalog, None).statements
    assert {effect.facts["where"] for effect in facts.effects} == {"effective"}


def test_a_temporary_relation_hides_another_and_both_count() -> None:
    facts = one("DELETE FROM t WHERE id = 1", Shadow(temporary=frozenset({"t"})))
    assert {(effect.object, effect.temporary) for effect in facts.effects} == {
        ("pg_temp.t", True),
        ("public.t", False),
    }
    assert one("INSERT INTO x VALUES (1)", Shadow(temporary=frozenset({"x"}))).effects == (
        Effect(action=Action.INSERT, kind="table", schema="pg_temp", name="x", temporary=True),
    )


def test_creating_a_temporary_relation_that_hides_another_says_so() -> None:
    (effect,) = one("CREATE TEMP TABLE customers (id int)").effects
    assert (effect.temporary, effect.facts) == (True, {"shadows": True})


def test_a_view_shows_its_bases_its_partners_and_the_dangers_inside() -> None:
    definition = (
        " SELECT v_customers.email,\n    pg_read_file('x'::text) AS f\n   FROM (public.v_customers\n"
        "     JOIN public.u ON ((u.id = v_customers.id)))\n  WHERE (EXISTS ( SELECT 1 FROM archive.t));"
    )
    view = relation(500, "outer_view", "email", "f", kind=RelationKind.VIEW, definition=definition)
    catalog = Catalog.build(
        database="d", version="1", server_version=150000, relations=(*RELATIONS, view), functions=FUNCTIONS
    )
    (facts,) = analyze("SELECT email FROM outer_view", catalog, PATH).statements
    found = {(effect.action.value, effect.object, effect.facts.get("via")) for effect in facts.effects}
    assert found == {
        ("select", "public.outer_view", None),
        ("select", "public.v_customers", "public.outer_view"),
        ("select", "public.customers", "public.outer_view"),
        ("select", "public.u", "public.outer_view"),
        ("select", "archive.t", "public.outer_view"),
        ("admin", "pg_catalog.pg_read_file", "public.outer_view"),
    }
    assert facts.opaque


def test_a_view_that_does_not_parse_is_opaque() -> None:
    view = relation(500, "odd", "a", kind=RelationKind.VIEW, definition="SELECT FROM FROM")
    catalog = Catalog.build(database="d", version="1", server_version=150000, relations=(view,))
    assert analyze("SELECT a FROM odd", catalog, PATH).statements[0].opaque


def test_a_sensitive_catalog_behind_a_view_is_seen() -> None:
    view = relation(
        500, "mine", "v", kind=RelationKind.VIEW, definition="SELECT s.most_common_vals AS v FROM pg_stats s;"
    )
    stats = relation(501, "pg_stats", "most_common_vals", schema="pg_catalog", kind=RelationKind.VIEW)
    catalog = Catalog.build(database="d", version="1", server_version=150000, relations=(view, stats))
    (facts,) = analyze("SELECT v FROM mine", catalog, PATH).statements
    assert ("pg_catalog.pg_stats", "sensitive") in {
        (effect.object, effect.facts.get("catalog")) for effect in facts.effects
    }


def test_an_unknown_statement_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {kind: entry for kind, entry in STATEMENTS.items() if kind != "TruncateStmt"}
    monkeypatch.setattr(module, "STATEMENTS", without)
    (facts,) = analyze("TRUNCATE t", CATALOG, PATH).statements
    assert [(effect.action, effect.facts["node"]) for effect in facts.effects] == [(Action.UNKNOWN, "TruncateStmt")]
    assert (facts.outputs, facts.opaque, facts.session.settings, facts.session.catalog) == (None, True, True, True)


def test_python_running_out_of_stack_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(module, "STATEMENTS", {"SelectStmt": ("SELECT", deep)})
    with pytest.raises(UnparsableStatement) as refused:
        analyze("SELECT 1", CATALOG, PATH)
    assert refused.value.refused is Refused.TOO_DEEP


def test_an_empty_text_has_no_statements() -> None:
    assert analyze(" -- nothing\n", CATALOG, PATH) == Analysis(
        statements=(), redacted_sql="", digest=analyze("", CATALOG, PATH).digest
    )


def test_results_are_values_that_travel() -> None:
    found = analyze("SELECT lower(email) FROM v_customers; EXPLAIN DELETE FROM t", CATALOG, PATH)
    assert pickle.loads(pickle.dumps(found)) == found
    assert dataclasses.is_dataclass(found)


@pytest.mark.parametrize(
    ("sql", "derivation"),
    [
        ("EXPLAIN SELECT email FROM customers", Derivation.EXPRESSION),
        ("EXPLAIN ANALYZE SELECT email FROM customers", Derivation.EXPRESSION),
        ("EXPLAIN SELECT leak(1)", Derivation.OPAQUE),
    ],
)
def test_a_plan_may_hold_what_the_planner_computed(sql: str, derivation: Derivation) -> None:
    facts = one(sql)
    assert facts.outputs is not None
    assert [output.derivation for output in facts.outputs] == [derivation]


@pytest.mark.parametrize(
    ("sql", "target"), [("COPY customers TO '/tmp/x'", "file"), ("COPY customers TO PROGRAM 'x'", "program")]
)
def test_copying_to_the_server_is_a_flow(sql: str, target: str) -> None:
    facts = one(sql)
    assert facts.outputs == ()
    assert [(flow.target, EMAIL in flow.sources) for flow in facts.flows] == [(target, True)]


def test_copy_leaves_generated_columns_out() -> None:
    table = relation(600, "g", "id", "double")
    columns = (table.columns[0], dataclasses.replace(table.columns[1], generated=True))
    catalog = Catalog.build(
        database="d", version="1", server_version=150000, relations=(dataclasses.replace(table, columns=columns),)
    )
    (facts,) = analyze("COPY g TO STDOUT", catalog, PATH).statements
    assert [output.name for output in facts.outputs or ()] == ["id"]


def test_what_is_made_goes_where_something_can_be_made() -> None:
    """The path in force names pg_catalog first, and the temporary schema."""
    for sql, kind in (("CREATE TABLE made (id int)", "table"), ("CREATE VIEW made AS SELECT 1", "view")):
        for path in (("public",), ("pg_catalog", "public"), ("pg_temp_3", "pg_catalog", "public", "archive")):
            (statement,) = analyze(sql, CATALOG, path).statements
            (made,) = [effect for effect in statement.effects if effect.action is Action.CREATE]
            assert (made.kind, made.object) == (kind, "public.made")
