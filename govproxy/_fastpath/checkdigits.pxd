# Check digits of cards and personal numbers. See checkdigits.pyx. Digits are values 0..9, ``p`` is bytes.

cdef bint luhn_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil
cdef bint issuer_ok(const unsigned char* d, Py_ssize_t n) noexcept nogil
cdef bint goods_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil
cdef bint nir_ok(const unsigned char* d) noexcept nogil
cdef bint chinese_id_ok(const unsigned char* d, int check) noexcept nogil
cdef bint fiscal_code_ok(const unsigned char* p) noexcept nogil
cdef bint cpf_ok(const unsigned char* d) noexcept nogil
cdef bint cnpj_ok(const unsigned char* d) noexcept nogil
cdef bint belgian_ok(const unsigned char* d) noexcept nogil
cdef bint norwegian_ok(const unsigned char* d) noexcept nogil
cdef bint swedish_ok(const unsigned char* d) noexcept nogil
cdef bint korean_ok(const unsigned char* d) noexcept nogil
cdef bint swiss_ok(const unsigned char* d) noexcept nogil
cdef bint curp_ok(const unsigned char* p) noexcept nogil
cdef bint mrz_ok(const unsigned char* p) noexcept nogil
