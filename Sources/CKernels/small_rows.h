// Products of small matrices, in vectors of any length; see lanes_wide.h.

#define SMALL_ROWS(ROWS)                                                                           \
    LANES_INLINE void OF(small_rows_##ROWS)(float *out, const float *a, const float *b,            \
        const ck_small_matrices *s, LANE_MASK lanes) {                                             \
        VECTOR sum[ROWS];                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++) sum[r] = OF(spread)(0);                              \
        for (long k = 0; k < s->depth; k++) {                                                      \
            VECTOR row = OF(load_some)(lanes, b + k * s->b_row);                                   \
            const float *column = a + k * s->a_column;                                             \
            UNROLL for (int r = 0; r < ROWS; r++)                                                  \
                sum[r] = OF(fused)(OF(spread)(column[r * s->a_row]), row, sum[r]);                 \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++)                                                      \
            OF(store_some)(out + r * s->columns, lanes, sum[r]);                                   \
    }
SMALL_ROWS(8)
SMALL_ROWS(4)
SMALL_ROWS(1)

LANES_TARGET static void OF(small_products)(
    float *out, const float *a, const float *b, const ck_small_matrices *s, long planes) {
    for (long plane = 0; plane < planes; plane++) {
        for (long column = 0; column < s->columns; column += LANE_COUNT) {
            LANE_MASK lanes = OF(first)(s->columns - column);
            float *to = out + plane * s->rows * s->columns + column;
            const float *left = a + plane * s->a_plane, *right = b + plane * s->b_plane + column;
            long row = 0;
            for (; row + 8 <= s->rows; row += 8)
                OF(small_rows_8)(to + row * s->columns, left + row * s->a_row, right, s, lanes);
            for (; row + 4 <= s->rows; row += 4)
                OF(small_rows_4)(to + row * s->columns, left + row * s->a_row, right, s, lanes);
            for (; row < s->rows; row++)
                OF(small_rows_1)(to + row * s->columns, left + row * s->a_row, right, s, lanes);
        }
    }
}
#undef SMALL_ROWS
