// x + y for every dtype: what accumulation and scattering have in common.

#ifndef CK_ADDITION_H
#define CK_ADDITION_H

#include "half.h"

INLINE c64 complex_add(c64 x, c64 y) { return (c64){x.re + y.re, x.im + y.im}; }

// Expands M(type, sum of x and y) once a type; halves are added in float32 and rounded.
#define FOR_SUMMABLE(M)                                                                            \
    M(b8, x | y)                                                                                   \
    M(u8, (u8)(x + y))                                                                             \
    M(u16, (u16)(x + y))                                                                           \
    M(u32, x + y)                                                                                  \
    M(u64, x + y)                                                                                  \
    M(f16, narrow_f16(wide_f16(x) + wide_f16(y)))                                                  \
    M(f32, x + y)                                                                                  \
    M(f64, x + y)                                                                                  \
    M(bf16, narrow_bf16(wide_bf16(x) + wide_bf16(y)))                                              \
    M(c64, complex_add(x, y))

#define ROWS_SUMMABLE(N)                                                                           \
    [CK_BOOL] = N##_b8, ROWS_WRAPPING(N), [CK_F16] = N##_f16, ROWS_FLOATS(N),                      \
    [CK_BF16] = N##_bf16, [CK_C64] = N##_c64

#endif
