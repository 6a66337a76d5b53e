// Joining rows into an array where indices name them.

#ifndef CK_SCATTER_H
#define CK_SCATTER_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Joins rows of updates to rows of `out`, in order of i, for k in 0 ..< columns:
/// out[places[i]·stride + k] = f(out[places[i]·stride + k], updates[i·stride + k]).
typedef void (*ck_join_rows)(void *out, const void *updates, const int64_t *places, long n,
    long stride, long columns);

/// out[i] = out[i]·axis_size + idx[i], where negative indices count from the end; gives -1, or the
/// first position whose index is out of range, where it stops.
long ck_join_places(int64_t *out, const int64_t *idx, long n, long axis_size);
/// The positions of the bytes that are not 0, in order; gives their count. `out` has room for n.
long ck_nonzero(int64_t *out, const uint8_t *in, long n);

/// The update alone; items of 1, 2, 4 or 8 bytes.
ck_join_rows _Nullable ck_join_set(int itemsize);
/// The sum; bool: or.
ck_join_rows _Nullable ck_join_add(int dtype);
/// The product; bool: and.
ck_join_rows _Nullable ck_join_multiply(int dtype);
/// The smaller; NaN if either is NaN.
ck_join_rows _Nullable ck_join_minimum(int dtype);
/// The larger; NaN if either is NaN.
ck_join_rows _Nullable ck_join_maximum(int dtype);

/// The same for rows and their tangents; float32 and float64.
typedef void (*ck_join_tangents)(void *out, void *out_change, const void *updates,
    const void *changes, const int64_t *places, long n, long stride, long columns);
ck_join_tangents _Nullable ck_join_multiply_tangent(int dtype);
/// Equal elements add up their tangents.
ck_join_tangents _Nullable ck_join_minimum_tangent(int dtype);
ck_join_tangents _Nullable ck_join_maximum_tangent(int dtype);

#pragma clang assume_nonnull end

#endif
