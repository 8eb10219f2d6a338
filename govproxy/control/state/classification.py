"""What the state store holds about columns: classes kept over renames, and each database's last map.

The two are treated apart. A *kept class* is evidence that exists nowhere else: a row of it that makes
no sense stops the start. A *map* is only a shortcut: one that does not fit is made anew. Neither
holds a value of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from govproxy.errors import StateUnavailable
from govproxy.masking.kept import Kept
from govproxy.masking.values import Classification, ColumnClass, SensitiveClass
from govproxy.sql.catalog import ColumnRef

_METADATA = sa.MetaData()
KEPT = sa.Table(
    "govproxy_kept_classes",
    _METADATA,
    sa.Column("database_name", sa.Text, primary_key=True),
    sa.Column("relation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attnum", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("schema_name", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("column_name", sa.Text, nullable=False),
    sa.Column("class_name", sa.Text, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
MAPS = sa.Table(
    "govproxy_classifications",
    _METADATA,
    sa.Column("database_name", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("columns_found", sa.Text, nullable=False),
    sa.Column("columns_known", sa.Text, nullable=False),
)

# A class by its name; None when nobody knows it any more.
ClassNamed = Callable[[str], SensitiveClass | None]
_Reader = Callable[[sa.Connection], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMap:
    """A map and a digest of all the evidence it was made of: it holds for as long as that is the same."""

    evidence: str
    classification: Classification


def load_kept(database: str, class_named: ClassNamed) -> Callable[[sa.Connection], dict[ColumnRef, Kept]]:
    """Reads the kept classes of a database. Raises StateUnavailable for rows that make no sense."""

    def work(connection: sa.Connection) -> dict[ColumnRef, Kept]:
        rows = connection.execute(sa.select(KEPT).where(KEPT.c.database_name == database))
        return dict(_kept(row, class_named) for row in rows)

    return work


def _kept(row: Any, class_named: ClassNamed) -> tuple[ColumnRef, Kept]:
    names = (row.schema_name, row.table_name, row.column_name)
    if not (
        isinstance(row.relation, int)
        and isinstance(row.attnum, int)
        and isinstance(row.confidence, float)
        and all(isinstance(text, str) and text for text in (*names, row.class_name, row.reason))
    ):
        # Security: beginning without it would show what was masked before.
        raise StateUnavailable("the state store's kept classes are damaged", hint="A copy from a backup will do.")
    # Security: a class of a policy that is gone is still a class; nobody has a right on secrets by accident.
    sensitive = class_named(row.class_name) or class_named("secret")
    if sensitive is None:
        raise AssertionError("the taxonomy has no secrets")
    verdict = ColumnClass(sensitive=sensitive, confidence=row.confidence, reason=row.reason)
    return ColumnRef(row.relation, row.attnum), Kept(names=names, verdict=verdict)


def save_kept(
    database: str, before: Mapping[ColumnRef, Kept], now: Mapping[ColumnRef, Kept]
) -> Callable[[sa.Connection], None]:
    """Writes what changed between two states of a memory."""
    gone = [ref for ref in before if ref not in now]
    changed = [ref for ref, kept in now.items() if before.get(ref) != kept]

    def work(connection: sa.Connection) -> None:
        places = [{"d": database, "r": ref.relation, "a": ref.attnum} for ref in (*gone, *changed)]
        if places:
            connection.execute(
                KEPT.delete().where(
                    KEPT.c.database_name == sa.bindparam("d"),
                    KEPT.c.relation == sa.bindparam("r"),
                    KEPT.c.attnum == sa.bindparam("a"),
                ),
                places,
            )
        if changed:
            connection.execute(KEPT.insert(), [_row(database, ref, now[ref]) for ref in changed])

    return work


def _row(database: str, ref: ColumnRef, kept: Kept) -> dict[str, Any]:
    schema, table, column = kept.names
    return {
        "database_name": database,
        "relation": ref.relation,
        "attnum": ref.attnum,
        "schema_name": schema,
        "table_name": table,
        "column_name": column,
        "class_name": kept.verdict.sensitive.name,
        "confidence": float(kept.verdict.confidence),
        "reason": kept.verdict.reason,
    }


def load_map(database: str, class_named: ClassNamed) -> Callable[[sa.Connection], StoredMap | None]:
    """Reads a database's last map; None when there is none that makes sense."""

    def work(connection: sa.Connection) -> StoredMap | None:
        row = connection.execute(sa.select(MAPS).where(MAPS.c.database_name == database)).one_or_none()
        return None if row is None else _map(database, row, class_named)

    return work


def _map(database: str, row: Any, class_named: ClassNamed) -> StoredMap | None:
    try:
        found, known = orjson.loads(row.columns_found), orjson.loads(row.columns_known)
        columns: dict[ColumnRef, ColumnClass] = {}
        for relation, attnum, name, confidence, reason in found:
            sensitive = class_named(name)
            if sensitive is None:
                return None
            columns[ColumnRef(int(relation), int(attnum))] = ColumnClass(
                sensitive=sensitive, confidence=float(confidence), reason=str(reason)
            )
        classification = Classification(
            database=database,
            catalog_version="",
            columns=columns,
            known={int(oid): frozenset(map(int, attnums)) for oid, attnums in known.items()},
        )
    except (TypeError, ValueError, AttributeError):
        return None
    return StoredMap(evidence=str(row.evidence), classification=classification)


def save_map(database: str, evidence: str, classification: Classification) -> Callable[[sa.Connection], None]:
    """Writes a database's map in place of its last one."""
    found = [
        [ref.relation, ref.attnum, c.sensitive.name, c.confidence, c.reason]
        for ref, c in classification.columns.items()
    ]
    known = {str(oid): sorted(attnums) for oid, attnums in classification.known.items()}
    values = {
        "database_name": database,
        "evidence": evidence,
        "columns_found": orjson.dumps(found).decode(),
        "columns_known": orjson.dumps(known).decode(),
    }

    def work(connection: sa.Connection) -> None:
        connection.execute(MAPS.delete().where(MAPS.c.database_name == database))
        connection.execute(MAPS.insert().values(**values))

    return work
