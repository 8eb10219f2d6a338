# One pass over a text field that says whether any value detector could match in it.
#
# The answer is a superset: a field without a candidate holds no span that ``detectors.detect``
# would find; a field with one is looked at again, slowly. What makes a candidate:
#   an '@' (email, DSN), a '$' (password hash) or a '=' (keyword DSN) . a run of 16 or more of [A-Za-z0-9_-] (tokens,
#   JWT, PEM bodies, compact IBAN, fiscal codes) . 11 or more digits (cards, spaced IBAN,
#   personal numbers) . a '+' before a digit and 7 or more digits (E.164).
#
# SSE2 is part of the x86-64 baseline; elsewhere the plain loop below does the same. Where the processor has
# AVX2, a quick pass comes first, whose answer is a superset again: it knows runs only by eight bytes in a row.
# A new kind of candidate belongs into all three.
# Security: ``limit`` is the end of readable memory. A full vector is loaded only where its bytes
# are left before it, otherwise the tail is copied first, so nothing beyond it is read.

cdef extern from *:
    """
    #ifndef GOVPROXY_TEXTFACTS_H
    #define GOVPROXY_TEXTFACTS_H
    #include <stdint.h>
    #include <string.h>

    #if defined(__SSE2__)
    #include <emmintrin.h>
    #if defined(__GNUC__)
    #define GOVPROXY_QUICK 1
    #include <immintrin.h>

    /* Which kind a byte is, one bit each: what its two halves have in common. A byte from 0x80 on has none. */
    #define GP_DIGIT 1
    #define GP_LETTER 2     /* 0x41 to 0x4F, 0x61 to 0x6F */
    #define GP_LATE_LETTER 4 /* 0x50 to 0x5A, 0x70 to 0x7A */
    #define GP_JOINER 8     /* '-' and '_', and with them '/' and ']': the exact look sorts those out */
    #define GP_EQUALS 16
    #define GP_AT 32
    #define GP_DOLLAR 64
    #define GP_PLUS 128
    #define GP_TOKEN (GP_DIGIT | GP_LETTER | GP_LATE_LETTER | GP_JOINER)

    static const unsigned char govproxy_low_half[16] = {
        GP_DIGIT | GP_LATE_LETTER | GP_AT,
        GP_DIGIT | GP_LETTER | GP_LATE_LETTER, GP_DIGIT | GP_LETTER | GP_LATE_LETTER,
        GP_DIGIT | GP_LETTER | GP_LATE_LETTER, GP_DIGIT | GP_LETTER | GP_LATE_LETTER | GP_DOLLAR,
        GP_DIGIT | GP_LETTER | GP_LATE_LETTER, GP_DIGIT | GP_LETTER | GP_LATE_LETTER,
        GP_DIGIT | GP_LETTER | GP_LATE_LETTER, GP_DIGIT | GP_LETTER | GP_LATE_LETTER,
        GP_DIGIT | GP_LETTER | GP_LATE_LETTER,
        GP_LETTER | GP_LATE_LETTER, GP_LETTER | GP_PLUS, GP_LETTER, GP_LETTER | GP_JOINER | GP_EQUALS, GP_LETTER,
        GP_LETTER | GP_JOINER};
    static const unsigned char govproxy_high_half[16] = {
        0, 0, GP_JOINER | GP_DOLLAR | GP_PLUS, GP_DIGIT | GP_EQUALS, GP_LETTER | GP_AT, GP_LATE_LETTER | GP_JOINER,
        GP_LETTER, GP_LATE_LETTER};
    static const unsigned char govproxy_quick_tail[64] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

    __attribute__((target("avx2")))
    static int govproxy_quick(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
        const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)govproxy_low_half));
        const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)govproxy_high_half));
        const __m256i one = _mm256_set1_epi8(1), zero = _mm256_setzero_si256();
        __m256i seen = zero, digits = zero, longest = zero;
        __m128i sums, runs;
        Py_ssize_t i;
        int count;
        for (i = 0; i < n; i += 32) {
            const Py_ssize_t left = n - i;
            __m256i v, kind;
            if (left >= 32) {
                v = _mm256_loadu_si256((const __m256i *)(p + i));
            } else {
                if (limit - (p + i) >= 32) {
                    v = _mm256_loadu_si256((const __m256i *)(p + i));
                } else {
                    unsigned char tail[32] = {0};
                    memcpy(tail, p + i, (size_t)left);
                    v = _mm256_loadu_si256((const __m256i *)tail);
                }
                v = _mm256_and_si256(v, _mm256_loadu_si256((const __m256i *)(govproxy_quick_tail + 32 - left)));
            }
            kind = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
            kind = _mm256_and_si256(_mm256_shuffle_epi8(low, v), _mm256_shuffle_epi8(high, kind));
            seen = _mm256_or_si256(seen, kind);
            digits = _mm256_adds_epu8(digits, _mm256_and_si256(kind, one));
            kind = _mm256_min_epu8(_mm256_and_si256(kind, _mm256_set1_epi8(GP_TOKEN)), one);
            longest = _mm256_max_epi16(longest, _mm256_sad_epu8(kind, zero));
        }
        if (!_mm256_testz_si256(seen, _mm256_set1_epi8(GP_AT | GP_DOLLAR | GP_EQUALS))) return 1;
        runs = _mm_max_epi16(_mm256_castsi256_si128(longest), _mm256_extracti128_si256(longest, 1));
        if (_mm_movemask_epi8(_mm_cmpeq_epi16(runs, _mm_set1_epi64x(8))) & 0x0303) return 1;
        digits = _mm256_sad_epu8(digits, zero);
        sums = _mm_add_epi32(_mm256_castsi256_si128(digits), _mm256_extracti128_si256(digits, 1));
        count = _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4);
        return count >= 11 || (count >= 7 && !_mm256_testz_si256(seen, _mm256_set1_epi8((char)GP_PLUS)));
    }

    static int govproxy_has_avx2 = -1;  /* -1: not asked yet */

    static inline int govproxy_passes_quickly(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
        if (govproxy_has_avx2 < 0) {
            __builtin_cpu_init();
            govproxy_has_avx2 = __builtin_cpu_supports("avx2") != 0;
        }
        return govproxy_has_avx2 && !govproxy_quick(p, n, limit);
    }
    #endif

    static const unsigned char govproxy_tail_mask[32] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    static int govproxy_look(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
        const __m128i nine = _mm_set1_epi8(9), twenty_five = _mm_set1_epi8(25), one = _mm_set1_epi8(1);
        __m128i digits = _mm_setzero_si128(), special = _mm_setzero_si128(), sums;
        uint32_t runs = 0, plus_digit = 0, previous = 0, carry = 0, count;
        Py_ssize_t i;
        for (i = 0; i < n; i += 16) {
            const Py_ssize_t left = n - i;
            __m128i v, d, a, is_digit, is_token;
            uint32_t token, plus, w;
            if (left >= 16) {
                v = _mm_loadu_si128((const __m128i *)(p + i));
            } else {
                if (limit - (p + i) >= 16) {
                    v = _mm_loadu_si128((const __m128i *)(p + i));
                } else {
                    unsigned char tail[16] = {0};
                    memcpy(tail, p + i, (size_t)left);
                    v = _mm_loadu_si128((const __m128i *)tail);
                }
                v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)(govproxy_tail_mask + 16 - left)));
            }
            d = _mm_sub_epi8(v, _mm_set1_epi8('0'));
            is_digit = _mm_cmpeq_epi8(_mm_min_epu8(d, nine), d);
            a = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
            is_token = _mm_or_si128(is_digit, _mm_cmpeq_epi8(_mm_min_epu8(a, twenty_five), a));
            is_token = _mm_or_si128(is_token, _mm_cmpeq_epi8(v, _mm_set1_epi8('_')));
            is_token = _mm_or_si128(is_token, _mm_cmpeq_epi8(v, _mm_set1_epi8('-')));
            special = _mm_or_si128(special, _mm_cmpeq_epi8(v, _mm_set1_epi8('@')));
            special = _mm_or_si128(special, _mm_cmpeq_epi8(v, _mm_set1_epi8('$')));
            special = _mm_or_si128(special, _mm_cmpeq_epi8(v, _mm_set1_epi8('=')));
            digits = _mm_adds_epu8(digits, _mm_and_si128(is_digit, one));
            plus = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('+')));
            if (plus | carry) {
                plus_digit |= ((plus << 1) | carry) & (uint32_t)_mm_movemask_epi8(is_digit);
                carry = plus >> 15;
            }
            token = (uint32_t)_mm_movemask_epi8(is_token);
            w = previous | (token << 16);
            w &= w >> 1;
            w &= w >> 2;
            w &= w >> 4;
            w &= w >> 8;
            runs |= w;
            previous = token;
        }
        sums = _mm_sad_epu8(digits, _mm_setzero_si128());
        count = (uint32_t)_mm_cvtsi128_si32(sums) + (uint32_t)_mm_extract_epi16(sums, 4);
        return runs != 0 || count >= 11 || (plus_digit != 0 && count >= 7) || _mm_movemask_epi8(special) != 0;
    }

    #else

    static int govproxy_look(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
        Py_ssize_t i, run = 0, digits = 0;
        int plus_digit = 0;
        (void)limit;
        for (i = 0; i < n; i++) {
            const unsigned char c = p[i];
            const int digit = (unsigned char)(c - '0') <= 9;
            if (c == '@' || c == '$' || c == '=') return 1;
            digits += digit;
            if (digit && i > 0 && p[i - 1] == '+') plus_digit = 1;
            run = (digit || (unsigned char)((c | 0x20) - 'a') <= 25 || c == '_' || c == '-') ? run + 1 : 0;
            if (run >= 16) return 1;
        }
        return digits >= 11 || (plus_digit && digits >= 7);
    }

    #endif

    /* A digest as people write it: 32, 40 or 64 hexadecimal digits of one case, letters among them, and nothing
     * else. No detector has such a form (the longest IBAN of such digits has 31), and columns are full of them. */
    static int govproxy_is_digest(const unsigned char *p, Py_ssize_t n)
    {
        Py_ssize_t i;
        int lower = 0, upper = 0;
        if (n != 32 && n != 40 && n != 64) return 0;
    #if defined(__SSE2__)
        for (i = 0; i < n; i += 16) {
            const __m128i v = _mm_loadu_si128((const __m128i *)(p + (i < n - 16 ? i : n - 16)));
            const __m128i d = _mm_sub_epi8(v, _mm_set1_epi8('0')), nine = _mm_set1_epi8(9), five = _mm_set1_epi8(5);
            const __m128i a = _mm_sub_epi8(v, _mm_set1_epi8('a')), b = _mm_sub_epi8(v, _mm_set1_epi8('A'));
            const int digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, nine), d));
            const int small = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(a, five), a));
            const int large = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(b, five), b));
            if ((digits | small | large) != 0xFFFF) return 0;
            lower |= small;
            upper |= large;
        }
    #else
        for (i = 0; i < n; i++) {
            if ((unsigned char)(p[i] - '0') <= 9) continue;
            if ((unsigned char)(p[i] - 'a') <= 5) lower = 1;
            else if ((unsigned char)(p[i] - 'A') <= 5) upper = 1;
            else return 0;
        }
    #endif
        return (lower != 0) != (upper != 0);
    }

    static inline int govproxy_is_candidate(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
    #ifdef GOVPROXY_QUICK
        if (govproxy_passes_quickly(p, n, limit)) return 0;
    #endif
        return govproxy_look(p, n, limit) && !govproxy_is_digest(p, n);
    }
    #endif
    """
    bint is_candidate "govproxy_is_candidate"(
        const unsigned char* p, Py_ssize_t n, const unsigned char* limit) noexcept nogil
