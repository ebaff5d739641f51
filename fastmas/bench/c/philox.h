// Philox4x32-10 (Salmon et al. 2011) for sixteen paths at a time: counter (path, t, slot, 0), key (seed, 0).
// What rounds one and two owe to the path is a constant of it, and what they owe to (t, slot) a scalar:
// eight rounds are left. A lane is a uint64 whose upper half is ignored.
#ifndef PHILOX_H
#define PHILOX_H

#include "lanes.h"

#define M0 0xD2511F53u
#define M1 0xCD9E8D57u
#define W0 0x9E3779B9u
#define W1 0xBB67AE85u

struct keys { uint64_t k0[10], k1[10]; };           // of each round
struct paths { wide a[2], b[2], c[2]; };            // [0]: even lanes, [1]: odd lanes
struct counters { uint64_t a, c, d; };              // what (t, slot) adds

INLINE struct keys expand_key(uint32_t seed, uint32_t run) {
    struct keys k;
    for (uint32_t r = 0; r < 10; r++) {
        k.k0[r] = (uint32_t)(seed + r * W0);
        k.k1[r] = (uint32_t)(run + r * W1);
    }
    return k;
}

INLINE struct paths path_part(uint32_t first, const struct keys *k) {
    struct paths p;
    for (int h = 0; h < 2; h++)
        for (int j = 0; j < 8; j++) {
            uint64_t product = (uint64_t)(uint32_t)(first + 2 * j + h) * M0;
            uint64_t a = (product >> 32) ^ k->k1[0];
            uint64_t b = (a & 0xFFFFFFFFu) * M1;
            p.a[h][j] = b >> 32;
            p.b[h][j] = b & 0xFFFFFFFFu;
            p.c[h][j] = (product & 0xFFFFFFFFu) ^ k->k1[1];
        }
    return p;
}

INLINE struct counters step_part(uint32_t t, uint32_t slot, const struct keys *k) {
    uint64_t p1 = (uint64_t)slot * M1;
    uint64_t p0 = (uint64_t)(uint32_t)((p1 >> 32) ^ t ^ k->k0[0]) * M0;
    return (struct counters){(uint32_t)p1 ^ k->k0[1], p0 >> 32, (uint32_t)p0};
}

// The four words of N_CALLS slots, from `slot` on, for sixteen paths. Calls side by side hide each other's latency.
#define DRAW(NAME, N_CALLS)                                                                                \
    INLINE void NAME(const struct paths *p, const struct keys *k, uint32_t t, uint32_t slot, word *out) {  \
        wide x0[N_CALLS][2], x1[N_CALLS][2], x2[N_CALLS][2], x3[N_CALLS][2];                               \
        _Pragma("GCC unroll 8") for (int i = 0; i < N_CALLS; i++) {                                        \
            struct counters e = step_part(t, slot + (uint32_t)i, k);                                       \
            _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++) {                                          \
                x0[i][h] = p->a[h] ^ e.a, x1[i][h] = p->b[h], x2[i][h] = p->c[h] ^ e.c, x3[i][h] = wides(e.d); \
            }                                                                                              \
        }                                                                                                  \
        _Pragma("GCC unroll 8") for (int r = 2; r < 9; r++)                                                \
            _Pragma("GCC unroll 8") for (int i = 0; i < N_CALLS; i++)                                      \
                _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++) {                                      \
                    wide p0 = multiply(x0[i][h], M0), p1 = multiply(x2[i][h], M1);                         \
                    x0[i][h] = xor3(p1 >> 32, x1[i][h], wides(k->k0[r]));                                  \
                    x2[i][h] = xor3(p0 >> 32, x3[i][h], wides(k->k1[r]));                                  \
                    x1[i][h] = p1, x3[i][h] = p0;                                                          \
                }                                                                                          \
        _Pragma("GCC unroll 8") for (int i = 0; i < N_CALLS; i++) {                                        \
            wide p0[2], p1[2];                                                                             \
            _Pragma("GCC unroll 2") for (int h = 0; h < 2; h++)                                            \
                p0[h] = multiply(x0[i][h], M0), p1[h] = multiply(x2[i][h], M1);                            \
            out[4 * i] = xor3_words(merge_high(p1[0], p1[1]), merge_low(x1[i][0], x1[i][1]),               \
                                    words((uint32_t)k->k0[9]));                                            \
            out[4 * i + 1] = merge_low(p1[0], p1[1]);                                                      \
            out[4 * i + 2] = xor3_words(merge_high(p0[0], p0[1]), merge_low(x3[i][0], x3[i][1]),           \
                                        words((uint32_t)k->k1[9]));                                        \
            out[4 * i + 3] = merge_low(p0[0], p0[1]);                                                      \
        }                                                                                                  \
    }

DRAW(draw_1, 1)
DRAW(draw_2, 2)
DRAW(draw_3, 3)

// The four words of sixteen counters (path, t, slot, 0) of any paths and slots.
INLINE void draw_any(word path, uint32_t t, word slot, const struct keys *k, word out[4]) {
    wide x0[2] = {(wide)path, (wide)path >> 32}, x1[2] = {wides(t), wides(t)};
    wide x2[2] = {(wide)slot, (wide)slot >> 32}, x3[2] = {{0}, {0}};
    for (int r = 0; r < 10; r++)
        for (int h = 0; h < 2; h++) {
            wide p0 = multiply(x0[h], M0), p1 = multiply(x2[h], M1);
            x0[h] = xor3(p1 >> 32, x1[h], wides(k->k0[r]));
            x2[h] = xor3(p0 >> 32, x3[h], wides(k->k1[r]));
            x1[h] = p1, x3[h] = p0;
        }
    out[0] = merge_low(x0[0], x0[1]), out[1] = merge_low(x1[0], x1[1]);
    out[2] = merge_low(x2[0], x2[1]), out[3] = merge_low(x3[0], x3[1]);
}

#endif
