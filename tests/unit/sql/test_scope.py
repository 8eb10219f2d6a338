"""Values with sources, and what names mean level by level."""

from __future__ import annotations

from govproxy.sql.catalog import ColumnRef
from govproxy.sql.scope import CONSTANT, UNKNOWN, Part, RangeItem, Rows, Scope, Value, combine, either, opaque, rename
from govproxy.sql.values import Derivation

A = Value(frozenset({ColumnRef(1, 1)}), Derivation.PLAIN, 25)
B = Value(frozenset({ColumnRef(1, 2)}), Derivation.PLAIN, 25)
COUNT = Value(frozenset({ColumnRef(1, 3)}), Derivation.AGGREGATE_SAFE)


def test_combining_takes_the_union_and_the_worst() -> None:
    assert combine([A, B]) == Value(A.sources | B.sources, Derivation.EXPRESSION)
    assert combine([A]).derivation is Derivation.EXPRESSION
    assert combine([COUNT, CONSTANT]).derivation is Derivation.AGGREGATE_SAFE
    assert combine([COUNT, A]).derivation is Derivation.EXPRESSION
    assert combine([A, UNKNOWN]) == Value(A.sources, Derivation.OPAQUE)
    assert combine([]) == CONSTANT
    assert opaque([A]) == Value(A.sources, Derivation.OPAQUE)


def test_either_of_equals_is_untouched() -> None:
    assert either([A, A]) is A
    assert either([A, B]) == Value(A.sources | B.sources, Derivation.EXPRESSION, 25)


def test_rows_of_one_form_are_told_apart_field_by_field() -> None:
    one = RangeItem("t", (("x", A), ("y", B))).whole()
    two = RangeItem("t", (("x", B), ("y", B))).whole()
    assert either([one, two]).row == (("x", either([A, B])), ("y", B))
    assert either([one, RangeItem("t", (("x", A),)).whole()]).row is None


def test_renaming_leaves_the_rest() -> None:
    assert rename((("a", A), ("b", B)), ["x"]) == (("x", A), ("b", B))
    assert rename((("a", A),), ["x", "y"]) == (("x", A),)


def test_inner_names_hide_outer_ones() -> None:
    outer = Scope(None, RangeItem("t", (("a", A),)).part())
    inner = Scope(outer, RangeItem("u", (("a", B),)).part())
    assert inner.column("a") == B
    assert inner.item("t") is not None
    assert Scope(inner).column("a") == B
    assert inner.column("b") is None


def test_a_name_given_twice_means_both() -> None:
    part = RangeItem("t", (("a", A),)).part().beside(RangeItem("u", (("a", B),)).part())
    assert Scope(None, part).column("a") == either([A, B])


def test_a_level_that_may_have_the_column_does_not_hide_the_outer_one() -> None:
    outer = Scope(None, RangeItem("t", (("a", A),)).part())
    unknown = Scope(outer, RangeItem("u", (), wild=UNKNOWN).part())
    assert unknown.column("a") == Value(A.sources, Derivation.OPAQUE)
    several = Scope(outer, RangeItem("u", (("a", B),), certain=False).part())
    assert several.column("a") == combine([A, B])


def test_a_schema_names_only_items_without_an_alias() -> None:
    plain = RangeItem("t", (("a", A),), schemas=frozenset({"public"}))
    scope = Scope(None, plain.part())
    assert scope.item("t", "public") is plain
    assert scope.item("t", "other") is None
    assert Scope(None, RangeItem("t", ()).part()).item("t", "public") is None


def test_system_columns_belong_to_tables_only() -> None:
    table = RangeItem("t", (("a", A),), relations=(5,))
    assert Scope(None, table.part()).column("ctid") == Value(frozenset({ColumnRef(5, -1)}), Derivation.PLAIN)
    assert Scope(None, RangeItem("s", (("a", A),)).part()).column("ctid") is None


def test_a_scalar_of_unknown_rows_is_opaque() -> None:
    assert Rows((("a", A),), UNKNOWN).first() == Value(A.sources, Derivation.OPAQUE)
    assert Rows().first() == UNKNOWN
    assert Rows((("a", A), ("b", B))).first() == A


def test_everything_reaches_all_levels() -> None:
    outer = Scope(None, RangeItem("t", (("a", A),)).part())
    assert Scope(outer, RangeItem("u", (("b", B),)).part()).everything() == A.sources | B.sources
    assert Part().beside(outer.part) == outer.part
