"""Columns with labels, and what the proxy's classification makes of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.quality.kinds import KINDS, STYLES, Kind, values
from bench.quality.negatives import NEGATIVES
from govproxy.masking.classify import classify
from govproxy.sql.catalog import Catalog, Column, ColumnRef, ColumnStatistics, Relation, RelationKind, Type

_TYPES = {"int2": 21, "int4": 23, "int8": 20, "text": 25, "varchar": 1043, "bpchar": 1042, "bool": 16, "date": 1082,
          "timestamp": 1114, "timestamptz": 1184, "numeric": 1700, "float4": 700, "float8": 701, "bytea": 17,
          "uuid": 2950, "inet": 869, "macaddr": 829, "json": 114, "jsonb": 3802, "_text": 1009, "_varchar": 1015,
          "tsvector": 3614, "time": 1083, "interval": 1186, "enum": 90_001}  # fmt: skip
_ENUM = Type(oid=90_001, schema="public", name="choice", kind="e", category="E", enum_labels=("a", "b"))
# Types of which the collector reads no values.
_NOT_SAMPLED = frozenset({"bool", "timestamptz", "time", "interval", "uuid", "tsvector", "inet", "macaddr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A column and what it is. ``expected`` is empty for one that is not sensitive."""

    table: str
    column: str
    type: str
    expected: frozenset[str]
    is_key: bool = False
    values: tuple[str, ...] | None = None
    kind: str = ""
    style: str = ""
    shaped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A labelled column, the class it was given ('' for none) and why."""

    labelled: Labelled
    found: str
    reason: str = ""


def generated(count: int, seed: int) -> list[Labelled]:
    """Every kind and every hard negative in every style, ``count`` values each."""
    made: list[Labelled] = []
    for kind in (*KINDS, *NEGATIVES):
        for style in STYLES:
            number = zlib.crc32(f"{kind.title}/{style}".encode()) % 9_000 + 1_000
            made.append(_labelled(kind, style, number, count, Random(f"{seed}/{kind.title}/{style}")))
    return made


def _labelled(kind: Kind, style: str, number: int, count: int, chance: Random) -> Labelled:
    table, column = kind.column(style, number)
    sampled = kind.type not in _NOT_SAMPLED
    return Labelled(
        table=table,
        column=column,
        type=kind.type,
        expected=kind.classes,
        values=values(kind, count, chance) if sampled else None,
        kind=kind.title,
        style=style,
        shaped=kind.shaped,
    )


def schema(path: Path) -> list[Labelled]:
    """Labelled names of one file: table, column, type (``*``: a key), classes by ``|`` or ``-``."""
    made: list[Labelled] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) != 4 or parts[2].rstrip("*") not in _TYPES:
            raise ValueError(f"{path}:{number}: not table, column, type, classes")
        table, column, kind, expected = parts
        made.append(
            Labelled(
                table=table,
                column=column,
                type=kind.rstrip("*"),
                is_key=kind.endswith("*"),
                expected=frozenset() if expected == "-" else frozenset(expected.split("|")),
            )
        )
    return made


def judge(columns: Sequence[Labelled], *, together: bool = False) -> list[Judged]:
    """What classification says of each. ``together``: columns of one table stand in one table."""
    relations: list[Relation] = []
    statistics: dict[ColumnRef, ColumnStatistics] = {}
    places: list[ColumnRef] = []
    groups: dict[str, list[Labelled]] = {}
    for place, labelled in enumerate(columns):
        groups.setdefault(labelled.table if together else str(place), []).append(labelled)
    by_labelled: dict[int, ColumnRef] = {}
    for oid, members in enumerate(groups.values(), 20_000):
        relations.append(_relation(oid, members))
        for attnum, labelled in enumerate(members, 1):
            ref = ColumnRef(oid, attnum)
            by_labelled[id(labelled)] = ref
            if labelled.values is not None:
                statistics[ref] = ColumnStatistics(values=labelled.values, source="sample")
    places = [by_labelled[id(labelled)] for labelled in columns]
    catalog = Catalog.build(
        database="bench",
        version="1",
        server_version=150_000,
        relations=relations,
        types=(_ENUM,),
        statistics=statistics,
    )
    found = classify(catalog).columns
    return [
        Judged(
            labelled=labelled,
            found=found[ref].sensitive.name if ref in found else "",
            reason=found[ref].reason if ref in found else "",
        )
        for labelled, ref in zip(columns, places, strict=True)
    ]


def _relation(oid: int, members: Iterable[Labelled]) -> Relation:
    columns = tuple(
        Column(
            name=labelled.column,
            attnum=attnum,
            type_oid=_TYPES[labelled.type],
            base_type_oid=_TYPES[labelled.type],
            typmod=-1,
            is_key=labelled.is_key,
        )
        for attnum, labelled in enumerate(members, 1)
    )
    table = next(iter(members)).table
    return Relation(oid=oid, schema="public", name=table, kind=RelationKind.TABLE, columns=columns)
