// Small products of matrices: a tile of results, of up to 14 x 32 or 6 x 16, stays in registers
// while it walks along k; elements of the left operand are spread straight from memory.

#include "eight.h"
#include "wide.h"

#include "ck_tile.h"

#if defined(__x86_64__)

#define TILE_ROWS 14
#define ALL_ROWS(M) SIX_ROWS(M) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#define SIX_ROWS(M) M(1) M(2) M(3) M(4) M(5) M(6)
#include "lanes_wide.h"
#include "tile_rows.h"

#undef TILE_ROWS
#undef ALL_ROWS
#define TILE_ROWS 6
#define ALL_ROWS SIX_ROWS
#include "lanes_eight.h"
#include "tile_rows.h"

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
            multiply_16(c, c_row, &part, rows, columns, is_added);
        } else if (has_eight()) {
            multiply_8(c, c_row, &part, rows, columns, is_added);
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

static void transpose_widest_f32(void *out, long out_row, const void *in, long in_row,
    long in_column, long rows, long columns, double factor) {
#if defined(__x86_64__)
    if (has_wide() && in_column == 1)
        return transpose_squares_16(out, out_row, in, in_row, rows, columns, (float)factor);
    if (has_eight() && in_column == 1)
        return transpose_squares_8(out, out_row, in, in_row, rows, columns, (float)factor);
#endif
    transpose_f32(out, out_row, in, in_row, in_column, rows, columns, factor);
}

LOOKUP(ck_turn, ck_tile_transpose, ROWS_WIDE(transpose))
