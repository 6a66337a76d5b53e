// Division and remainder: the integer versions have corners that C leaves undefined.

#include "double_vectors.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

// MARK: division rounding towards minus infinity

#define MAKE_UNSIGNED(T, UNUSED)                                                                   \
    BINARY(floor_divide, T, (T)(y == 0 ? 0 : x / y))                                               \
    BINARY(remainder, T, (T)(y == 0 ? 0 : x % y))
// Dividing the smallest value by -1 traps; the quotient by -1 is the wrapped negation.
#define MAKE_SIGNED(T, UNUSED)                                                                     \
    INLINE T floor_quotient_##T(T x, T y) {                                                        \
        if (y == 0) return 0;                                                                      \
        if (y == -1) return (T)(0 - (u64)x);                                                       \
        T quotient = (T)(x / y), rest = (T)(x % y);                                                \
        return (T)(quotient - (rest != 0 && (rest < 0) != (y < 0)));                               \
    }                                                                                              \
    INLINE T floor_rest_##T(T x, T y) {                                                            \
        if (y == 0 || y == -1) return 0;                                                           \
        T rest = (T)(x % y);                                                                       \
        return (T)(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);                          \
    }                                                                                              \
    BINARY(floor_divide, T, floor_quotient_##T(x, y))                                              \
    BINARY(remainder, T, floor_rest_##T(x, y))

// What division towards zero leaves, made what division towards minus infinity does.
INLINE double floor_rest(double rest, double y) {
    return ((rest != 0) & ((rest < 0) != (y < 0))) ? rest + y : rest;
}

// Exact for quotients of floats below 2^29: then the quotient in double lies on the right side of
// every integer, its product with y has 53 bits, and what is left is a float. A y that is infinite
// leaves x.
INLINE double truncated_rest(double x, double y) {
    double quotient = __builtin_elementwise_trunc(x / y);
    return copysign(quotient == 0 ? x : x - quotient * y, x);
}

FOR_UNSIGNED(MAKE_UNSIGNED, )
FOR_SIGNED(MAKE_SIGNED, )
BINARY(floor_divide, f32, __builtin_elementwise_floor(x / y))
BINARY(floor_divide, f64, __builtin_elementwise_floor(x / y))
// Of truth values: what a quotient of 0 and 1 is, with zero for a divisor of zero.
BINARY(floor_divide, b8, x & y)
BINARY(remainder, b8, 0)
LOOKUP(ck_binary, ck_floor_divide, [CK_BOOL] = floor_divide_b8, ROWS_UNSIGNED(floor_divide),
    ROWS_SIGNED(floor_divide), ROWS_FLOATS(floor_divide))

// Where a quotient is larger, and x and y are finite and not 0.
INLINE bool is_beyond_doubles(float x, float y) {
    double size = fabs((double)x);
    return (size >= 0x1p29 * fabs((double)y)) & (size < INFINITY) & (y != 0);
}

KERNEL static bool any_beyond_doubles(const float *x, const float *y, long n) {
    i32 some = 0;
    LANES for (long i = 0; i < n; i++) some |= is_beyond_doubles(x[i], y[i]);
    return some;
}

BINARY_VECTORS(remainder, floor_rest(truncated_rest(x, y), y))

static void remainder_f32(void *out, const void *a, const void *b, long n) {
    const float *left = a, *right = b;
    float *result = out;
    for (long start = 0; start < n; start += PIECE) {
        long count = smaller(n - start, PIECE);
        const float *x = left + start, *y = right + start;
        if (!any_beyond_doubles(x, y, count)) {
            run_binary_vectors(remainder_vectors, result + start, x, y, count);
            continue;
        }
        float rests[PIECE];
        run_binary_vectors(remainder_vectors, rests, x, y, count);
        for (long i = 0; i < count; i++)
            if (is_beyond_doubles(x[i], y[i]))
                rests[i] = (float)floor_rest((double)fmodf(x[i], y[i]), (double)y[i]);
        memcpy(result + start, rests, (size_t)count * sizeof *rests);
    }
}

BINARY_CALL(remainder, f64, floor_rest(fmod(x, y), y))
LOOKUP(ck_binary, ck_remainder, [CK_BOOL] = remainder_b8, ROWS_UNSIGNED(remainder),
    ROWS_SIGNED(remainder), ROWS_FLOATS(remainder))
