// Sums and products of one contiguous row.
//
// A float row is cut into blocks of 4096; a block is summed in 64 lanes of its own type that are
// joined in a fixed tree, and blocks are joined in double. The order is the same for every
// instruction set, and so are the bits.

#include "row.h"

#pragma STDC FP_CONTRACT OFF

#define ROW_KERNEL(NAME, T, OP, ONE)                                                               \
    KERNEL static void NAME##_##T(void *out, const void *in, long n) {                             \
        const T *x = in;                                                                           \
        double total = ONE;                                                                        \
        for (long start = 0; start < n; start += BLOCK)                                            \
            total = total OP NAME##_block_##T(x + start, smaller(n - start, BLOCK));               \
        *(T *)out = (T)total;                                                                      \
    }

ROW_BLOCK(product, f32, f32x16, 16, *, 1)
ROW_BLOCK(product, f64, f64x8, 8, *, 1)
ROW_KERNEL(sum, f32, +, 0)
ROW_KERNEL(sum, f64, +, 0)
ROW_KERNEL(product, f32, *, 1)
ROW_KERNEL(product, f64, *, 1)

// Integer operations associate, so the compiler may order them as it likes.
#define INTEGER_KERNEL(T, NAME, OP, ONE)                                                           \
    KERNEL static void NAME##_##T(void *out, const void *in, long n) {                             \
        const T *x = in;                                                                           \
        T total = ONE;                                                                             \
        for (long i = 0; i < n; i++) total = (T)(1u * total OP x[i]);                              \
        *(T *)out = total;                                                                         \
    }
FOR_UNSIGNED(INTEGER_KERNEL, sum, +, 0)
FOR_UNSIGNED(INTEGER_KERNEL, product, *, 1)

// Real and imaginary parts alternate in the lanes: 8 complex lanes in each of four vectors.
KERNEL static void sum_c64(void *out, const void *in, long n) {
    const float *x = in;
    double re = 0, im = 0;
    for (long start = 0; start < 2 * n; start += BLOCK) {
        long count = smaller(2 * n - start, BLOCK);
        f32x16 a = 0, b = 0;
        float rest[2] = {0, 0}, lanes[16];
        long i = start, end = start + count;
        for (; i + 32 <= end; i += 32) {
            a += *(const f32x16 *)(x + i);
            b += *(const f32x16 *)(x + i + 16);
        }
        for (; i < end; i++) rest[i & 1] += x[i];
        a += b;
        memcpy(lanes, &a, sizeof lanes);
        for (int width = 8; width > 1; width /= 2)
            for (int lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
        re += lanes[0] + rest[0];
        im += lanes[1] + rest[1];
    }
    *(c64 *)out = (c64){(float)re, (float)im};
}

static void product_c64(void *out, const void *in, long n) {
    const c64 *x = in;
    double re = 1, im = 0;
    for (long i = 0; i < n; i++) {
        double joined = re * x[i].re - im * x[i].im;
        im = re * x[i].im + im * x[i].re;
        re = joined;
    }
    *(c64 *)out = (c64){(float)re, (float)im};
}

// The answer is usually known early, so blocks are looked at in turn.
KERNEL static void any_b8(void *out, const void *in, long n) {
    const b8 *x = in;
    b8 found = 0;
    for (long start = 0; start < n && !found; start += BLOCK) {
        long end = start + smaller(n - start, BLOCK);
        for (long i = start; i < end; i++) found |= x[i];
    }
    *(b8 *)out = found != 0;
}

KERNEL static void all_b8(void *out, const void *in, long n) {
    const b8 *x = in;
    b8 missing = 0;
    for (long start = 0; start < n && !missing; start += BLOCK) {
        long end = start + smaller(n - start, BLOCK);
        for (long i = start; i < end; i++) missing |= x[i] == 0;
    }
    *(b8 *)out = missing == 0;
}

LOOKUP(ck_reduce, ck_sum_row, [CK_BOOL] = any_b8, ROWS_WRAPPING(sum), ROWS_FLOATS(sum),
    [CK_C64] = sum_c64)
LOOKUP(ck_reduce, ck_product_row, [CK_BOOL] = all_b8, ROWS_WRAPPING(product), ROWS_FLOATS(product),
    [CK_C64] = product_c64)
LOOKUP(ck_reduce, ck_all_row, [CK_BOOL] = all_b8)
LOOKUP(ck_reduce, ck_any_row, [CK_BOOL] = any_b8)
