// Kernels, pixels, and results of convolutions as the planes whose products are fewer: each way is
// sums of a few of four elements along both axes.

#include "eight.h"
#include "wide.h"

#include "ck_winograd.h"

#if defined(__x86_64__)

int ck_has_winograd(void) { return has_wide() || has_eight(); }

#include "lanes_wide.h"
#include "winograd_planes.h"

#include "lanes_eight.h"
#include "winograd_planes.h"

void ck_winograd_kernels(float *out, long plane, long out_row, const float *in, long tap_step,
    long row_step, long column_step, long rows, long columns) {
    (has_wide() ? kernels_16 : kernels_8)(
        out, plane, out_row, in, tap_step, row_step, column_step, rows, columns);
}

void ck_winograd_pixels(
    float *out, long plane, const float *in, long line, long channels, long tiles) {
    (has_wide() ? pixels_16 : pixels_8)(out, plane, in, line, channels, tiles);
}

void ck_winograd_cotangents(float *out, long plane, const float *in, long line, long pixel,
    long channels, long width, int rows) {
    (has_wide() ? cotangents_16 : cotangents_8)(
        out, plane, in, line, pixel, channels, width, rows);
}

void ck_winograd_results(float *out, long line, long pixel, const float *in, long plane,
    long channels, long width, int rows) {
    (has_wide() ? results_16 : results_8)(out, line, pixel, in, plane, channels, width, rows);
}

void ck_winograd_gradients(float *out, const float *in, long plane, long count) {
    (has_wide() ? gradients_16 : gradients_8)(out, in, plane, count);
}

#else

int ck_has_winograd(void) { return 0; }
void ck_winograd_kernels(float *out, long plane, long out_row, const float *in, long tap_step,
    long row_step, long column_step, long rows, long columns) {}
void ck_winograd_pixels(
    float *out, long plane, const float *in, long line, long channels, long tiles) {}
void ck_winograd_cotangents(float *out, long plane, const float *in, long line, long pixel,
    long channels, long width, int rows) {}
void ck_winograd_results(float *out, long line, long pixel, const float *in, long plane,
    long channels, long width, int rows) {}
void ck_winograd_gradients(float *out, const float *in, long plane, long count) {}

#endif
