// Sums of elements of squares of 4 x 4, in vectors of any length; see lanes_wide.h.

// Each of these works on the elements of an axis, `step` vectors apart, in their places: from fewer
// or to fewer.
#define AXIS(NAME) LANES_INLINE void OF(NAME)(VECTOR *x, int step)

// Four pixels to four sums.
AXIS(from_pixels) {
    VECTOR a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c;
    x[step] = b + c;
    x[2 * step] = c - b;
    x[3 * step] = b - d;
}

// Four products to two results, and two results to the four products they have a share in.
AXIS(to_results) {
    VECTOR a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a + (b + c);
    x[step] = (b - c) - d;
}
AXIS(from_results) {
    VECTOR a = x[0], b = x[step];
    x[step] = a + b;
    x[2 * step] = a - b;
    x[3 * step] = OF(spread)(0) - b;
}

// Three elements of a kernel to four, and back to three.
AXIS(from_kernel) {
    VECTOR a = x[0], b = x[step], c = x[2 * step], half = OF(spread)(0.5f);
    x[step] = half * ((a + c) + b);
    x[2 * step] = half * ((a + c) - b);
    x[3 * step] = c;
}
AXIS(to_kernel) {
    VECTOR a = x[0], b = x[step], c = x[2 * step], d = x[3 * step], half = OF(spread)(0.5f);
    x[0] = a + half * (b + c);
    x[step] = half * (b - c);
    x[2 * step] = half * (b + c) + d;
}

// Along both axes of a square of 4 x 4, so many of whose columns hold something at first, and so
// many of whose rows are wanted at last.
#define SQUARE(AXIS, COLUMNS, ROWS)                                                                \
    UNROLL for (int column = 0; column < COLUMNS; column++) OF(AXIS)(x + column, 4);               \
    UNROLL for (int row = 0; row < ROWS; row++) OF(AXIS)(x + 4 * row, 1);

LANES_INLINE void OF(store_planes)(float *out, long plane, const VECTOR *x, LANE_MASK lanes) {
    UNROLL for (int p = 0; p < 16; p++) OF(store_some)(out + p * plane, lanes, x[p]);
}

LANES_INLINE void OF(load_planes)(VECTOR *x, const float *in, long plane, LANE_MASK lanes) {
    UNROLL for (int p = 0; p < 16; p++) x[p] = OF(load_some)(lanes, in + p * plane);
}

LANES_INLINE void OF(kernel_planes)(float *out, long plane, long out_row, const float *in,
    long tap_step, long row_step, long rows, long columns) {
    for (long row = 0; row < rows; row++) {
        for (long column = 0; column < columns; column += LANE_COUNT) {
            LANE_MASK lanes = OF(first)(columns - column);
            const float *from = in + row * row_step + column;
            VECTOR x[16];
            UNROLL for (int tap = 0; tap < 9; tap++)
                x[tap / 3 * 4 + tap % 3] = OF(load_some)(lanes, from + tap * tap_step);
            SQUARE(from_kernel, 3, 4)
            OF(store_planes)(out + row * out_row + column, plane, x, lanes);
        }
    }
}

LANES_TARGET static void OF(kernels)(float *out, long plane, long out_row, const float *in,
    long tap_step, long row_step, long column_step, long rows, long columns) {
    if (column_step == 1)
        return OF(kernel_planes)(out, plane, out_row, in, tap_step, row_step, rows, columns);
    // Squares of elements, turned.
    float square[9][LANE_COUNT][LANE_COUNT];
    for (long column = 0; column < columns; column += LANE_COUNT) {
        long width = smaller(columns - column, LANE_COUNT);
        for (long row = 0; row < rows; row += LANE_COUNT) {
            long height = smaller(rows - row, LANE_COUNT);
            const float *from = in + row + column * column_step;
            UNROLL for (int tap = 0; tap < 9; tap++) {
                VECTOR v[LANE_COUNT];
                for (int i = 0; i < LANE_COUNT; i++)
                    v[i] = i < width ? OF(load_some)(OF(first)(height),
                                           from + i * column_step + tap * tap_step)
                                     : OF(spread)(0);
                OF(transpose)(v);
                UNROLL for (int i = 0; i < LANE_COUNT; i++) OF(store)(square[tap][i], v[i]);
            }
            OF(kernel_planes)(out + row * out_row + column, plane, out_row, square[0][0],
                LANE_COUNT * LANE_COUNT, LANE_COUNT, height, width);
        }
    }
}

LANES_TARGET static void OF(pixels)(
    float *out, long plane, const float *in, long line, long channels, long tiles) {
    for (long tile = 0; tile < tiles; tile++) {
        for (long channel = 0; channel < channels; channel += LANE_COUNT) {
            LANE_MASK lanes = OF(first)(channels - channel);
            const float *from = in + 2 * tile * channels + channel;
            VECTOR x[16];
            UNROLL for (int i = 0; i < 16; i++)
                x[i] = OF(load_some)(lanes, from + i / 4 * line + i % 4 * channels);
            SQUARE(from_pixels, 4, 4)
            OF(store_planes)(out + tile * channels + channel, plane, x, lanes);
        }
    }
}

// For each tile and vector of channels: where its 2 x 2 results are, and which of them there are.
#define FOR_RESULTS(...)                                                                           \
    for (long tile = 0; 2 * tile < width; tile++) {                                                \
        for (long channel = 0; channel < channels; channel += LANE_COUNT) {                        \
            LANE_MASK lanes = OF(first)(channels - channel);                                       \
            long first = 2 * tile * pixel + channel, start = tile * channels + channel;            \
            long places[4] = {first, first + pixel, first + line, first + line + pixel};           \
            int right = 2 * tile + 1 < width, below = rows > 1;                                    \
            int exist[4] = {1, right, below, right && below};                                      \
            VECTOR x[16];                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

LANES_TARGET static void OF(cotangents)(float *out, long plane, const float *in, long line,
    long pixel, long channels, long width, int rows) {
    FOR_RESULTS({
        UNROLL for (int i = 0; i < 4; i++)
            x[i / 2 * 4 + i % 2] =
                exist[i] ? OF(load_some)(lanes, in + places[i]) : OF(spread)(0);
        SQUARE(from_results, 2, 4)
        OF(store_planes)(out + start, plane, x, lanes);
    })
}

LANES_TARGET static void OF(results)(float *out, long line, long pixel, const float *in, long plane,
    long channels, long width, int rows) {
    FOR_RESULTS({
        OF(load_planes)(x, in + start, plane, lanes);
        SQUARE(to_results, 4, 2)
        UNROLL for (int i = 0; i < 4; i++)
            if (exist[i]) OF(store_some)(out + places[i], lanes, x[i / 2 * 4 + i % 2]);
    })
}

LANES_TARGET static void OF(gradients)(
    float *out, const float *in, long plane, long count) {
    for (long i = 0; i < count; i += LANE_COUNT) {
        LANE_MASK lanes = OF(first)(count - i);
        VECTOR x[16];
        OF(load_planes)(x, in + i, plane, lanes);
        SQUARE(to_kernel, 4, 3)
        UNROLL for (int tap = 0; tap < 9; tap++)
            OF(store_some)(out + tap * plane + i, lanes, x[tap / 3 * 4 + tap % 3]);
    }
}

#undef AXIS
#undef SQUARE
#undef FOR_RESULTS
