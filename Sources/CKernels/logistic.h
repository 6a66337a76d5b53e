// The hyperbolic tangent and the logistic function of one number, and of 16.

#ifndef CK_LOGISTIC_H
#define CK_LOGISTIC_H

#include "wide.h"

#include <math.h>

#pragma clang fp contract(fast)

// A polynomial near zero, 1 - 2 / (exp(2|x|) + 1) elsewhere; beyond 10 the result is 1.
INLINE float tanh_float(float x) {
    float size = __builtin_elementwise_abs(x), z = x * x;
    float p = -5.717043299e-03f;
    p = p * z + 2.065058611e-02f;
    p = p * z + -5.374349654e-02f;
    p = p * z + 1.333149076e-01f;
    p = p * z + -3.333328366e-01f;
    float near = p * (z * x) + x;
    float inside = size > 10.0f ? 10.0f : size;
    float far = 1.0f - 2.0f / (exp_normal(2.0f * inside) + 1.0f);
    far = __builtin_copysignf(far, x);
    float value = size < 0.625f ? near : far;
    return x == 0 ? x : value;
}

// exp of the negative magnitude cannot overflow, and keeps the digits of tiny results.
INLINE float sigmoid_float(float x) {
    float e = exp_float(-__builtin_elementwise_abs(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

INLINE double sigmoid_double(double x) {
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1.0) / (1.0 + e);
}

#if defined(__x86_64__)

// With t = exp(2|x|) - 1, which keeps its digits near zero, tanh|x| = t / (t + 2).
WIDE_INLINE __m512 tanh_wide(__m512 x) {
    const __m512 sign = spread(-0.0f);
    __m512 inside = _mm512_min_ps(spread(10.0f), _mm512_andnot_ps(sign, x));
    __m512 n, rest = split_exponent_wide(inside + inside, &n);
    __m512 power = _mm512_scalef_ps(spread(1.0f), n);
    __m512 t = _mm512_fmadd_ps(exp_minus_one_wide(rest), power, power - spread(1.0f));
    return _mm512_or_ps(t / (t + spread(2.0f)), _mm512_and_ps(sign, x));
}

WIDE_INLINE __m512 sigmoid_wide(__m512 x) {
    __m512 e = exp_below_wide(_mm512_or_ps(x, spread(-0.0f)));
    __m512 above = _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)x), spread(1.0f), e);
    return above / (spread(1.0f) + e);
}

#endif

#endif
