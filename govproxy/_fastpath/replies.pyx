"""The queue of expected replies: what each backend message answers is never guessed.

Every message that goes to the backend and will be answered has one entry; the backend answers
in order, so the head tells what a message means, whose statement it belongs to, and whether the
client asked for it. A plain ring of C structs: no Python object per entry.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cimport cython

cdef enum:
    FIRST_CAPACITY = 8
    KEPT_CAPACITY = 256      # a larger ring than this is given back as soon as it is empty
    SPARE_RINGS = 64

# Rings of the first capacity that nobody needs at the moment: whoever is owed nothing has none, and a transaction
# takes one from here and puts it back, without a word to malloc. All under the interpreter lock.
cdef (Expected*)[SPARE_RINGS] spare
cdef int spares = 0


@cython.final
cdef class ReplyQueue:
    def __cinit__(self):
        self.ring = NULL
        self.capacity = 0
        self.first = 0
        self.count = 0

    def __dealloc__(self):
        while self.count:
            self.pop()
        if self.ring != NULL:
            self._give_back()

    def __len__(self):
        return self.count

    cdef Expected* head(self) noexcept:
        return &self.ring[self.first] if self.count else NULL

    cdef Expected* last(self) noexcept:
        return self.at(self.count - 1) if self.count else NULL

    cdef Expected* at(self, size_t index) noexcept:
        # ``index`` counts from the head and is the caller's own, always below ``count``.
        return &self.ring[(self.first + index) & (self.capacity - 1)]

    cdef Expected* push(self, Reply kind, object subject) except NULL:
        cdef Expected* entry
        if self.count == self.capacity:
            self._grow()
        entry = &self.ring[(self.first + self.count) & (self.capacity - 1)]
        memset(entry, 0, sizeof(Expected))
        entry.kind = kind
        Py_INCREF(subject)
        entry.subject = <PyObject*>subject
        self.count += 1
        return entry

    cdef int pop(self) except -1:
        cdef Expected* entry = &self.ring[self.first]
        cdef PyObject* subject = entry.subject
        cdef PyObject* previous = entry.previous
        cdef PyObject* refusal = entry.refusal
        self.first = (self.first + 1) & (self.capacity - 1)
        self.count -= 1
        if self.count == 0 and (self.capacity == FIRST_CAPACITY or self.capacity > KEPT_CAPACITY):
            self._give_back()
        # Last: whatever is freed here may come back to this queue.
        Py_XDECREF(subject)
        Py_XDECREF(previous)
        Py_XDECREF(refusal)
        return 0

    cdef int pop_last(self) except -1:
        cdef Expected entry = self.at(self.count - 1)[0]
        self.count -= 1
        Py_XDECREF(entry.subject)
        Py_XDECREF(entry.previous)
        Py_XDECREF(entry.refusal)
        return 0

    cdef int _give_back(self) noexcept:
        global spares
        if self.capacity == FIRST_CAPACITY and spares < SPARE_RINGS:
            spare[spares] = self.ring
            spares += 1
        else:
            free(self.ring)
        self.ring = NULL
        self.capacity = self.first = 0
        return 0

    cdef int _grow(self) except -1:
        global spares
        cdef size_t capacity = self.capacity * 2 if self.capacity else FIRST_CAPACITY
        cdef Expected* ring
        cdef size_t i
        if self.capacity == 0 and spares:
            spares -= 1
            self.ring = spare[spares]
            self.capacity = FIRST_CAPACITY
            return 0
        ring = <Expected*>malloc(capacity * sizeof(Expected))
        if ring == NULL:
            raise MemoryError("reply queue")
        for i in range(self.count):
            ring[i] = self.at(i)[0]
        free(self.ring)
        self.ring = ring
        self.capacity = capacity
        self.first = 0
        return 0
