# What is done to one column, or to one part of its values. See columnplan.pyx.

from govproxy._fastpath.maskers cimport MaskSpec

cdef class ColumnPlan:
    cdef readonly str name
    cdef readonly str op
    cdef readonly str family
    cdef readonly int format
    cdef readonly str style
    cdef readonly str label
    cdef readonly Py_ssize_t limit
    cdef readonly Py_ssize_t pad
    cdef readonly int shift_days
    cdef readonly bytes constant
    cdef readonly object fallback       # bytes or None
    cdef readonly tuple parts
    cdef readonly tuple part_oids
    cdef readonly tuple labels
    cdef readonly object rules          # maskkeys.KeyRules or None
    cdef readonly int shown             # bits of spans.Kind that a scan leaves as they are
    cdef bytes key

# Fills a spec; what it points into is appended to ``owned``.
cdef int fill_spec(ColumnPlan column, MaskSpec* spec, list owned) except -1
