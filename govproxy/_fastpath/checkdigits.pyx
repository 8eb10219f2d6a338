"""Check digits of cards and of numbers that states give to people, one value each.

Digits are values 0 to 9 in a row; where letters belong to a number, its bytes. Only numbers that can act on a single
value anywhere stand here: shares of random numbers of the same form that pass are given beside each.
"""

from govproxy._fastpath.charclass cimport ALNUM, CLASS, LOWER, UPPER, is_digit

# Codice fiscale: values of characters at odd places (DM 23/12/1976, table of the Agenzia delle Entrate).
cdef unsigned char[36] FISCAL_ODD
FISCAL_ODD[:] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21,
                 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]


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
    # Issuer ranges with the lengths in which their networks issue. Longer and shorter numbers that ISO/IEC 7812 would
    # allow them are keys and parcel numbers far oftener than cards: of those a word beside them must speak.
    cdef int two = d[0] * 10 + d[1]
    cdef int four = two * 100 + d[2] * 10 + d[3]
    cdef int three = four // 10
    if d[0] == 4:
        return n == 13 or n == 16 or n == 19
    if (four == 5018 or four == 5020 or four == 5038 or four == 5893 or four == 6304 or four == 6759
            or 6761 <= four <= 6763 or four == 604):
        return 12 <= n <= 19
    if n == 16:
        return (51 <= two <= 55 or 2200 <= four <= 2204 or 2221 <= four <= 2720 or four == 9792 or four == 5019
                or two == 35 or two == 36 or two == 38 or two == 39 or two == 60 or two == 62 or two == 64 or two == 65
                or two == 81 or two == 82 or 300 <= three <= 305 or three == 506 or three == 508 or three == 509
                or 636 <= three <= 639)
    if n == 15:
        return two == 34 or two == 37 or four == 1800 or four == 2131
    if n == 14:
        return 300 <= three <= 305 or two == 36 or two == 38 or two == 39
    return n == 19 and (two == 62 or two == 81 or three == 506 or 637 <= three <= 639)


cdef bint goods_ok(const unsigned char* digits, Py_ssize_t n) noexcept nogil:
    # GS1 general specifications 7.9: what stands below a bar code, 12 digits (UPC) or 13 (EAN).
    cdef int total = 0
    cdef Py_ssize_t i
    for i in range(n):
        total += digits[n - 1 - i] * (3 if i & 1 else 1)
    return total % 10 == 0


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


cdef inline bint is_day(int day, int month) noexcept nogil:
    return 1 <= day <= 31 and 1 <= month <= 12


cdef bint cpf_ok(const unsigned char* d) noexcept nogil:
    # Brazil, eleven digits: two mod 11. 1 % pass, and only the form with points and a dash is looked at.
    cdef int first = 0
    cdef int second = 0
    cdef bint same = True
    cdef int i
    for i in range(9):
        first += d[i] * (10 - i)
    for i in range(10):
        second += d[i] * (11 - i)
        same = same and d[i] == d[i + 1]
    return not same and first * 10 % 11 % 10 == d[9] and second * 10 % 11 % 10 == d[10]


cdef bint cnpj_ok(const unsigned char* d) noexcept nogil:
    # Brazil, firms and one-person firms, fourteen digits: two mod 11. 1 % pass, in the written form alone.
    cdef int first = 0
    cdef int second = 0
    cdef int i
    for i in range(12):
        first += d[i] * (2 + (11 - i) % 8)
    for i in range(13):
        second += d[i] * (2 + (12 - i) % 8)
    first = 0 if first % 11 < 2 else 11 - first % 11
    second = 0 if second % 11 < 2 else 11 - second % 11
    return first == d[12] and second == d[13]


cdef bint belgian_ok(const unsigned char* d) noexcept nogil:
    # Belgium, eleven digits: birth date, serial, 97 minus the rest (with a 2 before from 2000 on). 0.08 % pass.
    cdef long long number = 0
    cdef int check = d[9] * 10 + d[10]
    cdef int i
    if not is_day(d[4] * 10 + d[5], d[2] * 10 + d[3]):
        return False
    for i in range(9):
        number = number * 10 + d[i]
    return check == 97 - number % 97 or check == 97 - (2000000000 + number) % 97


cdef bint norwegian_ok(const unsigned char* d) noexcept nogil:
    # Norway, eleven digits: birth date (40 more for D numbers), two mod 11. 0.06 % pass.
    cdef int first = (d[0] * 3 + d[1] * 7 + d[2] * 6 + d[3] + d[4] * 8 + d[5] * 9 + d[6] * 4 + d[7] * 5 + d[8] * 2
                      + d[9])
    cdef int second = (d[0] * 5 + d[1] * 4 + d[2] * 3 + d[3] * 2 + d[4] * 7 + d[5] * 6 + d[6] * 5 + d[7] * 4
                       + d[8] * 3 + d[9] * 2 + d[10])
    cdef int day = d[0] * 10 + d[1]
    if not (is_day(day, d[2] * 10 + d[3]) or is_day(day - 40, d[2] * 10 + d[3])):
        return False
    return first % 11 == 0 and second % 11 == 0


cdef bint swedish_ok(const unsigned char* d) noexcept nogil:
    # Sweden, YYYYMMDD-NNNN: Luhn over the last ten. Later years are days in somebody's order numbers.
    cdef int year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]
    return 1900 <= year <= 2012 and is_day(d[6] * 10 + d[7], d[4] * 10 + d[5]) and luhn_ok(d + 2, 10)


cdef bint korean_ok(const unsigned char* d) noexcept nogil:
    # South Korea, YYMMDD-NNNNNNN as given until 2020: date, century, mod 11. 0.3 % of that form pass.
    cdef int total = 0
    cdef int i
    for i in range(12):
        total += d[i] * (2 + i % 8)
    return is_day(d[4] * 10 + d[5], d[2] * 10 + d[3]) and 1 <= d[6] <= 8 and (11 - total % 11) % 10 == d[12]


cdef bint swiss_ok(const unsigned char* d) noexcept nogil:
    # Switzerland, thirteen digits: 756 and the check digit of EAN. 0.01 % pass.
    cdef int total = 0
    cdef int i
    for i in range(13):
        total += d[i] * (3 if i & 1 else 1)
    return d[0] == 7 and d[1] == 5 and d[2] == 6 and total % 10 == 0


cdef bint curp_ok(const unsigned char* p) noexcept nogil:
    # Mexico: LLLL, birth date, sex, state, consonants, serial, check digit over an alphabet with N tilde.
    cdef int total = 0
    cdef int value
    cdef int i
    cdef unsigned char c
    for i in range(18):
        c = p[i] & 0xDF if CLASS[p[i]] & LOWER else p[i]
        if 4 <= i <= 9 or i == 17:
            if not is_digit(c):
                return False
        elif i < 16 and not CLASS[c] & UPPER or not CLASS[c] & ALNUM:
            return False
        if i == 10 and not (c == c'H' or c == c'M' or c == c'X'):
            return False
        value = c - 48 if is_digit(c) else c - 55 + (c > c'N')
        if i < 17:
            total += value * (18 - i)
    return is_day((p[8] - 48) * 10 + p[9] - 48, (p[6] - 48) * 10 + p[7] - 48) and (10 - total % 10) % 10 == p[17] - 48


cdef int mrz_sum(const unsigned char* p, int size) noexcept nogil:
    # ICAO 9303 part 3, 4.9: weights 7, 3, 1; -1 for a character that has no place there.
    cdef int total = 0
    cdef int value
    cdef int weight
    cdef int i
    for i in range(size):
        if is_digit(p[i]):
            value = p[i] - 48
        elif CLASS[p[i]] & UPPER:
            value = p[i] - 55
        elif p[i] == c'<':
            value = 0
        else:
            return -1
        weight = 7 if i % 3 == 0 else 3 if i % 3 == 1 else 1
        total += value * weight
    return total % 10


cdef bint mrz_ok(const unsigned char* p) noexcept nogil:
    # The second line of a passport, 44 characters: number, nation, birth, sex, expiry, each date and the number
    # with its check digit.
    cdef int i
    if p[20] != c'M' and p[20] != c'F' and p[20] != c'<' and p[20] != c'X':
        return False
    if not (is_digit(p[9]) and is_digit(p[19]) and is_digit(p[27]) and is_digit(p[43])):
        return False
    for i in range(6):
        if not (is_digit(p[13 + i]) and is_digit(p[21 + i])):
            return False        # what ``textfacts`` counts on: such a line is found by its digits
    return (mrz_sum(p, 9) == p[9] - 48 and mrz_sum(p + 13, 6) == p[19] - 48 and mrz_sum(p + 21, 6) == p[27] - 48
            and mrz_sum(p, 44) >= 0)
