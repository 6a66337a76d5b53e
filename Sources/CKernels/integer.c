// Division and remainder: the integer versions have corners that C leaves undefined.

#include "kernel.h"

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

INLINE float floor_rest_f32(float x, float y) {
    float rest = fmodf(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

INLINE double floor_rest_f64(double x, double y) {
    double rest = fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
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

BINARY_CALL(remainder, f32, floor_rest_f32(x, y))
BINARY_CALL(remainder, f64, floor_rest_f64(x, y))
LOOKUP(ck_binary, ck_remainder, [CK_BOOL] = remainder_b8, ROWS_UNSIGNED(remainder),
    ROWS_SIGNED(remainder), ROWS_FLOATS(remainder))
