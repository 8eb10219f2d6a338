"""How a type looks on the wire, as far as masking cares: its family, and what stands for "nothing".

One table by OID for the built-in types; types of extensions and users are resolved through the
catalog's ``Type``. Knows nothing of columns, classes or policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from govproxy.sql.catalog import Catalog

# First OID that initdb never gives: everything below belongs to the server itself.
FIRST_USER_OID = 16384

_VARLENA_HEADER = 4  # what typmod adds to the length of varchar(n) and char(n)
_NAME_LENGTH = 63
XML = 142
_BIT = 1560


@dataclass(frozen=True, slots=True, kw_only=True)
class WireType:
    """``family`` is a key of ``maskers.FAMILIES``; ``scannable``: a value may hold a strong shape.

    ``element_oid`` is set for arrays and, the type of the bounds, for ranges and multiranges; ``relation_oid`` is
    that of a composite's fields; ``labels`` are those of an enum. ``neutral`` is the text and the binary form
    of a value that says nothing, where the type is known by its kind alone.
    """

    family: str
    scannable: bool = False
    element_oid: int = 0
    relation_oid: int = 0
    labels: tuple[str, ...] = ()
    neutral: tuple[bytes, bytes] | None = None


def _oids(listed: str) -> tuple[int, ...]:
    return tuple(int(oid) for oid in listed.split())


_FAMILIES: Mapping[int, tuple[str, bool]] = MappingProxyType(
    {
        **dict.fromkeys((18, 19, 25, 142, 194, 705, 1042, 1043, 1790, 2275), ("text", True)),
        16: ("bool", False),
        17: ("bytea", True),
        20: ("int8", False),
        21: ("int2", False),
        23: ("int4", False),
        114: ("json", True),
        650: ("inet", False),
        700: ("float4", False),
        701: ("float8", False),
        774: ("macaddr", False),
        829: ("macaddr", False),
        869: ("inet", False),
        1082: ("date", False),
        1114: ("timestamp", False),
        1184: ("timestamptz", False),
        1700: ("numeric", False),
        2249: ("record", True),
        2950: ("uuid", False),
        3802: ("jsonb", True),
        # Values that hold no text of anybody's: times, money, oids and their names, bits, geometry, ranges,
        # transaction ids, access lists.
        **dict.fromkeys(
            _oids(
                "22 24 26 27 28 29 30 600 601 602 603 604 628 718 790 1033 1083 1186 1266 1560 1562 2202 2203 2204 "
                "2205 2206 2278 2970 3220 3734 3769 4089 4096 4191 5038 5069"
            ),
            ("other", False),
        ),
    }
)

# Array type -> element type.
_ELEMENTS: Mapping[int, int] = MappingProxyType(
    dict(
        zip(
            _oids(
                "1000 1001 1002 1003 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015 1016 1017 1021 1022 1028 "
                "1034 1040 1041 1115 1182 1183 1185 1187 1231 1263 1270 143 199 2201 2210 2211 2287 2951 3807 651 775 "
                "791 1561 1563 3905 3907 3909 3911 3913 3927 3643"
            ),
            _oids(
                "16 17 18 19 21 22 23 24 25 27 28 29 30 1042 1043 20 600 700 701 26 "
                "1033 829 869 1114 1082 1083 1184 1186 1700 2275 1266 142 114 1790 2205 2206 2249 2950 3802 650 774 "
                "790 1560 1562 3904 3906 3908 3910 3912 3926 3614"
            ),
            strict=True,
        )
    )
)

# Range and multirange -> type of the bounds.
_BOUNDS: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        **dict(
            zip(
                _oids("3904 3906 3908 3910 3912 3926"),
                (("range", oid) for oid in _oids("23 1700 1114 1184 1082 20")),
                strict=True,
            )
        ),
        **dict(
            zip(
                _oids("4451 4532 4533 4534 4535 4536"),
                (("multirange", oid) for oid in _oids("23 1700 1114 1184 1082 20")),
                strict=True,
            )
        ),
    }
)

# Ranges and multiranges of any kind of bounds have one form that holds none.
_NEUTRAL_BY_KIND: Mapping[str, tuple[bytes, bytes]] = MappingProxyType({"r": (b"empty", b"\1"), "m": (b"{}", bytes(4))})

_UNKNOWN = WireType(family="other", scannable=True)


def resolve(type_oid: int, catalog: Catalog | None = None) -> WireType:
    """The wire type of an OID. What nothing is known about is ``other`` and scannable."""
    if type_oid in _FAMILIES:
        family, scannable = _FAMILIES[type_oid]
        return WireType(family=family, scannable=scannable)
    if type_oid in _ELEMENTS:
        return _array_of(_ELEMENTS[type_oid], catalog)
    if type_oid in _BOUNDS:
        family, bounds = _BOUNDS[type_oid]
        return WireType(family=family, element_oid=bounds)
    declared = catalog.types.get(type_oid) if catalog is not None else None
    if declared is None:
        return _UNKNOWN
    if declared.kind == "d" and declared.base_oid not in (0, type_oid):
        return resolve(declared.base_oid, catalog)
    if declared.kind == "e":
        return WireType(family="other", labels=declared.enum_labels)
    if declared.category == "A" and declared.element_oid not in (0, type_oid):
        return _array_of(declared.element_oid, catalog)
    if declared.kind in _NEUTRAL_BY_KIND:
        family = "other" if not declared.element_oid else "range" if declared.kind == "r" else "multirange"
        return WireType(
            family=family,
            scannable=True,
            element_oid=declared.element_oid,
            neutral=_NEUTRAL_BY_KIND[declared.kind],
        )
    if declared.name == "hstore" and declared.kind == "b":
        return WireType(family="hstore", scannable=True, neutral=(b"", bytes(4)))  # no pairs
    if declared.kind == "c":
        return WireType(
            family="record",
            scannable=True,
            relation_oid=declared.relation_oid,
            neutral=_no_fields(declared.relation_oid, catalog),
        )
    if declared.kind == "b" and declared.category == "S":
        return WireType(family="text", scannable=True)  # citext and its like: their binary form is the text
    return _UNKNOWN


def _no_fields(relation_oid: int, catalog: Catalog | None) -> tuple[bytes, bytes] | None:
    """A composite all of whose fields are NULL."""
    relation = catalog.relations.get(relation_oid) if catalog is not None else None
    if relation is None or not relation.columns:
        return None
    fields = b"".join(column.type_oid.to_bytes(4, "big") + b"\xff\xff\xff\xff" for column in relation.columns)
    count = len(relation.columns)
    return b"(" + b"," * (count - 1) + b")", count.to_bytes(4, "big") + fields


def base_type(type_oid: int, catalog: Catalog | None = None) -> int:
    """The type behind a domain, and any other type itself."""
    declared = catalog.types.get(type_oid) if catalog is not None else None
    if declared is not None and declared.kind == "d" and declared.base_oid not in (0, type_oid):
        return base_type(declared.base_oid, catalog)
    return type_oid


def _array_of(element_oid: int, catalog: Catalog | None) -> WireType:
    return WireType(family="array", scannable=resolve(element_oid, catalog).scannable, element_oid=element_oid)


def length_limit(type_oid: int, typmod: int) -> int:
    """The most characters a value may have, -1 for no limit."""
    if type_oid == 18:
        return 1
    if type_oid == 19:
        return _NAME_LENGTH
    if type_oid in (1042, 1043) and typmod >= _VARLENA_HEADER:
        return typmod - _VARLENA_HEADER
    return -1


def padding(type_oid: int, typmod: int) -> int:
    """The characters a char(n) is padded to, -1 for other types."""
    return typmod - _VARLENA_HEADER if type_oid == 1042 and typmod >= _VARLENA_HEADER else -1


def _scale(typmod: int) -> int:
    """Digits behind the point of numeric(p,s): the lower eleven bits, signed; 0 where none are declared."""
    return (((typmod - _VARLENA_HEADER) & 0x7FF) ^ 1024) - 1024 if typmod >= _VARLENA_HEADER else 0


# What stands for a value in a NOT NULL column: (text form, binary form).
_NEUTRAL: Mapping[str, tuple[bytes, bytes]] = MappingProxyType(
    {
        "int2": (b"0", bytes(2)),
        "int4": (b"0", bytes(4)),
        "int8": (b"0", bytes(8)),
        "float4": (b"0", bytes(4)),
        "float8": (b"0", bytes(8)),
        "numeric": (b"0", bytes(8)),
        "bool": (b"f", bytes(1)),
        "date": (b"2000-01-01", bytes(4)),
        "timestamp": (b"2000-01-01 00:00:00", bytes(8)),
        "timestamptz": (b"2000-01-01 00:00:00+00", bytes(8)),
        "uuid": (b"00000000-0000-0000-0000-000000000000", bytes(16)),
        "json": (b"{}", b"{}"),
        "jsonb": (b"{}", b"\x01{}"),
        "bytea": (b"\\x", b""),
    }
)
# By OID where a family has several: inet, cidr (family, bits, is_cidr, size, address), macaddr, macaddr8.
_NEUTRAL_BY_OID: Mapping[int, tuple[bytes, bytes]] = MappingProxyType(
    {
        869: (b"0.0.0.0", bytes((2, 32, 0, 4, 0, 0, 0, 0))),
        650: (b"0.0.0.0/32", bytes((2, 32, 1, 4, 0, 0, 0, 0))),
        829: (b"00:00:00:00:00:00", bytes(6)),
        774: (b"00:00:00:00:00:00:00:00", bytes(8)),
        1083: (b"00:00:00", bytes(8)),
        1186: (b"00:00:00", bytes(16)),
        26: (b"0", bytes(4)),
        790: (b"$0.00", bytes(8)),
        1266: (b"00:00:00+00", bytes(12)),
        1562: (b"", bytes(4)),
        # tsvector, tsquery: no words
        3614: (b"", bytes(4)),
        3615: (b"", bytes(4)),
        # point, lseg, box, circle, polygon of one point
        600: (b"(0,0)", bytes(16)),
        601: (b"[(0,0),(0,0)]", bytes(32)),
        603: (b"(0,0),(0,0)", bytes(32)),
        718: (b"<(0,0),0>", bytes(24)),
        604: (b"((0,0))", bytes((0, 0, 0, 1)) + bytes(16)),
        **dict.fromkeys(_oids("3904 3906 3908 3910 3912 3926"), (b"empty", b"\1")),
        **dict.fromkeys(_oids("4451 4532 4533 4534 4535 4536"), (b"{}", bytes(4))),
    }
)


def redaction(type_oid: int, typmod: int, wire: WireType, *, binary: bool, not_null: bool) -> bytes | None:
    """What stands for a redacted value: ``***`` for text, else NULL (None) where the column allows it.

    In a NOT NULL column a neutral value of the same type where the type is known. A type that is
    not known is NULL in any case: a wrong guess of its form would break the client.
    """
    if type_oid == XML:
        return b"<masked/>"
    if wire.family == "text":
        limit = length_limit(type_oid, typmod)
        text = b"***" if limit < 0 else b"***"[:limit]
        return text.ljust(max(padding(type_oid, typmod), 0))
    if not not_null:
        return None
    if wire.family == "array":
        # ndim 0, no nulls, element type
        return bytes(8) + wire.element_oid.to_bytes(4, "big") if binary else b"{}"
    if wire.labels:
        return wire.labels[0].encode()
    if type_oid == _BIT and typmod > 0:
        return typmod.to_bytes(4, "big") + bytes((typmod + 7) // 8) if binary else b"0" * typmod
    if wire.family == "numeric" and (scale := _scale(typmod)) > 0:
        return bytes(6) + scale.to_bytes(2, "big") if binary else b"0." + b"0" * scale
    pair = _NEUTRAL_BY_OID.get(type_oid) or wire.neutral or _NEUTRAL.get(wire.family)
    return None if pair is None else pair[binary]
