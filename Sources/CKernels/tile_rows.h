// Tiles of small products, in vectors of any length; see lanes_wide.h. Rows that lie beside each
// other have addresses of their own.

// A mask takes a register in each step where it is one of those of the vectors: without it where
// the tile is whole.
LANES_INLINE void OF(tile)(float *c, long c_row, const ck_tile_operands *o, const float *a,
    const float *b, long a_row, int rows, int halves, int is_whole, LANE_MASK mask, int is_added) {
    VECTOR sum[TILE_ROWS][2];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int half = 0; half < halves; half++) sum[row][half] = OF(spread)(0);
    // The lines of the result come while the sums are made.
    UNROLL for (int row = 0; row < rows; row++) {
        __builtin_prefetch(c + row * c_row, 1);
        if (halves == 2) __builtin_prefetch(c + row * c_row + LANE_COUNT, 1);
    }
    long b_row = o->b_row, a_column = o->a_column, depth = o->depth;
    for (long run = 0; run < o->run_count; run++) {
        const float *x = a + o->runs[run];
        for (long i = 0; i < depth; i++) {
            VECTOR left = halves == 2 ? OF(load)(b) : OF(load_some)(mask, b), right = left;
            if (halves == 2 && is_whole) right = OF(load)(b + LANE_COUNT);
            if (halves == 2 && !is_whole) right = OF(load_some)(mask, b + LANE_COUNT);
            __builtin_prefetch(b + AHEAD * b_row);
            if (halves == 2 && LANE_COUNT > 8)
                __builtin_prefetch(b + AHEAD * b_row + LANE_COUNT);
            UNROLL for (int row = 0; row < rows; row++) {
                VECTOR spread = OF(spread)(x[row * a_row]);
                sum[row][0] = OF(fused)(spread, left, sum[row][0]);
                if (halves == 2) sum[row][1] = OF(fused)(spread, right, sum[row][1]);
            }
            x += a_column;
            b += b_row;
        }
    }
    UNROLL for (int row = 0; row < rows; row++) {
        float *place = c + row * c_row, *last = place + (halves - 1) * LANE_COUNT;
        if (is_added && halves == 2) sum[row][0] += OF(load)(place);
        if (is_added) sum[row][halves - 1] += OF(load_some)(mask, last);
        if (halves == 2) OF(store)(place, sum[row][0]);
        OF(store_some)(last, mask, sum[row][halves - 1]);
    }
}

#define TILE(R, FORM, ...)                                                                         \
    LANES_TARGET static void OF(tile_##R##_##FORM)(float *c, long c_row,                           \
        const ck_tile_operands *o, const float *a, const float *b, LANE_MASK mask, int is_added) { \
        OF(tile)(c, c_row, o, a, b, o->a_row, R, __VA_ARGS__, mask, is_added);                     \
    }                                                                                              \
    LANES_TARGET static void OF(beside_##R##_##FORM)(float *c, long c_row,                         \
        const ck_tile_operands *o, const float *a, const float *b, LANE_MASK mask, int is_added) { \
        OF(tile)(c, c_row, o, a, b, 1, R, __VA_ARGS__, mask, is_added);                            \
    }
#define FORMS(R) TILE(R, one, 1, 0) TILE(R, two, 2, 0) TILE(R, whole, 2, 1)
ALL_ROWS(FORMS)
#define ENTRY(R)                                                                                   \
    {{OF(tile_##R##_one), OF(tile_##R##_two), OF(tile_##R##_whole)},                               \
        {OF(beside_##R##_one), OF(beside_##R##_two), OF(beside_##R##_whole)}},
static void (*const OF(tiles)[TILE_ROWS][2][3])(float *c, long c_row, const ck_tile_operands *o,
    const float *a, const float *b, LANE_MASK mask, int is_added) = {ALL_ROWS(ENTRY)};
#undef TILE
#undef FORMS
#undef ENTRY

LANES_TARGET static void OF(multiply)(
    float *c, long c_row, const ck_tile_operands *o, long rows, long columns, int is_added) {
    long panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (long column = 0; column < columns; column += 2 * LANE_COUNT) {
        long width = smaller(columns - column, 2 * LANE_COUNT);
        int halves = width > LANE_COUNT ? 2 : 1, form = halves - 1 + (width == 2 * LANE_COUNT);
        LANE_MASK mask = OF(first)(width - (halves - 1) * LANE_COUNT);
        for (long panel = 0; panel < panels; panel++) {
            long row = rows * panel / panels, height = rows * (panel + 1) / panels - row;
            OF(tiles)[height - 1][o->a_row == 1][form](c + row * c_row + column, c_row, o,
                (const float *)o->a + row * o->a_row, (const float *)o->b + column, mask,
                is_added);
        }
    }
}

// Squares of rows whose elements follow each other, turned in registers.
LANES_TARGET static void OF(transpose_squares)(float *out, long out_row, const float *in,
    long in_row, long rows, long columns, float factor) {
    VECTOR by = OF(spread)(factor);
    for (long row = 0; row < rows; row += LANE_COUNT) {
        long height = smaller(rows - row, LANE_COUNT);
        LANE_MASK down = OF(first)(height);
        for (long column = 0; column < columns; column += LANE_COUNT) {
            long width = smaller(columns - column, LANE_COUNT);
            LANE_MASK across = OF(first)(width);
            const float *from = in + row * in_row + column;
            float *to = out + column * out_row + row;
            VECTOR v[LANE_COUNT];
            UNROLL for (int i = 0; i < LANE_COUNT; i++)
                v[i] = i < height ? OF(load_some)(across, from + i * in_row) : OF(spread)(0);
            OF(transpose)(v);
            UNROLL for (int i = 0; i < LANE_COUNT; i++)
                if (i < width) OF(store_some)(to + i * out_row, down, by * v[i]);
        }
    }
}
