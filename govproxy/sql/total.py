"""Which built-in functions, operators and casts cannot fail, whatever values they are given.

An error is an answer: ``1 / strpos(ssn, '123')`` says by failing what a condition would have said.
So what may fail depending on a value counts as deciding by it. Allow-lists: what is missing may
fail. Knows nothing of queries.
"""

from __future__ import annotations

from collections.abc import Sequence

from govproxy.sql.types import (
    BOOL,
    BPCHAR,
    BUILTIN_ARRAYS,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    NAME,
    NUMERIC,
    RECORD,
    TEXT,
    VARCHAR,
)

_DATE, _TIMESTAMP, _TIMESTAMPTZ, _JSON, _JSONB, _UUID = 1082, 1114, 1184, 114, 3802, 2950
_TIMES = frozenset({_DATE, _TIMESTAMP, _TIMESTAMPTZ})
_STRINGS = frozenset({TEXT, VARCHAR, BPCHAR, NAME})
_WRITABLE = _TIMES | {INT2, INT4, INT8, NUMERIC, FLOAT4, FLOAT8, BOOL, _UUID}
_WIDTHS = {INT2: 1, INT4: 2, INT8: 3}
_EXACT = frozenset({INT2, INT4, INT8, NUMERIC})

# Whatever their arguments are.
_ALWAYS = frozenset(
    """
    age any_value array_agg array_append array_length array_ndims array_prepend array_remove array_replace array_to_json
    array_to_string array_upper array_lower ascii avg bit_and bit_length bit_or bit_xor bool_and
    bool_or bpchar broadcast btrim cardinality char_length character_length coalesce concat concat_ws count cume_dist
    dense_rank every family first_value greatest grouping host initcap isempty isfinite json_agg json_build_array
    jsonb_agg jsonb_build_array
    jsonb_pretty jsonb_strip_nulls json_strip_nulls jsonb_typeof json_typeof lag last_value lead least length lower
    ltrim masklen max md5 min mode netmask network num_nonnulls num_nulls numnode octet_length overlaps percent_rank
    querytree quote_ident quote_literal quote_nullable rank regr_count reverse row_number row_to_json
    rtrim sha224 sha256 sha384 sha512 stddev stddev_pop stddev_samp string_agg strpos sum text to_hex to_json to_jsonb
    tsvector_to_array trim upper var_pop var_samp variance xmlagg xmlconcat xmlelement xmlforest
    """.split()  # noqa: SIM905
)
# Where what follows the first argument does not depend on rows that are hidden.
_BY_FIRST = frozenset(
    """
    array_position array_positions ceil ceiling encode floor json_extract_path json_extract_path_text
    jsonb_extract_path jsonb_extract_path_text left lpad overlay plainto_tsquery position regexp_count
    regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
    regexp_substr replace right round rpad sign split_part starts_with string_to_array string_to_table substr substring
    to_char translate trunc unnest
    """.split()  # noqa: SIM905
)
_BY_LAST = frozenset(
    {"date_part", "date_trunc", "extract", "to_tsvector", "timezone", "percentile_disc"}
    | {"json_object_agg", "jsonb_object_agg"}  # a key must not be null
)
_BY_EVERY_SECOND = frozenset({"json_build_object", "jsonb_build_object"})
_TRANSLATIONS = frozenset({"->", "->>", "#>", "#>>", "@>", "<@", "?", "?|", "?&", "&&"})
_COMPARISONS = frozenset({"=", "<>", "!=", "<", "<=", ">", ">=", "~<~", "~<=~", "~>~", "~>=~"})
_PATTERNS = frozenset({"~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*", "^@"})


def call(name: str, hidden: Sequence[bool]) -> bool:
    """Whether a call cannot fail by the values of the arguments that are ``hidden`` (from a column)."""
    if not any(hidden) or name in _ALWAYS:
        return True
    if name in _BY_FIRST:
        return not any(hidden[1:])
    if name in _BY_EVERY_SECOND:
        return not any(hidden[::2])
    return name in _BY_LAST and not any(hidden[:-1])


def never_fails(name: str) -> bool:
    """Whether an operator has nothing to fail by, whatever its operands are."""
    return name in _COMPARISONS


def operator(name: str, types: Sequence[int | None], hidden: Sequence[bool], small: Sequence[bool]) -> bool:
    """The same for an operator. ``types``: see `Operand.type`; ``small``: a number near nothing, written out."""
    if not any(hidden):
        return True
    if name in _COMPARISONS:
        return True
    if name in _PATTERNS or name in _TRANSLATIONS:
        return not any(hidden[1:])
    known = {kind for kind in types if kind is not None}
    if name == "||":
        # Of anything but strings, arrays and documents the text is put there.
        return known <= _STRINGS | _WRITABLE and (not known or bool(known & _STRINGS) or None in types)
    if name in ("+", "-", "*") and len(types) == 2:
        if name == "-" and known <= _TIMES:
            return True
        if name != "*" and all(kind == _DATE or near for kind, near in zip(types, small, strict=True)):
            return True
        return NUMERIC in known and known <= _EXACT and all(a or b for a, b in zip(hidden, small, strict=True))
    return name == "-" and known == {NUMERIC}


def cast(source: int, target: int, limited: bool) -> bool:
    """Whether a value of one type always is one of the other, of at most some size if ``limited``.

    A type that is not known is 0.
    """
    if target in _STRINGS:
        return True
    if limited:
        return False
    if source == target != 0:
        return True
    if source in _WIDTHS:
        return target in (NUMERIC, FLOAT8, FLOAT4) or _WIDTHS.get(target, 0) > _WIDTHS[source]
    if source == _DATE:
        return target in (_TIMESTAMP, _TIMESTAMPTZ)
    return (source, target) in ((_JSONB, _JSON), (FLOAT4, FLOAT8), (_TIMESTAMPTZ, _DATE))


def array(types: Sequence[int]) -> bool:
    """Whether ``ARRAY[…]`` of these element types cannot fail: arrays in it must be of one length."""
    return not any(kind in (0, RECORD) or kind in BUILTIN_ARRAYS for kind in types)
