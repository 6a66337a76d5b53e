// Running results along the rows of a block: `n` rows of `width` elements each, `stride` elements
// apart, from the last row to the first where `reverse` is set. Results may not overlap inputs.

#ifndef CK_SCAN_H
#define CK_SCAN_H

#pragma clang assume_nonnull begin

/// out[i] = in[0] ∘ … ∘ in[i], column by column.
typedef void (*ck_scan)(void *out, const void *in, long n, long stride, long width, int reverse);
/// A running result of pairs of elements of a and b, column by column.
typedef void (*ck_pair_scan)(
    void *out, const void *a, const void *b, long n, long stride, long width, int reverse);

/// The running sum; integers wrap, floats are summed in double.
ck_scan _Nullable ck_sum_scan(int dtype);
/// The running product; bool is and, integers wrap, floats are multiplied in double.
ck_scan _Nullable ck_product_scan(int dtype);
/// The largest element so far; NaN from the first NaN on.
ck_scan _Nullable ck_max_scan(int dtype);
/// The smallest element so far; NaN from the first NaN on.
ck_scan _Nullable ck_min_scan(int dtype);
/// log(exp(in[0]) + … + exp(in[i])); floats and complex64.
ck_scan _Nullable ck_logsumexp_scan(int dtype);
/// out[i] = a[i]·out[i - 1] + b[i], where out[-1] is 0; floats and complex64, computed in double.
ck_pair_scan _Nullable ck_recurrence(int dtype);

/// The tangent of the running product of a, by the tangent b of a; floats, computed in double, as
/// the following.
ck_pair_scan _Nullable ck_product_scan_tangent(int dtype);
/// That of the largest element so far: b of the last of equal ones.
ck_pair_scan _Nullable ck_max_scan_tangent(int dtype);
/// That of the smallest element so far.
ck_pair_scan _Nullable ck_min_scan_tangent(int dtype);
/// That of the running log-sum-exp: the mean of b so far, weighted by exp(a), or 0 without weights.
ck_pair_scan _Nullable ck_logsumexp_scan_tangent(int dtype);

#pragma clang assume_nonnull end

#endif
