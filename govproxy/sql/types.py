"""Built-in types by name and OID, and which operators are settled by them.

OIDs below 16384 are fixed by PostgreSQL's own catalog files (``pg_type.dat``) and never change.
Knows nothing of a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FIRST_USER_OID = 16384  # FirstNormalObjectId, access/transam.h

BOOL, INT8, INT2, INT4, TEXT, FLOAT4, FLOAT8, NUMERIC = 16, 20, 21, 23, 25, 700, 701, 1700
BPCHAR, VARCHAR, NAME = 1042, 1043, 19
RECORD = 2249

BUILTIN_TYPES: Mapping[str, int] = {
    "bool": 16, "bytea": 17, "char": 18, "name": 19, "int8": 20, "int2": 21, "int2vector": 22, "int4": 23,
    "regproc": 24, "text": 25, "oid": 26, "tid": 27, "xid": 28, "cid": 29, "oidvector": 30, "json": 114, "xml": 142,
    "point": 600, "lseg": 601, "path": 602, "box": 603, "polygon": 604, "line": 628, "cidr": 650, "float4": 700,
    "float8": 701, "unknown": 705, "circle": 718, "macaddr8": 774, "money": 790, "macaddr": 829, "inet": 869,
    "aclitem": 1033, "bpchar": 1042, "varchar": 1043, "date": 1082, "time": 1083, "timestamp": 1114,
    "timestamptz": 1184, "interval": 1186, "timetz": 1266, "bit": 1560, "varbit": 1562, "numeric": 1700,
    "refcursor": 1790, "regprocedure": 2202, "regoper": 2203, "regoperator": 2204, "regclass": 2205, "regtype": 2206,
    "uuid": 2950, "txid_snapshot": 2970, "pg_lsn": 3220, "tsvector": 3614, "tsquery": 3615, "gtsvector": 3642,
    "regconfig": 3734, "regdictionary": 3769, "jsonb": 3802, "int4range": 3904, "numrange": 3906, "tsrange": 3908,
    "tstzrange": 3910, "daterange": 3912, "int8range": 3926, "jsonpath": 4072, "regnamespace": 4089, "regrole": 4096,
    "regcollation": 4191, "int4multirange": 4451, "nummultirange": 4532, "tsmultirange": 4533,
    "tstzmultirange": 4534, "datemultirange": 4535, "int8multirange": 4536, "pg_snapshot": 5038, "xid8": 5069,
}  # fmt: skip

ARRAY_OF: Mapping[int, int] = {
    16: 1000, 17: 1001, 18: 1002, 19: 1003, 20: 1016, 21: 1005, 23: 1007, 25: 1009, 26: 1028, 114: 199, 142: 143,
    650: 651, 700: 1021, 701: 1022, 869: 1041, 1042: 1014, 1043: 1015, 1082: 1182, 1083: 1183, 1114: 1115,
    1184: 1185, 1186: 1187, 1266: 1270, 1700: 1231, 2205: 2210, 2206: 2211, 2950: 2951, 3802: 3807,
}  # fmt: skip
ELEMENT_OF: Mapping[int, int] = {array: element for element, array in ARRAY_OF.items()}
BUILTIN_ARRAYS = frozenset(ELEMENT_OF)

# The polymorphic pseudo-types: a function returning one says nothing of its result.
PSEUDO_TYPES = frozenset({RECORD, 2276, 2277, 2283, 2776, 3500, 3831, 4537, 5077, 5078, 5079, 5080, 4538, 2287, 705})

DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL, JSON, JSONB = 1082, 1114, 1184, 1186, 114, 3802

NUMBERS = frozenset({INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC})
_STRINGS = frozenset({TEXT, VARCHAR, BPCHAR, NAME})
_TIMES = frozenset({DATE, TIMESTAMP, TIMESTAMPTZ})
_FAMILIES = (NUMBERS, _STRINGS, _TIMES)
_COMPARABLE_ALONE = frozenset({BOOL, 17, 18, 26, 790, 869, 1083, INTERVAL, 1266, 1560, 1562, 2950, JSONB})

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_PATTERNS = frozenset({"~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*", "^@"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
_OF_JSON = frozenset({"->", "->>", "#>", "#>>"})
_OF_JSONB = _OF_JSON | {"@>", "<@", "?", "?|", "?&", "||", "-", "#-", "@?", "@@"}
_JSON_KEYS = frozenset({TEXT, INT4, JSONB, 1009, 4072})

# Sums and differences of times that pg_operator.dat has exactly so.
_TIME_SUMS = frozenset(
    {("+", time, INTERVAL) for time in (*_TIMES, INTERVAL, 1083, 1266)}
    | {("-", time, INTERVAL) for time in (*_TIMES, INTERVAL, 1083, 1266)}
    | {("-", time, time) for time in (*_TIMES, 1083)}
    | {(sign, DATE, INT4) for sign in "+-"}
)


def settled_operator(name: str, operands: Sequence[int | None]) -> bool:
    """Whether an operator of pg_catalog is certainly the one taken for these operand types.

    An operand is a type OID, 0 when unknown, None for an untyped literal or parameter (which the
    server reads as the other operand's type). ``pg_catalog`` must be searched before any other
    schema. The types named here have operators of their own there, and an operator for a
    user-defined type cannot take them without a cast.
    """
    types = [operand for operand in operands if operand is not None]
    if not types or 0 in types or len(operands) > 2:
        return False
    if operands[0] in (JSON, JSONB):
        names = _OF_JSONB if operands[0] == JSONB else _OF_JSON
        return name in names and (operands[-1] is None or operands[-1] in _JSON_KEYS)
    if len(types) == 2 and (name, types[0], types[1]) in _TIME_SUMS:
        return True
    family = next((family for family in _FAMILIES if types[0] in family), frozenset({types[0]}))
    if any(type_oid not in family for type_oid in types):
        return False
    if name in COMPARISONS:
        return family in _FAMILIES or types[0] in _COMPARABLE_ALONE
    if name in _PATTERNS:
        return family is _STRINGS
    if name in _ARITHMETIC:
        return family is NUMBERS
    return name == "||" and family is _STRINGS


def operator_result(name: str, operands: Sequence[int | None]) -> int:
    """The type an operator of pg_catalog gives, where that is certain; else 0."""
    if len(operands) != 2 or 0 in operands:
        return 0
    left = operands[0]
    types = {operand for operand in operands if operand is not None}
    if left in (JSON, JSONB) and name in _OF_JSON:
        return TEXT if name in ("->>", "#>>") else left
    if left is not None and (name, left, operands[1]) in _TIME_SUMS and operands[1] == INTERVAL:
        return TIMESTAMP if left == DATE else left
    if name == "||" and types <= {TEXT}:
        return TEXT
    if not types or name not in _ARITHMETIC or not types <= NUMBERS:
        return 0
    if len(types) == 1:
        return types.pop()
    if not types.isdisjoint((FLOAT4, FLOAT8)):
        return FLOAT8
    return NUMERIC if NUMERIC in types else INT8 if INT8 in types else INT4


def as_text(type_oid: int) -> int:
    """The type a string type is read as when no function takes it exactly."""
    return TEXT if type_oid in (VARCHAR, BPCHAR, NAME) else type_oid
