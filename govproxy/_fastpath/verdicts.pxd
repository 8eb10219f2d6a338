# Verdicts and the cache that finds them again. See verdicts.pyx.

from libc.stdint cimport uint64_t

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.copyguard cimport CopyGuard
from govproxy._fastpath.copyrows cimport CopyOptions
from govproxy._fastpath.ledger cimport Fragment
from govproxy._fastpath.lexer cimport Folder
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.rows cimport MaskPlan

cpdef enum Outcome:
    ALLOW = 1
    DENY = 2
    HOLD = 3      # somebody has to be asked, each time

cdef class Verdict:
    cdef readonly Outcome outcome
    cdef readonly bytes text              # the exact bytes that were judged
    cdef readonly uint64_t context_id     # what it was judged under; see session.gate
    cdef readonly bytes fragment          # members of the ledger's statement line
    cdef Fragment recording               # the same, as the ledger takes it
    cdef readonly bytes forward           # what is sent in the place of the text; None: the text itself
    cdef readonly object bound            # what is to be done with parameters (session.bound); None: nothing
    cdef readonly object basis            # the gate's own notes: obligations, refusal
    cdef readonly bint clear              # rows and messages leave untouched
    cdef readonly bint returns_rows
    cdef readonly bint copies_in
    cdef readonly bint copies_out
    cdef readonly CopyOptions copy        # how its copied rows are read and masked, None where they are not
    cdef readonly CopyGuard copy_guard    # what looks at rows that are copied in, None where nothing does
    cdef readonly bint tainted            # reaches sensitive or unknown data: messages are rebuilt
    cdef readonly bint changes_session    # the gate is told before the next statement is looked up
    cdef readonly bint changes_catalog    # the gate is told when it has run
    cdef readonly bint cacheable
    cdef readonly bint decided            # of a held statement, for this once: it stands in the ledger already
    cdef readonly bint writes             # limits: may change rows, and the command tag counts them
    cdef list plans                       # [(key, MaskPlan)], few

    cdef MaskPlan plan_for(self, bytes description)
    cdef int remember_plan(self, bytes description, MaskPlan plan) except -1

cdef class VerdictCache:
    cdef ByteCache texts        # exact text, or shape with its pinned literals -> Verdict
    cdef ByteCache shapes       # shape -> numbers of its pinned literals, two bytes each
    cdef Folder folder
    cdef OutBuf key
    cdef readonly uint64_t exact_hits, folded_hits, misses

    cdef Verdict lookup(self, uint64_t context_id, const unsigned char* text, Py_ssize_t size, bint folds)
    cdef int _folded_key(self, const unsigned char* text, bytes pinned) except -1
