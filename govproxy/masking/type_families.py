"""Which kind of values a column's type holds, seen through domains, arrays and enums."""

from __future__ import annotations

from dataclasses import dataclass

from govproxy.masking.taxonomy import Family
from govproxy.sql.catalog import Catalog, Column, Type

# Types of pg_catalog by name; everything else is judged by its kind and category.
_BY_NAME = {
    **dict.fromkeys(("text", "varchar", "bpchar", "char", "name", "citext", "unknown", "cstring"), Family.TEXT),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), Family.INTEGER),
    **dict.fromkeys(("numeric", "float4", "float8", "money"), Family.NUMBER),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), Family.DATE),
    **dict.fromkeys(("time", "timetz", "interval"), Family.TIME),
    **dict.fromkeys(("inet", "cidr", "ipaddress", "iprange", "ip4", "ip6"), Family.NETWORK),
    **dict.fromkeys(("macaddr", "macaddr8"), Family.HARDWARE),
    **dict.fromkeys(("json", "jsonb", "jsonpath"), Family.JSON),
    **dict.fromkeys(("hstore", "xml"), Family.KEYED),
    **dict.fromkeys(("point", "box", "path", "polygon", "geometry", "geography"), Family.POINT),
    "bool": Family.BOOLEAN,
    "uuid": Family.UUID,
    "bytea": Family.BYTES,
    "tsvector": Family.SEARCH,
    "record": Family.RECORD,
}
# The commonest types by their fixed OIDs, for a catalog that does not list them.
_BY_OID = {
    16: Family.BOOLEAN,
    17: Family.BYTES,
    18: Family.TEXT,
    19: Family.TEXT,
    20: Family.INTEGER,
    21: Family.INTEGER,
    23: Family.INTEGER,
    25: Family.TEXT,
    26: Family.INTEGER,
    114: Family.JSON,
    142: Family.KEYED,
    600: Family.POINT,
    650: Family.NETWORK,
    700: Family.NUMBER,
    701: Family.NUMBER,
    774: Family.HARDWARE,
    790: Family.NUMBER,
    829: Family.HARDWARE,
    869: Family.NETWORK,
    1042: Family.TEXT,
    1043: Family.TEXT,
    1082: Family.DATE,
    1083: Family.TIME,
    1114: Family.DATE,
    1184: Family.DATE,
    1186: Family.TIME,
    1266: Family.TIME,
    1700: Family.NUMBER,
    2249: Family.RECORD,
    2950: Family.UUID,
    3614: Family.SEARCH,
    3802: Family.JSON,
}
_ARRAYS_BY_OID = {
    1000: 16,
    1001: 17,
    1005: 21,
    1007: 23,
    1009: 25,
    1014: 1042,
    1015: 1043,
    1016: 20,
    1041: 869,
    1231: 1700,
    3807: 3802,
}
_DEEPEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A column's type resolved: the family of its values, whether they come in arrays.

    ``record`` is the relation whose columns are the fields of a composite; ``domains`` are the
    names of the domains passed on the way, outermost first.
    """

    family: Family
    array: bool = False
    record: int = 0
    domains: tuple[str, ...] = ()


def shape_of(column: Column, catalog: Catalog) -> Shape:
    """What ``column`` holds. A type nobody knows is ``OTHER``, which every text class believes."""
    return shape_of_type(column.type_oid, catalog)


def shape_of_type(oid: int, catalog: Catalog) -> Shape:
    """The same for a type by its OID."""
    array = False
    domains: list[str] = []
    for _ in range(_DEEPEST):
        known = catalog.types.get(oid)
        if known is None:
            if oid in _ARRAYS_BY_OID:
                array, oid = True, _ARRAYS_BY_OID[oid]
            return Shape(family=_BY_OID.get(oid, Family.OTHER), array=array, domains=tuple(domains))
        if known.kind == "d" and known.base_oid:
            domains.append(known.name)
            oid = known.base_oid
        elif known.category == "A" and known.element_oid:
            array, oid = True, known.element_oid
        else:
            record = known.relation_oid if known.kind == "c" else 0
            return Shape(family=_family(known), array=array, record=record, domains=tuple(domains))
    return Shape(family=Family.OTHER, array=array, domains=tuple(domains))


def _family(known: Type) -> Family:
    if known.kind == "e":
        return Family.ENUM
    if known.kind == "c":
        return Family.RECORD
    found = _BY_NAME.get(known.name)
    if found is not None:
        return found
    match known.category:
        case "S":
            return Family.TEXT
        case "N":
            return Family.NUMBER
        case "D":
            return Family.DATE
        case "I":
            return Family.NETWORK
        case "G":
            return Family.POINT
        case _:
            return Family.OTHER
