# Arrays, element by element. See maskarrays.pyx.

from govproxy._fastpath.ff1 cimport Ff1
from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.maskfpe cimport FpeLanes
from govproxy._fastpath.outbuf cimport OutBuf

# Room to work in; kept by the plan, so that nothing is allocated per value.
cdef struct ArrayRoom:
    OutBuf plain        # an element without its quotes
    OutBuf made         # its masked form

cdef void array_room_init(ArrayRoom* room) noexcept nogil
cdef void array_room_free(ArrayRoom* room) noexcept nogil

# Appends the array with every element masked by ``spec``, whose family is the elements'. ``cipher`` is None unless
# the mask is FF1. Returns 0, having appended nothing, when p[0:n] is not an array of ``element_oid``.
cdef int mask_array(const MaskSpec* spec, Ff1 cipher, FpeLanes* lanes, unsigned int element_oid,
                    const unsigned char* p, Py_ssize_t n, OutBuf* out, ArrayRoom* room) except -1
