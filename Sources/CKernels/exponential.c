// Exponentials, logarithms and roots.

#include "complex_number.h"
#include "wide.h"

#include <math.h>

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

// The natural logarithm of a complex number, times a factor.
INLINE c64 complex_log(c64 x, double factor) {
    c64 y = from_libm(clogf(LIBM_COMPLEX(x)));
    return (c64){(float)(y.re * factor), (float)(y.im * factor)};
}

// The squares are made in double, so that a number next to zero keeps its digits.
INLINE c64 complex_log1p(c64 x) {
    double a = x.re, b = x.im;
    return (c64){(float)(0.5 * log1p((2 + a) * a + b * b)), (float)atan2(b, 1 + a)};
}

INLINE c64 complex_rsqrt(c64 x) {
    c64 root = from_libm(csqrtf(LIBM_COMPLEX(x)));
    double a = root.re, b = root.im, size = a * a + b * b;
    return (c64){(float)(a / size), (float)(-b / size)};
}

UNARY(log, f32, log_float(x))
UNARY_CALL(log, f64, log(x))
UNARY_CALL(log, c64, from_libm(clogf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_log, ROWS_FLOATS(log), [CK_C64] = log_c64)

UNARY(log1p, f32, log1p_float(x))
UNARY_CALL(log1p, f64, log1p(x))
UNARY_CALL(log1p, c64, complex_log1p(x))
LOOKUP(ck_unary, ck_log1p, ROWS_FLOATS(log1p), [CK_C64] = log1p_c64)

UNARY(log2, f32, log2_float(x))
UNARY_CALL(log2, f64, log2(x))
UNARY_CALL(log2, c64, complex_log(x, M_LOG2E))
LOOKUP(ck_unary, ck_log2, ROWS_FLOATS(log2), [CK_C64] = log2_c64)

UNARY(log10, f32, log10_float(x))
UNARY_CALL(log10, f64, log10(x))
UNARY_CALL(log10, c64, complex_log(x, M_LOG10E))
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

UNARY(sqrt, f32, __builtin_elementwise_sqrt(x))
UNARY(sqrt, f64, __builtin_elementwise_sqrt(x))
UNARY_CALL(sqrt, c64, from_libm(csqrtf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_sqrt, ROWS_FLOATS(sqrt), [CK_C64] = sqrt_c64)

UNARY(rsqrt, f32, 1 / __builtin_elementwise_sqrt(x))
UNARY(rsqrt, f64, 1 / __builtin_elementwise_sqrt(x))
UNARY_CALL(rsqrt, c64, complex_rsqrt(x))
LOOKUP(ck_unary, ck_rsqrt, ROWS_FLOATS(rsqrt), [CK_C64] = rsqrt_c64)
