// Fourier transforms. Part of CKernels.h.
//
// Numbers are transformed in double, eight at a time: an "eight" is eight real parts followed by
// eight imaginary ones. The eight are numbers of eight rows, the lanes, with the same place in
// their rows; or eight neighbours of one row, whose eights follow each other. Where a row lies in
// planes, its real parts follow each other, and its imaginary parts at a distance. The transform of
// a row whose parts are swapped is the inverse, swapped and times n.

#ifndef CK_FOURIER_H
#define CK_FOURIER_H

#include <stdbool.h>

#pragma clang assume_nonnull begin

/// The largest radix of a pass.
#define CK_FOURIER_MOST_RADIX 127

/// The planes of exp(-2πi·k/n) for k below a count, which is their distance.
void ck_fourier_roots(double *roots, long count, long n);
/// The planes of exp(-πi·k²/n) for k below n, out of the roots of 2n.
void ck_fourier_chirp(double *chirp, const double *roots, long n);
/// What a pass over n numbers multiplies by, `radix + (radix - 1) * m` numbers where m is
/// n / (radix * stride): the radix's own roots, and the turns of each butterfly.
void ck_fourier_twiddles(
    double *twiddles, const double *roots, long n, long radix, long stride);

/// One pass of Stockham's transform: butterflies of `radix` numbers after passes whose radices
/// multiply to `stride`, and with this one's and with `m` to the length; the radix is 2, 4, 8, or
/// odd and at most the largest. For rows that are neighbours' eights, `stride` and what it is
/// multiplied by is counted in eights. The buffers must not overlap.
void ck_fourier_pass(double *out, const double *in, const double *twiddles, long radix, long m,
    long stride);
/// A first pass, of radix 1, 2, 3, 4, 5 or 8, that takes its numbers from lines: number k of the
/// first `count` lanes stands at k·pitch of complex64.
void ck_fourier_begin(double *out, const float *in, const double *twiddles, long radix, long m,
    long pitch, long count, bool swapped);
/// A last pass of the same radices that writes lines, times a factor.
void ck_fourier_finish(float *out, const double *in, long radix, long stride, long pitch,
    long count, double factor, bool swapped);
/// The first pass, of radix 8, of one row of complex64, a multiple of 8 and at least 64; it gives
/// eights of neighbours.
void ck_fourier_open(double *out, const float *in, const double *roots, long n, bool swapped);
/// The same for a row in planes.
void ck_fourier_open_planes(
    double *out, const double *in, const double *roots, long n, long distance);

/// Lanes out of `count` rows of complex64 that begin `pitch` numbers apart.
void ck_fourier_load_rows(
    double *out, const float *in, long n, long pitch, long count, bool swapped);
/// Such rows out of lanes, times a factor.
void ck_fourier_store_rows(float *out, const double *in, long n, long pitch, long count,
    double factor, bool swapped);

/// The first n + 1 numbers of the spectrum of real rows of 2n, out of the transform of their pairs
/// as n complex numbers; the roots are those of 2n.
void ck_fourier_split_lanes(double *out, const double *in, const double *roots, long n);
/// The other way, with the parts swapped.
void ck_fourier_join_lanes(double *out, const double *in, const double *roots, long n);
/// The same for one row of neighbours' eights, n a multiple of 8, to complex64; numbers from
/// `begin` to `end`, multiples of 8, and with the last the one behind it.
void ck_fourier_split(float *out, const double *in, const double *roots, long n, long begin,
    long end);
/// The other way, from complex64 to planes whose distance is n, with the parts swapped.
void ck_fourier_join(double *out, const float *in, const double *roots, long n, long begin,
    long end);

/// Transformed columns of a long row that is taken as a matrix, times exp(-2πi·row·column/n), as
/// lanes for the transforms of the matrix's rows: eight rows' columns follow each other. The roots
/// are the first of n, in planes of a distance, eight of them from `column`. What is written past
/// the caches is seen by other threads after `ck_await_copies`.
void ck_fourier_turn(double *out, const double *in, const double *roots, long distance, long rows,
    long columns, long column, long count, bool past_caches);
/// Columns of a matrix out of `groups` of eight, whose lines follow each other in each, and the
/// groups at a distance of floats.
void ck_fourier_store_panel(
    float *out, const float *in, long n, long pitch, long distance, long groups);
/// Lanes out of eight neighbouring columns of a matrix in planes, whose rows are `pitch` apart.
void ck_fourier_load_planes(
    double *out, const double *in, long n, long pitch, long distance);
/// Eights `pitch` apart out of those that follow each other.
void ck_fourier_store_eights(double *out, const double *in, long n, long pitch);

/// Planes of a row of complex64 times a chirp, followed by zeros up to the distance.
void ck_fourier_chirp_row(double *out, const float *in, const double *chirp, long n,
    long distance, bool swapped);
/// Planes, whose distance is n, of the products of eights, with the parts swapped.
void ck_fourier_filter(double *out, const double *in, const double *filter, long n);
/// A row of complex64 out of eights of neighbours, whose parts are swapped, times a chirp and a
/// factor.
void ck_fourier_unchirp_row(float *out, const double *in, const double *chirp, long n,
    double factor, bool swapped);

/// A row of complex64 out of one of float32.
void ck_fourier_widen(float *out, const float *in, long n);
/// A row of complex64 out of its first half, n / 2 + 1 numbers, where it is the spectrum of a real
/// one; imaginary parts that such a spectrum has not are left out.
void ck_fourier_mirror(float *out, const float *in, long n);
/// A row of float32, the real parts of one of complex64.
void ck_fourier_real_parts(float *out, const float *in, long n);

#pragma clang assume_nonnull end

#endif
