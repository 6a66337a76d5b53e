// Small products of matrices: a tile of results, of up to 14 x 32, stays in registers while it
// walks along k; elements of the left operand are spread straight from memory.

#include "wide.h"

#include "ck_tile.h"

#if defined(__x86_64__)

enum { ROWS = 14 };

WIDE_INLINE void tile(float *c, long c_row, const ck_tile_operands *o, const float *a,
    const float *b, long a_row, int rows, int halves, __mmask16 mask, int is_added) {
    __m512 sum[ROWS][2];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int half = 0; half < halves; half++) sum[row][half] = _mm512_setzero_ps();
    // The lines of the result come while the sums are made.
    UNROLL for (int row = 0; row < rows; row++) {
        __builtin_prefetch(c + row * c_row, 1);
        if (halves == 2) __builtin_prefetch(c + row * c_row + WIDTH, 1);
    }
    long b_row = o->b_row, a_column = o->a_column, depth = o->depth;
    for (long run = 0; run < o->run_count; run++) {
        const float *x = a + o->runs[run];
        for (long i = 0; i < depth; i++) {
            __m512 left = halves == 2 ? _mm512_loadu_ps(b) : _mm512_maskz_loadu_ps(mask, b);
            __m512 right = halves == 2 ? _mm512_maskz_loadu_ps(mask, b + WIDTH) : left;
            __builtin_prefetch(b + AHEAD * b_row);
            if (halves == 2) __builtin_prefetch(b + AHEAD * b_row + WIDTH);
            UNROLL for (int row = 0; row < rows; row++) {
                __m512 spread = _mm512_set1_ps(x[row * a_row]);
                sum[row][0] = _mm512_fmadd_ps(spread, left, sum[row][0]);
                if (halves == 2) sum[row][1] = _mm512_fmadd_ps(spread, right, sum[row][1]);
            }
            x += a_column;
            b += b_row;
        }
    }
    UNROLL for (int row = 0; row < rows; row++) {
        float *place = c + row * c_row, *last = place + (halves - 1) * WIDTH;
        if (is_added && halves == 2) sum[row][0] += _mm512_loadu_ps(place);
        if (is_added) sum[row][halves - 1] += _mm512_maskz_loadu_ps(mask, last);
        if (halves == 2) _mm512_storeu_ps(place, sum[row][0]);
        _mm512_mask_storeu_ps(last, mask, sum[row][halves - 1]);
    }
}

typedef void (*tile_kernel)(float *c, long c_row, const ck_tile_operands *o, const float *a,
    const float *b, __mmask16 mask, int is_added);

// Rows that lie beside each other have addresses of their own.
#define TILE(R, H)                                                                                 \
    WIDE static void tile_##R##_##H(float *c, long c_row, const ck_tile_operands *o,               \
        const float *a, const float *b, __mmask16 mask, int is_added) {                            \
        tile(c, c_row, o, a, b, o->a_row, R, H, mask, is_added);                                   \
    }                                                                                              \
    WIDE static void beside_##R##_##H(float *c, long c_row, const ck_tile_operands *o,             \
        const float *a, const float *b, __mmask16 mask, int is_added) {                            \
        tile(c, c_row, o, a, b, 1, R, H, mask, is_added);                                          \
    }
#define TILES(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define BOTH(R) TILE(R, 1) TILE(R, 2)
TILES(BOTH)
#define ENTRY(R) {{tile_##R##_1, tile_##R##_2}, {beside_##R##_1, beside_##R##_2}},
static const tile_kernel tiles[ROWS][2][2] = {TILES(ENTRY)};

static void multiply_wide(
    float *c, long c_row, const ck_tile_operands *o, long rows, long columns, int is_added) {
    long panels = (rows + ROWS - 1) / ROWS;
    for (long column = 0; column < columns; column += 2 * WIDTH) {
        long width = smaller(columns - column, 2 * WIDTH);
        int halves = width > WIDTH ? 2 : 1;
        __mmask16 mask = first_lanes(width - (halves - 1) * WIDTH);
        for (long panel = 0; panel < panels; panel++) {
            long row = rows * panel / panels, height = rows * (panel + 1) / panels - row;
            tiles[height - 1][o->a_row == 1][halves - 1](c + row * c_row + column, c_row, o,
                (const float *)o->a + row * o->a_row, (const float *)o->b + column, mask,
                is_added);
        }
    }
}

#endif

// MARK: other processors, and float64

typedef float part_f32 __attribute__((ext_vector_type(8), aligned(4)));
typedef double part_f64 __attribute__((ext_vector_type(4), aligned(8)));
enum { FEW_ROWS = 4 };

// The sums of R rows and two parts of columns.
#define SUMS(T, R)                                                                                 \
    KERNEL static void sums_##R##_##T(                                                             \
        T *c, long c_row, const ck_tile_operands *o, const T *a, const T *b) {                     \
        enum { LENGTH = sizeof(part_##T) / sizeof(T) };                                            \
        part_##T sum[R][2] = {};                                                                   \
        for (long run = 0; run < o->run_count; run++) {                                            \
            const T *x = a + o->runs[run];                                                         \
            for (long i = 0; i < o->depth; i++, b += o->b_row) {                                   \
                part_##T left = *(const part_##T *)b, right = *(const part_##T *)(b + LENGTH);     \
                for (int row = 0; row < R; row++) {                                                \
                    _Pragma("clang fp contract(fast)")                                             \
                    T y = x[row * o->a_row + i * o->a_column];                                     \
                    sum[row][0] += y * left;                                                       \
                    sum[row][1] += y * right;                                                      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        for (int row = 0; row < R; row++)                                                          \
            for (int half = 0; half < 2; half++)                                                   \
                *(part_##T *)(c + row * c_row + LENGTH * half) += sum[row][half];                  \
    }

#define NARROW(T, UNUSED)                                                                          \
    SUMS(T, 1)                                                                                     \
    SUMS(T, 4)                                                                                     \
    /* A result at the edge of the product. */                                                     \
    static T sum_of_##T(const ck_tile_operands *o, long row, long column) {                        \
        const T *b = (const T *)o->b + column;                                                     \
        T sum = 0;                                                                                 \
        for (long run = 0; run < o->run_count; run++) {                                            \
            const T *x = (const T *)o->a + o->runs[run] + row * o->a_row;                          \
            for (long i = 0; i < o->depth; i++, b += o->b_row) {                                   \
                _Pragma("clang fp contract(fast)")                                                 \
                sum += x[i * o->a_column] * *b;                                                    \
            }                                                                                      \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static void multiply_##T(void *out, long c_row, ck_tile_operands o, long rows, long columns,   \
        int is_added) {                                                                            \
        enum { FEW_COLUMNS = 2 * sizeof(part_##T) / sizeof(T) };                                   \
        T *c = out;                                                                                \
        const T *a = o.a, *b = o.b;                                                                \
        for (long row = 0; row < rows && !is_added; row++)                                         \
            memset(c + row * c_row, 0, (size_t)columns * sizeof *c);                               \
        long whole = columns / FEW_COLUMNS * FEW_COLUMNS;                                          \
        for (long column = 0; column < whole; column += FEW_COLUMNS) {                             \
            long row = 0;                                                                          \
            for (; row + FEW_ROWS <= rows; row += FEW_ROWS)                                        \
                sums_4_##T(c + row * c_row + column, c_row, &o, a + row * o.a_row, b + column);    \
            for (; row < rows; row++)                                                              \
                sums_1_##T(c + row * c_row + column, c_row, &o, a + row * o.a_row, b + column);    \
        }                                                                                          \
        for (long row = 0; row < rows; row++)                                                      \
            for (long column = whole; column < columns; column++)                                  \
                c[row * c_row + column] += sum_of_##T(&o, row, column);                            \
    }
FOR_FLOATS(NARROW, )

// A chain of additions loses digits with its length: runs that have so many products together make
// a sum of their own, which joins the others in memory.
enum { CHAIN = 48 };

static void multiply_widest_f32(
    void *c, long c_row, ck_tile_operands o, long rows, long columns, int is_added) {
    ck_tile_operands part = o;
    long next = 0;
    do {
        part.runs = o.runs + next;
        part.b = (const float *)o.b + next * o.depth * o.b_row;
        part.run_count = 0;
        while (next < o.run_count && part.run_count * o.depth < CHAIN) part.run_count++, next++;
#if defined(__x86_64__)
        if (has_wide()) {
            multiply_wide(c, c_row, &part, rows, columns, is_added);
        } else
#endif
            multiply_f32(c, c_row, part, rows, columns, is_added);
        is_added = 1;
    } while (next < o.run_count);
}

LOOKUP(ck_tile, ck_tile_multiply, ROWS_WIDE(multiply))

void ck_fetch(const void *address, long bytes) {
    for (long byte = 0; byte < bytes; byte += 64)
        __builtin_prefetch((const char *)address + byte, 0, 2);
}

// MARK: transposes

#define TRANSPOSE(T, UNUSED)                                                                       \
    KERNEL static void transpose_##T(void *out, long out_row, const void *in, long in_row,         \
        long in_column, long rows, long columns, double factor) {                                  \
        /* Bands of rows make whole cache lines of the result. */                                  \
        enum { BAND = 16 };                                                                        \
        T by = (T)factor;                                                                          \
        for (long start = 0; start < rows; start += BAND) {                                        \
            long count = smaller(rows - start, BAND);                                              \
            for (long column = 0; column < columns; column++) {                                    \
                T *result = (T *)out + column * out_row + start;                                   \
                const T *from = (const T *)in + start * in_row + column * in_column;               \
                for (long row = 0; row < count; row++) result[row] = by * from[row * in_row];      \
            }                                                                                      \
        }                                                                                          \
    }
FOR_FLOATS(TRANSPOSE, )

#if defined(__x86_64__)

// Squares of 16 x 16 of rows whose elements follow each other, turned in registers.
WIDE static void transpose_squares(float *out, long out_row, const float *in, long in_row,
    long rows, long columns, float factor) {
    __m512 by = _mm512_set1_ps(factor);
    for (long row = 0; row < rows; row += WIDTH) {
        long height = smaller(rows - row, WIDTH);
        __mmask16 down = first_lanes(height);
        for (long column = 0; column < columns; column += WIDTH) {
            long width = smaller(columns - column, WIDTH);
            __mmask16 across = first_lanes(width);
            const float *from = in + row * in_row + column;
            float *to = out + column * out_row + row;
            __m512i v[16];
            UNROLL for (int i = 0; i < 16; i++)
                v[i] = i < height ? _mm512_maskz_loadu_epi32(across, from + i * in_row)
                                  : _mm512_setzero_si512();
            transpose_wide(v);
            UNROLL for (int i = 0; i < 16; i++)
                if (i < width) _mm512_mask_storeu_ps(to + i * out_row, down, by * (__m512)v[i]);
        }
    }
}

#endif

static void transpose_widest_f32(void *out, long out_row, const void *in, long in_row,
    long in_column, long rows, long columns, double factor) {
#if defined(__x86_64__)
    if (has_wide() && in_column == 1)
        return transpose_squares(out, out_row, in, in_row, rows, columns, (float)factor);
#endif
    transpose_f32(out, out_row, in, in_row, in_column, rows, columns, factor);
}

LOOKUP(ck_turn, ck_tile_transpose, ROWS_WIDE(transpose))
