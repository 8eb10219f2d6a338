"""What a WHERE is worth: the cases stand in ``data/where.txt``, a line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.sql import parse
from govproxy.sql.tree import new_walk
from govproxy.sql.where import classify
from tests.unit.sql.world import CATALOG

CASES = [
    line.split(maxsplit=1)
    for line in (Path(__file__).parent / "data" / "where.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("expected", "sql"), CASES, ids=[sql for _, sql in CASES])
def test_where(expected: str, sql: str) -> None:
    walk = new_walk()
    walk.visit(parse.parse(sql)[0]["stmt"])
    (write,) = walk.writes
    source = write.body.get("usingClause") or write.body.get("fromClause") or []
    found = classify(
        write.body.get("whereClause"),
        write.body["relation"],
        source,
        catalog=CATALOG,
        search_path=("public",),
        ctes=write.ctes,
    )
    assert found == expected
