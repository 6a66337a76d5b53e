// Rows joined element by element, eight at a time: fewer reads and writes of the sums than a row at
// a time makes. The order is the same for every instruction set.

#include "kernel.h"

#pragma STDC FP_CONTRACT OFF

#define ROW(i) in[j + (i) * stride]
#define FOUR(JOIN, i) JOIN(JOIN(ROW(i), ROW(i + 4)), JOIN(ROW(i + 2), ROW(i + 6)))
#define EIGHT(NAME, T, JOIN)                                                                       \
    KERNEL static void NAME##_##T(                                                                 \
        void *out, const void *rows, long stride, long columns, long count, int is_joined) {       \
        const T *in = rows;                                                                        \
        T *result = out;                                                                           \
        for (long row = 0; row < count; row += 8, in += 8 * stride) {                              \
            if (row > 0 || is_joined) {                                                            \
                LANES for (long j = 0; j < columns; j++) {                                         \
                    T eight = JOIN(FOUR(JOIN, 0), FOUR(JOIN, 1));                                  \
                    result[j] = JOIN(result[j], eight);                                            \
                }                                                                                  \
            } else {                                                                               \
                LANES for (long j = 0; j < columns; j++)                                           \
                    result[j] = JOIN(FOUR(JOIN, 0), FOUR(JOIN, 1));                                \
            }                                                                                      \
        }                                                                                          \
    }

#define SUM(x, y) ((x) + (y))
#define FUNCTION(NAME, T, VALUE)                                                                   \
    INLINE T NAME##_of_##T(T x, T y) { return (VALUE); }
#define EXTREMES(T, UNUSED)                                                                        \
    FUNCTION(larger, T, ((x > y) | (x != x)) ? x : y)                                              \
    FUNCTION(smaller, T, ((x < y) | (x != x)) ? x : y)                                             \
    EIGHT(add, T, SUM)                                                                             \
    EIGHT(larger, T, larger_of_##T)                                                                \
    EIGHT(smaller, T, smaller_of_##T)
FOR_FLOATS(EXTREMES, )

LOOKUP(ck_eights, ck_add_eights, ROWS_FLOATS(add))
LOOKUP(ck_eights, ck_maximum_eights, ROWS_FLOATS(larger))
LOOKUP(ck_eights, ck_minimum_eights, ROWS_FLOATS(smaller))
