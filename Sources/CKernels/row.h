// Blocks of float rows in lanes: a fixed order of operations for every instruction set.

#ifndef CK_ROW_H
#define CK_ROW_H

#include "kernel.h"

#pragma STDC FP_CONTRACT OFF

// Elements of a block; what is summed in one type before double joins the sums.
enum { BLOCK = 4096 };

typedef float f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef double f64x8 __attribute__((ext_vector_type(8), aligned(8)));

// Joins `count` elements with OP, in four vectors of W lanes; ONE is the neutral element.
#define ROW_BLOCK(NAME, T, V, W, OP, ONE)                                                       \
    INLINE T NAME##_block_##T(const T *x, long count) {                                            \
        V a = ONE, b = ONE, c = ONE, d = ONE;                                                      \
        long i = 0;                                                                                \
        for (; i + 4 * W <= count; i += 4 * W) {                                                   \
            a = a OP *(const V *)(x + i);                                                          \
            b = b OP *(const V *)(x + i + W);                                                      \
            c = c OP *(const V *)(x + i + 2 * W);                                                  \
            d = d OP *(const V *)(x + i + 3 * W);                                                  \
        }                                                                                          \
        for (; i + W <= count; i += W) a = a OP *(const V *)(x + i);                               \
        T rest[2] = {ONE, ONE};                                                                    \
        for (; i < count; i++) rest[i & 1] = rest[i & 1] OP x[i];                                  \
        V joined = (a OP b) OP (c OP d);                                                           \
        T lanes[W];                                                                                \
        memcpy(lanes, &joined, sizeof lanes);                                                      \
        for (int width = W / 2; width > 0; width /= 2)                                             \
            for (int lane = 0; lane < width; lane++)                                               \
                lanes[lane] = lanes[lane] OP lanes[lane + width];                                  \
        return lanes[0] OP (rest[0] OP rest[1]);                                                   \
    }

ROW_BLOCK(sum, f32, f32x16, 16, +, 0)
ROW_BLOCK(sum, f64, f64x8, 8, +, 0)

#endif
