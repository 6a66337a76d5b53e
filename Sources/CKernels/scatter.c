// Adding by an index array; equal indices add up, in order.

#include "addition.h"

#pragma STDC FP_CONTRACT OFF

#define SCATTER(T, SUM)                                                                            \
    KERNEL static long scatter_rows_##T(void *out, const void *updates, const int64_t *idx,        \
        long n, long axis_size, long inner) {                                                      \
        for (long i = 0; i < n; i++) {                                                             \
            u64 place = place_of(idx[i], axis_size);                                               \
            if (place >= (u64)axis_size) return i;                                                 \
            T *to = (T *)out + (long)place * inner;                                                \
            const T *from = (const T *)updates + i * inner;                                        \
            LANES for (long k = 0; k < inner; k++) {                                               \
                T x = to[k], y = from[k];                                                          \
                to[k] = (SUM);                                                                     \
            }                                                                                      \
        }                                                                                          \
        return -1;                                                                                 \
    }                                                                                              \
    KERNEL static long scatter_along_##T(void *out, const void *updates, const int64_t *idx,       \
        long rows, long width, long pitch, long stride, long axis_size) {                          \
        for (long r = 0; r < rows; r++)                                                            \
            for (long column = 0; column < width; column++) {                                      \
                long e = r * pitch + column;                                                       \
                u64 place = place_of(idx[e], axis_size);                                           \
                if (place >= (u64)axis_size) return e;                                             \
                T *to = (T *)out + (long)place * stride + column;                                  \
                T x = *to, y = ((const T *)updates)[e];                                            \
                *to = (SUM);                                                                       \
            }                                                                                      \
        return -1;                                                                                 \
    }
FOR_SUMMABLE(SCATTER)
LOOKUP(ck_scatter, ck_scatter_add_rows, ROWS_SUMMABLE(scatter_rows))
LOOKUP(ck_scatter_along, ck_scatter_add_along, ROWS_SUMMABLE(scatter_along))
