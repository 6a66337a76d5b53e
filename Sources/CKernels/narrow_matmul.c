// Products of float32 rows with a matrix of few columns or few rows: nothing large is packed, as
// that would take as long as to multiply it. The sums are those of packed products, to the last
// bit.

#include "wide.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

// The rows that are multiplied together, the steps along k between two looks at where they go on,
// and the products that go into one sum; such sums go into another.
enum { MOST_ROWS = 8, STEPS = 4, SUMMED = 64 };

// Some rows, and what a step along k reads: the next columns, and an element of each row.
typedef struct {
    const float *row[MOST_ROWS];
    const float *left, *right;
    long stride;
    __mmask16 first, last;
} narrow_walk;

// Adds the products of the next columns with an element of each row; the number of rows, and that
// of vectors of columns, are constants wherever this is inlined.
WIDE_INLINE void add_products(
    int rows, int halves, __m512 sum[MOST_ROWS][2], narrow_walk *walk, int element) {
    __m512 left = _mm512_maskz_loadu_ps(walk->first, walk->left), right = left;
    if (halves == 2) right = _mm512_maskz_loadu_ps(walk->last, walk->right);
    walk->left += walk->stride;
    walk->right += walk->stride;
    UNROLL for (int r = 0; r < rows; r++) {
        __m512 x = spread(walk->row[r][element]);
        sum[r][0] = _mm512_fmadd_ps(x, left, sum[r][0]);
        if (halves == 2) sum[r][1] = _mm512_fmadd_ps(x, right, sum[r][1]);
    }
}

// Sums `count` steps from zero.
WIDE_INLINE void sum_products(
    int rows, int halves, __m512 sum[MOST_ROWS][2], narrow_walk *walk, long count) {
    UNROLL for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = spread(0);
    for (; count >= STEPS; count -= STEPS) {
        // A register for each row: an instruction with two of them in its address would be two.
        UNROLL for (int r = 0; r < rows; r++) __asm__("" : "+r"(walk->row[r]));
        UNROLL for (int k = 0; k < STEPS; k++) add_products(rows, halves, sum, walk, k);
        UNROLL for (int r = 0; r < rows; r++) walk->row[r] += STEPS;
    }
    for (; count > 0; count--) {
        add_products(rows, halves, sum, walk, 0);
        UNROLL for (int r = 0; r < rows; r++) walk->row[r]++;
    }
}

// A tile of the result, whose columns are those of `b` from one on.
WIDE_INLINE void narrow_tile(int rows, int halves, float *out, const float *a, long a_row,
    const ck_narrow_matrix *b, long column) {
    long columns = smaller(b->columns - column, 2 * WIDTH);
    __mmask16 last = first_lanes(columns - (halves - 1) * WIDTH);
    const float *start = b->start + column * b->column;
    narrow_walk walk = {.left = start, .right = start + WIDTH * b->column, .stride = b->row,
        .first = halves == 2 ? 0xffff : last, .last = last};
    UNROLL for (int r = 0; r < rows; r++) walk.row[r] = a + r * a_row;
    for (long start = 0; start < b->depth; start += b->part) {
        long left = smaller(b->part, b->depth - start);
        __m512 total[MOST_ROWS][2], sum[MOST_ROWS][2];
        sum_products(rows, halves, total, &walk, smaller(SUMMED, left));
        for (left -= SUMMED; left > 0; left -= SUMMED) {
            sum_products(rows, halves, sum, &walk, smaller(SUMMED, left));
            UNROLL for (int r = 0; r < rows; r++)
                UNROLL for (int h = 0; h < halves; h++) total[r][h] += sum[r][h];
        }
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int h = 0; h < halves; h++) {
                float *place = out + r * b->columns + column + h * WIDTH;
                __mmask16 lanes = h == 0 ? walk.first : last;
                if (start > 0) total[r][h] += _mm512_maskz_loadu_ps(lanes, place);
                _mm512_mask_storeu_ps(place, lanes, total[r][h]);
            }
        }
    }
}

#define NARROW_TILE(ROWS, HALVES)                                                                  \
    WIDE static void narrow_tile_##ROWS##_##HALVES(float *out, const float *a, long a_row,         \
        const ck_narrow_matrix *b, long column) {                                                  \
        narrow_tile(ROWS, HALVES, out, a, a_row, b, column);                                       \
    }
NARROW_TILE(8, 1)
NARROW_TILE(8, 2)
NARROW_TILE(4, 1)
NARROW_TILE(4, 2)
NARROW_TILE(1, 1)
NARROW_TILE(1, 2)

void ck_narrow_multiply(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b) {
    static const struct {
        long rows;
        void (*tiles[2])(float *, const float *, long, const ck_narrow_matrix *, long);
    } heights[] = {
        {8, {narrow_tile_8_1, narrow_tile_8_2}},
        {4, {narrow_tile_4_1, narrow_tile_4_2}},
        {1, {narrow_tile_1_1, narrow_tile_1_2}},
    };
    for (long row = 0, height = 0; row < rows; row += heights[height].rows) {
        while (rows - row < heights[height].rows) height++;
        for (long column = 0; column < b->columns; column += 2 * WIDTH)
            heights[height].tiles[b->columns - column > WIDTH](
                out + row * b->columns, a + row * a_row, a_row, b, column);
    }
}

#else

void ck_narrow_multiply(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b) {}

#endif
