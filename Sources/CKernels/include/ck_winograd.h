// Convolutions by kernels of 3 x 3 with 16 products for a tile of 2 x 2 results in place of 36, as
// Lavin and Gray give them (Fast Algorithms for Convolutional Neural Networks, 2016): kernels and
// the 4 x 4 pixels of a tile become 16 planes each, the products of a plane are those of matrices,
// and the planes of the products become results. All of float32, channels beside each other.

#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H

#pragma clang assume_nonnull begin

/// Whether this machine can run the functions below.
int ck_has_winograd(void);

/// Kernels become planes: element (tap, row, column) is in[tap·tap_step + row·row_step +
/// column·column_step], where one of the last two steps is 1, and element (row, column) of plane p
/// is out[p·plane + row·out_row + column].
void ck_winograd_kernels(float *out, long plane, long out_row, const float *in, long tap_step,
    long row_step, long column_step, long rows, long columns);

/// The tiles that lie beside each other in four rows of pixels, `line` elements apart, become
/// planes; a plane holds the channels of one tile after the other.
void ck_winograd_pixels(
    float *out, long plane, const float *in, long line, long channels, long tiles);

/// The gradients by the results of the tiles beside each other become planes: `width` results, in
/// one or two rows.
void ck_winograd_cotangents(float *out, long plane, const float *in, long line, long pixel,
    long channels, long width, int rows);

/// Planes of products become results: `width` of them, in one or two rows.
void ck_winograd_results(float *out, long line, long pixel, const float *in, long plane,
    long channels, long width, int rows);

/// 16 planes of sums become the gradients by the 9 elements of the kernels:
/// out[tap·plane + i], for `count` of the sums of a plane.
void ck_winograd_gradients(float *out, const float *in, long plane, long count);

#pragma clang assume_nonnull end

#endif
