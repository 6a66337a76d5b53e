// Products of matrices of float32 and bfloat16, where the processor has instructions for them.

#ifndef CK_MATMUL_H
#define CK_MATMUL_H

#pragma clang assume_nonnull begin

/// out[j] = Σ x[i·x_stride]·b[i·b_row + j] for float32, summed in order of i; on any processor.
void ck_row_times_matrix(float *out, const float *x, long x_stride, const float *b, long b_row,
    long rows, long columns);

/// The columns of the right operand that a packed panel holds.
#define CK_PACKED_COLUMNS 16

/// What becomes of a product's float32 sums.
enum ck_packed_result {
    /// Stored as they are.
    CK_PACKED_WRITTEN = 0,
    /// Added to the float32 numbers that are there.
    CK_PACKED_ADDED,
    /// Stored as bfloat16.
    CK_PACKED_NARROW,
};

/// Whether this machine can run the functions below.
int ck_has_packed_products(void);

/// The most rows of the left operand that a packed panel holds on this machine.
long ck_packed_row_count(void);

/// What a packed operand is made of, and its panels.
enum ck_packing {
    /// float32.
    CK_PACK_FLOATS = 0,
    /// bfloat16 in pairs, which `ck_packed_multiply` needs an instruction for.
    CK_PACK_PAIRS,
    /// bfloat16, whose panels are float32.
    CK_PACK_WIDENED,
};

/// How bfloat16 is multiplied faster here: in pairs where there is a quick instruction for them, or
/// AMX; else widened.
enum ck_packing ck_packing_of_bf16(void);

/// Packs lines of `count` elements along k into panels of `width` lines. A panel holds an element
/// of 16 lines, or a pair of bfloat16, then the next: 64 bytes each, zeros where there is no line
/// or no element. `stride` is the distance of lines, or, where they lie beside each other, of the
/// elements of a line.
void ck_pack(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width);

/// What is read after a product, which the second cache is asked for meanwhile: so many columns
/// that are packed behind its own; and `lines` of memory, `line_step` bytes apart, one with each
/// tile of the product that is among the last `panels` of rows, walked by `step` bytes with each
/// step along k. Tiles that ask for no line ask for packed columns.
struct ck_ahead {
    long columns;
    const void *_Nullable start;
    long lines;
    long line_step;
    long step;
    long panels;
};

/// Packed rows, and how many of them a panel holds.
struct ck_packed_rows {
    const void *start;
    long count;
    long panel;
};

/// out = a b for packed operands of `count` elements along k, summed in order; `leading` elements
/// between the rows of out. In pairs, bfloat16 too small to be normal count as zero.
void ck_packed_multiply(enum ck_packing packing, void *out, long leading, struct ck_packed_rows a,
    const void *b, long columns, struct ck_ahead ahead, long count, enum ck_packed_result result);

/// The bytes of the room of `ck_lying_multiply`, where columns are not kept.
long ck_lying_room(long rows, long count);

/// out = a b for packed rows of float32, as `ck_packed_multiply`, and columns that lie beside each
/// other in the rows of a matrix, `stride` elements apart. They are packed on the way where more
/// than two panels of rows meet them or there is no AVX-512, or where they are kept: `room` has all
/// of them then, as `ck_pack` leaves them.
void ck_lying_multiply(float *out, long leading, struct ck_packed_rows a, const float *b,
    long stride, void *room, int keeps, long columns, long count, enum ck_packed_result result);

/// The rows of the left operand that a panel of tiles holds.
#define CK_TILED_ROWS 16

/// Whether the functions below can multiply bfloat16 by tiles: the processor has AMX, and the
/// system gives the process its registers.
int ck_has_tiled_products(void);

/// Packs lines of `count` bfloat16 along k into panels of 16 lines for the left operand. A panel
/// holds 32 elements of each line, then the next: 1,024 bytes each, zeros where there is no line or
/// no element. `stride` is as for `ck_pack`, which packs the right operand.
void ck_pack_tiles(
    void *out, const void *in, long lines, long count, long stride, int lies_beside);

/// As `ck_packed_multiply`, for a left operand of tiles.
void ck_tiled_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long count, enum ck_packed_result result);

/// out[row, line] = Σ a[row, i]·b[line, i] over `count` elements, for few rows, which do not pay
/// for packing; where this machine can run `ck_packed_multiply`.
void ck_float_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count);

/// Whether this machine can run the function below.
int ck_has_bf16_dots(void);

/// The same for bfloat16, summed in float32.
void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count);

/// Many products of small float32 matrices: their sizes, and the elements from a plane, a row or a
/// column of the operands to the next. The rows of the right ones lie in one piece.
typedef struct {
    long rows;
    long depth;
    long columns;
    long a_plane;
    long a_row;
    long a_column;
    long b_plane;
    long b_row;
} ck_small_matrices;

/// Whether this machine can run the function below.
int ck_has_small_products(void);

/// The products of so many planes of matrices of at most 16 columns, summed in order along the
/// depth; row-major, one behind the other.
void ck_small_products(float *out, const float *a, const float *b,
    const ck_small_matrices *matrices, long planes);

/// A float32 matrix of few columns or few rows, and how sums along its depth are made.
typedef struct {
    const float *start;
    /// The elements from a row to the next; from a column to the next, times their distance, where
    /// that is a multiple of 16.
    long row, column;
    long columns, depth;
    /// The rows whose products are summed before those before them are added.
    long part;
} ck_narrow_matrix;

/// Writes the products, row-major, of rows whose elements follow each other with a matrix that is
/// read once for eight of them; where this machine can run `ck_packed_multiply`.
void ck_narrow_multiply(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b);

#pragma clang assume_nonnull end

#endif
