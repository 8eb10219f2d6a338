# Verdicts and the cache that finds them again. See verdicts.pyx.

from libc.stdint cimport uint64_t
from cpython.object cimport PyObject
from govproxy._fastpath.rows cimport MaskPlan

cpdef enum Outcome:
    ALLOW = 1
    DENY = 2

cdef class Verdict:
    cdef readonly Outcome outcome
    cdef readonly bytes text              # the exact bytes that were judged
    cdef readonly uint64_t context_id     # what it was judged under; see session.gate
    cdef readonly bytes fragment          # members of the ledger's statement line
    cdef readonly object basis            # the gate's own notes: obligations, refusal
    cdef readonly bint clear              # rows and messages leave untouched
    cdef readonly bint returns_rows
    cdef readonly bint copies_in
    cdef readonly bint copies_out
    cdef readonly bint tainted            # reaches sensitive or unknown data: messages are rebuilt
    cdef readonly bint changes_session    # the gate is told before the next statement is looked up
    cdef readonly bint changes_catalog    # the gate is told when it has run
    cdef readonly bint cacheable
    cdef list plans                       # [(key, MaskPlan)], few

    cdef MaskPlan plan_for(self, bytes description)
    cdef int remember_plan(self, bytes description, MaskPlan plan) except -1

cdef struct Slot:
    uint64_t hash
    PyObject* verdict

cdef struct Generation:
    Slot* slots
    size_t mask
    size_t used
    size_t size_bytes

cdef class VerdictCache:
    cdef Generation young, old
    cdef uint64_t seed0, seed1
    cdef readonly size_t limit_bytes
    cdef readonly uint64_t hits, misses, generations
    cdef Verdict lookup(self, uint64_t context_id, const unsigned char* text, Py_ssize_t size)
    cdef int insert(self, Verdict verdict) except -1
    cdef int _add(self, uint64_t hash_, Verdict verdict) except -1
