"""Attempts to get past analysis: the cases stand in ``data/evasion.txt``, which says how to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from govproxy.sql.analyze import analyze
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Analysis, Derivation, Effect, StatementFacts
from tests.unit.sql.world import CATALOG

CASES = [
    (line.split(" || ", 1)[0].strip(), line.split(" || ", 1)[1].replace("\\r\\n", "\r\n"))
    for line in (Path(__file__).parent / "data" / "evasion.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
_EFFECT = re.compile(r"(\w+)(?::([^\[\s]+))?(?:\[(\w+)=([^\]]+)\])?$")


@pytest.mark.parametrize(("expected", "sql"), CASES, ids=[sql for _, sql in CASES])
def test_evasion(expected: str, sql: str) -> None:
    if expected == "refused":
        with pytest.raises(UnparsableStatement):
            analyze(sql, CATALOG, ("public",))
        return
    analysis = analyze(sql, CATALOG, ("public",))
    missing = [wanted for wanted in expected.split(", ") if not _found(wanted, analysis)]
    assert not missing, [statement.effects for statement in analysis.statements]


def _found(wanted: str, analysis: Analysis) -> bool:
    facts = list(_all(analysis))
    kind, _, column = wanted.partition(":")
    match kind:
        case "opaque":
            return any(item.opaque for item in facts)
        case "settings":
            return any(item.session.settings for item in facts)
        case "catalog":
            return any(item.session.catalog for item in facts)
        case "shows":
            return any(_shows(item, column) for item in facts)
        case "compares":
            return any(_named(use.column.relation, use.column.attnum, column) for item in facts for use in item.uses)
        case "stores":
            return any(
                _named(source.relation, source.attnum, column)
                for item in facts
                for flow in item.flows
                for source in flow.sources
            )
        case _:
            return any(_matches(wanted, effect) for item in facts for effect in item.effects)


def _all(analysis: Analysis) -> Iterator[StatementFacts]:
    for statement in analysis.statements:
        yield statement
        if statement.inner is not None:
            yield statement.inner


def _shows(facts: StatementFacts, column: str) -> bool:
    if facts.outputs is None:
        return True
    return any(
        output.derivation is Derivation.OPAQUE
        or any(_named(source.relation, source.attnum, column) for source in output.sources)
        for output in facts.outputs
    )


def _named(oid: int, attnum: int, column: str) -> bool:
    relation = CATALOG.relations[oid]
    table, name = column.split(".")
    found = relation.column(name)
    return relation.name == table and found is not None and attnum in (0, found.attnum)


def _matches(wanted: str, effect: Effect) -> bool:
    parsed = _EFFECT.match(wanted)
    assert parsed is not None, wanted
    action, name, fact, value = parsed.groups()
    return (
        effect.action == action
        and (name is None or effect.object == name)
        and (fact is None or str(effect.facts.get(fact)) == value)
    )


def test_every_line_of_the_file_is_a_case() -> None:
    assert len(CASES) > 200
    assert all(expected and sql for expected, sql in CASES)
