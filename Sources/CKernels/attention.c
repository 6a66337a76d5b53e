// Rows of attention: online softmax forward (Milakov and Gimelshein, arXiv:1805.02867), weights and
// slopes again from a row's largest score and sum backward (Dao et al., arXiv:2205.14135).

#include "row.h"
#include "wide.h"

#include <float.h>

#define PRODUCT(V, i) (AT(V, x, i) * AT(V, y, i))
ROW_TOTALS(product_of, PRODUCT)

#define DOT(T, UNUSED)                                                                             \
    KERNEL static void dot_##T(void *out, const void *a, const void *b, long n) {                  \
        *(T *)out = (T)product_of_##T(a, b, a, 0, n);                                              \
    }
FOR_FLOATS(DOT, )
LOOKUP(ck_dot, ck_dot_row, ROWS_FLOATS(dot))

// exp(x) for x <= 0; subnormal results are 0.
INLINE float share_f32(float x) {
    float y = exp_normal(x < -87.0f ? -87.0f : x);
    return x < -87.0f ? 0 : y;
}
INLINE double share_f64(double x) { return exp(x); }

static const f32 lowest_f32 = -FLT_MAX;
static const f64 lowest_f64 = -DBL_MAX;

// No score at all, or only infinitely low ones, leave nothing to shift by.
#define ANCHOR(x) ((x) == -(__typeof__(x))INFINITY ? 0 : (x))

#define MASK(T, UNUSED)                                                                            \
    INLINE void hide_##T(T *scores, long n, ck_row_mask mask) {                                    \
        const T *added = mask.elements;                                                            \
        const b8 *kept = mask.elements;                                                            \
        if (mask.elements && mask.is_boolean) {                                                    \
            LANES for (long i = 0; i < n; i++) scores[i] = kept[i] ? scores[i] : lowest_##T;       \
        } else if (mask.elements) {                                                                \
            LANES for (long i = 0; i < n; i++) scores[i] += added[i];                              \
        }                                                                                          \
        for (long i = mask.visible; i < n; i++) scores[i] = lowest_##T;                            \
    }
FOR_FLOATS(MASK, )

#define FORWARD(T, V, W)                                                                           \
    KERNEL static void start_##T(void *states, long rows, const void *sink) {                      \
        T *state = states;                                                                         \
        for (long i = 0; i < rows; i++) {                                                          \
            state[2 * i] = sink ? *(const T *)sink : -(T)INFINITY;                                 \
            state[2 * i + 1] = sink ? 1 : 0;                                                       \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void step_##T(                                                                   \
        void *scores, void *state, void *out, long n, long width, ck_row_mask mask) {              \
        T *s = scores, *kept = state, *y = out;                                                    \
        hide_##T(s, n, mask);                                                                      \
        T top = largest_##T(s, n);                                                                 \
        top = top > kept[0] ? top : kept[0];                                                       \
        T anchor = ANCHOR(top), factor = share_##T(kept[0] - anchor);                              \
        LANES for (long i = 0; i < n; i++) s[i] = share_##T(s[i] - anchor);                        \
        kept[1] = kept[1] * factor + sum_block_##T(s, n);                                          \
        kept[0] = top;                                                                             \
        if (factor == 1) return;                                                                   \
        LANES for (long i = 0; i < width; i++) y[i] *= factor;                                     \
    }                                                                                              \
    KERNEL static void finish_##T(void *out, void *state, long width) {                            \
        T *y = out, *kept = state;                                                                 \
        T inverse = kept[1] = 1 / kept[1];                                                         \
        LANES for (long i = 0; i < width; i++) y[i] *= inverse;                                    \
    }
FORWARD(f32, f32x16, 16)
FORWARD(f64, f64x8, 8)

#if defined(__x86_64__)

// Rows in whole vectors: what a causal mask leaves of them ends anywhere.

// Hides what a mask of elements hides; how many scores of the row are seen then.
WIDE_INLINE long hide_wide(float *scores, long n, ck_row_mask mask) {
    if (!mask.elements) return mask.visible;
    hide_f32(scores, n, mask);
    return n;
}

// Scores from i on, of which so many of the row are seen.
WIDE_INLINE __m512 seen_wide(const float *scores, long i, __mmask16 lanes, long visible) {
    __m512 x = _mm512_maskz_loadu_ps(lanes, scores + i);
    if (i + WIDTH <= visible) return x;
    __mmask16 seen = i < visible ? first_lanes(visible - i) : 0;
    return _mm512_mask_mov_ps(spread(lowest_f32), seen, x);
}

WIDE_INLINE __m512 share_wide(__m512 x) {
    __mmask16 is_normal = _mm512_cmp_ps_mask(x, spread(-87.0f), _CMP_NLT_UQ);
    return _mm512_maskz_mov_ps(is_normal, exp_below_wide(x));
}

WIDE static void step_wide_f32(
    void *scores, void *state, void *out, long n, long width, ck_row_mask mask) {
    float *s = scores, *kept = state, *y = out;
    long visible = hide_wide(s, n, mask);
    __m512 most = spread(-INFINITY), sum = _mm512_setzero_ps();
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 x = seen_wide(s, i, lanes, visible);
        most = _mm512_mask_max_ps(most, lanes, x, most);
    }
    float top = _mm512_reduce_max_ps(most);
    top = top > kept[0] ? top : kept[0];
    float anchor = ANCHOR(top);
    // A row that has gathered nothing waits for no exponential.
    float factor = kept[0] == -INFINITY ? 0 : share_f32(kept[0] - anchor);
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 x = share_wide(seen_wide(s, i, lanes, visible) - spread(anchor));
        _mm512_mask_storeu_ps(s + i, lanes, x);
        sum = _mm512_mask_add_ps(sum, lanes, sum, x);
    }
    kept[1] = kept[1] * factor + _mm512_reduce_add_ps(sum);
    kept[0] = top;
    if (factor == 1) return;
    for (long i = 0; i < width; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, width);
        _mm512_mask_storeu_ps(
            y + i, lanes, _mm512_maskz_loadu_ps(lanes, y + i) * spread(factor));
    }
}

#endif

static void step_widest_f32(
    void *scores, void *state, void *out, long n, long width, ck_row_mask mask) {
#if defined(__x86_64__)
    if (has_wide()) return step_wide_f32(scores, state, out, n, width, mask);
#endif
    step_f32(scores, state, out, n, width, mask);
}

LOOKUP(ck_attention_start, ck_attention_start_rows, ROWS_FLOATS(start))
LOOKUP(ck_attention_step, ck_attention_step_row, ROWS_WIDE(step))
LOOKUP(ck_attention_finish, ck_attention_finish_row, ROWS_FLOATS(finish))

#define BACKWARD(T, UNUSED)                                                                        \
    KERNEL static void weights_##T(                                                                \
        void *scores, const void *state, long n, ck_row_mask mask) {                               \
        T *s = scores;                                                                             \
        const T *kept = state;                                                                     \
        hide_##T(s, n, mask);                                                                      \
        T anchor = ANCHOR(kept[0]), inverse = kept[1];                                             \
        LANES for (long i = 0; i < n; i++) s[i] = share_##T(s[i] - anchor) * inverse;              \
    }                                                                                              \
    KERNEL static void slopes_##T(void *slopes, const void *weights, const void *delta,            \
        double scale, long n, ck_row_mask mask) {                                                  \
        T *d = slopes, mean = *(const T *)delta, by = (T)scale;                                    \
        const T *p = weights;                                                                      \
        const b8 *kept = mask.elements;                                                            \
        LANES for (long i = 0; i < n; i++) d[i] = p[i] * (d[i] - mean) * by;                       \
        if (kept && mask.is_boolean) {                                                             \
            LANES for (long i = 0; i < n; i++) d[i] = kept[i] ? d[i] : 0;                          \
        }                                                                                          \
        for (long i = mask.visible; i < n; i++) d[i] = 0;                                          \
    }                                                                                              \
    KERNEL static void sink_##T(                                                                   \
        void *total, const void *sink, const void *states, const void *deltas, long rows) {        \
        const T *state = states, *delta = deltas;                                                  \
        T score = *(const T *)sink, sum = 0;                                                       \
        for (long i = 0; i < rows; i++)                                                            \
            sum += share_##T(score - state[2 * i]) * state[2 * i + 1] * delta[i];                  \
        *(T *)total -= sum;                                                                        \
    }
FOR_FLOATS(BACKWARD, )

#if defined(__x86_64__)

WIDE static void weights_wide_f32(void *scores, const void *state, long n, ck_row_mask mask) {
    float *s = scores;
    const float *kept = state;
    long visible = hide_wide(s, n, mask);
    __m512 anchor = spread(ANCHOR(kept[0])), inverse = spread(kept[1]);
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __m512 x = share_wide(seen_wide(s, i, lanes, visible) - anchor);
        _mm512_mask_storeu_ps(s + i, lanes, x * inverse);
    }
}

WIDE static void slopes_wide_f32(void *slopes, const void *weights, const void *delta,
    double scale, long n, ck_row_mask mask) {
    float *d = slopes;
    const float *p = weights;
    __m512 mean = spread(*(const float *)delta), by = spread((float)scale);
    for (long i = 0; i < n; i += WIDTH) {
        __mmask16 lanes = lanes_from(i, n);
        __mmask16 seen = i < mask.visible ? lanes & lanes_from(i, mask.visible) : 0;
        __m512 x = _mm512_maskz_loadu_ps(seen, d + i);
        x = _mm512_maskz_loadu_ps(seen, p + i) * (x - mean) * by;
        _mm512_mask_storeu_ps(d + i, lanes, _mm512_maskz_mov_ps(seen, x));
    }
}

#endif

static void weights_widest_f32(void *scores, const void *state, long n, ck_row_mask mask) {
#if defined(__x86_64__)
    if (has_wide()) return weights_wide_f32(scores, state, n, mask);
#endif
    weights_f32(scores, state, n, mask);
}

static void slopes_widest_f32(void *slopes, const void *weights, const void *delta,
    double scale, long n, ck_row_mask mask) {
#if defined(__x86_64__)
    if (has_wide() && !(mask.elements && mask.is_boolean))
        return slopes_wide_f32(slopes, weights, delta, scale, n, mask);
#endif
    slopes_f32(slopes, weights, delta, scale, n, mask);
}

LOOKUP(ck_attention_weights, ck_attention_weights_row, ROWS_WIDE(weights))
LOOKUP(ck_attention_slopes, ck_attention_slopes_row, ROWS_WIDE(slopes))
LOOKUP(ck_attention_sink, ck_attention_sink_rows, ROWS_FLOATS(sink))

#define TANGENT(T, UNUSED)                                                                         \
    KERNEL static void changes_##T(void *changes, const void *weights, void *delta,                \
        const void *added, long n, ck_row_mask mask) {                                             \
        T *d = changes;                                                                            \
        const T *p = weights, *more = added;                                                       \
        const b8 *kept = mask.elements;                                                            \
        if (more) {                                                                                \
            LANES for (long i = 0; i < n; i++) d[i] += more[i];                                    \
        }                                                                                          \
        LANES for (long i = 0; i < n; i++) d[i] *= p[i];                                           \
        if (kept && mask.is_boolean) {                                                             \
            LANES for (long i = 0; i < n; i++) d[i] = kept[i] ? d[i] : 0;                          \
        }                                                                                          \
        for (long i = mask.visible; i < n; i++) d[i] = 0;                                          \
        *(T *)delta += sum_block_##T(d, n);                                                        \
    }                                                                                              \
    KERNEL static void sink_change_##T(                                                            \
        void *delta, const void *sink, const void *change, const void *state) {                    \
        const T *kept = state;                                                                     \
        T weight = share_##T(*(const T *)sink - kept[0]) * kept[1];                                \
        *(T *)delta += weight * *(const T *)change;                                                \
    }                                                                                              \
    KERNEL static void settle_##T(void *out, const void *result, const void *delta, long n) {      \
        T *x = out, mean = *(const T *)delta;                                                      \
        const T *y = result;                                                                       \
        LANES for (long i = 0; i < n; i++) x[i] -= mean * y[i];                                    \
    }
FOR_FLOATS(TANGENT, )
LOOKUP(ck_attention_changes, ck_attention_changes_row, ROWS_FLOATS(changes))
LOOKUP(ck_attention_sink_change, ck_attention_sink_change_row, ROWS_FLOATS(sink_change))
LOOKUP(ck_attention_settle, ck_attention_settle_row, ROWS_FLOATS(settle))
