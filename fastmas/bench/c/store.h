// Prices leave path by path: sixteen steps of sixteen lanes are kept, turned over and written as rows.
#ifndef STORE_H
#define STORE_H

#include "lanes.h"

#if SIMD
INLINE void transpose(__m512 r[16]) {
    __m512 s[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++) {
            __m512d a = (__m512d)s[i + j], b = (__m512d)s[i + j + 2];
            r[i + 2 * j] = (__m512)_mm512_unpacklo_pd(a, b);
            r[i + 2 * j + 1] = (__m512)_mm512_unpackhi_pd(a, b);
        }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        s[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        s[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
        s[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        s[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0xDD);
    }
}
#endif

// Write n kept steps of `rows` paths to out, whose rows are `stride` apart.
INLINE void flush(const real kept[16], int n, int rows, float *out, long stride) {
#if SIMD
    __m512 r[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) r[i] = (__m512)kept[i];
    transpose(r);
    __mmask16 mask = (__mmask16)((1u << n) - 1u);
    if (rows == LANES && n == 16) {
#pragma GCC unroll 16
        for (int w = 0; w < 16; w++) _mm512_storeu_ps(out + w * stride, r[w]);
        return;
    }
    for (int w = 0; w < rows; w++) _mm512_mask_storeu_ps(out + w * stride, mask, r[w]);
#else
    for (int w = 0; w < rows; w++)
        for (int i = 0; i < n; i++) out[w * stride + i] = kept[i][w];
#endif
}

#endif
