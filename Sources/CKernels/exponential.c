// Exponentials, logarithms and roots.

#include "complex_number.h"
#include "double_math.h"
#include "wide.h"

#pragma clang fp contract(fast)

// MARK: exponentials

INLINE float expm1_float(float x) {
    float inside = x < -20.0f ? -20.0f : x;
    inside = inside > 89.0f ? 89.0f : inside;
    i32 n;
    float rest = split_exponent(inside, &n);
    float half_scale = power_of_two(n - 1);
    float value = 2.0f * (half_scale * exp_minus_one(rest) + (half_scale - 0.5f));
    return __builtin_elementwise_abs(x) < 0x1p-25f ? x : value;
}

UNARY(exp, f32, exp_float(x))
UNARY_CALL(exp, f64, exp(x))
UNARY_CALL(exp, c64, from_libm(cexpf(LIBM_COMPLEX(x))))
WIDE_UNARY(exp, exp_wide(x))
LOOKUP(ck_unary, ck_exp, ROWS_WIDE(exp), [CK_C64] = exp_c64)

UNARY(expm1, f32, expm1_float(x))
UNARY_CALL(expm1, f64, expm1(x))
LOOKUP(ck_unary, ck_expm1, ROWS_FLOATS(expm1))

// MARK: logarithms

// In two parts, so that a product with the first loses nothing that matters.
static const float LOG2_E_HIGH = 1.44269504f, LOG2_E_LOW = 1.92596299e-8f;
static const float LOG10_E_HIGH = 0.43429449f, LOG10_E_LOW = -1.01030226e-8f;
static const float LOG10_2_HIGH = 0.301025391f, LOG10_2_LOW = 4.60503935e-6f;

INLINE float log2_float(float x) {
    float e, f = split_any_mantissa(x, &e);
    float tail = log_tail(f) * LOG2_E_HIGH + f * LOG2_E_LOW;
    return log_limits(x, e + (f * LOG2_E_HIGH + tail));
}

INLINE float log10_float(float x) {
    float e, f = split_any_mantissa(x, &e);
    float tail = log_tail(f) * LOG10_E_HIGH + (f * LOG10_E_LOW + e * LOG10_2_LOW);
    return log_limits(x, e * LOG10_2_HIGH + (f * LOG10_E_HIGH + tail));
}

// The logarithm of the size of a complex number, by its square and what the rounding of that lost:
// next to a size of 1 nothing else would be left.
INLINE double log_size(double a, double b) {
    double p = a * a, q = b * b;
    double larger = p > q ? p : q, smaller = p > q ? q : p, square = larger + smaller;
    double value = 0.5 * log_sum(square, smaller - (square - larger));
    value = square < INFINITY ? value : square;
    value = square == 0 ? -INFINITY : value;
    bool infinite = (fabs(a) == INFINITY) | (fabs(b) == INFINITY);
    return infinite ? INFINITY : value;
}

// The squares are made in double, so that a number next to zero keeps its digits.
INLINE c64 complex_log1p(c64 x) {
    double a = x.re, b = x.im;
    return (c64){(float)(0.5 * log1p((2 + a) * a + b * b)), (float)atan2(b, 1 + a)};
}

UNARY(log, f32, log_float(x))
UNARY_CALL(log, f64, log(x))
COMPLEX_BY_DOUBLE(log, log_size(a, b), angle_of(b, a))
LOOKUP(ck_unary, ck_log, ROWS_FLOATS(log), [CK_C64] = log_c64)

UNARY(log1p, f32, log1p_float(x))
UNARY_CALL(log1p, f64, log1p(x))
UNARY_CALL(log1p, c64, complex_log1p(x))
LOOKUP(ck_unary, ck_log1p, ROWS_FLOATS(log1p), [CK_C64] = log1p_c64)

UNARY(log2, f32, log2_float(x))
UNARY_CALL(log2, f64, log2(x))
COMPLEX_BY_DOUBLE(log2, M_LOG2E * log_size(a, b), M_LOG2E * angle_of(b, a))
LOOKUP(ck_unary, ck_log2, ROWS_FLOATS(log2), [CK_C64] = log2_c64)

UNARY(log10, f32, log10_float(x))
UNARY_CALL(log10, f64, log10(x))
COMPLEX_BY_DOUBLE(log10, M_LOG10E * log_size(a, b), M_LOG10E * angle_of(b, a))
LOOKUP(ck_unary, ck_log10, ROWS_FLOATS(log10), [CK_C64] = log10_c64)

// The larger plus a correction; equal infinities have no difference.
INLINE float logaddexp_float(float x, float y) {
    float largest = ((x > y) | (x != x)) ? x : y;
    float apart = x == y ? 0 : -__builtin_elementwise_abs(x - y);
    return largest + log1p_float(exp_float(apart));
}

INLINE double logaddexp_double(double x, double y) {
    double largest = x > y || x != x ? x : y;
    double apart = x == y ? 0 : -fabs(x - y);
    return largest + log1p(exp(apart));
}

BINARY(logaddexp, f32, logaddexp_float(x, y))
BINARY_CALL(logaddexp, f64, logaddexp_double(x, y))
LOOKUP(ck_binary, ck_logaddexp, ROWS_FLOATS(logaddexp))

// MARK: roots

// The sizes of the parts of a complex root: the larger one, and the other by it. A negative a
// exchanges them.
INLINE double larger_part(double a, double b) {
    double size = __builtin_elementwise_sqrt(a * a + b * b);
    return __builtin_elementwise_sqrt(0.5 * (fabs(a) + size));
}
INLINE double smaller_part(double larger, double b) {
    double part = 0.5 * fabs(b) / larger;
    return larger == 0 ? 0 : part;
}
INLINE double root_re(double a, double b) {
    double larger = larger_part(a, b), smaller = smaller_part(larger, b);
    double part = a < 0 ? smaller : larger;
    return ((a == INFINITY) | (fabs(b) == INFINITY)) ? INFINITY : part;
}
INLINE double root_im(double a, double b) {
    double larger = larger_part(a, b), smaller = smaller_part(larger, b);
    double part = a < 0 ? larger : smaller;
    return copysign(((a == -INFINITY) | (fabs(b) == INFINITY)) ? INFINITY : part, b);
}
INLINE double square_of_root(double a, double b) {
    double re = root_re(a, b), im = root_im(a, b);
    return re * re + im * im;
}

UNARY(sqrt, f32, __builtin_elementwise_sqrt(x))
UNARY(sqrt, f64, __builtin_elementwise_sqrt(x))
COMPLEX_BY_DOUBLE(sqrt, root_re(a, b), root_im(a, b))
LOOKUP(ck_unary, ck_sqrt, ROWS_FLOATS(sqrt), [CK_C64] = sqrt_c64)

UNARY(rsqrt, f32, 1 / __builtin_elementwise_sqrt(x))
UNARY(rsqrt, f64, 1 / __builtin_elementwise_sqrt(x))
COMPLEX_BY_DOUBLE(
    rsqrt, root_re(a, b) / square_of_root(a, b), -root_im(a, b) / square_of_root(a, b))
LOOKUP(ck_unary, ck_rsqrt, ROWS_FLOATS(rsqrt), [CK_C64] = rsqrt_c64)
