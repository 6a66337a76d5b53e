// Elementwise arithmetic. Every operation rounds on its own: no contraction into fused operations,
// so that the same numbers come out of every instruction set.

#include "complex_number.h"
#include "double_vectors.h"

#include <math.h>

#pragma STDC FP_CONTRACT OFF

#define MAKE_UNARY(T, NAME, EXPRESSION) UNARY(NAME, T, EXPRESSION)
#define MAKE_BINARY(T, NAME, EXPRESSION) BINARY(NAME, T, EXPRESSION)
#define MAKE_FLOATS(NAME, EXPRESSION)                                                              \
    FOR_FLOATS(MAKE_BINARY, NAME, EXPRESSION) BINARY_WITH_ONE(NAME, f32, EXPRESSION)

// MARK: complex numbers

INLINE c64 complex_of(float re, float im) {
    c64 z = {re, im};
    return z;
}

// In double, where neither the squares nor the products of floats overflow or vanish.
INLINE double complex_size(double a, double b) {
    double size = __builtin_elementwise_sqrt(a * a + b * b);
    bool infinite = (fabs(a) == INFINITY) | (fabs(b) == INFINITY);
    return infinite ? INFINITY : size;
}
INLINE double quotient_re(double a, double b, double c, double d) {
    return (a * c + b * d) / (c * c + d * d);
}
INLINE double quotient_im(double a, double b, double c, double d) {
    return (b * c - a * d) / (c * c + d * d);
}

KERNEL static void abs_c64(void *out, const void *x, long n) {
    const float *in = x;
    float *result = out;
    PAIRS for (long i = 0; i < n; i++)
        result[i] = (float)complex_size((double)in[2 * i], (double)in[2 * i + 1]);
}

INLINE c64 complex_sign(c64 x) {
    if (x.re == 0 && x.im == 0) return x;
    float size = (float)complex_size((double)x.re, (double)x.im);
    return complex_of(x.re / size, x.im / size);
}

// Eight numbers, their parts beside each other as they lie in memory.
typedef float c64x8 __attribute__((ext_vector_type(16), aligned(4)));

// complex_multiply, without taking the parts apart: products with y.re and, swapped, with y.im.
KERNEL static void multiply_c64(void *out, const void *a, const void *b, long n) {
    const c64 *left = a, *right = b;
    c64 *result = out;
    long i = 0;
    for (; i + 8 <= n; i += 8) {
        c64x8 x = *(const c64x8 *)(left + i), y = *(const c64x8 *)(right + i);
        c64x8 swapped = x.s1032547698badcfe;
        c64x8 p = x * y.s0022446688aaccee, q = swapped * y.s1133557799bbddff;
        c64x8 less = p - q, more = p + q;
        less.odd = more.odd;
        *(c64x8 *)(result + i) = less;
    }
    for (; i < n; i++) result[i] = complex_multiply(left[i], right[i]);
}

// MARK: one argument

FOR_UNSIGNED(MAKE_UNARY, negative, (0 - x))
FOR_FLOATS(MAKE_UNARY, negative, -x)
UNARY(negative, c64, complex_of(-x.re, -x.im))
LOOKUP(ck_unary, ck_negative, ROWS_WRAPPING(negative), ROWS_FLOATS(negative),
    [CK_C64] = negative_c64)

FOR_UNSIGNED(MAKE_UNARY, same, x)
UNARY(abs, i8, (i8)(x < 0 ? 0u - (u8)x : (u8)x))
UNARY(abs, i16, (i16)(x < 0 ? 0u - (u16)x : (u16)x))
UNARY(abs, i32, (i32)(x < 0 ? 0u - (u32)x : (u32)x))
UNARY(abs, i64, (i64)(x < 0 ? 0u - (u64)x : (u64)x))
FOR_FLOATS(MAKE_UNARY, abs, __builtin_elementwise_abs(x))
LOOKUP(ck_unary, ck_abs, [CK_BOOL] = same_u8, ROWS_UNSIGNED(same), ROWS_SIGNED(abs),
    ROWS_FLOATS(abs), [CK_C64] = abs_c64)

FOR_UNSIGNED(MAKE_UNARY, sign, x != 0)
FOR_SIGNED(MAKE_UNARY, sign, (x > 0) - (x < 0))
FOR_FLOATS(MAKE_UNARY, sign, x > 0 ? 1 : x < 0 ? -1 : 0)
UNARY(sign, c64, complex_sign(x))
LOOKUP(ck_unary, ck_sign, [CK_BOOL] = same_u8, ROWS_UNSIGNED(sign), ROWS_SIGNED(sign),
    ROWS_FLOATS(sign), [CK_C64] = sign_c64)

// A 16-bit product is made in unsigned int: in int, 65535 squared would overflow.
FOR_UNSIGNED(MAKE_UNARY, square, 1u * x * x)
FOR_FLOATS(MAKE_UNARY, square, x * x)
static void square_c64(void *out, const void *a, long n) { multiply_c64(out, a, a, n); }
LOOKUP(ck_unary, ck_square, [CK_BOOL] = same_u8, ROWS_WRAPPING(square), ROWS_FLOATS(square),
    [CK_C64] = square_c64)

// Integers are whole already.
FOR_FLOATS(MAKE_UNARY, floor, __builtin_elementwise_floor(x))
LOOKUP(ck_unary, ck_floor, [CK_BOOL] = same_u8, ROWS_WRAPPING(same), ROWS_FLOATS(floor))

FOR_FLOATS(MAKE_UNARY, ceil, __builtin_elementwise_ceil(x))
LOOKUP(ck_unary, ck_ceil, [CK_BOOL] = same_u8, ROWS_WRAPPING(same), ROWS_FLOATS(ceil))

FOR_FLOATS(MAKE_UNARY, round, __builtin_elementwise_roundeven(x))
UNARY(round, c64,
    complex_of(__builtin_elementwise_roundeven(x.re), __builtin_elementwise_roundeven(x.im)))
LOOKUP(ck_unary, ck_round, [CK_BOOL] = same_u8, ROWS_WRAPPING(same), ROWS_FLOATS(round),
    [CK_C64] = round_c64)

FOR_FLOATS(MAKE_UNARY, reciprocal, 1 / x)
COMPLEX_BY_DOUBLE(reciprocal, quotient_re(1, 0, a, b), quotient_im(1, 0, a, b))
LOOKUP(ck_unary, ck_reciprocal, ROWS_FLOATS(reciprocal), [CK_C64] = reciprocal_c64)

// MARK: two arguments

BINARY(or, u8, x | y)
BINARY(and, u8, x & y)
BINARY(differs, u8, x ^ y)

FOR_UNSIGNED(MAKE_BINARY, add, x + y)
MAKE_FLOATS(add, x + y)
BINARY(add, c64, complex_of(x.re + y.re, x.im + y.im))
LOOKUP(ck_binary, ck_add, [CK_BOOL] = or_u8, ROWS_WRAPPING(add), ROWS_FLOATS(add),
    [CK_C64] = add_c64)

FOR_UNSIGNED(MAKE_BINARY, subtract, x - y)
MAKE_FLOATS(subtract, x - y)
BINARY(subtract, c64, complex_of(x.re - y.re, x.im - y.im))
LOOKUP(ck_binary, ck_subtract, [CK_BOOL] = differs_u8, ROWS_WRAPPING(subtract),
    ROWS_FLOATS(subtract), [CK_C64] = subtract_c64)

FOR_UNSIGNED(MAKE_BINARY, multiply, 1u * x * y)
MAKE_FLOATS(multiply, x * y)
LOOKUP(ck_binary, ck_multiply, [CK_BOOL] = and_u8, ROWS_WRAPPING(multiply), ROWS_FLOATS(multiply),
    [CK_C64] = multiply_c64)

MAKE_FLOATS(divide, x / y)
COMPLEX_PAIR_BY_DOUBLE(divide, quotient_re(a, b, c, d), quotient_im(a, b, c, d))
LOOKUP(ck_binary, ck_divide, ROWS_FLOATS(divide), [CK_C64] = divide_c64)

FOR_UNSIGNED(MAKE_BINARY, maximum, x > y ? x : y)
FOR_SIGNED(MAKE_BINARY, maximum, x > y ? x : y)
MAKE_FLOATS(maximum, ((x > y) | (x != x)) ? x : y)
BINARY(maximum, c64, complex_nan(x) || (!complex_nan(y) && complex_less(y, x)) ? x : y)
LOOKUP(ck_binary, ck_maximum, [CK_BOOL] = or_u8, ROWS_UNSIGNED(maximum), ROWS_SIGNED(maximum),
    ROWS_FLOATS(maximum), [CK_C64] = maximum_c64)

FOR_UNSIGNED(MAKE_BINARY, minimum, x < y ? x : y)
FOR_SIGNED(MAKE_BINARY, minimum, x < y ? x : y)
MAKE_FLOATS(minimum, ((x < y) | (x != x)) ? x : y)
BINARY(minimum, c64, complex_nan(x) || (!complex_nan(y) && complex_less(x, y)) ? x : y)
LOOKUP(ck_binary, ck_minimum, [CK_BOOL] = and_u8, ROWS_UNSIGNED(minimum), ROWS_SIGNED(minimum),
    ROWS_FLOATS(minimum), [CK_C64] = minimum_c64)

// MARK: one operand a number

// The kernels of an operation: on two arrays, and with its first or its second operand one number.
typedef struct {
    ck_binary both, of_one, by_one;
} with_one;

static const with_one float_kernels[] = {
#define WITH_ONE(NAME) {NAME##_f32, NAME##_of_one_f32, NAME##_by_one_f32}
    WITH_ONE(add), WITH_ONE(subtract), WITH_ONE(multiply), WITH_ONE(divide), WITH_ONE(maximum),
    WITH_ONE(minimum)};

ck_binary ck_with_one(ck_binary kernel, int is_first) {
    for (size_t i = 0; i < sizeof float_kernels / sizeof *float_kernels; i++)
        if (float_kernels[i].both == kernel)
            return is_first ? float_kernels[i].of_one : float_kernels[i].by_one;
    return NULL;
}

// MARK: two operations in one pass

INLINE float then_add(float made, float z) { return made + z; }
INLINE float then_subtract(float made, float z) { return made - z; }
INLINE float then_subtract_from(float made, float z) { return z - made; }
INLINE float then_multiply(float made, float z) { return made * z; }
INLINE float then_maximum(float made, float z) { return ((made > z) | (made != made)) ? made : z; }

#define TWO(NAME, MADE, SECOND, Z)                                                                 \
    KERNEL static void NAME(void *out, const void *a, const void *b, const void *c, long n) {      \
        const float *xs = a, *ys = b, *zs = c, x = *xs, y = *ys, z = *zs;                          \
        float *result = out;                                                                       \
        LANES for (long i = 0; i < n; i++) result[i] = then_##SECOND(MADE, Z);                     \
    }
#define EACH_SECOND(NAME, MADE)                                                                    \
    TWO(NAME##_add, MADE, add, zs[i]) TWO(NAME##_add_one, MADE, add, z)                            \
    TWO(NAME##_subtract, MADE, subtract, zs[i]) TWO(NAME##_subtract_one, MADE, subtract, z)        \
    TWO(NAME##_from, MADE, subtract_from, zs[i]) TWO(NAME##_from_one, MADE, subtract_from, z)      \
    TWO(NAME##_multiply, MADE, multiply, zs[i]) TWO(NAME##_multiply_one, MADE, multiply, z)        \
    TWO(NAME##_maximum_one, MADE, maximum, z)
#define EACH_FIRST(NAME, SIGN)                                                                     \
    EACH_SECOND(NAME##_both, xs[i] SIGN ys[i]) EACH_SECOND(NAME##_of_one, x SIGN ys[i])            \
    EACH_SECOND(NAME##_by_one, xs[i] SIGN y)

EACH_FIRST(add, +)
EACH_FIRST(subtract, -)
EACH_FIRST(multiply, *)

// The operations that come first or second, in the order of the tables.
enum { ADD, SUBTRACT, MULTIPLY, FIRST_COUNT, SUBTRACT_FROM = FIRST_COUNT, MAXIMUM, SECOND_COUNT };

// The operation of a kernel and its operand that is one number, if any.
typedef struct {
    int operation;
    enum { NEITHER, FIRST, SECOND } one;
} float_operation;

static float_operation operation_of(ck_binary kernel) {
    static const struct {
        int operation;
        const with_one *kernels;
    } known[] = {{ADD, float_kernels}, {SUBTRACT, float_kernels + 1}, {MULTIPLY, float_kernels + 2},
        {MAXIMUM, float_kernels + 4}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int operation = known[i].operation;
        if (kernel == known[i].kernels->both) return (float_operation){operation, NEITHER};
        if (kernel == known[i].kernels->of_one) return (float_operation){operation, FIRST};
        if (kernel == known[i].kernels->by_one) return (float_operation){operation, SECOND};
    }
    return (float_operation){SECOND_COUNT, NEITHER};
}

ck_ternary ck_two_in_one(ck_binary first, ck_binary second, int is_made_first) {
#define SECONDS(NAME)                                                                              \
    {{NAME##_add, NAME##_add_one}, {NAME##_subtract, NAME##_subtract_one},                         \
        {NAME##_multiply, NAME##_multiply_one}, {NAME##_from, NAME##_from_one},                    \
        {NULL, NAME##_maximum_one}}
#define FIRSTS(NAME) {SECONDS(NAME##_both), SECONDS(NAME##_of_one), SECONDS(NAME##_by_one)}
    static const ck_ternary _Nullable table[FIRST_COUNT][3][SECOND_COUNT][2] = {
        FIRSTS(add), FIRSTS(subtract), FIRSTS(multiply)};
    float_operation made = operation_of(first), last = operation_of(second);
    if (made.operation >= FIRST_COUNT || last.operation >= SECOND_COUNT) return NULL;
    // Of a sum and a product it is all the same which operand comes first.
    if (!is_made_first && last.operation == MAXIMUM) return NULL;
    if (!is_made_first && last.operation == SUBTRACT) last.operation = SUBTRACT_FROM;
    return table[made.operation][made.one][last.operation][last.one != NEITHER];
}
