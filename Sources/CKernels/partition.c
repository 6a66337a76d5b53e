// Partitions: the elements below the kth in front of it and those above it behind, by the keys of
// sorting.h.

#include "sorting.h"
#include "wide.h"

// MARK: the kth

// The kth smallest of n keys: by their digits from the highest down, among the keys that share the
// kth's digits so far, which are kept in `spare`; the keys may be there themselves.
#define SELECT(K, DIGITS)                                                                          \
    INSERTION(K, K, ITSELF)                                                                        \
    static K select_##K(const K *keys, K *spare, long n, long kth) {                               \
        for (int shift = 8 * DIGITS - 8; n > FEW && shift >= 0; shift -= 8) {                      \
            u32 counts[BUCKETS] = {0};                                                             \
            for (long i = 0; i < n; i++) counts[(keys[i] >> shift) & 255]++;                       \
            int digit = 0;                                                                         \
            for (; kth >= counts[digit]; digit++) kth -= counts[digit];                            \
            long kept = 0;                                                                         \
            for (long i = 0; i < n; i++) {                                                         \
                K key = keys[i];                                                                   \
                spare[kept] = key;                                                                 \
                kept += ((key >> shift) & 255) == (K)digit;                                        \
            }                                                                                      \
            keys = spare;                                                                          \
            n = counts[digit];                                                                     \
        }                                                                                          \
        if (n > FEW) return keys[0];                                                               \
        memmove(spare, keys, (size_t)n * sizeof(K));                                               \
        few_##K(spare, n);                                                                         \
        return spare[kth];                                                                         \
    }
SELECT(k8, 1)
SELECT(k16, 2)
SELECT(k32, 4)
SELECT(k64, 8)

// MARK: three groups around the kth: less, equal, greater

#define PARTITION(NAME, T, K, R, ELEMENT)                                                          \
    static void NAME##_##T(void *out, const void *in, void *scratch, long kth, long n) {           \
        const T *x = in;                                                                           \
        R *result = out;                                                                           \
        K *keys = scratch;                                                                         \
        for (long i = 0; i < n; i++) keys[i] = key_##T(x[i]);                                      \
        K pivot = select_##K(keys, keys + n, n, kth);                                              \
        long places[3] = {0, 0, 0};                                                                \
        for (long i = 0; i < n; i++) {                                                             \
            places[1] += keys[i] < pivot;                                                          \
            places[2] += keys[i] <= pivot;                                                         \
        }                                                                                          \
        for (long i = 0; i < n; i++)                                                               \
            result[places[(keys[i] >= pivot) + (keys[i] > pivot)]++] = (ELEMENT);                  \
    }
#define PARTITIONS(T, K)                                                                           \
    PARTITION(partitioned, T, K, T, x[i])                                                          \
    PARTITION(argpartitioned, T, K, u32, (u32)i)
#define FOR_KEYS_OF_32_BITS(M) M(u32) M(i32) M(f32)
PARTITIONS(u8, k8)
PARTITIONS(u16, k16)
PARTITIONS(i8, k8)
PARTITIONS(i16, k16)
PARTITIONS(f16, k16)
PARTITIONS(bf16, k16)
FOR_KEYED_WIDE(PARTITIONS)

// MARK: elements of 32 bits

#define KEYS(T)                                                                                    \
    KERNEL static void keys_##T(k32 *keys, const T *x, long n) {                                   \
        LANES for (long i = 0; i < n; i++) keys[i] = key_##T(x[i]);                                \
    }
FOR_KEYS_OF_32_BITS(KEYS)

// Writes the elements, or their positions where there are none.
static void group_k32(u32 *out, const u32 *in, const k32 *keys, k32 pivot, long n) {
    long places[3] = {0, 0, 0};
    for (long i = 0; i < n; i++) {
        places[1] += keys[i] < pivot;
        places[2] += keys[i] <= pivot;
    }
    for (long i = 0; i < n; i++)
        out[places[(keys[i] >= pivot) + (keys[i] > pivot)]++] = in ? in[i] : (u32)i;
}

#if defined(__x86_64__)

// The kth smallest of the first n lanes.
WIDE_INLINE k32 select_lane(__m512i keys, long n, long kth) {
    __mmask16 lanes = first_lanes(n);
    k32 all[WIDTH];
    _mm512_storeu_si512(all, keys);
    for (long i = 0; i < n - 1; i++) {
        __m512i key = _mm512_set1_epi32((int)all[i]);
        int below = __builtin_popcount(_mm512_mask_cmplt_epu32_mask(lanes, keys, key));
        int upto = __builtin_popcount(_mm512_mask_cmple_epu32_mask(lanes, keys, key));
        if (below <= kth && kth < upto) return all[i];
    }
    return all[n - 1];
}

struct place {
    long below, upto;
};

// How many of n keys are less than one, and how many not greater.
WIDE_INLINE struct place place_among(const k32 *keys, long n, k32 pivot) {
    __m512i middle = _mm512_set1_epi32((int)pivot);
    struct place place = {0, 0};
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512i key = _mm512_maskz_loadu_epi32(lanes, keys + i);
        place.below += __builtin_popcount(_mm512_mask_cmplt_epu32_mask(lanes, key, middle));
        place.upto += __builtin_popcount(_mm512_mask_cmple_epu32_mask(lanes, key, middle));
    }
    return place;
}

// Writes some lanes one behind the other; where the next ones go.
WIDE_INLINE u32 *put_lanes(u32 *out, __mmask16 lanes, __m512i v) {
    int count = __builtin_popcount(lanes);
    _mm512_mask_storeu_epi32(out, first_lanes(count), _mm512_maskz_compress_epi32(lanes, v));
    return out + count;
}

// Each walk counts the keys below one that is about where the kth is among a few, and goes on with
// those on the kth's side. Where that takes too many walks, the digits decide.
WIDE static k32 select_wide(const k32 *keys, k32 *spare, long n, long kth) {
    enum { MOST = 20 };
    for (int walk = 0; n > WIDTH; walk++) {
        if (walk == MOST) return select_k32(keys, spare, n, kth);
        k32 some[WIDTH];
        for (int i = 0; i < WIDTH; i++) some[i] = keys[(2 * i + 1) * n / (2 * WIDTH)];
        k32 pivot = select_lane(_mm512_loadu_si512(some), WIDTH, kth * WIDTH / n);
        struct place place = place_among(keys, n, pivot);
        if (place.below <= kth && kth < place.upto) return pivot;
        bool isAbove = kth >= place.upto;
        __m512i middle = _mm512_set1_epi32((int)pivot);
        u32 *kept = spare;
        for (long i = 0; i < n; i += WIDTH) {
            __mmask16 lanes = lanes_from(i, n);
            __m512i key = _mm512_maskz_loadu_epi32(lanes, keys + i);
            lanes = isAbove ? _mm512_mask_cmpgt_epu32_mask(lanes, key, middle)
                            : _mm512_mask_cmplt_epu32_mask(lanes, key, middle);
            kept = put_lanes(kept, lanes, key);
        }
        kth -= isAbove ? place.upto : 0;
        keys = spare;
        n = kept - spare;
    }
    return select_lane(_mm512_maskz_loadu_epi32(first_lanes(n), keys), n, kth);
}

WIDE static void group_wide(u32 *out, const u32 *in, const k32 *keys, k32 pivot, long n) {
    struct place place = place_among(keys, n, pivot);
    __m512i middle = _mm512_set1_epi32((int)pivot);
    __m512i next = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    u32 *below = out, *equal = out + place.below, *above = out + place.upto;
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512i key = _mm512_maskz_loadu_epi32(lanes, keys + i);
        __m512i element = in ? _mm512_maskz_loadu_epi32(lanes, in + i) : next;
        __mmask16 less = _mm512_mask_cmplt_epu32_mask(lanes, key, middle);
        __mmask16 more = _mm512_mask_cmpgt_epu32_mask(lanes, key, middle);
        __mmask16 same = lanes & ~(less | more);
        if (less) below = put_lanes(below, less, element);
        if (same) equal = put_lanes(equal, same, element);
        if (more) above = put_lanes(above, more, element);
        next = _mm512_add_epi32(next, _mm512_set1_epi32(WIDTH));
    }
}

static void partition_k32(u32 *out, const u32 *in, k32 *keys, long kth, long n) {
    if (has_wide()) {
        group_wide(out, in, keys, select_wide(keys, keys + n, n, kth), n);
    } else {
        group_k32(out, in, keys, select_k32(keys, keys + n, n, kth), n);
    }
}

#else

static void partition_k32(u32 *out, const u32 *in, k32 *keys, long kth, long n) {
    group_k32(out, in, keys, select_k32(keys, keys + n, n, kth), n);
}

#endif

#define PARTITIONS_OF_32_BITS(T)                                                                   \
    static void partitioned_##T(void *out, const void *in, void *scratch, long kth, long n) {      \
        keys_##T(scratch, in, n);                                                                  \
        partition_k32(out, in, scratch, kth, n);                                                   \
    }                                                                                              \
    static void argpartitioned_##T(void *out, const void *in, void *scratch, long kth, long n) {   \
        keys_##T(scratch, in, n);                                                                  \
        partition_k32(out, NULL, scratch, kth, n);                                                 \
    }
FOR_KEYS_OF_32_BITS(PARTITIONS_OF_32_BITS)

LOOKUP(ck_partition, ck_partition_row, ROWS_KEYED(partitioned))
LOOKUP(ck_partition, ck_argpartition_row, ROWS_KEYED(argpartitioned))
