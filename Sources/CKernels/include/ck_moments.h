// Means and sums of squared distances from them, in one pass; of float32 and float64.

#ifndef CK_MOMENTS_H
#define CK_MOMENTS_H

#pragma clang assume_nonnull begin

/// Means, as distances from origins, and sums of the squares of the distances from the means.
typedef struct {
    void *means;
    void *squares;
    void *origins;
} ck_moments;

/// All of one element type; strides are in elements.
typedef struct {
    /// Adds the distances of `count` rows from a row, and the squares of the distances: a column
    /// each.
    void (*add)(void *sums, void *squares, const void *from, const void *rows, long count,
        long stride, long columns);
    /// Makes such sums of `count` rows in all the means of the rows, as distances from an origin,
    /// and the sums of the squares of the distances from them; a factor of `count` is lost at
    /// worst.
    void (*settle)(void *sums, void *squares, const void *from, const void *origin, long count,
        long columns);
    /// Joins those of `count` values each with those of `more` others.
    void (*join)(ck_moments to, long count, ck_moments from, long more, long columns);
    /// The means and the variances of `count` values each.
    void (*finish)(void *mean, void *variance, ck_moments from, long count, long columns);
    /// Those of a row of n, at least 1.
    void (*row)(ck_moments to, const void *x, long n);
    /// The changes of the mean and the variance of a row of n around a mean, by the elements'.
    void (*tangent)(void *mean, void *variance, const void *x, const void *middle,
        const void *changes, long n);
} ck_moment_kernels;

/// NULL for other types.
const ck_moment_kernels *_Nullable ck_moment_kernels_of(int dtype);

#pragma clang assume_nonnull end

#endif
