// Circular functions and their inverses.

#include "complex_number.h"

#include <math.h>

#pragma clang fp contract(fast)

// π/2 in two parts, the first of 33 bits: its multiples up to 2^20 are exact in double.
static const double HALF_PI_HIGH = 0x1.921fb544p+0, HALF_PI_LOW = 0x1.0b4611a626331p-34;

// sin(x + quarter·π/2) for |x| <= 2^20. The reduction is made in double: in float the result would
// lose all digits near multiples of π.
INLINE float sine(float x, i64 quarter) {
    const double shift = 0x1.8p52;
    double shifted = (double)x * 0.63661977236758134 + shift;
    double count = shifted - shift;
    i64 bits;
    memcpy(&bits, &shifted, sizeof bits);
    i32 turn = (i32)(bits + quarter);
    float r = (float)(((double)x - count * HALF_PI_HIGH) - count * HALF_PI_LOW);
    float z = r * r;
    float s = (-1.951087033e-04f * z + 8.332131431e-03f) * z + -1.666665375e-01f;
    s = s * (z * r) + r;
    float c = (2.443124140e-05f * z + -1.388730598e-03f) * z + 4.166664556e-02f;
    c = c * (z * z) + (1.0f - 0.5f * z);
    float value = turn & 1 ? c : s;
    return turn & 2 ? -value : value;
}

// Chunks in which a value is huge or not finite, which is rare, go through libm.
#define CIRCULAR(NAME, FAST, CALL)                                                                 \
    KERNEL static void NAME##_f32(void *out, const void *a, long n) {                              \
        const float *in = a;                                                                       \
        float *result = out;                                                                       \
        for (long start = 0; start < n; start += 256) {                                            \
            long end = start + 256 < n ? start + 256 : n;                                          \
            u32 wild = 0;                                                                          \
            for (long i = start; i < end; i++)                                                     \
                wild |= !(__builtin_elementwise_abs(in[i]) <= 0x1p20f);                            \
            if (wild) {                                                                            \
                for (long i = start; i < end; i++) result[i] = CALL(in[i]);                        \
                continue;                                                                          \
            }                                                                                      \
            LANES for (long i = start; i < end; i++) {                                             \
                float x = in[i];                                                                   \
                result[i] = (FAST);                                                                \
            }                                                                                      \
        }                                                                                          \
    }

CIRCULAR(sin, x == 0 ? x : sine(x, 0), sinf)
UNARY_CALL(sin, f64, sin(x))
UNARY_CALL(sin, c64, from_libm(csinf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_sin, ROWS_FLOATS(sin), [CK_C64] = sin_c64)

CIRCULAR(cos, sine(x, 1), cosf)
UNARY_CALL(cos, f64, cos(x))
UNARY_CALL(cos, c64, from_libm(ccosf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_cos, ROWS_FLOATS(cos), [CK_C64] = cos_c64)

INLINE float minus_sine(float x) { return -sinf(x); }
CIRCULAR(cos_slope, x == 0 ? -x : sine(x, 2), minus_sine)
UNARY_CALL(cos_slope, f64, -sin(x))
LOOKUP(ck_unary, ck_cos_slope, ROWS_FLOATS(cos_slope))

UNARY_CALL(tan, f32, tanf(x))
UNARY_CALL(tan, f64, tan(x))
UNARY_CALL(tan, c64, from_libm(ctanf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_tan, ROWS_FLOATS(tan), [CK_C64] = tan_c64)

UNARY_CALL(asin, f32, asinf(x))
UNARY_CALL(asin, f64, asin(x))
UNARY_CALL(asin, c64, from_libm(casinf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_asin, ROWS_FLOATS(asin), [CK_C64] = asin_c64)

UNARY_CALL(acos, f32, acosf(x))
UNARY_CALL(acos, f64, acos(x))
UNARY_CALL(acos, c64, from_libm(cacosf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_acos, ROWS_FLOATS(acos), [CK_C64] = acos_c64)

UNARY_CALL(atan, f32, atanf(x))
UNARY_CALL(atan, f64, atan(x))
UNARY_CALL(atan, c64, from_libm(catanf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_atan, ROWS_FLOATS(atan), [CK_C64] = atan_c64)

BINARY_CALL(arctan2, f32, atan2f(x, y))
BINARY_CALL(arctan2, f64, atan2(x, y))
LOOKUP(ck_binary, ck_arctan2, ROWS_FLOATS(arctan2))
