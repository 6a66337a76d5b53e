// Small products of matrices that are read where they lie, as attention and convolution make them;
// for float32 and float64.

#ifndef CK_TILE_H
#define CK_TILE_H

#pragma clang assume_nonnull begin

/// The operands of a product. The left one is read in runs of `depth` elements along k, each with a
/// start of its own: element i of run t of a row is a[runs[t] + row·a_row + i·a_column], and meets
/// b[(t·depth + i)·b_row + column].
typedef struct {
    const void *a;
    long a_row, a_column;
    const long *runs;
    long run_count;
    const void *b;
    long b_row;
    long depth;
} ck_tile_operands;

/// Writes the product to c, or adds it to what is there; c_row elements between its rows. A result
/// is summed along k in order; in float32, sums of several runs are joined in theirs.
typedef void (*ck_tile)(void *c, long c_row, ck_tile_operands operands, long rows, long columns,
    int is_added);
ck_tile _Nullable ck_tile_multiply(int dtype);

/// The same of bfloat16 in pairs that follow each other along k, in both operands; NULL where the
/// processor has no quick instruction for it. Strides and depths count pairs. The result is
/// bfloat16, and never added to what is there; or, of left rows beside each other (a_row 1),
/// float32.
ck_tile _Nullable ck_tile_multiply_pairs(int is_summed);

/// Whether so many rows, in runs of so many pairs, are multiplied by the tiles of AMX; and such a
/// product, of which the rounded result is written. The left rows have an a_column of 1; right ones
/// are read as far as whole vectors reach.
int ck_tiles_fit(long rows, long depth);
void ck_tiled_multiply_pairs(void *c, long c_row, const ck_tile_operands *operands, long rows,
    long columns);

/// out[i] = the pair of first[i] and second[i], of 2 bytes each; without a second one, of zeros.
void ck_join_pairs(void *out, const void *first, const void *_Nullable second, long count);

/// Asks for memory that is read soon to come to the second cache.
void ck_fetch(const void *address, long bytes);

/// out[column·out_row + row] = factor·in[row·in_row + column·in_column]
typedef void (*ck_turn)(void *out, long out_row, const void *in, long in_row, long in_column,
    long rows, long columns, double factor);
ck_turn _Nullable ck_tile_transpose(int dtype);

#pragma clang assume_nonnull end

#endif
