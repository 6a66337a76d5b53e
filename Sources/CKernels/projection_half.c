// Few rows times weights of 16 bits, which are widened in registers.

#include "float_math.h"
#include "half.h"
#include "row.h"

#include "ck_projection.h"

typedef u32 u32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef f16 f16x16 __attribute__((ext_vector_type(16), aligned(2)));

KERNEL void ck_arrange_half_row(float *out, const float *x, long n, int dtype) {
    long padded = (n + 31) / 32 * 32;
    if (dtype != CK_BF16) {
        memcpy(out, x, (size_t)n * sizeof(float));
        for (long i = n; i < padded; i++) out[i] = 0;
        return;
    }
    for (long start = 0; start < padded; start += 32)
        for (long i = 0; i < 32; i++)
            out[start + i / 2 + i % 2 * 16] = start + i < n ? x[start + i] : 0;
}

// 32 elements as two vectors in the order of the arranged row.
INLINE void widen_bf16(f32x16 *first, f32x16 *second, const u16 *in) {
    u32x16 pairs = *(const u32x16 *)in;
    *first = (f32x16)(pairs << 16);
    *second = (f32x16)(pairs & 0xFFFF0000u);
}
INLINE void widen_f16(f32x16 *first, f32x16 *second, const u16 *in) {
    *first = __builtin_convertvector(*(const f16x16 *)in, f32x16);
    *second = __builtin_convertvector(*(const f16x16 *)(in + 16), f32x16);
}

// A row after the other: several at once would be as many streams from memory, which bring half as
// much.
#define HALF_DOTS(NAME)                                                                            \
    INLINE float dot_##NAME(const u16 *weights, long n, const float *x) {                          \
        _Pragma("clang fp contract(fast)")                                                         \
        f32x16 total = 0, other = 0, a, b;                                                         \
        long i = 0;                                                                                \
        for (; i + 32 <= n; i += 32) {                                                             \
            widen_##NAME(&a, &b, weights + i);                                                     \
            total += a * AT(f32x16, x, i);                                                         \
            other += b * AT(f32x16, x, i + 16);                                                    \
        }                                                                                          \
        if (i < n) {                                                                               \
            u16 last[32] = {0};                                                                    \
            memcpy(last, weights + i, (size_t)(n - i) * sizeof *last);                             \
            widen_##NAME(&a, &b, last);                                                            \
            total += a * AT(f32x16, x, i);                                                         \
            other += b * AT(f32x16, x, i + 16);                                                    \
        }                                                                                          \
        total += other;                                                                            \
        return lanes_f32(&total);                                                                  \
    }                                                                                              \
    KERNEL static void dots_##NAME(float *out, long stride, const u16 *weights, long width,        \
        long rows, long n, const float *x, long x_stride, long count) {                            \
        for (long row = 0; row < rows; row++)                                                      \
            for (long i = 0; i < count; i++)                                                       \
                out[i * stride + row] = dot_##NAME(weights + row * width, n, x + i * x_stride);    \
    }
HALF_DOTS(bf16)
HALF_DOTS(f16)

void ck_half_dots(float *out, long stride, const void *weights, long width, long rows, long n,
    int dtype, const float *x, long x_stride, long count) {
    if (dtype == CK_BF16)
        return dots_bf16(out, stride, weights, width, rows, n, x, x_stride, count);
    dots_f16(out, stride, weights, width, rows, n, x, x_stride, count);
}
