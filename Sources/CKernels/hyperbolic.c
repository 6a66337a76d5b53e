// Hyperbolic functions, their inverses, and the logistic function.

#include "complex_number.h"
#include "double_math.h"
#include "logistic.h"

#pragma clang fp contract(fast)

UNARY(tanh, f32, tanh_float(x))
UNARY_CALL(tanh, f64, tanh(x))
UNARY_CALL(tanh, c64, from_libm(ctanhf(LIBM_COMPLEX(x))))
WIDE_UNARY(tanh, tanh_wide(x))
LOOKUP(ck_unary, ck_tanh, ROWS_WIDE(tanh), [CK_C64] = tanh_c64)

UNARY(sigmoid, f32, sigmoid_float(x))
UNARY_CALL(sigmoid, f64, sigmoid_double(x))
WIDE_UNARY(sigmoid, sigmoid_wide(x))
LOOKUP(ck_unary, ck_sigmoid, ROWS_WIDE(sigmoid))

// MARK: the Gaussian error linear unit by tanh

// x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³)

static const double GELU_SCALE = 0.7978845608028654, GELU_CUBE = 0.044715;

// (1 + tanh u) / 2 is the logistic function of 2u.
INLINE float gelu_share(float x) {
    return sigmoid_float(x * (2 * (float)GELU_SCALE) * (1.0f + (float)GELU_CUBE * x * x));
}
INLINE double gelu_share_double(double x) {
    return sigmoid_double(x * (2 * GELU_SCALE) * (1 + GELU_CUBE * x * x));
}

// The derivative: share + x·share·(1 - share)·2u′.
INLINE float gelu_slope(float x) {
    float share = gelu_share(x);
    float slope = 2 * (float)GELU_SCALE * (1.0f + 3 * (float)GELU_CUBE * x * x);
    // Where the share is 0 or 1 the rest vanishes, though x² may be infinite.
    float inner = share * (1.0f - share);
    return share + (inner == 0 ? 0 : x * inner * slope);
}
INLINE double gelu_slope_double(double x) {
    double share = gelu_share_double(x);
    double slope = 2 * GELU_SCALE * (1 + 3 * GELU_CUBE * x * x);
    double inner = share * (1 - share);
    return share + (inner == 0 ? 0 : x * inner * slope);
}

#if defined(__x86_64__)

WIDE_INLINE __m512 gelu_share_wide(__m512 x) {
    __m512 inner = _mm512_fmadd_ps(x * x, spread((float)GELU_CUBE), spread(1.0f));
    return sigmoid_wide(x * spread(2 * (float)GELU_SCALE) * inner);
}

WIDE_INLINE __m512 gelu_slope_wide(__m512 x) {
    __m512 share = gelu_share_wide(x), inner = share * (spread(1.0f) - share);
    __m512 slope = spread(2 * (float)GELU_SCALE)
        * _mm512_fmadd_ps(x * x, spread(3 * (float)GELU_CUBE), spread(1.0f));
    __mmask16 bends = _mm512_cmp_ps_mask(inner, spread(0), _CMP_NEQ_UQ);
    return _mm512_add_ps(share, _mm512_maskz_mul_ps(bends, x * inner, slope));
}

#endif

UNARY(gelu, f32, x * gelu_share(x))
UNARY_CALL(gelu, f64, x * gelu_share_double(x))
WIDE_UNARY(gelu, x * gelu_share_wide(x))
LOOKUP(ck_unary, ck_gelu_tanh, ROWS_WIDE(gelu))

UNARY(gelu_slope, f32, gelu_slope(x))
UNARY_CALL(gelu_slope, f64, gelu_slope_double(x))
WIDE_UNARY(gelu_slope, gelu_slope_wide(x))
LOOKUP(ck_unary, ck_gelu_tanh_slope, ROWS_WIDE(gelu_slope))

// MARK: hyperbolic sine and cosine

// With t = exp|x| - 1, which keeps its digits near zero: exp|x| - exp(-|x|) = t + t / (1 + t).
// Beyond 100 all results are infinite.
INLINE double growth(double x) {
    double size = fabs(x), scale, rest = exp_rest(size > 100 ? 100 : size, &scale);
    return scale * rest + (scale - 1);
}
INLINE double sinh_double(double x) {
    double t = growth(x);
    return copysign(0.5 * (t + t / (1 + t)), x);
}
INLINE double cosh_double(double x) {
    double e = 1 + growth(x);
    return 0.5 * (e + 1 / e);
}

UNARY_BY_DOUBLE(sinh, sinh_double(x))
UNARY_CALL(sinh, f64, sinh(x))
UNARY_CALL(sinh, c64, from_libm(csinhf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_sinh, ROWS_FLOATS(sinh), [CK_C64] = sinh_c64)

UNARY_BY_DOUBLE(cosh, cosh_double(x))
UNARY_CALL(cosh, f64, cosh(x))
UNARY_CALL(cosh, c64, from_libm(ccoshf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_cosh, ROWS_FLOATS(cosh), [CK_C64] = cosh_c64)

// MARK: inverses

// Logarithms of 1 + a number that keeps its digits near zero. Squares of floats are finite here.
INLINE double asinh_double(double x) {
    double size = fabs(x), square = x * x;
    double value = log_one_plus(size + square / (1 + __builtin_elementwise_sqrt(1 + square)));
    return size < INFINITY ? copysign(value, x) : x;
}
INLINE double acosh_double(double x) {
    double above = x - 1;
    double value = log_one_plus(above + __builtin_elementwise_sqrt((above + 2) * above));
    value = x < INFINITY ? value : x;
    return x < 1 ? NAN : value;
}
INLINE double atanh_double(double x) {
    double size = fabs(x), value = 0.5 * log_one_plus(2 * size / (1 - size));
    value = size < 1 ? value : NAN;
    return copysign(size == 1 ? INFINITY : value, x);
}

UNARY_BY_DOUBLE(asinh, asinh_double(x))
UNARY_CALL(asinh, f64, asinh(x))
UNARY_CALL(asinh, c64, from_libm(casinhf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_asinh, ROWS_FLOATS(asinh), [CK_C64] = asinh_c64)

UNARY_BY_DOUBLE(acosh, acosh_double(x))
UNARY_CALL(acosh, f64, acosh(x))
UNARY_CALL(acosh, c64, from_libm(cacoshf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_acosh, ROWS_FLOATS(acosh), [CK_C64] = acosh_c64)

UNARY_BY_DOUBLE(atanh, atanh_double(x))
UNARY_CALL(atanh, f64, atanh(x))
UNARY_CALL(atanh, c64, from_libm(catanhf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_atanh, ROWS_FLOATS(atanh), [CK_C64] = atanh_c64)
