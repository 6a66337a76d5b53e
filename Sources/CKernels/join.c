// Joining rows into an array where indices name them, which are known to lie inside.

#include "ck_scatter.h"
#include "addition.h"
#include "complex_number.h"

#pragma STDC FP_CONTRACT OFF

long ck_join_places(int64_t *out, const int64_t *idx, long n, long axis_size) {
    for (long i = 0; i < n; i++) {
        u64 place = place_of(idx[i], axis_size);
        if (place >= (u64)axis_size) return i;
        out[i] = out[i] * axis_size + (int64_t)place;
    }
    return -1;
}

long ck_nonzero(int64_t *out, const uint8_t *in, long n) {
    long count = 0;
    for (long i = 0; i < n; i++)
        if (in[i]) out[count++] = i;
    return count;
}

#define JOIN(NAME, T, RESULT)                                                                      \
    KERNEL static void NAME##_##T(void *out, const void *updates, const int64_t *places, long n,   \
        long stride, long columns) {                                                               \
        for (long i = 0; i < n; i++) {                                                             \
            T *to = (T *)out + places[i] * stride;                                                 \
            const T *from = (const T *)updates + i * stride;                                       \
            LANES for (long k = 0; k < columns; k++) {                                             \
                T x = to[k], y = from[k];                                                          \
                (void)x;                                                                           \
                to[k] = (RESULT);                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#define JOIN_SET(T, UNUSED) JOIN(set, T, y)
FOR_UNSIGNED(JOIN_SET, )

ck_join_rows _Nullable ck_join_set(int itemsize) {
    switch (itemsize) {
    case 1: return set_u8;
    case 2: return set_u16;
    case 4: return set_u32;
    case 8: return set_u64;
    default: return NULL;
    }
}

// The half types are joined as float32, so that a sum of many rounds once.
JOIN(add, b8, x | y)
JOIN(multiply, b8, x & y)
#define JOIN_WRAPPING(T, UNUSED)                                                                   \
    JOIN(add, T, (T)(x + y))                                                                       \
    JOIN(multiply, T, (T)((u64)x * y))
FOR_UNSIGNED(JOIN_WRAPPING, )
#define JOIN_FLOATS(T, UNUSED)                                                                     \
    JOIN(add, T, x + y)                                                                            \
    JOIN(multiply, T, x * y)                                                                       \
    JOIN(minimum, T, ((x < y) | (x != x)) ? x : y)                                                 \
    JOIN(maximum, T, ((x > y) | (x != x)) ? x : y)
FOR_FLOATS(JOIN_FLOATS, )
#define JOIN_ORDERED(T, UNUSED)                                                                    \
    JOIN(minimum, T, x < y ? x : y)                                                                \
    JOIN(maximum, T, x > y ? x : y)
FOR_UNSIGNED(JOIN_ORDERED, )
FOR_SIGNED(JOIN_ORDERED, )

INLINE bool keeps_smaller(c64 x, c64 y) {
    return complex_nan(x) || (!complex_nan(y) && complex_less(x, y));
}
INLINE bool keeps_larger(c64 x, c64 y) {
    return complex_nan(x) || (!complex_nan(y) && complex_less(y, x));
}
JOIN(add, c64, complex_add(x, y))
JOIN(multiply, c64, complex_multiply(x, y))
JOIN(minimum, c64, keeps_smaller(x, y) ? x : y)
JOIN(maximum, c64, keeps_larger(x, y) ? x : y)

#define ROWS_JOINED(N) [CK_BOOL] = N##_b8, ROWS_WRAPPING(N), ROWS_FLOATS(N), [CK_C64] = N##_c64
#define ROWS_ORDERED(N)                                                                            \
    [CK_BOOL] = N##_u8, ROWS_UNSIGNED(N), ROWS_SIGNED(N), ROWS_FLOATS(N), [CK_C64] = N##_c64
LOOKUP(ck_join_rows, ck_join_add, ROWS_JOINED(add))
LOOKUP(ck_join_rows, ck_join_multiply, ROWS_JOINED(multiply))
LOOKUP(ck_join_rows, ck_join_minimum, ROWS_ORDERED(minimum))
LOOKUP(ck_join_rows, ck_join_maximum, ROWS_ORDERED(maximum))

// MARK: tangents

// Rows of updates u with tangents q are joined to rows of x with tangents p, as VALUE and CHANGE
// say.
#define JOIN_TANGENT(NAME, T, VALUE, CHANGE)                                                       \
    KERNEL static void NAME##_tangent_##T(void *out, void *out_change, const void *updates,        \
        const void *changes, const int64_t *places, long n, long stride, long columns) {           \
        for (long i = 0; i < n; i++) {                                                             \
            T *to = (T *)out + places[i] * stride, *moves = (T *)out_change + places[i] * stride;  \
            const T *from = (const T *)updates + i * stride, *by = (const T *)changes + i * stride;\
            LANES for (long k = 0; k < columns; k++) {                                             \
                T x = to[k], p = moves[k], u = from[k], q = by[k];                                 \
                to[k] = (VALUE);                                                                   \
                moves[k] = (CHANGE);                                                               \
            }                                                                                      \
        }                                                                                          \
    }
#define JOIN_TANGENTS(T, UNUSED)                                                                   \
    JOIN_TANGENT(multiply, T, x * u, p * u + x * q)                                                \
    JOIN_TANGENT(minimum, T, u < x ? u : x, u < x ? q : u == x ? p + q : p)                        \
    JOIN_TANGENT(maximum, T, u > x ? u : x, u > x ? q : u == x ? p + q : p)
FOR_FLOATS(JOIN_TANGENTS, )
LOOKUP(ck_join_tangents, ck_join_multiply_tangent, ROWS_FLOATS(multiply_tangent))
LOOKUP(ck_join_tangents, ck_join_minimum_tangent, ROWS_FLOATS(minimum_tangent))
LOOKUP(ck_join_tangents, ck_join_maximum_tangent, ROWS_FLOATS(maximum_tangent))
