// Conversion between all pairs of dtypes. Halves go through float32.

#include "half.h"

// MARK: float to integer: truncates, saturates, NaN gives 0

// LOW is the smallest value and END the first too large one, both exact in the float type; BELOW is
// the largest float under END.
#define SATURATE(NAME, F, T, LOW, BELOW, END, MAXIMUM)                                             \
    INLINE T NAME(F x) {                                                                           \
        F inside = x >= (F)LOW ? x : (F)LOW;                                                       \
        inside = inside <= (F)BELOW ? inside : (F)BELOW;                                           \
        T value = (T)inside;                                                                       \
        value = x >= (F)END ? (T)MAXIMUM : value;                                                  \
        return x == x ? value : 0;                                                                 \
    }

#define SATURATE_NARROW(F)                                                                         \
    SATURATE(u8_of_##F, F, u8, 0, 255, 256, 255)                                                   \
    SATURATE(u16_of_##F, F, u16, 0, 65535, 65536, 65535)                                           \
    SATURATE(i8_of_##F, F, i8, -128, 127, 128, 127)                                                \
    SATURATE(i16_of_##F, F, i16, -32768, 32767, 32768, 32767)

SATURATE_NARROW(f32)
SATURATE(u32_of_f32, f32, u32, 0, 0x1.fffffep31, 0x1p32, UINT32_MAX)
SATURATE(u64_of_f32, f32, u64, 0, 0x1.fffffep63, 0x1p64, UINT64_MAX)
SATURATE(i32_of_f32, f32, i32, -0x1p31, 0x1.fffffep30, 0x1p31, INT32_MAX)
SATURATE(i64_of_f32, f32, i64, -0x1p63, 0x1.fffffep62, 0x1p63, INT64_MAX)
SATURATE_NARROW(f64)
SATURATE(u32_of_f64, f64, u32, 0, 4294967295, 0x1p32, UINT32_MAX)
SATURATE(u64_of_f64, f64, u64, 0, 0x1.fffffffffffffp63, 0x1p64, UINT64_MAX)
SATURATE(i32_of_f64, f64, i32, -0x1p31, 2147483647, 0x1p31, INT32_MAX)
SATURATE(i64_of_f64, f64, i64, -0x1p63, 0x1.fffffffffffffp62, 0x1p63, INT64_MAX)

// MARK: one kernel a pair

#define CONVERT(FROM, TO, EXPRESSION)                                                              \
    KERNEL static void FROM##_to_##TO(void *out, const void *a, long n) {                          \
        const FROM *in = a;                                                                        \
        TO *result = out;                                                                          \
        LANES for (long i = 0; i < n; i++) {                                                       \
            FROM x = in[i];                                                                        \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }

#define TO_FLOATS(FROM, X)                                                                         \
    CONVERT(FROM, f16, (f16)(float)(X))                                                            \
    CONVERT(FROM, f32, (float)(X))                                                                 \
    CONVERT(FROM, f64, (double)(X))                                                                \
    CONVERT(FROM, bf16, narrow_bf16((float)(X)))                                                   \
    CONVERT(FROM, c64, ((c64){(float)(X), 0}))

// Integers of one width look the same, signed or not.
#define TO_INTEGERS(FROM)                                                                          \
    CONVERT(FROM, b8, x != 0)                                                                      \
    CONVERT(FROM, u8, (u8)x)                                                                       \
    CONVERT(FROM, u16, (u16)x)                                                                     \
    CONVERT(FROM, u32, (u32)x)                                                                     \
    CONVERT(FROM, u64, (u64)x)

#define SATURATE_TO_INTEGERS(FROM, F, X)                                                           \
    CONVERT(FROM, u8, u8_of_##F(X))                                                                \
    CONVERT(FROM, u16, u16_of_##F(X))                                                              \
    CONVERT(FROM, u32, u32_of_##F(X))                                                              \
    CONVERT(FROM, u64, u64_of_##F(X))                                                              \
    CONVERT(FROM, i8, i8_of_##F(X))                                                                \
    CONVERT(FROM, i16, i16_of_##F(X))                                                              \
    CONVERT(FROM, i32, i32_of_##F(X))                                                              \
    CONVERT(FROM, i64, i64_of_##F(X))

#define FROM_INTEGER(T, UNUSED) TO_INTEGERS(T) TO_FLOATS(T, x)
FOR_UNSIGNED(FROM_INTEGER, )
FOR_SIGNED(FROM_INTEGER, )

CONVERT(f16, b8, (float)x != 0)
SATURATE_TO_INTEGERS(f16, f32, (float)x)
TO_FLOATS(f16, x)
CONVERT(f32, b8, x != 0)
SATURATE_TO_INTEGERS(f32, f32, x)
TO_FLOATS(f32, x)
CONVERT(f64, b8, x != 0)
SATURATE_TO_INTEGERS(f64, f64, x)
TO_FLOATS(f64, x)
CONVERT(bf16, b8, wide_bf16(x) != 0)
SATURATE_TO_INTEGERS(bf16, f32, wide_bf16(x))
TO_FLOATS(bf16, wide_bf16(x))
CONVERT(c64, b8, (x.re != 0) | (x.im != 0))
SATURATE_TO_INTEGERS(c64, f32, x.re)
TO_FLOATS(c64, x.re)

#define COPY(BYTES)                                                                                \
    static void copy_##BYTES(void *out, const void *a, long n) {                                   \
        if (out != a) memcpy(out, a, (size_t)n * BYTES);                                           \
    }
COPY(1)
COPY(2)
COPY(4)
COPY(8)

// MARK: lookup

#define ROW_FLOATS(FROM)                                                                           \
    [CK_F16] = FROM##_to_f16, [CK_F32] = FROM##_to_f32, [CK_F64] = FROM##_to_f64,                  \
    [CK_BF16] = FROM##_to_bf16, [CK_C64] = FROM##_to_c64
#define ROW_OF_INTEGER(FROM)                                                                       \
    [CK_BOOL] = FROM##_to_b8, [CK_U8] = FROM##_to_u8, [CK_U16] = FROM##_to_u16,                    \
    [CK_U32] = FROM##_to_u32, [CK_U64] = FROM##_to_u64, [CK_I8] = FROM##_to_u8,                    \
    [CK_I16] = FROM##_to_u16, [CK_I32] = FROM##_to_u32, [CK_I64] = FROM##_to_u64, ROW_FLOATS(FROM)
#define ROW_OF_FLOAT(FROM)                                                                         \
    [CK_BOOL] = FROM##_to_b8, [CK_U8] = FROM##_to_u8, [CK_U16] = FROM##_to_u16,                    \
    [CK_U32] = FROM##_to_u32, [CK_U64] = FROM##_to_u64, [CK_I8] = FROM##_to_i8,                    \
    [CK_I16] = FROM##_to_i16, [CK_I32] = FROM##_to_i32, [CK_I64] = FROM##_to_i64, ROW_FLOATS(FROM)

ck_unary _Nullable ck_convert(int from, int to) {
    static const ck_unary copies[9] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};
    static const u8 sizes[CK_DTYPE_COUNT] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2, 8};
    static const ck_unary table[CK_DTYPE_COUNT][CK_DTYPE_COUNT] = {
        [CK_BOOL] = {ROW_OF_INTEGER(u8)},
        [CK_U8] = {ROW_OF_INTEGER(u8)},
        [CK_U16] = {ROW_OF_INTEGER(u16)},
        [CK_U32] = {ROW_OF_INTEGER(u32)},
        [CK_U64] = {ROW_OF_INTEGER(u64)},
        [CK_I8] = {ROW_OF_INTEGER(i8)},
        [CK_I16] = {ROW_OF_INTEGER(i16)},
        [CK_I32] = {ROW_OF_INTEGER(i32)},
        [CK_I64] = {ROW_OF_INTEGER(i64)},
        [CK_F16] = {ROW_OF_FLOAT(f16)},
        [CK_F32] = {ROW_OF_FLOAT(f32)},
        [CK_F64] = {ROW_OF_FLOAT(f64)},
        [CK_BF16] = {ROW_OF_FLOAT(bf16)},
        [CK_C64] = {ROW_OF_FLOAT(c64)},
    };
    if ((unsigned)from >= CK_DTYPE_COUNT || (unsigned)to >= CK_DTYPE_COUNT) return NULL;
    if (from == to) return copies[sizes[from]];
    return table[from][to];
}
