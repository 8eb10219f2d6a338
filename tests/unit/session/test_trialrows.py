"""Questions about the rows of a trial: nothing from outside gets into their text."""

from __future__ import annotations

import pytest

from govproxy.session.trialrows import Given, Shown
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


def test_parameters_are_as_the_bind_has_them() -> None:
    body = bound(portal="p", statement="s", values=[b"\0\1", None], parameter_formats=[1, 0])
    given = Given.of(body)
    assert given == Given(statement="s", formats=(1, 0), values=(b"\0\1", None))
    assert "\\x01" not in repr(given)
    assert Given.of(bound(statement="s")) is None
    assert Given.of(bound(statement="s", values=[b"x"], parameter_formats=[2])) is None
