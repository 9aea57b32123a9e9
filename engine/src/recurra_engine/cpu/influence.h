/* Forward-mode derivatives over a sequence: J' = D J + I, and the gradient that is pulled through J.
 *
 * The columns of J (weights) do not meet, so a tile of PANEL of them runs through all steps before the next one
 * starts, and its J stays in the first cache. D, E and a of a row and step are the row's `factors`.
 */
#include <pthread.h>
#include <stdlib.h>

typedef struct {
    long rows, dense, entries, runs, columns;
    long J_at, gradient_at; /* where its tiles begin */
    const long *states;     /* which number of the state each row is */
    const long *matrix;     /* (rows, dense): place of D[row, state]; 0, a place of zero, where there is none */
    const long *entry;      /* (entries, 3): row, state, place */
    const long *run;        /* (runs + 1, 2): first column, first term */
    const long *term;       /* (terms, 3): row, place of E, first place of a */
} Group;

typedef struct {
    long steps, batch, states, numbers; /* T, B, S, factors of a row and step */
    long groups, J_row;
    const long *lengths; /* (B,), or NULL where all rows have all steps */
    const Group *group;
    const real *factors;        /* (T, B, numbers) */
    const real *before, *after; /* (T, B, S), gradients of the state before and after each step; or NULL */
    real *J;                    /* (B, J_row): tiles of rows of PANEL columns, or a and b of rank one */
    real *gradient;             /* in tiles of PANEL columns */
    const real *signs;          /* (T, B, S), for an estimate of rank one */
} Influence;

long tile_width(void) { return PANEL; }

static inline long steps_of(const Influence *p, long b) { return p->lengths ? p->lengths[b] : p->steps; }

static inline const real *at_step(const Influence *p, const real *from, long t, long b, long size) {
    return from ? from + (t * p->batch + b) * size : NULL;
}

static inline __attribute__((always_inline)) void add_tile(real *to, real scale, const real *from) {
    for (long v = 0; v < 2; v++) {
        vec_anywhere *place = (vec_anywhere *)(to + v * LANES);
        *place += scale * vec_at(from + v * LANES);
    }
}

static inline void pull_tile(const Group *g, const real *of_states, const real *J, vec sum[2]) {
    vec pulled[2] = {sum[0], sum[1]};
    for (long i = 0; i < g->rows; i++) {
        real scale = of_states[g->states[i]];
        if (scale == 0) continue;
        for (long v = 0; v < 2; v++) pulled[v] += scale * vec_at(J + i * PANEL + v * LANES);
    }
    sum[0] = pulled[0];
    sum[1] = pulled[1];
}

#if REAL_IS_FLOAT
typedef int lane;
#else
typedef long lane;
#endif
typedef lane lanes __attribute__((vector_size(VECTOR_BYTES)));

/* The numbers of the lanes of a tile's vector v. */
static inline lanes numbered(long v) {
    lanes numbers;
    for (int i = 0; i < LANES; i++) numbers[i] = (lane)(i + v * LANES);
    return numbers;
}

/* The columns of a tile, from `first` on, that the step itself gives. Whole vectors of a are read, of which the lanes
 * outside a run are left out; the factors begin and end with PANEL zeros, so that all of it is theirs. */
static inline void add_terms(const Group *g, const real *F, long first, long run, void *J) {
    for (; run < g->runs && g->run[2 * run] < first + PANEL; run++) {
        long start = g->run[2 * run] - first, stop = g->run[2 * run + 2] - first;
        lanes inside[2];
        for (long v = 0; v < 2; v++) inside[v] = (numbered(v) >= (lane)start) & (numbered(v) < (lane)stop);
        for (long k = g->run[2 * run + 1]; k < g->run[2 * run + 3]; k++) {
            const long *term = g->term + 3 * k;
            for (long v = 0; v < 2; v++) {
                vec a = vec_at(F + term[2] - start + v * LANES);
                vec_anywhere *to = (vec_anywhere *)((real *)J + term[0] * PANEL + v * LANES);
                *to += F[term[1]] * (vec)((lanes)a & inside[v]);
            }
        }
    }
}

static void advance_tile(const Group *g, const real *F, const real *matrix, const real *J, real *next) {
    if (g->dense && g->rows <= ROWS_AT_ONCE)
        kernels[g->rows - 1][1](g->dense, matrix, g->dense, J, 0, next, PANEL, 0);
    else if (g->dense)
        gemm_panel(g->rows, g->dense, PANEL, matrix, g->dense, J, next, PANEL, 0);
    else
        memset(next, 0, g->rows * PANEL * sizeof(real));
    for (long k = 0; k < g->entries; k++) {
        const long *entry = g->entry + 3 * k;
        add_tile(next + entry[0] * PANEL, F[entry[2]], J + entry[1] * PANEL);
    }
}

/* One tile of one row of the batch through all steps. */
static void run_tile(const Influence *p, const Group *g, long b, long tile, const real *matrix, real *work) {
    long size = g->rows * PANEL, first = tile * PANEL, run = 0;
    real *J = p->J + b * p->J_row + g->J_at + tile * size, *now = work, *next = work + size;
    vec sum[2] = {{0}};
    while (run + 1 < g->runs && g->run[2 * run + 2] <= first) run++;
    memcpy(now, J, size * sizeof(real));
    for (long t = 0; t < steps_of(p, b); t++) {
        const real *F = at_step(p, p->factors, t, b, p->numbers);
        const real *before = at_step(p, p->before, t, b, p->states);
        const real *after = at_step(p, p->after, t, b, p->states);
        if (before) pull_tile(g, before, now, sum);
        advance_tile(g, F, matrix + t * g->rows * g->dense, now, next);
        add_terms(g, F, first, run, next);
        if (after) pull_tile(g, after, next, sum);
        real *swapped = now;
        now = next;
        next = swapped;
    }
    memcpy(J, now, size * sizeof(real));
    add_tile(p->gradient + g->gradient_at + first, 1, (const real *)sum);
}

/* The same where a single state is acted on, as in cells whose units do not feel each other: J stays in registers. */
static void run_unit(const Influence *p, const Group *g, long b, long tile) {
    long first = tile * PANEL, state = g->states[0], run = 0;
    real *at = p->J + b * p->J_row + g->J_at + first, *gradient = p->gradient + g->gradient_at + first;
    vec J[2] = {vec_at(at), vec_at(at + LANES)}, sum[2] = {{0}};
    while (run + 1 < g->runs && g->run[2 * run + 2] <= first) run++;
    for (long t = 0; t < steps_of(p, b); t++) {
        const real *F = at_step(p, p->factors, t, b, p->numbers);
        const real *before = at_step(p, p->before, t, b, p->states);
        const real *after = at_step(p, p->after, t, b, p->states);
        real D = g->entries ? F[g->entry[2]] : 0;
        for (long v = 0; v < 2; v++) {
            if (before) sum[v] += before[state] * J[v];
            J[v] *= D;
        }
        add_terms(g, F, first, run, J);
        if (after)
            for (long v = 0; v < 2; v++) sum[v] += after[state] * J[v];
    }
    for (long v = 0; v < 2; v++) {
        *(vec_anywhere *)(at + v * LANES) = J[v];
        *(vec_anywhere *)(gradient + v * LANES) += sum[v];
    }
}

/* The coefficients of D of a row of the batch as one matrix for each step. */
static void gather(const Influence *p, const Group *g, long b, real *matrix) {
    long size = g->rows * g->dense;
    for (long t = 0; t < steps_of(p, b); t++) {
        const real *F = at_step(p, p->factors, t, b, p->numbers);
        for (long i = 0; i < size; i++) *matrix++ = F[g->matrix[i]];
    }
}

typedef struct {
    const Influence *p;
    long part, parts; /* its share of every group's tiles */
    int failed;
} Share;

static long largest(const Influence *p, int of_matrix) {
    long most = 1;
    for (long i = 0; i < p->groups; i++) {
        const Group *g = p->group + i;
        long size = of_matrix ? p->steps * g->rows * g->dense : 2 * g->rows * PANEL;
        most = size > most ? size : most;
    }
    return most;
}

static real *room(long numbers) { return aligned_alloc(64, (numbers * sizeof(real) + 63) / 64 * 64); }

static void *run_share(void *given) {
    Share *share = given;
    const Influence *p = share->p;
    real *matrix = room(largest(p, 1)), *work = room(largest(p, 0));
    share->failed = !matrix || !work;
    unsigned state = flush_tiny();
    for (long b = 0; b < p->batch && !share->failed; b++)
        for (long i = 0; i < p->groups; i++) {
            const Group *g = p->group + i;
            long tiles = (g->columns + PANEL - 1) / PANEL;
            long first = tiles * share->part / share->parts, last = tiles * (share->part + 1) / share->parts;
            if (first == last) continue;
            if (g->dense) gather(p, g, b, matrix);
            for (long tile = first; tile < last; tile++)
                if (g->rows == 1)
                    run_unit(p, g, b, tile);
                else
                    run_tile(p, g, b, tile, matrix, work);
        }
    as_before(state);
    free(matrix);
    free(work);
    return NULL;
}

/* Advance J over all steps; returns whether memory ran out. */
int advance(const Influence *p, long threads) {
    Share share[threads];
    pthread_t thread[threads];
    int started[threads], failed = 0;
    for (long i = threads - 1; i >= 0; i--) {
        share[i] = (Share){p, i, threads, 0};
        started[i] = i && !pthread_create(&thread[i], NULL, run_share, &share[i]);
        if (!started[i]) run_share(&share[i]);
    }
    for (long i = 0; i < threads; i++) {
        if (started[i]) pthread_join(thread[i], NULL);
        failed |= share[i].failed;
    }
    return failed;
}

/* --- rank one: J is estimated by a b^T ------------------------------------------------------------------- */

#define SMALL ((real)1e-12)

static real norm(const real *x, long size) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < size; i++) sum += x[i] * x[i];
    return (real)sqrt(sum);
}

static real inner(const real *x, const real *y, long size) {
    real sum = 0;
    for (long i = 0; i < size; i++) sum += x[i] * y[i];
    return sum;
}

static void add_scaled(real *to, real scale, const real *from, long size) {
#pragma GCC ivdep
    for (long i = 0; i < size; i++) to[i] += scale * from[i];
}

/* Add I^T v to a number for each column. */
static void add_immediate(const Group *g, const real *F, const real *v, real *to) {
    for (long run = 0; run < g->runs; run++) {
        long first = g->run[2 * run], size = g->run[2 * run + 2] - first;
        for (long k = g->run[2 * run + 1]; k < g->run[2 * run + 3]; k++) {
            const long *term = g->term + 3 * k;
            add_scaled(to + first, F[term[1]] * v[term[0]], F + term[2], size);
        }
    }
}

/* a' = rho_0 D a + rho_1 nu;  b' = b / rho_0 + I^T nu / rho_1. */
static void rank_one_step(const Influence *p, const real *F, const real *nu, real *a, real *b, real *Da,
                          real *Inu) {
    const Group *g = p->group;
    memset(Da, 0, p->states * sizeof(real));
    memset(Inu, 0, g->columns * sizeof(real));
    for (long k = 0; k < g->entries; k++) {
        const long *entry = g->entry + 3 * k;
        Da[entry[0]] += F[entry[2]] * a[entry[1]];
    }
    add_immediate(g, F, nu, Inu);
    real of_b = norm(b, g->columns) + SMALL, of_Da = norm(Da, p->states) + SMALL;
    real of_Inu = norm(Inu, g->columns) + SMALL, of_nu = norm(nu, p->states) + SMALL;
    real rho_0 = (real)sqrt(of_b / of_Da), rho_1 = (real)sqrt(of_Inu / of_nu);
    for (long i = 0; i < p->states; i++) a[i] = rho_0 * Da[i] + rho_1 * nu[i];
    for (long i = 0; i < g->columns; i++) b[i] = b[i] / rho_0 + Inu[i] / rho_1;
}

/* The gradient for that of the state after a step: through D and the estimate, and through I, which is exact. */
static void pull_rank_one(const Influence *p, const real *F, const real *after, const real *a, const real *b) {
    const Group *g = p->group;
    real past = 0;
    for (long k = 0; k < g->entries; k++) {
        const long *entry = g->entry + 3 * k;
        past += after[entry[0]] * F[entry[2]] * a[entry[1]];
    }
    add_scaled(p->gradient, past, b, g->columns);
    add_immediate(g, F, after, p->gradient);
}

/* The same for an estimate of rank one; J_row holds a, then b. */
int advance_rank_one(const Influence *p) {
    long columns = p->group->columns;
    real *Da = room(p->states + columns), *Inu = Da + p->states;
    if (!Da) return 1;
    unsigned state = flush_tiny();
    for (long row = 0; row < p->batch; row++) {
        real *a = p->J + row * p->J_row, *b = a + p->states;
        for (long t = 0; t < steps_of(p, row); t++) {
            const real *before = at_step(p, p->before, t, row, p->states);
            const real *after = at_step(p, p->after, t, row, p->states);
            if (before) add_scaled(p->gradient, inner(before, a, p->states), b, columns);
            const real *F = at_step(p, p->factors, t, row, p->numbers);
            if (after) pull_rank_one(p, F, after, a, b);
            rank_one_step(p, F, at_step(p, p->signs, t, row, p->states), a, b, Da, Inu);
        }
    }
    as_before(state);
    free(Da);
    return 0;
}
