// Products of narrow matrices, in vectors of any length; see lanes_wide.h.

// Some rows, and what a step along k reads: the next columns, and an element of each row.
typedef struct {
    const float *row[NARROW_ROWS];
    const float *left, *right;
    long stride;
    LANE_MASK last;
} OF(walk);

// Adds the products of the next columns with an element of each row; the number of rows, that of
// vectors of columns, and whether they are whole are constants wherever this is inlined.
LANES_INLINE void OF(add_products)(int rows, int halves, int are_whole,
    VECTOR sum[NARROW_ROWS][2], OF(walk) *walk, int element) {
    int is_whole = are_whole || halves == 2;
    VECTOR left = is_whole ? OF(load)(walk->left) : OF(load_some)(walk->last, walk->left);
    VECTOR right = left;
    if (halves == 2)
        right = are_whole ? OF(load)(walk->right) : OF(load_some)(walk->last, walk->right);
    walk->left += walk->stride;
    walk->right += walk->stride;
    UNROLL for (int r = 0; r < rows; r++) {
        VECTOR x = OF(spread)(walk->row[r][element]);
        sum[r][0] = OF(fused)(x, left, sum[r][0]);
        if (halves == 2) sum[r][1] = OF(fused)(x, right, sum[r][1]);
    }
}

// Sums `count` steps from zero.
LANES_INLINE void OF(sum_products)(int rows, int halves, int are_whole,
    VECTOR sum[NARROW_ROWS][2], OF(walk) *walk, long count) {
    UNROLL for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = OF(spread)(0);
    for (; count >= STEPS; count -= STEPS) {
        // A register for each row: an instruction with two of them in its address would be two.
        UNROLL for (int r = 0; r < rows; r++) __asm__("" : "+r"(walk->row[r]));
        UNROLL for (int k = 0; k < STEPS; k++)
            OF(add_products)(rows, halves, are_whole, sum, walk, k);
        UNROLL for (int r = 0; r < rows; r++) walk->row[r] += STEPS;
    }
    for (; count > 0; count--) {
        OF(add_products)(rows, halves, are_whole, sum, walk, 0);
        UNROLL for (int r = 0; r < rows; r++) walk->row[r]++;
    }
}

// A tile of the result, whose columns are those of `b` from one on.
LANES_INLINE void OF(narrow_tile)(int rows, int halves, int are_whole, float *out, const float *a,
    long a_row, const ck_narrow_matrix *b, long column) {
    long columns = smaller(b->columns - column, 2 * LANE_COUNT);
    LANE_MASK last = OF(first)(columns - (halves - 1) * LANE_COUNT);
    OF(walk) walk = {.left = place_of_column(b, column),
        .right = place_of_column(b, column + LANE_COUNT), .stride = b->row, .last = last};
    UNROLL for (int r = 0; r < rows; r++) walk.row[r] = a + r * a_row;
    for (long start = 0; start < b->depth; start += b->part) {
        long left = smaller(b->part, b->depth - start);
        VECTOR total[NARROW_ROWS][2], sum[NARROW_ROWS][2];
        OF(sum_products)(rows, halves, are_whole, total, &walk, smaller(SUMMED, left));
        for (left -= SUMMED; left > 0; left -= SUMMED) {
            OF(sum_products)(rows, halves, are_whole, sum, &walk, smaller(SUMMED, left));
            UNROLL for (int r = 0; r < rows; r++)
                UNROLL for (int h = 0; h < halves; h++) total[r][h] += sum[r][h];
        }
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int h = 0; h < halves; h++) {
                float *place = out + r * b->columns + column + h * LANE_COUNT;
                LANE_MASK lanes = h == halves - 1 ? last : OF(first)(LANE_COUNT);
                if (start > 0) total[r][h] += OF(load_some)(lanes, place);
                OF(store_some)(place, lanes, total[r][h]);
            }
        }
    }
}

#define NARROW_TILE(ROWS, FORM, ...)                                                               \
    LANES_TARGET static void OF(narrow_##ROWS##_##FORM)(float *out, const float *a, long a_row,    \
        const ck_narrow_matrix *b, long column) {                                                  \
        OF(narrow_tile)(ROWS, __VA_ARGS__, out, a, a_row, b, column);                              \
    }
#define NARROW_FORMS(ROWS)                                                                         \
    NARROW_TILE(ROWS, one, 1, 0) NARROW_TILE(ROWS, two, 2, 0) NARROW_TILE(ROWS, whole, 2, 1)
#define NARROW_ENTRY(ROWS)                                                                         \
    {ROWS, {OF(narrow_##ROWS##_one), OF(narrow_##ROWS##_two), OF(narrow_##ROWS##_whole)}},
NARROW_HEIGHTS(NARROW_FORMS)

static void OF(narrow_multiply)(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b) {
    static const struct {
        long rows;
        void (*tiles[3])(float *, const float *, long, const ck_narrow_matrix *, long);
    } heights[] = {NARROW_HEIGHTS(NARROW_ENTRY)};
    for (long row = 0, height = 0; row < rows; row += heights[height].rows) {
        while (rows - row < heights[height].rows) height++;
        for (long column = 0; column < b->columns; column += 2 * LANE_COUNT) {
            long rest = b->columns - column;
            heights[height].tiles[(rest > LANE_COUNT) + (rest >= 2 * LANE_COUNT)](
                out + row * b->columns, a + row * a_row, a_row, b, column);
        }
    }
}
#undef NARROW_TILE
#undef NARROW_FORMS
#undef NARROW_ENTRY
