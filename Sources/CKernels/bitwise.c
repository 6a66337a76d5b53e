// Bits, shifts and truth values.

#include "kernel.h"

#define MAKE_UNARY(T, NAME, EXPRESSION) UNARY(NAME, T, EXPRESSION)
#define MAKE_BINARY(T, NAME, EXPRESSION) BINARY(NAME, T, EXPRESSION)
#define MAKE_TEST(T, NAME, EXPRESSION) UNARY_TO(NAME, T, b8, EXPRESSION)
#define MAKE_TEST2(T, NAME, EXPRESSION) BINARY_TO(NAME, T, b8, EXPRESSION)

UNARY(invert, b8, x == 0)
FOR_UNSIGNED(MAKE_UNARY, not, ~x)
LOOKUP(ck_unary, ck_bitwise_not, [CK_BOOL] = invert_b8, ROWS_WRAPPING(not))

FOR_UNSIGNED(MAKE_BINARY, and, x & y)
LOOKUP(ck_binary, ck_bitwise_and, [CK_BOOL] = and_u8, ROWS_WRAPPING(and))

FOR_UNSIGNED(MAKE_BINARY, or, x | y)
LOOKUP(ck_binary, ck_bitwise_or, [CK_BOOL] = or_u8, ROWS_WRAPPING(or))

FOR_UNSIGNED(MAKE_BINARY, xor, x ^ y)
LOOKUP(ck_binary, ck_bitwise_xor, [CK_BOOL] = xor_u8, ROWS_WRAPPING(xor))

// C leaves a shift by the width or more undefined. A negative count is a huge unsigned one.
#define WIDTH(T) (8 * sizeof(T))
#define MAKE_RIGHT(T, NAME, U) BINARY(NAME, T, (T)((U)y < WIDTH(T) ? x >> (y & (WIDTH(T) - 1)) : 0))

BINARY(left_shift, u8, (u8)(y < 8 ? x << (y & 7) : 0))
BINARY(left_shift, u16, (u16)(y < 16 ? (u32)x << (y & 15) : 0))
BINARY(left_shift, u32, y < 32 ? x << (y & 31) : 0)
BINARY(left_shift, u64, y < 64 ? x << (y & 63) : 0)
LOOKUP(ck_binary, ck_left_shift, ROWS_WRAPPING(left_shift))

MAKE_RIGHT(u8, right_shift, u8)
MAKE_RIGHT(u16, right_shift, u16)
MAKE_RIGHT(u32, right_shift, u32)
MAKE_RIGHT(u64, right_shift, u64)
MAKE_RIGHT(i8, right_shift, u8)
MAKE_RIGHT(i16, right_shift, u16)
MAKE_RIGHT(i32, right_shift, u32)
MAKE_RIGHT(i64, right_shift, u64)
LOOKUP(ck_binary, ck_right_shift, ROWS_UNSIGNED(right_shift), ROWS_SIGNED(right_shift))

// Halves are read as bits: both zeros are zero once the sign is shifted out.
#define ROWS_TRUTH(N)                                                                              \
    [CK_BOOL] = N##_u8, ROWS_WRAPPING(N), ROWS_FLOATS(N), [CK_F16] = N##_bf16,                     \
    [CK_BF16] = N##_bf16, [CK_C64] = N##_c64
#define HALF_TRUTH(X) ((u16)((X).bits << 1) != 0)
#define COMPLEX_TRUTH(X) (((X).re != 0) | ((X).im != 0))

FOR_UNSIGNED(MAKE_TEST, logical_not, x == 0)
FOR_FLOATS(MAKE_TEST, logical_not, x == 0)
UNARY_TO(logical_not, bf16, b8, !HALF_TRUTH(x))
UNARY_TO(logical_not, c64, b8, !COMPLEX_TRUTH(x))
LOOKUP(ck_unary, ck_logical_not, ROWS_TRUTH(logical_not))

FOR_UNSIGNED(MAKE_TEST2, logical_and, (x != 0) & (y != 0))
FOR_FLOATS(MAKE_TEST2, logical_and, (x != 0) & (y != 0))
BINARY_TO(logical_and, bf16, b8, HALF_TRUTH(x) & HALF_TRUTH(y))
BINARY_TO(logical_and, c64, b8, COMPLEX_TRUTH(x) & COMPLEX_TRUTH(y))
LOOKUP(ck_binary, ck_logical_and, ROWS_TRUTH(logical_and))

FOR_UNSIGNED(MAKE_TEST2, logical_or, (x != 0) | (y != 0))
FOR_FLOATS(MAKE_TEST2, logical_or, (x != 0) | (y != 0))
BINARY_TO(logical_or, bf16, b8, HALF_TRUTH(x) | HALF_TRUTH(y))
BINARY_TO(logical_or, c64, b8, COMPLEX_TRUTH(x) | COMPLEX_TRUTH(y))
LOOKUP(ck_binary, ck_logical_or, ROWS_TRUTH(logical_or))
