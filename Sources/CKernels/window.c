// The largest elements and the means of windows that slide over an array, and their gradients.

#include "row.h"

#include "ck_window.h"

// One vector of channels, or one channel, of a window; NaN if an element is.
#define WINDOW_MAX(V)                                                                              \
    V best = AT(V, x, w->taps[0]);                                                                 \
    for (long t = 1; t < w->tap_count; t++) {                                                      \
        V other = AT(V, x, w->taps[t]);                                                            \
        best = ((best > other) | (best != best)) ? best : other;                                   \
    }                                                                                              \
    *(V *)out = best;

#define WINDOW_SPREAD(V)                                                                           \
    V largest = *(const V *)y, count = 0, one = 1, none = 0;                                       \
    for (long t = 0; t < w->tap_count; t++)                                                        \
        count += AT(V, x, w->taps[t]) == largest ? one : none;                                     \
    V share = *(const V *)dy / count;                                                              \
    for (long t = 0; t < w->tap_count; t++) {                                                      \
        V part = share * (AT(V, x, w->taps[t]) == largest ? one : none);                           \
        V *place = (V *)(dx + w->taps[t]);                                                         \
        *place = is_added ? *place + part : part;                                                  \
    }

#define WINDOW(T, V, W)                                                                            \
    INLINE void largest_part_##T(T *out, const T *x, const ck_windows *w) { WINDOW_MAX(V) }        \
    INLINE void largest_one_##T(T *out, const T *x, const ck_windows *w) { WINDOW_MAX(T) }         \
    INLINE void spread_part_##T(                                                                   \
        T *dx, const T *x, const T *y, const T *dy, const ck_windows *w, int is_added) {           \
        WINDOW_SPREAD(V)                                                                           \
    }                                                                                              \
    INLINE void spread_one_##T(                                                                    \
        T *dx, const T *x, const T *y, const T *dy, const ck_windows *w, int is_added) {           \
        WINDOW_SPREAD(T)                                                                           \
    }                                                                                              \
    KERNEL static void window_max_##T(void *result, const void *in, const ck_windows *w) {         \
        for (long i = 0; i < w->width; i++) {                                                      \
            T *out = (T *)result + i * w->channels;                                                \
            const T *x = (const T *)in + i * w->step;                                              \
            long c = 0;                                                                            \
            for (; c + W <= w->channels; c += W) largest_part_##T(out + c, x + c, w);              \
            for (; c < w->channels; c++) largest_one_##T(out + c, x + c, w);                       \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void window_max_gradient_##T(void *result, const void *in,                       \
        const void *largest, const void *cotangent, const ck_windows *w, int is_added) {           \
        for (long i = 0; i < w->width; i++) {                                                      \
            T *dx = (T *)result + i * w->step;                                                     \
            const T *x = (const T *)in + i * w->step;                                              \
            const T *y = (const T *)largest + i * w->channels;                                     \
            const T *dy = (const T *)cotangent + i * w->channels;                                  \
            long c = 0;                                                                            \
            for (; c + W <= w->channels; c += W)                                                   \
                spread_part_##T(dx + c, x + c, y + c, dy + c, w, is_added);                        \
            for (; c < w->channels; c++)                                                           \
                spread_one_##T(dx + c, x + c, y + c, dy + c, w, is_added);                         \
        }                                                                                          \
    }
WINDOW(f32, f32x16, 16)
WINDOW(f64, f64x8, 8)

#define WINDOW_MEAN(V)                                                                             \
    V total = AT(V, x, w->taps[0]);                                                                \
    for (long t = 1; t < w->tap_count; t++) total += AT(V, x, w->taps[t]);                         \
    *(V *)out = total / count;

#define WINDOW_SHARE(V)                                                                            \
    V share = *(const V *)dy / count;                                                              \
    for (long t = 0; t < w->tap_count; t++) {                                                      \
        V *place = (V *)(dx + w->taps[t]);                                                         \
        *place = is_added ? *place + share : share;                                                \
    }

#define MEAN(T, V, W)                                                                              \
    KERNEL static void window_mean_##T(void *result, const void *in, const ck_windows *w) {        \
        T count = (T)w->tap_count;                                                                 \
        for (long i = 0; i < w->width; i++) {                                                      \
            T *out = (T *)result + i * w->channels;                                                \
            const T *x = (const T *)in + i * w->step;                                              \
            long c = 0;                                                                            \
            for (; c + W <= w->channels; c += W, out += W, x += W) { WINDOW_MEAN(V) }              \
            for (; c < w->channels; c++, out++, x++) { WINDOW_MEAN(T) }                            \
        }                                                                                          \
    }                                                                                              \
    KERNEL static void window_mean_gradient_##T(                                                   \
        void *result, const void *cotangent, const ck_windows *w, int is_added) {                  \
        T count = (T)w->tap_count;                                                                 \
        for (long i = 0; i < w->width; i++) {                                                      \
            T *dx = (T *)result + i * w->step;                                                     \
            const T *dy = (const T *)cotangent + i * w->channels;                                  \
            long c = 0;                                                                            \
            for (; c + W <= w->channels; c += W, dx += W, dy += W) { WINDOW_SHARE(V) }             \
            for (; c < w->channels; c++, dx++, dy++) { WINDOW_SHARE(T) }                           \
        }                                                                                          \
    }
MEAN(f32, f32x16, 16)
MEAN(f64, f64x8, 8)

LOOKUP(ck_window_reduce, ck_window_max, ROWS_FLOATS(window_max))
LOOKUP(ck_window_spread, ck_window_max_gradient, ROWS_FLOATS(window_max_gradient))
LOOKUP(ck_window_reduce, ck_window_mean, ROWS_FLOATS(window_mean))
LOOKUP(ck_window_share, ck_window_mean_gradient, ROWS_FLOATS(window_mean_gradient))
