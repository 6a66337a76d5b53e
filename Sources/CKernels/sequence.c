// Evenly spaced values.

#include "half.h"

#pragma STDC FP_CONTRACT OFF

#define FLOAT_SEQUENCE(T, R, EXPRESSION)                                                           \
    KERNEL static void sequence_##T(void *out, double start, double step, long first, long n) {    \
        R *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            double x = start + (double)(first + i) * step;                                         \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }
FLOAT_SEQUENCE(f16, f16, narrow_f16((float)x))
FLOAT_SEQUENCE(f32, f32, (float)x)
FLOAT_SEQUENCE(f64, f64, x)
FLOAT_SEQUENCE(bf16, bf16, narrow_bf16((float)x))
FLOAT_SEQUENCE(c64, c64, ((c64){(float)x, 0}))

// Saturates, so that no double is out of range; NaN gives 0. Values from 2^63 on keep their bits
// as uint64.
INLINE u64 whole(double x) {
    if (x != x) return 0;
    if (x >= 0x1p64) return UINT64_MAX;
    if (x >= 0) return (u64)x;
    return x <= -0x1p63 ? (u64)INT64_MIN : (u64)(i64)x;
}

#define INTEGER_SEQUENCE(T, UNUSED)                                                                \
    KERNEL static void sequence_##T(void *out, double start, double step, long first, long n) {    \
        T *result = out;                                                                           \
        u64 origin = whole(start), stride = whole(start + step) - origin;                          \
        LANES for (long i = 0; i < n; i++) result[i] = (T)(origin + (u64)(first + i) * stride);    \
    }
FOR_UNSIGNED(INTEGER_SEQUENCE, )

LOOKUP(ck_range, ck_arange_fill, ROWS_WRAPPING(sequence), [CK_F16] = sequence_f16,
    ROWS_FLOATS(sequence), [CK_BF16] = sequence_bf16, [CK_C64] = sequence_c64)
