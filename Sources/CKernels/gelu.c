// The Gaussian error linear unit: x·Φ(x), with the normal distribution Φ(x) = (1 + erf(x/√2)) / 2.

#include "float_math.h"
#include "wide.h"

#include <math.h>

#pragma clang fp contract(fast)

// Beyond this a tail is less than a rounding of the other.
static const float NORMAL_END = 5.75f;

// Two fits of our own. The tail Φ(-x), from 0 to the end, is 2^-p / 2 with p = x·(even + x·odd),
// both polynomials in x²: within 3e-8. And 2^r is a polynomial for |r| <= 1/2.
static const float EVEN[] = {-3.169838578e-07f, -6.008080527e-05f, 5.276687079e-05f,
    5.246339738e-02f, 1.151104689e+00f};
static const float ODD[] = {
    6.860919257e-06f, 2.418215736e-04f, -6.991572212e-03f, 4.592151642e-01f};
static const float POWER[] = {1.535336196e-04f, 1.339887502e-03f, 9.618436918e-03f,
    5.550332367e-02f, 2.402264774e-01f, 6.931471825e-01f, 1.0f};
#define COUNT(C) ((int)(sizeof C / sizeof *C))

INLINE float polynomial(const float *c, int count, float x) {
    float sum = c[0];
    UNROLL for (int i = 1; i < count; i++) sum = sum * x + c[i];
    return sum;
}

INLINE float normal_float(float x) {
    float size = __builtin_elementwise_abs(x);
    float a = size < NORMAL_END ? size : NORMAL_END, z = a * a;
    float p = (polynomial(ODD, COUNT(ODD), z) * a + polynomial(EVEN, COUNT(EVEN), z)) * a;
    const float shift = 12582912.0f;
    float shifted = p + shift, n = shifted - shift;
    i32 exponent = (i32)((u32)bits_of(shift) - (u32)bits_of(shifted)) - 1;
    float tail = polynomial(POWER, COUNT(POWER), n - p) * power_of_two(exponent);
    tail = size > NORMAL_END ? 0.0f : tail;
    return x < 0 ? tail : 1.0f - tail;
}

INLINE double normal_double(double x) { return 0.5 * erfc(x * -0.70710678118654752); }

// The derivative: Φ(x) + x·exp(-x²/2)/√(2π).
static const double DENSITY = 0.3989422804014327;

INLINE float gelu_slope(float x) {
    float bend = x * exp_float(-0.5f * (x * x)) * (float)DENSITY;
    return normal_float(x) + (__builtin_elementwise_abs(x) >= 14.0f ? 0.0f : bend);
}
INLINE double gelu_slope_double(double x) {
    double bend = fabs(x) >= 39 ? 0 : x * exp(-0.5 * x * x) * DENSITY;
    return normal_double(x) + bend;
}

#if defined(__x86_64__)

WIDE_INLINE __m512 polynomial_wide(const float *c, int count, __m512 x) {
    __m512 sum = spread(c[0]);
    UNROLL for (int i = 1; i < count; i++) sum = _mm512_fmadd_ps(sum, x, spread(c[i]));
    return sum;
}

WIDE_INLINE __m512 normal_wide(__m512 x) {
    __m512 size = _mm512_andnot_ps(spread(-0.0f), x);
    __m512 a = _mm512_min_ps(spread(NORMAL_END), size), z = a * a;
    __m512 odd = polynomial_wide(ODD, COUNT(ODD), z);
    __m512 p = _mm512_fmadd_ps(odd, a, polynomial_wide(EVEN, COUNT(EVEN), z)) * a;
    __m512 n = _mm512_roundscale_ps(p, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 power = polynomial_wide(POWER, COUNT(POWER), n - p);
    __mmask16 isInside = _mm512_cmp_ps_mask(size, spread(NORMAL_END), _CMP_LE_OQ);
    __m512 tail = _mm512_maskz_scalef_ps(isInside, power, spread(-1.0f) - n);
    __mmask16 isLeft = _mm512_movepi32_mask((__m512i)x);
    return _mm512_mask_sub_ps(tail, (__mmask16)~isLeft, spread(1.0f), tail);
}

WIDE_INLINE __m512 gelu_slope_wide(__m512 x) {
    __m512 density = exp_below_wide(x * x * spread(-0.5f)) * spread((float)DENSITY);
    __mmask16 bends = _mm512_cmp_ps_mask(
        _mm512_andnot_ps(spread(-0.0f), x), spread(14.0f), _CMP_NGE_UQ);
    return normal_wide(x) + _mm512_maskz_mul_ps(bends, x, density);
}

#endif

UNARY(gelu, f32, x * normal_float(x))
UNARY_CALL(gelu, f64, x * normal_double(x))
WIDE_UNARY(gelu, x * normal_wide(x))
LOOKUP(ck_unary, ck_gelu, ROWS_WIDE(gelu))

UNARY(gelu_slope, f32, gelu_slope(x))
UNARY_CALL(gelu_slope, f64, gelu_slope_double(x))
WIDE_UNARY(gelu_slope, gelu_slope_wide(x))
LOOKUP(ck_unary, ck_gelu_slope, ROWS_WIDE(gelu_slope))
