"""Verdicts on statement texts, and the bounded cache that finds them again without Python.

The key is the text plus a context id, an integer that stands for everything else a decision reads
(policy and catalog version, identity, search_path, role; see ``session.gate``). Keys are compared
in full, never truncated: a collision must not decide anything.

A text is looked up exactly first. If it is not there and may be folded, its shape is: a shape
knows which of its literals matter, and the verdict is found under the shape with those.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

cimport cython

from govproxy._fastpath.bytecache cimport ByteCache
from govproxy._fastpath.copyguard cimport CopyGuard
from govproxy._fastpath.copyrows cimport CopyOptions
from govproxy._fastpath.ledger cimport Fragment
from govproxy._fastpath.lexer cimport Folder
from govproxy._fastpath.outbuf cimport outbuf_append, outbuf_byte, outbuf_free, outbuf_init
from govproxy._fastpath.rows cimport MaskPlan

cdef enum:
    # What a verdict was measured to hold with its basis and first mask plan: the analysis, which is
    # the largest part, grows with what the ledger says of it.
    VERDICT_COST_BYTES = 3072
    FRAGMENT_COPIES = 3
    MAX_PLANS = 16


@cython.final
cdef class Verdict:
    """One judged text. Immutable but for the mask plans that are learned with its results."""

    def __cinit__(
        self,
        *,
        Outcome outcome,
        bytes text not None,
        uint64_t context_id,
        bytes fragment not None,
        object basis=None,
        bytes forward=None,
        object bound=None,
        bint clear=False,
        bint returns_rows=True,
        bint copies_in=False,
        bint copies_out=False,
        CopyOptions copy=None,
        CopyGuard copy_guard=None,
        bint tainted=True,
        bint changes_session=False,
        bint changes_catalog=False,
        bint cacheable=True,
        bint writes=False,
        bint decided=False,
    ):
        self.outcome = outcome
        self.text = text
        self.context_id = context_id
        self.fragment = fragment
        self.recording = Fragment(fragment, text)
        self.basis = basis
        self.forward = forward
        self.bound = bound
        self.clear = clear
        self.returns_rows = returns_rows
        self.copies_in = copies_in
        self.copies_out = copies_out
        self.copy = copy
        self.copy_guard = copy_guard
        self.tainted = tainted
        self.changes_session = changes_session
        self.changes_catalog = changes_catalog
        self.cacheable = cacheable
        self.writes = writes
        self.decided = decided
        self.plans = []

    cdef MaskPlan plan_for(self, bytes description):
        for key, plan in self.plans:
            if <bytes>key == description:
                return <MaskPlan>plan
        return None

    cdef int remember_plan(self, bytes description, MaskPlan plan) except -1:
        if len(self.plans) >= MAX_PLANS:
            del self.plans[0]
        self.plans.append((description, plan))
        return 0


@cython.final
cdef class VerdictCache:
    """(text, context id) → Verdict. ``limit_bytes`` bounds texts, shapes and verdicts together."""

    def __cinit__(self, size_t limit_bytes=64 * 1024 * 1024, bytes seed=None):
        self.texts = ByteCache(limit_bytes - limit_bytes // 8, seed)
        self.shapes = ByteCache(limit_bytes // 8, seed)
        self.folder = Folder()
        outbuf_init(&self.key)

    def __dealloc__(self):
        outbuf_free(&self.key)

    def __len__(self):
        return len(self.texts)

    @property
    def size_bytes(self):
        """What the entries are accounted with."""
        return self.texts.size_bytes + self.shapes.size_bytes

    @property
    def generations(self):
        """How often half of the texts gave way."""
        return self.texts.generations

    cdef Verdict lookup(self, uint64_t context_id, const unsigned char* text, Py_ssize_t size, bint folds):
        cdef PyObject* found = self.texts.find(context_id, text, size)
        if found != NULL:
            self.exact_hits += 1
            return <Verdict>found
        if folds and self.folder.fold(text, size):
            found = self.shapes.find(context_id, self.folder.shape.data, self.folder.shape.size)
            if found != NULL:
                self._folded_key(text, <bytes>found)
                found = self.texts.find(context_id, self.key.data, self.key.size)
                if found != NULL:
                    self.folded_hits += 1
                    return <Verdict>found
        self.misses += 1
        return None

    cdef int _folded_key(self, const unsigned char* text, bytes pinned) except -1:
        # The shape in the folder, then each literal that matters; NUL cannot occur in either.
        cdef const unsigned char* numbers = <const unsigned char*>PyBytes_AS_STRING(pinned)
        cdef Py_ssize_t i
        cdef int number
        # It begins with one, so that no text can be taken for a key.
        self.key.size = 0
        outbuf_byte(&self.key, 0)
        outbuf_append(&self.key, self.folder.shape.data, self.folder.shape.size)
        for i in range(PyBytes_GET_SIZE(pinned) // 2):
            number = (numbers[2 * i] << 8) | numbers[2 * i + 1]
            outbuf_byte(&self.key, 0)
            outbuf_append(
                &self.key,
                text + self.folder.literals[number].start,
                self.folder.literals[number].end - self.folder.literals[number].start,
            )
        return 0

    def put(self, Verdict verdict not None, pinned=None):
        """Remember ``verdict``, if it says that it may be remembered.

        ``pinned``: the numbers of the literals that matter, for a text that has a shape; None
        remembers the exact text alone.
        """
        cdef bytes numbers
        cdef size_t cost = VERDICT_COST_BYTES + FRAGMENT_COPIES * <size_t>len(verdict.fragment)
        cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(verdict.text)
        if not verdict.cacheable:
            return
        if pinned is None:
            self.texts.add(verdict.context_id, verdict.text, verdict, cost)
            return
        if not self.folder.fold(text, PyBytes_GET_SIZE(verdict.text)):
            raise ValueError("a text without a shape cannot be folded")
        numbers = b"".join([number.to_bytes(2, "big") for number in pinned])
        if any(number >= self.folder.count for number in pinned):
            raise ValueError("a text has fewer literals")
        self.shapes.add(
            verdict.context_id,
            PyBytes_FromStringAndSize(<const char*>self.folder.shape.data, self.folder.shape.size),
            numbers,
            0,
        )
        self._folded_key(text, numbers)
        self.texts.add(
            verdict.context_id,
            PyBytes_FromStringAndSize(<const char*>self.key.data, self.key.size),
            verdict,
            cost + <size_t>len(verdict.text),
        )

    def get(self, uint64_t context_id, bytes text not None, *, bint folds=False):
        """The verdict on ``text`` under ``context_id``, or None."""
        return self.lookup(
            context_id, <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), folds
        )

    def clear(self):
        """Forget everything (a new policy or catalog makes all of it unreachable anyway)."""
        self.texts.clear()
        self.shapes.clear()
