// Functions of float32 computed in double, to some 2^-32 of the result.
//
// Coefficients are minimax fits of our own (Remez exchange).

#ifndef CK_DOUBLE_MATH_H
#define CK_DOUBLE_MATH_H

#include "double_vectors.h"

#include <math.h>

#pragma clang fp contract(fast)

// MARK: exponential and logarithm

INLINE u64 double_bits(double x) {
    u64 bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE double double_of(u64 bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static const double LN2 = 0x1.62e42fefa39efp-1;

// c[0] + c[1]·x + …, of an even count of terms. Even and odd powers are summed apart, so that one
// sum does not wait for the other.
INLINE double polynomial(double x, const double *c, int count) {
    double square = x * x, even = c[count - 2], odd = c[count - 1];
    UNROLL for (int k = count - 4; k >= 0; k -= 2) {
        even = even * square + c[k];
        odd = odd * square + c[k + 1];
    }
    return odd * x + even;
}

// exp(x) = scale + scale·rest, where the scale is a power of two and the rest between the roots of
// 1/2 and 2, less 1; for |x| <= 700. Adding 1.5·2^52 rounds to an integer in the low bits.
INLINE double exp_rest(double x, double *scale) {
    static const double c[] = {0x1.00000025e4812p-1, 0x1.555554ee3ea77p-3, 0x1.5554b13398ac9p-5,
        0x1.11118af7ee4f2p-7, 0x1.6d71f9a7047d7p-10, 0x1.a030eccbf03f0p-13};
    const double shift = 0x1.8p52;
    double shifted = x * 1.4426950408889634 + shift;
    *scale = double_of((double_bits(shifted) + 1023) << 52);
    double r = x - (shifted - shift) * LN2;
    return polynomial(r, c, 6) * (r * r) + r;
}

// log(1 + f) for 1 + f between the roots of 1/2 and 2.
INLINE double log_near_one(double f) {
    static const double c[] = {0x1.55555560a35c3p-2, -0x1.000000c14c594p-2, 0x1.99998b30fea9fp-3,
        -0x1.5554a142194c8p-3, 0x1.2494b8e4b99f5p-3, -0x1.001df367f5453p-3, 0x1.c6e150dd70c4dp-4,
        -0x1.9511cbe308b88p-4, 0x1.7249495d5ffdcp-4, -0x1.7c64642280996p-4, 0x1.7561f117ad1cbp-4,
        -0x1.8b130758d6c68p-5};
    double square = f * f;
    return polynomial(f, c, 12) * (square * f) + (f - 0.5 * square);
}

// log(x + lost) for a normal positive x and what its rounding lost. The exponent is made a double
// by its bits: not every processor converts 64-bit integers.
INLINE double log_sum(double x, double lost) {
    const u64 root_of_half = 0x3FE6A09E667F3BCD, middle = 1024;
    u64 bits = double_bits(x);
    u64 count = (bits - root_of_half + (middle << 52)) >> 52;
    double exponent = double_of(count | 0x4330000000000000) - (0x1p52 + (double)middle);
    double scale = double_of((middle + 1023 - count) << 52);
    double f = (double_of(bits - ((count - middle) << 52)) - 1) + lost * scale;
    return exponent * LN2 + log_near_one(f);
}

// log(1 + x) for x >= 0.
INLINE double log_one_plus(double x) {
    double sum = 1 + x;
    return log_sum(sum, x - (sum - 1));
}

// MARK: angles

// atan(x) for 0 <= x <= 1.
INLINE double arctangent_below_one(double x) {
    static const double c[] = {-0x1.5555552f28118p-2, 0x1.9999846c67102p-3, -0x1.249039238f8f2p-3,
        0x1.c6e85ae1b435fp-4, -0x1.72d6304c6afc2p-4, 0x1.33a16bea1831dp-4, -0x1.f02f943ce83e3p-5,
        0x1.69ea464195ec4p-5, -0x1.b2f5616f8f892p-6, 0x1.81f647cde0c47p-7, -0x1.b402235ad4021p-9,
        0x1.ce1948d7b0ee9p-12};
    double z = x * x;
    return x * (polynomial(z, c, 12) * z + 1);
}

// The angle of the point (x, y). Equal sides, which may be 0 or infinite, have no quotient.
INLINE double angle_of(double y, double x) {
    double up = fabs(y), along = fabs(x);
    double smaller = up < along ? up : along, larger = up < along ? along : up;
    double ratio = smaller == larger ? (larger == 0 ? 0 : 1) : smaller / larger;
    double angle = arctangent_below_one(ratio);
    angle = up > along ? M_PI_2 - angle : angle;
    angle = copysign(1, x) < 0 ? M_PI - angle : angle;
    return ((x != x) | (y != y)) ? NAN : copysign(angle, y);
}

#endif
