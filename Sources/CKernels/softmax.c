// Softmax, its logarithm, log-sum-exp and cross entropy of one contiguous row, all shifted by the
// largest element.

#include "row.h"
#include "wide.h"

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

// The largest element, which the others are shifted by unless it is infinite.
#define ANCHOR(T, UNUSED)                                                                          \
    INLINE T anchor_##T(const T *x, long n) {                                                      \
        T shift = largest_##T(x, n);                                                               \
        return isinf(shift) ? 0 : shift;                                                           \
    }
FOR_FLOATS(ANCHOR, )

#define SOFTMAX(T, UNUSED)                                                                         \
    KERNEL static void softmax_##T(void *out, const void *in, long n) {                            \
        T *result = out;                                                                           \
        T scale = (T)(1 / exponentials_##T(result, in, largest_##T(in, n), n));                    \
        LANES for (long i = 0; i < n; i++) result[i] *= scale;                                     \
    }                                                                                              \
    KERNEL static void logsoftmax_##T(void *out, const void *in, long n) {                         \
        const T *x = in;                                                                           \
        T *result = out, shift = largest_##T(x, n);                                                \
        T rest = (T)log(exponential_sum_##T(x, shift, n));                                         \
        LANES for (long i = 0; i < n; i++) result[i] = (x[i] - shift) - rest;                      \
    }                                                                                              \
    KERNEL static void logsumexp_##T(void *out, const void *in, long n) {                          \
        T anchor = anchor_##T(in, n);                                                              \
        *(T *)out = (T)(anchor + log(exponential_sum_##T(in, anchor, n)));                         \
    }
FOR_FLOATS(SOFTMAX, )

#define CROSS_ENTROPY(T, UNUSED)                                                                   \
    KERNEL static void cross_entropy_##T(void *out, const void *in, long choice, long n) {         \
        const T *x = in;                                                                           \
        T anchor = anchor_##T(x, n);                                                               \
        *(T *)out = (T)(log(exponential_sum_##T(x, anchor, n)) - (double)(x[choice] - anchor));    \
    }                                                                                              \
    KERNEL static void cross_entropy_gradient_##T(                                                 \
        void *out, const void *in, const void *cotangent, long choice, long n) {                   \
        T *result = out, factor = *(const T *)cotangent;                                           \
        T scale = (T)(factor / exponentials_##T(result, in, anchor_##T(in, n), n));                \
        LANES for (long i = 0; i < n; i++) result[i] *= scale;                                     \
        result[choice] -= factor;                                                                  \
    }
FOR_FLOATS(CROSS_ENTROPY, )

#if defined(__x86_64__)

// As above; the exponentials are summed as they are made, and kept if there is a place for them.
WIDE_INLINE double exponentials_wide(float *out, const float *x, float shift, long n) {
    double total = 0;
    for (long start = 0; start < n; start += BLOCK) {
        long end = start + smaller(n - start, BLOCK), i = start;
        __m512 sum[4] = {spread(0), spread(0), spread(0), spread(0)};
        for (; i + 4 * WIDTH <= end; i += 4 * WIDTH) {
            UNROLL for (int k = 0; k < 4; k++) {
                __m512 y = exp_below_wide(_mm512_loadu_ps(x + i + k * WIDTH) - spread(shift));
                if (out) ask_for((const char *)(out + i + k * WIDTH) + WRITTEN_AHEAD);
                if (out) _mm512_storeu_ps(out + i + k * WIDTH, y);
                sum[k] += y;
            }
        }
        for (; i < end; i += WIDTH) {
            __mmask16 lanes = lanes_from(i, end);
            __m512 y = exp_below_wide(_mm512_maskz_loadu_ps(lanes, x + i) - spread(shift));
            if (out) _mm512_mask_storeu_ps(out + i, lanes, y);
            sum[0] = _mm512_mask_add_ps(sum[0], lanes, sum[0], y);
        }
        total += (double)_mm512_reduce_add_ps((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    return total;
}

WIDE static void softmax_wide_f32(void *out, const void *in, long n) {
    float *result = out;
    float scale = (float)(1 / exponentials_wide(result, in, largest_f32(in, n), n));
    LANES for (long i = 0; i < n; i++) result[i] *= scale;
}

WIDE static void logsoftmax_wide_f32(void *out, const void *in, long n) {
    const float *x = in;
    float *result = out, shift = largest_f32(x, n);
    float rest = (float)log(exponentials_wide(NULL, x, shift, n));
    LANES for (long i = 0; i < n; i++) result[i] = (x[i] - shift) - rest;
}

WIDE static void logsumexp_wide_f32(void *out, const void *in, long n) {
    float anchor = anchor_f32(in, n);
    *(float *)out = (float)(anchor + log(exponentials_wide(NULL, in, anchor, n)));
}

WIDE static void cross_entropy_wide_f32(void *out, const void *in, long choice, long n) {
    const float *x = in;
    float anchor = anchor_f32(x, n);
    double total = exponentials_wide(NULL, x, anchor, n);
    *(float *)out = (float)(log(total) - (double)(x[choice] - anchor));
}

WIDE static void cross_entropy_gradient_wide_f32(
    void *out, const void *in, const void *cotangent, long choice, long n) {
    float *result = out, factor = *(const float *)cotangent;
    float scale = (float)(factor / exponentials_wide(result, in, anchor_f32(in, n), n));
    LANES for (long i = 0; i < n; i++) result[i] *= scale;
    result[choice] -= factor;
}

static void cross_entropy_widest_f32(void *out, const void *x, long choice, long n) {
    (has_wide() ? cross_entropy_wide_f32 : cross_entropy_f32)(out, x, choice, n);
}

static void cross_entropy_gradient_widest_f32(
    void *out, const void *x, const void *cotangent, long choice, long n) {
    (has_wide() ? cross_entropy_gradient_wide_f32 : cross_entropy_gradient_f32)(
        out, x, cotangent, choice, n);
}

#else

#define cross_entropy_widest_f32 cross_entropy_f32
#define cross_entropy_gradient_widest_f32 cross_entropy_gradient_f32

#endif

WIDEST(softmax)
WIDEST(logsoftmax)
WIDEST(logsumexp)
LOOKUP(ck_unary, ck_softmax_row, ROWS_WIDE(softmax))
LOOKUP(ck_unary, ck_logsoftmax_row, ROWS_WIDE(logsoftmax))
LOOKUP(ck_reduce, ck_logsumexp_row, ROWS_WIDE(logsumexp))
LOOKUP(ck_choice, ck_cross_entropy_row, ROWS_WIDE(cross_entropy))
LOOKUP(ck_choice_change, ck_cross_entropy_gradient_row, ROWS_WIDE(cross_entropy_gradient))

// MARK: tangents

#define PRODUCT(V, i) (AT(V, x, i) * AT(V, y, i))
ROW_TOTALS(product_of, PRODUCT)

// The shares are made a piece at a time and not kept.
#define SHARES_OF_CHANGES(T)                                                                       \
    INLINE double shares_of_changes_##T(                                                           \
        const T *x, T shift, const T *changes, double *total, long n) {                            \
        enum { PIECE = 1024 };                                                                     \
        T kept[PIECE];                                                                             \
        double sum = 0;                                                                            \
        for (long start = 0; start < n; start += PIECE) {                                          \
            long count = smaller(n - start, PIECE);                                                \
            *total += exponentials_##T(kept, x + start, shift, count);                             \
            sum += product_of_##T(kept, changes + start, changes, 0, count);                       \
        }                                                                                          \
        return sum;                                                                                \
    }
SHARES_OF_CHANGES(f32)
SHARES_OF_CHANGES(f64)

#define SOFTMAX_TANGENT(T, UNUSED)                                                                 \
    KERNEL static void softmax_tangent_##T(void *out, const void *shares, const void *in, long n) {\
        const T *y = shares, *dx = in;                                                             \
        T *result = out, mean = (T)product_of_##T(y, dx, dx, 0, n);                                \
        LANES for (long i = 0; i < n; i++) result[i] = y[i] * (dx[i] - mean);                      \
    }                                                                                              \
    KERNEL static void logsoftmax_tangent_##T(                                                     \
        void *out, const void *logarithms, const void *in, long n) {                               \
        const T *dx = in;                                                                          \
        double total = 0;                                                                          \
        T *result = out, mean = (T)shares_of_changes_##T(logarithms, 0, dx, &total, n);            \
        LANES for (long i = 0; i < n; i++) result[i] = dx[i] - mean;                               \
    }                                                                                              \
    KERNEL static void logsumexp_tangent_##T(                                                      \
        void *out, const void *elements, const void *in, long n) {                                 \
        T anchor = anchor_##T(elements, n);                                                        \
        double total = 0, changes = shares_of_changes_##T(elements, anchor, in, &total, n);        \
        *(T *)out = (T)(changes / total);                                                          \
    }                                                                                              \
    KERNEL static void cross_entropy_tangent_##T(                                                  \
        void *out, const void *elements, const void *in, long choice, long n) {                    \
        T anchor = anchor_##T(elements, n);                                                        \
        double total = 0, changes = shares_of_changes_##T(elements, anchor, in, &total, n);        \
        *(T *)out = (T)(changes / total - (double)((const T *)in)[choice]);                        \
    }
FOR_FLOATS(SOFTMAX_TANGENT, )
LOOKUP(ck_binary, ck_softmax_tangent_row, ROWS_FLOATS(softmax_tangent))
LOOKUP(ck_binary, ck_logsoftmax_tangent_row, ROWS_FLOATS(logsoftmax_tangent))
LOOKUP(ck_binary, ck_logsumexp_tangent_row, ROWS_FLOATS(logsumexp_tangent))
LOOKUP(ck_choice_change, ck_cross_entropy_tangent_row, ROWS_FLOATS(cross_entropy_tangent))
