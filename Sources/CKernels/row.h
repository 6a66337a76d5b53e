// Blocks of float rows in lanes: a fixed order of operations for every instruction set.

#ifndef CK_ROW_H
#define CK_ROW_H

#include "kernel.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

// Elements of a block; what is summed in one type before double joins the sums.
enum { BLOCK = 4096 };

typedef float f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef double f64x8 __attribute__((ext_vector_type(8), aligned(8)));

// Asks for what a walk along memory meets a page later: the processor's own requests end with a
// page, and begin anew in the next one.
#define ASK_AHEAD(T, x, count)                                                                     \
    UNROLL for (long ahead = 0; ahead < (count); ahead += 64 / (long)sizeof(T))                    \
        __builtin_prefetch((const char *)((x) + ahead) + 4096);

// Joins `count` elements with OP, in four vectors of W lanes; ONE is the neutral element.
#define ROW_BLOCK(NAME, T, V, W, OP, ONE)                                                       \
    INLINE T NAME##_block_##T(const T *x, long count) {                                            \
        V a = ONE, b = ONE, c = ONE, d = ONE;                                                      \
        long i = 0;                                                                                \
        for (; i + 4 * W <= count; i += 4 * W) {                                                   \
            ASK_AHEAD(T, x + i, 4 * W)                                                             \
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

// The largest element; NaN is passed over, since it comes back with the exponentials.
#define LARGEST(T, V, W)                                                                           \
    INLINE T largest_##T(const T *x, long n) {                                                     \
        V a = (T)-INFINITY, b = a;                                                                 \
        T best = -(T)INFINITY;                                                                     \
        long i = 0;                                                                                \
        for (; i + 2 * W <= n; i += 2 * W) {                                                       \
            V p = *(const V *)(x + i), q = *(const V *)(x + i + W);                                \
            ASK_AHEAD(T, x + i, 2 * W)                                                             \
            a = p > a ? p : a;                                                                     \
            b = q > b ? q : b;                                                                     \
        }                                                                                          \
        a = b > a ? b : a;                                                                         \
        for (int lane = 0; i > 0 && lane < W; lane++) best = a[lane] > best ? a[lane] : best;      \
        for (; i < n; i++) best = x[i] > best ? x[i] : best;                                       \
        return best;                                                                               \
    }
LARGEST(f32, f32x16, 16)
LARGEST(f64, f64x8, 8)

// The sum of a vector's lanes; by address, as its way into a function depends on the machine.
INLINE f32 lanes_f32(const f32x16 *v) {
    __auto_type w = v->lo + v->hi;
    __auto_type x = w.lo + w.hi;
    __auto_type y = x.lo + x.hi;
    return y.x + y.y;
}
INLINE f64 lanes_f64(const f64x8 *v) {
    __auto_type x = v->lo + v->hi;
    __auto_type y = x.lo + x.hi;
    return y.x + y.y;
}

// The sum of TERM(V, i) over a row, where V is the type of a vector or of one element: blocks in
// the row's type, joined in double. A term may read x, y and z by AT and use `shift`.
#define AT(V, pointer, i) (*(const V *)((pointer) + (i)))
#define ROW_TOTAL(NAME, T, V, W, TERM)                                                             \
    INLINE double NAME##_##T(const T *x, const T *y, const T *z, T shift, long n) {                \
        double total = 0;                                                                          \
        for (long start = 0; start < n; start += BLOCK) {                                          \
            long end = start + smaller(n - start, BLOCK), i = start;                               \
            V a = 0, b = 0, c = 0, d = 0;                                                          \
            for (; i + 4 * W <= end; i += 4 * W) {                                                 \
                a += TERM(V, i);                                                                   \
                b += TERM(V, i + W);                                                               \
                c += TERM(V, i + 2 * W);                                                           \
                d += TERM(V, i + 3 * W);                                                           \
            }                                                                                      \
            for (; i + W <= end; i += W) a += TERM(V, i);                                          \
            T rest = 0;                                                                            \
            for (; i < end; i++) rest += TERM(T, i);                                               \
            V joined = (a + b) + (c + d);                                                          \
            total += (double)lanes_##T(&joined) + (double)rest;                                    \
        }                                                                                          \
        return total;                                                                              \
    }
#define ROW_TOTALS(NAME, TERM)                                                                     \
    ROW_TOTAL(NAME, f32, f32x16, 16, TERM)                                                         \
    ROW_TOTAL(NAME, f64, f64x8, 8, TERM)

#endif
