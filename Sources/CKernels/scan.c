// Running sums, products, extrema and log-sums along the rows of a block.

#include "complex_number.h"
#include "half.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

// The columns that go together, each with a running value of its own.
enum { COLUMNS = 512 };

// `so_far`, of type A, begins with START and becomes STEP with each element x, read by LOAD; what
// is written is STORE of it. A single column is compiled by itself.
#define SCAN(NAME, T, A, START, LOAD, STEP, STORE)                                                 \
    INLINE void NAME##_columns_##T(                                                                \
        T *out, const T *in, long n, long stride, long width, bool reverse) {                      \
        A running[COLUMNS];                                                                        \
        for (long k = 0; k < width; k++) running[k] = START;                                       \
        for (long i = 0; i < n; i++) {                                                             \
            long row = (reverse ? n - 1 - i : i) * stride;                                         \
            LANES for (long k = 0; k < width; k++) {                                               \
                A so_far = running[k];                                                             \
                __typeof__(LOAD(in[row + k])) x = LOAD(in[row + k]);                               \
                so_far = (STEP);                                                                   \
                running[k] = so_far;                                                               \
                out[row + k] = STORE(so_far);                                                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void NAME##_##T(                                                                 \
        void *out, const void *in, long n, long stride, long width, int reverse) {                 \
        T *result = out;                                                                           \
        const T *elements = in;                                                                    \
        for (long first = 0; first < width; first += COLUMNS) {                                    \
            T *to = result + first;                                                                \
            const T *from = elements + first;                                                      \
            long count = smaller(width - first, COLUMNS);                                          \
            if (count == 1) NAME##_columns_##T(to, from, n, stride, 1, reverse);                   \
            else NAME##_columns_##T(to, from, n, stride, count, reverse);                          \
        }                                                                                          \
    }

#define ITSELF(X) (X)
#define TO_F16(X) narrow_f16((float)(X))
#define TO_BF16(X) narrow_bf16((float)(X))
#define TO_F32(X) ((float)(X))

typedef struct { double re, im; } c128;
INLINE c64 to_c64(c128 x) { return (c64){(float)x.re, (float)x.im}; }

// MARK: sum and product

// The scans of real floats: the running value is a double.
#define FLOAT_SCANS(NAME, A, START, STEP)                                                          \
    SCAN(NAME, f16, A, START, wide_f16, STEP, TO_F16)                                              \
    SCAN(NAME, bf16, A, START, wide_bf16, STEP, TO_BF16)                                           \
    SCAN(NAME, f32, A, START, ITSELF, STEP, TO_F32)                                                \
    SCAN(NAME, f64, A, START, ITSELF, STEP, ITSELF)

FLOAT_SCANS(sum, double, 0, so_far + x)
FLOAT_SCANS(product, double, 1, so_far * x)

#define WRAPPING_SCANS(T, UNUSED)                                                                  \
    SCAN(sum, T, T, 0, ITSELF, (T)(so_far + x), ITSELF)                                            \
    SCAN(product, T, T, 1, ITSELF, (T)((u64)so_far * x), ITSELF)
FOR_UNSIGNED(WRAPPING_SCANS, )

INLINE c128 complex_sum(c128 a, c64 b) { return (c128){a.re + b.re, a.im + b.im}; }
INLINE c128 complex_product(c128 a, c64 b) {
    return (c128){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
SCAN(sum, c64, c128, ((c128){0, 0}), ITSELF, complex_sum(so_far, x), to_c64)
SCAN(product, c64, c128, ((c128){1, 0}), ITSELF, complex_product(so_far, x), to_c64)

#define ROWS_SCANNED(N) [CK_F16] = N##_f16, ROWS_FLOATS(N), [CK_BF16] = N##_bf16, [CK_C64] = N##_c64
LOOKUP(ck_scan, ck_sum_scan, ROWS_WRAPPING(sum), ROWS_SCANNED(sum))
LOOKUP(ck_scan, ck_product_scan, [CK_BOOL] = product_u8, ROWS_WRAPPING(product),
    ROWS_SCANNED(product))

// MARK: extrema

#define LOWEST(T) ((T)-1 < 0 ? (T)((u64)1 << (8 * sizeof(T) - 1)) : (T)0)
#define GREATEST(T) ((T)~(u64)LOWEST(T))

#define INTEGER_EXTREMA(T, UNUSED)                                                                 \
    SCAN(max, T, T, LOWEST(T), ITSELF, so_far > x ? so_far : x, ITSELF)                            \
    SCAN(min, T, T, GREATEST(T), ITSELF, so_far < x ? so_far : x, ITSELF)
FOR_UNSIGNED(INTEGER_EXTREMA, )
FOR_SIGNED(INTEGER_EXTREMA, )

FLOAT_SCANS(max, double, -INFINITY, ((so_far > x) | (so_far != so_far)) ? so_far : x)
FLOAT_SCANS(min, double, INFINITY, ((so_far < x) | (so_far != so_far)) ? so_far : x)

INLINE c64 complex_larger(c64 a, c64 b) {
    return !complex_nan(a) && (complex_nan(b) || complex_less(a, b)) ? b : a;
}
INLINE c64 complex_smaller(c64 a, c64 b) {
    return !complex_nan(a) && (complex_nan(b) || complex_less(b, a)) ? b : a;
}
SCAN(max, c64, c64, ((c64){-INFINITY, -INFINITY}), ITSELF, complex_larger(so_far, x), ITSELF)
SCAN(min, c64, c64, ((c64){INFINITY, INFINITY}), ITSELF, complex_smaller(so_far, x), ITSELF)

#define ROWS_EXTREMA(N) [CK_BOOL] = N##_u8, ROWS_UNSIGNED(N), ROWS_SIGNED(N), ROWS_SCANNED(N)
LOOKUP(ck_scan, ck_max_scan, ROWS_EXTREMA(max))
LOOKUP(ck_scan, ck_min_scan, ROWS_EXTREMA(min))

// MARK: log-sum-exp

// A sum of exponentials as exp(peak) · mass, where peak is the largest exponent so far.
typedef struct { double peak, mass; } log_sum;

INLINE log_sum add_exponential(log_sum sum, double x) {
    if (x > sum.peak || x != x) return (log_sum){x, sum.mass * exp(sum.peak - x) + 1};
    double share = x == sum.peak ? x > -INFINITY : exp(x - sum.peak);
    return (log_sum){sum.peak, sum.mass + share};
}
INLINE double logarithm(log_sum sum) { return sum.peak + log(sum.mass); }

#define LOG_F16(X) narrow_f16((float)logarithm(X))
#define LOG_BF16(X) narrow_bf16((float)logarithm(X))
#define LOG_F32(X) ((float)logarithm(X))
#define EMPTY_SUM ((log_sum){-INFINITY, 0})
SCAN(logsumexp, f16, log_sum, EMPTY_SUM, wide_f16, add_exponential(so_far, x), LOG_F16)
SCAN(logsumexp, bf16, log_sum, EMPTY_SUM, wide_bf16, add_exponential(so_far, x), LOG_BF16)
SCAN(logsumexp, f32, log_sum, EMPTY_SUM, ITSELF, add_exponential(so_far, x), LOG_F32)
SCAN(logsumexp, f64, log_sum, EMPTY_SUM, ITSELF, add_exponential(so_far, x), logarithm)

typedef struct { double peak, re, im; } complex_log_sum;

INLINE complex_log_sum add_complex_exponential(complex_log_sum sum, c64 x) {
    double peak = (x.re > sum.peak || x.re != x.re) ? x.re : sum.peak;
    double kept = sum.peak == peak ? 1 : exp(sum.peak - peak);
    double share = x.re == peak ? x.re > -INFINITY : exp(x.re - peak);
    return (complex_log_sum){
        peak, sum.re * kept + share * cos(x.im), sum.im * kept + share * sin(x.im)};
}
INLINE c64 complex_logarithm(complex_log_sum sum) {
    return (c64){(float)(sum.peak + log(hypot(sum.re, sum.im))), (float)atan2(sum.im, sum.re)};
}
SCAN(logsumexp, c64, complex_log_sum, ((complex_log_sum){-INFINITY, 0, 0}), ITSELF,
    add_complex_exponential(so_far, x), complex_logarithm)

LOOKUP(ck_scan, ck_logsumexp_scan, ROWS_SCANNED(logsumexp))

// MARK: pairs of arrays

// The same for x of an array and y of another.
#define PAIR_SCAN(NAME, T, A, START, LOAD, STEP, STORE)                                            \
    INLINE void NAME##_columns_##T(                                                                \
        T *out, const T *a, const T *b, long n, long stride, long width, bool reverse) {           \
        A running[COLUMNS];                                                                        \
        for (long k = 0; k < width; k++) running[k] = START;                                       \
        for (long i = 0; i < n; i++) {                                                             \
            long row = (reverse ? n - 1 - i : i) * stride;                                         \
            LANES for (long k = 0; k < width; k++) {                                               \
                A so_far = running[k];                                                             \
                __typeof__(LOAD(a[row + k])) x = LOAD(a[row + k]), y = LOAD(b[row + k]);           \
                so_far = (STEP);                                                                   \
                running[k] = so_far;                                                               \
                out[row + k] = STORE(so_far);                                                      \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void NAME##_##T(                                                                 \
        void *out, const void *a, const void *b, long n, long stride, long width, int reverse) {   \
        T *result = out;                                                                           \
        const T *left = a, *right = b;                                                             \
        for (long first = 0; first < width; first += COLUMNS) {                                    \
            T *to = result + first;                                                                \
            const T *x = left + first, *y = right + first;                                         \
            long count = smaller(width - first, COLUMNS);                                          \
            if (count == 1) NAME##_columns_##T(to, x, y, n, stride, 1, reverse);                   \
            else NAME##_columns_##T(to, x, y, n, stride, count, reverse);                          \
        }                                                                                          \
    }

PAIR_SCAN(recur, f16, double, 0, wide_f16, so_far * x + y, TO_F16)
PAIR_SCAN(recur, bf16, double, 0, wide_bf16, so_far * x + y, TO_BF16)
PAIR_SCAN(recur, f32, double, 0, ITSELF, so_far * x + y, TO_F32)
PAIR_SCAN(recur, f64, double, 0, ITSELF, so_far * x + y, ITSELF)
PAIR_SCAN(recur, c64, c128, ((c128){0, 0}), ITSELF, complex_sum(complex_product(so_far, x), y),
    to_c64)
LOOKUP(ck_pair_scan, ck_recurrence, ROWS_SCANNED(recur))

// MARK: tangents, by the argument x and its tangent y

// A running result and its tangent.
typedef struct { double value, change; } dual;

INLINE dual dual_product(dual so_far, double x, double y) {
    return (dual){so_far.value * x, so_far.change * x + so_far.value * y};
}
// The last of equal elements is the one that is picked, and the first that is no number.
INLINE dual dual_larger(dual so_far, double x, double y) {
    return ((so_far.value > x) | (so_far.value != so_far.value)) ? so_far : (dual){x, y};
}
INLINE dual dual_smaller(dual so_far, double x, double y) {
    return ((so_far.value < x) | (so_far.value != so_far.value)) ? so_far : (dual){x, y};
}

#define DUAL_F16(X) narrow_f16((float)(X).change)
#define DUAL_BF16(X) narrow_bf16((float)(X).change)
#define DUAL_F32(X) ((float)(X).change)
#define DUAL_F64(X) ((X).change)
#define TANGENT_SCANS(NAME, START, STEP)                                                           \
    PAIR_SCAN(NAME, f16, dual, START, wide_f16, STEP(so_far, x, y), DUAL_F16)                      \
    PAIR_SCAN(NAME, bf16, dual, START, wide_bf16, STEP(so_far, x, y), DUAL_BF16)                   \
    PAIR_SCAN(NAME, f32, dual, START, ITSELF, STEP(so_far, x, y), DUAL_F32)                        \
    PAIR_SCAN(NAME, f64, dual, START, ITSELF, STEP(so_far, x, y), DUAL_F64)

TANGENT_SCANS(product_tangent, ((dual){1, 0}), dual_product)
TANGENT_SCANS(max_tangent, ((dual){-INFINITY, 0}), dual_larger)
TANGENT_SCANS(min_tangent, ((dual){INFINITY, 0}), dual_smaller)

// A sum of exponentials beside that of the tangents, each times its exponential.
typedef struct { double peak, mass, change; } dual_log_sum;

INLINE dual_log_sum add_dual_exponential(dual_log_sum sum, double x, double y) {
    if (x > sum.peak || x != x) {
        double kept = exp(sum.peak - x);
        return (dual_log_sum){x, sum.mass * kept + 1, sum.change * kept + y};
    }
    double share = x == sum.peak ? x > -INFINITY : exp(x - sum.peak);
    return (dual_log_sum){sum.peak, sum.mass + share, sum.change + share * y};
}
INLINE double mean_change(dual_log_sum sum) { return sum.mass == 0 ? 0 : sum.change / sum.mass; }

#define MEAN_F16(X) narrow_f16((float)mean_change(X))
#define MEAN_BF16(X) narrow_bf16((float)mean_change(X))
#define MEAN_F32(X) ((float)mean_change(X))
#define MEAN_SCAN(T, LOAD, STORE)                                                                  \
    PAIR_SCAN(logsumexp_tangent, T, dual_log_sum, ((dual_log_sum){-INFINITY, 0, 0}), LOAD,         \
        add_dual_exponential(so_far, x, y), STORE)
MEAN_SCAN(f16, wide_f16, MEAN_F16)
MEAN_SCAN(bf16, wide_bf16, MEAN_BF16)
MEAN_SCAN(f32, ITSELF, MEAN_F32)
MEAN_SCAN(f64, ITSELF, mean_change)

#define ROWS_REAL(N) [CK_F16] = N##_f16, ROWS_FLOATS(N), [CK_BF16] = N##_bf16
LOOKUP(ck_pair_scan, ck_product_scan_tangent, ROWS_REAL(product_tangent))
LOOKUP(ck_pair_scan, ck_max_scan_tangent, ROWS_REAL(max_tangent))
LOOKUP(ck_pair_scan, ck_min_scan_tangent, ROWS_REAL(min_tangent))
LOOKUP(ck_pair_scan, ck_logsumexp_scan_tangent, ROWS_REAL(logsumexp_tangent))
