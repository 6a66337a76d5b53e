// Eight complex numbers at a time, in double: what the kernels of Fourier transforms share.

#ifndef CK_FOURIER_KERNELS_H
#define CK_FOURIER_KERNELS_H

#include "kernel.h"

typedef float f32x8 __attribute__((ext_vector_type(8), aligned(4)));
typedef float f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef double f64x8 __attribute__((ext_vector_type(8), aligned(8)));

// A struct, unlike a vector, may be passed between functions of any instruction set.
typedef struct { f64x8 re, im; } eight;
typedef struct { double re, im; } number;

INLINE eight plus(eight a, eight b) { return (eight){a.re + b.re, a.im + b.im}; }
INLINE eight minus(eight a, eight b) { return (eight){a.re - b.re, a.im - b.im}; }
INLINE eight scaled(eight a, double x) { return (eight){a.re * x, a.im * x}; }
INLINE eight times(eight a, eight b) {
    return (eight){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
INLINE eight times_number(eight a, number b) {
    return (eight){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
INLINE eight conjugate(eight a) { return (eight){a.re, -a.im}; }
// -i·a
INLINE eight turned(eight a) { return (eight){a.im, -a.re}; }
// Swapped parts before and after make a transform the inverse.
INLINE eight swapped_if(bool swapped, eight a) { return swapped ? (eight){a.im, a.re} : a; }

INLINE eight get_planes(const double *planes, long distance, long k) {
    return (eight){*(const f64x8 *)(planes + k), *(const f64x8 *)(planes + distance + k)};
}
INLINE void put_planes(double *planes, long distance, long k, eight a) {
    *(f64x8 *)(planes + k) = a.re;
    *(f64x8 *)(planes + distance + k) = a.im;
}

// Eight neighbours of complex64.
INLINE eight load_line(const float *in) {
    f32x16 line = *(const f32x16 *)in;
    return (eight){
        __builtin_convertvector(line.even, f64x8), __builtin_convertvector(line.odd, f64x8)};
}
INLINE void store_line(float *out, eight a) {
    f32x8 re = __builtin_convertvector(a.re, f32x8), im = __builtin_convertvector(a.im, f32x8);
    *(f32x16 *)out = __builtin_shufflevector(
        re, im, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

// The first `count` of eight.
INLINE eight load_some(const float *in, long count) {
    float line[16] = {0};
    if (count == 8) return load_line(in);
    memcpy(line, in, (size_t)count * sizeof(c64));
    return load_line(line);
}
INLINE void store_some(float *out, eight a, long count) {
    if (count == 8) return store_line(out, a);
    float line[16];
    store_line(line, a);
    memcpy(out, line, (size_t)count * sizeof(c64));
}

// Lane i of vector j becomes lane j of vector i.
INLINE void transpose_eight(f64x8 v[8]) {
    f64x8 t[8];
    UNROLL for (int i = 0; i < 4; i++) {
        t[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        t[4 + i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    // What is left is to transpose the pairs of lanes of t[0…3], the even ones, and of t[4…7].
    UNROLL for (int odd = 0; odd < 2; odd++) {
        f64x8 *p = t + 4 * odd, q[4];
        UNROLL for (int i = 0; i < 2; i++) {
            f64x8 a = p[2 * i], b = p[2 * i + 1];
            q[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
            q[2 + i] = __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
        }
        UNROLL for (int i = 0; i < 2; i++) {
            f64x8 a = q[2 * i], b = q[2 * i + 1];
            v[2 * i + odd] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
            v[4 + 2 * i + odd] = __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
        }
    }
}

INLINE void transpose_numbers(eight x[8]) {
    f64x8 re[8], im[8];
    UNROLL for (int i = 0; i < 8; i++) re[i] = x[i].re, im[i] = x[i].im;
    transpose_eight(re);
    transpose_eight(im);
    UNROLL for (int i = 0; i < 8; i++) x[i] = (eight){re[i], im[i]};
}

#endif
