// What every kernel file needs: the instruction-set clones, the loop mark, and the dtype tables.

#ifndef CK_KERNEL_H
#define CK_KERNEL_H

#include "CKernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// One source, three instruction sets, chosen when the program is loaded.
#ifndef KERNEL
#if defined(__x86_64__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif
#endif

// A helper must be inlined, so that it is compiled for the instruction set of its caller.
#define INLINE static inline __attribute__((always_inline))

// Inputs and output are disjoint or the same array: iterations never depend on each other.
#define LANES _Pragma("clang loop vectorize(assume_safety)")

// Asks for a line of memory. Loops that have much to do for each element ask, some bytes ahead, for
// what they read and what they write: the processor, which sees some hundred instructions ahead,
// would come to it late.
INLINE void ask_for(const void *line) { __builtin_prefetch(line); }
enum { READ_AHEAD = 2048, WRITTEN_AHEAD = 1024 };

// Loops over what lies in registers.
#define UNROLL _Pragma("clang loop unroll(full)")

// The baseline clone cannot vectorise every loop (no rounding instruction, no 64-bit compare).
#pragma clang diagnostic ignored "-Wpass-failed"

typedef uint8_t b8;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef _Float16 f16;
typedef float f32;
typedef double f64;
typedef struct { uint16_t bits; } bf16;
typedef struct { float re, im; } c64;

INLINE long smaller(long a, long b) { return a < b ? a : b; }

// The index counted from the start, or a value of at least axis_size where it is out of range.
INLINE u64 place_of(int64_t index, long axis_size) {
    return (u64)index + (index < 0 ? (u64)axis_size : 0);
}

// out[i] = EXPRESSION of x, for elements of type T; the result has type R.
#define UNARY_TO(NAME, T, R, EXPRESSION)                                                           \
    KERNEL static void NAME##_##T(void *out, const void *a, long n) {                              \
        const T *in = a;                                                                           \
        R *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T x = in[i];                                                                           \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }
#define UNARY(NAME, T, EXPRESSION) UNARY_TO(NAME, T, T, EXPRESSION)

// out[i] = EXPRESSION of x and y, for elements of type T; the result has type R.
#define BINARY_TO(NAME, T, R, EXPRESSION)                                                          \
    KERNEL static void NAME##_##T(void *out, const void *a, const void *b, long n) {               \
        const T *left = a, *right = b;                                                             \
        R *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T x = left[i], y = right[i];                                                           \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }
#define BINARY(NAME, T, EXPRESSION) BINARY_TO(NAME, T, T, EXPRESSION)

// The same where the first or the second input is one number.
#define BINARY_WITH_ONE(NAME, T, EXPRESSION)                                                       \
    KERNEL static void NAME##_of_one_##T(void *out, const void *a, const void *b, long n) {        \
        const T x = *(const T *)a, *right = b;                                                     \
        T *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T y = right[i];                                                                        \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void NAME##_by_one_##T(void *out, const void *a, const void *b, long n) {        \
        const T *left = a, y = *(const T *)b;                                                      \
        T *result = out;                                                                           \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T x = left[i];                                                                         \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }

// The same loops without the promise that they vectorise: for calls into libm.
#define UNARY_CALL(NAME, T, EXPRESSION)                                                            \
    static void NAME##_##T(void *out, const void *a, long n) {                                     \
        const T *in = a;                                                                           \
        T *result = out;                                                                           \
        for (long i = 0; i < n; i++) {                                                             \
            T x = in[i];                                                                           \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }
#define BINARY_CALL(NAME, T, EXPRESSION)                                                           \
    static void NAME##_##T(void *out, const void *a, const void *b, long n) {                      \
        const T *left = a, *right = b;                                                             \
        T *result = out;                                                                           \
        for (long i = 0; i < n; i++) {                                                             \
            T x = left[i], y = right[i];                                                           \
            result[i] = (EXPRESSION);                                                              \
        }                                                                                          \
    }

// FOR_UNSIGNED(M, …) expands M(type, …) once a type; the arguments are passed on.
#define FOR_UNSIGNED(M, ...)                                                                       \
    M(u8, __VA_ARGS__) M(u16, __VA_ARGS__) M(u32, __VA_ARGS__) M(u64, __VA_ARGS__)
#define FOR_SIGNED(M, ...)                                                                         \
    M(i8, __VA_ARGS__) M(i16, __VA_ARGS__) M(i32, __VA_ARGS__) M(i64, __VA_ARGS__)
#define FOR_FLOATS(M, ...) M(f32, __VA_ARGS__) M(f64, __VA_ARGS__)

// Table rows. Kernels that wrap treat signed and unsigned integers alike.
#define ROWS_UNSIGNED(N)                                                                           \
    [CK_U8] = N##_u8, [CK_U16] = N##_u16, [CK_U32] = N##_u32, [CK_U64] = N##_u64
#define ROWS_SIGNED(N) [CK_I8] = N##_i8, [CK_I16] = N##_i16, [CK_I32] = N##_i32, [CK_I64] = N##_i64
#define ROWS_WRAPPING(N)                                                                           \
    ROWS_UNSIGNED(N), [CK_I8] = N##_u8, [CK_I16] = N##_u16, [CK_I32] = N##_u32, [CK_I64] = N##_u64
#define ROWS_FLOATS(N) [CK_F32] = N##_f32, [CK_F64] = N##_f64

// The lookup function of one operation.
#define LOOKUP(KIND, NAME, ...)                                                                    \
    KIND _Nullable NAME(int dtype) {                                                               \
        static const KIND _Nullable table[CK_DTYPE_COUNT] = {__VA_ARGS__};                         \
        return (unsigned)dtype < CK_DTYPE_COUNT ? table[dtype] : NULL;                             \
    }

#endif
