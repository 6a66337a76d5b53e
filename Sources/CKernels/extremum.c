// The largest and smallest element of one contiguous row, and where it is.

#include "complex_number.h"

enum { BLOCK = 1024 };

typedef float f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef double f64x8 __attribute__((ext_vector_type(8), aligned(8)));
typedef i32 f32x16_test __attribute__((ext_vector_type(16)));
typedef i64 f64x8_test __attribute__((ext_vector_type(8)));

// MARK: the value

// The extremum of `count` floats after `best`, in four vectors of W lanes, passing NaN over;
// `*nan` is set where one was seen.
#define FLOAT_BLOCK(NAME, T, V, W, SIGN)                                                           \
    INLINE T NAME##_block_##T(const T *x, long count, T best, bool *nan) {                         \
        V a = best, b = best, c = best, d = best;                                                  \
        V##_test seen = 0;                                                                         \
        long i = 0;                                                                                \
        for (; i + 4 * W <= count; i += 4 * W) {                                                   \
            V p = *(const V *)(x + i), q = *(const V *)(x + i + W);                                \
            V r = *(const V *)(x + i + 2 * W), s = *(const V *)(x + i + 3 * W);                    \
            a = p SIGN a ? p : a;                                                                  \
            b = q SIGN b ? q : b;                                                                  \
            c = r SIGN c ? r : c;                                                                  \
            d = s SIGN d ? s : d;                                                                  \
            seen |= (p != p) | (q != q) | (r != r) | (s != s);                                     \
        }                                                                                          \
        a = b SIGN a ? b : a;                                                                      \
        c = d SIGN c ? d : c;                                                                      \
        a = c SIGN a ? c : a;                                                                      \
        for (int lane = 0; i > 0 && lane < W; lane++) {                                            \
            best = a[lane] SIGN best ? a[lane] : best;                                             \
            *nan |= seen[lane] != 0;                                                               \
        }                                                                                          \
        for (; i < count; i++) {                                                                   \
            best = x[i] SIGN best ? x[i] : best;                                                   \
            *nan |= x[i] != x[i];                                                                  \
        }                                                                                          \
        return best;                                                                               \
    }                                                                                              \
    KERNEL static void NAME##_##T(void *out, const void *in, long n) {                             \
        const T *x = in;                                                                           \
        bool nan = x[0] != x[0];                                                                   \
        T best = NAME##_block_##T(x, n, x[0], &nan);                                               \
        *(T *)out = nan ? (T)__builtin_nan("") : best;                                             \
    }

#define INTEGER_BLOCK(T, NAME, SIGN)                                                               \
    INLINE T NAME##_block_##T(const T *x, long count, T best, bool *nan) {                         \
        (void)nan;                                                                                 \
        for (long i = 0; i < count; i++) best = x[i] SIGN best ? x[i] : best;                      \
        return best;                                                                               \
    }                                                                                              \
    KERNEL static void NAME##_##T(void *out, const void *in, long n) {                             \
        const T *x = in;                                                                           \
        *(T *)out = NAME##_block_##T(x, n, x[0], NULL);                                            \
    }

FLOAT_BLOCK(max, f32, f32x16, 16, >)
FLOAT_BLOCK(max, f64, f64x8, 8, >)
FLOAT_BLOCK(min, f32, f32x16, 16, <)
FLOAT_BLOCK(min, f64, f64x8, 8, <)
FOR_UNSIGNED(INTEGER_BLOCK, max, >)
FOR_SIGNED(INTEGER_BLOCK, max, >)
FOR_UNSIGNED(INTEGER_BLOCK, min, <)
FOR_SIGNED(INTEGER_BLOCK, min, <)

#define COMPLEX_EXTREMUM(NAME, BETTER)                                                             \
    static void NAME##_c64(void *out, const void *in, long n) {                                    \
        const c64 *x = in;                                                                         \
        c64 best = x[0];                                                                           \
        for (long i = 1; i < n && !complex_nan(best); i++)                                         \
            if (complex_nan(x[i]) || BETTER) best = x[i];                                          \
        *(c64 *)out = best;                                                                        \
    }                                                                                              \
    static void arg##NAME##_c64(void *out, const void *in, long n) {                               \
        const c64 *x = in;                                                                         \
        c64 best = x[0];                                                                           \
        long place = 0;                                                                            \
        for (long i = 1; i < n && !complex_nan(best); i++)                                         \
            if (complex_nan(x[i]) || BETTER) best = x[i], place = i;                               \
        *(u32 *)out = (u32)place;                                                                  \
    }
COMPLEX_EXTREMUM(max, complex_less(best, x[i]))
COMPLEX_EXTREMUM(min, complex_less(x[i], best))

// MARK: the place

// Finds the block that first holds the extremum, then looks for it there: one pass over memory.
#define PLACE(T, NAME, SIGN)                                                                       \
    KERNEL static void arg##NAME##_##T(void *out, const void *in, long n) {                        \
        const T *x = in;                                                                           \
        T best = x[0];                                                                             \
        long home = 0;                                                                             \
        bool nan = false;                                                                          \
        for (long start = 0; start < n; start += BLOCK) {                                          \
            T found = NAME##_block_##T(x + start, smaller(n - start, BLOCK), best, &nan);          \
            if (nan) {                                                                             \
                for (home = start; x[home] == x[home];) home++;                                    \
                *(u32 *)out = (u32)home;                                                           \
                return;                                                                            \
            }                                                                                      \
            home = found SIGN best ? start : home;                                                 \
            best = found;                                                                          \
        }                                                                                          \
        while (home + 64 <= n) {                                                                   \
            u32 hits = 0;                                                                          \
            for (long i = home; i < home + 64; i++) hits |= x[i] == best;                          \
            if (hits != 0) break;                                                                  \
            home += 64;                                                                            \
        }                                                                                          \
        while (home < n && x[home] != best) home++;                                                \
        *(u32 *)out = (u32)home;                                                                   \
    }
FOR_UNSIGNED(PLACE, max, >)
FOR_SIGNED(PLACE, max, >)
FOR_FLOATS(PLACE, max, >)
FOR_UNSIGNED(PLACE, min, <)
FOR_SIGNED(PLACE, min, <)
FOR_FLOATS(PLACE, min, <)

#define ROWS_ALL(N)                                                                                \
    [CK_BOOL] = N##_u8, ROWS_UNSIGNED(N), ROWS_SIGNED(N), ROWS_FLOATS(N), [CK_C64] = N##_c64
LOOKUP(ck_reduce, ck_max_row, ROWS_ALL(max))
LOOKUP(ck_reduce, ck_min_row, ROWS_ALL(min))
LOOKUP(ck_reduce, ck_argmax_row, ROWS_ALL(argmax))
LOOKUP(ck_reduce, ck_argmin_row, ROWS_ALL(argmin))
