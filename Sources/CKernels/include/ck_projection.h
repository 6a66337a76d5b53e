// Products of few rows with the rows of a matrix of weights, which are read once and as they lie.

#ifndef CK_PROJECTION_H
#define CK_PROJECTION_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// out = gate / (1 + exp(-gate)) · up
ck_binary _Nullable ck_gated_row(int dtype);

/// Elements of a rounded row that share a scale, and a multiple of its padded length.
enum { CK_ROUNDED_BLOCK = 32, CK_ROUNDED_CHUNK = 128 };

/// A row of x rounded to 15 bits: 128 times a whole number of 8 bits, plus one of 7; a scale for
/// each block, and for each group of the weights the sum of what the codes stand for.
typedef struct {
    int8_t *high;
    int8_t *low;
    float *scales;
    float *sums;
} ck_rounded;

/// Rounds n elements, a multiple of 32, block by block; a block with a number that is not finite
/// becomes NaN. There is room for n up to a multiple of 128: as many codes, and
/// for scales and sums of whole vectors of 16. `by_pairs` puts elements in the order in which
/// ck_rounded_dots meets codes of 4 bits.
void ck_round_row(ck_rounded out, const float *x, long n, long group, int by_pairs);

/// Rows of affine codes of 2, 3, 4, 5, 6 or 8 bits.
typedef struct {
    const void *codes;
    const void *scales;
    const void *biases;
    long rows;
    long columns;
    long group;
    int bits;
    /// The type of scales and biases: float16, bfloat16 or float32.
    int dtype;
} ck_affine_rows;

/// Whether this machine has instructions for products of 8 bits.
int ck_has_rounded_products(void);

/// out[i·stride + j] = row i of x · row j of the weights, for `count` rows of x, `x_stride` codes
/// apart, with as many places between their scales and sums; `scratch` holds four padded rows of
/// codes, which is not touched for codes of 4 or 8 bits. `plain` leaves the machine's instructions
/// out, and touches it; the order of x is then not by pairs.
void ck_rounded_dots(float *out, long stride, ck_affine_rows weights, ck_rounded x, long x_stride,
    long count, void *scratch, int plain);

/// Codes of n elements, a multiple of 8, as bytes.
void ck_expand_codes(void *out, const void *codes, long n, int bits);

/// Panels of 16 rows of affine codes: for each four columns four bytes of each row, and for each
/// group a scale and a bias of each.
typedef struct {
    const void *codes;
    const float *scales;
    const float *biases;
    long columns;
    long group;
} ck_rounded_panels;

/// out[i·leading + j] = row i of x · row j of the weights, for `lines` rows in panels and `count`
/// rows of x, not in the order of pairs; where the machine has instructions for it.
void ck_rounded_tiles(float *out, long leading, ck_rounded_panels weights, long lines,
    ck_rounded x, long x_stride, long count);

/// Rows of x, a multiple of 32 elements with zeros behind the last: for bfloat16 weights the even
/// elements of 32, then the odd ones.
void ck_arrange_half_row(float *out, const float *x, long n, int dtype);

/// The same products with rows of float16 or bfloat16, `width` elements apart, in float32; x is
/// arranged, rows `x_stride` apart.
void ck_half_dots(float *out, long stride, const void *weights, long width, long rows, long n,
    int dtype, const float *x, long x_stride, long count);

#pragma clang assume_nonnull end

#endif
