// The keys that elements are sorted by: unsigned integers in the elements' order, NaN the largest.

#ifndef CK_SORTING_KEYS_H
#define CK_SORTING_KEYS_H

#include "half.h"

typedef u8 k8;
typedef u16 k16;
typedef u32 k32;
typedef u64 k64;

// A signed integer's key is the integer with its sign turned over.
#define INTEGER_KEY(T, K)                                                                          \
    INLINE K key_##T(T x) { return (K)((K)x ^ TURNED(T, K)); }                                     \
    INLINE T value_##T(K key) { return (T)(key ^ TURNED(T, K)); }
#define TURNED(T, K) ((T)-1 < 0 ? (K)((K)1 << (8 * sizeof(K) - 1)) : (K)0)

#define FOR_KEYED_INTEGERS(M)                                                                      \
    M(u8, k8) M(u16, k16) M(u32, k32) M(u64, k64) M(i8, k8) M(i16, k16) M(i32, k32) M(i64, k64)
FOR_KEYED_INTEGERS(INTEGER_KEY)

// A float's key is its bits, all turned over where it is negative and the sign alone where it is
// not; both zeros have one key.
#define FLOAT_KEY(T, K, INFINITE)                                                                  \
    INLINE K key_##T(T x) {                                                                        \
        const K sign = (K)((K)1 << (8 * sizeof(K) - 1));                                           \
        K bits;                                                                                    \
        memcpy(&bits, &x, sizeof bits);                                                            \
        K magnitude = (K)(bits & (K)~sign);                                                        \
        K key = (K)(bits & sign ? ~bits : bits | sign);                                            \
        key = magnitude == 0 ? sign : key;                                                         \
        return magnitude > (INFINITE) ? (K)-1 : key;                                               \
    }                                                                                              \
    INLINE T value_##T(K key) {                                                                    \
        const K sign = (K)((K)1 << (8 * sizeof(K) - 1));                                           \
        K bits = (K)(key & sign ? key ^ sign : ~key);                                              \
        T x;                                                                                       \
        memcpy(&x, &bits, sizeof x);                                                               \
        return x;                                                                                  \
    }                                                                                              \
    INLINE bool is_special_##T(T x) {                                                              \
        const K sign = (K)((K)1 << (8 * sizeof(K) - 1));                                           \
        K bits;                                                                                    \
        memcpy(&bits, &x, sizeof bits);                                                            \
        return (bits == sign) | ((K)(bits & (K)~sign) > (INFINITE));                               \
    }
FLOAT_KEY(f16, k16, 0x7C00)
FLOAT_KEY(bf16, k16, 0x7F80)
FLOAT_KEY(f32, k32, 0x7F800000)
FLOAT_KEY(f64, k64, 0x7FF0000000000000)

#define FOR_KEYED_FLOATS(M) M(f16, k16) M(bf16, k16) M(f32, k32) M(f64, k64)

INLINE k64 key_c64(c64 x) {
    bool isNaN = (x.re != x.re) | (x.im != x.im);
    return isNaN ? (k64)-1 : (k64)key_f32(x.re) << 32 | key_f32(x.im);
}

// Types whose keys leave room for a position in 64 bits, and the others.
#define FOR_KEYED_NARROW(M)                                                                        \
    M(u8, k8) M(u16, k16) M(u32, k32) M(i8, k8) M(i16, k16) M(i32, k32) M(f16, k16) M(bf16, k16)   \
    M(f32, k32)
#define FOR_KEYED_WIDE(M) M(u64, k64) M(i64, k64) M(f64, k64) M(c64, k64)

// The most elements that are sorted by insertion, and the values of a digit.
enum { FEW = 64, BUCKETS = 256 };

// Sorts a few items by FIELD.
#define INSERTION(NAME, ITEM, FIELD)                                                               \
    INLINE void few_##NAME(ITEM *items, long n) {                                                  \
        for (long i = 1; i < n; i++) {                                                             \
            ITEM moved = items[i];                                                                 \
            long j = i;                                                                            \
            for (; j > 0 && FIELD(items[j - 1]) > FIELD(moved); j--) items[j] = items[j - 1];      \
            items[j] = moved;                                                                      \
        }                                                                                          \
    }
#define ITSELF(X) (X)

#define ROWS_KEYED(N)                                                                              \
    [CK_BOOL] = N##_u8, ROWS_UNSIGNED(N), ROWS_SIGNED(N), [CK_F16] = N##_f16, ROWS_FLOATS(N),      \
    [CK_BF16] = N##_bf16, [CK_C64] = N##_c64
#endif
