"""What runs behind a statement, as the catalog has it: triggers, rules, foreign keys, calls in definitions.

Read with the rest of the catalog by ``control.catalog``, in the same transaction. A relative of
PostgreSQL that lacks one of these gets an empty part; where it said that a relation has triggers and
lists none, analysis takes them for anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from govproxy.control import catalog_queries as queries
from govproxy.sql.catalog import Reference, Trigger
from govproxy.sql.types import FIRST_USER_OID

_Row = Mapping[str, Any]
Rows = Callable[[str, str], Awaitable[Sequence[_Row]]]

# pg_trigger.tgtype
_EVENTS = ((4, "i"), (8, "d"), (16, "u"), (32, "t"))
BLOCK_BYTES = 8192


@dataclass(slots=True)
class Behind:
    """What runs behind one relation."""

    triggers: list[Trigger] = field(default_factory=list)
    switched_off: list[Trigger] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    runs: list[tuple[str, int]] = field(default_factory=list)
    tests: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What runs behind the relations, by OID, and behind the rest of a database."""

    relations: Mapping[int, Behind]
    operator_functions: tuple[tuple[str, int], ...]
    operators: tuple[tuple[int, int], ...]
    cast_functions: tuple[tuple[int, int], ...]
    domain_functions: tuple[tuple[int, int], ...]
    event_triggers: tuple[tuple[str, tuple[str, ...], int], ...]


async def read_hidden(rows: Rows) -> Hidden:
    """``rows(what, query)`` runs a query, and gives nothing where the server lacks the catalog."""
    found: dict[int, Behind] = {}

    def of(relation: int) -> Behind:
        return found.setdefault(relation, Behind())

    for row in await rows("triggers", queries.TRIGGERS):
        events = "".join(letter for bit, letter in _EVENTS if row["type"] & bit)
        columns = tuple(row["columns"] or ())
        trigger = Trigger(name=row["name"], function=row["function"], events=events, columns=columns)
        (of(row["relation"]).triggers if row["runs"] else of(row["relation"]).switched_off).append(trigger)
    for row in await rows("rules", queries.RULES):
        of(row["relation"]).rules.append(row["definition"])
    for row in await rows("references", queries.REFERENCES):
        of(row["referenced"]).references.append(
            Reference(
                relation=row["relation"],
                columns=tuple(row["columns"] or ()),
                referenced=tuple(row["keys"] or ()),
                on_delete=row["on_delete"],
                on_update=row["on_update"],
            )
        )
    for row in await rows("calls in definitions", queries.RUNS):
        of(row["relation"]).runs.append((row["what"], row["function"]))
    for row in await rows("tests of rows", queries.TESTS):
        if row["text"]:
            of(row["relation"]).tests.append((row["what"], row["text"]))
    operators = await rows("operators' functions", queries.OPERATOR_FUNCTIONS)
    return Hidden(
        relations=found,
        operator_functions=tuple(
            (row["name"], row["function"]) for row in operators if row["function"] >= FIRST_USER_OID
        ),
        operators=tuple((row["oid"], row["function"]) for row in operators),
        cast_functions=tuple(
            (row["type"], row["function"]) for row in await rows("casts' functions", queries.CAST_FUNCTIONS)
        ),
        domain_functions=tuple(
            (row["type"], row["function"]) for row in await rows("domains' functions", queries.DOMAIN_FUNCTIONS)
        ),
        event_triggers=tuple(
            (row["event"], tuple(row["tags"] or ()), row["function"])
            for row in await rows("event triggers", queries.EVENT_TRIGGERS)
        ),
    )


async def aggregates(rows: Rows) -> dict[int, tuple[int, ...]]:
    """The functions that each aggregate of the user's is made of."""
    parts: dict[int, list[int]] = {}
    for row in await rows("aggregates", queries.AGGREGATES):
        parts.setdefault(row["aggregate"], []).append(row["part"])
    return {aggregate: tuple(dict.fromkeys(functions)) for aggregate, functions in parts.items()}


def path_of(settings: Sequence[str] | None) -> tuple[str, ...] | None:
    """The search_path that a function sets for itself, None where it sets none."""
    for setting in settings or ():
        name, _, value = setting.partition("=")
        if name == "search_path":
            return tuple(_unquoted(part.strip()) for part in value.split(",") if part.strip() not in ("", '""'))
    return None


def settings_of(settings: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the other settings that a function sets for itself."""
    names = (setting.partition("=")[0] for setting in settings or ())
    return tuple(name for name in names if name != "search_path")


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def size_of(pages: int, rows: float) -> int:
    """A relation's size; -1 when nobody has looked since it was made."""
    return pages * BLOCK_BYTES if rows >= 0 or pages > 0 else -1
