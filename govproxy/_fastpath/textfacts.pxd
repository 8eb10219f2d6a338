# One pass over a text field that says whether any value detector could match in it.
#
# The answer is a superset: a field without a candidate holds no span that ``detectors.detect``
# would find; a field with one is looked at again, slowly. What makes a candidate:
#   an '@' (email, DSN) or a '$' (password hash) . a run of 16 or more of [A-Za-z0-9_-] (tokens,
#   JWT, PEM bodies, compact IBAN, fiscal codes) . 12 or more digits (cards, spaced IBAN,
#   personal numbers) . a '+' before a digit and 7 or more digits (E.164).
#
# SSE2 is part of the x86-64 baseline; elsewhere the plain loop below does the same.
# Security: ``limit`` is the end of readable memory. A full vector is loaded only where 16 bytes
# are left before it, otherwise the tail is copied first, so nothing beyond it is read.

cdef extern from *:
    """
    #ifndef GOVPROXY_TEXTFACTS_H
    #define GOVPROXY_TEXTFACTS_H
    #include <stdint.h>
    #include <string.h>

    #if defined(__SSE2__)
    #include <emmintrin.h>

    static const unsigned char govproxy_tail_mask[32] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    static inline int govproxy_is_candidate(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
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
        return runs != 0 || count >= 12 || (plus_digit != 0 && count >= 7) || _mm_movemask_epi8(special) != 0;
    }

    #else

    static inline int govproxy_is_candidate(const unsigned char *p, Py_ssize_t n, const unsigned char *limit)
    {
        Py_ssize_t i, run = 0, digits = 0;
        int plus_digit = 0;
        (void)limit;
        for (i = 0; i < n; i++) {
            const unsigned char c = p[i];
            const int digit = (unsigned char)(c - '0') <= 9;
            if (c == '@' || c == '$') return 1;
            digits += digit;
            if (digit && i > 0 && p[i - 1] == '+') plus_digit = 1;
            run = (digit || (unsigned char)((c | 0x20) - 'a') <= 25 || c == '_' || c == '-') ? run + 1 : 0;
            if (run >= 16) return 1;
        }
        return digits >= 12 || (plus_digit && digits >= 7);
    }

    #endif
    #endif
    """
    bint is_candidate "govproxy_is_candidate"(
        const unsigned char* p, Py_ssize_t n, const unsigned char* limit) noexcept nogil
