"""Views, partitions and generated columns: what stands behind a relation's columns."""

from __future__ import annotations

from dataclasses import replace

from govproxy.sql.catalog import ColumnRef, RelationKind
from govproxy.sql.lineage import behind, trace
from govproxy.sql.values import Derivation
from tests.support.lineage import catalog, function, lineage, named, parse_one, relation, shown, view

BASE = relation("people", "id:23 name ssn")
SIMPLE = view(
    "simple",
    "who secret low n:20",
    "SELECT name, ssn, lower(ssn), (SELECT count(*) FROM public.people) FROM public.people p;",
)
NESTED = view("nested", "x", "SELECT s.secret FROM public.simple s")


def test_a_view_shows_itself_and_what_is_behind_it() -> None:
    snapshot = catalog(BASE, SIMPLE, NESTED)
    assert shown("SELECT * FROM simple", snapshot) == [
        ("who", {"simple.who", "people.name"}, "plain"),
        ("secret", {"simple.secret", "people.ssn"}, "plain"),
        ("low", {"simple.low", "people.ssn"}, "expression"),
        ("n", {"simple.n"}, "aggregate_safe"),
    ]
    assert shown("SELECT x FROM nested", snapshot) == [("x", {"nested.x", "simple.secret", "people.ssn"}, "plain")]
    assert lineage("SELECT x FROM nested", snapshot).reads == {BASE.oid, SIMPLE.oid, NESTED.oid}


def test_a_count_in_a_view_shows_nothing_of_what_it_counts() -> None:
    texts = (
        "count(p.ssn)",
        "count(DISTINCT p.ssn)",
        "(count(p.ssn))::integer",
        "COALESCE(count(p.ssn), (0)::bigint)",
        "(SELECT count(q.ssn) FROM public.people q)",
        "count(*) FILTER (WHERE p.ssn IS NOT NULL)",
    )
    for text in texts:
        counted = view("counted", "n:20", f"SELECT {text} AS n FROM public.people p")
        snapshot = catalog(BASE, counted)
        assert shown("SELECT n FROM counted", snapshot)[0][2] == "aggregate_safe"
        assert behind(ColumnRef(counted.oid, 1), snapshot) == {ColumnRef(counted.oid, 1)}


def test_other_things_in_a_view_show_what_they_are_made_of() -> None:
    texts = (
        "max(p.ssn)",
        "length(max(p.ssn))",
        "(count(p.ssn))::text || max(p.ssn)",
        "COALESCE(max(p.ssn), (count(*))::text)",
        "COALESCE(count(p.ssn), (max(p.ssn))::bigint)",
        "rank() OVER (ORDER BY p.ssn)",
        "count(*) OVER (PARTITION BY p.ssn)",
        "(SELECT rank() OVER (ORDER BY q.ssn) FROM public.people q)",
        "(SELECT count(q.ssn) FROM public.people q UNION SELECT (q.ssn)::bigint FROM public.people q)",
    )
    for text in texts:
        made = view("made", "n:20", f"SELECT {text} AS n FROM public.people p")
        for column in ("n", "n + 0"):
            ((_, sources, derivation),) = shown(f"SELECT {column} FROM made", catalog(BASE, made))
            assert "people.ssn" in sources
            assert derivation in ("expression", "opaque")
        assert ColumnRef(BASE.oid, 3) in behind(ColumnRef(made.oid, 1), catalog(BASE, made))


def test_a_materialised_view_is_a_view_whose_rows_are_stored() -> None:
    kept = replace(SIMPLE, kind=RelationKind.MATERIALISED_VIEW)
    assert shown("SELECT low FROM simple", catalog(BASE, kept))[0][1] == {"simple.low", "people.ssn"}


def test_views_that_cannot_be_read_are_opaque() -> None:
    for definition in (None, "", "SELECT syntax error(", "SELECT 1; SELECT 2", "SELECT name FROM public.people"):
        broken = view("broken", "a b", definition or "")
        traced = lineage("SELECT a FROM broken", catalog(BASE, broken))
        assert traced.opaque
        assert traced.outputs is not None
        assert traced.outputs[0].derivation is Derivation.OPAQUE


def test_names_in_a_definition_are_not_looked_up_on_the_callers_path() -> None:
    """A definition written for an empty path cannot mean the caller's tables."""
    loose = view("loose", "a", "SELECT name FROM people")
    traced = lineage("SELECT a FROM loose", catalog(BASE, loose))
    assert traced.unresolved == ("people",)
    assert traced.opaque


def test_views_in_a_ring_end() -> None:
    ring = (view("a", "x", "SELECT x FROM public.b"), view("b", "x", "SELECT x FROM public.a"))
    traced = lineage("SELECT x FROM a", catalog(*ring))
    assert traced.opaque
    assert {relation.oid for relation in ring} <= traced.reads


def test_a_user_function_in_a_view_makes_the_statement_opaque_but_only_its_column() -> None:
    mixed = view("mixed", "id washed", "SELECT id, public.wash(ssn) FROM public.people")
    snapshot = catalog(BASE, mixed, functions=[function("wash", 25)])
    traced = lineage("SELECT id, washed FROM mixed", snapshot)
    assert traced.opaque
    assert traced.outputs is not None
    assert [column.derivation for column in traced.outputs] == [Derivation.PLAIN, Derivation.OPAQUE]
    assert traced.functions == ()


def test_a_nest_of_views_costs_each_view_once() -> None:
    """Each joins the one below with itself: 2^40 ways to the bottom."""
    views = [view("v0", "x", "SELECT ssn FROM public.people")]
    for level in range(1, 41):
        below = f"public.v{level - 1}"
        views.append(view(f"v{level}", "x", f"SELECT a.x || b.x FROM {below} a, {below} b"))
    snapshot = catalog(BASE, *views)
    for level in (10, 20, 30, 40):  # in steps, so that the depth of Python's stack is not the subject
        traced = lineage(f"SELECT x FROM v{level}", snapshot)
        assert traced.outputs is not None
        assert "people.ssn" in named(snapshot, traced.outputs[0].sources)
        assert not traced.opaque


def test_snapshots_do_not_share_what_was_learned_of_views() -> None:
    other = replace(SIMPLE, definition="SELECT ssn, name, lower(name), 1 FROM public.people")
    node = parse_one("SELECT who FROM simple")
    for current, expected in ((SIMPLE, "people.name"), (other, "people.ssn"), (SIMPLE, "people.name")):
        snapshot = catalog(BASE, current)
        outputs = trace(node, snapshot, ("public",)).outputs
        assert outputs is not None
        assert expected in named(snapshot, outputs[0].sources)


def test_partitions_and_parents_share_their_columns() -> None:
    parent = relation("log", "id:23 who", kind=RelationKind.PARTITIONED, oid=100, children=(101,))
    middle = relation("log_1", "who id:23", kind=RelationKind.PARTITIONED, oid=101, parents=(100,), children=(102,))
    leaf = relation("log_11", "id:23 - who", oid=102, parents=(101,))
    snapshot = catalog(parent, middle, leaf)
    everywhere = {"log.who", "log_1.who", "log_11.who"}
    assert shown("SELECT who FROM log", snapshot) == [("who", everywhere, "plain")]
    assert shown("SELECT who FROM log_11", snapshot) == [("who", everywhere, "plain")]
    assert lineage("SELECT who FROM log", snapshot).reads == {100, 101, 102}
    assert lineage("SELECT who FROM log_11", snapshot).reads == {102}


def test_a_child_the_snapshot_does_not_know_is_opaque() -> None:
    assert lineage("SELECT id FROM log", catalog(relation("log", "id", children=(4711,)))).opaque


def test_a_generated_column_shows_what_it_is_made_of() -> None:
    made = relation("people", "id:23 ssn label")
    label = replace(made.columns[2], generated=True, default="('#'::text || ssn)")
    snapshot = catalog(replace(made, columns=(*made.columns[:2], label)))
    assert shown("SELECT label FROM people", snapshot) == [("label", {"people.label", "people.ssn"}, "plain")]


def test_storage_of_other_relations_is_opaque() -> None:
    toast = relation("pg_toast_1", "chunk", schema="pg_toast", kind=RelationKind.TOAST)
    assert lineage("SELECT chunk FROM pg_toast.pg_toast_1", catalog(toast)).opaque


def test_a_sequence_holds_no_data() -> None:
    snapshot = catalog(relation("s", kind=RelationKind.SEQUENCE))
    assert shown("SELECT last_value FROM s", snapshot) == [("last_value", set(), "constant")]
