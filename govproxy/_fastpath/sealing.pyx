"""Hashing of ledger ranges and the Merkle tree over a segment's lines, without the interpreter lock.

Belongs to the sealing thread. Knows bytes and hashes; segments, keys and JSON are ``audit.ledger``'s.
The lock is given away once per call and not once per system call: each time it is asked for again, the
thread that serves the clients is made to stop, wake this one and wait for it.

The tree is that of RFC 9162, section 2.1: leaf = SHA-256(0x00 || line without its newline),
node = SHA-256(0x01 || left || right), a level's odd last node moves up unchanged.
"""

import os

from cython cimport final
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, ENOSPC, errno
from libc.stdint cimport uint8_t, uint64_t
from libc.stdio cimport rename
from libc.string cimport memchr, memcpy
from posix.fcntl cimport O_CREAT, O_TRUNC, O_WRONLY, open as open_file
from posix.unistd cimport close, write

from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init

cdef extern from "sha256.h" nogil:
    int gp_sha256_accelerated
    void gp_sha256_init(gp_sha256* s) noexcept
    void gp_sha256_update(gp_sha256* s, const uint8_t* p, size_t size) noexcept
    void gp_sha256_final(gp_sha256* s, uint8_t* out) noexcept


cdef extern from "<fcntl.h>" nogil:
    int O_CLOEXEC

cdef extern from "<unistd.h>" nogil:
    int fdatasync(int fd)


def replace_file(str path not None, str temporary not None, bytes content not None) -> None:
    """Gives ``path`` this content in one step, synced before it takes the name. OSError on failure."""
    cdef bytes wanted = os.fsencode(path)
    cdef bytes beside = os.fsencode(temporary)
    cdef const char* name = PyBytes_AS_STRING(wanted)
    cdef const char* new_name = PyBytes_AS_STRING(beside)
    cdef const char* data = PyBytes_AS_STRING(content)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(content)
    cdef int error
    with nogil:
        error = _replace(name, new_name, data, size)
    if error:
        raise OSError(error, os.strerror(error), path)


cdef int _replace(const char* name, const char* new_name, const char* data, Py_ssize_t size) noexcept nogil:
    # The number of the error, 0 if there was none.
    cdef int error = 0
    cdef ssize_t written
    cdef int fd = open_file(new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if fd < 0:
        return errno
    while size > 0 and error == 0:
        written = write(fd, data, <size_t>size)
        if written > 0:
            data += written
            size -= written
        elif written == 0:
            error = ENOSPC
        elif errno != EINTR:
            error = errno
    if error == 0 and fdatasync(fd) != 0:
        error = errno
    if close(fd) != 0 and error == 0:
        error = errno
    if error == 0 and rename(new_name, name) != 0:
        error = errno
    return error


def sha256(const unsigned char[::1] data not None) -> bytes:
    """SHA-256 of ``data``; for tests and benchmarks."""
    cdef gp_sha256 state
    cdef unsigned char digest[32]
    gp_sha256_init(&state)
    if data.shape[0]:
        gp_sha256_update(&state, &data[0], <size_t>data.shape[0])
    gp_sha256_final(&state, digest)
    return PyBytes_FromStringAndSize(<char*>digest, 32)


def set_accelerated(bint wanted) -> None:
    """For tests: False takes the portable code; True asks the processor again."""
    global gp_sha256_accelerated
    gp_sha256_accelerated = -1 if wanted else 0


@final
cdef class Range:
    """Whole lines that the operating system has, from offset ``start`` of the segment; immutable."""

    def __cinit__(self):
        outbuf_init(&self.bytes_)

    def __dealloc__(self):
        outbuf_free(&self.bytes_)

    def __len__(self):
        return self.bytes_.size

    def __bytes__(self):
        return PyBytes_FromStringAndSize(<char*>self.bytes_.data, self.bytes_.size)

    @property
    def stop(self) -> int:
        """Offset of the byte behind the last one."""
        return self.start + <uint64_t>self.bytes_.size


cdef Range make_range(OutBuf* source, uint64_t start, uint64_t lines):
    cdef Range made = Range.__new__(Range)
    made.bytes_ = source[0]
    made.start = start
    made.lines = lines
    outbuf_init(source)
    return made


@final
cdef class RangeHash:
    """SHA-256 over ranges that follow each other, with how much they are. Keeps none of their bytes."""

    def __cinit__(self):
        gp_sha256_init(&self.state)

    def add(self, Range lines not None) -> None:
        """Adds the bytes of the next range."""
        if lines.bytes_.size:
            with nogil:
                self.add_bytes(lines.bytes_.data, lines.bytes_.size)
        self.size += <uint64_t>lines.bytes_.size
        self.lines += lines.lines

    cdef void add_bytes(self, const unsigned char* data, Py_ssize_t size) noexcept nogil:
        gp_sha256_update(&self.state, data, <size_t>size)

    def digest(self) -> bytes:
        """SHA-256 of all bytes so far."""
        cdef gp_sha256 state = self.state
        cdef unsigned char digest[32]
        gp_sha256_final(&state, digest)
        return PyBytes_FromStringAndSize(<char*>digest, 32)


@final
cdef class MerkleTree:
    """Grows by one line at a time; holds one hash per level, never the leaves."""

    def __cinit__(self):
        self.leaves = 0

    cdef int add_leaf(self, const unsigned char* line, Py_ssize_t size) except -1 nogil:
        cdef gp_sha256 state
        cdef unsigned char digest[32]
        cdef unsigned char prefix = 0
        cdef int level = 0
        gp_sha256_init(&state)
        gp_sha256_update(&state, &prefix, 1)
        if size:
            gp_sha256_update(&state, line, <size_t>size)
        gp_sha256_final(&state, digest)
        # Adding one in binary: every carry joins two finished subtrees of equal height.
        while (self.leaves >> level) & 1:
            _join(self.nodes[level], digest, digest)
            level += 1
            if level >= TREE_LEVELS:
                with gil:
                    raise OverflowError("too many lines in a segment")
        memcpy(self.nodes[level], digest, 32)
        self.leaves += 1
        return 0

    def add(self, Range lines not None) -> None:
        """Adds each line of the range; bytes behind the last newline would be a bug and raise."""
        with nogil:
            self.add_lines(lines.bytes_.data, lines.bytes_.size)

    def add_with(self, RangeHash hashed not None, Range lines not None) -> None:
        """``add``, and the same range to ``hashed``."""
        if lines.bytes_.size == 0:
            return
        with nogil:
            self.add_lines(lines.bytes_.data, lines.bytes_.size)
            hashed.add_bytes(lines.bytes_.data, lines.bytes_.size)
        hashed.size += <uint64_t>lines.bytes_.size
        hashed.lines += lines.lines

    cdef int add_lines(self, const unsigned char* at, Py_ssize_t size) except -1 nogil:
        cdef const unsigned char* end = at + size
        cdef const unsigned char* newline
        while at < end:
            newline = <const unsigned char*>memchr(at, c"\n", <size_t>(end - at))
            if newline == NULL:
                with gil:
                    raise ValueError("a range must end with a newline")
            self.add_leaf(at, newline - at)
            at = newline + 1
        return 0

    def add_line(self, const unsigned char[::1] line not None) -> None:
        """Adds one line (without its newline); for tests."""
        self.add_leaf(&line[0] if line.shape[0] else NULL, line.shape[0])

    def root(self) -> bytes:
        """The hash over all lines so far; of none, SHA-256 of nothing."""
        cdef unsigned char digest[32]
        cdef gp_sha256 state
        cdef bint begun = False
        cdef int level
        if self.leaves == 0:
            gp_sha256_init(&state)
            gp_sha256_final(&state, digest)
            return PyBytes_FromStringAndSize(<char*>digest, 32)
        for level in range(TREE_LEVELS):
            if not (self.leaves >> level) & 1:
                continue
            if begun:
                _join(self.nodes[level], digest, digest)
            else:
                memcpy(digest, self.nodes[level], 32)
                begun = True
        return PyBytes_FromStringAndSize(<char*>digest, 32)


cdef void _join(const unsigned char* left, const unsigned char* right, unsigned char* out) noexcept nogil:
    # ``out`` may be ``right``: it is read before it is written.
    cdef gp_sha256 state
    cdef unsigned char prefix = 1
    gp_sha256_init(&state)
    gp_sha256_update(&state, &prefix, 1)
    gp_sha256_update(&state, left, 32)
    gp_sha256_update(&state, right, 32)
    gp_sha256_final(&state, out)
