// Sorting by keys: unsigned integers that compare as the elements do, sorted by their digits from
// the lowest up. A position beside each key makes the order of the positions.

#include "sorting.h"

// MARK: sorting of items by FIELD, an unsigned integer with DIGITS bytes

// Gives where the sorted items are: in `items` or in `spare`.
#define SORT(NAME, ITEM, FIELD, DIGITS)                                                            \
    INSERTION(NAME, ITEM, FIELD)                                                                   \
    static ITEM *sort_##NAME(ITEM *items, ITEM *spare, long n) {                                   \
        if (n <= FEW) {                                                                            \
            few_##NAME(items, n);                                                                  \
            return items;                                                                          \
        }                                                                                          \
        u32 counts[DIGITS][BUCKETS] = {0};                                                         \
        for (long i = 0; i < n; i++)                                                               \
            for (int d = 0; d < DIGITS; d++) counts[d][(FIELD(items[i]) >> (8 * d)) & 255]++;      \
        for (int d = 0; d < DIGITS; d++) {                                                         \
            u32 *count = counts[d], place = 0;                                                     \
            if (count[(FIELD(items[0]) >> (8 * d)) & 255] == n) continue;                          \
            for (int bucket = 0; bucket < BUCKETS; bucket++) {                                     \
                u32 held = count[bucket];                                                          \
                count[bucket] = place;                                                             \
                place += held;                                                                     \
            }                                                                                      \
            for (long i = 0; i < n; i++)                                                           \
                spare[count[(FIELD(items[i]) >> (8 * d)) & 255]++] = items[i];                     \
            ITEM *other = items;                                                                   \
            items = spare;                                                                         \
            spare = other;                                                                         \
        }                                                                                          \
        return items;                                                                              \
    }

SORT(k8, k8, ITSELF, 1)
SORT(k16, k16, ITSELF, 2)
SORT(k32, k32, ITSELF, 4)
SORT(k64, k64, ITSELF, 8)

// A key of at most 32 bits above its position, and a wider key beside it.
typedef u64 narrow_item;
typedef struct { u64 key; u64 place; } wide_item;
#define NARROW_KEY(X) ((u32)((X) >> 32))
#define WIDE_KEY(X) ((X).key)
SORT(narrow, narrow_item, NARROW_KEY, 4)
SORT(wide, wide_item, WIDE_KEY, 8)

// MARK: sorted values

#define SORT_INTEGERS(T, K)                                                                        \
    static void sorted_##T(void *out, const void *in, void *scratch, long n) {                     \
        const T *x = in;                                                                           \
        T *result = out;                                                                           \
        K *keys = out;                                                                             \
        for (long i = 0; i < n; i++) keys[i] = key_##T(x[i]);                                      \
        keys = sort_##K(keys, scratch, n);                                                         \
        for (long i = 0; i < n; i++) result[i] = value_##T(keys[i]);                               \
    }
FOR_KEYED_INTEGERS(SORT_INTEGERS)

// The first of n sorted keys that is not less.
#define LOWER_BOUND(K)                                                                             \
    INLINE long lower_bound_##K(const K *keys, long n, K key) {                                    \
        long first = 0;                                                                            \
        while (n > 0) {                                                                            \
            long half = n / 2;                                                                     \
            bool isLess = keys[first + half] < key;                                                \
            first = isLess ? first + half + 1 : first;                                             \
            n = isLess ? n - half - 1 : half;                                                      \
        }                                                                                          \
        return first;                                                                              \
    }
LOWER_BOUND(k16)
LOWER_BOUND(k32)
LOWER_BOUND(k64)

// A key does not tell the sign of a zero or the bits of a NaN: those are taken from the row, in its
// order.
#define SORT_FLOATS(T, K)                                                                          \
    static void sorted_##T(void *out, const void *in, void *scratch, long n) {                     \
        const T *x = in;                                                                           \
        T *result = out;                                                                           \
        K *keys = out;                                                                             \
        bool special = false;                                                                      \
        for (long i = 0; i < n; i++) {                                                             \
            keys[i] = key_##T(x[i]);                                                               \
            special |= is_special_##T(x[i]);                                                       \
        }                                                                                          \
        keys = sort_##K(keys, scratch, n);                                                         \
        long zero = special ? lower_bound_##K(keys, n, key_##T((T){0})) : n;                       \
        long nan = special ? lower_bound_##K(keys, n, (K)-1) : n;                                  \
        for (long i = 0; i < n; i++) result[i] = value_##T(keys[i]);                               \
        for (long i = 0; special && i < n; i++) {                                                  \
            K key = key_##T(x[i]);                                                                 \
            if (key == key_##T((T){0})) result[zero++] = x[i];                                     \
            if (key == (K)-1) result[nan++] = x[i];                                                \
        }                                                                                          \
    }
FOR_KEYED_FLOATS(SORT_FLOATS)

static void sorted_c64(void *out, const void *in, void *scratch, long n) {
    const c64 *x = in;
    c64 *result = out;
    wide_item *items = scratch;
    for (long i = 0; i < n; i++) items[i] = (wide_item){key_c64(x[i]), (u64)i};
    items = sort_wide(items, items + n, n);
    for (long i = 0; i < n; i++) result[i] = x[items[i].place];
}

LOOKUP(ck_sort, ck_sort_row, ROWS_KEYED(sorted))

// MARK: positions

#define ARGSORT_NARROW(T, K)                                                                       \
    static void argsorted_##T(void *out, const void *in, void *scratch, long n) {                  \
        const T *x = in;                                                                           \
        u32 *result = out;                                                                         \
        narrow_item *items = scratch;                                                              \
        for (long i = 0; i < n; i++) items[i] = (u64)key_##T(x[i]) << 32 | (u64)i;                 \
        items = sort_narrow(items, items + n, n);                                                  \
        for (long i = 0; i < n; i++) result[i] = (u32)items[i];                                    \
    }
FOR_KEYED_NARROW(ARGSORT_NARROW)

#define ARGSORT_WIDE(T, K)                                                                         \
    static void argsorted_##T(void *out, const void *in, void *scratch, long n) {                  \
        const T *x = in;                                                                           \
        u32 *result = out;                                                                         \
        wide_item *items = scratch;                                                                \
        for (long i = 0; i < n; i++) items[i] = (wide_item){key_##T(x[i]), (u64)i};                \
        items = sort_wide(items, items + n, n);                                                    \
        for (long i = 0; i < n; i++) result[i] = (u32)items[i].place;                              \
    }
FOR_KEYED_WIDE(ARGSORT_WIDE)

LOOKUP(ck_sort, ck_argsort_row, ROWS_KEYED(argsorted))

// MARK: searching

#define SEARCH(T, UNUSED)                                                                          \
    static void search_##T(u32 *out, const void *sorted, long n, const void *values, long m) {     \
        const T *x = sorted, *wanted = values;                                                     \
        for (long i = 0; i < m; i++) {                                                             \
            long first = 0, left = n;                                                              \
            while (left > 0) {                                                                     \
                long half = left / 2;                                                              \
                bool isIn = x[first + half] <= wanted[i];                                          \
                first = isIn ? first + half + 1 : first;                                           \
                left = isIn ? left - half - 1 : half;                                              \
            }                                                                                      \
            out[i] = (u32)first;                                                                   \
        }                                                                                          \
    }
FOR_FLOATS(SEARCH, )
LOOKUP(ck_search, ck_search_row, ROWS_FLOATS(search))

// MARK: scratch

static long size_of(int dtype) {
    static const u8 sizes[CK_DTYPE_COUNT] = {
        [CK_BOOL] = 1, [CK_U8] = 1, [CK_U16] = 2, [CK_U32] = 4, [CK_U64] = 8, [CK_I8] = 1,
        [CK_I16] = 2, [CK_I32] = 4, [CK_I64] = 8, [CK_F16] = 2, [CK_F32] = 4, [CK_F64] = 8,
        [CK_BF16] = 2, [CK_C64] = 8};
    return (unsigned)dtype < CK_DTYPE_COUNT ? sizes[dtype] : 0;
}

long ck_argsort_scratch(int dtype) {
    return 2 * (long)(size_of(dtype) > 4 ? sizeof(wide_item) : sizeof(narrow_item));
}
long ck_sort_scratch(int dtype) {
    return dtype == CK_C64 ? ck_argsort_scratch(dtype) : size_of(dtype);
}
long ck_partition_scratch(int dtype) { return 2 * size_of(dtype); }
