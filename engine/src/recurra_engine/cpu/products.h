/* The gradient of a matrix that all steps share: C (K, J) = sum over many rows r of A[r, k] G[r, j].
 *
 * A chunk of rows at a time, both sides laid out so that the kernel reads along memory: G in panels of columns, A in
 * groups of as many columns as the kernel keeps sums for. Threads share out the panels, so none waits for another.
 */
#include <pthread.h>
#include <stdlib.h>

#define CHUNK 256L

/* COUNT columns of A by VECTORS vectors of G, over `rows` rows: adds to a tile of C. */
#define OUTER(COUNT, VECTORS)                                                                                 \
    static void __attribute__((noinline, unused))                                                             \
    outer_##COUNT##_##VECTORS(long rows, const real *A, const real *G, real *C, long ldc) {                   \
        vec sum[COUNT][VECTORS];                                                                              \
        _Pragma("GCC unroll 16") for (int c = 0; c < COUNT; c++)                                              \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                        \
                sum[c][v] = (vec){0}; /* not C: short sums round less */                                      \
        for (long r = 0; r < rows; r++, A += COUNT, G += VECTORS * LANES) {                                   \
            vec g[VECTORS];                                                                                   \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                        \
                g[v] = *(const vec_anywhere *)(G + v * LANES);                                                \
            _Pragma("GCC unroll 16") for (int c = 0; c < COUNT; c++)                                          \
                _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                    \
                    sum[c][v] += A[c] * g[v];                                                                 \
        }                                                                                                     \
        _Pragma("GCC unroll 16") for (int c = 0; c < COUNT; c++)                                              \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                        \
                *(vec_anywhere *)(C + c * ldc + v * LANES) += sum[c][v];                                      \
    }

typedef void outer_kernel(long rows, const real *A, const real *G, real *C, long ldc);
#define OUTERS(COUNT) OUTER(COUNT, 1) OUTER(COUNT, 2)
#define BOTH_OUTERS(COUNT) {outer_##COUNT##_1, outer_##COUNT##_2}
OUTERS(1) OUTERS(2) OUTERS(3) OUTERS(4) OUTERS(5) OUTERS(6)
#if ROWS_AT_ONCE > 6
OUTERS(7) OUTERS(8) OUTERS(9) OUTERS(10) OUTERS(11) OUTERS(12)
#endif
#if ROWS_AT_ONCE > 12
OUTERS(13) OUTERS(14)
#endif
static outer_kernel *const outers[][2] = {
    BOTH_OUTERS(1), BOTH_OUTERS(2), BOTH_OUTERS(3), BOTH_OUTERS(4), BOTH_OUTERS(5), BOTH_OUTERS(6),
#if ROWS_AT_ONCE > 6
    BOTH_OUTERS(7), BOTH_OUTERS(8), BOTH_OUTERS(9), BOTH_OUTERS(10), BOTH_OUTERS(11), BOTH_OUTERS(12),
#endif
#if ROWS_AT_ONCE > 12
    BOTH_OUTERS(13), BOTH_OUTERS(14),
#endif
};

typedef struct {
    const real *A, *G;
    long lda, ldg;
    const long *index; /* which rows, or NULL for the first ones */
    long rows, K, J;
    real *C;
    long first, last; /* panels of this thread */
    int failed;
} Product;

static inline long row_at(const Product *p, long row) { return p->index ? p->index[row] : row; }

static inline long group_start(long K, long groups, long group) { return K * group / groups; }

/* The columns of A in groups, row by row within a group. */
static void group_columns(const Product *p, long row, long rows, long groups, real *out) {
    for (long group = 0; group < groups; group++) {
        long start = group_start(p->K, groups, group), stop = group_start(p->K, groups, group + 1);
        for (long r = 0; r < rows; r++)
            for (long k = start; k < stop; k++) *out++ = p->A[row_at(p, row + r) * p->lda + k];
    }
}

static void add_panel(const Product *p, const real *A, const real *G, long row, long rows, long groups, long panel) {
    long start = panel * PANEL, width = p->J - start < PANEL ? p->J - start : PANEL;
    long vectors = width > LANES ? 2 : 1, wide = vectors * LANES;
    real *packed = (real *)G;
    for (long r = 0; r < rows; r++) {
        const real *g = p->G + row_at(p, row + r) * p->ldg + start;
        for (long j = 0; j < width; j++) packed[r * wide + j] = g[j];
        for (long j = width; j < wide; j++) packed[r * wide + j] = 0;
    }
    real tile[ROWS_AT_ONCE * PANEL]; /* for a last panel that is not whole */
    for (long group = 0; group < groups; group++) {
        long k = group_start(p->K, groups, group), count = group_start(p->K, groups, group + 1) - k;
        outer_kernel *run = outers[count - 1][vectors - 1];
        real *c = p->C + k * p->J + start;
        if (width == wide) {
            run(rows, A + k * rows, packed, c, p->J);
            continue;
        }
        memset(tile, 0, sizeof tile);
        run(rows, A + k * rows, packed, tile, wide);
        for (long i = 0; i < count; i++)
            for (long j = 0; j < width; j++) c[i * p->J + j] += tile[i * wide + j];
    }
}

static void *run_product(void *given) {
    Product *p = given;
    long groups = (p->K + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    real *A = aligned_alloc(64, (CHUNK * (p->K + PANEL) * sizeof(real) + 63) / 64 * 64);
    if (!A) {
        p->failed = 1;
        return NULL;
    }
    real *G = A + CHUNK * p->K;
    for (long row = 0; row < p->rows; row += CHUNK) {
        long rows = p->rows - row < CHUNK ? p->rows - row : CHUNK;
        group_columns(p, row, rows, groups, A);
        for (long panel = p->first; panel < p->last; panel++) add_panel(p, A, G, row, rows, groups, panel);
    }
    free(A);
    return NULL;
}

/* Returns whether memory ran out. C must be zero. */
int outer_product(const real *A, long lda, const real *G, long ldg, const long *index, long rows, long K, long J,
                  real *C, long threads) {
    long panels = (J + PANEL - 1) / PANEL;
    if (threads > panels) threads = panels;
    Product part[threads];
    pthread_t thread[threads];
    int started[threads], failed = 0;
    for (long i = threads - 1; i >= 0; i--) {
        part[i] = (Product){A, G, lda, ldg, index, rows, K, J, C, panels * i / threads, panels * (i + 1) / threads, 0};
        started[i] = i && !pthread_create(&thread[i], NULL, run_product, &part[i]);
        if (!started[i]) run_product(&part[i]);
    }
    for (long i = 0; i < threads; i++) {
        if (started[i]) pthread_join(thread[i], NULL);
        failed |= part[i].failed;
    }
    return failed;
}
