/* What generated steps are made of: elementary functions and a small matrix product.
 *
 * Included as text, after `REAL_IS_FLOAT` was defined as 1 (float) or 0 (double). C11 with the vector
 * extensions of gcc and clang. Every function keeps NaN and infinities, so it must not be compiled with
 * -ffast-math; it wants -O3 -march=native -ffp-contract=fast -fno-math-errno -fno-trapping-math.
 */
#include <math.h>
#include <string.h>

#if REAL_IS_FLOAT
typedef float real;
#else
typedef double real;
#endif

/* Elementary functions.
 *
 * float: no branch and no call (but erf), so that a loop over them becomes vector code; relative error below
 * 2e-7 over the whole range, and below 2^-126 an error of one step.
 * double: libm, because a double is asked for exactness, not speed.
 */
#if REAL_IS_FLOAT

static inline float r_from_bits(int bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline int r_to_bits(float x) {
    int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#define R_ROUND 12582912.0f /* 1.5 * 2^23: adding it rounds a float to a whole number, kept in its low bits */
#define R_LN2_HIGH 0.693359375f /* few bits, so that a whole number times it is exact */
#define R_LN2_LOW -2.12194440e-4f

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1 and gives n. */
static inline float r_reduced(float x, int *n) {
    float shifted = x * 1.44269504f + R_ROUND, whole = shifted - R_ROUND;
    *n = r_to_bits(shifted) - r_to_bits(R_ROUND);
    float r = x - whole * R_LN2_HIGH;
    r -= whole * R_LN2_LOW;
    float q = 1.386831631e-3f;
    q = q * r + 8.366423659e-3f;
    q = q * r + 4.166746512e-2f;
    q = q * r + 1.666654497e-1f;
    q = q * r + 4.999999702e-1f;
    return r + r * r * q;
}

/* y 2^n for -160 <= n <= 250, in two factors so that each is a normal number. */
static inline float r_scaled(float y, int n) {
    int half = n >> 1;
    return y * r_from_bits((half + 127) << 23) * r_from_bits((n - half + 127) << 23);
}

/* exp(x) for x <= 89. */
static inline float r_exp_below(float x) {
    x = x < -104.0f ? -104.0f : x; /* comparisons in this order keep NaN */
    int n;
    float e = r_reduced(x, &n);
    return r_scaled(1.0f + e, n);
}

static inline float r_exp(float x) { return r_exp_below(x > 89.0f ? 89.0f : x); }

static inline float r_expm1(float x) {
    float c = x < -18.0f ? -18.0f : x;
    c = c > 89.0f ? 89.0f : c;
    int n;
    float e = r_reduced(c, &n);
    float inverse = r_from_bits((127 - (n > 60 ? 60 : n)) << 23); /* 2^-n; past 2^-60 it no longer counts */
    float y = r_scaled(e + (1.0f - inverse), n);
    return x == 0.0f ? x : y; /* keeps -0 */
}

/* From the exponential of 2|x|: odd to the bit, exact for tiny x, and never above 1. */
static inline float r_tanh(float x) {
    float twice = 2.0f * fabsf(x);
    twice = twice > 40.0f ? 40.0f : twice;
    int n;
    float e = r_reduced(twice, &n);
    float power = r_from_bits((n + 127) << 23);
    e = e * power + (power - 1.0f);
    return copysignf(e / (e + 2.0f), x);
}

static inline float r_sigmoid(float x) {
    float e = r_exp_below(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

/* log(u + c) for u >= 0 and c below a rounding of u; special values are the callers'. */
static inline float r_log_sum(float u, float c) {
    int tiny = u < 1.17549435e-38f;
    float scaled = tiny ? u * 8388608.0f : u;
    int bits = r_to_bits(scaled);
    int n = (bits - 0x3f3504f3) >> 23; /* mantissa in [sqrt 1/2, sqrt 2) */
    float f = r_from_bits(bits - (n << 23)) - 1.0f;
    f += c * r_from_bits((127 - (n > 126 ? 126 : n)) << 23);
    float e = (float)(n - (tiny ? 23 : 0));
    float s = -7.638178766e-2f;
    s = s * f + 1.276476085e-1f;
    s = s * f - 1.316018999e-1f;
    s = s * f + 1.420127302e-1f;
    s = s * f - 1.662331522e-1f;
    s = s * f + 2.000125051e-1f;
    s = s * f - 2.500082254e-1f;
    s = s * f + 3.333333135e-1f;
    float square = f * f;
    float y = f * square * s + e * R_LN2_LOW;
    y -= 0.5f * square;
    return (y + f) + e * R_LN2_HIGH;
}

static inline float r_log(float x) {
    float y = r_log_sum(x, 0.0f);
    y = x == INFINITY ? x : y;
    y = x == 0.0f ? -INFINITY : y;
    return x >= 0.0f ? y : NAN;
}

static inline float r_log1p(float x) {
    float u = 1.0f + x;
    float y = r_log_sum(u, x - (u - 1.0f));
    y = x == INFINITY ? x : y;
    y = u == 0.0f ? -INFINITY : y;
    y = u >= 0.0f ? y : NAN;
    return x == 0.0f ? x : y;
}

/* log1p(exp(x)), and x above torch's threshold. */
static inline float r_softplus(float x) {
    float y = (x > 0.0f ? x : 0.0f) + r_log1p(r_exp_below(-fabsf(x)));
    return x > 20.0f ? x : y;
}

static inline double r_double_from_bits(unsigned long long bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline unsigned long long r_double_to_bits(double x) {
    unsigned long long bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* log2(x) of a normal number, to 5e-12. AVX2 has no arithmetic shift of a long and no conversion from one. */
static inline double r_log2_double(double x) {
    unsigned long long bits = r_double_to_bits(x);
    unsigned long long biased = (bits + 0x00095f619980c433ull) >> 52; /* one more where m would pass sqrt 2 */
    double n = r_double_from_bits(biased | 0x4330000000000000ull) - (4503599627370496.0 + 1023.0);
    double m = r_double_from_bits(bits - (biased << 52) + (1023ull << 52));
    double s = (m - 1.0) / (m + 1.0), u = s * s;
    double p = 0.3407591161830632;
    p = p * u + 0.4116712233120454;
    p = p * u + 0.5770836085710446;
    p = p * u + 0.9617966732260096;
    p = p * u + 2.88539008179017;
    return s * p + n;
}

/* 2^x, to 2e-9, for |x| <= 1000. */
static inline double r_exp2_double(double x) {
    double shifted = x + 6755399441055744.0; /* 1.5 * 2^52 */
    double f = x - (shifted - 6755399441055744.0);
    double p = 0.00015353267355416;
    p = p * f + 0.0013399006868602369;
    p = p * f + 0.00961843859717846;
    p = p * f + 0.055503321547872186;
    p = p * f + 0.24022647896688057;
    p = p * f + 0.6931472029884511;
    p = p * f + 1.0;
    return r_double_from_bits(r_double_to_bits(p) + (r_double_to_bits(shifted) << 52));
}

/* x^y, with libm's special values. By way of double: y log2(x) must be known to 2^-25 whatever its size. */
static inline float r_pow(float x, float y) {
    float size = fabsf(x);
    double log = r_log2_double(size);
    log = size == 0.0f ? -INFINITY : log;
    log = size == INFINITY ? INFINITY : log;
    double t = size == 1.0f ? 0.0 : y * log;
    t = t > 160.0 ? 160.0 : t;
    t = t < -160.0 ? -160.0 : t;
    float power = (float)r_exp2_double(t);
    int whole = floorf(y) == y, odd = whole & (2.0f * floorf(0.5f * y) != y);
    power = odd ? copysignf(power, x) : power;
    power = ((x < 0.0f) & (x != -INFINITY) & !whole) ? NAN : power;
    power = ((x != x) | (y != y)) ? NAN : power;
    return ((x == 1.0f) | (y == 0.0f)) ? 1.0f : power;
}

static inline float r_sqrt(float x) { return sqrtf(x); }
static inline float r_erf(float x) { return erff(x); }

#else

static inline double r_exp(double x) { return exp(x); }
static inline double r_expm1(double x) { return expm1(x); }
static inline double r_tanh(double x) { return tanh(x); }
static inline double r_log(double x) { return log(x); }
static inline double r_log1p(double x) { return log1p(x); }
static inline double r_pow(double x, double y) { return pow(x, y); }
static inline double r_sqrt(double x) { return sqrt(x); }
static inline double r_erf(double x) { return erf(x); }

static inline double r_sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

/* log1p(exp(x)), and x above torch's threshold. */
static inline double r_softplus(double x) {
    return x > 20.0 ? x : (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x)));
}

#endif

/* Matrix product: C[r, n] (+)= sum_k A[r, k] W[k, n], with W packed once and used at every step.
 *
 * Packed: panels of PANEL columns (two vectors), each K rows of PANEL numbers, the last panel padded with
 * zeros, and one vector wide where that is enough. Every element of C is one chain of multiply-adds in the
 * order of k, whichever kernel computed it: a row's result depends neither on the number of rows nor on its
 * place among them. `packed` is best aligned to a vector; A and C need no alignment.
 */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS_AT_ONCE 14
#elif defined(__AVX2__) || defined(__AVX__)
#define VECTOR_BYTES 32
#define ROWS_AT_ONCE 6
#elif defined(__ARM_NEON)
#define VECTOR_BYTES 16
#define ROWS_AT_ONCE 12
#else
#define VECTOR_BYTES 16
#define ROWS_AT_ONCE 6
#endif

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real vec_anywhere __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define LANES ((long)(VECTOR_BYTES / sizeof(real)))
#define PANEL (2 * LANES)

/* How many numbers `pack` writes for W (K, N). */
static inline long packed_size(long K, long N) { return K * ((N + LANES - 1) / LANES * LANES); }

/* W[k, n] = W[k * stride_k + n * stride_n] into panels. */
static void __attribute__((unused))
pack(const real *W, long K, long N, long stride_k, long stride_n, real *out) {
    for (long start = 0; start < N; start += PANEL) {
        long width = N - start > LANES ? PANEL : LANES;
        for (long k = 0; k < K; k++)
            for (long n = 0; n < width; n++)
                *out++ = start + n < N ? W[k * stride_k + (start + n) * stride_n] : (real)0;
    }
}

static inline vec vec_at(const real *x) { return *(const vec_anywhere *)x; }

typedef void kernel(long K, const real *A, long lda, const real *W, long panel, real *C, long ldc,
                    int accumulate);

/* ROWS rows times VECTORS vectors of columns, all in registers; pairs of vectors lie `panel` apart in W. */
#define KERNEL(ROWS, VECTORS)                                                                               \
    static void __attribute__((noinline, unused)) kernel_##ROWS##_##VECTORS(                                \
        long K, const real *A, long lda, const real *W, long panel, real *C, long ldc, int accumulate) {    \
        vec sum[ROWS][VECTORS];                                                                             \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                             \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                      \
                sum[r][v] = accumulate ? vec_at(C + r * ldc + v * LANES) : (vec){0};                        \
        for (long k = 0; k < K; k++) {                                                                      \
            vec w[VECTORS];                                                                                 \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                      \
                w[v] = vec_at(W + v / 2 * panel + v % 2 * LANES);                                           \
            W += VECTORS == 1 ? LANES : PANEL;                                                              \
            _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                         \
                _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                  \
                    sum[r][v] += A[r * lda + k] * w[v];                                                     \
        }                                                                                                   \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                                             \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++)                                      \
                *(vec_anywhere *)(C + r * ldc + v * LANES) = sum[r][v];                                     \
    }

#define KERNELS(ROWS) KERNEL(ROWS, 1) KERNEL(ROWS, 2)
KERNELS(1) KERNELS(2) KERNELS(3) KERNELS(4) KERNELS(5) KERNELS(6)
KERNEL(1, 8) KERNEL(2, 4)
#if ROWS_AT_ONCE > 6
KERNELS(7) KERNELS(8) KERNELS(9) KERNELS(10) KERNELS(11) KERNELS(12)
#endif
#if ROWS_AT_ONCE > 12
KERNELS(13) KERNELS(14)
#endif

static kernel *const kernels[][2] __attribute__((unused)) = {
#define BOTH(ROWS) {kernel_##ROWS##_1, kernel_##ROWS##_2}
    BOTH(1), BOTH(2), BOTH(3), BOTH(4), BOTH(5), BOTH(6),
#if ROWS_AT_ONCE > 6
    BOTH(7), BOTH(8), BOTH(9), BOTH(10), BOTH(11), BOTH(12),
#endif
#if ROWS_AT_ONCE > 12
    BOTH(13), BOTH(14),
#endif
};

/* The columns of one panel for all rows, in groups of nearly the same number of rows. */
static inline void gemm_panel(long rows, long K, long N, const real *A, long lda, const real *W, real *C,
                              long ldc, int accumulate) {
    long groups = (rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    long vectors = N > LANES ? 2 : 1, width = vectors * LANES;
    for (long group = 0; group < groups; group++) {
        long first = rows * group / groups, count = rows * (group + 1) / groups - first;
        kernel *run = kernels[count - 1][vectors - 1];
        const real *a = A + first * lda;
        real *c = C + first * ldc;
        if (N >= width) {
            run(K, a, lda, W, 0, c, ldc, accumulate);
            continue;
        }
        real tile[ROWS_AT_ONCE * PANEL]; /* whole vectors would reach past the last column of C */
        if (accumulate)
            for (long r = 0; r < count; r++)
                memcpy(tile + r * width, c + r * ldc, N * sizeof(real));
        run(K, a, lda, W, 0, tile, width, accumulate);
        for (long r = 0; r < count; r++)
            memcpy(c + r * ldc, tile + r * width, N * sizeof(real));
    }
}

/* C (rows, N; stride ldc) = A (rows, K; stride lda) W (K, N), added to C where `accumulate`. */
static inline __attribute__((always_inline)) void gemm(long rows, long K, long N, const real *A, long lda,
                                                       const real *packed, real *C, long ldc,
                                                       int accumulate) {
    long start = 0;
    /* One or two rows keep too few sums in flight to hide the latency of one: more panels at once. */
    if (rows == 1)
        for (; start + 4 * PANEL <= N; start += 4 * PANEL)
            kernel_1_8(K, A, lda, packed + start * K, K * PANEL, C + start, ldc, accumulate);
    if (rows == 2)
        for (; start + 2 * PANEL <= N; start += 2 * PANEL)
            kernel_2_4(K, A, lda, packed + start * K, K * PANEL, C + start, ldc, accumulate);
    for (; start < N; start += PANEL) {
        long columns = N - start < PANEL ? N - start : PANEL;
        gemm_panel(rows, K, columns, A, lda, packed + start * K, C + start, ldc, accumulate);
    }
}
