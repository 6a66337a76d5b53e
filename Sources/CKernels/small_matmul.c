// Products of many small float32 matrices, of no more than sixteen columns: nothing is packed, a
// row of a result is summed in one vector, or in two.

#include "eight.h"
#include "wide.h"

#include "ck_matmul.h"

#if defined(__x86_64__)

#include "lanes_wide.h"
#include "small_rows.h"

#include "lanes_eight.h"
#include "small_rows.h"

void ck_small_products(
    float *out, const float *a, const float *b, const ck_small_matrices *s, long planes) {
    (has_wide() ? small_products_16 : small_products_8)(out, a, b, s, planes);
}

int ck_has_small_products(void) { return has_wide() || has_eight(); }

#else

int ck_has_small_products(void) { return 0; }

void ck_small_products(
    float *out, const float *a, const float *b, const ck_small_matrices *s, long planes) {}

#endif
