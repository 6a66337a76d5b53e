// Rotary positions: pairs of a row's elements turned by angles.

#include "row.h"

#define SCALE(T, UNUSED)                                                                           \
    KERNEL static void scale_##T(void *out, const void *in, double factor, long n) {               \
        T *result = out, by = (T)factor;                                                           \
        const T *x = in;                                                                           \
        LANES for (long i = 0; i < n; i++) result[i] = x[i] * by;                                  \
    }
FOR_FLOATS(SCALE, )
LOOKUP(ck_scale, ck_scale_row, ROWS_FLOATS(scale))

// STEP is the distance of two pairs, APART that of the two elements of a pair.
#define TURN(T, STEP, APART)                                                                       \
    LANES for (long i = 0; i < half; i++) {                                                        \
        T a = x[i * STEP], b = x[i * STEP + APART], s = sine[i] * sign;                            \
        y[i * STEP] = a * cosine[i] - b * s;                                                       \
        y[i * STEP + APART] = a * s + b * cosine[i];                                               \
    }

#define ROTATE(T, UNUSED)                                                                          \
    KERNEL static void rotate_##T(void *out, const void *in, const void *cosines,                  \
        const void *sines, long rows, long width, long half, int neighbours, double direction) {   \
        T sign = (T)direction;                                                                     \
        for (long row = 0; row < rows; row++) {                                                    \
            const T *x = (const T *)in + row * width;                                              \
            const T *cosine = (const T *)cosines + row * half;                                     \
            const T *sine = (const T *)sines + row * half;                                         \
            T *y = (T *)out + row * width;                                                         \
            if (neighbours) {                                                                      \
                TURN(T, 2, 1)                                                                      \
            } else {                                                                               \
                TURN(T, 1, half)                                                                   \
            }                                                                                      \
            memcpy(y + 2 * half, x + 2 * half, (size_t)(width - 2 * half) * sizeof(T));            \
        }                                                                                          \
    }
FOR_FLOATS(ROTATE, )
LOOKUP(ck_rotate, ck_rotate_rows, ROWS_FLOATS(rotate))
