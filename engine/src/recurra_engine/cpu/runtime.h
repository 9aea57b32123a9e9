/* How a generated step is run: over all steps for a block of rows, blocks of rows shared out among threads. */
#include <pthread.h>
#include <stdlib.h>

static inline real r_abs(real x) { return x < 0 ? -x : x; }
static inline real r_max(real a, real b) { return a > b || a != a ? a : b; }
static inline real r_min(real a, real b) { return a < b || a != a ? a : b; }
#if REAL_IS_FLOAT
#define OF_LIBM(name) name##f
#else
#define OF_LIBM(name) name
#endif
#define FUNCTION(name, of) static inline real r_##name(real x) { return OF_LIBM(of)(x); }
FUNCTION(sin, sin) FUNCTION(cos, cos) FUNCTION(atan, atan) FUNCTION(asin, asin) FUNCTION(erfc, erfc)
FUNCTION(floor, floor) FUNCTION(ceil, ceil) FUNCTION(trunc, trunc) FUNCTION(round, nearbyint)
static inline real r_atan2(real y, real x) { return OF_LIBM(atan2)(y, x); }
static inline real r_fmod(real a, real b) { return OF_LIBM(fmod)(a, b); }

/* With the sign of b, as in Python. */
static inline real r_remainder(real a, real b) {
    real m = r_fmod(a, b);
    return m != 0 && (b < 0) != (m < 0) ? m + b : m;
}

typedef struct {
    long steps, rows;
    const long *lengths;  /* never growing from row to row; NULL where all rows have all steps */
    real *const *at;      /* streams, shared, carried before, carried after, out, kept */
    const long *strides;  /* of each stream, between steps and between rows */
    real *packed;         /* shared matrices, laid out for gemm */
    real *sums;           /* a region for each thread */
    real *scratch;        /* where torch reads and writes; NULL where it is not called */
    int (*torch)(long number, long rows);
} Call;

/* How many of a block's first rows have more than t steps. */
static inline long living(const Call *call, long first, long rows, long t) {
    if (!call->lengths) return t < call->steps ? rows : 0;
    while (rows && call->lengths[first + rows - 1] <= t) rows--;
    return rows;
}

static inline void copy_rows(real *to, const real *from, long rows, long size) {
    memcpy(to, from, rows * size * sizeof(real));
}

static inline void zero_rows(real *to, long rows, long size) { memset(to, 0, rows * size * sizeof(real)); }

/* Within a block: where carried value i of a row comes from, and where it goes to. */
#define BEFORE(i, row) (call->at[BEFORE_AT + i] + (first + (row)) * c##i##_row)
#define AFTER(i, row) (call->at[AFTER_AT + i] + (first + (row)) * c##i##_row)

static void block(const Call *call, long first, long rows, real *scratch, real *sums);

typedef struct {
    const Call *call;
    long first, last;
    real *sums;
    int failed;
} Share;

static void *run_share(void *given) {
    Share *share = given;
    const Call *call = share->call;
    real *own = call->scratch ? NULL : aligned_alloc(64, (ROWS * SCRATCH * sizeof(real) + 63) / 64 * 64 + 64);
    real *scratch = call->scratch ? call->scratch : own;
    if (!scratch) {
        share->failed = 1;
        return NULL;
    }
    unsigned state = flush_tiny();
    for (long first = share->first; first < share->last; first += ROWS) {
        long rows = share->last - first < ROWS ? share->last - first : ROWS;
        block(call, first, rows, scratch, share->sums);
    }
    as_before(state);
    free(own);
    return NULL;
}

/* Give each thread the rows from one split to the next; returns whether memory ran out. */
static int run_shares(const Call *call, long threads, const long *splits) {
    Share share[threads];
    pthread_t thread[threads];
    int started[threads], failed = 0;
    for (long i = threads - 1; i >= 0; i--) {
        share[i] = (Share){call, splits[i], splits[i + 1], call->sums + i * SUMS, 0};
        started[i] = i && !pthread_create(&thread[i], NULL, run_share, &share[i]);
        if (!started[i]) run_share(&share[i]);
    }
    for (long i = 0; i < threads; i++) {
        if (started[i]) pthread_join(thread[i], NULL);
        failed |= share[i].failed;
    }
    return failed;
}
