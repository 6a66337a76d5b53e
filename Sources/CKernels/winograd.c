// Kernels, pixels, and results of convolutions as the planes whose products are fewer: each way is
// sums of a few of four elements along both axes.

#include "wide.h"

#include "ck_winograd.h"

#if defined(__x86_64__)

int ck_has_winograd(void) { return has_wide(); }

// Each of these works on the elements of an axis, `step` vectors apart, in their places: from fewer
// or to fewer.
#define AXIS(NAME) WIDE_INLINE void NAME(__m512 *x, int step)

// Four pixels to four sums.
AXIS(from_pixels) {
    __m512 a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c;
    x[step] = b + c;
    x[2 * step] = c - b;
    x[3 * step] = b - d;
}

// Four products to two results, and two results to the four products they have a share in.
AXIS(to_results) {
    __m512 a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a + (b + c);
    x[step] = (b - c) - d;
}
AXIS(from_results) {
    __m512 a = x[0], b = x[step];
    x[step] = a + b;
    x[2 * step] = a - b;
    x[3 * step] = spread(0) - b;
}

// Three elements of a kernel to four, and back to three.
AXIS(from_kernel) {
    __m512 a = x[0], b = x[step], c = x[2 * step], half = spread(0.5f);
    x[step] = half * ((a + c) + b);
    x[2 * step] = half * ((a + c) - b);
    x[3 * step] = c;
}
AXIS(to_kernel) {
    __m512 a = x[0], b = x[step], c = x[2 * step], d = x[3 * step], half = spread(0.5f);
    x[0] = a + half * (b + c);
    x[step] = half * (b - c);
    x[2 * step] = half * (b + c) + d;
}

// Along both axes of a square of 4 x 4, so many of whose columns hold something at first, and so
// many of whose rows are wanted at last.
#define SQUARE(AXIS, COLUMNS, ROWS)                                                                \
    UNROLL for (int column = 0; column < COLUMNS; column++) AXIS(x + column, 4);                   \
    UNROLL for (int row = 0; row < ROWS; row++) AXIS(x + 4 * row, 1);

WIDE_INLINE void store_planes(float *out, long plane, const __m512 *x, __mmask16 lanes) {
    UNROLL for (int p = 0; p < 16; p++) _mm512_mask_storeu_ps(out + p * plane, lanes, x[p]);
}

WIDE_INLINE void load_planes(__m512 *x, const float *in, long plane, __mmask16 lanes) {
    UNROLL for (int p = 0; p < 16; p++) x[p] = _mm512_maskz_loadu_ps(lanes, in + p * plane);
}

WIDE_INLINE void kernel_planes(float *out, long plane, long out_row, const float *in, long tap_step,
    long row_step, long rows, long columns) {
    for (long row = 0; row < rows; row++) {
        for (long column = 0; column < columns; column += WIDTH) {
            __mmask16 lanes = lanes_from(column, columns);
            const float *from = in + row * row_step + column;
            __m512 x[16];
            UNROLL for (int tap = 0; tap < 9; tap++)
                x[tap / 3 * 4 + tap % 3] = _mm512_maskz_loadu_ps(lanes, from + tap * tap_step);
            SQUARE(from_kernel, 3, 4)
            store_planes(out + row * out_row + column, plane, x, lanes);
        }
    }
}

WIDE void ck_winograd_kernels(float *out, long plane, long out_row, const float *in, long tap_step,
    long row_step, long column_step, long rows, long columns) {
    if (column_step == 1)
        return kernel_planes(out, plane, out_row, in, tap_step, row_step, rows, columns);
    // Squares of 16 x 16 elements, turned.
    float square[9][WIDTH][WIDTH];
    for (long column = 0; column < columns; column += WIDTH) {
        long width = smaller(columns - column, WIDTH);
        for (long row = 0; row < rows; row += WIDTH) {
            long height = smaller(rows - row, WIDTH);
            const float *from = in + row + column * column_step;
            UNROLL for (int tap = 0; tap < 9; tap++) {
                __m512i v[WIDTH];
                for (int i = 0; i < WIDTH; i++)
                    v[i] = i < width ? _mm512_maskz_loadu_epi32(first_lanes(height),
                                           from + i * column_step + tap * tap_step)
                                     : _mm512_setzero_si512();
                transpose_wide(v);
                UNROLL for (int i = 0; i < WIDTH; i++) _mm512_storeu_si512(square[tap][i], v[i]);
            }
            kernel_planes(out + row * out_row + column, plane, out_row, square[0][0],
                WIDTH * WIDTH, WIDTH, height, width);
        }
    }
}

WIDE void ck_winograd_pixels(
    float *out, long plane, const float *in, long line, long channels, long tiles) {
    for (long tile = 0; tile < tiles; tile++) {
        for (long channel = 0; channel < channels; channel += WIDTH) {
            __mmask16 lanes = lanes_from(channel, channels);
            const float *from = in + 2 * tile * channels + channel;
            __m512 x[16];
            UNROLL for (int i = 0; i < 16; i++)
                x[i] = _mm512_maskz_loadu_ps(lanes, from + i / 4 * line + i % 4 * channels);
            SQUARE(from_pixels, 4, 4)
            store_planes(out + tile * channels + channel, plane, x, lanes);
        }
    }
}

// For each tile and vector of channels: where its 2 x 2 results are, and which of them there are.
#define FOR_RESULTS(...)                                                                           \
    for (long tile = 0; 2 * tile < width; tile++) {                                                \
        for (long channel = 0; channel < channels; channel += WIDTH) {                             \
            __mmask16 lanes = lanes_from(channel, channels);                                       \
            long first = 2 * tile * pixel + channel, start = tile * channels + channel;            \
            long places[4] = {first, first + pixel, first + line, first + line + pixel};           \
            int right = 2 * tile + 1 < width, below = rows > 1;                                    \
            int exist[4] = {1, right, below, right && below};                                      \
            __m512 x[16];                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

WIDE void ck_winograd_cotangents(float *out, long plane, const float *in, long line, long pixel,
    long channels, long width, int rows) {
    FOR_RESULTS({
        UNROLL for (int i = 0; i < 4; i++)
            x[i / 2 * 4 + i % 2] =
                _mm512_maskz_loadu_ps(exist[i] ? lanes : 0, in + (exist[i] ? places[i] : 0));
        SQUARE(from_results, 2, 4)
        store_planes(out + start, plane, x, lanes);
    })
}

WIDE void ck_winograd_results(float *out, long line, long pixel, const float *in, long plane,
    long channels, long width, int rows) {
    FOR_RESULTS({
        load_planes(x, in + start, plane, lanes);
        SQUARE(to_results, 4, 2)
        UNROLL for (int i = 0; i < 4; i++)
            if (exist[i]) _mm512_mask_storeu_ps(out + places[i], lanes, x[i / 2 * 4 + i % 2]);
    })
}

WIDE void ck_winograd_gradients(float *out, const float *in, long plane, long count) {
    for (long i = 0; i < count; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, count);
        __m512 x[16];
        load_planes(x, in + i, plane, lanes);
        SQUARE(to_kernel, 4, 3)
        UNROLL for (int tap = 0; tap < 9; tap++)
            _mm512_mask_storeu_ps(out + tap * plane + i, lanes, x[tap / 3 * 4 + tap % 3]);
    }
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
