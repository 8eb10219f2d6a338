"""What is done to one column of a result, or to one part of its values, as a value.

``masking.plan`` makes them, ``rows`` and ``masktree`` turn them into routines. Knows neither wire
forms nor how a masker works.
"""

cimport cython

from govproxy._fastpath.maskers import FAMILIES as _FAMILIES, OPERATIONS as _OPERATIONS, STYLES as _STYLES
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.prf cimport prf_key
from govproxy._fastpath.spans import KIND_NAMES as _KIND_NAMES

KEYED = frozenset(("hash", "pseudonym", "shift", "fpe"))
# Families of values that are made of others; whether those are all of one kind.
_PARTED = {"array": True, "range": True, "multirange": True, "record": False}


@cython.final
cdef class ColumnPlan:
    """What is done to one result column, or to one part of its values.

    ``op`` is a key of ``maskers.OPERATIONS``, ``family`` of ``FAMILIES``, ``style`` of ``STYLES``;
    ``format`` is 0 for text and 1 for binary. ``constant`` belongs to op ``constant``;
    ``fallback`` is what stands for a value that cannot be read, None for SQL NULL. ``key`` has
    32 bytes where the op is keyed. ``label`` is for people (``explain``).

    Op ``parts`` masks a value part by part: ``parts`` has one plan for the elements of an array or the bounds
    of a range, one per field of a record; ``part_oids`` are the types that stand in the binary form.
    Op ``keys`` masks a document by ``rules``. Family ``enum`` has its ``labels``. ``shown``: names of shapes
    (``spans.KIND_NAMES``) that a scan leaves as they are.
    """

    def __init__(self, op: str, *, name: str = "", family: str = "text", format: int = 0, style: str = "generic",
                 limit: int = -1, pad: int = -1, shift_days: int = 0, constant: bytes = b"",
                 fallback: bytes | None = None, key: bytes = b"", label: str = "", parts: tuple = (),
                 part_oids: tuple = (), labels: tuple = (), rules: object = None,
                 shown: frozenset = frozenset()):
        if op not in _OPERATIONS:
            raise ValueError(f"unknown operation {op!r}")
        if family not in _FAMILIES:
            raise ValueError(f"unknown family {family!r}")
        if style not in _STYLES:
            raise ValueError(f"unknown style {style!r}")
        if format not in (0, 1):
            raise ValueError(f"unknown format code {format}")
        if op in KEYED and len(key) != 32:
            raise ValueError(f"{op} needs a key of 32 bytes")
        if op == "shift" and not 0 < abs(shift_days) <= 366:
            raise ValueError("a shift is 1 to 366 days either way")
        if op == "parts":
            if family not in _PARTED or (_PARTED[family] and len(parts) != 1):
                raise ValueError(f"{family} of {len(parts)} parts")
            if len(part_oids) != len(parts) or any(part.format != format for part in parts):
                raise ValueError("parts in another form than the whole, or of no type")
        if (op == "keys") != (rules is not None):
            raise ValueError("documents need rules, and nothing else does")
        self.op = op
        self.name = name
        self.family = family
        self.format = format
        self.style = style
        self.limit = limit
        self.pad = pad
        self.shift_days = shift_days
        self.constant = constant
        self.fallback = fallback
        self.key = key
        self.label = label
        self.parts = tuple(parts)
        self.part_oids = tuple(part_oids)
        self.labels = tuple(labels)
        self.rules = rules
        self.shown = 0
        for kind, known in _KIND_NAMES.items():
            if known in shown:
                self.shown |= 1 << <int>kind
        if shown - set(_KIND_NAMES.values()) or (shown and op != "scan"):
            raise ValueError("only a scan shows shapes, and only those it knows")

    def __repr__(self):
        return f"ColumnPlan({self.op!r}, name={self.name!r}, family={self.family!r}, format={self.format})"


cdef int fill_spec(ColumnPlan column, MaskSpec* spec, list owned) except -1:
    cdef bytes fallback
    spec.op = _OPERATIONS[column.op]
    spec.family = _FAMILIES[column.family]
    spec.binary = column.format
    spec.style = _STYLES[column.style]
    spec.limit = column.limit
    spec.pad = column.pad
    spec.shift_days = column.shift_days
    spec.fallback_size = -1
    if column.fallback is not None:
        fallback = column.fallback
        owned.append(fallback)
        spec.fallback = fallback
        spec.fallback_size = len(fallback)
    if len(column.key) == 32:
        prf_key(&spec.key, column.key)
    return 0
