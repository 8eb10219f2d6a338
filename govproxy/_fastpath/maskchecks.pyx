"""Check digits of masked identifiers: a number that was right stays right, under the scheme that it was right by.

Numbers of states by length: BSN, TFN (9 digits), NHS (10), CPF, PESEL, the German tax number, the Turkish
number, ABN (11), Aadhaar (12), RRN (13), CNPJ (14), NIR (15), the Chinese number (18), and Luhn's sum for 9 to
19 digits; DNI and NIE with their letter. IBANs keep country and check digits, telephone numbers the calling
code, wallets their kind.
Sources: ISO 7064, ISO 13616, EIP-55, BIP-173, BIP-350, and the issuers' own rules.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from govproxy._fastpath.maskers cimport MaskSpec
from govproxy._fastpath.maskpieces cimport is_digit, is_letter, is_word, lower, luhn_sum, put, put_byte, put_hex
from govproxy._fastpath.outbuf cimport OutBuf
from govproxy._fastpath.prf cimport prf_stream
from govproxy._fastpath.walletshapes cimport bech32_step

cdef extern from "keccak.h" nogil:
    void gp_keccak256(const uint8_t* p, size_t n, uint8_t* digest)

cdef extern from "sha256.h" nogil:
    ctypedef struct gp_sha256:
        pass
    void gp_sha256_init(gp_sha256* s)
    void gp_sha256_update(gp_sha256* s, const uint8_t* p, size_t size)
    void gp_sha256_final(gp_sha256* s, uint8_t* out)

ctypedef bint (*Check)(const unsigned char* d, int n) noexcept nogil

cdef enum:
    MOST = 19


# ---------------------------------------------------------------- numbers of states

cdef bint is_luhn(const unsigned char* d, int n) noexcept nogil:
    return luhn_sum(d, n) == 0


cdef bint is_bsn(const unsigned char* d, int n) noexcept nogil:
    cdef int total = -d[8]
    cdef int i
    for i in range(8):
        total += d[i] * (9 - i)
    return total % 11 == 0


cdef bint is_tfn(const unsigned char* d, int n) noexcept nogil:
    cdef const unsigned char* weights = b"\x01\x04\x03\x07\x05\x08\x06\x09\x0a"
    cdef int total = 0
    cdef int i
    for i in range(9):
        total += d[i] * weights[i]
    return total % 11 == 0


cdef bint is_nhs(const unsigned char* d, int n) noexcept nogil:
    cdef int total = 0
    cdef int i
    for i in range(9):
        total += d[i] * (10 - i)
    return (11 - total % 11) % 11 == d[9]


cdef bint is_cpf(const unsigned char* d, int n) noexcept nogil:
    cdef int first = 0
    cdef int second = 0
    cdef int i
    for i in range(9):
        first += d[i] * (10 - i)
    for i in range(10):
        second += d[i] * (11 - i)
    return first * 10 % 11 % 10 == d[9] and second * 10 % 11 % 10 == d[10]


cdef bint is_cnpj(const unsigned char* d, int n) noexcept nogil:
    cdef int first = 0
    cdef int second = 0
    cdef int i
    for i in range(12):
        first += d[i] * ((11 - i) % 8 + 2)
    for i in range(13):
        second += d[i] * ((12 - i) % 8 + 2)
    first = 0 if first % 11 < 2 else 11 - first % 11
    second = 0 if second % 11 < 2 else 11 - second % 11
    return first == d[12] and second == d[13]


cdef bint is_pesel(const unsigned char* d, int n) noexcept nogil:
    cdef const unsigned char* weights = b"\x01\x03\x07\x09\x01\x03\x07\x09\x01\x03\x01"
    cdef int total = 0
    cdef int i
    for i in range(11):
        total += d[i] * weights[i]
    return total % 10 == 0


cdef bint is_steuer_id(const unsigned char* d, int n) noexcept nogil:
    # ISO 7064, MOD 11,10
    cdef int product = 10
    cdef int total
    cdef int i
    for i in range(10):
        total = (d[i] + product) % 10
        product = (total if total else 10) * 2 % 11
    return (11 - product) % 10 == d[10]


cdef bint is_tckn(const unsigned char* d, int n) noexcept nogil:
    cdef int odd = d[0] + d[2] + d[4] + d[6] + d[8]
    cdef int even = d[1] + d[3] + d[5] + d[7]
    return d[0] != 0 and (odd * 7 + 40 - even) % 10 == d[9] and (odd + even + d[9]) % 10 == d[10]


cdef bint is_abn(const unsigned char* d, int n) noexcept nogil:
    cdef int total = (d[0] - 1) * 10
    cdef int i
    for i in range(1, 11):
        total += d[i] * (2 * i - 1)
    return total % 89 == 0


cdef inline int dihedral(int j, int k) noexcept nogil:
    if j < 5:
        return (j + k) % 5 if k < 5 else 5 + (j + k) % 5
    return 5 + (j - k) % 5 if k < 5 else (j - k) % 5


cdef bint is_verhoeff(const unsigned char* d, int n) noexcept nogil:
    cdef const unsigned char* step = b"\x01\x05\x07\x06\x02\x08\x03\x00\x09\x04"
    cdef int state = 0
    cdef int digit
    cdef int i
    cdef int _times
    for i in range(n):
        digit = d[n - 1 - i]
        for _times in range(i % 8):
            digit = step[digit]
        state = dihedral(state, digit)
    return state == 0


cdef bint is_rrn(const unsigned char* d, int n) noexcept nogil:
    cdef int total = 0
    cdef int i
    for i in range(12):
        total += d[i] * (i % 8 + 2)
    return (11 - total % 11) % 10 == d[12]


cdef bint is_nir(const unsigned char* d, int n) noexcept nogil:
    cdef uint64_t number = 0
    cdef int i
    for i in range(13):
        number = number * 10 + d[i]
    return 97 - <int>(number % 97) == d[13] * 10 + d[14]


cdef int chinese_check(const unsigned char* d) noexcept nogil:
    # ISO 7064, MOD 11-2: what stands last, 10 for X.
    cdef int total = 0
    cdef int i
    for i in range(17):
        total = (total + d[i]) * 2 % 11
    return (12 - total) % 11


cdef bint is_chinese(const unsigned char* d, int n) noexcept nogil:
    return chinese_check(d) == d[17]


cdef bint becomes_right(Check check, unsigned char* d, int n, int tail) noexcept nogil:
    # Sets the last digits; where none of them will do, one before them gives way.
    cdef int most = 100 if tail == 2 else 10
    cdef int value
    cdef int _turn
    for _turn in range(10):
        for value in range(most):
            d[n - 1] = <unsigned char>(value % 10)
            if tail == 2:
                d[n - 2] = <unsigned char>(value // 10)
            if check(d, n):
                return True
        d[n - tail - 1] = (d[n - tail - 1] + 1) % 10
    return False


cdef bint kept(Check check, const unsigned char* real, unsigned char* made, int n, int tail) noexcept nogil:
    return check(real, n) and becomes_right(check, made, n, tail)


cdef bint keep_scheme(const unsigned char* real, unsigned char* made, int n) noexcept nogil:
    if n == 9 and (kept(is_bsn, real, made, n, 1) or kept(is_tfn, real, made, n, 1)):
        return True
    if n == 10 and kept(is_nhs, real, made, n, 1):
        return True
    if n == 11 and (kept(is_cpf, real, made, n, 2) or kept(is_pesel, real, made, n, 1)
                    or kept(is_steuer_id, real, made, n, 1) or kept(is_tckn, real, made, n, 2)
                    or kept(is_abn, real, made, n, 2)):
        return True
    if n == 12 and kept(is_verhoeff, real, made, n, 1):
        return True
    if n == 13 and kept(is_rrn, real, made, n, 1):
        return True
    if n == 14 and kept(is_cnpj, real, made, n, 2):
        return True
    if n == 15 and kept(is_nir, real, made, n, 2):
        return True
    if n == 18 and kept(is_chinese, real, made, n, 1):
        return True
    return 9 <= n <= MOST and kept(is_luhn, real, made, n, 1)


cdef void keep_number(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil:
    cdef const unsigned char* letters = b"TRWAGMYFPDXBNJZSQVHLCKE"
    cdef unsigned char[MOST] real
    cdef unsigned char[MOST] made
    cdef Py_ssize_t[MOST] places
    cdef unsigned char first = 0        # a letter before, and one behind the digits
    cdef Py_ssize_t first_at = 0
    cdef Py_ssize_t last_at = -1
    cdef int count = 0
    cdef int number = 0
    cdef Py_ssize_t i
    for i in range(n):
        if is_digit(p[i]):
            if count == MOST or last_at >= 0:
                return
            places[count] = i
            real[count] = p[i] - 48
            made[count] = masked[i] - 48
            count += 1
        elif is_letter(p[i]):
            if count == 0 and first == 0:
                first = p[i]
                first_at = i
            elif count and last_at < 0:
                last_at = i
            else:
                return
        elif p[i] >= 0x80:
            return
    if first == 0 and last_at < 0:
        if keep_scheme(real, made, count):
            for i in range(count):
                masked[places[i]] = <unsigned char>(48 + made[i])
        return
    if last_at < 0:
        return
    if first == 0 and count == 17 and lower(p[last_at]) == c'x' and chinese_check(real) == 10:
        number = chinese_check(made)
        masked[last_at] = p[last_at] if number == 10 else <unsigned char>(48 + number)
        return
    first = lower(first)
    if (first == 0 and count == 8) or (c'x' <= first <= c'z' and count == 7):
        # DNI, and NIE, whose first letter stands for a digit.
        if letters[spanish(first, real, count) % 23] | 0x20 != lower(p[last_at]):
            return
        if first:
            masked[first_at] = p[first_at]
        masked[last_at] = letters[spanish(first, made, count) % 23] | (p[last_at] & 0x20)


cdef int spanish(unsigned char first, const unsigned char* d, int count) noexcept nogil:
    cdef int number = first - c'x' if first else 0
    cdef int i
    for i in range(count):
        number = number * 10 + d[i]
    return number


# ---------------------------------------------------------------- IBAN, telephone

cdef int iban_rest(const unsigned char* p, const Py_ssize_t* places, int count, int check) noexcept nogil:
    # Modulo 97 with the check digits given, country and check digits moved behind the rest.
    cdef int rest = 0
    cdef int value
    cdef int i
    for i in range(4, count + 4):
        if i < count:
            value = p[places[i]]
        elif i < count + 2:
            value = p[places[i - count]]
        else:
            value = 48 + (check // 10 if i == count + 2 else check % 10)
        if is_digit(<unsigned char>value):
            rest = (rest * 10 + value - 48) % 97
        else:
            rest = (rest * 100 + lower(<unsigned char>value) - 87) % 97
    return rest


cdef void keep_iban(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil:
    cdef Py_ssize_t[36] places
    cdef int count = 0
    cdef int check
    cdef bint right
    cdef Py_ssize_t i
    for i in range(n):
        if p[i] >= 0x80:
            return
        if is_word(p[i]):
            if count == 36:
                return
            places[count] = i
            count += 1
    if count < 12 or not (is_letter(p[places[0]]) and is_letter(p[places[1]])):
        return
    if not (is_digit(p[places[2]]) and is_digit(p[places[3]])):
        return
    right = iban_rest(p, places, count, (p[places[2]] - 48) * 10 + p[places[3]] - 48) == 1
    masked[places[0]] = p[places[0]]
    masked[places[1]] = p[places[1]]
    if right:
        check = 98 - iban_rest(masked, places, count, 0)
        masked[places[2]] = <unsigned char>(48 + check // 10)
        masked[places[3]] = <unsigned char>(48 + check % 10)


cdef int calling_digits(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    # ITU-T E.164: zones 1 and 7 have one digit, these pairs are whole codes, all others have three digits.
    cdef const char* pairs = b"20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " \
                             b"60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
    cdef Py_ssize_t i = 0
    while i < n and p[i] == c' ':
        i += 1
    if n - i < 4 or p[i] != c'+':
        return 0
    i += 1
    if not (is_digit(p[i]) and p[i] != c'0'):
        return 0
    if p[i] == c'1' or p[i] == c'7':
        return 1
    if not is_digit(p[i + 1]):
        return 0
    while pairs[0]:
        if pairs[0] == p[i] and pairs[1] == p[i + 1]:
            return 2
        pairs += 3
    return 3 if is_digit(p[i + 2]) else 0


cdef void keep_calling_code(const unsigned char* p, Py_ssize_t n, unsigned char* masked) noexcept nogil:
    cdef int left = calling_digits(p, n)
    cdef Py_ssize_t i = 0
    while left:
        if is_digit(p[i]):
            masked[i] = p[i]
            left -= 1
        i += 1


# ---------------------------------------------------------------- wallets

cdef void fill(const MaskSpec* spec, const unsigned char* tag, unsigned char* to, int size) noexcept nogil:
    cdef unsigned char[16] block
    cdef int i
    for i in range(size):
        if i % 16 == 0:
            prf_stream(&spec.key, tag, i // 16, block)
        to[i] = block[i % 16]


cdef int put_ethereum(const MaskSpec* spec, const unsigned char* p, const unsigned char* tag,
                      OutBuf* out) except -1 nogil:
    cdef unsigned char[20] address
    cdef unsigned char[32] digest
    cdef unsigned char* text
    cdef bint mixed = False
    cdef int i
    for i in range(2, 42):
        mixed = mixed or 65 <= p[i] <= 90
    fill(spec, tag, address, 20)
    put(out, p, 2)
    put_hex(out, address, 20)
    if mixed:
        text = out.data + out.size - 40
        gp_keccak256(text, 40, digest)
        for i in range(40):
            if is_letter(text[i]) and (digest[i // 2] >> (0 if i % 2 else 4)) & 8:
                text[i] -= 32
    return 1


cdef int put_segwit(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, const unsigned char* tag,
                    OutBuf* out) except -1 nogil:
    cdef const unsigned char* letters = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    cdef unsigned char[96] values
    cdef Py_ssize_t one = 0
    cdef Py_ssize_t i
    cdef int count
    cdef int number
    cdef unsigned int state = 1
    cdef bint capital = 65 <= p[0] <= 90
    while one < n and p[one] != c'1':
        one += 1
    count = <int>(n - one - 7)      # witness version and program, without the checksum
    if not (2 <= one <= 4 and (count == 33 or count == 53)):
        return 0
    for i in range(one + 1, n):
        number = 0
        while number < 32 and letters[number] != lower(p[i]):
            number += 1
        if number == 32:
            return 0
        if i == one + 1:
            values[0] = <unsigned char>number
    fill(spec, tag, &values[1], count - 1)
    for i in range(1, count):
        values[i] &= 31
    if count == 53:
        values[52] &= 16        # the program ends before the last value does
    memset(&values[count], 0, 6)
    for i in range(one):
        state = bech32_step(state, lower(p[i]) >> 5)
    state = bech32_step(state, 0)
    for i in range(one):
        state = bech32_step(state, lower(p[i]) & 31)
    for i in range(count + 6):
        state = bech32_step(state, values[i])
    state ^= 1 if values[0] == 0 else 0x2BC830A3
    for i in range(6):
        values[count + i] = <unsigned char>(state >> (5 * (5 - i)) & 31)
    put(out, p, one + 1)
    for i in range(count + 6):
        number = letters[values[i]]
        put_byte(out, <unsigned char>(number - 32 if capital and number >= 97 else number))
    return 1


cdef int put_base58(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, const unsigned char* tag,
                    OutBuf* out) except -1 nogil:
    cdef const unsigned char* letters = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    cdef unsigned char[25] raw
    cdef unsigned char[32] digest
    cdef unsigned char[40] made
    cdef gp_sha256 hash_
    cdef int count = 0
    cdef int zeros = 0
    cdef int rest
    cdef int i
    cdef bint left = True
    if not (26 <= n <= 35 and (p[0] == c'1' or p[0] == c'3')):
        return 0
    for i in range(<int>n):
        if not (is_digit(p[i]) or is_letter(p[i])) or p[i] == c'0' or p[i] == c'O' or p[i] == c'I' or p[i] == c'l':
            return 0
    raw[0] = 0 if p[0] == c'1' else 5
    fill(spec, tag, &raw[1], 20)
    gp_sha256_init(&hash_)
    gp_sha256_update(&hash_, raw, 21)
    gp_sha256_final(&hash_, digest)
    gp_sha256_init(&hash_)
    gp_sha256_update(&hash_, digest, 32)
    gp_sha256_final(&hash_, digest)
    memcpy(&raw[21], digest, 4)
    while zeros < 25 and raw[zeros] == 0:
        zeros += 1
    while left:
        rest = 0
        left = False
        for i in range(25):
            rest = rest * 256 + raw[i]
            raw[i] = <unsigned char>(rest // 58)
            rest %= 58
            left = left or raw[i] != 0
        made[count] = letters[rest]
        count += 1
    while zeros:
        zeros -= 1
        put_byte(out, c'1')
    while count:
        count -= 1
        put_byte(out, made[count])
    return 1


cdef int put_wallet(const MaskSpec* spec, const unsigned char* p, Py_ssize_t n, const unsigned char* tag,
                    OutBuf* out) except -1 nogil:
    cdef Py_ssize_t start = out.size
    cdef Py_ssize_t i
    cdef int taken = 0
    while n > 0 and p[n - 1] == c' ':
        n -= 1
    if n == 42 and memcmp(p, b"0x", 2) == 0:
        taken = 1
        for i in range(2, 42):
            if not (is_digit(p[i]) or 97 <= (p[i] | 0x20) <= 102):
                taken = 0
        if taken:
            put_ethereum(spec, p, tag, out)
    elif 40 <= n <= 66:
        taken = put_segwit(spec, p, n, tag, out)
    else:
        taken = put_base58(spec, p, n, tag, out)
    if taken and spec.limit >= 0 and out.size - start > spec.limit:
        taken = 0       # a checksum that is cut off would be wrong
    if not taken:
        out.size = start
    return taken
