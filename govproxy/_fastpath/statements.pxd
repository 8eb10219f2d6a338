# Prepared statements and portals as the proxy knows them. See statements.pyx.

from libc.stdint cimport uint64_t
from govproxy._fastpath.rows cimport MaskPlan
from govproxy._fastpath.verdicts cimport Verdict

cdef class PreparedStatement:
    cdef bytes name
    cdef Verdict verdict
    cdef bytes text              # None where the verdict's own text is this one
    cdef bytes declared          # types of parameters as Parse gave them, four bytes each; None = none
    cdef bytes sent              # the verdict's ``forward`` where that went to the backend, else None
    cdef object bound            # of the verdict that ``sent`` is of: has the parameters the client knows nothing of
    cdef bytes description       # RowDescription payload as Describe gave it, b"" for NoData
    cdef bytes last_described, last_formats, last_formatted  # what ``formatted`` was asked and said last time
    cdef bint describe_asked
    cdef uint64_t asked_in       # the segment in which it was
    cdef bint confirmed          # ParseComplete has come
    cdef uint64_t segment        # how many Syncs went out before its Parse

cdef class Portal:
    cdef bytes name
    cdef Verdict verdict
    cdef PreparedStatement statement
    cdef bytes formats           # result format codes of Bind, two bytes each
    cdef bytes description       # RowDescription payload of this very portal
    cdef bint describe_asked
    cdef uint64_t asked_in       # the segment in which it was
    cdef MaskPlan plan
    cdef bint confirmed          # BindComplete has come
    cdef uint64_t segment        # how many Syncs went out before its Bind
    cdef bint open               # its ledger statement has no outcome yet
    cdef uint64_t number, started_ns, rows, size_bytes, masked_values

cdef bytes formatted(PreparedStatement statement, bytes formats)
cdef bytes with_formats(bytes description, bytes formats)
