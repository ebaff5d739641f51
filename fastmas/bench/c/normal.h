// Normal numbers and probabilities from polynomials whose coefficients the caller fits (float64, once).
#ifndef NORMAL_H
#define NORMAL_H

#include "lanes.h"

#define QUANTILE_TERMS 7
#define CDF_TERMS 9
#define FAR (1 << 15)

// Coefficients, highest power first.
struct tables {
    float near[QUANTILE_TERMS][16], far[QUANTILE_TERMS][16];  // of (mantissa of 2u - 1.5), by octave modulo 16
    float cdf[CDF_TERMS];                                     // of (2 Phi(-a))^(1/4) in a, up to cdf_end
    float cdf_end;
} __attribute__((aligned(64)));

// Several at a time everywhere: a chain of dependent multiplications leaves the units idle, n of them do not.
#define EACH _Pragma("GCC unroll 16") for (int j = 0; j < n; j++)

INLINE void pieces(int n, const float table[QUANTILE_TERMS][16], const word *octave, const real *x, real *p) {
    EACH p[j] = look_up(table[0], octave[j]);
#pragma GCC unroll 8
    for (int i = 1; i < QUANTILE_TERMS; i++) EACH p[j] = p[j] * x[j] + look_up(table[i], octave[j]);
}

// Standard normals of n <= 16 words: the quantile at u = (2 (w / 2) + 1) / 2^32.
INLINE void normals(int n, const word *w, const struct tables *f, real *z) {
    word folded[16], octave[16], least = words(FAR);
    real x[16];
    EACH {
        folded[j] = (w[j] ^ (word)((whole)w[j] >> 31)) | 1u;
        least = smaller(least, folded[j]);
        word v = (word)floats_down((whole)folded[j]);
        x[j] = (real)((v & 0x007FFFFFu) | 0x3F800000u) - 1.5f;
        octave[j] = v >> 23;
    }
    pieces(n, f->near, octave, x, z);
    if (__builtin_expect(any_below(least, FAR), 0)) {
        real far[16];
        pieces(n, f->far, octave, x, far);
        EACH z[j] = where_below(folded[j], FAR, far[j], z[j]);
    }
    EACH z[j] = (real)((word)z[j] ^ (w[j] & 0x80000000u));
}

// The numbers below which a word falls with probabilities Phi(x).
INLINE void thresholds(int n, const real *x, const struct tables *f, word *limit) {
    real a[16], p[16];
    EACH a[j] = smallest(absolute(x[j]), f->cdf_end);
    EACH p[j] = reals(f->cdf[0]);
#pragma GCC unroll 16
    for (int i = 1; i < CDF_TERMS; i++) EACH p[j] = p[j] * a[j] + f->cdf[i];
    EACH p[j] = p[j] * p[j];
    EACH {
        word low = to_words(p[j] * p[j] * 2147483648.0f);  // never 0
        limit[j] = (word)where_negative(x[j], (real)low, (real)-low);
    }
}

#endif
