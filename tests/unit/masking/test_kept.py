"""A column keeps its class under a new name, until a person or its values say otherwise."""

from __future__ import annotations

from govproxy.masking.classify import Correction, classify
from govproxy.masking.kept import KeptClasses
from govproxy.sql.catalog import Catalog, Column, ColumnRef, Relation, RelationKind

NUMERIC = 1700
SALARY = ColumnRef(20_000, 2)


def _catalog(name: str, *, table: str = "staff", oid: int = 20_000) -> Catalog:
    columns = (
        Column(name="id", attnum=1, type_oid=23, base_type_oid=23, typmod=-1, is_key=True),
        Column(name=name, attnum=2, type_oid=NUMERIC, base_type_oid=NUMERIC, typmod=-1),
    )
    relation = Relation(oid=oid, schema="public", name=table, kind=RelationKind.TABLE, columns=columns)
    return Catalog.build(database="d", version=name + table, server_version=150000, relations=[relation])


def _seen(kept: KeptClasses, catalog: Catalog, *corrections: Correction) -> dict[ColumnRef, str]:
    found = kept.keep(catalog, classify(catalog, corrections), corrections)
    return {ref: verdict.sensitive.name for ref, verdict in found.columns.items()}


def test_a_new_name_changes_nothing_however_often_it_is_looked_at() -> None:
    kept = KeptClasses()
    assert _seen(kept, _catalog("salary")) == {SALARY: "income"}
    assert _seen(kept, _catalog("c9")) == {SALARY: "income"}
    assert _seen(kept, _catalog("c9")) == {SALARY: "income"}
    assert _seen(kept, _catalog("c10", table="other")) == {SALARY: "income"}
    assert _seen(kept, _catalog("salary")) == {SALARY: "income"}


def test_a_column_that_never_had_a_class_has_none() -> None:
    kept = KeptClasses()
    assert _seen(kept, _catalog("c9")) == {}
    assert _seen(kept, _catalog("c10")) == {}


def test_another_table_is_another_table() -> None:
    kept = KeptClasses()
    _seen(kept, _catalog("salary"))
    assert _seen(kept, _catalog("c9", oid=20_001)) == {}


def test_a_correction_has_the_last_word() -> None:
    kept = KeptClasses()
    _seen(kept, _catalog("salary"))
    assert _seen(kept, _catalog("c9"), Correction(pattern="public.staff.c9", tag="none")) == {}
    assert _seen(kept, _catalog("c9"), Correction(pattern="public.staff.c9", tag="PII.email")) == {SALARY: "email"}


def test_a_new_name_makes_no_column_less_sensitive_and_may_make_it_more() -> None:
    kept = KeptClasses()
    assert _seen(kept, _catalog("salary")) == {SALARY: "income"}
    assert _seen(kept, _catalog("credit_score")) == {SALARY: "income"}, "of the same level, with rights of its own"
    assert _seen(kept, _catalog("age")) == {SALARY: "income"}
    assert _seen(kept, _catalog("ssn")) == {SALARY: "ssn"}
    assert _seen(kept, _catalog("salary")) == {SALARY: "ssn"}


def test_a_memory_goes_on_where_another_ended() -> None:
    first = KeptClasses()
    _seen(first, _catalog("salary"))
    second = KeptClasses(first.known)
    assert _seen(second, _catalog("c9")) == {SALARY: "income"}
    assert second.known == first.known


def test_a_catalog_that_shows_nothing_makes_nothing_forgotten() -> None:
    kept = KeptClasses()
    _seen(kept, _catalog("salary"))
    nothing = Catalog.build(database="d", version="", server_version=150000)
    assert _seen(kept, nothing) == {}
    assert _seen(kept, _catalog("c9")) == {SALARY: "income"}
