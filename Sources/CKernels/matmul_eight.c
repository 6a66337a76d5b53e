// Packed products in vectors of eight. A panel of rows has twice as many as the registers hold, so
// that a tile is four blocks of 6 x 16 results: they take turns, while what they read of both
// operands stays in the first cache.

#include "eight.h"

#include "packed_tile.h"

#if defined(__x86_64__)

enum { BLOCK = ROWS_IN_EIGHTS / 2 };

// MARK: packing

EIGHT_INLINE __m256 vector_of(int is_widened, const char *in, long elements) {
    if (!is_widened && elements >= 8) return load_8((const float *)in);
    if (!is_widened) return load_some_8(first_8(elements), (const float *)in);
    __m128i halves = _mm_setzero_si128();
    if (elements >= 8)
        halves = _mm_loadu_si128((const __m128i *)in);
    else
        memcpy(&halves, in, (size_t)(elements > 0 ? elements : 0) * 2);
    return (__m256)_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
}

// Some elements of some of eight lines, at most eight of each; the stride is that of bytes.
EIGHT_INLINE void pack_square(
    int is_widened, float *out, const char *in, long lines, long count, long stride) {
    __m256 v[8];
    UNROLL for (long line = 0; line < 8; line++)
        v[line] = line < lines ? vector_of(is_widened, in + line * stride, count) : spread_8(0);
    transpose_8(v);
    UNROLL for (long i = 0; i < 8; i++)
        if (i < count) store_8(out + i * PANEL, v[i]);
}

// A panel of lines whose elements along k follow each other. Numbers that are constants take less
// time: those of columns, and of as many rows as a panel has.
EIGHT_INLINE void pack_lines(
    int is_widened, float *out, const char *in, long lines, long count, long stride) {
    for (long start = 0; start < count; start += 8) {
        for (long first = 0; first < PANEL; first += 8) {
            const char *from = in + first * stride + start * (is_widened ? 2 : 4);
            float *to = out + start * PANEL + first;
            long some = lines - first, rest = count - start;
            if (some >= 8 && rest >= 8)
                pack_square(is_widened, to, from, 8, 8, stride);
            else if (some == ROWS_IN_EIGHTS - 8 && rest >= 8)
                pack_square(is_widened, to, from, ROWS_IN_EIGHTS - 8, 8, stride);
            else
                pack_square(is_widened, to, from, some, rest, stride);
        }
    }
}

// Panels of lines that lie beside each other, up to four at a time: of an element along k, what
// lies in one piece is read at once.
EIGHT_INLINE void pack_beside(int is_widened, float *out, const char *in, long lines, long count,
    long stride, long width) {
    long size = is_widened ? 2 : 4;
    for (long i = 0; i < count; i++, in += stride, out += PANEL) {
        float *panel = out;
        for (long line = 0; line < lines; line += width, panel += count * PANEL) {
            long some = smaller(lines - line, width);
            const char *from = in + line * size;
            // The next lines of the cache lie too far apart to be foreseen.
            __builtin_prefetch(from + 16 * stride);
            __builtin_prefetch(from + 16 * stride + (some - 1) * size);
            store_8(panel, vector_of(is_widened, from, some));
            store_8(panel + 8, vector_of(is_widened, from + 8 * size, some - 8));
        }
    }
}

EIGHT_INLINE void pack(int is_widened, float *out, const char *in, long lines, long count,
    long stride, int lies_beside, long width) {
    long size = is_widened ? 2 : 4, together = lies_beside ? 4 * width : width;
    for (long line = 0; line < lines; line += together) {
        long some = smaller(together, lines - line);
        float *panel = out + line / width * count * PANEL;
        if (lies_beside)
            pack_beside(is_widened, panel, in + line * size, some, count, stride * size, width);
        else
            pack_lines(is_widened, panel, in + line * stride * size, some, count, stride * size);
    }
}

EIGHT void ck_pack_in_eights(enum ck_packing packing, void *out, const void *in, long lines,
    long count, long stride, int lies_beside, long width) {
    if (packing == CK_PACK_WIDENED)
        pack(1, out, in, lines, count, stride, lies_beside, width);
    else
        pack(0, out, in, lines, count, stride, lies_beside, width);
}

// MARK: blocks

// Some rows of a tile and one panel of its columns, so many steps along k. Sums go on from those
// before, in rows of 32 as the tile's, and are laid aside, or at last are the result.
struct block {
    const float *a;
    float *b;
    struct next_place next;
    long steps;
    long columns;
    const float *before;
    float *aside;
    int is_last;
    char *out;
    long row_bytes;
    enum ck_packed_result result;
};

// The steps along k after which the blocks of a tile take turns: what four of them read is about
// three quarters of the first cache.
enum { BLOCK_STEPS = 2 * SUMMED_STEPS };

// To nearest, ties to even, as narrow_bf16 does it.
EIGHT_INLINE void store_rounded(char *out, __m256 value, long columns) {
    __m256i bits = (__m256i)value, high = _mm256_srli_epi32(bits, 16);
    __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
    __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    __m256i is_nan = (__m256i)_mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    rounded = _mm256_blendv_epi8(rounded, quiet, is_nan);
    __m128i halves = _mm_packus_epi32(
        _mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    memcpy(out, &halves, (size_t)smaller(columns, 8) * 2);
}

EIGHT_INLINE void store(char *out, __m256 value, long columns, enum ck_packed_result result) {
    if (result == CK_PACKED_NARROW) return store_rounded(out, value, columns);
    float *place = (float *)out;
    __m256i lanes = first_8(columns);
    if (result == CK_PACKED_ADDED) value += load_some_8(lanes, place);
    store_some_8(place, lanes, value);
}

// What a block does about what is at the next place. Lanes that tell which columns there are take
// registers that the sums need: without them where all are there.
enum reading { LEAVES, ASKS, READS, READS_SOME };

EIGHT_INLINE void multiply_block(int rows, enum reading reading, const struct block *block) {
    __m256i left_lanes = first_8(block->columns);
    __m256i right_lanes = first_8(block->columns - 8);
    struct next_place next = block->next;
    const float *a = block->a, *before = block->before;
    float *b = block->b;
    for (long rest = block->steps;; rest -= SUMMED_STEPS) {
        __m256 sum[BLOCK][2];
        int is_last = rest <= SUMMED_STEPS && block->is_last;
        UNROLL for (int row = 0; row < rows; row++) {
            sum[row][0] = sum[row][1] = spread_8(0);
            // The lines of the result come while the sums are made.
            if (is_last) __builtin_prefetch(block->out + row * block->row_bytes, 1);
        }
        long steps = smaller(rest, SUMMED_STEPS);
        _Pragma("clang loop unroll_count(4)") for (long step = 0; step < steps; step++) {
            __m256 left, right;
            if (reading >= READS) {
                const float *columns = (const float *)next.start;
                left = reading == READS ? load_8(columns) : load_some_8(left_lanes, columns);
                right = reading == READS ? load_8(columns + 8)
                                         : load_some_8(right_lanes, columns + 8);
                if (b) {
                    store_8(b + step * PANEL, left);
                    store_8(b + step * PANEL + 8, right);
                }
                __builtin_prefetch(next.start + 8 * next.stride);
            } else {
                left = load_8(b + step * PANEL);
                right = load_8(b + step * PANEL + 8);
            }
            if (reading == ASKS) __builtin_prefetch(next.start, 0, 2);
            if (reading != LEAVES) next.start += next.stride;
            UNROLL for (int row = 0; row < rows; row++) {
                __m256 both = spread_8(a[step * PANEL + row]);
                sum[row][0] = fused_8(both, left, sum[row][0]);
                sum[row][1] = fused_8(both, right, sum[row][1]);
            }
        }
        UNROLL for (int row = 0; row < rows; row++) {
            float *aside = block->aside + row * 2 * PANEL;
            char *place = block->out + row * block->row_bytes;
            if (before) {
                sum[row][0] += load_8(before + row * 2 * PANEL);
                sum[row][1] += load_8(before + row * 2 * PANEL + 8);
            }
            if (!is_last) {
                store_8(aside, sum[row][0]);
                store_8(aside + 8, sum[row][1]);
                continue;
            }
            store(place, sum[row][0], block->columns, block->result);
            if (block->columns > 8)
                store(place + (block->result == CK_PACKED_NARROW ? 16 : 32), sum[row][1],
                    block->columns - 8, block->result);
        }
        if (rest <= SUMMED_STEPS) break;
        before = block->aside;
        a += SUMMED_STEPS * PANEL;
        if (b) b += SUMMED_STEPS * PANEL;
    }
}

#define BLOCKS(M) M(1) M(2) M(3) M(4) M(5) M(6)
#define BLOCK_OF(ROWS)                                                                             \
    EIGHT static void block_##ROWS(const struct block *b) { multiply_block(ROWS, LEAVES, b); }     \
    EIGHT static void asking_##ROWS(const struct block *b) { multiply_block(ROWS, ASKS, b); }      \
    EIGHT static void reading_##ROWS(const struct block *b) { multiply_block(ROWS, READS, b); }    \
    EIGHT static void some_##ROWS(const struct block *b) { multiply_block(ROWS, READS_SOME, b); }
BLOCKS(BLOCK_OF)
#define ENTRY(ROWS) {block_##ROWS, asking_##ROWS, reading_##ROWS, some_##ROWS},
static void (*const blocks[BLOCK][4])(const struct block *) = {BLOCKS(ENTRY)};

void ck_tile_in_eights(const struct packed_tile *tile, long rows, int lies) {
    float total[ROWS_IN_EIGHTS][2 * PANEL] __attribute__((aligned(64)));
    // The rows of the first block; the second has as many, or one less.
    long height = rows > BLOCK ? (rows + 1) / 2 : rows;
    long size = tile->result == CK_PACKED_NARROW ? 2 : 4;
    struct block block = {.row_bytes = tile->row_bytes, .result = tile->result};
    for (long start = 0; start < tile->steps || start == 0; start += BLOCK_STEPS) {
        const float *before = start > 0 ? total[0] : tile->before;
        block.steps = smaller(BLOCK_STEPS, tile->steps - start);
        block.is_last = start + BLOCK_STEPS >= tile->steps;
        for (long column = 0; column < tile->columns; column += PANEL) {
            u32 *panel = tile->b ? tile->b + (column * tile->steps + start * PANEL) : NULL;
            block.b = (float *)panel;
            block.columns = smaller(PANEL, tile->columns - column);
            for (long row = 0; row < rows; row += height) {
                enum reading reading = LEAVES;
                if (lies && (row == 0 || !panel))
                    reading = block.columns == PANEL ? READS : READS_SOME;
                if (!lies && row + column == 0 && tile->next.stride > 0) reading = ASKS;
                block.next = tile->next;
                block.next.start += start * block.next.stride;
                if (reading >= READS) block.next.start += column * (long)sizeof(float);
                block.a = (const float *)tile->a + start * PANEL + row;
                block.before = before ? before + row * 2 * PANEL + column : NULL;
                block.aside = total[row] + column;
                block.out = tile->out + row * tile->row_bytes + column * size;
                blocks[smaller(height, rows - row) - 1][reading](&block);
            }
        }
    }
}

#endif
