// Circular functions and their inverses.

#include "complex_number.h"
#include "double_math.h"

#pragma clang fp contract(fast)

// π/2 in two parts, the first of 33 bits: its multiples up to 2^20 are exact in double.
static const double HALF_PI_HIGH = 0x1.921fb544p+0, HALF_PI_LOW = 0x1.0b4611a626331p-34;

// x = quarter·π/2 + rest for |x| <= 2^20. The reduction is made in double: in float the result
// would lose all digits near multiples of π.
INLINE double quarter_rest(double x, u64 *quarter) {
    const double shift = 0x1.8p52;
    double shifted = x * 0.63661977236758134 + shift;
    double count = shifted - shift;
    *quarter = double_bits(shifted);
    return (x - count * HALF_PI_HIGH) - count * HALF_PI_LOW;
}

// sin(x + turn·π/2)
INLINE float sine(double x, u64 turn) {
    u64 quarter;
    float r = (float)quarter_rest(x, &quarter), z = r * r;
    i32 turns = (i32)(quarter + turn);
    float s = (-1.951087033e-04f * z + 8.332131431e-03f) * z + -1.666665375e-01f;
    s = s * (z * r) + r;
    float c = (2.443124140e-05f * z + -1.388730598e-03f) * z + 4.166664556e-02f;
    c = c * (z * z) + (1.0f - 0.5f * z);
    float value = turns & 1 ? c : s;
    return turns & 2 ? -value : value;
}

// tan(x) for |x| <= 2^20, as a quotient of two polynomials, which an odd quarter turns over.
INLINE double tangent(double x) {
    u64 quarter;
    double r = quarter_rest(x, &quarter), z = r * r;
    double p = 0x1.c490c66c6b1a4p-18;
    p = p * z + 0x1.64ceb4b62936cp-10;
    p = p * z + -0x1.d87ab5fdd89edp-4;
    double above = r * (p * z + 1), below = 0x1.202f1cc8ad675p-6;
    below = below * z + -0x1.cb7402d4c25bep-2;
    below = below * z + 1;
    return quarter & 1 ? -below / above : above / below;
}

// Where the reduction is not exact. Such elements go through libm; they are rare.
INLINE bool is_huge(float x) {
    float size = __builtin_elementwise_abs(x);
    return (size > 0x1p20f) & (size < INFINITY);
}

KERNEL static bool any_huge(const float *x, long n) {
    i32 some = 0;
    LANES for (long i = 0; i < n; i++) some |= is_huge(x[i]);
    return some;
}

static void run_circular(
    unary_vectors *kernel, float (*call)(float), float *out, const float *in, long n) {
    for (long start = 0; start < n; start += PIECE) {
        long count = smaller(n - start, PIECE);
        const float *x = in + start;
        if (!any_huge(x, count)) {
            run_unary_vectors(kernel, out + start, x, count);
            continue;
        }
        float values[PIECE];
        run_unary_vectors(kernel, values, x, count);
        for (long i = 0; i < count; i++)
            if (is_huge(x[i])) values[i] = call(x[i]);
        memcpy(out + start, values, (size_t)count * sizeof *values);
    }
}

#define CIRCULAR(NAME, EXPRESSION, CALL)                                                           \
    UNARY_VECTORS(NAME, EXPRESSION)                                                                \
    static void NAME##_f32(void *out, const void *a, long n) {                                     \
        run_circular(NAME##_vectors, CALL, out, a, n);                                             \
    }

CIRCULAR(sin, x == 0 ? (float)x : sine(x, 0), sinf)
UNARY_CALL(sin, f64, sin(x))
UNARY_CALL(sin, c64, from_libm(csinf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_sin, ROWS_FLOATS(sin), [CK_C64] = sin_c64)

CIRCULAR(cos, sine(x, 1), cosf)
UNARY_CALL(cos, f64, cos(x))
UNARY_CALL(cos, c64, from_libm(ccosf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_cos, ROWS_FLOATS(cos), [CK_C64] = cos_c64)

INLINE float minus_sine(float x) { return -sinf(x); }
CIRCULAR(cos_slope, x == 0 ? (float)-x : sine(x, 2), minus_sine)
UNARY_CALL(cos_slope, f64, -sin(x))
LOOKUP(ck_unary, ck_cos_slope, ROWS_FLOATS(cos_slope))

// libm's own in float is off by one in the last place.
INLINE float tangent_call(float x) { return (float)tan((double)x); }
CIRCULAR(tan, tangent(x), tangent_call)
UNARY_CALL(tan, f64, tan(x))
UNARY_CALL(tan, c64, from_libm(ctanf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_tan, ROWS_FLOATS(tan), [CK_C64] = tan_c64)

// MARK: inverses

// asin(√z) / √z for 0 <= z <= 1/4.
INLINE double arcsine_ratio(double z) {
    static const double c[] = {0x1.55555547de7bdp-3, 0x1.3333408750444p-4, 0x1.6db25ce7c62d8p-5,
        0x1.f2819e93b7d44p-6, 0x1.6643dea5deb4cp-6, 0x1.522e96af507c9p-6, 0x1.05469d8946371p-9,
        0x1.0d7cdfe423b66p-5};
    return polynomial(z, c, 8) * z + 1;
}

// The angle between |x| and the nearer end of 0 and 1 there: asin of |x| up to 1/2, else acos, by
// the half angle.
INLINE double nearer_angle(double x) {
    double size = fabs(x), z = size > 0.5 ? 0.5 - 0.5 * size : x * x;
    double root = size > 0.5 ? 2 * __builtin_elementwise_sqrt(z) : size;
    return root * arcsine_ratio(z);
}

INLINE double arcsine(double x) {
    double angle = nearer_angle(x);
    return copysign(fabs(x) > 0.5 ? M_PI_2 - angle : angle, x);
}

INLINE double arccosine(double x) {
    double angle = nearer_angle(x), turned = x < 0 ? M_PI - angle : angle;
    return fabs(x) > 0.5 ? turned : M_PI_2 - copysign(angle, x);
}

INLINE double arctangent(double x) {
    double size = fabs(x), inside = size > 1 ? 1 / size : size;
    double angle = arctangent_below_one(inside);
    return copysign(size > 1 ? M_PI_2 - angle : angle, x);
}

UNARY_BY_DOUBLE(asin, arcsine(x))
UNARY_CALL(asin, f64, asin(x))
UNARY_CALL(asin, c64, from_libm(casinf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_asin, ROWS_FLOATS(asin), [CK_C64] = asin_c64)

UNARY_BY_DOUBLE(acos, arccosine(x))
UNARY_CALL(acos, f64, acos(x))
UNARY_CALL(acos, c64, from_libm(cacosf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_acos, ROWS_FLOATS(acos), [CK_C64] = acos_c64)

UNARY_BY_DOUBLE(atan, arctangent(x))
UNARY_CALL(atan, f64, atan(x))
UNARY_CALL(atan, c64, from_libm(catanf(LIBM_COMPLEX(x))))
LOOKUP(ck_unary, ck_atan, ROWS_FLOATS(atan), [CK_C64] = atan_c64)

BINARY_BY_DOUBLE(arctan2, angle_of(x, y))
BINARY_CALL(arctan2, f64, atan2(x, y))
LOOKUP(ck_binary, ck_arctan2, ROWS_FLOATS(arctan2))
