// The error function and its inverse.

#include "float_math.h"

#include <math.h>

#pragma clang fp contract(fast)

// An odd polynomial near zero, 1 - exp(-polynomial) elsewhere; beyond 4 the result is 1.
INLINE float erf_float(float x) {
    float size = __builtin_elementwise_abs(x), z = x * x;
    float p = 8.215433627e-05f;
    p = p * z + -8.105968009e-04f;
    p = p * z + 5.197797436e-03f;
    p = p * z + -2.685810439e-02f;
    p = p * z + 1.128367260e-01f;
    p = p * z + -3.761263192e-01f;
    p = p * z + 1.128379226e+00f;
    float near = p * x;
    float a = size > 4.0f ? 4.0f : size;
    float q = 2.047733324e-05f;
    q = q * a + -4.273506929e-04f;
    q = q * a + 4.136780277e-03f;
    q = q * a + -2.502970025e-02f;
    q = q * a + 1.081423163e-01f;
    q = q * a + 6.334710717e-01f;
    q = q * a + 1.129454017e+00f;
    q = q * a + -1.621545525e-04f;
    float far = __builtin_copysignf(1.0f - exp_normal(-q), x);
    return size < 0.9375f ? near : far;
}

UNARY(erf, f32, erf_float(x))
UNARY_CALL(erf, f64, erf(x))
LOOKUP(ck_unary, ck_erf, ROWS_FLOATS(erf))

// The polynomials of MLX, evaluated with its roundings: random normals agree bit for bit. The
// logarithm must be libm's, so it is taken first, a piece at a time.
INLINE float erfinv_series(float x, float t) {
    const float far[] = {3.03697567e-10f, 2.93243101e-8f, 1.22150334e-6f, 2.84108955e-5f,
        3.93552968e-4f, 3.02698812e-3f, 4.83185798e-3f, -2.64646143e-1f, 8.40016484e-1f};
    const float near[] = {5.43877832e-9f, 1.43285448e-7f, 1.22774793e-6f, 1.12963626e-7f,
        -5.61530760e-5f, -1.47697632e-4f, 2.31468678e-3f, 1.15392581e-2f, -2.32015476e-1f,
        8.86226892e-1f};
    float p = far[0], q = near[0];
    for (int k = 1; k < 9; k++) p = __builtin_elementwise_fma(p, t, far[k]);
    for (int k = 1; k < 10; k++) q = __builtin_elementwise_fma(q, t, near[k]);
    return x * (__builtin_elementwise_abs(t) > 6.125f ? p : q);
}

KERNEL static void erfinv_f32(void *out, const void *a, long n) {
    const float *in = a;
    float *result = out, logs[256];
    for (long start = 0; start < n; start += 256) {
        long count = n - start < 256 ? n - start : 256;
        for (long i = 0; i < count; i++) {
            float x = in[start + i];
            logs[i] = logf(__builtin_elementwise_fma(x, -x, 1.0f));
        }
        LANES for (long i = 0; i < count; i++)
            result[start + i] = erfinv_series(in[start + i], logs[i]);
    }
}

// Newton's method: on erf in the middle, and in the tails on log(erfc), which is nearly a parabola.
static double erfinv_double(double x) {
    const double slope = 1.1283791670955126;  // 2 / √π
    double size = fabs(x), rest = 1 - size;
    if (!(size < 1)) return size == 1 ? x * INFINITY : NAN;
    double log_rest = -log(rest * (1 + size));
    double y = size < 0.5 ? size / slope : sqrt(fmax(0.1, log_rest - 0.5 * log(1 + 3 * log_rest)));
    for (int step = 0; step < 6; step++) {
        double density = slope * exp(-y * y);
        if (size < 0.5) y -= (erf(y) - size) / density;
        else y += erfc(y) * log(erfc(y) / rest) / density;
    }
    return copysign(y, x);
}

UNARY_CALL(erfinv, f64, erfinv_double(x))
LOOKUP(ck_unary, ck_erfinv, ROWS_FLOATS(erfinv))
