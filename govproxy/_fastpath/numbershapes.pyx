"""Numbers in text: cards, personal numbers of states in the forms people write, track data, passport lines.

What acts on a single value must not be met by chance: ``checkdigits`` says how often each is.
"""

from libc.string cimport memcmp, strlen

from govproxy._fastpath.charclass cimport ALPHA, CLASS, DIGIT, UPPER, is_alnum, is_digit, run_end
from govproxy._fastpath.checkdigits cimport (
    belgian_ok,
    chinese_id_ok,
    cnpj_ok,
    cpf_ok,
    goods_ok,
    issuer_ok,
    korean_ok,
    luhn_ok,
    mrz_ok,
    nir_ok,
    norwegian_ok,
    swedish_ok,
    swiss_ok,
)
from govproxy._fastpath.spans cimport CARD, CARD_TRACK, NATIONAL_ID, add_hit

cdef enum:
    W_CPF = 0
    W_CNPJ = 1
    W_BELGIAN = 2
    W_SWISS = 3
    W_SWEDISH = 4
    W_KOREAN = 5
    W_NORWEGIAN = 6
    WRITTEN = 7
    LONGEST_TRACK = 80
    CARD_WORDS = 12
    NEAR = 32           # how far before a number a word may speak of it

# How people write such numbers: 0 stands for a digit, the rest for itself.
ctypedef const char* Form
cdef Form[WRITTEN] FORMS
FORMS[0] = b"000.000.000-00"
FORMS[1] = b"00.000.000/0000-00"
FORMS[2] = b"00.00.00-000.00"
FORMS[3] = b"000.0000.0000.00"
FORMS[4] = b"00000000-0000"
FORMS[5] = b"000000-0000000"
FORMS[6] = b"000000 00000"

# Parts of words that say that the number behind them is a card's, in small letters.
ctypedef const char* Word
cdef Word[CARD_WORDS] SAYING_CARD
SAYING_CARD[0] = b"card"
SAYING_CARD[1] = b"kart"
SAYING_CARD[2] = b"carte"
SAYING_CARD[3] = b"tarjeta"
SAYING_CARD[4] = b"cartao"
SAYING_CARD[5] = b"cart\xc3\xa3o"
SAYING_CARD[6] = b"carta"
SAYING_CARD[7] = b"kaart"
SAYING_CARD[8] = b"kort"
SAYING_CARD[9] = b"visa"
SAYING_CARD[10] = b"maestro"
SAYING_CARD[11] = b"amex"


cdef bint says_card(const unsigned char* p, Py_ssize_t s) noexcept nogil:
    # Whether one of those words stands shortly before s.
    cdef unsigned char[NEAR] before
    cdef Py_ssize_t size = s if s < NEAR else NEAR
    cdef Py_ssize_t i
    cdef size_t length
    cdef int w
    for i in range(size):
        before[i] = p[s - size + i]
        if CLASS[before[i]] & UPPER:
            before[i] |= 0x20
    for w in range(CARD_WORDS):
        length = strlen(SAYING_CARD[w])
        for i in range(size - <Py_ssize_t>length + 1):
            if memcmp(before + i, SAYING_CARD[w], length) == 0:
                return True
    return False


cdef bint card_ok(const unsigned char* p, Py_ssize_t s, const unsigned char* digits, Py_ssize_t n,
                  bint grouped) noexcept nogil:
    # A card by its own issuer's range, or, of any length, where a word before it says so. A number of 12 or 13 digits
    # in one run that is a bar code as well is one, unless such a word speaks against it.
    cdef bint issued = issuer_ok(digits, n)
    if not issued and not 2 <= digits[0] <= 6 or not luhn_ok(digits, n):
        return False
    if issued and (grouped or n > 13 or not goods_ok(digits, n)):
        return True
    return says_card(p, s)


cdef bint written_ok(int form, const unsigned char* digits) noexcept nogil:
    if form == W_CPF:
        return cpf_ok(digits)
    if form == W_CNPJ:
        return cnpj_ok(digits)
    if form == W_BELGIAN:
        return belgian_ok(digits)
    if form == W_SWISS:
        return swiss_ok(digits)
    if form == W_SWEDISH:
        return swedish_ok(digits)
    if form == W_KOREAN:
        return korean_ok(digits)
    return norwegian_ok(digits)


cdef Py_ssize_t match_written(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                              Hits* hits) except -1 nogil:
    cdef unsigned char[16] digits
    cdef const char* form
    cdef Py_ssize_t i
    cdef int count
    cdef int f
    if s >= 2 and (p[s - 1] == c'-' or p[s - 1] == c'.' or p[s - 1] == c'/') and is_alnum(p[s - 2]):
        return 0
    for f in range(WRITTEN):
        form = FORMS[f]
        i = s
        count = 0
        while form[0] != 0 and i < n:
            if form[0] == c'0':
                if not is_digit(p[i]):
                    break
                digits[count] = p[i] - 48
                count += 1
            elif p[i] != <unsigned char>form[0]:
                break
            form += 1
            i += 1
        if form[0] != 0 or (i < n and is_alnum(p[i])):
            continue
        if i + 1 < n and (p[i] == c'-' or p[i] == c'.' or p[i] == c'/') and is_alnum(p[i + 1]):
            continue
        if written_ok(f, digits):
            add_hit(hits, NATIONAL_ID, s, i, 0)
            return i
    return 0


cdef Py_ssize_t track_end(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e) noexcept nogil:
    # Behind track data of which s to e is the card's number (ISO/IEC 7813): ;number=expiry...? or %Bnumber^name^...?
    # ``e`` where it is none.
    cdef Py_ssize_t i
    if e >= n:
        return e
    if p[e] == c'=' and run_end(p, n, e + 1, DIGIT) - e >= 8:
        return run_end(p, n, e + 1, DIGIT)
    if p[e] == c'^' and s >= 2 and p[s - 1] == c'B' and p[s - 2] == c'%':
        i = e + 1
        while i < n and i - s < LONGEST_TRACK and 32 <= p[i] < 127 and p[i] != c'?' and p[i] != c'"' and p[i] != c'\\':
            i += 1
        return i
    return e


cdef Py_ssize_t match_machine_readable(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                                       Hits* hits) except -1 nogil:
    # A line of a passport, or the first track of a card behind its %B.
    cdef Py_ssize_t i
    if s > 0 and p[s - 1] == c'<':
        return 0
    if p[s] == c'B' and s > 0 and p[s - 1] == c'%' and run_end(p, e, s + 1, DIGIT) == e:
        return match_number(p, n, s + 1, e, hits) if s + 1 < e else 0
    if n - s < 44:
        return 0
    if p[s] == c'P' and e - s <= 2 and p[e] == c'<':
        # The line of names, where the line of numbers follows.
        for i in range(s + 2, s + 44):
            if not (CLASS[p[i]] & UPPER or p[i] == c'<'):
                return 0
        i = s + 44
        while i < n and i - s < 48 and (not is_alnum(p[i]) or (p[i] == c'n' and p[i - 1] == c'\\')):
            i += 1
        if n - i < 44 or not mrz_ok(p + i):
            return 0
    elif not mrz_ok(p + s) or (s + 44 < n and (is_alnum(p[s + 44]) or p[s + 44] == c'<')):
        return 0
    add_hit(hits, NATIONAL_ID, s, s + 44, 0)
    return s + 44


cdef Py_ssize_t match_number(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                             Hits* hits) except -1 nogil:
    # Returns the end of what was consumed, 0 when nothing was found.
    cdef unsigned char[24] digits
    cdef Py_ssize_t size = e - s
    cdef Py_ssize_t i
    cdef Py_ssize_t end
    cdef Py_ssize_t pure = run_end(p, e, s, DIGIT) - s
    if s >= 2 and p[s - 1] == c'.' and is_digit(p[s - 2]):
        return 0        # the fraction of a number
    if pure == 17 and size == 18 and (p[e - 1] | 0x20) == c'x':
        for i in range(17):
            digits[i] = p[s + i] - 48
        if chinese_id_ok(digits, 10):
            add_hit(hits, NATIONAL_ID, s, e, 0)
            return e
        return 0
    if pure != size or size > 19:
        return 0
    if size >= 11:
        if e + 1 < n and p[e] == c'.' and is_digit(p[e + 1]):
            return 0    # a whole number with a fraction
        for i in range(size):
            digits[i] = p[s + i] - 48
        if size == 12 and s >= 2 and p[s - 1] == c'-' and is_alnum(p[s - 2]):
            return 0    # the last group of a UUID
        # Security: a state's number first, for it is hidden whole.
        if ((size == 15 and nir_ok(digits)) or (size == 18 and chinese_id_ok(digits, digits[17]))
                or (size == 11 and (norwegian_ok(digits) or belgian_ok(digits))) or (size == 13 and swiss_ok(digits))):
            add_hit(hits, NATIONAL_ID, s, e, 0)
            return e
        if size >= 12 and card_ok(p, s, digits, size, False):
            end = track_end(p, n, s, e)
            add_hit(hits, CARD if end == e else CARD_TRACK, s, end, 0)
            return end
        return 0
    if size == 4 or size == 1:
        return match_groups(p, n, s, e, hits)
    return match_written(p, n, s, e, hits)


cdef int joint_at(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, bint* loose) noexcept nogil:
    # The size of what joins two groups of digits at i, 0 for nothing of the kind. ``loose``: a space of some kind.
    cdef unsigned char c = p[i] if i < n else 0
    loose[0] = c == c' ' or c == c'\t' or c == 0xC2 or (c == 0xE2 and i + 2 < n and p[i + 2] == 0xAF)
    if c == c' ':
        return 2 if i + 1 < n and p[i + 1] == c' ' else 1
    if c == c'\t' or c == c'-' or c == c'.' or c == c'/':
        return 1
    if c == 0xC2 and i + 1 < n and p[i + 1] == 0xA0:
        return 2        # a space that breaks no line, U+00A0
    if c == 0xE2 and i + 2 < n and p[i + 1] == 0x80 and (0x90 <= p[i + 2] <= 0x93 or p[i + 2] == 0xAF):
        return 3        # the same, narrow, U+202F, and dashes, U+2010 to U+2013
    return 0


cdef Py_ssize_t match_groups(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                             Hits* hits) except -1 nogil:
    # Groups of digits with one separator throughout: 4111 1111 1111 1111, 3782-822463-10005,
    # 1 85 05 78 006 084 36. With dashes the whole chain must be the number; with spaces other
    # numbers may follow.
    cdef unsigned char[24] digits
    cdef Py_ssize_t[20] ends
    cdef int[20] sizes
    cdef int groups = 0
    cdef Py_ssize_t total = 0
    cdef Py_ssize_t i = s
    cdef Py_ssize_t j = e
    cdef int g
    cdef Py_ssize_t so_far
    cdef bint loose = False
    cdef int gap = joint_at(p, n, e, &loose)
    if gap == 0:
        return 0
    if not loose and s > gap and memcmp(p + s - gap, p + e, <size_t>gap) == 0 and is_alnum(p[s - gap - 1]):
        return 0
    while True:
        if total + (j - i) > 19 or groups == 20:
            if not loose:
                return 0
            break
        while i < j:
            digits[total] = p[i] - 48
            total += 1
            i += 1
        sizes[groups] = <int>(total if groups == 0 else j - ends[groups - 1] - gap)
        ends[groups] = j
        groups += 1
        if n - j <= gap or memcmp(p + j, p + e, <size_t>gap) != 0 or not is_digit(p[j + gap]):
            break
        i = j + gap
        j = run_end(p, n, i, DIGIT)
        if j < n and CLASS[p[j]] & ALPHA:
            if not loose:
                return 0
            break
    if groups == 7 and total == 15 and sizes[0] == 1 and sizes[1] == 2 and sizes[2] == 2 and sizes[3] == 2:
        if sizes[4] == 3 and sizes[5] == 3 and nir_ok(digits):
            add_hit(hits, NATIONAL_ID, s, ends[6], 0)
            return ends[6]
    if sizes[0] != 4:
        return 0
    so_far = 4
    for g in range(1, groups):
        if sizes[g] < 1 or sizes[g] > 7:
            return 0
        so_far += sizes[g]
        if (so_far >= 13 and (loose or g == groups - 1)) or (so_far == 12 and g == groups - 1):
            if card_ok(p, s, digits, so_far, True):
                add_hit(hits, CARD, s, ends[g], 0)
                return ends[g]
        if sizes[g] < 4 or sizes[g] > 6:
            return 0
    return 0
