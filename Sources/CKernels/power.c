// Power: of integers, which wraps; of floats, with C's results for zeros, infinities and NaN.

#include "complex_number.h"
#include "double_math.h"

#pragma clang fp contract(fast)

// MARK: integers

INLINE u64 unsigned_power(u64 base, u64 exponent) {
    u64 result = 1;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) result *= base;
        base *= base;
    }
    return result;
}

INLINE u64 signed_power(i64 base, i64 exponent) {
    if (exponent >= 0) return unsigned_power((u64)base, (u64)exponent);
    if (base == 1) return 1;
    if (base == -1) return exponent & 1 ? (u64)-1 : 1;
    return 0;
}

// The low bits of a wrapped 64-bit power are the wrapped power of the narrow type.
#define MAKE_UNSIGNED_POWER(T, UNUSED) BINARY_CALL(power, T, (T)unsigned_power(x, y))
#define MAKE_SIGNED_POWER(T, UNUSED) BINARY_CALL(power, T, (T)signed_power(x, y))
FOR_UNSIGNED(MAKE_UNSIGNED_POWER, )
FOR_SIGNED(MAKE_SIGNED_POWER, )
BINARY_CALL(power, b8, x | (y == 0))

// MARK: float32

// exp(y·log|x|), with the sign of x if y is odd. Limits of the exponent keep NaN.
INLINE double power_double(double x, double y) {
    double size = fabs(x), log_size = log_sum(size, 0);
    log_size = size < INFINITY ? log_size : size;
    log_size = size == 0 ? -INFINITY : log_size;
    double exponent = y * log_size;
    exponent = exponent < -150 ? -150 : exponent;
    exponent = exponent > 150 ? 150 : exponent;
    double scale, rest = exp_rest(exponent, &scale);
    double value = scale * rest + scale;
    // Beyond 2^24 every float is even. Adding 2^52 rounds to an integer in the low bits.
    double bounded = fabs(y) > 0x1p30 ? 0x1p30 : fabs(y);
    double shifted = bounded + 0x1p52;
    bool whole = shifted - 0x1p52 == bounded, odd = whole & (double_bits(shifted) & 1);
    value = odd ? copysign(value, x) : value;
    value = ((x < 0) & (x > -INFINITY) & !whole) ? NAN : value;
    bool one = (y == 0) | (x == 1) | ((x == -1) & (fabs(y) == INFINITY));
    return one ? 1 : value;
}

// Powers that are a few operations. Where y is one of these it is always computed so, alone or
// among others, so that a result does not depend on what is beside it.
INLINE double cube(double x) { return x * x * x; }
// The root of -0 is 0 here, and that of -infinity infinite.
INLINE double power_of_half(double x) {
    return x == -INFINITY ? INFINITY : __builtin_elementwise_sqrt(x) + 0.0;
}

INLINE float float_power_of_half(float x) {
    return x == -INFINITY ? INFINITY : __builtin_elementwise_sqrt(x) + 0.0f;
}

INLINE bool is_easy(float y) {
    float size = __builtin_elementwise_abs(y);
    return (size == 0.5f) | (size == 2) | (y == 3) | (y == -1);
}

INLINE double easy_power(double x, double y) {
    double value = fabs(y) == 2 ? x * x : x;
    value = y == 3 ? cube(x) : value;
    value = fabs(y) == 0.5 ? power_of_half(x) : value;
    return y < 0 ? 1 / value : value;
}

INLINE double any_power(double x, double y) {
    return is_easy((float)y) ? easy_power(x, y) : power_double(x, y);
}

// A product, a quotient and a root of floats are in double, rounded, what they are in float.
UNARY_BY_DOUBLE(square, (float)x * (float)x)
UNARY_BY_DOUBLE(cube, cube(x))
UNARY_BY_DOUBLE(half_power, float_power_of_half((float)x))
UNARY_BY_DOUBLE(inverse, 1 / (float)x)
UNARY_BY_DOUBLE(inverse_square, 1 / (x * x))
UNARY_BY_DOUBLE(inverse_half_power, 1 / power_of_half(x))
BINARY_VECTORS(power, power_double(x, y))
BINARY_VECTORS(any_power, any_power(x, y))

// The kernel of an easy power of all elements alike.
static ck_unary easy_kernel(float y) {
    if (y == 2) return square_f32;
    if (y == 3) return cube_f32;
    if (y == -1) return inverse_f32;
    if (y == -2) return inverse_square_f32;
    return y == 0.5f ? half_power_f32 : inverse_half_power_f32;
}

KERNEL static bool all_alike(const float *y, long n) {
    i32 other = 0;
    float first = y[0];
    LANES for (long i = 0; i < n; i++) other |= y[i] != first;
    return !other;
}

KERNEL static bool any_easy(const float *y, long n) {
    i32 easy = 0;
    LANES for (long i = 0; i < n; i++) easy |= is_easy(y[i]);
    return easy;
}

static void power_f32(void *out, const void *a, const void *b, long n) {
    const float *y = b;
    if (n == 0) return;
    if (is_easy(y[0]) && all_alike(y, n)) {
        easy_kernel(y[0])(out, a, n);
    } else {
        run_binary_vectors(any_easy(y, n) ? any_power_vectors : power_vectors, out, a, y, n);
    }
}

ck_unary ck_with_number(ck_binary kernel, const void *number) {
    if (kernel != power_f32) return NULL;
    float y = *(const float *)number;
    return is_easy(y) ? easy_kernel(y) : NULL;
}

// MARK: other floats

INLINE c64 complex_power(c64 x, c64 y) {
    if (x.re == 0 && x.im == 0) return (c64){y.re == 0 && y.im == 0, 0};
    return from_libm(cpowf(LIBM_COMPLEX(x), LIBM_COMPLEX(y)));
}

BINARY_CALL(power, f64, pow(x, y))
BINARY_CALL(power, c64, complex_power(x, y))
LOOKUP(ck_binary, ck_power, [CK_BOOL] = power_b8, ROWS_UNSIGNED(power), ROWS_SIGNED(power),
    ROWS_FLOATS(power), [CK_C64] = power_c64)
