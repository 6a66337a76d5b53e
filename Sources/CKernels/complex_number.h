// complex64: what the kernels share.

#ifndef CK_COMPLEX_NUMBER_H
#define CK_COMPLEX_NUMBER_H

#include "kernel.h"

#include <complex.h>

// To and from the complex type of libm.
#define LIBM_COMPLEX(X) __builtin_complex((X).re, (X).im)
INLINE c64 from_libm(float _Complex z) { return (c64){crealf(z), cimagf(z)}; }

INLINE bool complex_nan(c64 x) { return (x.re != x.re) | (x.im != x.im); }
INLINE bool complex_equal(c64 x, c64 y) { return (x.re == y.re) & (x.im == y.im); }

// Rounded product by product on every processor, so that z times its conjugate is real.
INLINE c64 complex_multiply(c64 x, c64 y) {
#pragma STDC FP_CONTRACT OFF
    return (c64){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

// Ordered by the real part, then by the imaginary part.
INLINE bool complex_less(c64 x, c64 y) {
    return (x.re < y.re) | ((x.re == y.re) & (x.im < y.im));
}

#endif
