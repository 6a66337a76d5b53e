// Kernels of float32 that compute in double, in vectors of sixteen: one rounding, to float32, is
// then all that shows, results below the normal numbers included.

#ifndef CK_DOUBLE_VECTORS_H
#define CK_DOUBLE_VECTORS_H

#include "kernel.h"

// Two registers of doubles with AVX-512, so that one is computed while the other waits. Left alone,
// the compiler takes halves of them.
enum { VECTOR = 16 };

// Elements that are kept aside where one loop does not do.
enum { PIECE = 256 };

#define VECTORS                                                                                    \
    _Pragma("clang loop vectorize(assume_safety) vectorize_width(16) interleave_count(1)")

#define PAIRS                                                                                      \
    _Pragma("clang loop vectorize(assume_safety) vectorize_width(8) interleave_count(1)")

// Whole vectors: n is a multiple of VECTOR.
typedef void unary_vectors(float *out, const float *x, long n);
typedef void binary_vectors(float *out, const float *x, const float *y, long n);

// Elements that do not fill a vector are computed in one of their own, so that the bits of a result
// do not depend on its place.
INLINE void run_unary_vectors(unary_vectors *kernel, float *out, const float *x, long n) {
    long whole = n / VECTOR * VECTOR;
    if (whole > 0) kernel(out, x, whole);
    if (whole == n) return;
    float rest[VECTOR] = {0};
    size_t bytes = (size_t)(n - whole) * sizeof(float);
    memcpy(rest, x + whole, bytes);
    kernel(rest, rest, VECTOR);
    memcpy(out + whole, rest, bytes);
}

INLINE void run_binary_vectors(
    binary_vectors *kernel, float *out, const float *x, const float *y, long n) {
    long whole = n / VECTOR * VECTOR;
    if (whole > 0) kernel(out, x, y, whole);
    if (whole == n) return;
    float rest[VECTOR] = {0}, others[VECTOR] = {0};
    size_t bytes = (size_t)(n - whole) * sizeof(float);
    memcpy(rest, x + whole, bytes);
    memcpy(others, y + whole, bytes);
    kernel(rest, rest, others, VECTOR);
    memcpy(out + whole, rest, bytes);
}

// out[i] = EXPRESSION of the double x, or of x and y, for whole vectors of elements.
#define UNARY_VECTORS(NAME, EXPRESSION)                                                            \
    KERNEL static void NAME##_vectors(float *out, const float *in, long n) {                       \
        __builtin_assume(n % VECTOR == 0);                                                         \
        VECTORS for (long i = 0; i < n; i++) {                                                     \
            double x = (double)in[i];                                                              \
            out[i] = (float)(EXPRESSION);                                                          \
        }                                                                                          \
    }
#define BINARY_VECTORS(NAME, EXPRESSION)                                                           \
    KERNEL static void NAME##_vectors(                                                             \
        float *out, const float *left, const float *right, long n) {                               \
        __builtin_assume(n % VECTOR == 0);                                                         \
        VECTORS for (long i = 0; i < n; i++) {                                                     \
            double x = (double)left[i], y = (double)right[i];                                      \
            out[i] = (float)(EXPRESSION);                                                          \
        }                                                                                          \
    }

// The kernel of float32 that these make.
#define UNARY_BY_DOUBLE(NAME, EXPRESSION)                                                          \
    UNARY_VECTORS(NAME, EXPRESSION)                                                                \
    static void NAME##_f32(void *out, const void *a, long n) {                                     \
        run_unary_vectors(NAME##_vectors, out, a, n);                                              \
    }
#define BINARY_BY_DOUBLE(NAME, EXPRESSION)                                                         \
    BINARY_VECTORS(NAME, EXPRESSION)                                                               \
    static void NAME##_f32(void *out, const void *a, const void *b, long n) {                      \
        run_binary_vectors(NAME##_vectors, out, a, b, n);                                          \
    }

// The kernel of complex64 of these, by the parts a and b of x, or of a + bi and c + di.
#define COMPLEX_BY_DOUBLE(NAME, RE, IM)                                                            \
    KERNEL static void NAME##_complex_vectors(float *out, const float *in, long n) {               \
        __builtin_assume(n % VECTOR == 0);                                                         \
        PAIRS for (long i = 0; i < n / 2; i++) {                                                   \
            double a = (double)in[2 * i], b = (double)in[2 * i + 1];                               \
            out[2 * i] = (float)(RE);                                                              \
            out[2 * i + 1] = (float)(IM);                                                          \
        }                                                                                          \
    }                                                                                              \
    static void NAME##_c64(void *out, const void *x, long n) {                                     \
        run_unary_vectors(NAME##_complex_vectors, out, x, 2 * n);                                  \
    }
#define COMPLEX_PAIR_BY_DOUBLE(NAME, RE, IM)                                                       \
    KERNEL static void NAME##_complex_vectors(                                                     \
        float *out, const float *left, const float *right, long n) {                               \
        __builtin_assume(n % VECTOR == 0);                                                         \
        PAIRS for (long i = 0; i < n / 2; i++) {                                                   \
            double a = (double)left[2 * i], b = (double)left[2 * i + 1];                           \
            double c = (double)right[2 * i], d = (double)right[2 * i + 1];                         \
            out[2 * i] = (float)(RE);                                                              \
            out[2 * i + 1] = (float)(IM);                                                          \
        }                                                                                          \
    }                                                                                              \
    static void NAME##_c64(void *out, const void *x, const void *y, long n) {                      \
        run_binary_vectors(NAME##_complex_vectors, out, x, y, 2 * n);                              \
    }

#endif
