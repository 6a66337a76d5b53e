// exp and log of float32 without branches, so that loops over them vectorise.
//
// Coefficients are minimax fits of our own (Remez exchange). Fusing is allowed; constants are split
// so that the products that matter are exact on machines without fused operations too.

#ifndef CK_FLOAT_MATH_H
#define CK_FLOAT_MATH_H

#include "kernel.h"

#pragma clang fp contract(fast)

INLINE i32 bits_of(float x) {
    i32 bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE float float_of(i32 bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

INLINE float power_of_two(i32 exponent) { return float_of((i32)((u32)(exponent + 127) << 23)); }

// ln 2 in two parts: multiples of the first by an exponent are exact.
static const float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;

// x = n·ln 2 + rest with |rest| <= ln 2 / 2. Adding 1.5·2^23 rounds to an integer in the low bits.
INLINE float split_exponent(float x, i32 *n) {
    const float shift = 12582912.0f;
    float shifted = x * 1.44269504f + shift;
    *n = (i32)((u32)bits_of(shifted) - (u32)bits_of(shift));
    float count = shifted - shift;
    return (x - count * LN2_HIGH) - count * LN2_LOW;
}

// exp(x) - 1 for |x| <= ln 2 / 2.
INLINE float exp_minus_one(float x) {
    float p = 1.381314825e-03f;
    p = p * x + 8.369418792e-03f;
    p = p * x + 4.166845605e-02f;
    p = p * x + 1.666651517e-01f;
    p = p * x + 4.999999404e-01f;
    return p * (x * x) + x;
}

// For -87 <= x <= 88, where the result and its scale are normal numbers.
INLINE float exp_normal(float x) {
    i32 n;
    float rest = split_exponent(x, &n);
    return (exp_minus_one(rest) + 1.0f) * power_of_two(n);
}

// Everywhere: the scale is applied in two halves, so that results round once into the subnormals.
INLINE float exp_float(float x) {
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    i32 n;
    float rest = split_exponent(x, &n);
    i32 half = n >> 1;
    return (exp_minus_one(rest) + 1.0f) * power_of_two(half) * power_of_two(n - half);
}

// x = 2^exponent·(1 + f) with 1 + f between the roots of 1/2 and 2; x normal and positive.
INLINE float split_mantissa(float x, i32 *exponent) {
    const u32 root_of_half = 0x3F3504F3;
    u32 bits = (u32)bits_of(x);
    i32 count = (i32)(bits - root_of_half) >> 23;
    *exponent = count;
    return float_of((i32)(bits - ((u32)count << 23))) - 1.0f;
}

// log(1 + f) - f for f as above.
INLINE float log_tail(float f) {
    float p = -7.859609276e-02f;
    p = p * f + 1.288163215e-01f;
    p = p * f + -1.312874705e-01f;
    p = p * f + 1.418119371e-01f;
    p = p * f + -1.662455499e-01f;
    p = p * f + 2.000228614e-01f;
    p = p * f + -2.500081062e-01f;
    p = p * f + 3.333331645e-01f;
    float square = f * f;
    return p * (square * f) - 0.5f * square;
}

// What every logarithm gives outside the positive finite numbers.
INLINE float log_limits(float x, float value) {
    value = x == 0 ? -__builtin_inff() : value;
    value = x == __builtin_inff() ? x : value;
    return x >= 0 ? value : __builtin_nanf("");
}

// As split_mantissa, for subnormal x too.
INLINE float split_any_mantissa(float x, float *exponent) {
    bool tiny = x < 0x1p-126f;
    i32 count;
    float f = split_mantissa(tiny ? x * 0x1p23f : x, &count);
    *exponent = (float)(tiny ? count - 23 : count);
    return f;
}

INLINE float log_float(float x) {
    float e, f = split_any_mantissa(x, &e);
    return log_limits(x, e * LN2_HIGH + (f + (log_tail(f) + e * LN2_LOW)));
}

INLINE float log1p_float(float x) {
    float sum = 1.0f + x, back = sum - 1.0f;
    float lost = (1.0f - (sum - back)) + (x - back);
    i32 count;
    float f = split_mantissa(sum, &count);
    f += x > 0x1p25f ? 0 : lost * power_of_two(-count);
    float e = (float)count;
    float value = e * LN2_HIGH + (f + (log_tail(f) + e * LN2_LOW));
    value = log_limits(sum, value);
    return x == 0 ? x : value;
}

#endif
