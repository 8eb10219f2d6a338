"""Strong shapes found by value alone, anywhere in a text: where they are and what replaces them.

One pass by hand over the bytes, word by word; every shape is checked to the end (Luhn and issuer,
mod 97, exact token lengths, a decoded JWT header) before it counts. ``textfacts.is_candidate`` is
asked first by callers, so clean fields never come here. Knows no columns, types or policies.

A span never begins or ends inside a multi-byte character and never holds a quote or a backslash
(only a PEM body may hold escaped line ends, whole), so JSON, array and record literals stay whole.
"""

from libc.string cimport memcmp

from govproxy._fastpath.charclass cimport (
    ALNUM,
    ALPHA,
    CLASS,
    DOMAIN,
    LOCAL,
    LOWER,
    WORDLIKE,
    begins_word,
    escape_end,
    escaped_before,
    is_alnum,
    is_digit,
    run_end,
    unicode_escape,
)
from govproxy._fastpath.checkdigits cimport fiscal_code_ok, curp_ok
from govproxy._fastpath.dsnwords cimport keyword_password
from govproxy._fastpath.maskpieces cimport put, put_byte
from govproxy._fastpath.numbershapes cimport match_machine_readable, match_number
from govproxy._fastpath.outbuf cimport OutBuf, outbuf_free, outbuf_init, outbuf_reserve
from govproxy._fastpath.secretshapes cimport match_dollar_hash, match_secret
from govproxy._fastpath.spans cimport (
    CARD,
    DSN_PASSWORD,
    EMAIL,
    IBAN,
    NATIONAL_ID,
    PHONE,
    WALLET,
    Hit,
    Hits,
    add_hit,
    hits_free,
)
from govproxy._fastpath.spans import KIND_NAMES as _KIND_NAMES
from govproxy._fastpath.textfacts cimport is_candidate
from govproxy._fastpath.walletshapes cimport is_wallet

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


cdef Py_ssize_t match_word(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Py_ssize_t e,
                           Hits* hits) except -1 nogil:
    cdef Py_ssize_t end
    cdef Py_ssize_t start = 0
    if p[s] < 0x60 and (n - s >= 44 or (s > 0 and p[s - 1] == c'%')):
        end = match_machine_readable(p, n, s, e, hits)
        if end:
            return end
    if e - s >= 14 and is_wallet(p + s, e - s):
        add_hit(hits, WALLET, s, e, 0)
        return e
    if is_digit(p[s]):
        return match_number(p, n, s, e, hits)
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
    if (e - s == 16 and fiscal_code_ok(p + s)) or (e - s == 18 and curp_ok(p + s)):
        add_hit(hits, NATIONAL_ID, s, e, 0)
        return e
    return match_secret(p, n, s, hits)


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
            found.append((_KIND_NAMES[hits.items[i].kind], hits.items[i].start, hits.items[i].end))
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
