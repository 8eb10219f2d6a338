"""Bytes that come again and again, as one object: names, format codes, row descriptions.

A driver says the same few of them with every statement, so a statement that is known makes no object for them.
The table belongs to the worker, as all sessions say alike, and is bounded: a newcomer takes its slot from whoever
was there. Who fills it with rubbish makes others pay for an object each, no more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

cdef enum:
    SLOTS = 1024           # a power of two
    LONGEST = 1024         # bytes; longer ones are made anew

cdef list _known = [None] * SLOTS


def intern_bytes(bytes data not None):
    """``data``, or the equal object that was given before. For tests."""
    return interned(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef bytes interned(const unsigned char* data, Py_ssize_t size):
    cdef Py_ssize_t slot
    cdef bytes known
    if size == 0 or size > LONGEST:
        return PyBytes_FromStringAndSize(<const char*>data, size)
    slot = _slot(data, size)
    known = <bytes>_known[slot]
    if known is None or PyBytes_GET_SIZE(known) != size or memcmp(PyBytes_AS_STRING(known), data, <size_t>size) != 0:
        known = PyBytes_FromStringAndSize(<const char*>data, size)
        _known[slot] = known
    return known


cdef Py_ssize_t _slot(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    # Spreads well and is quick; it need not withstand anybody, as equality is what decides.
    cdef uint64_t mixed = <uint64_t>size
    cdef uint64_t word
    cdef Py_ssize_t at = 0
    while at < size:
        word = 0
        memcpy(&word, data + at, <size_t>min(size - at, 8))
        mixed = (mixed ^ word) * <uint64_t>0x9E3779B97F4A7C15
        mixed ^= mixed >> 29
        at += 8
    return <Py_ssize_t>((mixed >> 32) & (SLOTS - 1))
