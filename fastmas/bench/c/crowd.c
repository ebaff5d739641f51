// A market of N like noise traders and nobody else, exact, agent by agent: the limit of the benchmark.
// `crowd` gives each agent a word of its own. `crowd_by_planes` gives it one bit of each of several words, the most
// significant first, until it is decided: 32 agents need hardly more than eight words. N below 2^30.
#include "normal.h"
#include "philox.h"
#include "store.h"

#define PUBLIC 0x80000000u  // slot of the public signal; the agents' are below
#define PLANES 8            // drawn for all groups of 32 agents; a multiple of 4, the words of a call
#define CALLS 8             // slots of a group: four planes each
#define QUEUE 64

static const word number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

struct parameters {
    float kappa, rho, sigma_public, sigma_individual, price_0;
};

// The numbers below which an agent's word means that it buys, eq. (4).
INLINE word limits(const struct parameters *q, const struct paths *p, const struct keys *k, uint32_t t,
                   const struct tables *f) {
    word w[4], limit;
    real z;
    draw_1(p, k, t, PUBLIC, w);
    normals(1, w, f, &z);
    z = z * (q->kappa * q->sigma_public / q->sigma_individual);
    thresholds(1, &z, f, &limit);
    return limit;
}

// Demand of n agents with a word each.
INLINE whole demand_by_words(const struct paths *p, const struct keys *k, uint32_t t, long n, word limit) {
    whole even = {0}, odd = {0};
    word w[12];
    uint32_t i = 0;
    for (; 4 * (long)i + 12 <= n; i += 3) {
        draw_3(p, k, t, i, w);
#pragma GCC unroll 6
        for (int j = 0; j < 12; j += 2) even = count_less(even, w[j], limit), odd = count_less(odd, w[j + 1], limit);
    }
    for (; 4 * (long)i < n; i++) {
        draw_1(p, k, t, i, w);
        for (int j = 0; j < 4 && 4 * (long)i + j < n; j++) even = count_less(even, w[j], limit);
    }
    return even + odd - (int32_t)n;
}

// Groups of 32 agents of whom some are undecided: they go on sixteen at a time, whatever path they belong to.
struct queue {
    uint32_t lane[QUEUE], slot[QUEUE], undecided[QUEUE];
    int n;
};

INLINE void enqueue(struct queue *u, word lane, word slot, word undecided) {
#if SIMD
    __mmask16 some = _mm512_test_epi32_mask((__m512i)undecided, (__m512i)undecided);
    _mm512_storeu_si512(u->lane + u->n, _mm512_maskz_compress_epi32(some, (__m512i)lane));
    _mm512_storeu_si512(u->slot + u->n, _mm512_maskz_compress_epi32(some, (__m512i)slot));
    _mm512_storeu_si512(u->undecided + u->n, _mm512_maskz_compress_epi32(some, (__m512i)undecided));
    u->n += __builtin_popcount(some);
#else
    for (int w = 0; w < LANES; w++) {
        u->lane[u->n] = lane[w], u->slot[u->n] = slot[w], u->undecided[u->n] = undecided[w];
        u->n += undecided[w] != 0;
    }
#endif
}

// The last groups of the queue draw four planes more; who is still undecided goes back to it.
static void decide(struct queue *u, uint32_t first_path, uint32_t t, const struct keys *k, word limit,
                   int32_t *below) {
    word lane, slot, undecided, bound, w[4], under = {0};
    const int n = u->n < LANES ? u->n : LANES;
    u->n -= n;
    memcpy(&lane, u->lane + u->n, sizeof lane);
    memcpy(&slot, u->slot + u->n, sizeof slot);
    memcpy(&undecided, u->undecided + u->n, sizeof undecided);
    undecided &= (word)((whole)number < n);
    bound = look_up_words(limit, lane) << 4 * (slot % CALLS);
    draw_any((lane & 15) + first_path, t, slot, k, w);
    const word entered = undecided;
#pragma GCC unroll 4
    for (int i = 3; i >= 0; i--) {
        word plane = (word)((whole)(bound << i) >> 31);
        under = second_if_different(w[i], plane, under);
        undecided = if_same(w[i], plane, undecided);
    }
    under &= entered;
    whole ones = ones_in(under);
    for (int j = 0; j < n; j++) below[lane[j]] += ones[j];
    slot += 1;
    enqueue(u, lane, slot, undecided & (word)(slot % CALLS != 0));  // after 32 planes the two are equal
}

// Demand of n agents by planes: agent i is bit i % 32 of the words of group i / 32.
INLINE whole demand_by_planes(const struct paths *p, uint32_t first_path, const struct keys *k, uint32_t t, long n,
                              word limit) {
    word plane[PLANES], w[PLANES];
    whole below = {0};
    int32_t late[LANES] = {0};
    struct queue u;
    u.n = 0;
    for (int i = 0; i < PLANES; i++) plane[i] = (word)((whole)(limit << i) >> 31);
    for (long first = 0; first < n; first += 32) {
        uint32_t slot = (uint32_t)(first / 32) * CALLS;
        const word members = words(n - first < 32 ? (1u << (n - first)) - 1u : 0xFFFFFFFFu);
        word under = {0}, undecided = members;
        draw_2(p, k, t, slot, w);
#pragma GCC unroll 8
        for (int i = PLANES - 1; i >= 0; i--) {
            under = second_if_different(w[i], plane[i], under);
            undecided = if_same(w[i], plane[i], undecided);
        }
        under &= members;
        below += ones_in(under);
        enqueue(&u, number, words(slot + PLANES / 4), undecided);
        while (u.n > QUEUE - 2 * LANES) decide(&u, first_path, t, k, limit, late);
    }
    while (u.n) decide(&u, first_path, t, k, limit, late);
    for (int j = 0; j < LANES; j++) below[j] += late[j];
    return below + below - (int32_t)n;
}

#define CROWD(NAME, DEMAND)                                                                                   \
    void NAME(const struct parameters *q, const struct tables *f, uint32_t seed, uint32_t first_path,         \
              long n_paths, int n_steps, long n_agents, float *out) {                                         \
        const struct keys k = expand_key(seed, 0);                                                            \
        const long stride = n_steps + 1;                                                                      \
        for (long first = 0; first < n_paths; first += LANES) {                                               \
            const uint32_t here = first_path + (uint32_t)first;                                               \
            const struct paths p = path_part(here, &k);                                                       \
            real kept[16] = {{0}}, price = reals(q->price_0);                                                 \
            kept[0] = price;                                                                                  \
            for (int t = 1; t <= n_steps; t++) {                                                              \
                word limit = limits(q, &p, &k, (uint32_t)t, f);                                               \
                price = price + price * (floats(DEMAND) * (q->rho / (float)n_agents)); /* eq. (2) */          \
                kept[t & 15] = price;                                                                         \
                if ((t & 15) == 15 || t == n_steps)                                                           \
                    flush(kept, (t & 15) + 1, n_paths - first < LANES ? (int)(n_paths - first) : LANES,       \
                          out + first * stride + (t & ~15), stride);                                          \
            }                                                                                                 \
        }                                                                                                     \
    }

// Prices (n_paths, n_steps + 1) of paths first_path, first_path + 1, ... under this seed.
CROWD(crowd, demand_by_words(&p, &k, (uint32_t)t, n_agents, limit))
CROWD(crowd_by_planes, demand_by_planes(&p, here, &k, (uint32_t)t, n_agents, limit))
