// Small products of bfloat16 matrices, as those of tile.c: a step along k is a pair of elements of
// the left operand, spread straight from memory.

#include "pairs.h"

#include "ck_matmul.h"
#include "ck_tile.h"

#if defined(__x86_64__)

enum { ROWS = 14 };

// The result is rounded, or added to what is there, or neither.
enum result { ROUNDED, NEW, ADDED };

PAIRS_INLINE void store(char *place, __m512 sum, __mmask16 mask, enum result result) {
    if (result == ROUNDED) {
        store_narrow(place, sum, mask);
    } else {
        if (result == ADDED) sum += _mm512_maskz_loadu_ps(mask, place);
        _mm512_mask_storeu_ps(place, mask, sum);
    }
}

PAIRS_INLINE void tile(char *c, long c_row, const ck_tile_operands *o, const u32 *a, const u32 *b,
    long a_row, int rows, int halves, __mmask16 mask, enum result result) {
    __m512 sum[ROWS][2];
    long size = result == ROUNDED ? 2 : 4;
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int half = 0; half < halves; half++) sum[row][half] = _mm512_setzero_ps();
    // The lines of the result come while the sums are made.
    UNROLL for (int row = 0; row < rows; row++) {
        __builtin_prefetch(c + row * c_row * size, 1);
        if (result != ROUNDED && halves == 2) __builtin_prefetch(c + row * c_row * size + 64, 1);
    }
    long b_row = o->b_row, a_column = o->a_column, depth = o->depth;
    for (long run = 0; run < o->run_count; run++) {
        const u32 *x = a + o->runs[run];
        for (long i = 0; i < depth; i++) {
            __m512bh left = (__m512bh)(halves == 2 ? _mm512_loadu_si512(b)
                                                   : _mm512_maskz_loadu_epi32(mask, b));
            __m512bh right =
                halves == 2 ? (__m512bh)_mm512_maskz_loadu_epi32(mask, b + WIDTH) : left;
            __builtin_prefetch(b + AHEAD * b_row);
            if (halves == 2) __builtin_prefetch(b + AHEAD * b_row + WIDTH);
            UNROLL for (int row = 0; row < rows; row++) {
                __m512bh pair = (__m512bh)_mm512_set1_epi32((int)x[row * a_row]);
                sum[row][0] = _mm512_dpbf16_ps(sum[row][0], pair, left);
                if (halves == 2) sum[row][1] = _mm512_dpbf16_ps(sum[row][1], pair, right);
            }
            x += a_column;
            b += b_row;
        }
    }
    UNROLL for (int row = 0; row < rows; row++) {
        char *place = c + row * c_row * size;
        if (halves == 2) store(place, sum[row][0], 0xffff, result);
        store(place + (halves - 1) * WIDTH * size, sum[row][halves - 1], mask, result);
    }
}

typedef void (*tile_kernel)(char *c, long c_row, const ck_tile_operands *o, const u32 *a,
    const u32 *b, __mmask16 mask, int is_added);

// Rows that lie beside each other have addresses of their own.
#define TILE(R, H)                                                                                 \
    PAIRS static void rounded_##R##_##H(char *c, long c_row, const ck_tile_operands *o,            \
        const u32 *a, const u32 *b, __mmask16 mask, int is_added) {                                \
        tile(c, c_row, o, a, b, o->a_row, R, H, mask, ROUNDED);                                    \
    }                                                                                              \
    PAIRS static void summed_##R##_##H(char *c, long c_row, const ck_tile_operands *o,             \
        const u32 *a, const u32 *b, __mmask16 mask, int is_added) {                                \
        if (is_added) {                                                                            \
            tile(c, c_row, o, a, b, 1, R, H, mask, ADDED);                                         \
        } else {                                                                                   \
            tile(c, c_row, o, a, b, 1, R, H, mask, NEW);                                           \
        }                                                                                          \
    }
#define TILES(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define BOTH(R) TILE(R, 1) TILE(R, 2)
TILES(BOTH)
#define ENTRY(R) {{rounded_##R##_1, rounded_##R##_2}, {summed_##R##_1, summed_##R##_2}},
static const tile_kernel tiles[ROWS][2][2] = {TILES(ENTRY)};

static void multiply(char *c, long c_row, const ck_tile_operands *o, long rows, long columns,
    int is_summed, int is_added) {
    long size = is_summed ? 4 : 2;
    long panels = (rows + ROWS - 1) / ROWS;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        int halves = width > WIDTH ? 2 : 1;
        __mmask16 mask = first_lanes(width - (halves - 1) * WIDTH);
        for (long panel = 0; panel < panels; panel++) {
            long row = rows * panel / panels, height = rows * (panel + 1) / panels - row;
            tiles[height - 1][is_summed][halves - 1](c + (row * c_row + column) * size, c_row, o,
                (const u32 *)o->a + row * o->a_row, (const u32 *)o->b + column, mask, is_added);
        }
    }
}

static void multiply_rounded(
    void *c, long c_row, ck_tile_operands o, long rows, long columns, int is_added) {
    if (o.a_column == 1 && ck_tiles_fit(rows, o.depth)) {
        ck_tiled_multiply_pairs(c, c_row, &o, rows, columns);
    } else {
        multiply(c, c_row, &o, rows, columns, 0, 0);
    }
}
static void multiply_summed(
    void *c, long c_row, ck_tile_operands o, long rows, long columns, int is_added) {
    multiply(c, c_row, &o, rows, columns, 1, is_added);
}

ck_tile ck_tile_multiply_pairs(int is_summed) {
    if (ck_packing_of_bf16() != CK_PACK_PAIRS) return NULL;
    return is_summed ? multiply_summed : multiply_rounded;
}

#else

ck_tile ck_tile_multiply_pairs(int is_summed) { return NULL; }

#endif

KERNEL void ck_join_pairs(void *out, const void *first, const void *second, long count) {
    u32 *pairs = out;
    const u16 *low = first, *high = second;
    if (high) {
        LANES for (long i = 0; i < count; i++) pairs[i] = low[i] | (u32)high[i] << 16;
    } else {
        LANES for (long i = 0; i < count; i++) pairs[i] = low[i];
    }
}
