// Sorting one contiguous row. Elements are ordered by value, complex64 by the real, then by the
// imaginary part; NaN comes last, -0 equals 0, and equal elements keep their order. All types; rows
// are shorter than 2^32 and do not overlap the results.

#ifndef CK_SORTING_H
#define CK_SORTING_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Writes the sorted elements, or as uint32 the positions that they come from.
typedef void (*ck_sort)(void *out, const void *in, void *scratch, long n);
/// The same with the elements below the kth in front of it and those above it behind, each group in
/// the order of the row; kth is less than n.
typedef void (*ck_partition)(void *out, const void *in, void *scratch, long kth, long n);
/// out[i] = how many of the n sorted elements are not greater than values[i], for m values.
typedef void (*ck_search)(uint32_t *out, const void *sorted, long n, const void *values, long m);

ck_sort _Nullable ck_sort_row(int dtype);
ck_sort _Nullable ck_argsort_row(int dtype);
ck_partition _Nullable ck_partition_row(int dtype);
ck_partition _Nullable ck_argpartition_row(int dtype);
/// float32 and float64.
ck_search _Nullable ck_search_row(int dtype);

/// The bytes of scratch that each element of a row needs, aligned to 8.
long ck_sort_scratch(int dtype);
long ck_argsort_scratch(int dtype);
long ck_partition_scratch(int dtype);

#pragma clang assume_nonnull end

#endif
