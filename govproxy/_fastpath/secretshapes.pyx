"""Secrets told by how they begin and what they are made of: tokens, JWT, PEM, password hashes.

Every shape is checked to the end (exact lengths, a decoded JWT header, key material behind a PEM title).
"""

from libc.string cimport memcmp

from govproxy._fastpath.charclass cimport (
    ALNUM,
    ALPHA,
    CLASS,
    DIGIT,
    HASHLIKE,
    LOWER,
    UPPER,
    WORDLIKE,
    begins_word,
    is_alnum,
    is_digit,
    run_end,
)
from govproxy._fastpath.spans cimport JWT, PASSWORD_HASH, PRIVATE_KEY, TOKEN, add_hit

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


cdef Py_ssize_t match_secret(const unsigned char* p, Py_ssize_t n, Py_ssize_t s, Hits* hits) except -1 nogil:
    cdef Py_ssize_t end
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
