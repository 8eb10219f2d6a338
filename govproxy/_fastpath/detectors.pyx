"""Strong shapes found by value alone, anywhere in a text: where they are and what replaces them.

One pass by hand over the bytes, word by word; every shape is checked to the end (Luhn and issuer,
mod 97, exact token lengths, a decoded JWT header) before it counts. ``textfacts.is_candidate`` is
asked first by callers, so clean fields never come here. Knows no columns, types or policies.

A span never begins or ends inside a multi-byte character and never holds a quote or a backslash
(only a PEM body may hold escaped line ends, whole), so JSON, array and record literals stay whole.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcmp

from govproxy._fastpath.dsnwords cimport keyword_password
from govproxy._fastpath.maskpieces cimport put, put_byte
from govproxy._fastpath.outbuf cimport (
    OutBuf,
    outbuf_free,
    outbuf_init,
    outbuf_reserve,
)
from govproxy._fastpath.textfacts cimport is_candidate

cdef enum Kind:
    PHONE = 1           # in rising strength: where two spans overlap, the stronger names the union
    EMAIL
    NATIONAL_ID
    CARD
    IBAN
    DSN_PASSWORD
    TOKEN
    PASSWORD_HASH
    JWT
    PRIVATE_KEY

KIND_NAMES = {
    PHONE: "phone",
    EMAIL: "email",
    NATIONAL_ID: "national_id",
    CARD: "card",
    IBAN: "iban",
    DSN_PASSWORD: "dsn",
    TOKEN: "api_token",
    PASSWORD_HASH: "password_hash",
    JWT: "jwt",
    PRIVATE_KEY: "private_key",
}

# ---------------------------------------------------------------- character classes

cdef enum:
    ALNUM = 1
    DIGIT = 2
    UPPER = 4
    LOWER = 8
    LOCAL = 16      # local part of an address
    DOMAIN = 32
    WORDLIKE = 64   # [A-Za-z0-9_-], what tokens and JWT parts are made of
    HASHLIKE = 128  # what crypt(3) strings are made of
    ALPHA = 12

cdef unsigned char[256] CLASS


def _fill_classes():
    cdef int c
    cdef int bits
    for c in range(256):
        bits = 0
        if 48 <= c <= 57:
            bits |= ALNUM | DIGIT
        elif 65 <= c <= 90:
            bits |= ALNUM | UPPER
        elif 97 <= c <= 122:
            bits |= ALNUM | LOWER
        if bits or c >= 0x80:
            bits |= LOCAL | DOMAIN
        if bits & ALNUM:
            bits |= WORDLIKE | HASHLIKE
        if chr(c) in "._%+-":
            bits |= LOCAL
        if chr(c) in ".-":
            bits |= DOMAIN
        if chr(c) in "_-":
            bits |= WORDLIKE
        if chr(c) in "./$=,+:_-":
            bits |= HASHLIKE
        CLASS[c] = <unsigned char>bits


_fill_classes()

# ---------------------------------------------------------------- tokens known by their prefix

cdef enum Alphabet:
    ANY_ALNUM
    WORD            # [A-Za-z0-9_-]
    UPPER_DIGIT     # [A-Z0-9]
    HEX
    LETTERS

cdef struct Token:
    const char* prefix
    Py_ssize_t prefix_size
    Py_ssize_t least
    Py_ssize_t most     # 0: no limit
    int alphabet
    int kind

# One row per token family: prefix, least and most characters behind it, their alphabet.
TOKEN_TABLE = (
    (b"AKIA", 16, 16, UPPER_DIGIT), (b"ASIA", 16, 16, UPPER_DIGIT), (b"ABIA", 16, 16, UPPER_DIGIT),
    (b"ACCA", 16, 16, UPPER_DIGIT),
    (b"ghp_", 36, 36, ANY_ALNUM), (b"gho_", 36, 36, ANY_ALNUM), (b"ghu_", 36, 36, ANY_ALNUM),
    (b"ghs_", 36, 36, ANY_ALNUM), (b"ghr_", 36, 76, ANY_ALNUM), (b"github_pat_", 70, 0, WORD),
    (b"glpat-", 20, 0, WORD), (b"gldt-", 20, 0, WORD), (b"glptt-", 40, 0, WORD), (b"glrt-", 20, 0, WORD),
    (b"xoxb-", 15, 0, WORD), (b"xoxp-", 15, 0, WORD), (b"xoxa-", 15, 0, WORD), (b"xoxr-", 15, 0, WORD),
    (b"xoxs-", 15, 0, WORD), (b"xoxe-", 15, 0, WORD), (b"xapp-", 15, 0, WORD),
    (b"sk_live_", 16, 0, ANY_ALNUM), (b"rk_live_", 16, 0, ANY_ALNUM), (b"sk_test_", 16, 0, ANY_ALNUM),
    (b"rk_test_", 16, 0, ANY_ALNUM), (b"whsec_", 24, 0, ANY_ALNUM),
    (b"sk-ant-", 20, 0, WORD), (b"sk-proj-", 20, 0, WORD), (b"sk-svcacct-", 20, 0, WORD),
    (b"sk-or-", 32, 0, WORD), (b"sk-", 40, 0, ANY_ALNUM),
    (b"AIza", 35, 35, WORD), (b"npm_", 36, 36, ANY_ALNUM), (b"pypi-", 50, 0, WORD), (b"hf_", 34, 40, ANY_ALNUM),
    (b"shpat_", 32, 32, HEX), (b"shpca_", 32, 32, HEX), (b"shppa_", 32, 32, HEX), (b"shpss_", 32, 32, HEX),
    (b"dop_v1_", 64, 64, HEX), (b"doo_v1_", 64, 64, HEX), (b"dor_v1_", 64, 64, HEX),
    (b"dapi", 32, 32, HEX), (b"key-", 32, 32, HEX), (b"SK", 32, 32, HEX),
    (b"lin_api_", 40, 40, ANY_ALNUM), (b"rubygems_", 48, 48, HEX), (b"dckr_pat_", 27, 27, WORD),
    (b"sq0atp-", 22, 22, WORD), (b"sq0csp-", 43, 43, WORD), (b"PMAK-", 59, 59, WORD), (b"EAAC", 60, 0, ANY_ALNUM),
    (b"AGE-SECRET-KEY-1", 58, 58, UPPER_DIGIT), (b"ATATT3", 60, 0, WORD), (b"figd_", 40, 0, WORD),
    (b"ya29.", 20, 0, WORD), (b"hvs.", 24, 0, WORD),
    (b"md5", 32, 32, HEX),
)

cdef enum:
    TOKEN_ROWS = 80
cdef Token[TOKEN_ROWS] TOKENS
cdef int TOKEN_COUNT = 0
cdef short[256] TOKEN_FIRST     # first row for a leading byte, -1 none; rows are grouped by it


def _fill_tokens():
    global TOKEN_COUNT
    cdef int i
    cdef bytes prefix
    for i in range(256):
        TOKEN_FIRST[i] = -1
    # Longer prefixes first: sk-ant- before sk-.
    rows = sorted(TOKEN_TABLE, key=lambda row: (row[0][:1], -len(row[0]), row[0]))
    if len(rows) > TOKEN_ROWS:
        raise AssertionError("token table is full")
    for i, (prefix, least, most, alphabet) in enumerate(rows):
        TOKENS[i].prefix = prefix       # a constant of this module: lives as long as TOKEN_TABLE
        TOKENS[i].prefix_size = len(prefix)
        TOKENS[i].least = least
        TOKENS[i].most = most
        TOKENS[i].alphabet = alphabet
        TOKENS[i].kind = PASSWORD_HASH if prefix == b"md5" else TOKEN
        if TOKEN_FIRST[prefix[0]] < 0:
            TOKEN_FIRST[prefix[0]] = <short>i
    TOKEN_COUNT = len(rows)


_fill_tokens()

# ---------------------------------------------------------------- IBAN lengths (ISO 13616 registry)

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}

cdef unsigned char[676] IBAN_SIZE       # by 26 * first letter + second


def _fill_iban():
    cdef int i
    for i in range(676):
        IBAN_SIZE[i] = 0
    for country, size in IBAN_LENGTHS.items():
        IBAN_SIZE[26 * (ord(country[0]) - 65) + ord(country[1]) - 65] = size


_fill_iban()

# E.164: two-digit calling codes. 1 and 7 have one digit, all others three.
cdef unsigned char[100] CALLING_TWO


def _fill_calling():
    cdef int i
    for i in range(100):
        CALLING_TWO[i] = 0
    for code in (
        20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
        60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    ):
        CALLING_TWO[code] = 1


_fill_calling()

# Codice fiscale: values of characters at odd places (DM 23/12/1976, table of the Agenzia delle Entrate).
cdef unsigned char[36] FISCAL_ODD
FISCAL_ODD[:] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21,
                 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]


# ---------------------------------------------------------------- spans

cdef int _no_memory() except -1 with gil:
    raise MemoryError("detector spans")


cdef void hits_free(Hits* hits) noexcept nogil:
    free(hits.items)
    hits.items = NULL
    hits.size = 0
    hits.capacity = 0


cdef int add_hit(Hits* hits, int kind, Py_ssize_t start, Py_ssize_t end, Py_ssize_t keep) except -1 nogil:
    # Overlapping spans become one: what either wanted hidden is hidden, by the stronger's constant.
    cdef Hit* last
    cdef Hit* grown
    cdef Py_ssize_t capacity
    while hits.size > 0 and hits.items[hits.size - 1].end > start:
        last = &hits.items[hits.size - 1]
        if last.start <= start and last.end >= end and last.kind >= kind:
            return 0
        if start > last.start:
            start = last.start
        if end < last.end:
            end = last.end
        kind = TOKEN if last.kind != kind else kind
        keep = 0
        hits.size -= 1
    if hits.size == hits.capacity:
        capacity = 16 if hits.capacity == 0 else hits.capacity * 2
        grown = <Hit*>realloc(hits.items, <size_t>capacity * sizeof(Hit))
        if grown == NULL:
            return _no_memory()
        hits.items = grown
        hits.capacity = capacity
    last = &hits.items[hits.size]
    last.kind = kind
    last.start = start
    last.end = end
    last.keep = keep
    hits.size += 1
    return 0


# ---------------------------------------------------------------- validators

cdef inline bint is_alnum(unsigned char c) noexcept nogil:
    return (CLASS[c] & ALNUM) != 0


cdef inline bint is_digit(unsigned char c) noexcept nogil:
    return (CLASS[c] & DIGIT) != 0


cdef inline Py_ssize_t run_end(const unsigned char* p, Py_ssize_t n, Py_ssize_t i, int cls) noexcept nogil:
    while i < n and CLASS[p[i]] & cls:
        i += 1
    return i


cdef bint luhn_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil:
    # ISO/IEC 7812-1 annex B, over values 0..9.
    cdef int total = 0
    cdef int value
    cdef Py_ssize_t i
    for i in range(n):
        value = digits[n - 1 - i]
        if i & 1:
            value *= 2
            if value > 9:
                value -= 9
        total += value
    return total % 10 == 0


cdef bint issuer_ok(const unsigned char* d, Py_ssize_t n) noexcept nogil:
    # Issuer ranges with the lengths their networks use.
    cdef int two = d[0] * 10 + d[1]
    cdef int four = two * 100 + d[2] * 10 + d[3]
    cdef int three = four // 10
    if d[0] == 4:
        return n == 13 or n == 16 or n == 19
    if 51 <= two <= 55 or 2200 <= four <= 2204 or 2221 <= four <= 2720 or four == 9792:
        return n == 16
    if two == 34 or two == 37:
        return n == 15
    if 300 <= three <= 305 or two == 36 or two == 38 or two == 39:
        return 14 <= n <= 19
    if two == 35 or two == 60 or two == 62 or two == 64 or two == 65 or two == 81 or two == 82 or three == 508:
        return 16 <= n <= 19
    if 637 <= three <= 639 or three == 506:
        return n == 16 or n == 19
    if (four == 5018 or four == 5020 or four == 5038 or four == 5893 or four == 6304 or four == 6759
            or 6761 <= four <= 6763 or four == 604):
        return 12 <= n <= 19
    return False


cdef inline bint card_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil:
    return issuer_ok(digits, n) and luhn_ok(digits, n)


cdef bint nir_ok(const unsigned char* d) noexcept nogil:
    # French NIR: sex, year, month, place, key = 97 - (first 13 digits mod 97).
    cdef unsigned long long number = 0
    cdef int month = d[3] * 10 + d[4]
    cdef int i
    if d[0] != 1 and d[0] != 2:
        return False
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    for i in range(13):
        number = number * 10 + d[i]
    return 97 - <int>(number % 97) == d[13] * 10 + d[14]


cdef bint chinese_id_ok(const unsigned char* d, int check) noexcept nogil:
    # GB 11643: region, birth date, serial, ISO 7064 MOD 11-2. ``check`` is 10 for X.
    cdef int total = 0
    cdef int weight = 1
    cdef int i
    cdef int year = d[6] * 1000 + d[7] * 100 + d[8] * 10 + d[9]
    cdef int month = d[10] * 10 + d[11]
    cdef int day = d[12] * 10 + d[13]
    if d[0] == 0 or d[0] > 8 or not 1880 <= year <= 2099 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return False
    for i in range(17):
        weight = weight * 2 % 11
        total += d[16 - i] * weight
    return (total + check) % 11 == 1


cdef bint fiscal_code_ok(const unsigned char* p) noexcept nogil:
    # LLLLLLDDLDDLDDDL, digits possibly replaced by letters (omocodia), last one a check letter.
    cdef int total = 0
    cdef int i
    cdef int value
    cdef unsigned char c
    for i in range(16):
        c = p[i] & 0xDF if CLASS[p[i]] & LOWER else p[i]
        if i == 6 or i == 7 or i == 9 or i == 10 or 12 <= i <= 14:
            if not (is_digit(c) or 76 <= c <= 78 or 80 <= c <= 86):
                return False
        elif not CLASS[c] & UPPER:
            return False
        if i == 8 and not (65 <= c <= 69 or c == 72 or c == 76 or c == 77 or c == 80 or 82 <= c <= 84):
            return False
        value = c - 48 if is_digit(c) else c - 55
        if i < 15:
            if i & 1:
                total += value if value < 10 else value - 10
            else:
                total += FISCAL_ODD[value]
        else:
            return c - 65 == total % 26
    return False


# ---------------------------------------------------------------- words that begin with a digit

cdef Py_ssize_t match_digits(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                             Hits* hits) except -1 nogil:
    # Returns the end of what was consumed, 0 when nothing was found.
    cdef unsigned char[24] digits
    cdef Py_ssize_t size = e - s
    cdef Py_ssize_t i
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
    if size >= 12:
        if e + 1 < n and p[e] == c'.' and is_digit(p[e + 1]):
            return 0    # a whole number with a fraction
        for i in range(size):
            digits[i] = p[s + i] - 48
        if size == 12 and s >= 2 and p[s - 1] == c'-' and is_alnum(p[s - 2]):
            return 0    # the last group of a UUID
        if card_ok(digits, size):
            add_hit(hits, CARD, s, e, 0)
            return e
        if (size == 15 and nir_ok(digits)) or (size == 18 and chinese_id_ok(digits, digits[17])):
            add_hit(hits, NATIONAL_ID, s, e, 0)
            return e
        return 0
    if size == 4 or size == 1:
        return match_groups(p, n, s, e, hits)
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
    cdef unsigned char sep
    if e >= n:
        return 0
    sep = p[e]
    if sep != c' ' and sep != c'-':
        return 0
    if sep == c'-' and s >= 2 and p[s - 1] == c'-' and is_alnum(p[s - 2]):
        return 0
    while True:
        if total + (j - i) > 19 or groups == 20:
            if sep == c'-':
                return 0
            break
        while i < j:
            digits[total] = p[i] - 48
            total += 1
            i += 1
        sizes[groups] = <int>(total if groups == 0 else j - ends[groups - 1] - 1)
        ends[groups] = j
        groups += 1
        if j + 1 >= n or p[j] != sep or not is_digit(p[j + 1]):
            break
        i = j + 1
        j = run_end(p, n, i, DIGIT)
        if j < n and CLASS[p[j]] & ALPHA:
            if sep == c'-':
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
        if (so_far >= 13 and (sep == c' ' or g == groups - 1)) or (so_far == 12 and g == groups - 1):
            if card_ok(digits, so_far):
                add_hit(hits, CARD, s, ends[g], 0)
                return ends[g]
        if sizes[g] < 4 or sizes[g] > 6:
            return 0
    return 0


# ---------------------------------------------------------------- words that begin with a letter

cdef Py_ssize_t match_iban(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    cdef int letter_case = CLASS[p[s]] & ALPHA
    cdef int size
    cdef unsigned int remainder = 0
    cdef unsigned char[34] text
    cdef Py_ssize_t i = s
    cdef int count = 0
    cdef int numbers = 0
    cdef int value
    cdef int k
    cdef unsigned char c
    cdef unsigned char sep = 0
    if CLASS[p[s + 1]] & ALPHA != letter_case:
        return 0
    size = IBAN_SIZE[26 * ((p[s] & 0xDF) - 65) + (p[s + 1] & 0xDF) - 65]
    if size == 0:
        return 0
    while count < size:
        if i >= n:
            return 0
        c = p[i]
        if count % 4 == 0 and count > 0 and (c == c' ' or c == c'-'):
            # Groups of four, one separator throughout.
            if count == 4:
                sep = c
            if c != sep or i + 1 >= n:
                return 0
            i += 1
            c = p[i]
        elif sep != 0 and count % 4 == 0 and count > 0:
            return 0
        if not is_digit(c) and CLASS[c] & ALPHA != letter_case:
            return 0
        if (CLASS[c] & ALNUM) == 0:
            return 0
        numbers += 1 if is_digit(c) else 0
        text[count] = c & 0xDF if CLASS[c] & LOWER else c
        count += 1
        i += 1
    if i < n and (CLASS[p[i]] & WORDLIKE and p[i] != c'-'):
        return 0
    if sep != 0 and numbers < 12:
        return 0        # what ``textfacts`` counts on: the grouped form is found by its digits
    for k in range(size):
        c = text[(k + 4) % size]
        if is_digit(c):
            remainder = (remainder * 10 + c - 48) % 97
        else:
            value = c - 55
            remainder = (remainder * 100 + <unsigned int>value) % 97
    if remainder != 1:
        return 0
    add_hit(hits, IBAN, s, i, 0)
    return i


cdef inline bint in_alphabet(unsigned char c, int alphabet) noexcept nogil:
    if alphabet == WORD:
        return (CLASS[c] & WORDLIKE) != 0
    if alphabet == ANY_ALNUM:
        return (CLASS[c] & ALNUM) != 0
    if alphabet == UPPER_DIGIT:
        return (CLASS[c] & (UPPER | DIGIT)) != 0
    if alphabet == HEX:
        return is_digit(c) or 97 <= c <= 102 or 65 <= c <= 70
    return (CLASS[c] & ALPHA) != 0


cdef Py_ssize_t match_token(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    cdef int row = TOKEN_FIRST[p[s]]
    cdef Token* token
    cdef Py_ssize_t i
    cdef Py_ssize_t body
    while 0 <= row < TOKEN_COUNT and <unsigned char>TOKENS[row].prefix[0] == p[s]:
        token = &TOKENS[row]
        row += 1
        if n - s < token.prefix_size + token.least or memcmp(p + s, token.prefix, <size_t>token.prefix_size) != 0:
            continue
        i = s + token.prefix_size
        while i < n and in_alphabet(p[i], token.alphabet):
            i += 1
        body = i - s - token.prefix_size
        if body < token.least or (token.most and body > token.most):
            continue
        if i < n and is_alnum(p[i]):
            continue
        add_hit(hits, token.kind, s, i, token.prefix_size)
        return i
    if p[s] == c'S' and n - s >= 69 and p[s + 1] == c'G' and p[s + 2] == c'.' and p[s + 25] == c'.':
        i = run_end(p, n, s + 26, WORDLIKE)
        if run_end(p, n, s + 3, WORDLIKE) == s + 25 and i - s == 69:
            add_hit(hits, TOKEN, s, i, 3)
            return i
    return 0


cdef inline int base64url(unsigned char c) noexcept nogil:
    if CLASS[c] & UPPER:
        return c - 65
    if CLASS[c] & LOWER:
        return c - 71
    if CLASS[c] & DIGIT:
        return c + 4
    return 62 if c == c'-' else 63


cdef Py_ssize_t match_jwt(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    # RFC 7515 3.1 / RFC 7516 3.1: base64url parts, the first one JSON that names "alg".
    cdef unsigned char[768] header
    cdef Py_ssize_t first = run_end(p, n, s, WORDLIKE)
    cdef Py_ssize_t i
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t end
    cdef unsigned int acc = 0
    cdef int bits = 0
    cdef int parts = 1
    cdef bint named = False
    if first >= n or p[first] != c'.' or first - s < 16:
        return 0
    i = s
    while i < first and size < 768:
        acc = (acc << 6) | <unsigned int>base64url(p[i])
        bits += 6
        if bits >= 8:
            bits -= 8
            header[size] = <unsigned char>((acc >> bits) & 0xFF)
            size += 1
        i += 1
    for i in range(size - 4):
        if memcmp(&header[i], b'"alg"', 5) == 0:
            named = True
            break
    if not named:
        return 0
    end = first
    while parts < 5 and end < n and p[end] == c'.':
        i = run_end(p, n, end + 1, WORDLIKE)
        if i == end + 1 and parts < 2:
            return 0
        end = i
        parts += 1
    if parts < 3:
        return 0
    add_hit(hits, JWT, s, end, 0)
    return end


cdef Py_ssize_t match_pem(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    # RFC 7468 / RFC 4880 armor. ``s`` is at BEGIN behind five dashes. Only private material counts.
    cdef Py_ssize_t i = s
    cdef Py_ssize_t end
    cdef Py_ssize_t run = 0
    cdef bint private_key = False
    cdef bint material = False
    while i < n and i - s < 64 and p[i] != c'-':
        if n - i >= 7 and memcmp(p + i, b"PRIVATE", 7) == 0:
            private_key = True
        i += 1
    if not private_key:
        return 0
    end = i
    while end < n:
        if p[end] == c'-' and n - end >= 8 and memcmp(p + end, b"-----END", 8) == 0:
            i = end + 8
            while i < n and i - end < 72 and p[i] != c'-' and p[i] != c'"':
                i += 1
            end = run_end_dashes(p, n, i)
            break
        if p[end] == c'"':
            # The string around it ends first: cut off material is still material. Backslashes
            # before the quote are its escape and stay with it.
            while end > i and p[end - 1] == c'\\':
                end -= 1
            break
        run = run + 1 if CLASS[p[end]] & WORDLIKE else 0
        if run >= 16:
            material = True
        end += 1
    if not material:
        return 0
    add_hit(hits, PRIVATE_KEY, s - 5, end, 0)
    return end


cdef Py_ssize_t run_end_dashes(const unsigned char* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    while i < n and p[i] == c'-':
        i += 1
    return i


cdef Py_ssize_t match_named_hash(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    # SCRAM-SHA-256$4096:salt$stored:server, pbkdf2_sha256$260000$salt$hash and their like.
    cdef Py_ssize_t i = s
    cdef Py_ssize_t end
    if not ((n - s >= 10 and memcmp(p + s, b"SCRAM-SHA-", 10) == 0)
            or (n - s >= 7 and memcmp(p + s, b"pbkdf2", 6) == 0 and (p[s + 6] == c'_' or p[s + 6] == c':'))
            or (n - s >= 7 and memcmp(p + s, b"scrypt", 6) == 0 and (p[s + 6] == c':' or p[s + 6] == c'$'))
            or (n - s >= 7 and memcmp(p + s, b"argon2", 6) == 0)
            or (n - s >= 14 and memcmp(p + s, b"bcrypt_sha256$", 14) == 0)):
        return 0
    while i < n and i - s < 32 and p[i] != c'$' and CLASS[p[i]] & HASHLIKE:
        i += 1
    if i >= n or p[i] != c'$':
        return 0
    end = run_end(p, n, i, HASHLIKE)
    if end - i < 24:
        return 0
    add_hit(hits, PASSWORD_HASH, s, end, 0)
    return end


cdef Py_ssize_t match_dollar_hash(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    # crypt(3) and PHC strings: $2b$12$..., $argon2id$v=19$..., $6$salt$hash.
    cdef Py_ssize_t i = s + 1
    cdef Py_ssize_t end
    cdef int dollars = 0
    if n - s < 28 or not begins_word(p, s):
        return 0
    while i < n and i - s < 20 and (is_alnum(p[i]) or p[i] == c'-'):
        i += 1
    if i >= n or p[i] != c'$' or i == s + 1:
        return 0
    if p[s + 1] == c'2':
        if i - s != 3 or n - s < 60 or p[s + 6] != c'$':
            return 0
        end = run_end(p, s + 60, s + 7, HASHLIKE)
        if end != s + 60:
            return 0
        add_hit(hits, PASSWORD_HASH, s, end, 0)
        return end
    if not (i - s <= 3 or memcmp(p + s, b"$argon2", 7) == 0 or memcmp(p + s, b"$scrypt", 7) == 0
            or memcmp(p + s, b"$pbkdf2", 7) == 0 or memcmp(p + s, b"$apr1", 5) == 0 or memcmp(p + s, b"$sha1", 5) == 0
            or memcmp(p + s, b"$md5", 4) == 0 or memcmp(p + s, b"$bcrypt", 7) == 0):
        return 0
    end = run_end(p, n, i, HASHLIKE)
    for i in range(s, end):
        if p[i] == c'$':
            dollars += 1
    # phpass ($P$, $H$) has no third dollar but an exact length.
    if end - s < 28 or (dollars < 3 and (end - s != 34 or (p[s + 1] != c'P' and p[s + 1] != c'H'))):
        return 0
    add_hit(hits, PASSWORD_HASH, s, end, 0)
    return end


cdef Py_ssize_t match_word(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                           Hits* hits) except -1 nogil:
    cdef Py_ssize_t end
    cdef Py_ssize_t start = 0
    if is_digit(p[s]):
        return match_digits(p, n, s, e, hits)
    if p[s] | 0x20 == c'p' and e - s <= 8 and e - s >= 3:
        end = keyword_password(p, n, s, e, &start)
        if end:
            add_hit(hits, DSN_PASSWORD, start, end, 0)
            return end
    if n - s < 15:
        return 0
    if CLASS[p[s + 1]] & ALPHA and is_digit(p[s + 2]) and is_digit(p[s + 3]):
        end = match_iban(p, n, s, hits)
        if end:
            return end
    if e - s == 16 and fiscal_code_ok(p + s):
        add_hit(hits, NATIONAL_ID, s, e, 0)
        return e
    if TOKEN_FIRST[p[s]] >= 0 or p[s] == c'S':
        end = match_token(p, n, s, hits)
        if end:
            return end
    if p[s] == c'e' and p[s + 1] == c'y' and p[s + 2] == c'J':
        return match_jwt(p, n, s, hits)
    if p[s] == c'B' and s >= 5 and memcmp(p + s - 5, b"-----BEGIN", 10) == 0:
        return match_pem(p, n, s, hits)
    if p[s] == c'S' or p[s] == c'p' or p[s] == c's' or p[s] == c'a' or p[s] == c'b':
        return match_named_hash(p, n, s, hits)
    return 0


# ---------------------------------------------------------------- '+' and '@'

cdef Py_ssize_t match_phone(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    # E.164: '+', calling code, 8 to 15 digits in all, single separators between groups.
    cdef unsigned char[16] digits
    cdef int count = 0
    cdef int code
    cdef Py_ssize_t i = s + 1
    cdef Py_ssize_t end = s
    cdef int gap = 0
    cdef Py_ssize_t keep
    cdef int kept = 0
    if s > 0 and p[s - 1] == c'+' or not begins_word(p, s):
        return 0
    while i < n:
        if is_digit(p[i]):
            if count == 15:
                return 0
            digits[count] = p[i] - 48
            count += 1
            end = i + 1
            gap = 0
        elif p[i] == c' ' or p[i] == c'-' or p[i] == c'.' or p[i] == c'(' or p[i] == c')' or p[i] == c'/':
            gap += 1
            if gap > 2 or count == 0:
                break
        else:
            break
        i += 1
    if count < 8 or digits[0] == 0:
        return 0
    if end < n and is_alnum(p[end]):
        return 0
    if digits[0] == 1:
        code = 1
        if count != 11 or digits[1] < 2 or digits[4] < 2:
            return 0
    elif digits[0] == 7:
        code = 1
    elif CALLING_TWO[digits[0] * 10 + digits[1]]:
        code = 2
    else:
        code = 3
    keep = 1
    while kept < code:
        if is_digit(p[s + keep]):
            kept += 1
        keep += 1
    add_hit(hits, PHONE, s, end, keep)
    return end


cdef inline bint escaped_before(const unsigned char* p, Py_ssize_t i) noexcept nogil:
    # True when the character at i is the letter of an escape such as \n: an odd number of
    # backslashes stands before it.
    cdef Py_ssize_t slashes = 0
    while i - slashes > 0 and p[i - slashes - 1] == c'\\' and slashes < 64:
        slashes += 1
    return slashes & 1 == 1


cdef int hex_digit_value(unsigned char c) noexcept nogil:
    if is_digit(c):
        return c - 48
    c |= 0x20
    return c - 87 if 97 <= c <= 102 else -1


cdef int unicode_escape(const unsigned char* p, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    # The code unit of the \uXXXX whose u is at i, -1 when it is not one.
    cdef int value = 0
    cdef int k
    if end - i < 5 or p[i] != c'u' or not escaped_before(p, i):
        return -1
    for k in range(1, 5):
        if hex_digit_value(p[i + k]) < 0:
            return -1
        value = value << 4 | hex_digit_value(p[i + k])
    return value


cdef bint begins_word(const unsigned char* p, Py_ssize_t i) noexcept nogil:
    # True when no letter or digit stands before i, other than the end of an escape.
    if i == 0 or not is_alnum(p[i - 1]) or escaped_before(p, i - 1):
        return True
    return i >= 6 and unicode_escape(p, i - 5, i) >= 0


cdef Py_ssize_t escape_end(const unsigned char* p, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    # Behind the escape whose letter is at i: \n is one letter, \u00e4 is five.
    if p[i] == c'u' and end - i >= 5:
        return i + 5
    return i + 1


cdef int match_email(const unsigned char* p, Py_ssize_t n, Py_ssize_t at, Hits* hits) except -1 nogil:
    # RFC 5321 dot-atoms without the punctuation that quotes or separates elsewhere.
    cdef Py_ssize_t start = at
    cdef Py_ssize_t i = at + 1
    cdef Py_ssize_t label = at + 1
    cdef bint letters = True
    cdef int labels = 0
    while start > 0 and at - start < 256:
        if CLASS[p[start - 1]] & LOCAL:
            start -= 1
        elif p[start - 1] == c'\\' and unicode_escape(p, start, at) >= 0x80:
            start -= 1      # a letter beyond ASCII in JSON's own spelling
        else:
            break
    # A local part cut at the limit may begin inside a character.
    while start < at and at - start >= 256 and p[start] & 0xC0 == 0x80:
        start += 1
    # No escape has a letter beyond ASCII: a backslash before one escapes nothing, and half a
    # character is never cut off.
    if start < at and start > 0 and p[start] < 0x80 and escaped_before(p, start):
        start = escape_end(p, start, at)
    elif start == at:
        return 0
    if i >= n or p[i] == c'.' or p[i] == c'-':
        return 0
    while i < n and i - at < 256:
        if p[i] == c'\\' and i + 1 < n and unicode_escape(p, i + 1, n) >= 0x80:
            i += 6
            continue
        if not CLASS[p[i]] & DOMAIN:
            break
        if p[i] == c'.':
            if i == label:
                break
            if labels > 0 and label_is_name(p, label, i, letters):
                break
            labels += 1
            label = i + 1
            letters = True
        elif not (CLASS[p[i]] & ALPHA or p[i] >= 0x80):
            letters = False
        i += 1
    if labels == 0 or not label_is_name(p, label, i, letters):
        return 0
    return add_hit(hits, EMAIL, start, at, 0)


cdef inline bint label_is_name(const unsigned char* p, Py_ssize_t start, Py_ssize_t end, bint letters) noexcept nogil:
    # What a top-level domain looks like: two letters or more, or punycode.
    if end - start < 2:
        return False
    return letters or (end - start > 4 and memcmp(p + start, b"xn--", 4) == 0)


# ---------------------------------------------------------------- the pass

cdef int detect(const unsigned char* p, Py_ssize_t n, Hits* hits) except -1 nogil:
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t e
    cdef Py_ssize_t s
    cdef Py_ssize_t end
    cdef Py_ssize_t userinfo = -1       # behind "://", until something that ends an authority
    cdef Py_ssize_t colon = -1
    cdef unsigned char c
    hits.size = 0
    while i < n:
        c = p[i]
        if CLASS[c] & ALNUM:
            e = run_end(p, n, i + 1, ALNUM)
            end = match_word(p, n, i, e, hits)
            if end == 0 and i > 0 and p[i - 1] == c'\\' and escaped_before(p, i):
                s = escape_end(p, i, e)
                if s < e:
                    end = match_word(p, n, s, e, hits)
            i = end if end > i else e
            continue
        if c == c'@':
            if userinfo >= 0 and colon >= 0 and colon + 1 < i:
                add_hit(hits, DSN_PASSWORD, colon + 1, i, 0)
            else:
                match_email(p, n, i, hits)
        elif c == c'+':
            if i + 1 < n and is_digit(p[i + 1]):
                end = match_phone(p, n, i, hits)
                if end > i:
                    i = end
                    continue
        elif c == c'$':
            end = match_dollar_hash(p, n, i, hits)
            if end > i:
                i = end
                continue
        elif c == c':':
            if n - i > 2 and p[i + 1] == c'/' and p[i + 2] == c'/':
                i += 3
                userinfo = i
                colon = -1
                continue
            if n - i > 4 and memcmp(p + i, b":\\/\\/", 5) == 0:
                i += 5
                userinfo = i
                colon = -1
                continue
            if colon < 0:
                colon = i
        elif c <= 32 or c == c'/' or c == c'"' or c == c"'" or c == c'<' or c == c'>' or c == c'\\':
            userinfo = -1
            colon = -1
        i += 1
    return 0


# ---------------------------------------------------------------- writing

cdef bint is_structured(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < n and p[i] <= 32:
        i += 1
    return i < n and (p[i] == c'{' or p[i] == c'[' or p[i] == c'(')


cdef bint is_bare(const unsigned char* p, Py_ssize_t start) noexcept nogil:
    # A number outside quotes follows structure or nothing; inside a string both forms are valid.
    cdef Py_ssize_t i = start
    while i > 0 and (p[i - 1] <= 32 or p[i - 1] == c'-'):
        i -= 1
    return i == 0 or p[i - 1] == c':' or p[i - 1] == c',' or p[i - 1] == c'[' or p[i - 1] == c'{' or p[i - 1] == c'('


cdef int write_stars(const unsigned char* p, Py_ssize_t start, Py_ssize_t end, Py_ssize_t head, Py_ssize_t tail,
                     OutBuf* out) except -1 nogil:
    # Every letter and digit a star except the first ``head`` bytes and the last ``tail`` letters or digits.
    cdef Py_ssize_t i = end
    cdef Py_ssize_t left = tail
    while left > 0 and i > start + head:
        i -= 1
        if is_alnum(p[i]):
            left -= 1
    put(out, p + start, head)
    for start in range(start + head, i):
        put_byte(out, c'*' if is_alnum(p[start]) else p[start])
    return put(out, p + i, end - i)


cdef int write_masked(const unsigned char* p, Py_ssize_t n, const Hits* hits, bint json,
                      OutBuf* out) except -1 nogil:
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t i
    cdef const Hit* hit
    outbuf_reserve(out, n + 8 * hits.size)
    for i in range(hits.size):
        hit = &hits.items[i]
        put(out, p + done, hit.start - done)
        done = hit.end
        if hit.kind == CARD or hit.kind == NATIONAL_ID:
            if json and is_digit(p[hit.start]) and is_bare(p, hit.start):
                put_byte(out, c'0')
            elif hit.kind == CARD:
                write_stars(p, hit.start, hit.end, 0, 4, out)
            else:
                put(out, b"***", 3)
        elif hit.kind == IBAN:
            write_stars(p, hit.start, hit.end, 2, 4, out)
        elif hit.kind == PHONE:
            write_stars(p, hit.start, hit.end, hit.keep, 2, out)
        elif hit.kind == EMAIL:
            if hit.end - hit.start >= 2 and is_alnum(p[hit.start]):
                put_byte(out, p[hit.start])
            put(out, b"***", 3)
        else:
            put(out, p + hit.start, hit.keep)
            put(out, b"***", 3)
    return put(out, p + done, n - done)


# ---------------------------------------------------------------- for Python

def may_contain(bytes data not None) -> bool:
    """The quick question of ``textfacts`` alone."""
    cdef const unsigned char* p = data
    return is_candidate(p, len(data), p + len(data))


def scan(bytes data not None) -> list[tuple[str, int, int]]:
    """All strong shapes in a text: (class name, start, end), disjoint and in order."""
    cdef Hits hits
    cdef const unsigned char* p = data
    cdef Py_ssize_t i
    hits.items = NULL
    hits.size = 0
    hits.capacity = 0
    found = []
    try:
        if is_candidate(p, len(data), p + len(data)):
            detect(p, len(data), &hits)
        for i in range(hits.size):
            found.append((KIND_NAMES[hits.items[i].kind], hits.items[i].start, hits.items[i].end))
    finally:
        hits_free(&hits)
    return found


def mask_text(bytes data not None, bint json=False) -> bytes:
    """The text with every strong shape replaced; the same object when there is none.

    With ``json``, or when the text looks structured, a number outside quotes becomes ``0``.
    """
    cdef Hits hits
    cdef OutBuf out
    cdef const unsigned char* p = data
    hits.items = NULL
    hits.size = 0
    hits.capacity = 0
    if not is_candidate(p, len(data), p + len(data)):
        return data
    outbuf_init(&out)
    try:
        detect(p, len(data), &hits)
        if hits.size == 0:
            return data
        write_masked(p, len(data), &hits, json or is_structured(p, len(data)), &out)
        return out.data[:out.size]
    finally:
        hits_free(&hits)
        outbuf_free(&out)
