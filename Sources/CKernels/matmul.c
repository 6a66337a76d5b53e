// Products of bfloat16 matrices by the instruction that multiplies pairs of them and adds to
// float32. Both operands are packed, so that a tile of 14 x 32 results stays in registers while it
// walks along k.

#include "half.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define PAIRS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define PAIRS_INLINE PAIRS __attribute__((always_inline)) static inline
#define UNROLL _Pragma("clang loop unroll(full)")

int ck_has_bf16_products(void) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// The width of a packed panel in lines; a panel of rows uses 14 of them.
enum { WIDTH = 16, ROWS = CK_BF16_ROWS };

// MARK: packing

// Lane i of vector j becomes lane j of vector i.
PAIRS_INLINE void transpose(__m512i v[16]) {
    __m512i t[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// A panel of lines whose elements along k follow each other.
PAIRS static void pack_lines(u32 *out, const u16 *in, long lines, long count, long stride) {
    for (long start = 0; start < count; start += 2 * WIDTH) {
        long rest = smaller(count - start, 2 * WIDTH);
        __mmask32 mask = rest == 32 ? ~0u : (1u << rest) - 1;
        __m512i v[16];
        UNROLL for (int line = 0; line < 16; line++)
            v[line] = line < lines ? _mm512_maskz_loadu_epi16(mask, in + line * stride + start)
                                   : _mm512_setzero_si512();
        transpose(v);
        long pairs = (rest + 1) / 2;
        if (pairs == WIDTH) {
            UNROLL for (int i = 0; i < 16; i++)
                _mm512_storeu_si512(out + (start / 2 + i) * WIDTH, v[i]);
        } else {
            __m512i all[16];
            UNROLL for (int i = 0; i < 16; i++) all[i] = v[i];
            memcpy(out + start / 2 * WIDTH, all, (size_t)pairs * sizeof *all);
        }
    }
}

PAIRS_INLINE void interleave(u32 *out, const u16 *in, const u16 *next, __mmask16 mask) {
    __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(next ? mask : 0, next));
    _mm512_storeu_si512(out, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

// Panels of lines that lie beside each other: an element of each, then the next of each. Two panels
// go together, which uses a whole cache line of every row.
PAIRS static void pack_beside(
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

PAIRS void ck_bf16_pack(void *out, const void *in, long lines, long count, long stride,
    int lies_beside, long width) {
    if (lies_beside) return pack_beside(out, in, lines, count, stride, width);
    long size = (count + 1) / 2 * WIDTH;
    for (long line = 0; line < lines; line += width)
        pack_lines((u32 *)out + line / width * size, (const u16 *)in + line * stride,
            smaller(width, lines - line), count, stride);
}

// MARK: tiles

// One half of a tile's row goes to memory.
PAIRS_INLINE void store_half(
    char *out, __m512 value, __mmask16 mask, enum ck_bf16_result result) {
    if (result == CK_BF16_NARROW) {
        _mm256_mask_storeu_epi16(out, mask, (__m256i)_mm512_cvtneps_pbh(value));
    } else {
        if (result == CK_BF16_ADDED) value += _mm512_maskz_loadu_ps(mask, out);
        _mm512_mask_storeu_ps(out, mask, value);
    }
}

PAIRS_INLINE void tile(char *out, long row_bytes, const u32 *a, const u32 *b, long pairs,
    int rows, int halves, long columns, enum ck_bf16_result result) {
    __m512 sum[ROWS][2];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int half = 0; half < halves; half++) sum[row][half] = _mm512_setzero_ps();
    const u32 *c = b + pairs * WIDTH;
    for (long pair = 0; pair < pairs; pair++) {
        __m512bh left = (__m512bh)_mm512_loadu_si512(b + pair * WIDTH), right = left;
        if (halves == 2) right = (__m512bh)_mm512_loadu_si512(c + pair * WIDTH);
        UNROLL for (int row = 0; row < rows; row++) {
            __m512bh both = (__m512bh)_mm512_set1_epi32((int)a[pair * WIDTH + row]);
            sum[row][0] = _mm512_dpbf16_ps(sum[row][0], both, left);
            if (halves == 2) sum[row][1] = _mm512_dpbf16_ps(sum[row][1], both, right);
        }
    }
    long size = result == CK_BF16_NARROW ? 2 : 4;
    long last = columns - (halves - 1) * WIDTH;
    __mmask16 mask = (__mmask16)((1u << last) - 1);
    UNROLL for (int row = 0; row < rows; row++) {
        char *place = out + row * row_bytes;
        if (halves == 2) store_half(place, sum[row][0], 0xffff, result);
        store_half(place + (halves - 1) * WIDTH * size, sum[row][halves - 1], mask, result);
    }
}

typedef void (*tile_kernel)(char *out, long row_bytes, const u32 *a, const u32 *b, long pairs,
    long columns, enum ck_bf16_result result);

#define TILE(R, H)                                                                                 \
    PAIRS static void tile_##R##_##H(char *out, long row_bytes, const u32 *a, const u32 *b,        \
        long pairs, long columns, enum ck_bf16_result result) {                                    \
        tile(out, row_bytes, a, b, pairs, R, H, columns, result);                                  \
    }
#define TILES(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define BOTH(R) TILE(R, 1) TILE(R, 2)
TILES(BOTH)
#define ENTRY(R) {tile_##R##_1, tile_##R##_2},
static const tile_kernel tiles[ROWS][2] = {TILES(ENTRY)};

void ck_bf16_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long pairs, enum ck_bf16_result result) {
    long size = result == CK_BF16_NARROW ? 2 : 4;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        const u32 *panel = (const u32 *)b + column * pairs;
        for (long row = 0; row < rows; row += ROWS) {
            long height = smaller(rows - row, ROWS);
            const u32 *lines = (const u32 *)a + row / ROWS * pairs * WIDTH;
            char *place = (char *)out + (row * leading + column) * size;
            tiles[height - 1][width > WIDTH](
                place, leading * size, lines, panel, pairs, width, result);
        }
    }
}

// MARK: few rows

// The products of up to four rows with four lines, neither of them packed.
PAIRS_INLINE void dots(char *out, long row_bytes, const u16 *a, long a_stride, const u16 *b,
    long b_stride, long count, int rows, int lines, int is_narrow) {
    __m512 sum[4][4];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int line = 0; line < lines; line++) sum[row][line] = _mm512_setzero_ps();
    for (long start = 0; start < count; start += 2 * WIDTH) {
        long rest = count - start;
        __mmask32 mask = rest >= 32 ? ~0u : (1u << rest) - 1;
        __m512bh x[4];
        UNROLL for (int row = 0; row < rows; row++)
            x[row] = (__m512bh)_mm512_maskz_loadu_epi16(mask, a + row * a_stride + start);
        UNROLL for (int line = 0; line < lines; line++) {
            __m512bh y = (__m512bh)_mm512_maskz_loadu_epi16(mask, b + line * b_stride + start);
            UNROLL for (int row = 0; row < rows; row++)
                sum[row][line] = _mm512_dpbf16_ps(sum[row][line], x[row], y);
        }
    }
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

int ck_has_bf16_products(void) { return 0; }
void ck_bf16_pack(void *out, const void *in, long lines, long count, long stride,
    int lies_beside, long width) {}
void ck_bf16_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long pairs, enum ck_bf16_result result) {}
void ck_bf16_dots(void *out, long leading, const void *a, long a_stride, const void *b,
    long b_stride, long rows, long lines, long count, int is_narrow) {}

#endif
