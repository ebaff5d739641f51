// Sixteen lanes at a time: 16 x float32, 16 x uint32 or two halves of 8 x uint64.
// GCC's vector types do the arithmetic on any machine; what they cannot say has an AVX-512 form and a plain loop.
#ifndef LANES_H
#define LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__) && !defined(PLAIN)
#include <immintrin.h>
#define SIMD 1
#else
#define SIMD 0
#endif

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

typedef float real __attribute__((vector_size(64)));
typedef uint32_t word __attribute__((vector_size(64)));
typedef int32_t whole __attribute__((vector_size(64)));
typedef uint64_t wide __attribute__((vector_size(64)));

INLINE real reals(float x) { return x - (real){0}; }
INLINE word words(uint32_t x) { return x + (word){0}; }
INLINE wide wides(uint64_t x) { return x + (wide){0}; }

// 32 x 32 -> 64 bits of the low halves.
INLINE wide multiply(wide a, uint64_t b) {
#if SIMD
    return (wide)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64((long long)b));
#else
    return (a & 0xFFFFFFFFu) * b;
#endif
}

// Three-way exclusive or.
INLINE wide xor3(wide a, wide b, wide c) {
#if SIMD
    return (wide)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
    return a ^ b ^ c;
#endif
}

INLINE word xor3_words(word a, word b, word c) { return (word)xor3((wide)a, (wide)b, (wide)c); }

// Low halves of `even` and `odd`, lane by lane in turns.
INLINE word merge_low(wide even, wide odd) {
#if SIMD
    return (word)_mm512_mask_shuffle_epi32((__m512i)even, 0xAAAA, (__m512i)odd, _MM_PERM_CCAA);
#else
    return (word)((even & 0xFFFFFFFFu) | (odd << 32));
#endif
}

// High halves of `even` and `odd`, lane by lane in turns.
INLINE word merge_high(wide even, wide odd) {
#if SIMD
    return (word)_mm512_mask_shuffle_epi32((__m512i)odd, 0x5555, (__m512i)even, _MM_PERM_DDBB);
#else
    return (word)((even >> 32) | (odd & 0xFFFFFFFF00000000u));
#endif
}

// count + 2 in the lanes where a < b.
INLINE whole count_less(whole count, word a, word b) {
#if SIMD
    return (whole)_mm512_mask_add_epi32((__m512i)count, _mm512_cmplt_epu32_mask((__m512i)a, (__m512i)b),
                                        (__m512i)count, _mm512_set1_epi32(2));
#else
    return count - 2 * (a < b);
#endif
}

// count + 1 in the lanes where x >= limit, count - 1 where x <= -limit.
INLINE whole count_beyond(whole count, real x, real limit) {
#if SIMD
    __m512i one = _mm512_set1_epi32(1), c = (__m512i)count;
    c = _mm512_mask_add_epi32(c, _mm512_cmp_ps_mask((__m512)x, (__m512)limit, _CMP_GE_OQ), c, one);
    return (whole)_mm512_mask_sub_epi32(c, _mm512_cmp_ps_mask((__m512)x, (__m512)-limit, _CMP_LE_OQ), c, one);
#else
    return count - (x >= limit) + (x <= -limit);
#endif
}

INLINE real floats(whole x) { return __builtin_convertvector(x, real); }

// Converts towards zero, so that the top of an octave stays in it.
INLINE real floats_down(whole x) {
#if SIMD
    return (real)_mm512_cvt_roundepi32_ps((__m512i)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#else
    real out;
    for (int w = 0; w < LANES; w++) {
        uint32_t v = (uint32_t)x[w];
        int drop = 8 - __builtin_clz(v);
        out[w] = (float)(drop > 0 ? v >> drop << drop : v);
    }
    return out;
#endif
}

INLINE word to_words(real x) { return __builtin_convertvector(x, word); }

INLINE real where_negative(real x, real yes, real no) {
#if SIMD
    return (real)_mm512_mask_mov_ps((__m512)no, _mm512_movepi32_mask((__m512i)x), (__m512)yes);
#else
    whole mask = (whole)x >> 31;
    return (real)(((whole)yes & mask) | ((whole)no & ~mask));
#endif
}

INLINE real where_below(word x, uint32_t limit, real yes, real no) {
    return where_negative((real)(whole)(x < limit), yes, no);
}

INLINE word smaller(word a, word b) {
#if SIMD
    return (word)_mm512_min_epu32((__m512i)a, (__m512i)b);
#else
    for (int w = 0; w < LANES; w++) a[w] = a[w] < b[w] ? a[w] : b[w];
    return a;
#endif
}

INLINE int any(word x) {
#if SIMD
    return _mm512_test_epi32_mask((__m512i)x, (__m512i)x) != 0;
#else
    uint32_t all = 0;
    for (int w = 0; w < LANES; w++) all |= x[w];
    return all != 0;
#endif
}

INLINE int any_below(word x, uint32_t limit) {
#if SIMD
    return _mm512_cmplt_epu32_mask((__m512i)x, _mm512_set1_epi32((int)limit)) != 0;
#else
    return any((word)(x < limit));
#endif
}

INLINE real largest(real a, float b) {
#if SIMD
    return (real)_mm512_max_ps((__m512)a, _mm512_set1_ps(b));
#else
    for (int w = 0; w < LANES; w++) a[w] = a[w] > b ? a[w] : b;
    return a;
#endif
}

INLINE real smallest(real a, float b) {
#if SIMD
    return (real)_mm512_min_ps((__m512)a, _mm512_set1_ps(b));
#else
    for (int w = 0; w < LANES; w++) a[w] = a[w] < b ? a[w] : b;
    return a;
#endif
}

INLINE real absolute(real a) { return (real)((word)a & 0x7FFFFFFFu); }

INLINE real root(real a) {
#if SIMD
    return (real)_mm512_sqrt_ps((__m512)a);
#else
    for (int w = 0; w < LANES; w++) a[w] = sqrtf(a[w]);
    return a;
#endif
}

// table[index], of 16 entries; only the low four bits of the index count.
INLINE real look_up(const float *table, word index) {
#if SIMD
    return (real)_mm512_permutexvar_ps((__m512i)index, _mm512_load_ps(table));
#else
    real out;
    for (int w = 0; w < LANES; w++) out[w] = table[index[w] & 15];
    return out;
#endif
}

// table[index], of 16 entries, for words.
INLINE word look_up_words(word table, word index) {
#if SIMD
    return (word)_mm512_permutexvar_epi32((__m512i)index, (__m512i)table);
#else
    word out;
    for (int w = 0; w < LANES; w++) out[w] = table[index[w] & 15];
    return out;
#endif
}

// Bit by bit: b where a and b differ, else c.
INLINE word second_if_different(word a, word b, word c) {
#if SIMD
    return (word)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0x8E);
#else
    return ((a ^ b) & b) | (~(a ^ b) & c);
#endif
}

// Bit by bit: c where a and b agree, else 0.
INLINE word if_same(word a, word b, word c) {
#if SIMD
    return (word)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0x82);
#else
    return ~(a ^ b) & c;
#endif
}

INLINE whole ones_in(word x) {
#if SIMD && defined(__AVX512VPOPCNTDQ__)
    return (whole)_mm512_popcnt_epi32((__m512i)x);
#else
    whole out;
    for (int w = 0; w < LANES; w++) out[w] = __builtin_popcount(x[w]);
    return out;
#endif
}

#endif
