// Softmax and log-sum-exp of one contiguous row, both shifted by the largest element.

#include "float_math.h"
#include "row.h"

// Writes the exponentials of x - shift and gives their sum; each block is summed while in cache.
#define EXPONENTIALS(T, EXP)                                                                       \
    INLINE double exponentials_##T(T *out, const T *x, T shift, long n) {                          \
        double total = 0;                                                                          \
        for (long start = 0; start < n; start += BLOCK) {                                          \
            long count = smaller(n - start, BLOCK);                                                \
            T *result = out + start;                                                               \
            const T *in = x + start;                                                               \
            LANES for (long i = 0; i < count; i++) result[i] = EXP(in[i] - shift);                 \
            total += sum_block_##T(result, count);                                                 \
        }                                                                                          \
        return total;                                                                              \
    }
EXPONENTIALS(f32, exp_float)
EXPONENTIALS(f64, exp)

// The sum of exponentials that are not kept.
#define EXPONENTIAL_SUM(T)                                                                         \
    INLINE double exponential_sum_##T(const T *x, T shift, long n) {                               \
        enum { PIECE = 1024 };                                                                     \
        T kept[PIECE];                                                                             \
        double total = 0;                                                                          \
        for (long start = 0; start < n; start += PIECE)                                            \
            total += exponentials_##T(kept, x + start, shift, smaller(n - start, PIECE));          \
        return total;                                                                              \
    }
EXPONENTIAL_SUM(f32)
EXPONENTIAL_SUM(f64)

#define SOFTMAX(T, UNUSED)                                                                         \
    KERNEL static void softmax_##T(void *out, const void *in, long n) {                            \
        T *result = out;                                                                           \
        T scale = (T)(1 / exponentials_##T(result, in, largest_##T(in, n), n));                    \
        LANES for (long i = 0; i < n; i++) result[i] *= scale;                                     \
    }                                                                                              \
    KERNEL static void logsumexp_##T(void *out, const void *in, long n) {                          \
        T shift = largest_##T(in, n);                                                              \
        T anchor = isinf(shift) ? 0 : shift;                                                       \
        *(T *)out = (T)(anchor + log(exponential_sum_##T(in, anchor, n)));                         \
    }
FOR_FLOATS(SOFTMAX, )
LOOKUP(ck_unary, ck_softmax_row, ROWS_FLOATS(softmax))
LOOKUP(ck_reduce, ck_logsumexp_row, ROWS_FLOATS(logsumexp))
