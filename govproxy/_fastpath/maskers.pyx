"""Maskers for single values in wire form: same type, same format, within the column's length.

Every masker either writes a masked value or the column's fallback (a constant, or NULL); what it
cannot read it never lets through. Equal inputs give equal outputs under one key. Knows types and
styles, not columns or policies; ``masking.plan`` chooses.
"""

from libc.string cimport memcpy, memset

from govproxy._fastpath.maskchecks cimport keep_calling_code, keep_iban, keep_number, put_wallet
from govproxy._fastpath.maskdates cimport date_text, mask_date
from govproxy._fastpath.maskids cimport mask_hardware, mask_inet, mask_uuid, network_text
from govproxy._fastpath.masknames cimport put_person, put_place
from govproxy._fastpath.masknumbers cimport bucket_text, mask_float, mask_int, mask_numeric
from govproxy._fastpath.maskpieces cimport (
    fall_back,
    fit,
    is_digit,
    is_letter,
    is_word,
    lower,
    luhn_sum,
    put,
    put_byte,
    put_hex,
)
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_reserve
from govproxy._fastpath.prf cimport Prf, PrfKey, prf_byte, prf_finish, prf_folded, prf_start, prf_stream, prf_value

cdef enum:
    SEALED_TAG = 6
    SEALED_STEP = 10
    SEALED_MOST = 30        # with what stands around it the 64 characters that a local part may have

OPERATIONS = {
    "pass": OP_PASS, "scan": OP_SCAN, "constant": OP_CONSTANT, "null": OP_NULL, "partial": OP_PARTIAL,
    "hash": OP_HASH, "pseudonym": OP_PSEUDONYM, "generalise": OP_GENERALISE, "shift": OP_SHIFT, "fpe": OP_FPE,
    "parts": OP_PARTS, "keys": OP_KEYS,
}
FAMILIES = {
    "text": F_TEXT, "int2": F_INT2, "int4": F_INT4, "int8": F_INT8, "float4": F_FLOAT4, "float8": F_FLOAT8,
    "numeric": F_NUMERIC, "bool": F_BOOL, "date": F_DATE, "timestamp": F_TIMESTAMP, "timestamptz": F_TIMESTAMPTZ,
    "uuid": F_UUID, "json": F_JSON, "jsonb": F_JSONB, "bytea": F_BYTEA, "inet": F_INET, "macaddr": F_MACADDR,
    "array": F_ARRAY, "record": F_RECORD, "range": F_RANGE, "multirange": F_MULTIRANGE, "hstore": F_HSTORE,
    "xml": F_XML, "enum": F_ENUM, "other": F_OTHER,
}
STYLES = {
    "generic": S_GENERIC, "email": S_EMAIL, "tail4": S_TAIL4, "phone": S_PHONE, "iban": S_IBAN, "name": S_NAME,
    "given": S_GIVEN, "surname": S_SURNAME, "postcode": S_POSTCODE, "ip": S_IP, "date": S_DATE, "geo": S_GEO,
    "user": S_USER, "card": S_CARD, "wallet": S_WALLET, "city": S_CITY, "street": S_STREET,
}

cdef inline bint is_number(int style) noexcept nogil:
    return style == S_TAIL4 or style == S_CARD or style == S_PHONE or style == S_IBAN or style == S_WALLET


cdef void tag_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, unsigned char* tag) noexcept nogil:
    # The keyed tag of the normalised value: ASCII case folded; for numbers of any kind only
    # letters and digits count, so that 555-12-3456 and 555123456 meet.
    cdef Prf prf
    cdef Py_ssize_t i
    cdef bint compact = is_number(spec.style)
    while n > 0 and p[n - 1] == c' ':
        n -= 1
    i = 0
    while i < n and p[i] == c' ':
        i += 1
    if not compact:
        prf_folded(&spec.key, p + i, n - i, tag)
        return
    prf_start(&prf, &spec.key)
    while i < n:
        if is_word(p[i]):
            prf_byte(&prf, lower(p[i]))
        i += 1
    prf_finish(&prf, tag)


cdef void token_check(const PrfKey* key, const unsigned char* p, int n, unsigned char* check) noexcept nogil:
    # The 16 bytes whose first follow the ``n`` bytes of a token (at most 15), so that it is known for
    # one when it comes back. No text that is masked begins with NUL.
    cdef unsigned char[16] block
    block[0] = 0
    memcpy(&block[1], p, <size_t>n)
    prf_value(key, block, n + 1, check)


cdef int put_token(const MaskSpec* spec, const unsigned char* tag, int size, int check, OutBuf* out) except -1 nogil:
    cdef unsigned char[16] following
    token_check(&spec.key, tag, size, following)
    put_hex(out, tag, size)
    return put_hex(out, following, check)


cdef int put_sealed(const MaskSpec* spec, const unsigned char* tag, const unsigned char* p, Py_ssize_t at,
                    Py_ssize_t rest, OutBuf* out) except -1 nogil:
    # The local part of an address in a token that says it to whoever has the key: the first bytes of the value's
    # tag, which prove it, and the local part under a stream that belongs to them (ADR 17). Returns 0 where there is
    # no room for one.
    cdef const unsigned char* letters = b"abcdefghijklmnopqrstuvwxyz234567"
    cdef unsigned char[SEALED_TAG + SEALED_MOST] token
    cdef unsigned char[16] head
    cdef unsigned char[16] stream
    cdef int size = SEALED_TAG
    cdef int i
    cdef unsigned int bits = 0
    cdef int held = 0
    cdef Py_ssize_t start = 0
    while start < at and p[start] == c' ':
        start += 1
    if at <= start or at - start > SEALED_MOST or rest < 2 or p[at + rest - 1] == c' ':
        return 0
    # Padded, so that its length says little.
    size += SEALED_STEP * <int>((at - start + SEALED_STEP - 1) // SEALED_STEP)
    if spec.limit >= 0 and 2 + (size * 8 + 4) // 5 + rest > spec.limit:
        return 0
    memset(token, 0, sizeof(token))
    memset(head, 0, 16)
    memcpy(head, tag, SEALED_TAG)
    memcpy(token, tag, SEALED_TAG)
    for i in range(<int>(at - start)):
        token[SEALED_TAG + i] = lower(p[start + i])
    for i in range(SEALED_TAG, size):
        if (i - SEALED_TAG) % 16 == 0:
            prf_stream(&spec.key, head, (i - SEALED_TAG) // 16, stream)
        token[i] ^= stream[(i - SEALED_TAG) % 16]
    put(out, b"u_", 2)
    for i in range(size):
        bits = bits << 8 | token[i]
        held += 8
        while held >= 5:
            held -= 5
            put_byte(out, letters[bits >> held & 31])
    if held:
        put_byte(out, letters[bits << (5 - held) & 31])
    return 1


cdef extern from *:
    """
    #include <string.h>
    static inline Py_ssize_t govproxy_last_of(const unsigned char *p, Py_ssize_t n, int byte)
    {
        while (n > 0)
            if (p[--n] == byte) return n;
        return -1;
    }
    """
    Py_ssize_t last_of "govproxy_last_of"(const unsigned char* p, Py_ssize_t n, int byte) noexcept nogil


cdef int stars(const unsigned char* p, Py_ssize_t n, Py_ssize_t head, Py_ssize_t tail, OutBuf* out) except -1 nogil:
    # One star per letter or digit but the first ``head`` and last ``tail`` of them; nothing is
    # shown unless twice as much is hidden. Returns 0 when that leaves nothing to show.
    cdef Py_ssize_t i
    cdef Py_ssize_t words = 0
    cdef Py_ssize_t seen = 0
    for i in range(n):
        if is_word(p[i]):
            words += 1
    if words < 2 * (head + tail):
        return 0
    outbuf_reserve(out, n)
    for i in range(n):
        if not is_word(p[i]):
            put_byte(out, p[i])
            continue
        seen += 1
        put_byte(out, p[i] if p[i] < 0x80 and (seen <= head or seen > words - tail) else c'*')
    return 1


cdef int partial_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t at
    cdef unsigned char* to
    cdef bint shown = False
    if spec.style == S_EMAIL:
        at = last_of(p, n, c'@')
        if at > 0 and at + 1 < n:
            outbuf_reserve(out, n + 3)
            to = out.data + out.size
            if at >= 2 and p[0] < 0x80 and is_word(p[0]):
                to[0] = p[0]
                to += 1
            memcpy(to, b"***", 3)
            memcpy(to + 3, p + at, <size_t>(n - at))
            out.size = (to - out.data) + 3 + n - at
            return fit(spec, out, start)
    elif spec.style == S_TAIL4 or spec.style == S_CARD or spec.style == S_WALLET:
        shown = stars(p, n, 0, 4, out)
    elif spec.style == S_PHONE:
        shown = stars(p, n, 0, 2, out)
    elif spec.style == S_IBAN:
        shown = stars(p, n, 2, 4, out)
    elif spec.style == S_POSTCODE:
        shown = stars(p, n, 2, 0, out)
    elif spec.style == S_IP:
        return generalise_text(spec, p, n, out)
    elif spec.style == S_NAME or spec.style == S_GIVEN or spec.style == S_SURNAME or spec.style == S_GENERIC:
        if n >= 2 and is_letter(p[0]):
            put_byte(out, p[0])
            put(out, b"***", 3)
            return fit(spec, out, start)
    if shown:
        return fit(spec, out, start)
    return fall_back(spec, out, start)


cdef int put_digits(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, const unsigned char* tag,
                    OutBuf* out) except -1 nogil:
    # Same shape, other digits and letters: a keyed stream over the places. Not invertible.
    cdef Py_ssize_t i
    cdef Py_ssize_t used = 0
    cdef unsigned char[16] stream
    cdef unsigned char value
    cdef bint first = True
    outbuf_reserve(out, n)
    for i in range(n):
        if not is_word(p[i]):
            put_byte(out, p[i])
            continue
        if used & 15 == 0:
            prf_stream(&spec.key, tag, <int>(used >> 4), stream)
        value = stream[used & 15]
        used += 1
        if is_digit(p[i]):
            # A number keeps its length: no leading zero where there was none.
            put_byte(out, <unsigned char>(49 + value % 9 if first and p[i] != c'0' else 48 + value % 10))
        elif 65 <= p[i] <= 90:
            put_byte(out, <unsigned char>(65 + value % 26))
        else:
            put_byte(out, <unsigned char>(97 + value % 26) if p[i] < 0x80 else c'x')
        first = False
    return 0


cdef void keep_luhn(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil:
    # A card stays as valid, or as wrong, as it was: its last digit follows the others. Same places in both.
    cdef unsigned char[19] real
    cdef unsigned char[19] made
    cdef int count = 0
    cdef Py_ssize_t last = -1
    cdef Py_ssize_t i
    for i in range(n):
        if not is_digit(p[i]):
            continue
        if count == 19:
            return
        real[count] = p[i] - 48
        made[count] = masked[i] - 48
        count += 1
        last = i
    if count < 12:
        return
    made[count - 1] = 0
    masked[last] = <unsigned char>(48 + (luhn_sum(real, count) + 10 - luhn_sum(made, count)) % 10)


cdef int pseudonym_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef unsigned char[16] tag
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t at
    if spec.style == S_NAME or spec.style == S_GIVEN or spec.style == S_SURNAME:
        if put_person(spec, p, n, out):
            return fit(spec, out, start)
        return fall_back(spec, out, start)
    if spec.style == S_CITY or spec.style == S_STREET:
        if put_place(spec, p, n, out):
            return fit(spec, out, start)
        return fall_back(spec, out, start)
    tag_text(spec, p, n, tag)
    if spec.style == S_EMAIL:
        at = last_of(p, n, c'@')
        if put_sealed(spec, tag, p, at, n - at, out):
            put(out, p + at, n - at)
            return fit(spec, out, start)
        put(out, b"u_", 2)
        put_token(spec, tag, 6, 3, out)
        if at > 0 and at + 1 < n and (spec.limit < 0 or 20 + n - at <= spec.limit):
            put(out, p + at, n - at)
        else:
            put(out, b"@example.org", 12)
    elif spec.style == S_WALLET and put_wallet(spec, p, n, tag, out):
        return fit(spec, out, start)
    elif is_number(spec.style) or spec.style == S_POSTCODE:
        put_digits(spec, p, n, tag, out)
        if spec.style == S_CARD:
            keep_luhn(p, n, out.data + start)
        elif spec.style == S_TAIL4:
            keep_number(p, n, out.data + start)
        elif spec.style == S_IBAN:
            keep_iban(p, n, out.data + start)
        elif spec.style == S_PHONE:
            keep_calling_code(p, n, out.data + start)
    else:
        put(out, b"u_", 2)
        put_token(spec, tag, 6, 3, out)
    return fit(spec, out, start)


cdef int hash_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef unsigned char[16] tag
    cdef Py_ssize_t start = out.size
    tag_text(spec, p, n, tag)
    put_token(spec, tag, 12, 4, out)
    return fit(spec, out, start)


cdef int generalise_text(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    while n > 0 and p[n - 1] == c' ':
        n -= 1
    if spec.style == S_IP:
        if network_text(p, n, out):
            return fit(spec, out, start)
    elif spec.style == S_POSTCODE:
        if stars(p, n, 2, 0, out):
            return fit(spec, out, start)
    elif spec.style == S_DATE:
        if date_text(p, n, 0, out):
            return fit(spec, out, start)
    elif bucket_text(spec, p, n, out):
        return fit(spec, out, start)
    return fall_back(spec, out, start)


cdef int mask_text_value(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    if spec.op == OP_PARTIAL:
        return partial_text(spec, p, n, out)
    if spec.op == OP_HASH:
        return hash_text(spec, p, n, out)
    if spec.op == OP_PSEUDONYM:
        return pseudonym_text(spec, p, n, out)
    if spec.op == OP_GENERALISE:
        return generalise_text(spec, p, n, out)
    if spec.op == OP_SHIFT:
        while n > 0 and p[n - 1] == c' ':
            n -= 1
        if date_text(p, n, spec.shift_days, out):
            return fit(spec, out, start)
    return fall_back(spec, out, start)


# ---------------------------------------------------------------- choice

cdef int mask_value(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, OutBuf* out) except -1 nogil:
    if spec.family == F_TEXT:
        return mask_text_value(spec, p, n, out)
    if spec.family == F_INT2 or spec.family == F_INT4 or spec.family == F_INT8:
        return mask_int(spec, p, n, out)
    if spec.family == F_NUMERIC:
        return mask_numeric(spec, p, n, out)
    if spec.family == F_FLOAT4 or spec.family == F_FLOAT8:
        return mask_float(spec, p, n, out)
    if spec.family == F_DATE or spec.family == F_TIMESTAMP or spec.family == F_TIMESTAMPTZ:
        return mask_date(spec, p, n, out)
    if spec.family == F_UUID:
        return mask_uuid(spec, p, n, out)
    if spec.family == F_INET:
        return mask_inet(spec, p, n, out)
    if spec.family == F_MACADDR:
        return mask_hardware(spec, p, n, out)
    return fall_back(spec, out, out.size)
