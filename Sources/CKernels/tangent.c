// Tangents of elementwise operations on two arrays: one expression of both and of their tangents.

#include "double_vectors.h"
#include "logistic.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

// out[i] = EXPRESSION of x and y and of their tangents p and q.
#define TANGENT(MARK, CLONES, NAME, T, EXPRESSION)                                                 \
    CLONES static void NAME##_tangent_##T(                                                         \
        void *out, const void *a, const void *b, const void *c, const void *d, long n) {           \
        const T *left = a, *right = b, *by_left = c, *by_right = d;                                \
        T *result = out;                                                                           \
        MARK for (long i = 0; i < n; i++) {                                                        \
            T x = left[i], y = right[i], p = by_left[i], q = by_right[i];                          \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }
#define IN_LANES(NAME, T, EXPRESSION) TANGENT(LANES, KERNEL, NAME, T, EXPRESSION)
#define BY_CALLS(NAME, T, EXPRESSION) TANGENT(, , NAME, T, EXPRESSION)

#define EASY(T, UNUSED)                                                                            \
    IN_LANES(multiply, T, p * y + q * x)                                                           \
    IN_LANES(divide, T, (p - x / y * q) / y)                                                       \
    IN_LANES(remainder, T, p - q * __builtin_elementwise_floor(x / y))                             \
    IN_LANES(arctan2, T, (y * p - x * q) / (x * x + y * y))
FOR_FLOATS(EASY, )
LOOKUP(ck_quaternary, ck_multiply_tangent, ROWS_FLOATS(multiply_tangent))
LOOKUP(ck_quaternary, ck_divide_tangent, ROWS_FLOATS(divide_tangent))
LOOKUP(ck_quaternary, ck_remainder_tangent, ROWS_FLOATS(remainder_tangent))
LOOKUP(ck_quaternary, ck_arctan2_tangent, ROWS_FLOATS(arctan2_tangent))

INLINE double power_change(double x, double y, double p, double q) {
    double change = p == 0 ? 0 : p * y * pow(x, y - 1);
    return q == 0 || x == 0 ? change : change + q * pow(x, y) * log(x);
}
BY_CALLS(power, f64, power_change(x, y, p, q))

// The sum of two changes by the kernel of powers. Mostly one of the two does not change at all.
INLINE void power_piece(float *out, const float *x, const float *y, const float *p, const float *q,
    long n, ck_binary power) {
    float changes[PIECE] = {0}, values[PIECE], exponents[PIECE];
    i32 by_base = 0, by_power = 0;
    for (long i = 0; i < n; i++) by_base |= p[i] != 0, by_power |= q[i] != 0;
    if (by_base) {
        for (long i = 0; i < n; i++) exponents[i] = y[i] - 1;
        power(values, x, exponents, n);
        LANES for (long i = 0; i < n; i++) changes[i] = p[i] == 0 ? 0 : p[i] * y[i] * values[i];
    }
    if (by_power) {
        power(values, x, y, n);
        LANES for (long i = 0; i < n; i++) {
            float change = q[i] * values[i] * log_float(x[i]);
            changes[i] += ((q[i] == 0) | (x[i] == 0)) ? 0 : change;
        }
    }
    memcpy(out, changes, (size_t)n * sizeof *out);
}

KERNEL static void power_tangent_f32(
    void *out, const void *a, const void *b, const void *c, const void *d, long n) {
    const float *x = a, *y = b, *p = c, *q = d;
    float *result = out;
    ck_binary power = ck_power(CK_F32);
    for (long i = 0; i < n; i += PIECE)
        power_piece(result + i, x + i, y + i, p + i, q + i, smaller(n - i, PIECE), power);
}
LOOKUP(ck_quaternary, ck_power_tangent, ROWS_FLOATS(power_tangent))

// The share of exp(x) in exp(x) + exp(y) is the logistic function of their difference.
IN_LANES(logaddexp, f32, q + (p - q) * sigmoid_float(x - y))
BY_CALLS(logaddexp, f64, q + (p - q) * sigmoid_double(x - y))
LOOKUP(ck_quaternary, ck_logaddexp_tangent, ROWS_FLOATS(logaddexp_tangent))

// Elements that are equal share the place of the largest or the smallest.
#define EXTREMUM(T, UNUSED)                                                                        \
    static void extremum_tangent_##T(                                                              \
        void *out, const void *elements, const void *picked, const void *changes, long n) {        \
        const T *x = elements, *dx = changes;                                                      \
        T y = *(const T *)picked;                                                                  \
        double sum = 0;                                                                            \
        long count = 0;                                                                            \
        for (long i = 0; i < n; i++) {                                                             \
            if (x[i] != y) continue;                                                               \
            sum += (double)dx[i];                                                                  \
            count++;                                                                               \
        }                                                                                          \
        *(T *)out = (T)(sum / (double)count);                                                      \
    }
FOR_FLOATS(EXTREMUM, )
LOOKUP(ck_ternary, ck_extremum_tangent_row, ROWS_FLOATS(extremum_tangent))

// The tangent of a product: each factor's change times all others.
#define PRODUCT(T, UNUSED)                                                                         \
    static void product_tangent_##T(void *out, const void *factors, const void *changes, long n) { \
        const T *x = factors, *dx = changes;                                                       \
        double product = 1, change = 0;                                                            \
        for (long i = 0; i < n; i++) {                                                             \
            change = change * (double)x[i] + product * (double)dx[i];                              \
            product *= (double)x[i];                                                               \
        }                                                                                          \
        *(T *)out = (T)change;                                                                     \
    }
FOR_FLOATS(PRODUCT, )
LOOKUP(ck_binary, ck_product_tangent_row, ROWS_FLOATS(product_tangent))
