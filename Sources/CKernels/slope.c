// Derivatives of functions of one argument, by the argument or the result. That of the cosine is
// beside the sine.

#include "float_math.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

#define ROOT(x) __builtin_elementwise_sqrt(x)

#define SLOPES(T, UNUSED)                                                                          \
    UNARY(reciprocal_slope, T, -(x * x))                                                           \
    UNARY(rsqrt_slope, T, x * x * (x * (T)-0.5))                                                   \
    UNARY(tan_slope, T, 1 + x * x)                                                                 \
    UNARY(tanh_slope, T, 1 - x * x)                                                                \
    UNARY(sigmoid_slope, T, x * (1 - x))                                                           \
    UNARY(asin_slope, T, 1 / ROOT(1 - x * x))                                                      \
    UNARY(acos_slope, T, -1 / ROOT(1 - x * x))                                                     \
    UNARY(atan_slope, T, 1 / (1 + x * x))                                                          \
    UNARY(asinh_slope, T, 1 / ROOT(x * x + 1))                                                     \
    UNARY(acosh_slope, T, 1 / ROOT(x * x - 1))                                                     \
    UNARY(atanh_slope, T, 1 / (1 - x * x))
FOR_FLOATS(SLOPES, )

LOOKUP(ck_unary, ck_reciprocal_slope, ROWS_FLOATS(reciprocal_slope))
LOOKUP(ck_unary, ck_rsqrt_slope, ROWS_FLOATS(rsqrt_slope))
LOOKUP(ck_unary, ck_tan_slope, ROWS_FLOATS(tan_slope))
LOOKUP(ck_unary, ck_tanh_slope, ROWS_FLOATS(tanh_slope))
LOOKUP(ck_unary, ck_sigmoid_slope, ROWS_FLOATS(sigmoid_slope))
LOOKUP(ck_unary, ck_asin_slope, ROWS_FLOATS(asin_slope))
LOOKUP(ck_unary, ck_acos_slope, ROWS_FLOATS(acos_slope))
LOOKUP(ck_unary, ck_atan_slope, ROWS_FLOATS(atan_slope))
LOOKUP(ck_unary, ck_asinh_slope, ROWS_FLOATS(asinh_slope))
LOOKUP(ck_unary, ck_acosh_slope, ROWS_FLOATS(acosh_slope))
LOOKUP(ck_unary, ck_atanh_slope, ROWS_FLOATS(atanh_slope))

// The logarithm of 2/√π, in the exponent.
static const double LOG_FACTOR = 0.120782237635245222;

UNARY(erf_slope, f32, exp_float((float)LOG_FACTOR - x * x))
UNARY_CALL(erf_slope, f64, exp(LOG_FACTOR - x * x))
LOOKUP(ck_unary, ck_erf_slope, ROWS_FLOATS(erf_slope))

UNARY(erfinv_slope, f32, exp_float(x * x - (float)LOG_FACTOR))
UNARY_CALL(erfinv_slope, f64, exp(x * x - LOG_FACTOR))
LOOKUP(ck_unary, ck_erfinv_slope, ROWS_FLOATS(erfinv_slope))
