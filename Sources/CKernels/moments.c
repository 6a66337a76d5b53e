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
    KERNEL void ck_add_distances_##T(T *sums, T *squares, const T *from, const T *rows,            \
        long count, long stride, long columns) {                                                   \
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
    KERNEL void ck_settle_distances_##T(T *sums, T *squares, const T *from, const T *origin,       \
        long count, long columns) {                                                                \
        T n = (T)count;                                                                            \
        LANES for (long j = 0; j < columns; j++) {                                                 \
            T mean = sums[j] / n, rest = squares[j] - sums[j] * mean;                              \
            sums[j] = (from[j] - origin[j]) + mean;                                                \
            squares[j] = rest < 0 ? 0 : rest;                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    KERNEL void ck_join_moments_##T(T *means, T *squares, const T *origin, long count,             \
        const T *more_means, const T *more_squares, const T *more_origin, long more,               \
        long columns) {                                                                            \
        T share = (T)((double)more / (double)(count + more));                                      \
        T weight = (T)((double)count * (double)more / (double)(count + more));                     \
        LANES for (long j = 0; j < columns; j++) {                                                 \
            T apart = (more_origin[j] - origin[j]) + (more_means[j] - means[j]);                   \
            means[j] += apart * share;                                                             \
            squares[j] += more_squares[j] + apart * apart * weight;                                \
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
    KERNEL void ck_moments_row_##T(T *mean, T *squares, const T *x, long n, T origin) {            \
        const long width = 64 / sizeof(T);                                                         \
        moments all = {0, 0, 0};                                                                   \
        while (n >= width) {                                                                       \
            long steps = smaller(n / width, STEPS);                                                \
            all = join_lanes_##T(all, x, steps);                                                   \
            x += steps * width;                                                                    \
            n -= steps * width;                                                                    \
        }                                                                                          \
        for (long i = 0; i < n; i++) all = join(all, 1, (double)x[i], 0);                          \
        *mean = (T)(all.mean - (double)origin);                                                    \
        *squares = (T)all.squares;                                                                 \
    }                                                                                              \
                                                                                                   \
    void ck_moments_tangent_row_##T(                                                               \
        T *mean, T *variance, const T *x, T middle, const T *changes, long n) {                    \
        double sum = 0, apart = 0;                                                                 \
        for (long i = 0; i < n; i++) sum += (double)changes[i];                                    \
        for (long i = 0; i < n; i++)                                                               \
            apart += ((double)x[i] - (double)middle) * ((double)changes[i] - sum / (double)n);     \
        *mean = (T)(sum / (double)n);                                                              \
        *variance = (T)(2 * apart / (double)n);                                                    \
    }
FOR_FLOATS(MOMENTS, )
