"""Questions about the rows of a trial: nothing from outside gets into their text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from govproxy.approvals.rehearsals import Changed
from govproxy.session.trialrows import NOT_ADDED, UNFOUND, Given, Shown
from govproxy.sql.catalog import Relation, RelationKind
from govproxy.wire.framing import HEADER_BYTES
from govproxy.wire.frontend import encode_bind

ODD = Relation(oid=7, schema='s"x', name="t;--", kind=RelationKind.TABLE, columns=())
SHOWN = Shown(relation=ODD, keys=("k",), names=('a"b',))


def bound(**options: object) -> bytes:
    """The body of a Bind."""
    return encode_bind(**options)[HEADER_BYTES:]  # type: ignore[arg-type]


def test_names_and_keys_are_quoted() -> None:
    asked = SHOWN.after([("it's; DROP TABLE t", "x"), (None, "y")])
    assert 'FROM "s""x"."t;--" WHERE' in asked
    assert '"k"::pg_catalog.text, "a""b"::pg_catalog.text' in asked
    assert "'it''s; DROP TABLE t'" in asked
    assert "OPERATOR(pg_catalog.=) NULL" in asked


def test_rows_are_made_by_numbers_only() -> None:
    assert "ARRAY['12', '7']::pg_catalog.xid[]" in SHOWN.made_by({"7", "12"})
    for odd in ("1'] OR true --", "", "-1", "١"):
        with pytest.raises(ValueError, match="number"):
            SHOWN.made_by({"7", odd})


def test_rows_that_are_replaced_are_watched_by_numbers_only() -> None:
    asked = SHOWN.watching({"7", "12"}, -3)
    assert asked.startswith('SELECT "tableoid"::pg_catalog.text, "ctid"::pg_catalog.text, "k"::pg_catalog.text')
    assert "<>) ALL (ARRAY['12', '7']::pg_catalog.xid[])" in asked
    assert "(-3)" in asked
    with pytest.raises(ValueError, match="number"):
        SHOWN.watching({"1'] OR true --"}, 0)
    assert "'it''s; DROP TABLE t'" in SHOWN.now([("7", "(0,1)", "it's; DROP TABLE t", "x")])
    known = SHOWN.made_by({"7"}, known=[("it's", "x"), ("b", "y")])
    assert known.endswith("= 'b')) LIMIT 3".replace("=", "OPERATOR(pg_catalog.=)"))
    assert "AND NOT ((" in known


def test_rows_that_are_only_locked_are_not_replaced() -> None:
    watched = [
        ("7", "(0,1)", "a", "was"),
        ("7", "(0,2)", "b", "was"),
        ("7", "(0,3)", "c", "was"),
        ("8", "(0,1)", "d", "x"),
    ]
    now = [("7", "(0,1)", "a", "was"), ("7", "(0,9)", "b", "is"), ("9", "(0,1)", "d", "y")]
    assert SHOWN.replaced(watched, now) == [(("b", "was"), ("is",)), (("c", "was"), None), (("d", "x"), ("y",))]


def test_what_is_not_known_of_replaced_rows_is_said() -> None:
    shown = replace(SHOWN, replaces=True, tables=frozenset({'s"x.t;--'}))

    def left_out(found: int, inserted: int, updated: int, deleted: int, table: str = 's"x.t;--') -> list[str]:
        return shown.left_out([Changed(table=table, inserted=inserted, updated=updated, deleted=deleted)], found)

    assert left_out(2, 9, 1, 1) == left_out(5, 0, 9, 9) == left_out(0, 0, 9, 9, "s.other") == []
    assert left_out(1, 0, 1, 1) == [UNFOUND]
    assert left_out(5, 1, 9, 9) == [NOT_ADDED]


def test_parameters_are_as_the_bind_has_them() -> None:
    body = bound(portal="p", statement="s", values=[b"\0\1", None], parameter_formats=[1, 0])
    given = Given.of(body)
    assert given == Given(statement="s", formats=(1, 0), values=(b"\0\1", None))
    assert "\\x01" not in repr(given)
    assert Given.of(bound(statement="s")) is None
    assert Given.of(bound(statement="s", values=[b"x"], parameter_formats=[2])) is None
