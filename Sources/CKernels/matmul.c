// Products of matrices. Both operands are packed, so that a tile of 14 x 32 results stays in
// registers while it walks along k: elements of float32, to which bfloat16 may be widened, or pairs
// of bfloat16, which one instruction multiplies and adds to float32.

#include "eight.h"
#include "packed_tile.h"
#include "pairs.h"

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

// A packed panel is a vector wide in lines; a panel of rows uses at most 14 of them.
enum { ROWS = 14 };

int ck_has_packed_products(void) { return has_wide() || has_eight(); }

long ck_packed_row_count(void) { return has_wide() ? ROWS : ROWS_IN_EIGHTS; }

enum ck_packing ck_packing_of_bf16(void) {
    return ck_has_tiled_products() || has_quick_pairs() ? CK_PACK_PAIRS : CK_PACK_WIDENED;
}

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
    if (!has_wide())
        return ck_pack_in_eights(packing, out, in, lines, count, stride, lies_beside, width);
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

// The vectors of columns at a step along k: from packed panels, which are asked for meanwhile.
#define READ_PACKED(H)                                                                             \
    __m512i left = _mm512_loadu_si512(b + step * WIDTH), right = left;                             \
    if (H == 2) right = _mm512_loadu_si512(c + step * WIDTH);                                      \
    __builtin_prefetch(b + (step + AHEAD) * WIDTH);                                                \
    if (H == 2) __builtin_prefetch(c + (step + AHEAD) * WIDTH);                                    \
    __builtin_prefetch(next.start, 0, 2);

// From the rows of a matrix, which lie at the next place; they are packed where there are panels.
// The first cache is asked late, as it has few places for lines that lie far apart.
#define READ_LYING(H)                                                                              \
    __m512i left = _mm512_maskz_loadu_epi32(H == 2 ? 0xffff : mask, next.start), right = left;     \
    if (H == 2) right = _mm512_maskz_loadu_epi32(mask, next.start + 4 * WIDTH);                    \
    if (b) {                                                                                       \
        _mm512_storeu_si512(b + step * WIDTH, left);                                               \
        if (H == 2) _mm512_storeu_si512(c + step * WIDTH, right);                                  \
    }                                                                                              \
    UNROLL for (int half = 0; half < H; half++) {                                                  \
        const char *place = next.start + half * 4 * WIDTH;                                         \
        __builtin_prefetch(place + SOON * next.stride);                                            \
        __builtin_prefetch(place + LATER * next.stride, 0, 2);                                     \
    }
enum { SOON = 4, LATER = 32 };

// A tile's sums along k, where READ reads the vectors of columns and MULTIPLY adds the products of
// two vectors to a third. So many steps go into one sum, and such sums into another, as a long
// chain of additions loses digits. Sums go on from those before, in rows of 32, if there are some.
#define WALK(R, H, READ, MULTIPLY, MOST)                                                           \
    __mmask16 mask = (__mmask16)((1u << (columns - (H - 1) * WIDTH)) - 1);                         \
    __m512 sum[R][2], total[R][2];                                                                 \
    u32 *c = b ? b + steps * WIDTH : b;                                                            \
    /* The lines of the result come while the sums are made. */                                    \
    UNROLL for (int row = 0; row < R; row++) {                                                     \
        __builtin_prefetch(out + row * row_bytes, 1);                                              \
        if (H == 2) __builtin_prefetch(out + row * row_bytes + 4 * WIDTH, 1);                      \
    }                                                                                              \
    if (before) {                                                                                  \
        UNROLL for (int row = 0; row < R; row++) {                                                 \
            UNROLL for (int half = 0; half < H; half++)                                            \
                total[row][half] = _mm512_loadu_ps(before + (2 * row + half) * WIDTH);             \
        }                                                                                          \
    }                                                                                              \
    for (long start = 0;; start += MOST) {                                                         \
        UNROLL for (int row = 0; row < R; row++)                                                   \
            sum[row][0] = sum[row][1] = _mm512_setzero_ps();                                       \
        long end = smaller(start + MOST, steps);                                                   \
        for (long step = start; step < end; step++) {                                              \
            READ(H)                                                                                \
            __builtin_prefetch(a + (step + AHEAD) * WIDTH);                                        \
            next.start += next.stride;                                                             \
            UNROLL for (int row = 0; row < R; row++) {                                             \
                __m512i both = _mm512_set1_epi32((int)a[step * WIDTH + row]);                      \
                sum[row][0] = MULTIPLY(sum[row][0], both, left);                                   \
                if (H == 2) sum[row][1] = MULTIPLY(sum[row][1], both, right);                      \
            }                                                                                      \
        }                                                                                          \
        if (start > 0 || before) {                                                                 \
            UNROLL for (int row = 0; row < R; row++)                                               \
                UNROLL for (int half = 0; half < H; half++) sum[row][half] += total[row][half];    \
        }                                                                                          \
        if (end == steps) break;                                                                   \
        UNROLL for (int row = 0; row < R; row++)                                                   \
            UNROLL for (int half = 0; half < H; half++) total[row][half] = sum[row][half];         \
    }

#define FUSED(sum, x, y) _mm512_fmadd_ps((__m512)(x), (__m512)(y), sum)
#define PAIRED(sum, x, y) _mm512_dpbf16_ps(sum, (__m512bh)(x), (__m512bh)(y))

typedef void (*tile_kernel)(char *out, long row_bytes, const u32 *a, u32 *b, long steps,
    long columns, enum ck_packed_result result, struct next_place next, const float *before);
#define TILE_OF(TARGET, NAME, R, H)                                                                \
    TARGET static void NAME##_##R##_##H(char *out, long row_bytes, const u32 *a, u32 *b,           \
        long steps, long columns, enum ck_packed_result result, struct next_place next,            \
        const float *before)

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
        WALK(R, H, READ_PACKED, FUSED, SUMMED_STEPS)                                               \
        KEEP(R, H, store_rounded)                                                                  \
    }                                                                                              \
    TILE_OF(WIDE, lying, R, H) {                                                                   \
        WALK(R, H, READ_LYING, FUSED, SUMMED_STEPS)                                                \
        KEEP(R, H, store_rounded)                                                                  \
    }                                                                                              \
    TILE_OF(PAIRS, pairs, R, H) {                                                                  \
        WALK(R, H, READ_PACKED, PAIRED, 256)                                                       \
        KEEP(R, H, store_narrow)                                                                   \
    }
#define TILES(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define BOTH(R) TILE(R, 1) TILE(R, 2)
TILES(BOTH)
#define ENTRY(R)                                                                                   \
    {{floats_##R##_1, floats_##R##_2}, {pairs_##R##_1, pairs_##R##_2},                             \
        {lying_##R##_1, lying_##R##_2}},
static const tile_kernel tiles[ROWS][3][2] = {TILES(ENTRY)};
enum { LYING = 2 };

// A tile of packed floats, of pairs, or of columns that lie in the rows of a matrix.
INLINE void multiply_tile(int kind, long rows, struct packed_tile t) {
    if (!has_wide()) return ck_tile_in_eights(&t, rows, kind == LYING);
    tiles[rows - 1][kind][t.columns > WIDTH](
        t.out, t.row_bytes, t.a, t.b, t.steps, t.columns, t.result, t.next, t.before);
}

// Up to so many steps tiles wait for the lines of their results, which are met in their order then:
// panels of rows come one after the other, with columns that the second cache holds.
enum { FEW_STEPS = 64, FEW_ELEMENTS = 1 << 18 };
INLINE int has_few(long steps, long columns) {
    return steps <= FEW_STEPS && steps * columns <= FEW_ELEMENTS;
}

// The first panel reads columns where they lie, if they do, and packs them for the others.
static void multiply_few_steps(int is_paired, char *out, long row_bytes, struct ck_packed_rows a,
    u32 *b, const float *lying, long stride, long columns, long steps,
    enum ck_packed_result result) {
    for (long row = 0; row < a.count; row += a.panel) {
        const u32 *lines = (const u32 *)a.start + row / a.panel * steps * WIDTH;
        int lies = lying && row == 0;
        for (long column = 0; column < columns; column += 2 * WIDTH) {
            long width = smaller(columns - column, 2 * WIDTH);
            u32 *panel = b + column * steps;
            struct next_place next = {(const char *)panel, 0};
            if (lies) next = (struct next_place){(const char *)(lying + column), stride * 4};
            char *place = out + row * row_bytes + column * (result == CK_PACKED_NARROW ? 2 : 4);
            multiply_tile(lies ? LYING : is_paired, smaller(a.count - row, a.panel),
                (struct packed_tile){
                    place, row_bytes, lines, panel, steps, width, result, next, NULL});
        }
    }
}

void ck_packed_multiply(enum ck_packing packing, void *out, long leading, struct ck_packed_rows a,
    const void *b, long columns, struct ck_ahead ahead, long count, enum ck_packed_result result) {
    long size = result == CK_PACKED_NARROW ? 2 : 4;
    int is_paired = packing == CK_PACK_PAIRS;
    long steps = is_paired ? (count + 1) / 2 : count;
    if (has_few(steps, columns))
        return multiply_few_steps(is_paired, out, leading * size, a, (u32 *)b, NULL, 0, columns,
            steps, result);
    long panels = (a.count + a.panel - 1) / a.panel, line = 0;
    // The panels of rows whose tiles ask for columns.
    long asking = ahead.lines > 0 ? panels - ahead.panels : panels > 1 ? panels : 0;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        u32 *panel = (u32 *)b + column * steps;
        // Each asks for a part of the next ones.
        long rest = smaller(columns + ahead.columns - column - width, 2 * WIDTH);
        struct next_place next = {(const char *)panel, 0};
        if (rest > 0 && asking > 0) {
            next.start += 2 * WIDTH * steps * (long)sizeof *panel;
            next.stride = (rest * (long)sizeof *panel + asking - 1) / asking;
        }
        for (long index = 0; index < panels; index++) {
            long row = index * a.panel, height = smaller(a.count - row, a.panel);
            const u32 *lines = (const u32 *)a.start + index * steps * WIDTH;
            char *place = (char *)out + (row * leading + column) * size;
            if (index >= asking && line < ahead.lines) {
                next.start = (const char *)ahead.start + line++ * ahead.line_step;
                next.stride = ahead.step;
            } else if (index >= asking) {
                next.stride = 0;
            }
            multiply_tile(is_paired, height,
                (struct packed_tile){
                    place, leading * size, lines, panel, steps, width, result, next, NULL});
            next.start += next.stride * steps;
        }
    }
}

// Up to so many rows, sums are laid aside after so many steps, so that the columns stay in a near
// cache; up to so many panels, all read them where they lie.
enum { ROWS_BESIDE = 64, STEPS_BESIDE = 256, LYING_PANELS = 2 };

// In vectors of eight, so many columns are packed before they are multiplied: of rows that lie a
// page apart, longer pieces come twice as fast.
enum { COLUMNS_BEFORE = 64 };

long ck_lying_room(long rows, long count) {
    long steps = rows > ROWS_BESIDE ? count : smaller(count, STEPS_BESIDE);
    long columns = has_wide() ? 2 * WIDTH : COLUMNS_BEFORE;
    return (steps + smaller(rows, ROWS_BESIDE)) * columns * (long)sizeof(float);
}

static void multiply_after_packing(float *out, long leading, struct ck_packed_rows a,
    const float *b, long stride, float *room, long columns, long count,
    enum ck_packed_result result) {
    long most = a.count > ROWS_BESIDE ? count : smaller(count, STEPS_BESIDE);
    float *sums = room + COLUMNS_BEFORE * most;
    for (long first = 0; first < columns; first += COLUMNS_BEFORE) {
        long some = smaller(columns - first, COLUMNS_BEFORE);
        for (long start = 0; start < count; start += most) {
            long steps = smaller(count - start, most);
            int is_last = start + steps == count;
            ck_pack_in_eights(CK_PACK_FLOATS, room, b + start * stride + first, some, steps,
                stride, 1, PANEL);
            for (long row = 0; row < a.count; row += a.panel) {
                const u32 *lines =
                    (const u32 *)a.start + (row / a.panel * count + start) * PANEL;
                for (long column = 0; column < some; column += 2 * PANEL) {
                    float *aside = sums + column * a.count + row * 2 * PANEL;
                    struct packed_tile tile = {
                        .out = (char *)(is_last ? out + row * leading + first + column : aside),
                        .row_bytes = (is_last ? leading : 2 * PANEL) * (long)sizeof *out,
                        .a = lines,
                        .b = (u32 *)room + column * steps,
                        .steps = steps,
                        .columns = smaller(some - column, 2 * PANEL),
                        .result = is_last ? result : CK_PACKED_WRITTEN,
                        .before = start > 0 ? aside : NULL,
                    };
                    ck_tile_in_eights(&tile, smaller(a.count - row, a.panel), 0);
                }
            }
        }
    }
}

void ck_lying_multiply(float *out, long leading, struct ck_packed_rows a, const float *b,
    long stride, void *room, int keeps, long columns, long count, enum ck_packed_result result) {
    long panels = (a.count + a.panel - 1) / a.panel;
    long most = keeps || a.count > ROWS_BESIDE ? count : smaller(count, STEPS_BESIDE);
    int packs = keeps || panels > LYING_PANELS;
    if (keeps && has_few(count, columns))
        return multiply_few_steps(0, (char *)out, leading * (long)sizeof *out, a, room, b, stride,
            columns, count, result);
    if (!has_wide() && !keeps)
        return multiply_after_packing(out, leading, a, b, stride, room, columns, count, result);
    float *sums = (float *)room + 2 * WIDTH * most;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        u32 *packed = (u32 *)room + (keeps ? column * count : 0);
        for (long start = 0; start < count; start += most) {
            long steps = smaller(count - start, most);
            int is_last = start + steps == count;
            for (long index = 0; index < panels; index++) {
                long row = index * a.panel;
                float *aside = sums + row * 2 * WIDTH;
                int lies = index == 0 || !packs;
                struct next_place next = {(const char *)packed, 0};
                if (lies) {
                    next.start = (const char *)(b + start * stride + column);
                    next.stride = stride * (long)sizeof *b;
                }
                multiply_tile(lies ? LYING : 0, smaller(a.count - row, a.panel),
                    (struct packed_tile){
                        (char *)(is_last ? out + row * leading + column : aside),
                        (is_last ? leading : 2 * WIDTH) * (long)sizeof *out,
                        (const u32 *)a.start + (index * count + start) * WIDTH,
                        packs ? packed : NULL, steps, width,
                        is_last ? result : CK_PACKED_WRITTEN, next, start > 0 ? aside : NULL});
            }
        }
    }
}

#else

int ck_has_packed_products(void) { return 0; }
long ck_packed_row_count(void) { return 1; }
enum ck_packing ck_packing_of_bf16(void) { return CK_PACK_WIDENED; }
void ck_pack(enum ck_packing packing, void *out, const void *in, long lines, long count,
    long stride, int lies_beside, long width) {}
void ck_packed_multiply(enum ck_packing packing, void *out, long leading, struct ck_packed_rows a,
    const void *b, long columns, struct ck_ahead ahead, long count, enum ck_packed_result result) {}
long ck_lying_room(long rows, long count) { return 0; }
void ck_lying_multiply(float *out, long leading, struct ck_packed_rows a, const float *b,
    long stride, void *room, int keeps, long columns, long count, enum ck_packed_result result) {}

#endif
