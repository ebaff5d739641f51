// The exact stock market of the paper (section 3.1), as fast as a hand can write it: the limit of the benchmark.
// N_NOISE, N_TECHNICAL, N_FUNDAMENTAL, WINDOWS and LONGEST are given to the compiler.
// A word for each agent that draws, a word for each normal number: the work of fastmas in "agents" mode.
#include "normal.h"
#include "philox.h"
#include "store.h"

#define RING 16
#define GROUPS (SIMD ? 3 : 1)  // of sixteen paths side by side
#define N_AGENTS (N_NOISE + N_TECHNICAL + N_FUNDAMENTAL)
#define N_WORDS (3 + N_NOISE + N_FUNDAMENTAL)

static const int window[][2] = WINDOWS;
_Static_assert(LONGEST < RING, "a window longer than the ring of prices");

struct parameters {
    float kappa, gamma, rho, sigma_public, sigma_individual, sigma_fundamental;
    float mu1, v1, mu2, v2, price_0, value_0, variance_0;
};

// Words for four steps at a time: no word of a call is left over.
INLINE void draw_four_steps(const struct paths *p, const struct keys *k, uint32_t block, word out[4 * N_WORDS]) {
    uint32_t i = 0;
    for (; i + 3 <= N_WORDS; i += 3) draw_3(p, k, block, i, out + 4 * i);
    if (i + 2 <= N_WORDS) draw_2(p, k, block, i, out + 4 * i), i += 2;
    if (i < N_WORDS) draw_1(p, k, block, i, out + 4 * i);
}

#define EACH_GROUP _Pragma("GCC unroll 4") for (int j = 0; j < GROUPS; j++)

// What stays the same for all paths, in lanes.
struct constants {
    real noise_scale, view_scale, gamma, impact;
};

// Sixteen paths.
struct group {
    real ring[RING], kept[16], price, value, x, deviation;
    word drawn[4 * N_WORDS];
    struct paths paths;
};

INLINE void start(struct group *g, const struct parameters *q, uint32_t first_path, const struct keys *k) {
    memset(g, 0, sizeof *g);
    g->paths = path_part(first_path, k);
    g->price = g->kept[0] = reals(q->price_0);
    g->value = reals(q->value_0);
    g->x = reals(q->variance_0);
    g->deviation = root(largest(g->x, 0.0f));
}

// Adds the demand of the technical traders, eq. (6): means of the last prices, from sums with a common beginning.
INLINE void technical(struct group g[GROUPS], uint32_t t, real gamma, whole demand[GROUPS]) {
    real sum[GROUPS][LONGEST + 1];
    EACH_GROUP sum[j][1] = g[j].ring[(t - 1) & (RING - 1)];
#pragma GCC unroll 16
    for (uint32_t l = 2; l <= LONGEST; l++)
        EACH_GROUP sum[j][l] = sum[j][l - 1] + g[j].ring[(t - l) & (RING - 1)];
#pragma GCC unroll 64
    for (int i = 0; i < N_TECHNICAL; i++)
        if (t >= (uint32_t)window[i][1]) EACH_GROUP {
            real m = sum[j][window[i][0]] * (1.0f / (float)window[i][0]) - sum[j][window[i][1]] * (1.0f / (float)window[i][1]);
            demand[j] = count_beyond(demand[j], m, gamma);
        }
}

INLINE void advance(struct group g[GROUPS], int t, const struct parameters *q, const struct constants *c,
                    const struct tables *f) {
    word public[3 * GROUPS], limit[2 * GROUPS];
    real z[3 * GROUPS], x[2 * GROUPS];
    whole demand[GROUPS];
    const word *w[GROUPS];
    EACH_GROUP {
        w[j] = g[j].drawn + (t - 1) % 4 * N_WORDS;
        public[j] = w[j][0], public[GROUPS + j] = w[j][1], public[2 * GROUPS + j] = w[j][2];
    }
    normals(3 * GROUPS, public, f, z);
    EACH_GROUP {
        g[j].x = g[j].x + q->v2 * (q->mu2 - largest(g[j].x, 0.0f)) + g[j].deviation * z[GROUPS + j];  // eq. (8)
        g[j].deviation = root(largest(g[j].x, 0.0f));
        g[j].value = g[j].value + q->v1 * (q->mu1 - g[j].value) + g[j].deviation * z[2 * GROUPS + j];  // eq. (7)
        x[j] = c->noise_scale * z[j];
        x[GROUPS + j] = (g[j].value - g[j].price) * c->view_scale;
        demand[j] = (whole){0} - (N_NOISE + N_FUNDAMENTAL);
    }
    thresholds(2 * GROUPS, x, f, limit);
#pragma GCC unroll 64
    for (int i = 0; i < N_NOISE; i++)
        EACH_GROUP demand[j] = count_less(demand[j], w[j][3 + i], limit[j]);  // eq. (4)
#pragma GCC unroll 64
    for (int i = 0; i < N_FUNDAMENTAL; i++)
        EACH_GROUP demand[j] = count_less(demand[j], w[j][3 + N_NOISE + i], limit[GROUPS + j]);  // eq. (9)
    technical(g, (uint32_t)t, c->gamma, demand);
    EACH_GROUP {
        g[j].price = g[j].price + g[j].price * (c->impact * floats(demand[j]));  // eq. (2)
        g[j].ring[t & (RING - 1)] = g[j].price - q->price_0;
        g[j].kept[t & 15] = g[j].price;
    }
}

// Prices (n_paths, n_steps + 1) of paths first_path, first_path + 1, ... under this seed.
void market(const struct parameters *q, const struct tables *f, uint32_t seed, uint32_t first_path, long n_paths,
            int n_steps, float *out) {
    const struct keys k = expand_key(seed, 0);
    const struct constants c = {
        reals(q->kappa * q->sigma_public / q->sigma_individual), reals(1.0f / q->sigma_fundamental), reals(q->gamma),
        reals(q->rho / (float)N_AGENTS)};
    const long stride = n_steps + 1;
    struct group g[GROUPS];
    for (long first = 0; first < n_paths; first += GROUPS * LANES) {
        for (int j = 0; j < GROUPS; j++) start(&g[j], q, first_path + (uint32_t)first + LANES * j, &k);
        for (int t = 1; t <= n_steps; t++) {
            if (t % 4 == 1)
                for (int j = 0; j < GROUPS; j++) draw_four_steps(&g[j].paths, &k, (uint32_t)t / 4, g[j].drawn);
            advance(g, t, q, &c, f);
            if ((t & 15) == 15 || t == n_steps)
                for (int j = 0; j < GROUPS; j++) {
                    long here = first + LANES * j, rows = n_paths - here < LANES ? n_paths - here : LANES;
                    flush(g[j].kept, (t & 15) + 1, (int)rows, out + here * stride + (t & ~15), stride);
                }
        }
    }
}

// The four words of one counter, for the known answers: paths 0..15 of `first_path`, out (16, 4).
void words_of(uint32_t seed, uint32_t run, uint32_t first_path, uint32_t t, uint32_t slot, uint32_t *out) {
    const struct keys k = expand_key(seed, run);
    const struct paths p = path_part(first_path, &k);
    word w[4];
    draw_1(&p, &k, t, slot, w);
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 4; i++) out[4 * lane + i] = w[i][lane];
}

// Normals and thresholds of n words and n numbers, n a multiple of 16, for the tests of their errors.
void functions_of(const struct tables *f, const uint32_t *in, const float *x, long n, float *quantiles, uint32_t *limits) {
    for (long i = 0; i < n; i += LANES) {
        word w;
        real y;
        memcpy(&w, in + i, sizeof w);
        memcpy(&y, x + i, sizeof y);
        real z;
        normals(1, &w, f, &z);
        thresholds(1, &y, f, (word *)&y);
        memcpy(limits + i, &y, sizeof y);
        memcpy(quantiles + i, &z, sizeof z);
    }
}
