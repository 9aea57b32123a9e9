/* Truncated real-time recurrent learning of memory cell blocks, one sequence after another.

   Defined ahead of this text: I inputs and O outputs of the network, A channels of the target; BLOCKS blocks
   of SIZE cells and GATES gates; FEED_CELLS, FEED_GATES, SHOW_INPUT, FORGET, OUTPUT, CELL_BIAS, GATE_BIAS,
   PEEPHOLES, READ_BIAS and LOGISTIC, which are 0 or 1; SQUASH_G (0 scaled, 1 logistic, 2 identity) and
   SQUASH_H (0 scaled, 1 identity). The letters are those of the paper. */
#include <math.h>
#include <string.h>

#define CELLS (BLOCKS * SIZE)
#define ROWS (CELLS + GATES * BLOCKS)
#define FEED (FEED_CELLS * CELLS + FEED_GATES * GATES * BLOCKS)
#define U (I + FEED)        /* units that all rows see */
#define E (U + 1 + SIZE)    /* then the bias, and the cells of the own block */
#define R (CELLS + SHOW_INPUT * I + 1)

typedef struct { int n, at[U + 1]; double u[U + 1]; } Sources;    /* units that are not zero */
typedef struct { double y[CELLS], gate[GATES * BLOCKS], s[CELLS], h[CELLS], before[CELLS]; } State;
typedef double Traces[CELLS][E];    /* ds/dw, of the weights of one kind */

static Traces D_c, D_in, D_f;
static double G_w[ROWS][E], G_v[O][R];

static double sigma(double x) { return 1 / (1 + exp(-x)); }

static double squash_g(double x) { return SQUASH_G == 0 ? 2 * tanh(x / 2) : SQUASH_G == 1 ? sigma(x) : x; }
static double slope_g(double g) { return SQUASH_G == 0 ? 1 - g * g / 4 : SQUASH_G == 1 ? g * (1 - g) : 1; }
static double squash_h(double s) { return SQUASH_H ? s : tanh(s / 2); }
static double slope_h(double h) { return SQUASH_H ? 1 : (1 - h * h) / 2; }

static void see(Sources *seen, int at, double u) {
    if (u != 0) { seen->at[seen->n] = at; seen->u[seen->n++] = u; }
}

static void look(Sources *seen, const float *x, const State *z) {
    seen->n = 0;
    for (int i = 0; i < I; i++) see(seen, i, x[i]);
    if (FEED_CELLS) for (int c = 0; c < CELLS; c++) see(seen, I + c, z->y[c]);
    if (FEED_GATES) for (int g = 0; g < GATES * BLOCKS; g++) see(seen, I + FEED_CELLS * CELLS + g, z->gate[g]);
}

static double net(const double *w, const Sources *seen, int bias, const double *cells) {
    double sum = bias ? w[U] : 0;
    for (int k = 0; k < seen->n; k++) sum += w[seen->at[k]] * seen->u[k];
    if (cells) for (int v = 0; v < SIZE; v++) sum += w[U + 1 + v] * cells[v];
    return sum;
}

/* to += by times the sources */
static void add(double *to, double by, const Sources *seen, int bias, const double *cells) {
    for (int k = 0; k < seen->n; k++) to[seen->at[k]] += by * seen->u[k];
    if (bias) to[U] += by;
    if (cells) for (int v = 0; v < SIZE; v++) to[U + 1 + v] += by * cells[v];
}

static void fade(double *trace, double kept) {
    if (FORGET) for (int k = 0; k < E; k++) trace[k] *= kept;
}

static void advance(double (*w)[E], const Sources *seen, State *z) {
    memcpy(z->before, z->s, sizeof z->s);
    for (int j = 0; j < BLOCKS; j++) {
        const double *peep = PEEPHOLES ? z->before + j * SIZE : 0;
        double in = sigma(net(w[CELLS + j], seen, GATE_BIAS, peep)), kept = 1;
        if (FORGET) kept = sigma(net(w[CELLS + BLOCKS + j], seen, GATE_BIAS, peep));
        for (int c = j * SIZE; c < (j + 1) * SIZE; c++) {
            double g = squash_g(net(w[c], seen, CELL_BIAS, 0));
            fade(D_c[c], kept), fade(D_in[c], kept), fade(D_f[c], kept);
            add(D_c[c], slope_g(g) * in, seen, CELL_BIAS, 0);
            add(D_in[c], g * in * (1 - in), seen, GATE_BIAS, peep);
            if (FORGET) add(D_f[c], z->before[c] * kept * (1 - kept), seen, GATE_BIAS, peep);
            z->s[c] = kept * z->s[c] + in * g;
            z->h[c] = squash_h(z->s[c]);
        }
        double out = 1;
        if (OUTPUT) {
            out = sigma(net(w[CELLS + (GATES - 1) * BLOCKS + j], seen, GATE_BIAS, PEEPHOLES ? z->s + j * SIZE : 0));
            z->gate[(GATES - 1) * BLOCKS + j] = out;
        }
        z->gate[j] = in;
        if (FORGET) z->gate[BLOCKS + j] = kept;
        for (int c = j * SIZE; c < (j + 1) * SIZE; c++) z->y[c] = out * z->h[c];
    }
}

/* Outputs net_k of a step, and the sources of the readout. */
static void read(double (*v)[R], const float *x, const State *z, Sources *read_by, double *net_k) {
    read_by->n = 0;
    if (SHOW_INPUT) for (int i = 0; i < I; i++) see(read_by, CELLS + i, x[i]);
    for (int k = 0; k < O; k++) {
        double sum = READ_BIAS ? v[k][R - 1] : 0;
        for (int c = 0; c < CELLS; c++) sum += v[k][c] * z->y[c];
        for (int m = 0; m < read_by->n; m++) sum += v[k][read_by->at[m]] * read_by->u[m];
        net_k[k] = sum;
    }
}

/* Add `rate` times the negative gradient of this step's error to G and H. */
static void blame(double (*w)[E], double (*v)[R], const Sources *seen, const State *z, const Sources *read_by,
                  const double *net_k, const float *target, double rate, double (*G)[E], double (*H)[R]) {
    double e_y[CELLS] = {0};
    for (int k = 0; k < O; k++) {
        double y_k = LOGISTIC ? sigma(net_k[k]) : net_k[k];
        double e_k = (LOGISTIC ? y_k * (1 - y_k) : 1) * (target[k] - y_k);
        for (int c = 0; c < CELLS; c++) e_y[c] += v[k][c] * e_k;
        e_k *= rate;
        for (int c = 0; c < CELLS; c++) H[k][c] += e_k * z->y[c];
        for (int m = 0; m < read_by->n; m++) H[k][read_by->at[m]] += e_k * read_by->u[m];
        if (READ_BIAS) H[k][R - 1] += e_k;
    }
    for (int j = 0; j < BLOCKS; j++) {
        double out = OUTPUT ? z->gate[(GATES - 1) * BLOCKS + j] : 1, e_out = 0;
        for (int c = j * SIZE; c < (j + 1) * SIZE; c++) {
            double e_s = rate * out * slope_h(z->h[c]) * e_y[c];
            e_out += z->h[c] * e_y[c];
            for (int k = 0; k < E; k++) {
                G[c][k] += e_s * D_c[c][k];
                G[CELLS + j][k] += e_s * D_in[c][k];
                if (FORGET) G[CELLS + BLOCKS + j][k] += e_s * D_f[c][k];
            }
        }
        if (OUTPUT)
            add(G[CELLS + (GATES - 1) * BLOCKS + j], rate * out * (1 - out) * e_out, seen, GATE_BIAS,
                PEEPHOLES ? z->s + j * SIZE : 0);
    }
}

/* w += velocity = momentum velocity + rate G, and G = 0 */
static void move(double *w, double *velocity, double *G, long n, double rate, double momentum) {
    for (long k = 0; k < n; k++) {
        velocity[k] = momentum * velocity[k] + rate * G[k];
        w[k] += velocity[k];
    }
    memset(G, 0, n * sizeof *G);
}

/* Learn n sequences of at most T steps: x (n, T, I), target (n, T, A), scored (n, T), lengths (n,). The
   outputs before each update, net_k, go to y (n, T, O), at scored steps. */
void learn(long n, long T, const float *x, const float *target, const unsigned char *scored, const long *lengths,
           double rate, double momentum, int every_step, double (*w)[E], double (*v)[R], double *moving_w,
           double *moving_v, double *y) {
    int at_once = every_step && momentum == 0;
    for (long b = 0; b < n; b++) {
        State z = {0};
        int due = 0;
        memset(D_c, 0, sizeof D_c), memset(D_in, 0, sizeof D_in);
        if (FORGET) memset(D_f, 0, sizeof D_f);
        for (long t = 0; t < lengths[b]; t++) {
            const float *x_t = x + (b * T + t) * I;
            Sources seen, read_by;
            look(&seen, x_t, &z);
            advance(w, &seen, &z);
            if (!scored[b * T + t]) continue;
            double *net_k = y + (b * T + t) * O;
            read(v, x_t, &z, &read_by, net_k);
            blame(w, v, &seen, &z, &read_by, net_k, target + (b * T + t) * A, at_once ? rate : 1,
                  at_once ? w : G_w, at_once ? v : G_v);
            due = !at_once;
            if (every_step && due) {
                move(&w[0][0], moving_w, &G_w[0][0], (long)ROWS * E, rate, momentum);
                move(&v[0][0], moving_v, &G_v[0][0], (long)O * R, rate, momentum);
                due = 0;
            }
        }
        if (due) {
            move(&w[0][0], moving_w, &G_w[0][0], (long)ROWS * E, rate, momentum);
            move(&v[0][0], moving_v, &G_v[0][0], (long)O * R, rate, momentum);
        }
    }
}
