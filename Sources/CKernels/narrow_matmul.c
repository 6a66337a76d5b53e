// Products of float32 rows with a matrix of few columns or few rows: nothing large is packed, as
// that would take as long as to multiply it. The sums are those of packed products, to the last
// bit.

#include "eight.h"
#include "wide.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

// The steps along k between two looks at where they go on, and the products that go into one sum;
// such sums go into another.
enum { STEPS = 4, SUMMED = 64 };

// Columns are apart by multiples of sixteen of them, which lie beside each other.
INLINE const float *place_of_column(const ck_narrow_matrix *b, long column) {
    return b->start + column / 16 * 16 * b->column + column % 16;
}

#define NARROW_ROWS 8
#define NARROW_HEIGHTS(M) M(8) M(4) M(1)
#include "lanes_wide.h"
#include "narrow_rows.h"

#undef NARROW_ROWS
#undef NARROW_HEIGHTS
#define NARROW_ROWS 6
#define NARROW_HEIGHTS(M) M(6) M(3) M(1)
#include "lanes_eight.h"
#include "narrow_rows.h"

void ck_narrow_multiply(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b) {
    (has_wide() ? narrow_multiply_16 : narrow_multiply_8)(out, a, a_row, rows, b);
}

#else

void ck_narrow_multiply(
    float *out, const float *a, long a_row, long rows, const ck_narrow_matrix *b) {}

#endif
