// Fourier transforms of one row. Part of CKernels.h.
//
// Rows are transformed in double, as planes: real parts followed by imaginary parts. Several rows,
// the lanes, are transformed together; number k of all lanes stands before number k + 1. The
// transform of rows with their planes swapped is the inverse, swapped and times n.

#ifndef CK_FOURIER_H
#define CK_FOURIER_H

#pragma clang assume_nonnull begin

/// The planes of exp(-2πi·k/n) for k below n.
void ck_fourier_roots(double *roots, long n);
/// The planes of exp(-πi·k²/n) for k below n, out of the roots of 2n.
void ck_fourier_chirp(double *chirp, const double *roots, long n);
/// One pass of Stockham's transform of n numbers: butterflies of `radix` numbers after passes
/// whose radices, times the lanes, multiply to `stride`. The buffers must not overlap.
void ck_fourier_pass(double *out, const double *in, const double *roots, long n, long radix,
    long stride, long lanes);
/// A lane's real and imaginary parts out of a row of complex64.
void ck_fourier_load(double *real, double *imaginary, const float *in, long n, long lanes);
/// The same out of the first half of a row, n / 2 + 1 numbers, completed to the spectrum of a real
/// row; imaginary parts that such a spectrum has not are left out.
void ck_fourier_load_half(double *real, double *imaginary, const float *in, long n, long lanes);
/// The same out of a row of float32.
void ck_fourier_load_real(double *real, double *imaginary, const float *in, long n, long lanes);
/// A row of complex64 out of a lane's parts times a factor.
void ck_fourier_store(float *out, const double *real, const double *imaginary, double factor,
    long n, long lanes);
/// A row of float32 out of a lane's real parts times a factor.
void ck_fourier_store_real(
    float *out, const double *real, double factor, long n, long lanes);
/// out[k] = a[k]·b[k] for every lane, where `b` is the planes of n numbers for all, and the
/// imaginary parts of the others follow the real ones by a distance. May be done in place.
void ck_fourier_multiply(double *out, long out_plane, const double *a, long a_plane,
    const double *b, long n, long lanes);

#pragma clang assume_nonnull end

#endif
