// Means and sums of squared distances from them, in one pass.
//
// The distances are taken from one of the values, so that at most a factor of the number of values
// is lost where the distance from the mean cancels; short pieces are joined after Chan, Golub and
// LeVeque (Updating formulae and a pairwise algorithm for computing sample variances, 1979). Their
// means are kept as distances from an origin, one of the values, so that they are not rounded as
// numbers far from zero are.

#include "kernel.h"

#pragma STDC FP_CONTRACT OFF

typedef struct {
    double count, mean, squares;
} moments;

INLINE moments join(moments a, double count, double mean, double squares) {
    if (a.count == 0) return (moments){count, mean, squares};
    double apart = mean - a.mean, all = a.count + count;
    a.squares += squares + apart * apart * (a.count * count / all);
    a.mean += apart * (count / all);
    a.count = all;
    return a;
}

// The steps of a run's pieces: as many columns as a line of the cache holds stand side by side.
enum { STEPS = 64 };

#define MOMENTS(T, UNUSED)                                                                         \
    KERNEL static void add_##T(void *total, void *total_squares, const void *start,                \
        const void *elements, long count, long stride, long columns) {                             \
        T *sums = total, *squares = total_squares;                                                 \
        const T *from = start, *rows = elements;                                                   \
        for (; count >= 4; count -= 4, rows += 4 * stride) {                                       \
            LANES for (long j = 0; j < columns; j++) {                                             \
                T a = rows[j] - from[j], b = rows[j + stride] - from[j];                           \
                T c = rows[j + 2 * stride] - from[j], d = rows[j + 3 * stride] - from[j];          \
                sums[j] += (a + b) + (c + d);                                                      \
                squares[j] += (a * a + b * b) + (c * c + d * d);                                   \
            }                                                                                      \
        }                                                                                          \
        for (; count > 0; count--, rows += stride) {                                               \
            LANES for (long j = 0; j < columns; j++) {                                             \
                T a = rows[j] - from[j];                                                           \
                sums[j] += a;                                                                      \
                squares[j] += a * a;                                                               \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    KERNEL static void settle_##T(void *total, void *total_squares, const void *start,             \
        const void *zero, long count, long columns) {                                              \
        T *sums = total, *squares = total_squares, n = (T)count;                                   \
        const T *from = start, *origin = zero;                                                     \
        LANES for (long j = 0; j < columns; j++) {                                                 \
            T mean = sums[j] / n, rest = squares[j] - sums[j] * mean;                              \
            sums[j] = (from[j] - origin[j]) + mean;                                                \
            squares[j] = rest < 0 ? 0 : rest;                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    KERNEL static void join_##T(ck_moments to, long count, ck_moments from, long more,             \
        long columns) {                                                                            \
        T *means = to.means, *squares = to.squares;                                                \
        const T *origin = to.origins, *more_means = from.means, *more_squares = from.squares;      \
        const T *more_origin = from.origins;                                                       \
        T share = (T)((double)more / (double)(count + more));                                      \
        T weight = (T)((double)count * (double)more / (double)(count + more));                     \
        LANES for (long j = 0; j < columns; j++) {                                                 \
            T apart = (more_origin[j] - origin[j]) + (more_means[j] - means[j]);                   \
            means[j] += apart * share;                                                             \
            squares[j] += more_squares[j] + apart * apart * weight;                                \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    KERNEL static void finish_##T(                                                                 \
        void *mean, void *variance, ck_moments from, long count, long columns) {                   \
        T *means = mean, *variances = variance, n = (T)count;                                      \
        const T *distances = from.means, *squares = from.squares, *origins = from.origins;         \
        LANES for (long j = 0; j < columns; j++) {                                                 \
            means[j] = origins[j] + distances[j];                                                  \
            variances[j] = squares[j] / n;                                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    typedef T lanes_##T __attribute__((ext_vector_type(64 / sizeof(T)), aligned(sizeof(T))));      \
    INLINE moments join_lanes_##T(moments all, const T *x, long steps) {                           \
        const long width = 64 / sizeof(T);                                                         \
        lanes_##T from = *(const lanes_##T *)x;                                                    \
        lanes_##T s[4] = {0, 0, 0, 0}, q[4] = {0, 0, 0, 0};                                        \
        long i = 0;                                                                                \
        for (; i + 4 <= steps; i += 4) {                                                           \
            for (int k = 0; k < 4; k++) {                                                          \
                lanes_##T apart = *(const lanes_##T *)(x + (i + k) * width) - from;                \
                s[k] += apart;                                                                     \
                q[k] += apart * apart;                                                             \
            }                                                                                      \
        }                                                                                          \
        for (; i < steps; i++) {                                                                   \
            lanes_##T apart = *(const lanes_##T *)(x + i * width) - from;                          \
            s[0] += apart;                                                                         \
            q[0] += apart * apart;                                                                 \
        }                                                                                          \
        lanes_##T sum = (s[0] + s[1]) + (s[2] + s[3]), square = (q[0] + q[1]) + (q[2] + q[3]);     \
        lanes_##T mean = sum / (T)steps, rest = square - sum * mean;                               \
        double middle = 0, squares = 0, apart = 0;                                                 \
        for (int j = 0; j < width; j++) middle += (double)from[j] + (double)mean[j];               \
        middle /= (double)width;                                                                   \
        for (int j = 0; j < width; j++) {                                                          \
            double far = ((double)from[j] + (double)mean[j]) - middle;                             \
            squares += rest[j] < 0 ? 0 : (double)rest[j];                                          \
            apart += far * far;                                                                    \
        }                                                                                          \
        return join(all, (double)(steps * width), middle, squares + apart * (double)steps);        \
    }                                                                                              \
                                                                                                   \
    KERNEL static void row_##T(ck_moments to, const void *elements, long n) {                      \
        const long width = 64 / sizeof(T);                                                         \
        const T *x = elements;                                                                     \
        T origin = x[0];                                                                           \
        moments all = {0, 0, 0};                                                                   \
        while (n >= width) {                                                                       \
            long steps = smaller(n / width, STEPS);                                                \
            all = join_lanes_##T(all, x, steps);                                                   \
            x += steps * width;                                                                    \
            n -= steps * width;                                                                    \
        }                                                                                          \
        for (long i = 0; i < n; i++) all = join(all, 1, (double)x[i], 0);                          \
        *(T *)to.means = (T)(all.mean - (double)origin);                                           \
        *(T *)to.squares = (T)all.squares;                                                         \
        *(T *)to.origins = origin;                                                                 \
    }                                                                                              \
                                                                                                   \
    static void tangent_##T(void *mean, void *variance, const void *elements, const void *middle,  \
        const void *changed, long n) {                                                             \
        const T *x = elements, *changes = changed;                                                 \
        double center = (double)*(const T *)middle, sum = 0, apart = 0;                            \
        for (long i = 0; i < n; i++) sum += (double)changes[i];                                    \
        for (long i = 0; i < n; i++)                                                               \
            apart += ((double)x[i] - center) * ((double)changes[i] - sum / (double)n);             \
        *(T *)mean = (T)(sum / (double)n);                                                         \
        *(T *)variance = (T)(2 * apart / (double)n);                                               \
    }                                                                                              \
                                                                                                   \
    static const ck_moment_kernels kernels_##T = {                                                 \
        add_##T, settle_##T, join_##T, finish_##T, row_##T, tangent_##T};
FOR_FLOATS(MOMENTS, )

const ck_moment_kernels *ck_moment_kernels_of(int dtype) {
    return dtype == CK_F32 ? &kernels_f32 : dtype == CK_F64 ? &kernels_f64 : NULL;
}
