// Products of many small float32 matrices, of no more columns than a vector has lanes: nothing is
// packed, a row of a result is summed in one vector.

#include "wide.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

#define SMALL_ROWS(ROWS)                                                                           \
    WIDE_INLINE void small_rows_##ROWS(float *out, const float *a, const float *b,                 \
        const ck_small_matrices *s, __mmask16 lanes) {                                             \
        __m512 sum[ROWS];                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++) sum[r] = spread(0);                                  \
        for (long k = 0; k < s->depth; k++) {                                                      \
            __m512 row = _mm512_maskz_loadu_ps(lanes, b + k * s->b_row);                           \
            const float *column = a + k * s->a_column;                                             \
            UNROLL for (int r = 0; r < ROWS; r++)                                                  \
                sum[r] = _mm512_fmadd_ps(spread(column[r * s->a_row]), row, sum[r]);               \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++)                                                      \
            _mm512_mask_storeu_ps(out + r * s->columns, lanes, sum[r]);                            \
    }
SMALL_ROWS(8)
SMALL_ROWS(4)
SMALL_ROWS(1)

WIDE void ck_small_products(
    float *out, const float *a, const float *b, const ck_small_matrices *s, long planes) {
    __mmask16 lanes = first_lanes(s->columns);
    for (long plane = 0; plane < planes; plane++) {
        float *to = out + plane * s->rows * s->columns;
        const float *left = a + plane * s->a_plane, *right = b + plane * s->b_plane;
        long row = 0;
        for (; row + 8 <= s->rows; row += 8)
            small_rows_8(to + row * s->columns, left + row * s->a_row, right, s, lanes);
        for (; row + 4 <= s->rows; row += 4)
            small_rows_4(to + row * s->columns, left + row * s->a_row, right, s, lanes);
        for (; row < s->rows; row++)
            small_rows_1(to + row * s->columns, left + row * s->a_row, right, s, lanes);
    }
}

int ck_has_small_products(void) { return has_wide(); }

#else

int ck_has_small_products(void) { return 0; }

void ck_small_products(
    float *out, const float *a, const float *b, const ck_small_matrices *s, long planes) {}

#endif
