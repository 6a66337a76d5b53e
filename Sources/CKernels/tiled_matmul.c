// Products of bfloat16 matrices by the tiles of AMX: one instruction multiplies 16 lines of 32
// elements with 16 others and adds the products to 16 x 16 float32.

#include "half.h"
#include "wide.h"

#include "ck_matmul.h"
#include "ck_tile.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILED                                                                                      \
    __attribute__((                                                                                \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prfchw,amx-tile,amx-bf16")))
#define TILED_INLINE TILED __attribute__((always_inline)) static inline

// The lines of a tile, the elements of a line, and its bytes.
enum { LINES = CK_TILED_ROWS, DEPTH = 32, TILE_BYTES = 1024 };

static int ask(void) {
    enum { BF16 = 1 << 22, TILE = 1 << 24, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    if (!has_wide() || !__builtin_cpu_supports("avx512bf16")) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (BF16 | TILE)) != (BF16 | TILE)) return 0;
    // The system lets a process use the registers once it has asked.
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

int ck_has_tiled_products(void) {
    static int known = -1;
    int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (found < 0) __atomic_store_n(&known, found = ask(), __ATOMIC_RELAXED);
    return found;
}

// MARK: packing

// A panel of lines whose elements along k follow each other: 64 bytes of each, then the next.
WIDE static void pack_tiles(char *out, const u16 *in, long lines, long count, long stride) {
    for (long start = 0; start < count; start += DEPTH) {
        long rest = smaller(count - start, DEPTH);
        __mmask32 mask = rest == DEPTH ? ~0u : (1u << rest) - 1;
        UNROLL for (int line = 0; line < LINES; line++) {
            __m512i v = line < lines
                ? _mm512_maskz_loadu_epi16(mask, in + line * stride + start)
                : _mm512_setzero_si512();
            _mm512_storeu_si512(out + line * 64, v);
        }
        out += TILE_BYTES;
    }
}

// The same for lines that lie beside each other: pairs of elements of all lines, turned.
WIDE static void pack_tiles_beside(
    char *out, const u16 *in, long lines, long count, long stride) {
    __mmask16 mask = (__mmask16)((1u << lines) - 1);
    for (long start = 0; start < count; start += DEPTH) {
        __m512i v[16];
        UNROLL for (int pair = 0; pair < 16; pair++) {
            long k = start + 2 * pair;
            const u16 *row = in + k * stride;
            __m512i low = _mm512_cvtepu16_epi32(
                _mm256_maskz_loadu_epi16(k < count ? mask : 0, row));
            __m512i high = _mm512_cvtepu16_epi32(
                _mm256_maskz_loadu_epi16(k + 1 < count ? mask : 0, row + stride));
            v[pair] = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
        }
        transpose_wide(v);
        UNROLL for (int line = 0; line < 16; line++) _mm512_storeu_si512(out + line * 64, v[line]);
        out += TILE_BYTES;
    }
}

void ck_pack_tiles(
    void *out, const void *in, long lines, long count, long stride, int lies_beside) {
    long size = (count + DEPTH - 1) / DEPTH * TILE_BYTES;
    for (long line = 0; line < lines; line += LINES) {
        char *panel = (char *)out + line / LINES * size;
        long height = smaller(lines - line, LINES);
        if (lies_beside) {
            pack_tiles_beside(panel, (const u16 *)in + line, height, count, stride);
        } else {
            pack_tiles(panel, (const u16 *)in + line * stride, height, count, stride);
        }
    }
}

// MARK: products

struct tile_config {
    u8 palette, start, reserved[14];
    u16 line_bytes[16];
    u8 lines[16];
};

// A tile's float32 sums go from scratch memory to where they belong.
TILED_INLINE void deliver(char *out, long row_bytes, const float *sums, long rows, long columns,
    enum ck_packed_result result) {
    for (long row = 0; row < rows; row++, out += row_bytes, sums += 2 * WIDTH) {
        for (long column = 0; column < columns; column += WIDTH) {
            __mmask16 mask = lanes_from(column, columns);
            __m512 sum = _mm512_loadu_ps(sums + column);
            if (result == CK_PACKED_NARROW) {
                _mm256_mask_storeu_epi16(
                    out + column * 2, mask, (__m256i)_mm512_cvtneps_pbh(sum));
                continue;
            }
            if (result == CK_PACKED_ADDED) sum += _mm512_maskz_loadu_ps(mask, out + column * 4);
            _mm512_mask_storeu_ps(out + column * 4, mask, sum);
        }
    }
}

// Multiplies tiles 4 and 5 with 6 and 7 where they are wanted.
#define MULTIPLY(H, W, A, A_SIZE, B, B_SIZE)                                                       \
    _tile_loadd(4, A, 64);                                                                         \
    _tile_loadd(6, B, 64);                                                                         \
    _tile_dpbf16ps(0, 4, 6);                                                                       \
    if (W == 2) {                                                                                  \
        _tile_loadd(7, (B) + (B_SIZE), 64);                                                        \
        _tile_dpbf16ps(1, 4, 7);                                                                   \
    }                                                                                              \
    if (H == 2) {                                                                                  \
        _tile_loadd(5, (A) + (A_SIZE), 64);                                                        \
        _tile_dpbf16ps(2, 5, 6);                                                                   \
        if (W == 2) _tile_dpbf16ps(3, 5, 7);                                                       \
    }
#define EACH(H, W, ACTION, BASE, ROW_BYTES)                                                        \
    ACTION(0, BASE, ROW_BYTES);                                                                    \
    if (W == 2) ACTION(1, (BASE) + 64, ROW_BYTES);                                                 \
    if (H == 2) {                                                                                  \
        ACTION(2, (BASE) + LINES * (ROW_BYTES), ROW_BYTES);                                        \
        if (W == 2) ACTION(3, (BASE) + LINES * (ROW_BYTES) + 64, ROW_BYTES);                       \
    }
#define CLEAR(TILE, BASE, ROW_BYTES) _tile_zero(TILE)

// H panels of rows with W of columns; `columns` elements of the last row of `rows` are wanted.
#define TILED_PRODUCT(H, W)                                                                        \
    TILED static void product_##H##_##W(char *out, long row_bytes, const char *a, const char *b,   \
        long rows, long columns, long count, enum ck_packed_result result) {                       \
        long whole = count / DEPTH, rest = count % DEPTH, pairs = (rest + 1) / 2;                  \
        long a_size = (whole + (rest > 0)) * TILE_BYTES;                                           \
        long b_size = whole * TILE_BYTES + pairs * 64;                                             \
        int is_whole = rows == H * LINES && columns == W * WIDTH && result != CK_PACKED_NARROW;    \
        if (is_whole && result == CK_PACKED_ADDED) {                                               \
            EACH(H, W, _tile_loadd, out, row_bytes)                                                \
        } else {                                                                                   \
            EACH(H, W, CLEAR, out, row_bytes)                                                      \
        }                                                                                          \
        for (long block = 0; block < whole; block++) {                                             \
            MULTIPLY(H, W, a + block * TILE_BYTES, a_size, b + block * TILE_BYTES, b_size)         \
        }                                                                                          \
        if (rest > 0) {                                                                            \
            char last[W][TILE_BYTES] __attribute__((aligned(64)));                                 \
            memset(last, 0, sizeof last);                                                          \
            for (int i = 0; i < W; i++)                                                            \
                memcpy(last[i], b + i * b_size + whole * TILE_BYTES, (size_t)pairs * 64);          \
            MULTIPLY(H, W, a + whole * TILE_BYTES, a_size, last[0], TILE_BYTES)                    \
        }                                                                                          \
        if (is_whole) {                                                                            \
            EACH(H, W, _tile_stored, out, row_bytes)                                               \
        } else {                                                                                   \
            float sums[H * LINES][2 * WIDTH] __attribute__((aligned(64)));                         \
            EACH(H, W, _tile_stored, (char *)sums, 8 * WIDTH)                                      \
            deliver(out, row_bytes, sums[0], rows, columns, result);                               \
        }                                                                                          \
    }
TILED_PRODUCT(1, 1)
TILED_PRODUCT(1, 2)
TILED_PRODUCT(2, 1)
TILED_PRODUCT(2, 2)

TILED void ck_tiled_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long count, enum ck_packed_result result) {
    static void (*const products[2][2])(char *, long, const char *, const char *, long, long, long,
        enum ck_packed_result) = {{product_1_1, product_1_2}, {product_2_1, product_2_2}};
    struct tile_config config = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) config.line_bytes[tile] = 64, config.lines[tile] = LINES;
    _tile_loadconfig(&config);
    long size = result == CK_PACKED_NARROW ? 2 : 4;
    long row_panel = (count + DEPTH - 1) / DEPTH * TILE_BYTES, column_panel = (count + 1) / 2 * 64;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        for (long row = 0; row < rows; row += 2 * LINES) {
            long height = smaller(rows - row, 2 * LINES);
            products[height > LINES][width > WIDTH]((char *)out + (row * leading + column) * size,
                leading * size, (const char *)a + row / LINES * row_panel,
                (const char *)b + column / WIDTH * column_panel, height, width, count, result);
        }
    }
    _tile_release();
}

// MARK: operands where they lie

// The pairs of a step along k: as many as a tile has room for that leave no rest of a run; 0 where
// there are few such.
static long step_along(long depth) {
    long least = (depth + DEPTH / 2 - 1) / (DEPTH / 2);
    for (long steps = least; steps < 2 * least; steps++)
        if (depth % steps == 0) return depth / steps;
    return 0;
}

int ck_tiles_fit(long rows, long depth) {
    return ck_has_tiled_products() && rows >= LINES && step_along(depth) > 0;
}

// Sums of 16 rows from x on, and of 16 from y on, with so many times 16 columns.
TILED_INLINE void sum_in_place(float *sums, const ck_tile_operands *o, const u32 *x, const u32 *y,
    const u32 *b, long step, int height, int width) {
    long a_bytes = o->a_row * 4, b_bytes = o->b_row * 4;
    EACH(height, width, CLEAR, sums, 0)
    for (long run = 0; run < o->run_count; run++) {
        long start = o->runs[run];
        for (long i = start; i < start + o->depth; i += step) {
            _tile_loadd(4, x + i, a_bytes);
            _tile_loadd(6, b, b_bytes);
            _tile_dpbf16ps(0, 4, 6);
            if (width == 2) {
                _tile_loadd(7, b + WIDTH, b_bytes);
                _tile_dpbf16ps(1, 4, 7);
            }
            if (height == 2) {
                _tile_loadd(5, y + i, a_bytes);
                _tile_dpbf16ps(2, 5, 6);
                if (width == 2) _tile_dpbf16ps(3, 5, 7);
            }
            b += step * o->b_row;
        }
    }
    EACH(height, width, _tile_stored, (char *)sums, 8 * WIDTH)
}

TILED void ck_tiled_multiply_pairs(
    void *c, long c_row, const ck_tile_operands *o, long rows, long columns) {
    long step = step_along(o->depth), row_bytes = c_row * 2;
    struct tile_config config = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) config.line_bytes[tile] = 64, config.lines[tile] = LINES;
    config.line_bytes[4] = config.line_bytes[5] = (u16)(step * 4);
    config.lines[6] = config.lines[7] = (u8)step;
    _tile_loadconfig(&config);
    float sums[2][LINES * 2 * WIDTH] __attribute__((aligned(64)));
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        const u32 *b = (const u32 *)o->b + column;
        char *out = (char *)c + column * 2;
        for (long row = 0; row < rows; row += 2 * LINES) {
            // The last rows are made with some of those before them, so that none beyond are read.
            long first = smaller(row, rows - LINES), second = smaller(row + LINES, rows - LINES);
            const u32 *x = (const u32 *)o->a + first * o->a_row;
            const u32 *y = (const u32 *)o->a + second * o->a_row;
            int is_both = second > first, is_wide = width > WIDTH;
            if (is_both && is_wide) {
                sum_in_place(sums[0], o, x, y, b, step, 2, 2);
            } else if (is_both) {
                sum_in_place(sums[0], o, x, y, b, step, 2, 1);
            } else if (is_wide) {
                sum_in_place(sums[0], o, x, y, b, step, 1, 2);
            } else {
                sum_in_place(sums[0], o, x, y, b, step, 1, 1);
            }
            deliver(out + first * row_bytes, row_bytes, sums[0], LINES, width, CK_PACKED_NARROW);
            if (is_both)
                deliver(
                    out + second * row_bytes, row_bytes, sums[1], LINES, width, CK_PACKED_NARROW);
        }
    }
    _tile_release();
}

#else

int ck_has_tiled_products(void) { return 0; }
int ck_tiles_fit(long rows, long depth) { return 0; }
void ck_tiled_multiply_pairs(
    void *c, long c_row, const ck_tile_operands *o, long rows, long columns) {}
void ck_pack_tiles(
    void *out, const void *in, long lines, long count, long stride, int lies_beside) {}
void ck_tiled_multiply(void *out, long leading, const void *a, const void *b, long rows,
    long columns, long count, enum ck_packed_result result) {}

#endif
