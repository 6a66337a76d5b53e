// Means and sums of squared distances from them, in one pass; of float32 and float64.

#ifndef CK_MOMENTS_H
#define CK_MOMENTS_H

#pragma clang assume_nonnull begin

#define CK_MOMENTS(T, NAME)                                                                        \
    /** Adds the distances of `count` rows, `stride` apart, from a row, and the squares of the */  \
    /** distances: a column each. */                                                               \
    void ck_add_distances_##NAME(T *sums, T *squares, const T *from, const T *rows, long count,    \
        long stride, long columns);                                                                \
    /** Makes such sums of `count` rows in all the means of the rows, as distances from an */      \
    /** origin, and the sums of the squares of the distances from them; a factor of `count` is */  \
    /** lost at worst. */                                                                          \
    void ck_settle_distances_##NAME(T *sums, T *squares, const T *from, const T *origin,           \
        long count, long columns);                                                                 \
    /** Joins the means and sums of squares of `count` values each with those of `more` others. */ \
    void ck_join_moments_##NAME(T *means, T *squares, const T *origin, long count,                 \
        const T *more_means, const T *more_squares, const T *more_origin, long more,               \
        long columns);                                                                             \
    /** The mean of a row of n, at least 1, as the distance from an origin, and the sum of the */  \
    /** squares of the distances from it. */                                                       \
    void ck_moments_row_##NAME(T *mean, T *squares, const T *x, long n, T origin);                 \
    /** The changes of the mean and the variance of a row of n around a mean, by the elements'. */ \
    void ck_moments_tangent_row_##NAME(                                                            \
        T *mean, T *variance, const T *x, T middle, const T *changes, long n);

CK_MOMENTS(float, f32)
CK_MOMENTS(double, f64)
#undef CK_MOMENTS

#pragma clang assume_nonnull end

#endif
