// Products of matrices. Both operands are packed, so that a tile of 14 x 32 results stays in
// registers while it walks along k: elements of float32, to which bfloat16 may be widened, or pairs
// of bfloat16, which one instruction multiplies and adds to float32.

#include "half.h"
#include "pairs.h"

#include "ck_matmul.h"

// Eight rows of the matrix go by at a time, beside each other, as streams from memory; they make a
// sum of their own, as a long chain of additions loses digits.
KERNEL void ck_row_times_matrix(float *out, const float *x, long x_stride, const float *b,
    long b_row, long rows, long columns) {
    _Pragma("clang fp contract(fast)")
    memset(out, 0, (size_t)columns * sizeof *out);
    long row = 0;
    for (; row + 8 <= rows; row += 8) {
        const float *r = b + row * b_row, *s = x + row * x_stride;
        float x0 = s[0], x1 = s[x_stride], x2 = s[2 * x_stride], x3 = s[3 * x_stride];
        float x4 = s[4 * x_stride], x5 = s[5 * x_stride], x6 = s[6 * x_stride];
        float x7 = s[7 * x_stride];
        LANES for (long j = 0; j < columns; j++) {
            float sum = x0 * r[j];
            sum += x1 * r[b_row + j];
            sum += x2 * r[2 * b_row + j];
            sum += x3 * r[3 * b_row + j];
            sum += x4 * r[4 * b_row + j];
            sum += x5 * r[5 * b_row + j];
            sum += x6 * r[6 * b_row + j];
            out[j] += sum + x7 * r[7 * b_row + j];
        }
    }
    for (; row < rows; row++) {
        float y = x[row * x_stride];
        LANES for (long j = 0; j < columns; j++) out[j] += y * b[row * b_row + j];
    }
}

#if defined(__x86_64__)

int ck_has_packed_products(void) { return has_wide(); }
int ck_has_bf16_dots(void) { return has_pairs(); }

enum ck_packing ck_packing_of_bf16(void) {
    return ck_has_tiled_products() || has_quick_pairs() ? CK_PACK_PAIRS : CK_PACK_WIDENED;
}

// A packed panel is a vector wide in lines; a panel of rows uses 14 of them.
enum { ROWS = CK_PACKED_ROWS };

// MARK: packing

// What stands in a panel for some elements of a line: of float32, a pair, or bfloat16 widened.
WIDE_INLINE __m512i vector_of(enum ck_packing packing, const char *in, long elements) {
    if (packing == CK_PACK_FLOATS) return _mm512_maskz_loadu_epi32(first_lanes(elements), in);
    if (packing == CK_PACK_PAIRS)
        return _mm512_maskz_loadu_epi16(elements == 32 ? ~0u : (1u << elements) - 1, in);
    __m256i halves = _mm256_maskz_loadu_epi16(first_lanes(elements), in);
    return _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
}

// A panel of lines whose elements along k follow each other; the stride is that of bytes.
WIDE_INLINE void pack_lines(enum ck_packing packing, __m512i *out, const char *in, long lines,
    long count, long stride) {
    long together = packing == CK_PACK_PAIRS ? 2 : 1, most = together * WIDTH;
    long size = packing == CK_PACK_FLOATS ? 4 : 2;
    for (long start = 0; start < count; start += most) {
        long rest = smaller(count - start, most);
        __m512i v[16];
        UNROLL for (int line = 0; line < 16; line++)
            v[line] = line < lines ? vector_of(packing, in + line * stride + start * size, rest)
                                   : _mm512_setzero_si512();
        transpose_wide(v);
        long vectors = (rest + together - 1) / together;
        if (vectors == WIDTH) {
            UNROLL for (int i = 0; i < 16; i++) _mm512_storeu_si512(out + i, v[i]);
        } else {
            __m512i all[16];
            UNROLL for (int i = 0; i < 16; i++) all[i] = v[i];
            memcpy(out, all, (size_t)vectors * sizeof *all);
        }
        out += WIDTH;
    }
}

WIDE_INLINE void interleave(u32 *out, const u16 *in, const u16 *next, __mmask16 mask) {
    __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(next ? mask : 0, next));
    _mm512_storeu_si512(out, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

// Panels of lines that lie beside each other: an element of each, then the next of each. Two panels
// go together, which uses a whole cache line of every row.
WIDE static void pack_beside(
    u32 *out, const u16 *in, long lines, long count, long stride, long width) {
    long pairs = (count + 1) / 2;
    for (long line = 0; line < lines; line += 2 * width) {
        long first = smaller(width, lines - line), second = smaller(width, lines - line - first);
        __mmask16 left = (__mmask16)((1u << first) - 1), right = (__mmask16)((1u << second) - 1);
        u32 *panel = out + line / width * pairs * WIDTH, *other = panel + pairs * WIDTH;
        for (long pair = 0; pair < pairs; pair++) {
            const u16 *row = in + 2 * pair * stride + line;
            const u16 *next = 2 * pair + 1 < count ? row + stride : NULL;
            interleave(panel + pair * WIDTH, row, next, left);
            if (second > 0) {
                interleave(other + pair * WIDTH, row + width, next ? next + width : NULL, right);
            }
        }
    }
}

// The same, an element at a time.
WIDE_INLINE void pack_elements_beside(enum ck_packing packing, __m512i *out, const char *in,
    long lines, long count, long stride, long width) {
    long size = packing == CK_PACK_FLOATS ? 4 : 2;
    for (long line = 0; line < lines; line += 2 * width) {
        long first = smaller(width, lines - line), second = smaller(width, lines - line - first);
        __m512i *panel = out + line / width * count, *other = panel + count;
        for (long i = 0; i < count; i++) {
            const char *row = in + (i * stride + line) * size;
            // The next lines of the cache lie too far apart to be foreseen.
            __builtin_prefetch(row + 16 * stride * size);
            __builtin_prefetch(row + (16 * stride + first + second - 1) * size);
            _mm512_storeu_si512(panel + i, vector_of(packing, row, first));
            if (second > 0)
                _mm512_storeu_si512(other + i, vector_of(packing, row + width * size, second));
        }
    }
}

WIDE_INLINE void pack(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width) {
    if (lies_beside && packing == CK_PACK_PAIRS)
        return pack_beside(out, in, lines, count, stride, width);
    if (lies_beside)
        return pack_elements_beside(packing, out, in, lines, count, stride, width);
    long vectors = packing == CK_PACK_PAIRS ? (count + 1) / 2 : count;
    stride *= packing == CK_PACK_FLOATS ? 4 : 2;
    for (long line = 0; line < lines; line += width)
        pack_lines(packing, (__m512i *)out + line / width * vectors,
            (const char *)in + line * stride, smaller(width, lines - line), count, stride);
}

#define PACK(NAME, PACKING)                                                                        \
    WIDE static void pack_##NAME(void *out, const void *in, long lines, long count, long stride,   \
        int lies_beside, long width) {                                                             \
        pack(PACKING, out, in, lines, count, stride, lies_beside, width);                          \
    }
PACK(floats, CK_PACK_FLOATS)
PACK(pairs, CK_PACK_PAIRS)
PACK(widened, CK_PACK_WIDENED)

void ck_pack(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width) {
    static void (*const kernels[])(void *, const void *, long, long, long, int, long) = {
        pack_floats, pack_pairs, pack_widened};
    kernels[packing](out, in, lines, count, stride, lies_beside, width);
}

// MARK: tiles

// One half of a tile's row goes to memory.
WIDE_INLINE void store_half(char *out, __m512 value, __mmask16 mask, int is_added) {
    if (is_added) value += _mm512_maskz_loadu_ps(mask, out);
    _mm512_mask_storeu_ps(out, mask, value);
}

// The same as bfloat16, to nearest, ties to even, as narrow_bf16 does it.
WIDE_INLINE void store_rounded(char *out, __m512 value, __mmask16 mask) {
    __m512i bits = _mm512_castps_si512(value), high = _mm512_srli_epi32(bits, 16);
    __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF));
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
    __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, is_nan, high, _mm512_set1_epi32(0x40));
    _mm256_mask_storeu_epi16(out, mask, _mm512_cvtepi32_epi16(rounded));
}

// What is read after the present tiles, which is asked for from the third cache: a place, and how
// far it moves on with each step along k.
struct next_place {
    const char *start;
    long stride;
};

// A tile's sums along k, where MULTIPLY adds the products of two vectors to a third. So many steps
// go into one sum, and such sums into another, as a long chain of additions loses digits.
#define WALK(R, H, MULTIPLY, MOST)                                                                 \
    __m512 sum[R][2], total[R][2];                                                                 \
    const u32 *c = b + steps * WIDTH;                                                              \
    /* The lines of the result come while the sums are made. */                                    \
    UNROLL for (int row = 0; row < R; row++) {                                                     \
        __builtin_prefetch(out + row * row_bytes, 1);                                              \
        if (H == 2) __builtin_prefetch(out + row * row_bytes + 4 * WIDTH, 1);                      \
    }                                                                                              \
    for (long start = 0;; start += MOST) {                                                         \
        UNROLL for (int row = 0; row < R; row++)                                                   \
            sum[row][0] = sum[row][1] = _mm512_setzero_ps();                                       \
        long end = smaller(start + MOST, steps);                                                   \
        for (long step = start; step < end; step++) {                                              \
            __m512i left = _mm512_loadu_si512(b + step * WIDTH), right = left;                     \
            if (H == 2) right = _mm512_loadu_si512(c + step * WIDTH);                              \
            __builtin_prefetch(a + (step + AHEAD) * WIDTH);                                        \
            __builtin_prefetch(b + (step + AHEAD) * WIDTH);                                        \
            if (H == 2) __builtin_prefetch(c + (step + AHEAD) * WIDTH);                            \
            __builtin_prefetch(next.start, 0, 2);                                                  \
            next.start += next.stride;                                                             \
            UNROLL for (int row = 0; row < R; row++) {                                             \
                __m512i both = _mm512_set1_epi32((int)a[step * WIDTH + row]);                      \
                sum[row][0] = MULTIPLY(sum[row][0], both, left);                                   \
                if (H == 2) sum[row][1] = MULTIPLY(sum[row][1], both, right);                      \
            }                                                                                      \
        }                                                                                          \
        if (start > 0) {                                                                           \
            UNROLL for (int row = 0; row < R; row++)                                               \
                UNROLL for (int half = 0; half < H; half++) sum[row][half] += total[row][half];    \
        }                                                                                          \
        if (end == steps) break;                                                                   \
        UNROLL for (int row = 0; row < R; row++)                                                   \
            UNROLL for (int half = 0; half < H; half++) total[row][half] = sum[row][half];         \
    }                                                                                              \
    __mmask16 mask = (__mmask16)((1u << (columns - (H - 1) * WIDTH)) - 1);

#define FUSED(sum, x, y) _mm512_fmadd_ps((__m512)(x), (__m512)(y), sum)
#define PAIRED(sum, x, y) _mm512_dpbf16_ps(sum, (__m512bh)(x), (__m512bh)(y))

typedef void (*tile_kernel)(char *out, long row_bytes, const u32 *a, const u32 *b, long steps,
    long columns, enum ck_packed_result result, struct next_place next);
#define TILE_OF(TARGET, NAME, R, H)                                                                \
    TARGET static void NAME##_##R##_##H(char *out, long row_bytes, const u32 *a, const u32 *b,     \
        long steps, long columns, enum ck_packed_result result, struct next_place next)

// What becomes of a tile's sums, where NARROW stores bfloat16.
#define KEEP(R, H, NARROW)                                                                         \
    UNROLL for (int row = 0; row < R; row++) {                                                     \
        char *place = out + row * row_bytes;                                                       \
        if (result == CK_PACKED_NARROW) {                                                          \
            if (H == 2) NARROW(place, sum[row][0], 0xffff);                                        \
            NARROW(place + (H - 1) * WIDTH * 2, sum[row][H - 1], mask);                            \
        } else {                                                                                   \
            if (H == 2) store_half(place, sum[row][0], 0xffff, result == CK_PACKED_ADDED);         \
            store_half(place + (H - 1) * WIDTH * 4, sum[row][H - 1], mask,                         \
                result == CK_PACKED_ADDED);                                                        \
        }                                                                                          \
    }

#define TILE(R, H)                                                                                 \
    TILE_OF(WIDE, floats, R, H) {                                                                  \
        WALK(R, H, FUSED, 64)                                                                      \
        KEEP(R, H, store_rounded)                                                                  \
    }                                                                                              \
    TILE_OF(PAIRS, pairs, R, H) {                                                                  \
        WALK(R, H, PAIRED, 256)                                                                    \
        KEEP(R, H, store_narrow)                                                                   \
    }
#define TILES(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define BOTH(R) TILE(R, 1) TILE(R, 2)
TILES(BOTH)
#define ENTRY(R) {{floats_##R##_1, floats_##R##_2}, {pairs_##R##_1, pairs_##R##_2}},
static const tile_kernel tiles[ROWS][2][2] = {TILES(ENTRY)};

void ck_packed_multiply(enum ck_packing packing, void *out, long leading, const void *a,
    const void *b, long rows, long columns, struct ck_ahead ahead, long count,
    enum ck_packed_result result) {
    long size = result == CK_PACKED_NARROW ? 2 : 4;
    int is_paired = packing == CK_PACK_PAIRS;
    long steps = is_paired ? (count + 1) / 2 : count;
    long panels = (rows + ROWS - 1) / ROWS, line = 0;
    // The panels of rows whose tiles ask for columns.
    long asking = ahead.lines > 0 ? panels - ahead.panels : panels > 1 ? panels : 0;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        const u32 *panel = (const u32 *)b + column * steps;
        // Each asks for a part of the next ones.
        long rest = smaller(columns + ahead.columns - column - width, 2 * WIDTH);
        struct next_place next = {(const char *)panel, 0};
        if (rest > 0 && asking > 0) {
            next.start += 2 * WIDTH * steps * (long)sizeof *panel;
            next.stride = (rest * (long)sizeof *panel + asking - 1) / asking;
        }
        for (long row = 0; row < rows; row += ROWS) {
            long height = smaller(rows - row, ROWS);
            const u32 *lines = (const u32 *)a + row / ROWS * steps * WIDTH;
            char *place = (char *)out + (row * leading + column) * size;
            if (row / ROWS >= asking && line < ahead.lines) {
                next.start = (const char *)ahead.start + line++ * ahead.line_step;
                next.stride = ahead.step;
            } else if (row / ROWS >= asking) {
                next.stride = 0;
            }
            tiles[height - 1][is_paired][width > WIDTH](
                place, leading * size, lines, panel, steps, width, result, next);
            next.start += next.stride * steps;
        }
    }
}

// MARK: few rows

// Adds the products of the lanes from `start` on.
PAIRS_INLINE void add_dots(__m512 sum[4][4], const u16 *a, long a_stride, const u16 *b,
    long b_stride, long start, __mmask32 lanes, int rows, int lines) {
    __m512bh x[4];
    UNROLL for (int row = 0; row < rows; row++)
        x[row] = (__m512bh)_mm512_maskz_loadu_epi16(lanes, a + row * a_stride + start);
    UNROLL for (int line = 0; line < lines; line++) {
        __m512bh y = (__m512bh)_mm512_maskz_loadu_epi16(lanes, b + line * b_stride + start);
        UNROLL for (int row = 0; row < rows; row++)
            sum[row][line] = _mm512_dpbf16_ps(sum[row][line], x[row], y);
    }
}

// The products of up to four rows with four lines, neither of them packed. Only the last vector is
// read by a mask: that takes as long again.
PAIRS_INLINE void dots(char *out, long row_bytes, const u16 *a, long a_stride, const u16 *b,
    long b_stride, long count, int rows, int lines, int is_narrow) {
    __m512 sum[4][4];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int line = 0; line < lines; line++) sum[row][line] = _mm512_setzero_ps();
    long start = 0;
    for (; start + 2 * WIDTH <= count; start += 2 * WIDTH)
        add_dots(sum, a, a_stride, b, b_stride, start, ~0u, rows, lines);
    if (start < count)
        add_dots(sum, a, a_stride, b, b_stride, start, (1u << (count - start)) - 1, rows, lines);
    UNROLL for (int row = 0; row < rows; row++) {
        UNROLL for (int line = 0; line < lines; line++) {
            float value = _mm512_reduce_add_ps(sum[row][line]);
            if (is_narrow) {
                *(bf16 *)(out + row * row_bytes + line * 2) = narrow_bf16(value);
            } else {
                *(float *)(out + row * row_bytes + line * 4) = value;
            }
        }
    }
}

#define DOTS(R)                                                                                    \
    PAIRS static void dots_##R(char *out, long row_bytes, const u16 *a, long a_stride,             \
        const u16 *b, long b_stride, long lines, long count, int is_narrow) {                      \
        long size = is_narrow ? 2 : 4, line = 0;                                                   \
        for (; line + 4 <= lines; line += 4)                                                       \
            dots(out + line * size, row_bytes, a, a_stride, b + line * b_stride, b_stride, count,  \
                R, 4, is_narrow);                                                                  \
        for (; line < lines; line++)                                                               \
            dots(out + line * size, row_bytes, a, a_stride, b + line * b_stride, b_stride, count,  \
                R, 1, is_narrow);                                                                  \
    }
DOTS(1)
DOTS(2)
DOTS(3)
DOTS(4)

void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count, int is_narrow) {
    static void (*const kernels[])(char *, long, const u16 *, long, const u16 *, long, long, long,
        int) = {dots_1, dots_2, dots_3, dots_4};
    long size = is_narrow ? 2 : 4;
    for (long row = 0; row < rows; row += 4)
        kernels[smaller(rows - row, 4) - 1]((char *)out + row * leading * size, leading * size,
            (const u16 *)a + row * a_stride, a_stride, b, b_stride, lines, count, is_narrow);
}

#else

int ck_has_packed_products(void) { return 0; }
int ck_has_bf16_dots(void) { return 0; }
enum ck_packing ck_packing_of_bf16(void) { return CK_PACK_WIDENED; }
void ck_pack(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width) {}
void ck_packed_multiply(enum ck_packing packing, void *out, long leading, const void *a,
    const void *b, long rows, long columns, struct ck_ahead ahead, long count,
    enum ck_packed_result result) {}
void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count, int is_narrow) {}

#endif
