// Products of bfloat16 matrices, where the processor has instructions for them.

#ifndef CK_MATMUL_H
#define CK_MATMUL_H

#pragma clang assume_nonnull begin

/// The rows of the left operand that a packed panel holds.
#define CK_BF16_ROWS 14
/// The columns of the right operand that a packed panel holds.
#define CK_BF16_COLUMNS 16

/// What becomes of a product's float32 sums.
enum ck_bf16_result {
    /// Stored as they are.
    CK_BF16_WRITTEN = 0,
    /// Added to the float32 numbers that are there.
    CK_BF16_ADDED,
    /// Stored as bfloat16.
    CK_BF16_NARROW,
};

/// Whether this machine can run the functions below.
int ck_has_bf16_products(void);

/// Packs lines of `count` bfloat16 along k into panels of `width` lines. A panel holds a pair of
/// elements of 16 lines, then the next pair: 64 bytes for every two of `count`, zeros where there
/// is no line or no element. `stride` is the distance of lines, or, where they lie beside each
/// other, of the elements of a line.
void ck_bf16_pack(void *out, const void *in, long lines, long count, long stride, int lies_beside,
    long width);

/// out = a b for packed operands of so many pairs along k; `leading` elements between the rows of
/// out. Numbers too small to be normal count as zero.
void ck_bf16_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long pairs, enum ck_bf16_result result);

/// out[row, line] = Σ a[row, i]·b[line, i] over `count` elements, as bfloat16 or float32: for few
/// rows, which do not pay for packing.
void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count, int is_narrow);

#pragma clang assume_nonnull end

#endif
